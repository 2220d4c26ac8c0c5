//! What the scenarios share: codecs, backends, and a changelog that is a list of records.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use state_stores::{
    Backend, BackendRef, Batch, Codec, CodecError, CodecRef, Direction, Headers, Keyspace, MemoryBackend,
    RestoreFormat, RocksBackend, RocksMemory, StateStore,
};

pub struct Text;

impl Codec<String> for Text {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        String::from_utf8(bytes.to_vec()).map_err(|error| CodecError::new(error.to_string()))
    }
}

pub struct Number;

impl Codec<u32> for Number {
    fn encode(&self, value: &u32, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<u32, CodecError> {
        bytes.try_into().map(u32::from_be_bytes).map_err(|_| CodecError::new("not four bytes"))
    }
}

pub fn text() -> CodecRef<String> {
    Arc::new(Text)
}

pub fn number() -> CodecRef<u32> {
    Arc::new(Number)
}

pub fn memory() -> &'static RocksMemory {
    static MEMORY: OnceLock<RocksMemory> = OnceLock::new();
    MEMORY.get_or_init(|| RocksMemory::new(8 << 20, 8 << 20))
}

pub fn rocks(dir: &Path) -> BackendRef {
    Arc::new(RocksBackend::open(dir, memory()).unwrap())
}

/// A backend that can be closed and opened again.
pub struct World {
    dir: Option<tempfile::TempDir>,
    backend: Option<BackendRef>,
}

impl World {
    pub fn new(on_disk: bool) -> Self {
        let dir = on_disk.then(|| tempfile::tempdir().unwrap());
        let backend: BackendRef = match &dir {
            Some(dir) => rocks(dir.path()),
            None => Arc::new(MemoryBackend::new()),
        };
        World { dir, backend: Some(backend) }
    }

    pub fn both() -> [World; 2] {
        [World::new(false), World::new(true)]
    }

    pub fn backend(&self) -> &BackendRef {
        self.backend.as_ref().unwrap()
    }

    /// Opens the directory again; all stores on it have been dropped. A memory backend stays as it is.
    pub fn reopen(&mut self) {
        if let Some(dir) = &self.dir {
            self.backend = None;
            self.backend = Some(rocks(dir.path()));
        }
    }
}

pub type Logged = (Vec<u8>, Option<Vec<u8>>, i64, Headers);

/// Stages what changed: the changelog records go to `log`, the batch is returned.
pub fn stage(store: &mut dyn StateStore, log: &mut Vec<Logged>) -> Batch {
    let mut batch = Batch::new();
    let mut append = |record: state_stores::LogRecord<'_>| {
        let value = record.value.map(<[u8]>::to_vec);
        log.push((record.key.to_vec(), value, record.timestamp, record.headers.clone()));
        Ok(())
    };
    store.stage(&mut append, &mut batch).unwrap();
    batch
}

/// Stages what changed for the changelog alone, if `owing`; else as [`stage`] does.
pub fn stage_owing(owing: bool, store: &mut dyn StateStore, log: &mut Vec<Logged>) -> Batch {
    if !owing {
        let batch = stage(store, log);
        assert!(!store.has_deferred() && store.deferred_bytes() == 0);
        return batch;
    }
    let mut batch = Batch::new();
    let mut append = |record: state_stores::LogRecord<'_>| {
        let value = record.value.map(<[u8]>::to_vec);
        log.push((record.key.to_vec(), value, record.timestamp, record.headers.clone()));
        Ok(())
    };
    store.stage_log(&mut append, &mut batch).unwrap();
    assert!(batch.is_empty(), "these kinds can owe");
    batch
}

pub fn commit(store: &mut dyn StateStore, backend: &BackendRef, log: &mut Vec<Logged>) {
    commit_owing(false, store, backend, log);
}

/// A commit that may leave what changed to a later batch.
pub fn commit_owing(owing: bool, store: &mut dyn StateStore, backend: &BackendRef, log: &mut Vec<Logged>) {
    let batch = stage_owing(owing, store, log);
    backend.write(&batch).unwrap();
    store.committed().unwrap();
    assert_eq!(store.uncommitted_bytes(), 0);
}

/// Applies changelog records to the store's keyspace; the store is not open.
pub fn restore(format: RestoreFormat, backend: &BackendRef, log: &[Logged], records_per_batch: usize) {
    let mut restorer = format.restorer("store", backend).unwrap();
    for records in log.chunks(records_per_batch) {
        let mut batch = Batch::new();
        for (key, value, timestamp, headers) in records {
            restorer.restore(key, value.as_deref(), *timestamp, headers, &mut batch).unwrap();
        }
        backend.write(&batch).unwrap();
    }
}

/// All entries of a keyspace.
pub fn contents(backend: &dyn Backend, keyspace: Keyspace) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let all = backend.scan(keyspace, (Bound::Unbounded, Bound::Unbounded), Direction::Forward).unwrap();
    all.map(|entry| entry.unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

pub fn in_direction<T>(ascending: impl IntoIterator<Item = T>, backward: bool) -> Vec<T> {
    let mut all: Vec<_> = ascending.into_iter().collect();
    if backward {
        all.reverse();
    }
    all
}

/// What a scan gives from one end.
pub fn collected<T>(
    entries: impl DoubleEndedIterator<Item = state_stores::Result<T>>,
    backward: bool,
) -> Vec<T> {
    if backward { entries.rev().map(Result::unwrap).collect() } else { entries.map(Result::unwrap).collect() }
}
