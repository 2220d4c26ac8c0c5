//! Databases on disk: RocksDB, where it is compiled in (feature `rocksdb`).

use std::path::Path;
use std::sync::Arc;

use super::BackendRef;
use crate::error::Result;

#[cfg(feature = "rocksdb")]
pub use super::rocksdb::RocksMemory as DiskMemory;

/// Whether databases on disk are compiled in.
pub const IS_AVAILABLE: bool = cfg!(feature = "rocksdb");

/// The memory that the databases of a process would share; without feature `rocksdb` there are none.
#[cfg(not(feature = "rocksdb"))]
#[derive(Clone, Debug)]
pub struct DiskMemory;

#[cfg(not(feature = "rocksdb"))]
impl DiskMemory {
    /// Returns a placeholder: nothing can be opened.
    pub fn new(_block_cache_bytes: usize, _write_buffer_bytes: usize) -> Self {
        DiskMemory
    }

    /// Returns itself: there is nothing to share.
    #[must_use]
    pub fn shared_by(self, _databases: usize, _keyspaces: usize) -> Self {
        self
    }
}

/// Opens or creates the database in that directory with these keyspaces, and returns all that it has. Without feature
/// `rocksdb` the error is [`NoDatabase`](crate::StoreError::NoDatabase).
#[cfg(feature = "rocksdb")]
pub fn open(dir: &Path, memory: &DiskMemory, keyspaces: &[String]) -> Result<(BackendRef, Vec<Arc<str>>)> {
    let backend = super::rocksdb::RocksBackend::open_with(dir, memory, keyspaces)?;
    let keyspaces = backend.keyspaces();
    Ok((Arc::new(backend), keyspaces))
}

/// Refuses: no database is compiled in.
#[cfg(not(feature = "rocksdb"))]
pub fn open(dir: &Path, _memory: &DiskMemory, _keyspaces: &[String]) -> Result<(BackendRef, Vec<Arc<str>>)> {
    Err(crate::error::StoreError::NoDatabase { dir: dir.to_path_buf() })
}

/// As [`open`], for what no changelog repeats: the database is refused if an acknowledged write is missing, and what a crash
/// cut off is logged.
#[cfg(feature = "rocksdb")]
pub fn open_only_copy(
    dir: &Path,
    memory: &DiskMemory,
    keyspaces: &[String],
) -> Result<(BackendRef, Vec<Arc<str>>)> {
    let backend = super::rocksdb::RocksBackend::open_only_copy(dir, memory, keyspaces)?;
    let keyspaces = backend.keyspaces();
    Ok((Arc::new(backend), keyspaces))
}

/// Refuses: no database is compiled in.
#[cfg(not(feature = "rocksdb"))]
pub fn open_only_copy(
    dir: &Path,
    memory: &DiskMemory,
    keyspaces: &[String],
) -> Result<(BackendRef, Vec<Arc<str>>)> {
    open(dir, memory, keyspaces)
}
