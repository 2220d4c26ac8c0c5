//! The runtime's view of a store of any kind and type.

use std::any::Any;
use std::error::Error;

use crate::backend::batch::Batch;
use crate::backend::{BackendRef, RawEntry};
use crate::error::Result;
use crate::headers::Headers;

/// The changelog form of one changed entry.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    /// The changelog key, in Kafka Streams' bytes.
    pub key: &'a [u8],
    /// The changelog value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The changelog record's timestamp in ms since the epoch, or [`LogRecord::NOW`].
    pub timestamp: i64,
    /// The changelog record's headers; empty unless the store was opened with `log_headers`.
    pub headers: &'a Headers,
}

impl LogRecord<'_> {
    /// The wall-clock time at which the record is sent, as Kafka's `NO_TIMESTAMP`.
    pub const NOW: i64 = -1;
}

/// Takes the changelog form of each staged entry.
pub type Log<'a> = dyn FnMut(LogRecord<'_>) -> std::result::Result<(), Box<dyn Error + Send + Sync>> + 'a;

/// A store under an uncommitted overlay.
///
/// A commit is: `stage`, write the batch to the backend, `committed`. Writes between `stage` and `committed` are
/// allowed and belong to the next commit. `stage` may be called several times before `committed`, each
/// time for the changes since the last call. An abort is `rollback`, at any point before the batch was written.
///
/// A commit may defer its writes to the backend: `stage_log` instead of `stage`, and no write. The changes stay in memory,
/// and the next `stage` puts them into its batch, so a key that changes all the time is written once for several
/// commits. Until then only the changelog has them: a `rollback`, like the end of the process, goes back to the last
/// batch, and later commits are restored from the changelog.
pub trait StateStore: Any {
    /// The name of the store.
    fn name(&self) -> &str;

    /// Where it keeps its committed entries.
    fn backend(&self) -> &BackendRef;

    /// Bytes held by entries that are not yet committed: keys, values (estimated from their serialized sizes
    /// so far) and what an entry costs.
    fn uncommitted_bytes(&self) -> usize;

    /// Bytes held by entries that were logged by `stage_log`, have not changed since, and are in no batch yet.
    fn deferred_bytes(&self) -> usize {
        0
    }

    /// Whether there are deferred writes: changes that are in the changelog, but neither in the backend nor in a batch.
    fn has_deferred(&self) -> bool {
        false
    }

    /// Ends a flush of all caches: changes that were not taken leave this store's cache too. In Kafka Streams, a cache
    /// without a flush listener also writes what it has.
    fn end_flush(&mut self) {}

    /// Serializes each entry that changed since the last stage once: passes its changelog form to `log` and
    /// appends its local form to `batch`, together with deferred writes. The log gets the entries in the order of
    /// last updates. After an error, discard the batch and roll back.
    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()>;

    /// Like `stage`, but a store that can defer its writes leaves them out of `batch`. Use it only for stores with a
    /// changelog. Afterwards [`StateStore::has_deferred`] says whether writes are deferred.
    fn stage_log(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.stage(log, batch)
    }

    /// Call it when the staged batch is written: its entries become a clean cache, trimmed to the cache bound.
    fn committed(&mut self) -> Result<()>;

    /// Drops everything that is not in a written batch.
    fn rollback(&mut self);

    /// Every entry that has not expired, including uncommitted ones: its changelog key and its stored value, in the order of
    /// local keys. For tests and tools; a kind without such a form has none.
    fn entries(&mut self) -> Result<Vec<RawEntry>> {
        Ok(Vec::new())
    }

    /// The store as its concrete type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
