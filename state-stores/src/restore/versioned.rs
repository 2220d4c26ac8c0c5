//! Restores a versioned store.

use super::Restore;
use crate::backend::BackendRef;
use crate::backend::batch::Batch;
use crate::error::Result;
use crate::headers::Headers;
use crate::kind::versioned::{Rows, RowsSpec};

/// What the rows may take in memory meanwhile.
const CACHE_BYTES: usize = 8 << 20;

/// Puts each record again, as a put depends on the versions that are there.
pub(super) struct VersionedRestorer(Rows);

impl VersionedRestorer {
    pub(super) fn open(
        store: &str,
        backend: &BackendRef,
        history_ms: i64,
        segment_interval_ms: i64,
    ) -> Result<Self> {
        let (name, backend) = (store.to_owned(), backend.clone());
        let spec = RowsSpec { name, backend, history_ms, segment_interval_ms, cache_bytes: CACHE_BYTES };
        Rows::open(spec).map(VersionedRestorer)
    }
}

impl Restore for VersionedRestorer {
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        _headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()> {
        if batch.is_empty() {
            // All batches are written in their order, so the ones before are by now.
            self.0.committed();
        }
        self.0.put(key, value.map(Into::into), timestamp)?;
        self.0.stage(batch)
    }
}
