//! Restores what lies in a table: key-value, LRU, window and session stores.

use super::Restore;
use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Keyspace};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::store_keyspace;
use crate::kind::recency::Recency;
use crate::table::expiry::{Expiry, TimeOf};
use crate::table::timed::Timed;

/// Restores a store whose changelog records are its rows.
pub(super) struct TableRestorer {
    store: String,
    backend: BackendRef,
    keyspace: Keyspace,
    timestamped: bool,
    timed: Option<Timed>,
    recency: Option<Recency>,
    /// Local key and value of the current record.
    key: Vec<u8>,
    value: Vec<u8>,
}

impl TableRestorer {
    /// Restores plain values, or values with timestamps.
    pub(super) fn open(store: &str, backend: &BackendRef, timestamped: bool) -> Result<Self> {
        Ok(TableRestorer {
            store: store.to_owned(),
            backend: backend.clone(),
            keyspace: store_keyspace(&**backend, store)?,
            timestamped,
            timed: None,
            recency: None,
            key: Vec::new(),
            value: Vec::new(),
        })
    }

    /// Entries expire; `time_of` reads the time of a key.
    pub(super) fn with_retention(mut self, retention_ms: i64, time_of: TimeOf) -> Result<Self> {
        let (store, backend) = (&self.store, &self.backend);
        self.timed = Some(Timed::open(store, backend, self.keyspace, retention_ms, time_of, false)?);
        Ok(self)
    }

    /// There is a bound of keys.
    pub(super) fn with_max_entries(mut self, max_entries: usize) -> Result<Self> {
        self.recency = Some(Recency::open(&self.store, &self.backend, max_entries)?);
        Ok(self)
    }
}

impl Restore for TableRestorer {
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        _headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()> {
        self.key.clear();
        if let Some(time) = &mut self.timed {
            let time_ms = (time.time_of)(key).ok_or_else(|| StoreError::ForeignChangelog {
                store: self.store.clone(),
                detail: format!("a key of {} bytes is too short to have a time", key.len()),
            })?;
            let segment = time.enter(time_ms);
            time.stage(self.keyspace, batch);
            // Expired already: the store would have dropped it, or deleted it since.
            let Some(segment) = segment else { return Ok(()) };
            self.key.extend_from_slice(&segment.to_be_bytes());
        }
        self.key.extend_from_slice(key);
        if let Some(recency) = &mut self.recency {
            match value {
                None => recency.remove(key),
                Some(_) => {
                    if let Some(forgotten) = recency.put(key) {
                        batch.delete(self.keyspace, &forgotten);
                    }
                }
            }
            recency.stage(batch);
        }
        let Some(value) = value else {
            batch.delete(self.keyspace, &self.key);
            return Ok(());
        };
        if !self.timestamped {
            batch.put(self.keyspace, &self.key, value);
            return Ok(());
        }
        self.value.clear();
        self.value.extend_from_slice(&timestamp.to_be_bytes());
        self.value.extend_from_slice(value);
        batch.put(self.keyspace, &self.key, &self.value);
        Ok(())
    }
}
