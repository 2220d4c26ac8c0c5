//! The buffer of table updates that are held back (`InMemoryTimeOrderedKeyValueChangeBuffer`): one row a key, in the
//! order of time.
//!
//! 1. A second update of a key replaces the first and keeps its time, and with it its place in the order.
//! 2. Rows of the same time are ordered by their serialized keys.
//! 3. Its size is what Kafka Streams reckons, byte for byte, as bounds are given in it.
//! 4. The changelog gets each changed key once a commit, in the order of keys: the row, or a tombstone if it left.
//!
//! A row is in memory until it is committed; then it is in the backend, and only its time and size are here.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use bytes::Bytes;
use foldhash::fast::RandomState;

use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Direction, Keyspace};
use crate::codec::CodecRef;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::store_keyspace;
use crate::schema::buffer_value::{BufferValue, VERSION, VERSION_HEADER};
use crate::schema::record_context::RecordContext;
use crate::store::{Log, LogRecord, StateStore};

static NO_HEADERS: Headers = Headers::new();

/// What a key in memory costs besides its bytes.
const ROW_BYTES: usize = 128;

/// How a buffer is opened.
pub struct ChangeBufferSpec<K, V> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed rows are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How rows are serialized.
    pub value: CodecRef<V>,
}

/// A row that is held back, as it leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffered<K, V> {
    /// The key.
    pub key: K,
    /// The row before its last update.
    pub old: Option<V>,
    /// The row; `None` if it was deleted.
    pub new: Option<V>,
    /// Where the last update came from.
    pub context: RecordContext,
}

/// Where the update of a row is.
enum Place {
    /// Changed since the last stage.
    Dirty(BufferValue),
    /// In a batch that is not known to be written yet.
    Staged(BufferValue),
    /// In the backend.
    Stored,
}

struct Row {
    time: i64,
    bytes: usize,
    place: Place,
}

impl Row {
    /// What it counts as uncommitted.
    fn uncommitted_bytes(&self) -> usize {
        if matches!(self.place, Place::Stored) { 0 } else { self.bytes + ROW_BYTES }
    }
}

/// Updates of rows of `V` under `K`, held back in the order of time.
pub struct BufferTable<K, V> {
    name: String,
    backend: BackendRef,
    keyspace: Keyspace,
    key: CodecRef<K>,
    value: CodecRef<V>,
    /// False after a rollback, until the rows have been read from the backend again.
    loaded: bool,
    rows: HashMap<Rc<[u8]>, Row, RandomState>,
    order: BTreeSet<(i64, Rc<[u8]>)>,
    bytes: usize,
    /// Keys whose row changed or left since the last stage.
    dirty: BTreeSet<Rc<[u8]>>,
    staged: Vec<Rc<[u8]>>,
    uncommitted_bytes: usize,
    log_headers: Headers,
    scratch: Vec<u8>,
}

impl<K, V> BufferTable<K, V> {
    /// Opens the buffer; what the backend holds for it is there at once.
    pub fn open(spec: ChangeBufferSpec<K, V>) -> Result<Self> {
        let ChangeBufferSpec { name, backend, key, value } = spec;
        let keyspace = store_keyspace(&*backend, &name)?;
        let mut log_headers = Headers::new();
        log_headers.add(VERSION_HEADER, Some(Bytes::from_static(&[VERSION])));
        let mut buffer = BufferTable {
            name,
            backend,
            keyspace,
            key,
            value,
            loaded: false,
            rows: HashMap::default(),
            order: BTreeSet::new(),
            bytes: 0,
            dirty: BTreeSet::new(),
            staged: Vec::new(),
            uncommitted_bytes: 0,
            log_headers,
            scratch: Vec::new(),
        };
        buffer.load()?;
        Ok(buffer)
    }

    /// Holds an update back: at `time`, unless the key is held back already.
    pub fn put(
        &mut self,
        time: i64,
        key: &K,
        old: Option<&V>,
        new: Option<&V>,
        context: RecordContext,
    ) -> Result<()> {
        self.load()?;
        self.encode_key(key)?;
        let (old, new) = (self.encode_value(old)?, self.encode_value(new)?);
        let known = self.rows.get_key_value(&self.scratch[..]);
        let (key, time, prior) = match known {
            None => (Rc::from(&self.scratch[..]), time, old.clone()),
            Some((key, row)) => (Rc::clone(key), row.time, self.value_of(key, row)?.prior),
        };
        let value = BufferValue { context, prior, old, new };
        let bytes = size_of::<i64>() + key.len() + value.resident_bytes();
        let row = Row { time, bytes, place: Place::Dirty(value) };
        self.uncommitted_bytes += row.uncommitted_bytes();
        self.bytes += bytes;
        match self.rows.insert(Rc::clone(&key), row) {
            Some(replaced) => self.let_go(&replaced),
            None => {
                self.order.insert((time, Rc::clone(&key)));
            }
        }
        self.dirty.insert(key);
        Ok(())
    }

    /// The time of the first row; `None` if the buffer is empty.
    pub fn first_time(&mut self) -> Result<Option<i64>> {
        self.load()?;
        Ok(self.order.first().map(|(time, _)| *time))
    }

    /// How many rows are held back.
    pub fn rows(&mut self) -> Result<usize> {
        self.load()?;
        Ok(self.rows.len())
    }

    /// How many bytes Kafka Streams reckons that they take.
    pub fn bytes(&mut self) -> Result<usize> {
        self.load()?;
        Ok(self.bytes)
    }

    /// The first row. It stays, and counts, until [`BufferTable::remove_first`].
    pub fn first(&mut self) -> Result<Option<Buffered<K, V>>> {
        self.load()?;
        let Some((_, key)) = self.order.first() else { return Ok(None) };
        let row = self.rows.get(key).ok_or_else(|| self.malformed("a row without its update"))?;
        let BufferValue { context, old, new, .. } = self.value_of(key, row)?;
        let (old, new) = (self.decode_value(key, old)?, self.decode_value(key, new)?);
        let key = self.key.decode(key).map_err(|error| StoreError::of_row(&self.name, key, error))?;
        Ok(Some(Buffered { key, old, new, context }))
    }

    /// Where the first row's last update came from, which is known even if the row cannot be read back.
    pub fn first_context(&mut self) -> Result<Option<RecordContext>> {
        self.load()?;
        let Some((_, key)) = self.order.first() else { return Ok(None) };
        let row = self.rows.get(key).ok_or_else(|| self.malformed("a row without its update"))?;
        Ok(Some(self.value_of(key, row)?.context))
    }

    /// Lets the first row go.
    pub fn remove_first(&mut self) -> Result<()> {
        self.load()?;
        let Some((_, key)) = self.order.pop_first() else { return Ok(()) };
        if let Some(row) = self.rows.remove(&key) {
            self.let_go(&row);
        }
        self.dirty.insert(key);
        Ok(())
    }

    /// For a key that is held back, its row before the first update that is: what a reader of the buffer's output has
    /// seen last. The outer `None` is for a key that is not held back.
    pub fn prior(&mut self, key: &K) -> Result<Option<Option<V>>> {
        self.load()?;
        self.encode_key(key)?;
        let Some((key, row)) = self.rows.get_key_value(&self.scratch[..]) else { return Ok(None) };
        let prior = self.value_of(key, row)?.prior;
        self.decode_value(key, prior).map(Some)
    }

    /// Reads the committed rows, once.
    fn load(&mut self) -> Result<()> {
        if self.loaded {
            return Ok(());
        }
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        for entry in self.backend.scan(self.keyspace, all, Direction::Forward)? {
            let (key, value) = entry?;
            let decoded = BufferValue::decode(&value);
            let (value, time) = decoded.ok_or_else(|| self.malformed("a buffered row"))?;
            let bytes = size_of::<i64>() + key.len() + value.resident_bytes();
            let key: Rc<[u8]> = key.into();
            self.bytes += bytes;
            self.order.insert((time, Rc::clone(&key)));
            self.rows.insert(key, Row { time, bytes, place: Place::Stored });
        }
        self.loaded = true;
        Ok(())
    }

    /// Takes a row that is gone or replaced out of the sums.
    fn let_go(&mut self, row: &Row) {
        self.bytes -= row.bytes;
        self.uncommitted_bytes -= row.uncommitted_bytes();
    }

    fn value_of(&self, key: &[u8], row: &Row) -> Result<BufferValue> {
        match &row.place {
            Place::Dirty(value) | Place::Staged(value) => Ok(value.clone()),
            Place::Stored => {
                let bytes = self.backend.get(self.keyspace, key)?;
                let decoded = bytes.as_deref().and_then(BufferValue::decode);
                decoded.map(|(value, _)| value).ok_or_else(|| self.malformed("a buffered row"))
            }
        }
    }

    fn encode_key(&mut self, key: &K) -> Result<()> {
        self.scratch.clear();
        self.key.encode(key, &mut self.scratch).map_err(|error| StoreError::of_key(&self.name, error))
    }

    /// A value of the key that was encoded last.
    fn encode_value(&self, value: Option<&V>) -> Result<Option<Bytes>> {
        let Some(value) = value else { return Ok(None) };
        let mut bytes = Vec::new();
        let encoded = self.value.encode(value, &mut bytes);
        encoded.map_err(|source| StoreError::of_value(&self.name, &self.scratch, source))?;
        Ok(Some(bytes.into()))
    }

    fn decode_value(&self, key: &[u8], bytes: Option<Bytes>) -> Result<Option<V>> {
        let decode = |bytes: Bytes| {
            self.value.decode(&bytes).map_err(|source| StoreError::of_row(&self.name, key, source))
        };
        bytes.map(decode).transpose()
    }

    fn malformed(&self, what: &'static str) -> StoreError {
        let detail = "it is not what this store writes".to_owned();
        StoreError::Corrupt { store: self.name.clone(), what, detail }
    }

    fn stage_key(&mut self, key: &Rc<[u8]>, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.scratch.clear();
        let row = self.rows.get_mut(key);
        let (value, headers) = match &row {
            Some(Row { time, place: Place::Dirty(value) | Place::Staged(value), .. }) => {
                value.encode(*time, &mut self.scratch);
                (Some(&self.scratch[..]), &self.log_headers)
            }
            // What is stored is in the log already.
            Some(Row { place: Place::Stored, .. }) => return Ok(()),
            None => (None, &NO_HEADERS),
        };
        let record = LogRecord { key, value, timestamp: LogRecord::NOW, headers };
        log(record).map_err(|cause| StoreError::Log { store: self.name.clone(), cause })?;
        match value {
            Some(value) => batch.put(self.keyspace, key, value),
            None => batch.delete(self.keyspace, key),
        }
        if let Some(row) = row {
            row.place = match std::mem::replace(&mut row.place, Place::Stored) {
                Place::Dirty(value) | Place::Staged(value) => Place::Staged(value),
                Place::Stored => Place::Stored,
            };
            self.staged.push(Rc::clone(key));
        }
        Ok(())
    }
}

impl<K: 'static, V: 'static> StateStore for BufferTable<K, V> {
    fn name(&self) -> &str {
        &self.name
    }

    fn backend(&self) -> &BackendRef {
        &self.backend
    }

    fn uncommitted_bytes(&self) -> usize {
        self.uncommitted_bytes + self.dirty.len() * ROW_BYTES
    }

    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        let dirty = std::mem::take(&mut self.dirty);
        let staged = dirty.iter().try_for_each(|key| self.stage_key(key, log, batch));
        if staged.is_err() {
            self.dirty = dirty;
        }
        staged
    }

    fn committed(&mut self) -> Result<()> {
        for key in std::mem::take(&mut self.staged) {
            let Some(row) = self.rows.get_mut(&key) else { continue };
            if matches!(row.place, Place::Staged(_)) {
                self.uncommitted_bytes -= row.uncommitted_bytes();
                row.place = Place::Stored;
            }
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.rows.clear();
        self.order.clear();
        self.dirty.clear();
        self.staged.clear();
        self.bytes = 0;
        self.uncommitted_bytes = 0;
        self.loaded = false;
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}
