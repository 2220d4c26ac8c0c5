//! Tumbling and hopping windows: fixed size, laid over time from 1970 on.

use std::time::Duration;

use super::{AnyWindows, Windows, check_span, to_ms};
use streams_core::time::Timestamp;
use streams_core::window::Window;

/// More windows of one record than this are warned of: each is a row, a change of the changelog and a result of its own.
const WINDOWS_TOLD: i64 = 10_000;
/// With more, a single record takes longer than the group waits for its members.
const WINDOWS_MAX: i64 = 1_000_000;

/// Tumbling windows, or hopping ones after [`advance_by`](Self::advance_by)
/// (`org.apache.kafka.streams.kstream.TimeWindows`).
///
/// A window starts at each multiple of the advance, contains its start and does not contain its end. It closes when
/// the stream time that its operator has seen reaches the end plus the grace period; records that come later are
/// dropped and counted in `dropped-records`.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::{TimeWindows, Windows, minutes, seconds};
///
/// let tumbling = TimeWindows::of_size_and_grace(minutes(5), seconds(30));
/// let starts: Vec<_> = tumbling.windows_for(299_999).map(|window| window.start_ms).collect();
/// assert_eq!(starts, [0]);
///
/// let hopping = TimeWindows::of_size_with_no_grace(minutes(5)).advance_by(minutes(2));
/// let starts: Vec<_> = hopping.windows_for(299_999).map(|window| window.start_ms).collect();
/// assert_eq!(starts, [0, 120_000, 240_000]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeWindows {
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
}

impl TimeWindows {
    /// Windows of that size that take records for `grace` after their end (`ofSizeAndGrace`).
    pub fn of_size_and_grace(size: Duration, grace: Duration) -> Self {
        TimeWindows { size_ms: to_ms(size), advance_ms: to_ms(size), grace_ms: to_ms(grace) }
    }

    /// Windows of that size that take no record after their end (`ofSizeWithNoGrace`).
    pub fn of_size_with_no_grace(size: Duration) -> Self {
        Self::of_size_and_grace(size, Duration::ZERO)
    }

    /// The same windows starting every `advance`, so that a record belongs to several (`advanceBy`). Each is a row and a
    /// result of its own: building warns of more than 10,000 for one record, and refuses more than a million.
    pub fn advance_by(self, advance: Duration) -> Self {
        TimeWindows { advance_ms: to_ms(advance), ..self }
    }

    /// How far apart the starts of two windows are.
    pub fn advance_ms(&self) -> i64 {
        self.advance_ms
    }
}

impl Windows for TimeWindows {
    fn size_ms(&self) -> i64 {
        self.size_ms
    }

    fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    #[inline]
    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
        // At least 1, so that a definition that no topology accepts divides by nothing either.
        let advance_ms = self.advance_ms.max(1);
        let first = (timestamp - self.size_ms).saturating_add(advance_ms).max(0) / advance_ms * advance_ms;
        TimeWindowsFor { next: Some(first), timestamp, advance_ms, size_ms: self.size_ms }
    }

    fn window_at(&self, start_ms: Timestamp) -> Window {
        Window::of_size(start_ms, self.size_ms)
    }

    fn any(&self) -> AnyWindows {
        AnyWindows::Time(*self)
    }

    fn check(&self) -> Result<(), String> {
        let TimeWindows { size_ms, advance_ms, grace_ms } = *self;
        check_span("the window size", size_ms)?;
        check_span("the grace period", grace_ms)?;
        if size_ms == 0 {
            return Err("the window size must be at least 1 ms".to_owned());
        }
        if advance_ms == 0 || advance_ms > size_ms {
            return Err(format!(
                "the advance of hopping windows must be between 1 ms and the window size of {size_ms} ms, but is \
                 {advance_ms} ms"
            ));
        }
        let windows = (size_ms - 1) / advance_ms + 1;
        let cost = format!(
            "windows of {size_ms} ms that advance by {advance_ms} ms put each record into {windows} of them, and each is a \
             row of the store and a result of its own"
        );
        if windows > WINDOWS_MAX {
            return Err(format!("{cost}; advance by more, so that there are at most {WINDOWS_MAX}"));
        }
        if windows > WINDOWS_TOLD {
            tracing::warn!("{cost}; if that is not meant, advance by more");
        }
        Ok(())
    }
}

/// The time windows of one timestamp, in the order of their starts.
struct TimeWindowsFor {
    next: Option<Timestamp>,
    timestamp: Timestamp,
    advance_ms: i64,
    size_ms: i64,
}

impl Iterator for TimeWindowsFor {
    type Item = Window;

    #[inline]
    fn next(&mut self) -> Option<Window> {
        let start = self.next.filter(|start| *start <= self.timestamp)?;
        // Near the end of time there is no next start.
        self.next = start.checked_add(self.advance_ms);
        Some(Window::of_size(start, self.size_ms))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::windows::{millis, minutes};

    fn starts(windows: TimeWindows, timestamp: Timestamp) -> Vec<Timestamp> {
        windows.windows_for(timestamp).map(|window| window.start_ms).collect()
    }

    #[test]
    fn a_tumbling_window_has_its_start_and_not_its_end() {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        assert_eq!(starts(windows, 0), [0]);
        assert_eq!(starts(windows, 9), [0]);
        assert_eq!(starts(windows, 10), [10]);
        assert_eq!(starts(windows, 11), [10]);
        assert_eq!(windows.windows_for(10).next(), Some(Window::new(10, 20)));
    }

    #[test]
    fn hopping_windows_overlap_and_none_starts_before_1970() {
        let windows = TimeWindows::of_size_with_no_grace(millis(10)).advance_by(millis(4));
        assert_eq!(starts(windows, 0), [0]);
        assert_eq!(starts(windows, 3), [0]);
        assert_eq!(starts(windows, 9), [0, 4, 8]);
        assert_eq!(starts(windows, 10), [4, 8]);
        assert_eq!(starts(windows, 12), [4, 8, 12]);
    }

    #[test]
    fn the_last_window_of_all_time_is_listed_once() {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        assert_eq!(windows.windows_for(i64::MAX).count(), 1);
    }

    #[test]
    fn definitions_without_sense_are_refused() {
        assert!(TimeWindows::of_size_with_no_grace(minutes(1)).check().is_ok());
        assert!(TimeWindows::of_size_with_no_grace(minutes(1)).advance_by(minutes(1)).check().is_ok());
        let refused = |windows: TimeWindows| windows.check().is_err();
        assert!(refused(TimeWindows::of_size_with_no_grace(Duration::from_nanos(999_999))));
        assert!(refused(TimeWindows::of_size_with_no_grace(minutes(1)).advance_by(Duration::ZERO)));
        assert!(refused(TimeWindows::of_size_with_no_grace(minutes(1)).advance_by(millis(60_001))));
        assert!(refused(TimeWindows::of_size_with_no_grace(Duration::MAX)));
        assert!(refused(TimeWindows::of_size_and_grace(minutes(1), Duration::MAX)));
    }

    #[test]
    fn too_many_windows_of_one_record_are_refused() {
        let hopping = |size, advance| {
            TimeWindows::of_size_with_no_grace(millis(size)).advance_by(millis(advance)).check()
        };
        assert!(hopping(1_000_000, 1).is_ok() && hopping(2_000_000, 2).is_ok());
        assert!(hopping(1_000_001, 1).is_err() && hopping(2_000_001, 2).is_err());
        let day = hopping(86_400_000, 1).unwrap_err();
        assert!(day.contains("into 86400000 of them") && day.contains("advance by more"), "{day}");
    }

    proptest! {
        // proptest prints the seed of a failing case and keeps it in proptest-regressions/.
        #[test]
        fn windows_are_those_multiples_of_the_advance_that_contain_the_record(
            size in 1_u64..50, advance in 1_u64..50, timestamp in 0_i64..500,
        ) {
            prop_assume!(advance <= size);
            let windows = TimeWindows::of_size_with_no_grace(millis(size)).advance_by(millis(advance));
            let (size, advance) = (windows.size_ms(), windows.advance_ms());
            let expected: Vec<_> = (0..=timestamp)
                .filter(|start| start % advance == 0 && timestamp < start + size)
                .collect();
            prop_assert_eq!(starts(windows, timestamp), expected);
        }
    }
}
