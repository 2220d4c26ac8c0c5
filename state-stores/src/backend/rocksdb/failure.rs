//! What RocksDB's errors mean: it tells a full disk, a lock and a damaged file apart by their texts only.

use std::io;
use std::path::Path;

use rocksdb::ErrorKind;

use crate::error::StoreError;

/// Texts of the operating system for troubles of the machine: what is on disk is as good as ever.
const MACHINE: [&str; 4] =
    ["Permission denied", "Read-only file system", "Cannot allocate memory", "Operation not permitted"];

const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

const OPEN_FILES: [&str; 2] = ["Too many open files", "No file descriptors available"];

const MISSING: &str = "No such file or directory";

/// The directory itself could not be had.
pub(super) fn of_directory(dir: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(dir, error.to_string()),
        _ if OPEN_FILES.into_iter().any(|words| error.to_string().contains(words)) => {
            StoreError::OpenFiles { dir: dir.to_path_buf(), reason: error.to_string() }
        }
        _ => StoreError::Open { dir: dir.to_path_buf(), cause: Box::new(error) },
    }
}

/// The database could not be opened.
pub(super) fn of_open(dir: &Path, error: rocksdb::Error) -> StoreError {
    let text = error.to_string();
    let says = |words: &str| text.contains(words);
    if says("lock hold by current process") || says("While lock file") {
        return StoreError::Locked { dir: dir.to_path_buf() };
    }
    if FULL.into_iter().any(says) {
        return full(dir, text);
    }
    if OPEN_FILES.into_iter().any(says) {
        return StoreError::OpenFiles { dir: dir.to_path_buf(), reason: text };
    }
    if MACHINE.into_iter().any(says) {
        return StoreError::Open { dir: dir.to_path_buf(), cause: Box::new(error) };
    }
    StoreError::Damaged { dir: dir.to_path_buf(), reason: text }
}

/// An open database refused something, if that is of a kind of its own.
pub(super) fn of_use(dir: &Path, error: &rocksdb::Error) -> Option<StoreError> {
    let text = error.to_string();
    if FULL.into_iter().any(|words| text.contains(words)) {
        return Some(full(dir, text));
    }
    if OPEN_FILES.into_iter().any(|words| text.contains(words)) {
        return Some(StoreError::OpenFiles { dir: dir.to_path_buf(), reason: text });
    }
    match error.kind() {
        ErrorKind::Corruption => Some(StoreError::Damaged { dir: dir.to_path_buf(), reason: text }),
        ErrorKind::IOError if text.contains(MISSING) => {
            Some(StoreError::Deleted { dir: dir.to_path_buf(), reason: text })
        }
        _ => None,
    }
}

/// A file of a database in a directory without a database, as far as RocksDB can see: it would begin a new one over it.
pub(super) fn left_over(dir: &Path) -> Option<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.find(|name| name.starts_with("MANIFEST-") || name.ends_with(".sst") || name.ends_with(".log"))
}

fn full(dir: &Path, reason: String) -> StoreError {
    StoreError::DiskFull { dir: dir.to_path_buf(), reason }
}
