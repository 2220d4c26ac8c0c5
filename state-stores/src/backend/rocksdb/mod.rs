//! A backend on RocksDB: one database directory a task, a column family a keyspace. The only code that names
//! rocksdb.
//!
//! The write-ahead log is on and never synced. Without it (as Kafka Streams runs RocksDB) a killed process
//! would lose what was not flushed and replay it from the changelog; with it, it restarts exactly where it
//! stopped, for one `write` of the batch's own bytes a commit. All column families stay at one batch in both
//! cases.

mod acknowledged;
mod failure;
mod manifest;
mod options;
mod reader;
mod reclaim;

use std::fmt;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rocksdb::{
    BoundColumnFamily, DBPinnableSlice, DBRawIteratorWithThreadMode, DBWithThreadMode, FlushOptions,
    MultiThreaded, Options, ReadOptions, WriteBatch,
};

use self::acknowledged::{Acknowledged, Before};
use self::manifest::Manifest;
pub use self::options::RocksMemory;
pub use self::reader::RocksReader;
use self::reclaim::Reclaimer;
use super::batch::{Batch, Write};
use super::{Backend, Direction, KeyRange, Keyspace, RawEntry, Scan, is_empty_range};
use crate::error::{Result, StoreError};

type Rocks = DBWithThreadMode<MultiThreaded>;

/// The open database.
struct Db {
    rocks: Rocks,
    dir: PathBuf,
    options: Options,
    /// Names by column family id.
    names: RwLock<Vec<(Keyspace, Arc<str>)>>,
    damaged: AtomicBool,
}

impl Db {
    fn error(&self, attempted: &'static str, source: rocksdb::Error) -> StoreError {
        if let Some(error) = failure::of_use(&self.dir, &source) {
            self.damaged.fetch_or(error.is_damage(), Ordering::Relaxed);
            return error;
        }
        StoreError::Backend { place: self.dir.display().to_string(), attempted, cause: Box::new(source) }
    }

    fn handle(&self, keyspace: Keyspace) -> Result<Arc<BoundColumnFamily<'_>>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().find(|(of, _)| *of == keyspace);
        known.and_then(|(_, name)| self.rocks.cf_handle(name)).ok_or_else(|| StoreError::NoKeyspace {
            place: self.dir.display().to_string(),
            keyspace: keyspace.0,
        })
    }
}

/// A database in a directory.
pub struct RocksBackend {
    db: Arc<Db>,
    reclaimer: Mutex<Option<Reclaimer>>,
    manifest: Manifest,
    /// Only of a database that nothing else repeats.
    acknowledged: Option<Acknowledged>,
}

impl fmt::Debug for RocksBackend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RocksBackend").field("dir", &self.db.dir).finish_non_exhaustive()
    }
}

impl RocksBackend {
    /// Opens the database of that directory, creating it and the path to it if need be. It stays locked for
    /// everyone else until the backend is dropped.
    pub fn open(dir: impl AsRef<Path>, memory: &RocksMemory) -> Result<Self> {
        RocksBackend::open_with(dir, memory, &[])
    }

    /// As [`open`](Self::open), with these keyspaces, of which those that are missing are created: all of them wait for the
    /// disk together, where each that is created later waits for itself.
    pub fn open_with(dir: impl AsRef<Path>, memory: &RocksMemory, keyspaces: &[String]) -> Result<Self> {
        RocksBackend::open_as(dir, memory, keyspaces, false)
    }

    /// As [`open_with`](Self::open_with), for what no changelog repeats: the database is refused if an acknowledged write is
    /// missing, and what a crash cut off is logged.
    pub fn open_only_copy(dir: impl AsRef<Path>, memory: &RocksMemory, keyspaces: &[String]) -> Result<Self> {
        RocksBackend::open_as(dir, memory, keyspaces, true)
    }

    fn open_as(
        dir: impl AsRef<Path>,
        memory: &RocksMemory,
        keyspaces: &[String],
        only_copy: bool,
    ) -> Result<Self> {
        let dir = dir.as_ref().to_path_buf();
        std::fs::create_dir_all(&dir).map_err(|error| failure::of_directory(&dir, error))?;
        let is_new = !dir.join("CURRENT").exists();
        if is_new && let Some(left) = failure::left_over(&dir) {
            let reason = format!("CURRENT is missing, but {left} is there");
            return Err(StoreError::Damaged { dir, reason });
        }
        manifest::check(&dir)?;
        let mut options = options::options(memory);
        options.create_missing_column_families(true);
        let before = only_copy.then(|| Before::of(&dir));
        if let Some(before) = &before {
            options::refuse_damaged_log(&mut options, before.machine_restarted());
        }
        let mut names = if !is_new {
            Rocks::list_cf(&options, &dir).map_err(|error| failure::of_open(&dir, error))?
        } else {
            vec![rocksdb::DEFAULT_COLUMN_FAMILY_NAME.to_owned()]
        };
        let missing: Vec<String> = keyspaces.iter().filter(|name| !names.contains(name)).cloned().collect();
        names.extend(missing);
        let families = names.iter().map(|name| (name.as_str(), options.clone()));
        let rocks = Rocks::open_cf_with_opts(&options, &dir, families)
            .map_err(|error| failure::of_open(&dir, error))?;
        let acknowledged =
            before.map(|before| before.check(&dir, rocks.latest_sequence_number())).transpose()?;
        let manifest = Manifest::of(&dir);
        let db = Db { rocks, dir, options, names: RwLock::default(), damaged: AtomicBool::new(false) };
        let backend = RocksBackend { db: Arc::new(db), reclaimer: Mutex::default(), manifest, acknowledged };
        for name in names.iter().filter(|name| *name != rocksdb::DEFAULT_COLUMN_FAMILY_NAME) {
            backend.keyspace(name)?;
        }
        backend.manifest.note()?;
        Ok(backend)
    }

    /// The names of the keyspaces there are.
    pub fn keyspaces(&self) -> Vec<Arc<str>> {
        let names = self.db.names.read().unwrap_or_else(PoisonError::into_inner);
        names.iter().map(|(_, name)| Arc::clone(name)).collect()
    }

    fn reclaim(&self, batch: &Batch) {
        if batch.ranges().is_empty() {
            return;
        }
        let mut reclaimer = self.reclaimer.lock().unwrap_or_else(PoisonError::into_inner);
        if reclaimer.is_none() {
            *reclaimer = Reclaimer::start(self.db.clone());
        }
        if let Some(reclaimer) = &*reclaimer {
            for range in batch.ranges() {
                reclaimer.reclaim(range.clone());
            }
        }
    }
}

impl Drop for RocksBackend {
    fn drop(&mut self) {
        // The thread shares the database: the directory is only unlocked once it has released it.
        let reclaimer = self.reclaimer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reclaimer) = reclaimer {
            reclaimer.stop(&self.db);
        }
        // Without the note, the next start checks less.
        let _ = self.manifest.note();
    }
}

/// The id that a column family has in write batches, read from a batch that RocksDB itself encoded.
fn family_id(handle: &Arc<BoundColumnFamily<'_>>) -> Option<Keyspace> {
    let mut probe = WriteBatch::default();
    probe.put_cf(handle, b"", b"");
    let mut batch = Batch::new();
    batch.load(probe.data());
    match batch.writes().next() {
        Some(Write::Put(keyspace, ..)) => Some(keyspace),
        _ => None,
    }
}

impl Backend for RocksBackend {
    fn keyspace(&self, name: &str) -> Result<Keyspace> {
        let db = &*self.db;
        let mut names = db.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((keyspace, _)) = names.iter().find(|(_, known)| &**known == name) {
            return Ok(*keyspace);
        }
        if db.rocks.cf_handle(name).is_none() {
            db.rocks
                .create_cf(name, &db.options)
                .map_err(|error| db.error("create a column family", error))?;
        }
        let handle = db.rocks.cf_handle(name);
        let keyspace = handle.as_ref().and_then(family_id).ok_or_else(|| StoreError::Corrupt {
            store: db.dir.display().to_string(),
            what: "a column family",
            detail: format!("{name} has no id"),
        })?;
        names.push((keyspace, name.into()));
        Ok(keyspace)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let handle = self.db.handle(keyspace)?;
        let value: Option<DBPinnableSlice<'_>> =
            self.db.rocks.get_pinned_cf(&handle, key).map_err(|error| self.db.error("read a key", error))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, keyspace: Keyspace, range: KeyRange<'_>, direction: Direction) -> Result<Scan<'_>> {
        if is_empty_range(&range) {
            return Ok(Box::new(std::iter::empty()));
        }
        let handle = self.db.handle(keyspace)?;
        let mut options = ReadOptions::default();
        if let Some(lower) = first_of(range.0, true) {
            options.set_iterate_lower_bound(lower);
        }
        if let Some(upper) = first_of(range.1, false) {
            options.set_iterate_upper_bound(upper);
        }
        let mut cursor = self.db.rocks.raw_iterator_cf_opt(&handle, options);
        match direction {
            Direction::Forward => cursor.seek_to_first(),
            Direction::Backward => cursor.seek_to_last(),
        }
        Ok(Box::new(RocksScan { db: &self.db, cursor, direction, ended: false }))
    }

    fn write(&self, batch: &Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let representation = WriteBatch::from_data(batch.data());
        let written = self.db.rocks.write_opt(representation, &options::write_options());
        written.map_err(|error| self.db.error("write a batch", error))?;
        if let Some(acknowledged) = &self.acknowledged {
            acknowledged.note(self.db.rocks.latest_sequence_number());
        }
        // Afterwards: what is there now has got the batch.
        self.manifest.note()?;
        self.reclaim(batch);
        Ok(())
    }

    fn is_damaged(&self) -> bool {
        self.db.damaged.load(Ordering::Relaxed)
    }

    fn flush(&self) -> Result<()> {
        let db = &*self.db;
        let names = db.names.read().unwrap_or_else(PoisonError::into_inner);
        let handles: Vec<_> = names.iter().filter_map(|(_, name)| db.rocks.cf_handle(name)).collect();
        let handles: Vec<_> = handles.iter().collect();
        if handles.is_empty() {
            return Ok(());
        }
        let mut options = FlushOptions::default();
        options.set_wait(true);
        let last = db.rocks.latest_sequence_number();
        db.rocks.flush_wal(true).map_err(|error| db.error("sync the log", error))?;
        db.rocks.flush_cfs_opt(&handles, &options).map_err(|error| db.error("flush", error))?;
        if let Some(acknowledged) = &self.acknowledged {
            acknowledged.note_synced(last);
        }
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64> {
        let failed = |source: std::io::Error| StoreError::Backend {
            place: self.db.dir.display().to_string(),
            attempted: "list the files",
            cause: Box::new(source),
        };
        let mut bytes = 0;
        for file in std::fs::read_dir(&self.db.dir).map_err(failed)? {
            // A file may be compacted away between the listing and the look at it.
            bytes += file.map_err(failed)?.metadata().map_or(0, |of| of.len());
        }
        Ok(bytes)
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> Result<u64> {
        let handle = self.db.handle(keyspace)?;
        let count = self.db.rocks.property_int_value_cf(&handle, rocksdb::properties::ESTIMATE_NUM_KEYS);
        Ok(count.map_err(|error| self.db.error("count keys", error))?.unwrap_or(0))
    }
}

/// The bound as RocksDB wants it (lower inclusive, upper exclusive): a key and a zero byte is the next key.
fn first_of(bound: Bound<&[u8]>, lower: bool) -> Option<Vec<u8>> {
    let (key, next) = match bound {
        Bound::Unbounded => return None,
        Bound::Included(key) => (key, !lower),
        Bound::Excluded(key) => (key, lower),
    };
    let mut first = key.to_vec();
    if next {
        first.push(0);
    }
    Some(first)
}

struct RocksScan<'a> {
    db: &'a Db,
    cursor: DBRawIteratorWithThreadMode<'a, Rocks>,
    direction: Direction,
    ended: bool,
}

impl Iterator for RocksScan<'_> {
    type Item = Result<RawEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let Some((key, value)) = self.cursor.item() else {
            self.ended = true;
            return self.cursor.status().err().map(|error| Err(self.db.error("scan a range", error)));
        };
        let entry = (key.into(), value.into());
        match self.direction {
            Direction::Forward => self.cursor.next(),
            Direction::Backward => self.cursor.prev(),
        }
        Some(Ok(entry))
    }
}
