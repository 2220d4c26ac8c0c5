//! Which writes a database acknowledged, kept in a file next to it, and whether they are still there.
//!
//! RocksDB opens a database whose write-ahead log was deleted, emptied or cut at a record as one that was written to less.
//! The number of the last write, which each write overwrites in a file, shows what is missing. Neither that file nor the
//! log is synced for a write: after a restart of the machine only what was synced has to be there.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Result, StoreError};

const FILE: &str = "acknowledged";
/// Linux's name for the time from one start of the machine to the next.
const BOOT_FILE: &str = "/proc/sys/kernel/random/boot_id";
/// What has no such name, or a name that cannot be read.
const NO_BOOT: &str = "-";

/// The sizes of RocksDB's log format: blocks of records, each with a header of checksum, length and type.
const BLOCK_BYTES: u64 = 32 << 10;
const HEADER_BYTES: u64 = 7;
const FIRST_OF_SEVERAL: u8 = 2;
const LAST_OF_SEVERAL: u8 = 4;

/// What was noted when the database was last in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// The number of the last write.
    written: u64,
    /// The number of the last write that was synced.
    synced: u64,
    boot: String,
}

impl Noted {
    /// Reads the file; `None` if there is none, or nothing in it.
    fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(FILE)).ok()?;
        let mut words = text.strip_suffix('\n')?.split(' ');
        let written = words.next()?.parse().ok()?;
        let synced = words.next()?.parse().ok()?;
        Some(Noted { written, synced, boot: words.next()?.to_owned() })
    }
}

impl fmt::Display for Noted {
    /// All numbers take the same room, so that each line covers the one before.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:020} {:020} {}", self.written, self.synced, self.boot)
    }
}

fn boot() -> String {
    let boot = fs::read_to_string(BOOT_FILE).unwrap_or_default();
    let boot = boot.trim();
    if boot.is_empty() { NO_BOOT.to_owned() } else { boot.to_owned() }
}

/// What is known about a database before it is opened.
#[derive(Debug)]
pub(super) struct Before {
    noted: Option<Noted>,
    /// The log that ends within a write, and where.
    torn: Option<(PathBuf, u64)>,
    boot: String,
}

impl Before {
    /// Reads the note and the structure of the last log.
    pub(super) fn of(dir: &Path) -> Self {
        Before { noted: Noted::read(dir), torn: torn_log(dir), boot: boot() }
    }

    /// Whether the machine has been started since the database was last in use, or may have been.
    pub(super) fn machine_restarted(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| noted.boot != self.boot || noted.boot == NO_BOOT)
    }

    /// Compares what was noted with what is there: `last` is the number of the last write. Returns the new note.
    pub(super) fn check(self, dir: &Path, last: u64) -> Result<Acknowledged> {
        if let Some(noted) = &self.noted {
            let required = if self.machine_restarted() { noted.synced } else { noted.written };
            if last < required {
                let reason = format!(
                    "its last {} writes are missing: {last} are there, {required} were acknowledged",
                    required - last
                );
                return Err(StoreError::Damaged { dir: dir.to_path_buf(), reason });
            }
            if last < noted.written {
                tracing::warn!(
                    dir = %dir.display(), lost = noted.written - last,
                    "the last writes before the machine went down had not reached the disk, and are lost"
                );
            }
        }
        if let Some((log, at)) = &self.torn {
            tracing::warn!(
                log = %log.display(), at,
                "a write was not complete when the process or the machine went down; it was not acknowledged, and is dropped"
            );
        }
        // What opening found in the log has been written to files, and synced.
        Acknowledged::start(dir, Noted { written: last, synced: last, boot: self.boot })
            .map_err(|error| super::failure::of_directory(dir, error))
    }
}

/// The note of an open database.
#[derive(Debug)]
pub(super) struct Acknowledged {
    state: Mutex<(File, Noted)>,
}

impl Acknowledged {
    fn start(dir: &Path, noted: Noted) -> io::Result<Self> {
        let file = File::options().write(true).create(true).truncate(false).open(dir.join(FILE))?;
        file.set_len(u64::try_from(noted.to_string().len()).unwrap_or_default())?;
        let started = Acknowledged { state: Mutex::new((file, noted)) };
        let mut state = started.state.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut state)?;
        state.0.sync_all()?;
        drop(state);
        Ok(started)
    }

    /// Notes that everything up to that write is acknowledged.
    pub(super) fn note(&self, written: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if written > state.1.written {
            state.1.written = written;
            // What cannot be noted is not judged by later: the write itself has succeeded.
            let _ = write(&mut state);
        }
    }

    /// Notes that everything up to that write has been synced.
    pub(super) fn note_synced(&self, synced: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if synced > state.1.synced {
            state.1.synced = synced;
            state.1.written = state.1.written.max(synced);
            // See `note`.
            let _ = write(&mut state).and_then(|()| state.0.sync_data());
        }
    }
}

fn write((file, noted): &mut (File, Noted)) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(noted.to_string().as_bytes())
}

/// The newest log of that directory and the offset of the write that it ends in, unless it ends with a whole one.
fn torn_log(dir: &Path) -> Option<(PathBuf, u64)> {
    let paths = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    let number = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
    let logs = paths.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let (_, log) = logs.filter_map(|path| Some((number(&path)?, path))).max()?;
    let at = torn_at(&log).ok()??;
    Some((log, at))
}

/// Follows the headers through a log. Checksums are RocksDB's concern.
fn torn_at(log: &Path) -> io::Result<Option<u64>> {
    let file = File::open(log)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let (mut at, mut begun) = (0, None);
    while at < length {
        let left_of_block = BLOCK_BYTES - at % BLOCK_BYTES;
        if left_of_block < HEADER_BYTES {
            reader.seek_relative(i64::try_from(left_of_block).unwrap_or_default())?;
            at += left_of_block;
            continue;
        }
        if length - at < HEADER_BYTES {
            return Ok(begun.or(Some(at)));
        }
        let mut header = [0; HEADER_BYTES as usize];
        reader.read_exact(&mut header)?;
        let [.., low, high, kind] = header;
        let bytes = u16::from_le_bytes([low, high]);
        if kind == 0 && bytes == 0 {
            // Space that was reserved and not written to.
            return Ok(begun);
        }
        if length - at < HEADER_BYTES + u64::from(bytes) {
            return Ok(begun.or(Some(at)));
        }
        match kind {
            FIRST_OF_SEVERAL => begun = Some(at),
            LAST_OF_SEVERAL => begun = None,
            _ => {}
        }
        reader.seek_relative(i64::from(bytes))?;
        at += HEADER_BYTES + u64::from(bytes);
    }
    Ok(begun)
}
