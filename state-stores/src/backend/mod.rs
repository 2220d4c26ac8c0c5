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

/// One named range of ordered keys of a backend. Valid only for the backend that returned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyspace(pub(crate) u32);

impl Keyspace {
    /// A backend's keyspace of that number, for those who write a backend.
    pub const fn new(number: u32) -> Self {
        Keyspace(number)
    }

    /// The number that the backend gave it.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// The order of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending byte order of keys.
    Forward,
    /// Descending byte order of keys.
    Backward,
}

/// A key and its value, as a scan returns them.
pub type RawEntry = (Box<[u8]>, Box<[u8]>);

/// The entries of a range, in the requested direction; keys compare as unsigned bytes.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<RawEntry>> + 'a>;

/// An ordered range of keys.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// A database of ordered bytes. Shared by the owner of the stores, the restore thread and readers of
/// committed state.
pub trait Backend: Send + Sync + Debug {
    /// Opens the keyspace of that name, and creates it if necessary. The same name always returns the same keyspace.
    fn keyspace(&self, name: &str) -> Result<Keyspace>;

    /// The value of a key; `None` if it has none.
    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The entries of a range. A scan in progress may or may not see later writes.
    fn scan(&self, keyspace: Keyspace, range: KeyRange<'_>, direction: Direction) -> Result<Scan<'_>>;

    /// Applies a batch, in its order, to all its keyspaces at once: after any crash, all of it is there or
    /// nothing. A crash of the process loses no written batch; a crash of the machine may lose the latest
    /// ones.
    fn write(&self, batch: &Batch) -> Result<()>;

    /// Makes all writes durable, even against a crash of the machine.
    fn flush(&self) -> Result<()>;

    /// Whether a read returned something else than what was written: the database must not be used then.
    fn is_damaged(&self) -> bool {
        false
    }

    /// Bytes on disk (in memory, for a backend without a disk), including logs.
    fn disk_bytes(&self) -> Result<u64>;

    /// The approximate number of entries in the keyspace.
    fn approximate_num_entries(&self, keyspace: Keyspace) -> Result<u64>;
}

/// A shared backend, as stores hold it.
pub type BackendRef = Arc<dyn Backend>;

/// Whether the range cannot contain a key. The ordered maps of std panic on such ranges.
pub(crate) fn is_empty_range(range: &KeyRange<'_>) -> bool {
    use Bound::{Excluded, Included, Unbounded};
    match range {
        (Unbounded, _) | (_, Unbounded) => false,
        (Included(from), Included(to)) => from > to,
        (Included(from) | Excluded(from), Excluded(to)) | (Excluded(from), Included(to)) => from >= to,
    }
}
