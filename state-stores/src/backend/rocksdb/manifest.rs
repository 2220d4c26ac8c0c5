//! The length of a database's MANIFEST, kept in a file next to it.
//!
//! RocksDB reads a MANIFEST that was cut short as an older, whole one: column families and files that were added later are
//! gone without an error, and the log is applied to what is left. A MANIFEST only grows under its name, so one that is
//! shorter than it was is damage. A cut within what was added since the last write of a batch is not seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Result, StoreError};

const LENGTH_FILE: &str = "manifest-length";

/// Keeps the record current.
pub(super) struct Manifest {
    dir: PathBuf,
    name: String,
    recorded: Mutex<u64>,
}

impl Manifest {
    /// Of a database that is open; nothing is recorded yet.
    pub(super) fn of(dir: &Path) -> Self {
        let name = current(dir).unwrap_or_default();
        Manifest { dir: dir.to_path_buf(), name, recorded: Mutex::new(0) }
    }

    /// Records the length if it has changed. What cannot be recorded is not judged by later.
    pub(super) fn note(&self) {
        let Ok(length) = fs::metadata(self.dir.join(&self.name)).map(|file| file.len()) else { return };
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if *recorded != length {
            *recorded = length;
            let _ = fs::write(self.dir.join(LENGTH_FILE), format!("{} {length}\n", self.name));
        }
    }
}

/// The MANIFEST that counts.
fn current(dir: &Path) -> Option<String> {
    Some(fs::read_to_string(dir.join("CURRENT")).ok()?.trim_end().to_owned())
}

/// Fails when the MANIFEST of a database that is to be opened has become shorter.
pub(super) fn check(dir: &Path) -> Result<()> {
    let Some(name) = current(dir) else { return Ok(()) };
    let record = fs::read_to_string(dir.join(LENGTH_FILE)).unwrap_or_default();
    let recorded = record
        .strip_suffix('\n')
        .and_then(|record| record.split_once(' '))
        .filter(|(of, _)| *of == name)
        .and_then(|(_, length)| length.parse::<u64>().ok());
    let (Some(recorded), Ok(file)) = (recorded, fs::metadata(dir.join(&name))) else { return Ok(()) };
    if file.len() >= recorded {
        return Ok(());
    }
    let reason = format!("{name} has {} bytes, but had {recorded}", file.len());
    Err(StoreError::Damaged { dir: dir.to_path_buf(), reason })
}
