//! How the versions of a key lie in the backend, and how they come to lie there: bytes, no types.
//!
//! | row | local key | value |
//! |---|---|---|
//! | the latest version, unless it is a deletion | 8 × 0xFF ‖ RK | int64 valid from ‖ RV |
//! | an ended version | int64 segment ‖ RK ‖ int64 valid to | int64 valid from ‖ 0x01 ‖ RV (deleted: 0x00) |
//!
//! Kafka Streams keeps all versions of a key and segment in one value, which every put reads and writes again; here
//! each version has a row of its own. A put in order writes two rows and reads one. What a put returns and what reads
//! find is that of `RocksDBVersionedStore`, in its corner cases as well:
//! 1. A deletion is not a latest version. It is the end of the version before, or if there is none, a past version that
//!    ends when it begins.
//! 2. A deletion at the very time of the latest version takes that away, and leaves nothing if no version ends there.

use std::ops::Bound;
use std::sync::Arc;

use super::VersionedPut;
use crate::backend::batch::Batch;
use crate::backend::{Backend, BackendRef, Direction, Keyspace, RawEntry};
use crate::codec::{Codec, CodecError, CodecRef};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::schema::int64_before_end;
use crate::schema::segments::{OBSERVED_KEY, SEGMENT_BYTES};
use crate::table::change::Tracking;
use crate::table::format::ValueFormat;
use crate::table::ranges::{OwnedRange, ranges_of};
use crate::table::scan::TableScan;
use crate::table::timed::Timed;
use crate::table::{Table, TableSpec};

/// In front of the keys of latest versions: behind all segments.
const LATEST: [u8; SEGMENT_BYTES] = [0xFF; SEGMENT_BYTES];
const TIME_BYTES: usize = 8;

/// A serialized value, shared by its row and the changelog record to come.
pub(crate) type Value = Arc<[u8]>;

/// The latest version of a key.
#[derive(Clone, Debug)]
pub(crate) struct Latest {
    pub(crate) from_ms: i64,
    pub(crate) value: Value,
}

/// A version that ended.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) from_ms: i64,
    /// `None` is a deletion.
    pub(crate) value: Option<Value>,
}

/// How the rows of a versioned store are opened.
pub(crate) struct RowsSpec {
    pub(crate) name: String,
    pub(crate) backend: BackendRef,
    pub(crate) history_ms: i64,
    pub(crate) segment_interval_ms: i64,
    pub(crate) cache_bytes: usize,
}

/// The versions of all keys.
pub(crate) struct Rows {
    latest: Table<Latest>,
    past: Table<Past, Timed>,
    history_ms: i64,
    /// The local key of the current operation.
    scratch: Vec<u8>,
}

/// When a past version ended, read from its local key after the segment.
fn ended(key: &[u8]) -> Option<i64> {
    int64_before_end(key, 0)
}

/// When the past version of a local key ended.
fn ended_local(local: &[u8]) -> i64 {
    ended(local).unwrap_or(i64::MIN)
}

impl Rows {
    pub(crate) fn open(spec: RowsSpec) -> Result<Self> {
        let RowsSpec { name, backend, history_ms, segment_interval_ms, cache_bytes } = spec;
        if segment_interval_ms < 1 {
            return Err(StoreError::SegmentInterval { store: name, segment_interval_ms });
        }
        // Half of the memory for each kind of row: history is as long as the keys are many, or longer.
        let cache_bytes = cache_bytes / 2;
        let latest = Table::open(table(&name, &backend, cache_bytes, LatestCodec))?;
        let time = |name: &str, backend: &BackendRef, keyspace: Keyspace| {
            let time = Timed::open(name, backend, keyspace, history_ms, ended, false)?;
            Ok(time.with_interval(segment_interval_ms))
        };
        let past = Table::open_with(table(&name, &backend, cache_bytes, PastCodec), time)?;
        Ok(Rows { latest, past, history_ms, scratch: Vec::new() })
    }

    pub(crate) fn name(&self) -> &str {
        self.latest.name()
    }

    /// The greatest time ever put, in ms; -1 if there was none.
    pub(crate) fn observed_ms(&self) -> i64 {
        self.past.expiry().segments.observed_ms
    }

    /// Whether versions of that time are history that is kept no longer.
    pub(crate) fn has_expired(&self, time_ms: i64) -> bool {
        time_ms < self.observed_ms().saturating_sub(self.history_ms)
    }

    /// Gives a key a version. Expired ones are left out.
    pub(crate) fn put(&mut self, key: &[u8], value: Option<Value>, from_ms: i64) -> Result<VersionedPut> {
        if self.has_expired(from_ms) {
            return Ok(VersionedPut::Expired);
        }
        self.past.expiry_mut().segments.observe(from_ms);
        let latest = self.latest(key)?;
        let Some(latest) = latest else { return self.put_past(key, value, from_ms, None) };
        if from_ms < latest.from_ms {
            return self.put_past(key, value, from_ms, Some(latest.from_ms));
        }
        if from_ms > latest.from_ms {
            self.set_past(key, from_ms, Past { from_ms: latest.from_ms, value: Some(latest.value) })?;
        }
        self.set_latest(key, value, from_ms)
    }

    /// Puts a version that is not the successor of a latest one. `until_ms` is the time of the latest, if there is one.
    fn put_past(
        &mut self,
        key: &[u8],
        value: Option<Value>,
        from_ms: i64,
        until_ms: Option<i64>,
    ) -> Result<VersionedPut> {
        let until_ms = match self.ending_after(key, from_ms)? {
            Some((to_ms, around)) if around.from_ms <= from_ms => {
                if around.from_ms < from_ms {
                    self.set_past(key, from_ms, around)?;
                }
                self.set_past(key, to_ms, Past { from_ms, value })?;
                return Ok(VersionedPut::Until(to_ms));
            }
            Some((_, next)) => Some(next.from_ms),
            None => until_ms,
        };
        match (until_ms, value) {
            (Some(until_ms), value) => {
                self.set_past(key, until_ms, Past { from_ms, value })?;
                Ok(VersionedPut::Until(until_ms))
            }
            (None, Some(value)) => self.set_latest(key, Some(value), from_ms),
            (None, None) => {
                self.past_key(key, from_ms);
                if self.past.get(&self.scratch)?.is_none() {
                    self.set_past(key, from_ms, Past { from_ms, value: None })?;
                }
                Ok(VersionedPut::Latest)
            }
        }
    }

    /// The latest version, unless it is a deletion.
    pub(crate) fn latest(&mut self, key: &[u8]) -> Result<Option<Latest>> {
        self.latest_key(key);
        Ok(self.latest.get(&self.scratch)?.cloned())
    }

    /// The past version that ends first after a time, and when it does.
    pub(crate) fn ending_after(&mut self, key: &[u8], time_ms: i64) -> Result<Option<(i64, Past)>> {
        if time_ms >= self.observed_ms() {
            return Ok(None);
        }
        let mut past = self.past_between(key, time_ms.saturating_add(1));
        self.step(&mut past, &**self.backend(), Direction::Forward).transpose()
    }

    /// A scan of the past versions of a key that ended at a time or later, in the order of their times.
    pub(crate) fn past_between<'a>(&mut self, key: &[u8], from_ms: i64) -> TableScan<'a> {
        let bound = |segment: i64, to_ms: i64| {
            let mut local = Vec::with_capacity(key.len() + SEGMENT_BYTES + TIME_BYTES);
            append_past_key(key, segment, to_ms, &mut local);
            Bound::Included(local)
        };
        // A time is never negative, so that the least is that of zero.
        let range = |segment| -> OwnedRange { (bound(segment, from_ms.max(0)), bound(segment, i64::MAX)) };
        let ranges = ranges_of(self.past.expiry().segments.live_between(from_ms, i64::MAX), range);
        let key = key.to_vec();
        let wanted = move |local: &[u8]| is_past_of(local, &key) && ended_local(local) >= from_ms;
        self.past.scan(ranges, Some(from_ms), wanted)
    }

    /// The next past version from one end of a scan, and when it ended.
    pub(crate) fn step<'a>(
        &self,
        past: &mut TableScan<'a>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<(i64, Past)>> {
        past.step(&self.past, backend, from, |local, past| Ok((ended_local(local), past)))
    }

    /// Where the versions are.
    pub(crate) fn backend(&self) -> &BackendRef {
        self.past.backend()
    }

    /// Every version that can be found: RK ‖ int64 valid from, and int64 valid to (of the latest, the greatest there is)
    /// ‖ RV. Deletions are none.
    pub(crate) fn entries(&mut self) -> Result<Vec<RawEntry>> {
        let entry = |key: &[u8], (from_ms, to_ms): (i64, i64), value: &[u8]| -> RawEntry {
            ([key, &from_ms.to_be_bytes()].concat().into(), [&to_ms.to_be_bytes(), value].concat().into())
        };
        let mut all = Vec::new();
        let latest = vec![(Bound::Included(LATEST.to_vec()), Bound::Unbounded)];
        let past = vec![(Bound::Unbounded, Bound::Excluded(LATEST.to_vec()))];
        let mut latest = self.latest.scan(latest, None, |_| true);
        let mut past = self.past.scan(past, None, |local| local != OBSERVED_KEY);
        let (backend, from) = (&**self.backend(), Direction::Forward);
        let read = |local: &[u8], latest: Latest| {
            Ok(entry(&local[SEGMENT_BYTES..], (latest.from_ms, i64::MAX), &latest.value))
        };
        while let Some(row) = latest.step(&self.latest, backend, from, read) {
            all.push(row?);
        }
        let oldest_ms = self.observed_ms().saturating_sub(self.history_ms);
        let read = |local: &[u8], past: Past| {
            let (key, to_ms) = (&local[SEGMENT_BYTES..local.len() - TIME_BYTES], ended_local(local));
            let value = past.value.filter(|_| to_ms > oldest_ms);
            Ok(value.map(|value| entry(key, (past.from_ms, to_ms), &value)))
        };
        while let Some(row) = past.step(&self.past, backend, from, read) {
            all.extend(row?);
        }
        Ok(all)
    }

    pub(crate) fn stage(&mut self, batch: &mut Batch) -> Result<()> {
        self.latest.stage(&mut |_| Ok(()), batch)?;
        self.past.stage(&mut |_| Ok(()), batch)
    }

    pub(crate) fn committed(&mut self) {
        self.latest.committed();
        self.past.committed();
    }

    pub(crate) fn rollback(&mut self) {
        self.latest.rollback();
        self.past.rollback();
    }

    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.latest.uncommitted_bytes() + self.past.uncommitted_bytes()
    }

    fn set_latest(&mut self, key: &[u8], value: Option<Value>, from_ms: i64) -> Result<VersionedPut> {
        self.latest_key(key);
        let latest = value.map(|value| Latest { from_ms, value });
        self.latest.put(&self.scratch, latest, from_ms, Headers::new())?;
        Ok(VersionedPut::Latest)
    }

    fn set_past(&mut self, key: &[u8], to_ms: i64, past: Past) -> Result<()> {
        self.past_key(key, to_ms);
        self.past.put(&self.scratch, Some(past), to_ms, Headers::new())
    }

    fn latest_key(&mut self, key: &[u8]) {
        self.scratch.clear();
        self.scratch.extend_from_slice(&LATEST);
        self.scratch.extend_from_slice(key);
    }

    fn past_key(&mut self, key: &[u8], to_ms: i64) {
        let segment = self.past.expiry().segments.of(to_ms);
        self.scratch.clear();
        append_past_key(key, segment, to_ms, &mut self.scratch);
    }
}

fn append_past_key(key: &[u8], segment: i64, to_ms: i64, local: &mut Vec<u8>) {
    local.extend_from_slice(&segment.to_be_bytes());
    local.extend_from_slice(key);
    local.extend_from_slice(&to_ms.to_be_bytes());
}

/// Whether a local key is that of a past version of a key, and not of another that starts with it.
fn is_past_of(local: &[u8], key: &[u8]) -> bool {
    local.len() == SEGMENT_BYTES + key.len() + TIME_BYTES && local[SEGMENT_BYTES..].starts_with(key)
}

fn table<T: 'static>(
    name: &str,
    backend: &BackendRef,
    cache_bytes: usize,
    codec: impl Codec<T> + 'static,
) -> TableSpec<T> {
    let codec: CodecRef<T> = Arc::new(codec);
    TableSpec {
        name: name.to_owned(),
        backend: backend.clone(),
        format: ValueFormat::plain(codec),
        cache_bytes,
        tracking: Tracking::Off,
        log_headers: false,
    }
}

fn split_time(bytes: &[u8]) -> std::result::Result<(i64, &[u8]), CodecError> {
    let (time, rest) = bytes
        .split_first_chunk::<TIME_BYTES>()
        .ok_or_else(|| CodecError::new("a version without its time"))?;
    Ok((i64::from_be_bytes(*time), rest))
}

struct LatestCodec;

impl Codec<Latest> for LatestCodec {
    fn encode(&self, latest: &Latest, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        out.extend_from_slice(&latest.from_ms.to_be_bytes());
        out.extend_from_slice(&latest.value);
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> std::result::Result<Latest, CodecError> {
        let (from_ms, value) = split_time(bytes)?;
        Ok(Latest { from_ms, value: value.into() })
    }
}

struct PastCodec;

impl Codec<Past> for PastCodec {
    fn encode(&self, past: &Past, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        out.extend_from_slice(&past.from_ms.to_be_bytes());
        out.push(u8::from(past.value.is_some()));
        out.extend_from_slice(past.value.as_deref().unwrap_or_default());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> std::result::Result<Past, CodecError> {
        let (from_ms, rest) = split_time(bytes)?;
        let value = match rest.split_first() {
            Some((0, [])) => None,
            Some((1, value)) => Some(value.into()),
            _ => return Err(CodecError::new("a version that is neither a value nor a deletion")),
        };
        Ok(Past { from_ms, value })
    }
}
