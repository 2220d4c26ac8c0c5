//! The window store: one value per key and window start, expired by stream time.
//!
//! The changelog key is RK ‖ int64 start ‖ int32 seqnum ([`window_key`]); the local key has the segment of
//! the start in front ([`crate::schema::segments`], which has the rules of expiry). Window starts are not
//! negative.

use std::ops::Bound;

use super::delegate_state_store;
use crate::backend::{BackendRef, Direction};
use crate::codec::CodecRef;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::overlay::KeyBytes;
use crate::schema::segments::SEGMENT_BYTES;
use crate::schema::{KeyBounds, window_key};
use crate::table::change::{FlushedChange, RawChange, Tracking};
use crate::table::expiry::Expiry;
use crate::table::format::{ValueAndTimestamp, ValueFormat};
use crate::table::merge::{Merge, OwnedRange, ranges_of};
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
pub type TimestampedWindowStore<K, V> = WindowStore<K, ValueAndTimestamp<V>>;

/// A map from `K` and window start to `T`: the value, or [`ValueAndTimestamp`] of it.
pub struct WindowStore<K, T> {
    table: Table<T, Timed>,
    key: CodecRef<K>,
    retain_duplicates: bool,
    nulls_tell_time: bool,
    /// The number of the last put; counts only where duplicates are retained, and starts at 1 in every new
    /// instance.
    seqnum: i32,
    /// The local key of the operation at hand.
    scratch: Vec<u8>,
}

impl<K, T> WindowStore<K, T> {
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
        Ok(WindowStore { table, key, retain_duplicates, nulls_tell_time, seqnum: 0, scratch: Vec::new() })
    }

    /// Gives a key a value in the window that starts at `start_ms`, or with `None` deletes it. `timestamp` is
    /// the time in ms of the record being processed. A window whose segment has expired is dropped and
    /// counted.
    pub fn put(&mut self, key: &K, value: Option<T>, start_ms: i64, timestamp: i64) -> Result<()> {
        self.put_with(key, value, start_ms, timestamp, Headers::new())
    }

    /// [`WindowStore::put`] with the headers of the record being processed.
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

    /// About how many entries are committed.
    pub fn approximate_entries(&self) -> Result<u64> {
        self.table.approximate_entries()
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

    fn key_bytes(&mut self, key: Option<&K>) -> Result<Option<Vec<u8>>> {
        let Some(key) = key else { return Ok(None) };
        let mut bytes = Vec::new();
        self.key.encode(key, &mut bytes).map_err(|error| StoreError::of_key(self.table.name(), error))?;
        Ok(Some(bytes))
    }
}

impl<K, T: Clone> WindowStore<K, T> {
    /// The value of a key in the window that starts at `start_ms`; `None` if there is none or it has expired.
    pub fn fetch(&mut self, key: &K, start_ms: i64) -> Result<Option<T>> {
        Ok(self.fetch_ref(key, start_ms)?.cloned())
    }

    /// The windows of a key whose start is within `from_ms..=to_ms`, in the order of their starts (with
    /// duplicates: in the order of puts).
    pub fn fetch_range(
        &mut self,
        key: &K,
        from_ms: i64,
        to_ms: i64,
        direction: Direction,
    ) -> Result<WindowEntries<'_, K, T>> {
        let key = self.key_bytes(Some(key))?;
        let exactly = key.clone();
        Ok(self.entries(KeyBounds { from: key, to: exactly }, from_ms, to_ms, direction))
    }

    /// The windows of the keys from one to another (both inclusive, `None` for no bound, in the order of
    /// serialized keys) whose start is within `from_ms..=to_ms`: segment by segment, in each by key, then
    /// start.
    pub fn fetch_keys(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        from_ms: i64,
        to_ms: i64,
        direction: Direction,
    ) -> Result<WindowEntries<'_, K, T>> {
        let keys = KeyBounds { from: self.key_bytes(from)?, to: self.key_bytes(to)? };
        Ok(self.entries(keys, from_ms, to_ms, direction))
    }

    /// The windows of all keys whose start is within `from_ms..=to_ms`, in the order of
    /// [`WindowStore::fetch_keys`].
    pub fn fetch_all(
        &mut self,
        from_ms: i64,
        to_ms: i64,
        direction: Direction,
    ) -> Result<WindowEntries<'_, K, T>> {
        Ok(self.entries(KeyBounds::default(), from_ms, to_ms, direction))
    }

    /// The windows of all keys whose start is within `from_ms..=to_ms`, in the order of their starts, then serialized
    /// keys. Looks at all windows of the segments in that time.
    pub fn fetch_by_start(&mut self, from_ms: i64, to_ms: i64) -> Result<Vec<((K, i64), T)>> {
        let mut entries = self.entries(KeyBounds::default(), from_ms, to_ms, Direction::Forward);
        let mut raw: Vec<_> = entries.merge.by_ref().collect::<Result<_>>()?;
        let start = |local: &KeyBytes| window_key::start_ms(&local[SEGMENT_BYTES..]);
        // Of one start, entries have come in the order of their keys.
        raw.sort_by_key(|(local, _)| start(local));
        let decoded = raw
            .into_iter()
            .map(|(local, value)| Ok((decode(&local, &entries.key, entries.merge.store)?, value)));
        decoded.collect()
    }

    /// All windows that have not expired, in the order of [`WindowStore::fetch_keys`].
    pub fn all(&mut self, direction: Direction) -> Result<WindowEntries<'_, K, T>> {
        self.fetch_all(0, i64::MAX, direction)
    }

    /// Every entry updated since the last call, each once, in the order of last updates, by key and window
    /// start. A window that was not stored before and is deleted again is left out, and not logged either.
    pub fn take_changes(&mut self) -> Result<Vec<FlushedChange<(K, i64), T>>> {
        let changes = self.table.take_changes()?;
        let decode = |change: RawChange<T>| {
            let key = decode(&change.key, &self.key, self.table.name())?;
            Ok(change.with_key(key))
        };
        changes.into_iter().map(decode).collect()
    }

    fn entries(
        &mut self,
        keys: KeyBounds,
        from_ms: i64,
        to_ms: i64,
        direction: Direction,
    ) -> WindowEntries<'_, K, T> {
        let codec = self.key.clone();
        let time = self.table.expiry();
        let from_ms = from_ms.max(time.visible_ms()).max(0);
        let (in_memory, one_key) = (time.is_in_memory(from_ms.max(time.stored_ms())), keys.is_one());
        let range = |segment: i64| -> OwnedRange {
            let (mut lower, mut upper) = keys.local(segment);
            if one_key {
                window_key::append_suffix(from_ms, 0, &mut lower);
                window_key::append_suffix(to_ms, i32::MAX, &mut upper);
                return (Bound::Included(lower), Bound::Included(upper));
            }
            (Bound::Included(lower), Bound::Excluded(upper))
        };
        let mut ranges = ranges_of(time.between(from_ms, to_ms), range);
        if direction == Direction::Backward {
            ranges.reverse();
        }
        let wanted = move |local: &[u8]| {
            window_key::decode(&local[SEGMENT_BYTES..])
                .is_some_and(|(key, start, _)| start >= from_ms && start <= to_ms && keys.contains(key))
        };
        WindowEntries { merge: self.table.scan(ranges, direction, in_memory, wanted), key: codec }
    }
}

fn decode<K>(local: &KeyBytes, codec: &CodecRef<K>, store: &str) -> Result<(K, i64)> {
    let (key, start, _) = window_key::decode(&local[SEGMENT_BYTES..]).ok_or_else(|| StoreError::Corrupt {
        store: store.to_owned(),
        what: "a window key",
        detail: format!("{} bytes", local.len()),
    })?;
    Ok((codec.decode(key).map_err(|error| StoreError::of_row(store, key, error))?, start))
}

/// Entries of a window store: key and window start in ms, and the value.
pub struct WindowEntries<'a, K, T> {
    merge: Merge<'a, T>,
    key: CodecRef<K>,
}

impl<K, T: Clone> Iterator for WindowEntries<'_, K, T> {
    type Item = Result<((K, i64), T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let decode = |(key, value)| Ok((decode(&key, &self.key, self.merge.store)?, value));
        self.merge.next().map(|entry| entry.and_then(decode))
    }
}

delegate_state_store!(WindowStore<K>);
