//! The length of a database's MANIFEST, kept in a file next to it, and whether the MANIFEST is still there.
//!
//! RocksDB reads a MANIFEST that was cut short as an older, whole one: column families and files that were added later are
//! gone without an error, and the log is applied to what is left. A MANIFEST only grows under its name, so one that is
//! shorter than it was is damage. A cut within what was added since the last write of a batch is not seen.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Result, StoreError};

const LENGTH_FILE: &str = "manifest-length";
/// RocksDB's own.
const CURRENT_FILE: &str = "CURRENT";
const LOCK_FILE: &str = "LOCK";

/// Keeps the record current, and sees when the files go away: what is written into deleted files is lost without an error.
pub(super) struct Manifest {
    dir: PathBuf,
    /// Which file RocksDB holds open as the directory's lock; no other file gets its number meanwhile.
    lock: Option<u64>,
    recorded: Mutex<Recorded>,
}

#[derive(Default)]
struct Recorded {
    name: String,
    file: Option<u64>,
    length: u64,
}

impl Manifest {
    /// Of a database that is open; nothing is recorded yet.
    pub(super) fn of(dir: &Path) -> Self {
        let name = current(dir).unwrap_or_default();
        let number = |name: &str| fs::metadata(dir.join(name)).ok().as_ref().map(number);
        let (file, lock) = (number(&name), number(LOCK_FILE));
        Manifest { dir: dir.to_path_buf(), lock, recorded: Mutex::new(Recorded { name, file, length: 0 }) }
    }

    /// Records the length if it has changed. What cannot be recorded is not judged by later. Fails when the files of the
    /// open database are no longer there.
    pub(super) fn note(&self) -> Result<()> {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = fs::metadata(self.dir.join(&recorded.name));
        if !found.as_ref().is_ok_and(|found| recorded.file == Some(number(found))) {
            // One that has grown too long is replaced by another; another process may replace all of it.
            found = self.follow(&mut recorded)?;
        }
        let Ok(length) = found.map(|found| found.len()) else { return Ok(()) };
        if recorded.length != length {
            recorded.length = length;
            // See above: a full disk must not end a commit here.
            let _ = fs::write(self.dir.join(LENGTH_FILE), format!("{} {length}\n", recorded.name));
        }
        Ok(())
    }

    /// Looks for the MANIFEST that counts now.
    fn follow(&self, recorded: &mut Recorded) -> Result<io::Result<Metadata>> {
        let deleted = |what: &str| StoreError::Deleted {
            dir: self.dir.clone(),
            reason: format!("{what} is not the one that was opened"),
        };
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        match fs::metadata(self.dir.join(LOCK_FILE)) {
            Ok(lock) if self.lock == Some(number(&lock)) => {}
            // It may be there: too many files are open, or the like.
            Err(error) if !is_missing(&error) => return Ok(Err(error)),
            _ => return Err(deleted(LOCK_FILE)),
        }
        let name = match fs::read_to_string(self.dir.join(CURRENT_FILE)) {
            Ok(name) => name.trim_end().to_owned(),
            Err(error) if is_missing(&error) => return Err(deleted(CURRENT_FILE)),
            Err(error) => return Ok(Err(error)),
        };
        let found = fs::metadata(self.dir.join(&name));
        match &found {
            Ok(found) => {
                recorded.file = Some(number(found));
                recorded.name = name;
            }
            Err(error) if is_missing(error) => return Err(deleted(&name)),
            Err(_) => {}
        }
        Ok(found)
    }
}

/// What tells a file from another one of the same name.
#[cfg(unix)]
fn number(file: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// The MANIFEST that counts.
fn current(dir: &Path) -> Option<String> {
    Some(fs::read_to_string(dir.join(CURRENT_FILE)).ok()?.trim_end().to_owned())
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
