//! Session windows: as long as records keep coming.

use std::time::Duration;

use super::{check_span, to_ms};
use streams_core::time::Timestamp;
use streams_core::window::Window;

/// Sessions that end after a gap without records (`org.apache.kafka.streams.kstream.SessionWindows`).
///
/// A session reaches from the timestamp of its first record to that of its last, both inclusive. A record joins every
/// session of its key that is not further away than the gap, and sessions that it so connects become one. A session
/// is dropped as late when it ends before the stream time that its operator has seen, minus gap and grace period.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::{SessionWindows, minutes, seconds};
///
/// let sessions = SessionWindows::of_inactivity_gap_and_grace(minutes(30), seconds(10));
/// assert_eq!(sessions.inactivity_gap_ms(), 1_800_000);
/// assert_eq!(sessions.grace_ms(), 10_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionWindows {
    gap_ms: i64,
    grace_ms: i64,
}

impl SessionWindows {
    /// Sessions that end after that gap and take late records for `grace` more (`ofInactivityGapAndGrace`).
    pub fn of_inactivity_gap_and_grace(gap: Duration, grace: Duration) -> Self {
        SessionWindows { gap_ms: to_ms(gap), grace_ms: to_ms(grace) }
    }

    /// Sessions that end after that gap, and take no record after it (`ofInactivityGapWithNoGrace`).
    pub fn of_inactivity_gap_with_no_grace(gap: Duration) -> Self {
        Self::of_inactivity_gap_and_grace(gap, Duration::ZERO)
    }

    /// The longest time between two records of a session.
    pub fn inactivity_gap_ms(&self) -> i64 {
        self.gap_ms
    }

    /// For how long after the gap a session still takes late records.
    pub fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    /// Sessions that end before this time, given the latest timestamp seen, are closed.
    pub(crate) fn close_time(&self, stream_time: Timestamp) -> Timestamp {
        stream_time - self.grace_ms - self.gap_ms
    }

    /// What is wrong with the definition, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_span("the inactivity gap of sessions", self.gap_ms)?;
        check_span("the grace period", self.grace_ms)
    }
}

/// The session that covers both.
pub(crate) fn merge(one: Window, two: Window) -> Window {
    Window::new(one.start_ms.min(two.start_ms), one.end_ms.max(two.end_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::millis;

    #[test]
    fn a_session_is_closed_after_gap_and_grace() {
        let sessions = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        assert_eq!(sessions.close_time(100), 85);
        assert_eq!(SessionWindows::of_inactivity_gap_with_no_grace(millis(10)).close_time(100), 90);
    }

    #[test]
    fn merged_sessions_cover_both() {
        assert_eq!(merge(Window::new(5, 7), Window::new(1, 6)), Window::new(1, 7));
        assert_eq!(merge(Window::new(1, 9), Window::new(3, 3)), Window::new(1, 9));
    }

    #[test]
    fn a_gap_of_zero_is_fine_and_an_endless_one_is_not() {
        assert!(SessionWindows::of_inactivity_gap_with_no_grace(Duration::ZERO).check().is_ok());
        assert!(SessionWindows::of_inactivity_gap_with_no_grace(Duration::MAX).check().is_err());
    }
}
