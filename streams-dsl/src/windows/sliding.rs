//! Sliding windows: wherever records are, as far as they are apart.

use std::time::Duration;

use super::{check_span, to_ms};
use streams_core::time::Timestamp;
use streams_core::window::Window;

/// Windows that slide over the records of a key (`org.apache.kafka.streams.kstream.SlidingWindows`).
///
/// Two records are in a common window if they are not further apart than the time difference. Both ends belong to a
/// window. Windows are made only where records are: one that ends at each record, and one that starts 1 ms after it if
/// there is a record in it, so that no two windows of a key hold the same records. Records before the first full time
/// difference after 1970 share the window that starts at 0.
///
/// A window closes when the stream time that its operator has seen passes its end plus the grace period.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::{SlidingWindows, minutes, seconds};
///
/// let windows = SlidingWindows::of_time_difference_and_grace(minutes(5), seconds(30));
/// assert_eq!(windows.time_difference_ms(), 300_000);
/// assert_eq!(windows.grace_ms(), 30_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingWindows {
    time_difference_ms: i64,
    grace_ms: i64,
}

impl SlidingWindows {
    /// Windows of records that are at most so far apart, which take late records for `grace` after their end
    /// (`ofTimeDifferenceAndGrace`).
    pub fn of_time_difference_and_grace(time_difference: Duration, grace: Duration) -> Self {
        SlidingWindows { time_difference_ms: to_ms(time_difference), grace_ms: to_ms(grace) }
    }

    /// Windows of records that are at most so far apart, which take no record once stream time has passed their end
    /// (`ofTimeDifferenceWithNoGrace`).
    pub fn of_time_difference_with_no_grace(time_difference: Duration) -> Self {
        Self::of_time_difference_and_grace(time_difference, Duration::ZERO)
    }

    /// The largest time between two records of a window, and the length of windows.
    pub fn time_difference_ms(&self) -> i64 {
        self.time_difference_ms
    }

    /// For how long after its end a window still takes late records.
    pub fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    /// The window that starts at a time.
    pub(crate) fn window_at(&self) -> impl Fn(Timestamp) -> Window + use<> {
        let length_ms = self.time_difference_ms;
        move |start_ms| Window::of_size(start_ms, length_ms)
    }

    /// What is wrong with the definition, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_span("the time difference of sliding windows", self.time_difference_ms)?;
        check_span("the grace period", self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::millis;

    #[test]
    fn definitions_that_make_no_sense_are_refused() {
        assert!(SlidingWindows::of_time_difference_with_no_grace(millis(10)).check().is_ok());
        assert!(SlidingWindows::of_time_difference_with_no_grace(Duration::MAX).check().is_err());
        assert!(SlidingWindows::of_time_difference_and_grace(millis(1), Duration::MAX).check().is_err());
    }
}
