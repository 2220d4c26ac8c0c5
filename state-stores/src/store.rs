//! What the runtime sees of every store, whatever its kind and types.

use std::any::Any;
use std::error::Error;

use crate::backend::RawEntry;
use crate::backend::batch::Batch;
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
    /// Stands for the wall-clock time at which the record is sent, as Kafka's `NO_TIMESTAMP`.
    pub const NOW: i64 = -1;
}

/// Takes the changelog form of each staged entry.
pub type Log<'a> = dyn FnMut(LogRecord<'_>) -> std::result::Result<(), Box<dyn Error + Send + Sync>> + 'a;

/// A store under an uncommitted overlay.
///
/// A commit is: `stage`, write the batch to the backend, `committed`. Writes may go on between `stage` and
/// `committed`; they belong to the next commit. `stage` may be called several times before `committed`, each
/// with what changed since the one before. An abort is `rollback`, at any point before the batch was written.
///
/// A commit may owe its changes to the backend: `stage_log` in place of `stage`, and no write. They stay in memory, and
/// the next `stage` puts them into its batch, so that a key that changes all the time is written once for several
/// commits. Until then the changelog alone has them: a `rollback`, like the end of the process, goes back to the last
/// batch, and what has been committed since is restored from the changelog.
pub trait StateStore: Any {
    /// The name of the store.
    fn name(&self) -> &str;

    /// Bytes held by entries that are not yet committed: keys, values (estimated from their serialized sizes
    /// so far) and what an entry costs.
    fn uncommitted_bytes(&self) -> usize;

    /// Bytes held by entries that were logged by `stage_log` and are in no batch yet, and did not change since.
    fn owed_bytes(&self) -> usize {
        0
    }

    /// Whether the changelog has changes that neither the backend nor a batch has.
    fn owes(&self) -> bool {
        false
    }

    /// The caches have been flushed: changes that nobody took leave this one's too, as in Kafka Streams, where a cache
    /// without a flush listener writes what it has.
    fn end_flush(&mut self) {}

    /// Serializes each entry that changed since the last stage once: hands its changelog form to `log` and
    /// appends its local form to `batch`, with what is owed to the backend. The log gets the entries in the order of
    /// last updates. After an error, discard the batch and roll back.
    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()>;

    /// Like `stage`, but a store that can owe its changes to the backend leaves them out of `batch`. To be used only where
    /// the changelog is kept. [`StateStore::owes`] tells afterwards whether the batches have everything.
    fn stage_log(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.stage(log, batch)
    }

    /// The staged batch has been written: its entries become a clean cache, trimmed to the cache bound.
    fn committed(&mut self) -> Result<()>;

    /// Forgets everything that is not in a written batch.
    fn rollback(&mut self);

    /// Every entry that has not expired, uncommitted ones too: its changelog key and its stored value, in the order of
    /// local keys. For tests and tools; a kind without such a form has none.
    fn entries(&mut self) -> Result<Vec<RawEntry>> {
        Ok(Vec::new())
    }

    /// The store as its concrete type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
