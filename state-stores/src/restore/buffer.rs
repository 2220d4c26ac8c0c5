//! Restores a buffer from its changelog, in all versions that Kafka Streams has written.
//!
//! The time of a row in the buffer is the logged one. Kafka Streams keeps the time of the first record that it restores
//! for a key until it meets a tombstone: a row that was emitted and buffered again between two commits would come back
//! at its old place in the queue, unless the changelog was compacted before.

use std::collections::HashMap;

use bytes::Bytes;

use super::Restore;
use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Keyspace};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::store_keyspace;
use crate::schema::buffer_value::{BufferValue, VERSION_HEADER};

/// Restores a buffer.
pub(super) struct BufferRestorer {
    store: String,
    backend: BackendRef,
    keyspace: Keyspace,
    /// The local values in the current batch, which the backend does not have yet; `None` is deleted.
    pending: HashMap<Vec<u8>, Option<Vec<u8>>>,
}

impl BufferRestorer {
    pub(super) fn open(store: &str, backend: &BackendRef) -> Result<Self> {
        let keyspace = store_keyspace(&**backend, store)?;
        let (store, backend) = (store.to_owned(), backend.clone());
        Ok(BufferRestorer { store, backend, keyspace, pending: HashMap::new() })
    }

    /// The prior value of the row that is in the buffer, if it is. The oldest versions do not log it.
    fn prior(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let local = match self.pending.get(key) {
            Some(pending) => pending.clone(),
            None => self.backend.get(self.keyspace, key)?,
        };
        let Some(local) = local else { return Ok(None) };
        let (value, _) = BufferValue::decode(&local).ok_or_else(|| self.malformed("a local value"))?;
        Ok(value.prior)
    }

    fn malformed(&self, what: &'static str) -> StoreError {
        let detail = "neither of the versions 0 to 3".to_owned();
        StoreError::Corrupt { store: self.store.clone(), what, detail }
    }
}

impl Restore for BufferRestorer {
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()> {
        if batch.is_empty() {
            self.pending.clear();
        }
        let Some(value) = value else {
            batch.delete(self.keyspace, key);
            self.pending.insert(key.to_vec(), None);
            return Ok(());
        };
        let version = headers.last(VERSION_HEADER).map(|header| header.value.as_deref());
        let decoded = match version {
            None => BufferValue::decode_v0(value, self.prior(key)?, timestamp, headers),
            Some(Some([1])) => BufferValue::decode_v1(value, self.prior(key)?),
            Some(Some([2])) => BufferValue::decode_v2(value),
            Some(Some([3])) => BufferValue::decode(value),
            Some(_) => None,
        };
        let (value, time) = decoded.ok_or_else(|| self.malformed("a changelog value"))?;
        let mut local = Vec::new();
        value.encode(time, &mut local);
        batch.put(self.keyspace, key, &local);
        self.pending.insert(key.to_vec(), Some(local));
        Ok(())
    }
}
