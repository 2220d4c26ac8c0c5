//! The window store: one value per key and window start, expired by stream time.
//!
//! The changelog key is RK ‖ int64 start ‖ int32 seqnum ([`window_key`]); the local key has the segment of
//! the start in front ([`crate::schema::segments`], which has the rules of expiry). Window starts are not
//! negative.

use std::marker::PhantomData;
use std::ops::Bound;

use super::delegate_state_store;
use super::scan::{InTable, StoreCursor, unreadable};
use crate::backend::{Backend, BackendRef, Direction};
use crate::codec::CodecRef;
use crate::cursor::{Cursor, Entries};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::overlay::KeyBytes;
use crate::schema::segments::SEGMENT_BYTES;
use crate::schema::{KeyBounds, window_key};
use crate::table::change::{FlushedChange, RawChange, Tracking};
use crate::table::format::{ValueAndTimestamp, ValueFormat};
use crate::table::ranges::{OwnedRange, ranges_of};
use crate::table::scan::TableScan;
use crate::table::timed::Timed;
use crate::table::{Table, TableSpec};

/// What clean entries may take unless the spec says otherwise.
const CACHE_BYTES: usize = 32 << 20;

/// How a window store is opened.
pub struct WindowSpec<K, T> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed entries are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How values are serialized, and whether they carry a timestamp.
    pub value: ValueFormat<T>,
    /// How long in stream time, in ms, a window is kept after its start.
    pub retention_ms: i64,
    /// Whether a second put of a key and start adds an entry instead of replacing the first. Such a store
    /// ignores puts of `None`, and is read by ranges only.
    pub retain_duplicates: bool,
    /// The most bytes that clean entries may take in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// What `take_changes` gives.
    pub tracking: Tracking,
    /// Whether changelog records carry the headers that were given with the update.
    pub log_headers: bool,
    /// Whether reads see one ms more than the retention, for windows that are emitted when they close.
    pub see_closing: bool,
    /// Whether a put of `None` that is ignored, as duplicates are retained, tells the store its time nevertheless. Kafka
    /// Streams' stores in memory have it so, those on disk not.
    pub nulls_tell_time: bool,
}

impl<K, T> WindowSpec<K, T> {
    /// A spec without duplicates, with 32 MiB of clean cache, no tracking and no headers.
    pub fn new(
        name: impl Into<String>,
        backend: BackendRef,
        key: CodecRef<K>,
        value: ValueFormat<T>,
        retention_ms: i64,
    ) -> Self {
        WindowSpec {
            name: name.into(),
            backend,
            key,
            value,
            retention_ms,
            retain_duplicates: false,
            cache_bytes: CACHE_BYTES,
            tracking: Tracking::Off,
            log_headers: false,
            see_closing: false,
            nulls_tell_time: false,
        }
    }
}

/// A window store of values with timestamps: what every aggregation over windows uses.
pub type TimestampedWindowTable<K, V> = WindowTable<K, ValueAndTimestamp<V>>;

/// A map from `K` and window start to `T`: the value, or [`ValueAndTimestamp`] of it.
pub struct WindowTable<K, T> {
    table: Table<T, Timed>,
    key: CodecRef<K>,
    retain_duplicates: bool,
    nulls_tell_time: bool,
    /// The number of the last put; counts only where duplicates are retained, and starts at 1 in every new
    /// instance.
    seqnum: i32,
    /// The local key of the current operation.
    scratch: Vec<u8>,
}

impl<K, T> WindowTable<K, T> {
    /// Opens the store; what the backend holds for it is there at once.
    pub fn open(spec: WindowSpec<K, T>) -> Result<Self> {
        let WindowSpec { name, backend, key, value: format, cache_bytes, tracking, log_headers, .. } = spec;
        let table = TableSpec { name, backend, format, cache_bytes, tracking, log_headers };
        let cached = tracking != Tracking::Off;
        let table = Table::open_with(table, |name, backend, keyspace| {
            let time_of = window_key::start_ms;
            let mut time = Timed::open(name, backend, keyspace, spec.retention_ms, time_of, cached)?;
            if spec.see_closing {
                time.see_closing();
            }
            Ok(time)
        })?;
        let (retain_duplicates, nulls_tell_time) = (spec.retain_duplicates, spec.nulls_tell_time);
        Ok(WindowTable { table, key, retain_duplicates, nulls_tell_time, seqnum: 0, scratch: Vec::new() })
    }

    /// Gives a key a value in the window that starts at `start_ms`, or with `None` deletes it. `timestamp` is
    /// the time in ms of the record being processed. A window whose segment has expired is dropped and
    /// counted.
    pub fn put(&mut self, key: &K, value: Option<T>, start_ms: i64, timestamp: i64) -> Result<()> {
        self.put_with(key, value, start_ms, timestamp, Headers::new())
    }

    /// [`WindowTable::put`] with the headers of the record being processed.
    pub fn put_with(
        &mut self,
        key: &K,
        value: Option<T>,
        start_ms: i64,
        timestamp: i64,
        headers: Headers,
    ) -> Result<()> {
        if self.retain_duplicates {
            // A null has a number too, so that the changelog's keys are Kafka Streams' own.
            self.seqnum = self.seqnum.wrapping_add(1) & i32::MAX;
            if value.is_none() {
                if self.nulls_tell_time {
                    self.table.expiry_mut().enter(start_ms);
                }
                return Ok(());
            }
        }
        let Some(segment) = self.table.expiry_mut().enter(start_ms) else { return Ok(()) };
        self.encode(segment, key, start_ms)?;
        self.table.put(&self.scratch, value, timestamp, headers)
    }

    /// The value of a key in the window that starts at `start_ms`, borrowed.
    pub fn fetch_ref(&mut self, key: &K, start_ms: i64) -> Result<Option<&T>> {
        let time = self.table.expiry();
        if start_ms < time.visible_ms() {
            return Ok(None);
        }
        self.encode(time.segments.of(start_ms), key, start_ms)?;
        self.table.get(&self.scratch)
    }

    /// The greatest window start ever put, in ms; -1 if there was none.
    pub fn observed_stream_time(&self) -> i64 {
        self.table.expiry().segments.observed_ms
    }

    /// How many puts were dropped because their segment had expired.
    pub fn expired_puts(&self) -> u64 {
        self.table.expiry().dropped
    }

    /// Deletes the row that [`StoreError::Row`] names. `timestamp` is the time in ms of the record being processed.
    pub fn delete_row(&mut self, row: &[u8], timestamp: i64) {
        self.table.delete_row(row, timestamp);
    }

    /// About how many entries are committed.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        self.table.approximate_num_entries()
    }

    fn encode(&mut self, segment: i64, key: &K, start_ms: i64) -> Result<()> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&segment.to_be_bytes());
        self.key
            .encode(key, &mut self.scratch)
            .map_err(|error| StoreError::of_key(self.table.name(), error))?;
        window_key::append_suffix(start_ms, self.seqnum, &mut self.scratch);
        Ok(())
    }

    fn key_bytes(&self, key: &K) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.key.encode(key, &mut bytes).map_err(|error| StoreError::of_key(self.table.name(), error))?;
        Ok(bytes)
    }

    fn key_range(&self, from: Option<&K>, to: Option<&K>) -> Result<KeyBounds> {
        let bytes = |key: Option<&K>| key.map(|key| self.key_bytes(key)).transpose();
        Ok(KeyBounds::Range(bytes(from)?, bytes(to)?))
    }
}

impl<K, T: Clone> WindowTable<K, T> {
    /// The value of a key in the window that starts at `start_ms`; `None` if there is none or it has expired.
    pub fn fetch(&mut self, key: &K, start_ms: i64) -> Result<Option<T>> {
        Ok(self.fetch_ref(key, start_ms)?.cloned())
    }

    /// A scan of the windows of a key whose start is within `from_ms..=to_ms`, in the order of their starts (with
    /// duplicates: in the order of puts).
    pub fn fetch_range<'a>(&mut self, key: &K, from_ms: i64, to_ms: i64) -> Result<WindowsOfKey<'a, K, T>> {
        let keys = KeyBounds::One(self.key_bytes(key)?);
        Ok(WindowsOfKey { scan: self.scan(keys, from_ms, to_ms), store: PhantomData })
    }

    /// A scan of the windows of the keys from one to another (both inclusive, `None` for no bound, in the order of
    /// serialized keys) whose start is within `from_ms..=to_ms`: segment by segment, in each by key, then start.
    pub fn fetch_keys<'a>(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<WindowCursor<'a, K, T>> {
        let keys = self.key_range(from, to)?;
        Ok(StoreCursor::new(self.scan(keys, from_ms, to_ms)))
    }

    /// A scan of the windows of all keys whose start is within `from_ms..=to_ms`, in the order of
    /// [`WindowTable::fetch_keys`].
    pub fn fetch_all<'a>(&mut self, from_ms: i64, to_ms: i64) -> WindowCursor<'a, K, T> {
        StoreCursor::new(self.scan(KeyBounds::ALL, from_ms, to_ms))
    }

    /// The windows of all keys whose start is within `from_ms..=to_ms`, in the order of their starts, then serialized
    /// keys; an error in the place of each that cannot be read back. Reads all windows of the segments in that time, and
    /// sorts those that are asked for in memory.
    #[allow(clippy::type_complexity, reason = "entries that may be errors")]
    pub fn fetch_by_start(&mut self, from_ms: i64, to_ms: i64) -> Result<Vec<Result<((K, i64), T)>>> {
        let mut scan = self.scan(KeyBounds::ALL, from_ms, to_ms);
        let mut raw = Vec::new();
        let backend = &**self.table.backend();
        let as_is = |local: &[u8], value| Ok((KeyBytes::from_slice(local), Ok(value)));
        while let Some(entry) = scan.step(&self.table, backend, Direction::Forward, as_is) {
            raw.push(entry.or_else(unreadable)?);
        }
        let start = |local: &KeyBytes| window_key::start_ms(&local[SEGMENT_BYTES..]);
        // Of one start, entries have come in the order of their keys.
        raw.sort_by_key(|(local, _)| start(local));
        Ok(raw.into_iter().map(|(local, value)| Ok((self.decode(&local)?, value?))).collect())
    }

    /// A scan of all windows that have not expired, in the order of [`WindowTable::fetch_keys`].
    pub fn all<'a>(&mut self) -> WindowCursor<'a, K, T> {
        self.fetch_all(0, i64::MAX)
    }

    /// Every entry updated since the last call, each once, in the order of last updates, by key and window
    /// start. A window that was not stored before and is deleted again is left out, and not logged either.
    pub fn take_changes(&mut self) -> Result<Vec<FlushedChange<(K, i64), T>>> {
        let changes = self.table.take_changes()?;
        let decode = |change: RawChange<T>| {
            let key = self.decode(&change.key)?;
            Ok(change.with_key(key))
        };
        changes.into_iter().map(decode).collect()
    }

    fn scan<'a>(&mut self, keys: KeyBounds, from_ms: i64, to_ms: i64) -> TableScan<'a> {
        let time = self.table.expiry();
        let from_ms = from_ms.max(time.visible_ms()).max(0);
        let (memory_from, one_key) = (from_ms.max(time.stored_ms()), keys.is_one());
        let range = |segment: i64| -> OwnedRange {
            let (mut lower, mut upper) = keys.local(segment);
            if one_key {
                window_key::append_suffix(from_ms, 0, &mut lower);
                window_key::append_suffix(to_ms, i32::MAX, &mut upper);
                return (Bound::Included(lower), Bound::Included(upper));
            }
            (Bound::Included(lower), Bound::Excluded(upper))
        };
        let ranges = ranges_of(time.between(from_ms, to_ms), range);
        let wanted = move |local: &[u8]| {
            window_key::decode(&local[SEGMENT_BYTES..])
                .is_some_and(|(key, start, _)| start >= from_ms && start <= to_ms && keys.contains(key))
        };
        self.table.scan(ranges, Some(memory_from), wanted)
    }
}

impl<K, T> WindowTable<K, T> {
    /// The key and window start of a local key.
    fn decode(&self, local: &[u8]) -> Result<(K, i64)> {
        let store = self.table.name();
        let (key, start, _) = window_key::decode(&local[SEGMENT_BYTES..]).ok_or_else(|| {
            let detail = format!("{} bytes", local.len());
            StoreError::Corrupt { store: store.to_owned(), what: "a window key", detail }
        })?;
        let key = self.key.decode(key).map_err(|error| StoreError::of_local_row(store, key, local, error))?;
        Ok((key, start))
    }
}

/// A scan of a window store: key and window start in ms, and the value.
pub type WindowCursor<'a, K, T> = StoreCursor<'a, WindowTable<K, T>>;

impl<K, T: Clone> InTable for WindowTable<K, T> {
    type Entry = ((K, i64), T);

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

/// A scan of the windows of one key: window start in ms, and the value.
pub struct WindowsOfKey<'a, K, T> {
    scan: TableScan<'a>,
    store: PhantomData<fn(K, T)>,
}

impl<'a, K, T: Clone> WindowsOfKey<'a, K, T> {
    /// The entries of the store that was scanned, which does not change meanwhile.
    pub fn over(self, store: &'a WindowTable<K, T>) -> Entries<'a, Self> {
        Entries::new(store, &**store.table.backend(), self)
    }
}

impl<'a, K, T: Clone> Cursor<'a> for WindowsOfKey<'a, K, T> {
    type Store = WindowTable<K, T>;
    type Entry = (i64, T);

    fn step(
        &mut self,
        store: &WindowTable<K, T>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<(i64, T)>> {
        // What is given has been asked for by its start.
        let start = |local: &[u8]| window_key::start_ms(&local[SEGMENT_BYTES..]).unwrap_or(-1);
        self.scan.step(&store.table, backend, from, |local, value| Ok((start(local), value)))
    }
}

delegate_state_store!(WindowTable<K>);
