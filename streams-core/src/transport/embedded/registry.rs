//! Which brokers this process has open, and the lock that keeps other processes out of a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use super::broker::EmbeddedBroker;
use super::storage::USABLE;
use crate::transport::{Result, TransportError, TransportErrorKind};

/// The file whose lock says that a process has the directory open; it holds that process's id.
const LOCK_FILE: &str = ".lock";

/// The key of a broker within this process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// In memory, by name.
    Named(String),
    /// Durable, by its directory's canonical path.
    Directory(PathBuf),
}

static BROKERS: Mutex<BTreeMap<Key, Weak<EmbeddedBroker>>> = Mutex::new(BTreeMap::new());
static LOCKED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static UNLOCKED: Condvar = Condvar::new();

/// The broker of that key, made now if this process has none.
pub(super) fn shared(
    key: Key,
    make: impl FnOnce() -> Result<Arc<EmbeddedBroker>>,
) -> Result<Arc<EmbeddedBroker>> {
    let mut brokers = BROKERS.lock().unwrap_or_else(PoisonError::into_inner);
    brokers.retain(|_, broker| broker.strong_count() > 0);
    if let Some(broker) = brokers.get(&key).and_then(Weak::upgrade) {
        return Ok(broker);
    }
    let broker = make()?;
    brokers.insert(key, Arc::downgrade(&broker));
    Ok(broker)
}

/// The lock on a directory, held until it is dropped.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    dir: PathBuf,
    file: Option<File>,
}

impl DirectoryLock {
    /// Locks a directory that no live broker of this process has.
    #[allow(
        clippy::incompatible_msrv,
        reason = "File::try_lock is in the tool chain that builds this workspace"
    )]
    pub(super) fn acquire(dir: &Path) -> Result<Self> {
        let attempted = || format!("open of the embedded broker in {}", dir.display());
        let failed = |error: std::io::Error| {
            TransportError::new(TransportErrorKind::Fatal, attempted(), format!("{error}; {USABLE}"))
        };
        // A broker of this process that has just lost its last client may still be closing the directory.
        let locked = LOCKED.lock().unwrap_or_else(PoisonError::into_inner);
        let mut locked = UNLOCKED
            .wait_while(locked, |locked| locked.contains(dir))
            .unwrap_or_else(PoisonError::into_inner);
        let path = dir.join(LOCK_FILE);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = file.read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "unknown" } else { holder.trim() };
                let reason = format!(
                    "another process (pid {holder}) has the directory open; stop that one, or give this one another \
                     directory after `embedded:`"
                );
                return Err(TransportError::new(TransportErrorKind::Fatal, attempted(), reason));
            }
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(failed)?;
        locked.insert(dir.to_path_buf());
        Ok(DirectoryLock { dir: dir.to_path_buf(), file: Some(file) })
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        let mut locked = LOCKED.lock().unwrap_or_else(PoisonError::into_inner);
        // Closing the file unlocks it.
        self.file = None;
        locked.remove(&self.dir);
        UNLOCKED.notify_all();
    }
}
