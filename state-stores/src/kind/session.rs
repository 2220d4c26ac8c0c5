//! The session store: one plain value per key and session, expired by stream time.
//!
//! The changelog key is RK ‖ int64 end ‖ int64 start ([`session_key`]); the local key has the segment of the
//! end in front ([`crate::schema::segments`], which has the rules of expiry). Times are not negative.

use std::ops::Bound;

use super::delegate_state_store;
use super::scan::{InTable, StoreCursor, unreadable};
use crate::backend::{Backend, BackendRef, Direction};
use crate::codec::CodecRef;
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::overlay::KeyBytes;
use crate::schema::segments::SEGMENT_BYTES;
use crate::schema::{KeyBounds, session_key};
use crate::table::change::{FlushedChange, RawChange, Tracking};
use crate::table::format::ValueFormat;
use crate::table::ranges::{OwnedRange, ranges_of};
use crate::table::scan::TableScan;
use crate::table::timed::Timed;
use crate::table::{Table, TableSpec};

/// What clean entries may take unless the spec says otherwise.
const CACHE_BYTES: usize = 32 << 20;

/// A session of a key. Both times are inclusive, in ms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey<K> {
    /// The key.
    pub key: K,
    /// The time of the session's first record.
    pub start: i64,
    /// The time of the session's last record.
    pub end: i64,
}

/// In which order sessions of all keys are emitted when they are closed: Kafka Streams' stores differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedOrder {
    /// By end, then start, then serialized key: its stores on disk. They find whatever is in a live segment.
    EndStartKey,
    /// By end, then serialized key, then start: its stores in memory. They find what has not expired.
    EndKeyStart,
}

/// What sessions are sorted by: the end, and what follows it.
fn closed_order(by: ClosedOrder, local: &[u8]) -> (i64, i64, &[u8], i64) {
    let (key, start, end) = session_key::decode(&local[SEGMENT_BYTES..]).unwrap_or((local, 0, 0));
    match by {
        ClosedOrder::EndStartKey => (end, start, key, 0),
        ClosedOrder::EndKeyStart => (end, 0, key, start),
    }
}

/// How a session store is opened.
pub struct SessionSpec<K, A> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed entries are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How aggregates are serialized; Kafka Streams' session stores are plain.
    pub value: ValueFormat<A>,
    /// How long in stream time, in ms, a session is kept after its end.
    pub retention_ms: i64,
    /// The most bytes that clean entries may take in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// What `take_changes` gives.
    pub tracking: Tracking,
    /// Whether changelog records carry the headers that were given with the update.
    pub log_headers: bool,
}

impl<K, A> SessionSpec<K, A> {
    /// A spec with 32 MiB of clean cache, no tracking and no headers.
    pub fn new(
        name: impl Into<String>,
        backend: BackendRef,
        key: CodecRef<K>,
        value: ValueFormat<A>,
        retention_ms: i64,
    ) -> Self {
        let (name, tracking) = (name.into(), Tracking::Off);
        let (cache_bytes, log_headers) = (CACHE_BYTES, false);
        SessionSpec { name, backend, key, value, retention_ms, cache_bytes, tracking, log_headers }
    }
}

/// A map from sessions of `K` to aggregates of `A`.
pub struct SessionTable<K, A> {
    table: Table<A, Timed>,
    key: CodecRef<K>,
    /// The local key of the current operation.
    scratch: Vec<u8>,
}

impl<K, A> SessionTable<K, A> {
    /// Opens the store; what the backend holds for it is there at once.
    pub fn open(spec: SessionSpec<K, A>) -> Result<Self> {
        let SessionSpec { name, backend, key, value: format, cache_bytes, tracking, log_headers, .. } = spec;
        let table = TableSpec { name, backend, format, cache_bytes, tracking, log_headers };
        let cached = tracking != Tracking::Off;
        let table = Table::open_with(table, |name, backend, keyspace| {
            Timed::open(name, backend, keyspace, spec.retention_ms, session_key::end_ms, cached)
        })?;
        Ok(SessionTable { table, key, scratch: Vec::new() })
    }

    /// Gives a session an aggregate, or with `None` deletes it. `timestamp` is the time in ms of the record
    /// being processed. A session whose segment has expired is dropped and counted.
    pub fn put(&mut self, session: &SessionKey<K>, aggregate: Option<A>, timestamp: i64) -> Result<()> {
        self.put_with(session, aggregate, timestamp, Headers::new())
    }

    /// [`SessionTable::put`] with the headers of the record being processed.
    pub fn put_with(
        &mut self,
        session: &SessionKey<K>,
        aggregate: Option<A>,
        timestamp: i64,
        headers: Headers,
    ) -> Result<()> {
        let Some(segment) = self.table.expiry_mut().enter(session.end) else { return Ok(()) };
        self.encode(segment, &session.key, session.start, session.end)?;
        self.table.put(&self.scratch, aggregate, timestamp, headers)
    }

    /// Deletes a session. `timestamp` is the time in ms of the record being processed.
    pub fn remove(&mut self, session: &SessionKey<K>, timestamp: i64) -> Result<()> {
        self.put(session, None, timestamp)
    }

    /// The greatest session end ever put or removed, in ms; -1 if there was none.
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

    fn encode(&mut self, segment: i64, key: &K, start_ms: i64, end_ms: i64) -> Result<()> {
        self.scratch.clear();
        self.scratch.extend_from_slice(&segment.to_be_bytes());
        self.key
            .encode(key, &mut self.scratch)
            .map_err(|error| StoreError::of_key(self.table.name(), error))?;
        session_key::append_suffix(start_ms, end_ms, &mut self.scratch);
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

impl<K, A: Clone> SessionTable<K, A> {
    /// The aggregate of exactly that session; `None` if there is none or it has expired.
    pub fn fetch_session(&mut self, key: &K, start_ms: i64, end_ms: i64) -> Result<Option<A>> {
        let time = self.table.expiry();
        if end_ms < time.visible_ms() {
            return Ok(None);
        }
        self.encode(time.segments.of(end_ms), key, start_ms, end_ms)?;
        Ok(self.table.get(&self.scratch)?.cloned())
    }

    /// A scan of all sessions of a key, in the order of their ends, then starts.
    pub fn fetch<'a>(&mut self, key: &K) -> Result<SessionCursor<'a, K, A>> {
        self.find_sessions(key, 0, i64::MAX)
    }

    /// A scan of the sessions of a key that end at `earliest_end_ms` or later and start at `latest_start_ms` or earlier,
    /// in the order of their ends, then starts.
    pub fn find_sessions<'a>(
        &mut self,
        key: &K,
        earliest_end_ms: i64,
        latest_start_ms: i64,
    ) -> Result<SessionCursor<'a, K, A>> {
        let keys = KeyBounds::One(self.key_bytes(key)?);
        Ok(self.scan(keys, earliest_end_ms, i64::MAX, latest_start_ms))
    }

    /// [`SessionTable::find_sessions`] for the keys from one to another (both inclusive, `None` for no bound, in the order
    /// of serialized keys): segment by segment, in each by key, then end, then start.
    pub fn find_sessions_of_keys<'a>(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        earliest_end_ms: i64,
        latest_start_ms: i64,
    ) -> Result<SessionCursor<'a, K, A>> {
        let keys = self.key_range(from, to)?;
        Ok(self.scan(keys, earliest_end_ms, i64::MAX, latest_start_ms))
    }

    /// A scan of the sessions of all keys that end within `earliest_end_ms..=latest_end_ms`, in the order of
    /// [`SessionTable::find_sessions_of_keys`].
    pub fn find_sessions_ending<'a>(
        &mut self,
        earliest_end_ms: i64,
        latest_end_ms: i64,
    ) -> SessionCursor<'a, K, A> {
        self.scan(KeyBounds::ALL, earliest_end_ms, latest_end_ms, i64::MAX)
    }

    /// The sessions of all keys that end within `earliest_end_ms..=latest_end_ms`, in the order of `by`; an error in the
    /// place of each that cannot be read back. Reads all sessions of the segments in that time, and sorts those that are
    /// asked for in memory.
    #[allow(clippy::type_complexity, reason = "entries that may be errors")]
    pub fn find_closed(
        &mut self,
        earliest_end_ms: i64,
        latest_end_ms: i64,
        by: ClosedOrder,
    ) -> Result<Vec<Result<(SessionKey<K>, A)>>> {
        let time = self.table.expiry();
        let segments = match by {
            ClosedOrder::EndStartKey => time.live_between(earliest_end_ms, latest_end_ms),
            ClosedOrder::EndKeyStart => time.between(earliest_end_ms, latest_end_ms),
        };
        let from_ms = match by {
            ClosedOrder::EndStartKey => earliest_end_ms,
            ClosedOrder::EndKeyStart => earliest_end_ms.max(time.visible_ms()),
        };
        let range = |segment: i64| -> OwnedRange {
            let (lower, upper) = KeyBounds::ALL.local(segment);
            (Bound::Included(lower), Bound::Excluded(upper))
        };
        let wanted = move |local: &[u8]| {
            let end = session_key::end_ms(&local[SEGMENT_BYTES..]);
            end.is_some_and(|end| end >= from_ms && end <= latest_end_ms)
        };
        let mut scan = self.table.scan_live(ranges_of(segments, range), Some(from_ms), wanted);
        let mut raw = Vec::new();
        let backend = &**self.table.backend();
        let as_is = |local: &[u8], aggregate| Ok((KeyBytes::from_slice(local), Ok(aggregate)));
        while let Some(entry) = scan.step(&self.table, backend, Direction::Forward, as_is) {
            raw.push(entry.or_else(unreadable)?);
        }
        // Keys that one is the beginning of another come in the order of what follows them, so all is sorted.
        raw.sort_by(|(one, _), (other, _)| closed_order(by, one).cmp(&closed_order(by, other)));
        Ok(raw.into_iter().map(|(local, value)| Ok((self.decode(&local)?, value?))).collect())
    }

    /// A scan of all sessions that have not expired, in the order of [`SessionTable::find_sessions_of_keys`].
    pub fn all<'a>(&mut self) -> SessionCursor<'a, K, A> {
        self.find_sessions_ending(0, i64::MAX)
    }

    /// Every session updated since the last call, each once, in the order of last updates. A session that was
    /// not stored before and is deleted again is left out, and not logged either.
    pub fn take_changes(&mut self) -> Result<Vec<FlushedChange<SessionKey<K>, A>>> {
        let changes = self.table.take_changes()?;
        let decode = |change: RawChange<A>| {
            let key = self.decode(&change.key)?;
            Ok(change.with_key(key))
        };
        changes.into_iter().map(decode).collect()
    }

    fn scan<'a>(
        &mut self,
        keys: KeyBounds,
        earliest_end_ms: i64,
        latest_end_ms: i64,
        latest_start_ms: i64,
    ) -> SessionCursor<'a, K, A> {
        let time = self.table.expiry();
        let from_ms = earliest_end_ms.max(time.visible_ms()).max(0);
        let (memory_from, one_key) = (from_ms.max(time.stored_ms()), keys.is_one());
        let range = |segment: i64| -> OwnedRange {
            let (mut lower, mut upper) = keys.local(segment);
            if one_key {
                session_key::append_suffix(0, from_ms, &mut lower);
                session_key::append_suffix(latest_start_ms, latest_end_ms, &mut upper);
                return (Bound::Included(lower), Bound::Included(upper));
            }
            (Bound::Included(lower), Bound::Excluded(upper))
        };
        let ranges = ranges_of(time.between(from_ms, latest_end_ms), range);
        let wanted = move |local: &[u8]| {
            session_key::decode(&local[SEGMENT_BYTES..]).is_some_and(|(key, start, end)| {
                end >= from_ms && end <= latest_end_ms && start <= latest_start_ms && keys.contains(key)
            })
        };
        StoreCursor::new(self.table.scan(ranges, Some(memory_from), wanted))
    }
}

impl<K, A> SessionTable<K, A> {
    /// The session of a local key.
    fn decode(&self, local: &[u8]) -> Result<SessionKey<K>> {
        let store = self.table.name();
        let (key, start, end) = session_key::decode(&local[SEGMENT_BYTES..]).ok_or_else(|| {
            let detail = format!("{} bytes", local.len());
            StoreError::Corrupt { store: store.to_owned(), what: "a session key", detail }
        })?;
        let key = self.key.decode(key).map_err(|error| StoreError::of_local_row(store, key, local, error))?;
        Ok(SessionKey { key, start, end })
    }
}

/// A scan of a session store: the session and its aggregate.
pub type SessionCursor<'a, K, A> = StoreCursor<'a, SessionTable<K, A>>;

impl<K, A: Clone> InTable for SessionTable<K, A> {
    type Entry = (SessionKey<K>, A);

    fn backend(&self) -> &BackendRef {
        self.table.backend()
    }

    fn step<'a>(
        &self,
        scan: &mut TableScan<'a>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<Self::Entry>> {
        scan.step(&self.table, backend, from, |local, aggregate| Ok((self.decode(local)?, aggregate)))
    }
}

delegate_state_store!(SessionTable<K>);
