//! Time segments: windows and sessions are stored in slices of time, and expire one slice at a time.
//!
//! Kafka Streams' rules (`AbstractRocksDBSegmentedBytesStore`, `AbstractSegments`), where *time* is a
//! window's start or a session's end:
//! 1. The observed stream time is the greatest time ever put (or removed).
//! 2. The segment of a time is `time / interval`, the interval being `max(retention / 2, 60 s)`.
//! 3. A segment older than that of `observed - retention` has expired: it is deleted, and puts into it are dropped.
//! 4. Reads see no time before `observed - retention + 1`, whether its segment has expired or not; a window store that
//!    emits on close sees one ms more, as a window without grace expires when it closes.
//!
//! The local key is int64 segment (big-endian) ‖ changelog key, so that a segment is a contiguous range and
//! reads go through segments in Kafka's order.

use std::ops::RangeInclusive;

/// The shortest segment interval, as Kafka Streams has it.
pub const SEGMENT_INTERVAL_MIN_MS: i64 = 60_000;
/// Bytes of the segment in front of a local key.
pub(crate) const SEGMENT_BYTES: usize = 8;
/// Where a segmented store keeps its observed stream time: after all segments, whose first byte is below
/// 0x80.
pub(crate) const OBSERVED_KEY: &[u8] = b"\xFFobserved-stream-time";
/// Nothing observed yet, as Kafka's `NO_TIMESTAMP`.
pub(crate) const NOTHING_OBSERVED: i64 = -1;

/// The length of the segments of a store with that retention.
pub fn segment_interval_ms(retention_ms: i64) -> i64 {
    (retention_ms / 2).max(SEGMENT_INTERVAL_MIN_MS)
}

/// The length of the segments of a versioned store with that history retention, unless it says otherwise
/// (`RocksDbVersionedKeyValueBytesStoreSupplier`).
pub fn versioned_segment_interval_ms(history_retention_ms: i64) -> i64 {
    let (parts, least_ms) = match history_retention_ms {
        ..=60_000 => (3, 2_000),
        60_001..=300_000 => (5, 20_000),
        300_001..=3_600_000 => (12, 60_000),
        _ => (24, 300_000),
    };
    (history_retention_ms / parts).max(least_ms)
}

/// The segments of one store and the stream time that it has observed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segments {
    pub(crate) retention_ms: i64,
    pub(crate) interval_ms: i64,
    pub(crate) observed_ms: i64,
    /// How much more than the retention reads see.
    pub(crate) extra_ms: i64,
}

impl Segments {
    /// The segment of a time. Negative times count as 0.
    pub(crate) fn of(&self, time_ms: i64) -> i64 {
        (time_ms / self.interval_ms).max(0)
    }

    /// The oldest segment that has not expired.
    pub(crate) fn oldest_live(&self) -> i64 {
        self.of(self.observed_ms.saturating_sub(self.retention_ms))
    }

    /// Observes a time.
    pub(crate) fn observe(&mut self, time_ms: i64) {
        self.observed_ms = self.observed_ms.max(time_ms);
    }

    /// The earliest time that reads may see.
    pub(crate) fn earliest_ms(&self) -> i64 {
        self.observed_ms.saturating_sub(self.retention_ms).saturating_add(1 - self.extra_ms)
    }

    /// The live segments that may hold times of `from_ms..=to_ms`, with what they still have of times that reads do not
    /// see.
    pub(crate) fn live_between(&self, from_ms: i64, to_ms: i64) -> RangeInclusive<i64> {
        self.of(from_ms).max(self.oldest_live())..=self.of(to_ms.min(self.observed_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versioned_ones_have_kafkas_lengths() {
        let lengths = [0, 60_000, 60_001, 300_000, 300_001, 3_600_000, 3_600_001, 86_400_000];
        let expected = [2_000, 20_000, 20_000, 60_000, 60_000, 300_000, 300_000, 3_600_000];
        assert_eq!(lengths.map(versioned_segment_interval_ms), expected);
    }

    #[test]
    fn follow_kafkas_rules() {
        assert_eq!(segment_interval_ms(100), 60_000);
        assert_eq!(segment_interval_ms(600_000), 300_000);
        let mut segments = Segments {
            retention_ms: 120_000,
            interval_ms: 60_000,
            observed_ms: NOTHING_OBSERVED,
            extra_ms: 0,
        };
        assert_eq!((segments.oldest_live(), segments.live_between(0, i64::MAX).count()), (0, 1));
        segments.observe(300_000);
        segments.observe(10);
        assert_eq!(
            (segments.observed_ms, segments.oldest_live(), segments.earliest_ms()),
            (300_000, 3, 180_001)
        );
        assert_eq!(segments.live_between(0, i64::MAX), 3..=5);
        assert_eq!(segments.live_between(240_000, 299_999), 4..=4);
        assert!(segments.live_between(0, 10).is_empty());
        segments.extra_ms = 1;
        assert_eq!(segments.earliest_ms(), 180_000);
    }
}
