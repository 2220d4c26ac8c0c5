//! What the runtime sees of every store, whatever its kind and types.

use std::any::Any;
use std::error::Error;

use crate::backend::batch::Batch;
use crate::error::Result;
use crate::headers::Headers;

/// The changelog form of one changed entry.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    /// The changelog key (`reference/kafka-streams.md` section 4.5).
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
pub trait StateStore: Any {
    /// The name of the store.
    fn name(&self) -> &str;

    /// Bytes held by entries that are not yet committed: keys, values (estimated from their serialized sizes
    /// so far) and what an entry costs.
    fn uncommitted_bytes(&self) -> usize;

    /// Serializes each entry that changed since the last stage once: hands its changelog form to `log` and
    /// appends its local form to `batch`, in the order of last updates. After an error, discard the batch and
    /// roll back.
    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()>;

    /// The staged batch has been written: its entries become a clean cache, trimmed to the cache bound.
    fn committed(&mut self) -> Result<()>;

    /// Forgets every uncommitted and staged entry and every clean one that they replaced.
    fn rollback(&mut self);

    /// The store as its concrete type.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}
