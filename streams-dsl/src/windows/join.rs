//! Join windows: how far apart two records of a stream-stream join may be.

use std::time::Duration;

use super::{check_span, to_ms};
use streams_core::time::Timestamp;

/// Which records of the other stream a record joins (`org.apache.kafka.streams.kstream.JoinWindows`).
///
/// A record of the left stream at time `t` joins those of the right one between `t - before` and `t + after`, both
/// inclusive; so a record of the right stream looks `after` back and `before` ahead. Records are never dropped as late, but
/// one that comes late finds only what is kept: partners of less than `before + after + grace` before stream time. In order,
/// that is all of them. Without a grace period, one that is as late as can be misses the partner at the very edge of its
/// window: with 10 ms of difference, a record of time 110 finds one of 100 while stream time is 119, and at 120 no more, as
/// in Kafka Streams. A millisecond of grace avoids it.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::{JoinWindows, minutes, seconds};
///
/// // A payment counts for an order up to ten minutes after it, never before.
/// let windows = JoinWindows::of_time_difference_and_grace(minutes(10), seconds(30)).before(seconds(0));
/// assert_eq!((windows.before_ms(), windows.after_ms(), windows.grace_ms()), (0, 600_000, 30_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JoinWindows {
    before_ms: i64,
    after_ms: i64,
    grace_ms: i64,
    deprecated: Deprecated,
}

impl JoinWindows {
    /// At most that far apart in either direction, with late records taken for `grace` more
    /// (`ofTimeDifferenceAndGrace`).
    pub fn of_time_difference_and_grace(difference: Duration, grace: Duration) -> Self {
        JoinWindows {
            before_ms: to_ms(difference),
            after_ms: to_ms(difference),
            grace_ms: to_ms(grace),
            deprecated: Deprecated::Unused,
        }
    }

    /// At most that far apart in either direction (`ofTimeDifferenceWithNoGrace`).
    pub fn of_time_difference_with_no_grace(difference: Duration) -> Self {
        Self::of_time_difference_and_grace(difference, Duration::ZERO)
    }

    /// At most that far apart in either direction, with 24 hours less the window's size of grace (`JoinWindows.of`). A
    /// left or outer join has the result of a record without a partner at once, and again with one that comes later.
    #[deprecated(note = "use of_time_difference_and_grace, whose outer joins take no result back")]
    pub fn of(difference: Duration) -> Self {
        let ms = to_ms(difference);
        JoinWindows {
            before_ms: ms,
            after_ms: ms,
            grace_ms: GRACE_OF_OLD_MS.saturating_sub(ms.saturating_mul(2)).max(0),
            deprecated: Deprecated::Of,
        }
    }

    /// Waits that long for late records, after [`of`](Self::of) only (`JoinWindows.grace`).
    #[deprecated(note = "use of_time_difference_and_grace")]
    pub fn grace(self, grace: Duration) -> Self {
        match self.deprecated {
            Deprecated::Of => JoinWindows { grace_ms: to_ms(grace), ..self },
            Deprecated::Unused | Deprecated::Misused => {
                JoinWindows { deprecated: Deprecated::Misused, ..self }
            }
        }
    }

    /// The right record may be that much earlier than the left one (`before`).
    pub fn before(self, difference: Duration) -> Self {
        JoinWindows { before_ms: to_ms(difference), ..self }
    }

    /// The right record may be that much later than the left one (`after`).
    pub fn after(self, difference: Duration) -> Self {
        JoinWindows { after_ms: to_ms(difference), ..self }
    }

    /// The right record must be later than the left one, by at least that much: [`before`](Self::before) with a negative
    /// difference, as Java has it. It takes the place of `before`, and must not be more than [`after`](Self::after).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// use kstreams::windows::{minutes, seconds};
    ///
    /// // A payment joins with what happens from ten seconds to five minutes later.
    /// let windows = JoinWindows::of_time_difference_with_no_grace(minutes(5)).starts_after(seconds(10));
    /// assert_eq!((windows.before_ms(), windows.after_ms()), (-10_000, 300_000));
    /// ```
    pub fn starts_after(self, difference: Duration) -> Self {
        JoinWindows { before_ms: -to_ms(difference), ..self }
    }

    /// The right record must be earlier than the left one, by at least that much: [`after`](Self::after) with a negative
    /// difference, as Java has it. It takes the place of `after`, and must not be more than [`before`](Self::before).
    pub fn ends_before(self, difference: Duration) -> Self {
        JoinWindows { after_ms: -to_ms(difference), ..self }
    }

    /// How much earlier the right record may be.
    pub fn before_ms(&self) -> i64 {
        self.before_ms
    }

    /// How much later the right record may be.
    pub fn after_ms(&self) -> i64 {
        self.after_ms
    }

    /// For how long late records are waited for.
    pub fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    /// The length of the window: `before + after`.
    pub fn size_ms(&self) -> i64 {
        self.before_ms.saturating_add(self.after_ms)
    }

    /// For how long the records of both streams are kept.
    pub(crate) fn retention_ms(&self) -> i64 {
        self.size_ms().saturating_add(self.grace_ms)
    }

    /// Whether outer joins give the result of a record without a partner at once, and another one when a partner comes.
    pub(crate) fn joins_nulls_at_once(&self) -> bool {
        self.deprecated == Deprecated::Of
    }

    /// What a record of the left stream looks for in the right one.
    pub(crate) fn seen_from_left(&self) -> Reach {
        Reach { back_ms: self.before_ms, ahead_ms: self.after_ms }
    }

    /// What a record of the right stream looks for in the left one.
    pub(crate) fn seen_from_right(&self) -> Reach {
        Reach { back_ms: self.after_ms, ahead_ms: self.before_ms }
    }

    /// What is wrong with the definition, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_span("the time before a record", self.before_ms)?;
        check_span("the time after a record", self.after_ms)?;
        check_span("the grace period", self.grace_ms)?;
        if self.deprecated == Deprecated::Misused {
            return Err("JoinWindows::grace is called after of_time_difference_and_grace or \
                        of_time_difference_with_no_grace, which have said what the grace is; leave it out"
                .to_owned());
        }
        if self.size_ms() < 0 {
            return Err(format!(
                "a join window must not be negative, but {} ms before and {} ms after add up to {} ms",
                self.before_ms,
                self.after_ms,
                self.size_ms()
            ));
        }
        Ok(())
    }
}

/// The grace of old definitions, window included.
const GRACE_OF_OLD_MS: i64 = 24 * 60 * 60 * 1000;

/// Whether the methods that Kafka Streams has deprecated made the definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deprecated {
    Unused,
    /// Made by [`JoinWindows::of`].
    Of,
    /// [`JoinWindows::grace`] was called on a definition that has its grace.
    Misused,
}

/// How far one side of a join looks into the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    back_ms: i64,
    ahead_ms: i64,
}

impl Reach {
    /// How much later than a record its last partner may be.
    pub(crate) fn ahead_ms(&self) -> i64 {
        self.ahead_ms
    }

    /// The first and the last timestamp that join a record of that one. Time starts at 0.
    #[inline]
    pub(crate) fn around(&self, timestamp: Timestamp) -> (Timestamp, Timestamp) {
        (timestamp.saturating_sub(self.back_ms).max(0), timestamp.saturating_add(self.ahead_ms).max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::millis;

    #[test]
    fn both_bounds_join() {
        let windows = JoinWindows::of_time_difference_with_no_grace(millis(10));
        assert_eq!(windows.seen_from_left().around(100), (90, 110));
        assert_eq!(windows.seen_from_right().around(100), (90, 110));
        assert_eq!(windows.seen_from_left().around(3), (0, 13));
    }

    #[test]
    fn the_right_side_sees_the_window_mirrored() {
        let windows = JoinWindows::of_time_difference_with_no_grace(millis(0))
            .after(millis(10))
            .starts_after(millis(2));
        assert_eq!(windows.seen_from_left().around(100), (102, 110));
        assert_eq!(windows.seen_from_right().around(105), (95, 103));
        assert_eq!(windows.size_ms(), 8);
        assert!(windows.check().is_ok());
    }

    #[test]
    fn a_negative_window_is_refused() {
        let windows = JoinWindows::of_time_difference_with_no_grace(millis(10));
        assert!(windows.starts_after(millis(10)).check().is_ok());
        assert!(windows.starts_after(millis(11)).check().is_err());
        assert!(windows.ends_before(millis(10)).check().is_ok());
        assert!(windows.ends_before(millis(11)).check().is_err());
        for endless in [windows.ends_before(Duration::MAX), windows.after(Duration::MAX)] {
            assert!(endless.check().is_err());
        }
    }

    #[test]
    #[allow(deprecated, reason = "what is deprecated is tested")]
    fn windows_of_old_have_a_day_of_grace_and_join_nulls_at_once() {
        let windows = JoinWindows::of(millis(10));
        assert_eq!((windows.grace_ms(), windows.retention_ms()), (86_400_000 - 20, 86_400_000));
        assert!(windows.joins_nulls_at_once() && windows.after(millis(3)).joins_nulls_at_once());
        assert_eq!(windows.grace(millis(5)).retention_ms(), 25);
        assert_eq!(JoinWindows::of(crate::windows::days(2)).grace_ms(), 0);
        let twice = JoinWindows::of_time_difference_with_no_grace(millis(10)).grace(millis(5));
        assert!(windows.check().is_ok() && twice.check().is_err());
    }

    #[test]
    fn records_are_kept_for_the_window_and_its_grace() {
        let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(5)).before(millis(1));
        assert_eq!(windows.retention_ms(), 16);
    }
}
