//! The time of a windowed store: its segments, and from which time on memory holds everything.

use std::ops::RangeInclusive;

use super::expiry::{Expiry, TimeOf, Wanted};
use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Keyspace};
use crate::error::{Result, StoreError};
use crate::overlay::Overlay;
use crate::schema::segments::{NOTHING_OBSERVED, OBSERVED_KEY, SEGMENT_BYTES, Segments, segment_interval_ms};

/// How many expired segments stay in memory behind a cache. A record reaches back at most twice the gap of its sessions,
/// and a segment is at least half as long as that.
const CACHED_SEGMENTS: i64 = 4;

/// The time of a windowed store.
pub(crate) struct Timed {
    pub(crate) segments: Segments,
    pub(crate) time_of: TimeOf,
    /// Whether the store has a cache in front of it, as in Kafka Streams. Then entries in memory are read even if they have
    /// expired, and the store observes the time of an entry when its change is taken.
    cached: bool,
    /// The greatest time ever put; not less than the observed one.
    seen_ms: i64,
    /// Entries of this time and later are all in memory: a miss there needs no read of the backend. Without
    /// this, every new window would cost a read that finds nothing.
    floor_ms: i64,
    /// The observed stream time in the backend, and in the batches staged so far.
    committed_ms: i64,
    staged_ms: i64,
    /// Segments before this one are deleted, or will be by a staged batch.
    deleted_before: i64,
    /// The oldest live segment when memory was last cleared of expired entries.
    evicted_before: i64,
    /// How many entries were dropped because their segment had expired.
    pub(crate) dropped: u64,
}

impl Timed {
    /// The time of a store as it was committed.
    pub(crate) fn open(
        store: &str,
        backend: &BackendRef,
        keyspace: Keyspace,
        retention_ms: i64,
        time_of: TimeOf,
        cached: bool,
    ) -> Result<Self> {
        if retention_ms < 0 {
            return Err(StoreError::Retention { store: store.to_owned(), retention_ms, minimum_ms: 0 });
        }
        let observed_ms = read_observed(store, backend, keyspace)?;
        let interval_ms = segment_interval_ms(retention_ms);
        let segments = Segments { retention_ms, interval_ms, observed_ms, extra_ms: 0 };
        let oldest = segments.oldest_live();
        Ok(Timed {
            segments,
            time_of,
            cached,
            seen_ms: observed_ms,
            floor_ms: observed_ms.saturating_add(1),
            committed_ms: observed_ms,
            staged_ms: observed_ms,
            deleted_before: oldest,
            evicted_before: oldest,
            dropped: 0,
        })
    }

    /// The same with segments of another length than windowed stores have.
    pub(crate) fn with_interval(mut self, interval_ms: i64) -> Self {
        self.segments.interval_ms = interval_ms;
        self.deleted_before = self.segments.oldest_live();
        self.evicted_before = self.deleted_before;
        self
    }

    /// Lets reads see one ms more than the retention: for stores of windows that are emitted when they close.
    pub(crate) fn see_closing(&mut self) {
        self.segments.extra_ms = 1;
    }

    /// The time of a local key; keys are the store's own, so one without a time cannot be.
    pub(crate) fn of_local(&self, local: &[u8]) -> i64 {
        local.get(SEGMENT_BYTES..).and_then(self.time_of).unwrap_or(i64::MIN)
    }

    /// The earliest time that reads of memory may see.
    pub(crate) fn visible_ms(&self) -> i64 {
        if self.cached { 0 } else { self.stored_ms() }
    }

    /// The earliest time that reads of the backend may see.
    pub(crate) fn stored_ms(&self) -> i64 {
        self.segments.earliest_ms()
    }

    /// The segments that may hold times of `from_ms..=to_ms`, in memory or in the backend.
    pub(crate) fn between(&self, from_ms: i64, to_ms: i64) -> RangeInclusive<i64> {
        self.live_between(from_ms.max(self.visible_ms()), to_ms)
    }

    /// As [`Timed::between`], with what a live segment still has of times that reads do not see.
    pub(crate) fn live_between(&self, from_ms: i64, to_ms: i64) -> RangeInclusive<i64> {
        if !self.cached {
            return self.segments.live_between(from_ms, to_ms);
        }
        self.segments.of(from_ms).max(self.evicted_before)..=self.segments.of(to_ms.min(self.seen_ms))
    }

    /// Notes a put of that time. Returns its segment, or `None` if that has expired.
    pub(crate) fn enter(&mut self, time_ms: i64) -> Option<i64> {
        self.seen_ms = self.seen_ms.max(time_ms);
        if self.cached {
            return Some(self.segments.of(time_ms));
        }
        self.segments.observe(time_ms);
        let segment = self.segments.of(time_ms);
        if segment < self.segments.oldest_live() {
            self.dropped += 1;
            return None;
        }
        Some(segment)
    }

    /// The time before which all entries have expired, if it has moved since the last call.
    fn newly_expired_ms(&mut self) -> Option<i64> {
        // What has expired is still read from the cache.
        let kept = if self.cached { CACHED_SEGMENTS } else { 0 };
        let oldest = (self.segments.oldest_live() - kept).max(0);
        if oldest <= self.evicted_before {
            return None;
        }
        self.evicted_before = oldest;
        Some(oldest.saturating_mul(self.segments.interval_ms))
    }

    /// Notes that an entry of that time is no longer in memory.
    fn forget_ms(&mut self, time_ms: i64) {
        self.floor_ms = self.floor_ms.max(time_ms.saturating_add(1));
    }
}

impl Expiry for Timed {
    const PREFIX_BYTES: usize = SEGMENT_BYTES;

    fn knows_absent(&self, key: &[u8]) -> bool {
        self.is_in_memory(self.of_local(key))
    }

    fn hides_stored(&self, key: &[u8]) -> bool {
        self.cached && self.of_local(key) < self.stored_ms()
    }

    fn stored_from(&self) -> Option<(TimeOf, i64)> {
        self.cached.then(|| (self.time_of, self.stored_ms()))
    }

    fn is_in_memory(&self, from_ms: i64) -> bool {
        from_ms >= self.floor_ms
    }

    fn live(&self) -> Wanted {
        let (time_of, earliest_ms) = (self.time_of, self.segments.earliest_ms());
        Box::new(move |key| {
            let time_ms = key.get(SEGMENT_BYTES..).and_then(time_of);
            // The row that holds the observed stream time is not an entry.
            key != OBSERVED_KEY && time_ms.is_some_and(|time_ms| time_ms >= earliest_ms)
        })
    }

    fn has_expired(&self, key: &[u8]) -> bool {
        self.segments.of(self.of_local(key)) < self.segments.oldest_live()
    }

    fn is_latest(&self, key: &[u8]) -> bool {
        self.of_local(key) >= self.segments.observed_ms
    }

    fn pass(&mut self, key: &[u8], changes: bool) -> bool {
        let time_ms = self.of_local(key);
        if changes {
            self.segments.observe(time_ms);
            self.dropped += u64::from(self.segments.of(time_ms) < self.segments.oldest_live());
        }
        time_ms >= self.stored_ms()
    }

    fn forget(&mut self, key: &[u8]) {
        self.forget_ms(self.of_local(key));
    }

    fn trim<T>(&mut self, overlay: &mut Overlay<T>, cache_bytes: usize, slack_bytes: usize) -> bool {
        let expired_ms = self.newly_expired_ms();
        if expired_ms.is_none() && overlay.clean_bytes() <= cache_bytes.saturating_add(slack_bytes) {
            return false;
        }
        let expired_ms = expired_ms.unwrap_or(i64::MIN);
        if let Some(latest_ms) = overlay.evict_earliest(cache_bytes, expired_ms, |key| self.of_local(key)) {
            self.forget_ms(latest_ms);
        }
        true
    }

    /// Stages the observed stream time, and the deletion of what it has made expire.
    fn stage(&mut self, keyspace: Keyspace, batch: &mut Batch) {
        if self.segments.observed_ms > self.staged_ms {
            self.staged_ms = self.segments.observed_ms;
            batch.put_number(keyspace, OBSERVED_KEY, self.staged_ms);
        }
        let oldest = self.segments.oldest_live();
        if oldest > self.deleted_before {
            batch.delete_range(keyspace, &0i64.to_be_bytes(), &oldest.to_be_bytes());
            self.deleted_before = oldest;
        }
    }

    fn committed(&mut self) {
        self.committed_ms = self.staged_ms;
    }

    fn rollback(&mut self) {
        self.segments.observed_ms = self.committed_ms;
        self.staged_ms = self.committed_ms;
        self.seen_ms = self.committed_ms;
        self.deleted_before = self.segments.oldest_live();
    }
}

/// The observed stream time that the backend holds for a store.
pub(crate) fn read_observed(store: &str, backend: &BackendRef, keyspace: Keyspace) -> Result<i64> {
    let Some(bytes) = backend.get(keyspace, OBSERVED_KEY)? else { return Ok(NOTHING_OBSERVED) };
    let number: std::result::Result<[u8; 8], _> = bytes.as_slice().try_into();
    number.map(i64::from_be_bytes).map_err(|_| StoreError::Corrupt {
        store: store.to_owned(),
        what: "an observed stream time",
        detail: format!("{} bytes", bytes.len()),
    })
}
