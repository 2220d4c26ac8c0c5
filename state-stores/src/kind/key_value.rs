//! The key-value store: the local key is the serialized key, and so is the changelog key.

use std::any::Any;
use std::ops::Bound;

use super::recency::Recency;
use super::scan::{InTable, StoreCursor};
use crate::backend::batch::Batch;
use crate::backend::{Backend, BackendRef, Direction, RawEntry};
use crate::codec::CodecRef;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::store::{Log, StateStore};
use crate::table::change::{FlushedChange, RawChange, Tracking};
use crate::table::format::{ValueAndTimestamp, ValueFormat};
use crate::table::ranges::OwnedRange;
use crate::table::scan::TableScan;
use crate::table::{Table, TableSpec};

/// What clean entries may take unless the spec says otherwise.
const CACHE_BYTES: usize = 8 << 20;

/// How a key-value store is opened.
pub struct KeyValueSpec<K, T> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed entries are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How values are serialized, and whether they carry a timestamp.
    pub value: ValueFormat<T>,
    /// The most bytes that clean entries may take in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// What `take_changes` gives.
    pub tracking: Tracking,
    /// Whether changelog records carry the headers that were given with the update.
    pub log_headers: bool,
    /// How many keys there may be, at least one: the key unused for longest is deleted when there are more.
    pub max_entries: Option<usize>,
}

impl<K, T> KeyValueSpec<K, T> {
    /// A spec with 8 MiB of clean cache, no tracking, no headers and no bound of keys.
    pub fn new(
        name: impl Into<String>,
        backend: BackendRef,
        key: CodecRef<K>,
        value: ValueFormat<T>,
    ) -> Self {
        KeyValueSpec {
            name: name.into(),
            backend,
            key,
            value,
            cache_bytes: CACHE_BYTES,
            tracking: Tracking::Off,
            log_headers: false,
            max_entries: None,
        }
    }
}

/// A key-value store of values with timestamps: what every key-value store of the DSL is.
pub type TimestampedKeyValueTable<K, V> = KeyValueTable<K, ValueAndTimestamp<V>>;

/// A map from `K` to `T`. `T` is the value, or [`ValueAndTimestamp`] of it.
pub struct KeyValueTable<K, T> {
    table: Table<T>,
    key: CodecRef<K>,
    /// The order in which keys are forgotten, if some are.
    recency: Option<Recency>,
    /// The serialized key of the current operation.
    scratch: Vec<u8>,
}

impl<K, T> KeyValueTable<K, T> {
    /// Opens the store; what the backend holds for it is there at once.
    pub fn open(spec: KeyValueSpec<K, T>) -> Result<Self> {
        let KeyValueSpec { name, backend, key, value: format, cache_bytes, tracking, log_headers, .. } = spec;
        let open = |max_entries| Recency::open(&name, &backend, max_entries);
        let recency = spec.max_entries.map(open).transpose()?;
        let table = TableSpec { name, backend, format, cache_bytes, tracking, log_headers };
        let table = Table::open(table)?;
        Ok(KeyValueTable { table, key, recency, scratch: Vec::new() })
    }

    /// The value of a key, borrowed; `None` if it has none.
    pub fn get_ref(&mut self, key: &K) -> Result<Option<&T>> {
        self.encode(key)?;
        if let Some(recency) = &mut self.recency {
            recency.used(&self.scratch);
        }
        self.table.get(&self.scratch)
    }

    /// The bytes of a key's value as it was last committed and logged; `None` if there is none, or if it has changed since.
    pub fn stored_bytes(&mut self, key: &K) -> Result<Option<Box<[u8]>>> {
        self.encode(key)?;
        self.table.stored_bytes(&self.scratch)
    }

    /// Gives a key a value, or with `None` deletes it. `timestamp` is the time in ms of the record being
    /// processed.
    pub fn put(&mut self, key: &K, value: Option<T>, timestamp: i64) -> Result<()> {
        self.put_with(key, value, timestamp, Headers::new())
    }

    /// [`KeyValueTable::put`] with the headers of the record being processed.
    pub fn put_with(&mut self, key: &K, value: Option<T>, timestamp: i64, headers: Headers) -> Result<()> {
        self.encode(key)?;
        if let Some(recency) = &mut self.recency {
            let forgotten = match value {
                Some(_) => recency.put(&self.scratch),
                None => {
                    recency.remove(&self.scratch);
                    None
                }
            };
            if let Some(forgotten) = forgotten {
                self.table.put(&forgotten, None, timestamp, Headers::new())?;
            }
        }
        self.table.put(&self.scratch, value, timestamp, headers)
    }

    /// Deletes the row that [`StoreError::Row`] names. `timestamp` is the time in ms of the record being processed.
    pub fn delete_row(&mut self, row: &[u8], timestamp: i64) {
        if let Some(recency) = &mut self.recency {
            recency.remove(row);
        }
        self.table.delete_row(row, timestamp);
    }

    /// About how many entries are committed.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        self.table.approximate_num_entries()
    }

    fn encode(&mut self, key: &K) -> Result<()> {
        self.scratch.clear();
        self.key.encode(key, &mut self.scratch).map_err(|error| StoreError::of_key(self.table.name(), error))
    }

    fn decode(&self, bytes: &[u8]) -> Result<K> {
        self.key.decode(bytes).map_err(|error| StoreError::of_row(self.table.name(), bytes, error))
    }

    fn bound(&mut self, key: Option<&K>) -> Result<Bound<Vec<u8>>> {
        let Some(key) = key else { return Ok(Bound::Unbounded) };
        self.encode(key)?;
        Ok(Bound::Included(self.scratch.clone()))
    }
}

impl<K, T: Clone> KeyValueTable<K, T> {
    /// The value of a key; `None` if it has none.
    pub fn get(&mut self, key: &K) -> Result<Option<T>> {
        Ok(self.get_ref(key)?.cloned())
    }

    /// Puts a value unless the key has one; returns the one it had.
    pub fn put_if_absent(&mut self, key: &K, value: T, timestamp: i64) -> Result<Option<T>> {
        let old = self.get(key)?;
        if old.is_none() {
            self.put(key, Some(value), timestamp)?;
        }
        Ok(old)
    }

    /// Deletes a key; returns the value it had. `timestamp` is the time in ms of the record being processed.
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<Option<T>> {
        let old = self.get(key)?;
        self.put(key, None, timestamp)?;
        Ok(old)
    }

    /// A scan of the entries from one key to another, both inclusive and `None` for no bound, in the order of serialized
    /// keys.
    pub fn range<'a>(&mut self, from: Option<&K>, to: Option<&K>) -> Result<KeyValueCursor<'a, K, T>> {
        let range = (self.bound(from)?, self.bound(to)?);
        Ok(self.scan(range))
    }

    /// A scan of all entries, in the order of serialized keys.
    pub fn all<'a>(&mut self) -> KeyValueCursor<'a, K, T> {
        self.scan((Bound::Unbounded, Bound::Unbounded))
    }

    /// A scan of the entries whose serialized key starts with `prefix`, in the order of serialized keys.
    pub fn prefix_scan<'a>(&mut self, prefix: &[u8]) -> KeyValueCursor<'a, K, T> {
        let upper = after_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.scan((Bound::Included(prefix.to_vec()), upper))
    }

    /// Every entry updated since the last call, each once, in the order of last updates. A key that was not
    /// stored before and is deleted again is left out, and not logged either.
    pub fn take_changes(&mut self) -> Result<Vec<FlushedChange<K, T>>> {
        let changes = self.table.take_changes()?;
        let decode = |change: RawChange<T>| {
            let key = self.decode(&change.key)?;
            Ok(change.with_key(key))
        };
        changes.into_iter().map(decode).collect()
    }

    fn scan<'a>(&mut self, range: OwnedRange) -> KeyValueCursor<'a, K, T> {
        StoreCursor::new(self.table.scan(vec![range], None, |_| true))
    }
}

impl<K, T: Clone> InTable for KeyValueTable<K, T> {
    type Entry = (K, T);

    fn backend(&self) -> &BackendRef {
        self.table.backend()
    }

    fn step<'a>(
        &self,
        scan: &mut TableScan<'a>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<Self::Entry>> {
        scan.step(&self.table, backend, from, |local, value| Ok((self.decode(local)?, value)))
    }
}

/// A scan of a key-value store.
pub type KeyValueCursor<'a, K, T> = StoreCursor<'a, KeyValueTable<K, T>>;

/// The first key after all keys with that prefix; `None` if there is none.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < 0xFF)?;
    let mut next = prefix[..=last].to_vec();
    next[last] += 1;
    Some(next)
}

impl<K: 'static, T: Clone + 'static> StateStore for KeyValueTable<K, T> {
    fn name(&self) -> &str {
        self.table.name()
    }

    fn backend(&self) -> &BackendRef {
        self.table.backend()
    }

    fn uncommitted_bytes(&self) -> usize {
        self.table.uncommitted_bytes()
    }

    fn deferred_bytes(&self) -> usize {
        self.table.deferred_bytes()
    }

    fn has_deferred(&self) -> bool {
        self.table.has_deferred()
    }

    fn end_flush(&mut self) {
        self.table.end_flush();
    }

    fn stage_log(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        match self.recency {
            None => self.table.stage_log(log),
            // The order of uses is not in the changelog: rows and order are written together, by each commit.
            Some(_) => self.stage(log, batch),
        }
    }

    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        self.table.stage(log, batch)?;
        if let Some(recency) = &mut self.recency {
            recency.stage(batch);
        }
        Ok(())
    }

    fn committed(&mut self) -> Result<()> {
        self.table.committed();
        Ok(())
    }

    fn rollback(&mut self) {
        self.table.rollback();
        if let Some(recency) = &mut self.recency
            && let Err(error) = recency.rollback()
        {
            tracing::error!(%error, "which keys were used last is no longer known");
        }
    }

    fn entries(&mut self) -> Result<Vec<RawEntry>> {
        self.table.entries()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
