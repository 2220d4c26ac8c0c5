//! One task's database: named keyspaces of ordered bytes, and one atomic batch over all of them.

use std::fmt::Debug;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;

pub mod batch;
pub mod disk;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;

use self::batch::Batch;

/// One named range of ordered keys of a backend. Valid only for the backend that gave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyspace(pub(crate) u32);

/// In which order a scan gives its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending byte order of keys.
    Forward,
    /// Descending byte order of keys.
    Backward,
}

/// A key and its value, as a scan gives them.
pub type RawEntry = (Box<[u8]>, Box<[u8]>);

/// The entries of a range, in the direction asked for; keys compare as unsigned bytes.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<RawEntry>> + 'a>;

/// An ordered range of keys.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A database of ordered bytes. Shared by the owner of the stores, the restore thread and readers of
/// committed state.
pub trait Backend: Send + Sync + Debug {
    /// Opens the keyspace of that name, creating it if need be. The same name always gives the same keyspace.
    fn keyspace(&self, name: &str) -> Result<Keyspace>;

    /// The value of a key; `None` if it has none.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The entries of a range. Later writes may or may not be seen by a scan that is under way.
    fn scan(&self, keyspace: Keyspace, range: KeyRange<'_>, direction: Direction) -> Result<Scan<'_>>;

    /// Applies a batch, in its order, to all its keyspaces at once: whatever crashes, all of it is there or
    /// nothing. A process that dies loses no batch that was written; a machine that dies may lose the latest
    /// ones.
    fn write(&self, batch: &Batch) -> Result<()>;

    /// Makes everything written durable on disk, against the death of the machine too.
    fn flush(&self) -> Result<()>;

    /// Whether something was read that was not what had been written: the database is not to be used any more.
    fn is_damaged(&self) -> bool {
        false
    }

    /// Bytes on disk (in memory, for a backend without a disk), logs included.
    fn disk_bytes(&self) -> Result<u64>;

    /// About how many entries the keyspace has.
    fn approximate_entries(&self, keyspace: Keyspace) -> Result<u64>;
}

/// A shared backend, as stores hold it.
pub type BackendRef = Arc<dyn Backend>;

/// Whether no key can lie in the range (which the ordered maps of std refuse with a panic).
pub(crate) fn is_empty_range(range: &KeyRange<'_>) -> bool {
    use Bound::{Excluded, Included, Unbounded};
    match range {
        (Unbounded, _) | (_, Unbounded) => false,
        (Included(from), Included(to)) => from > to,
        (Included(from) | Excluded(from), Excluded(to)) | (Excluded(from), Included(to)) => from >= to,
    }
}
