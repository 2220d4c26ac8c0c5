//! How often something is searched for: at most once an interval of the wall clock.

use streams_core::time::Timestamp;

/// When something was searched for last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LastLook(Option<Timestamp>);

impl LastLook {
    /// Whether the last look is an interval ago; if so, the next one is made now. A clock that is set back delays it by no
    /// more than the interval.
    pub(super) fn is_over(&mut self, now: Timestamp, interval_ms: i64) -> bool {
        let over = self.0.is_none_or(|last| now < last || now.saturating_sub(last) >= interval_ms);
        if over {
            self.0 = Some(now);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Showed before: no look until the clock had come round to where it was.
    #[test]
    fn a_clock_that_is_set_back_delays_no_look() {
        let mut look = LastLook::default();
        let mut at = |now| look.is_over(now, 1_000);
        assert_eq!([0, 999, 1_000, 1_001].map(&mut at), [true, false, true, false]);
        assert_eq!([3_600_000, 1_001, 2_000, 2_001].map(&mut at), [true, true, false, true]);
        assert!(at(i64::MAX) && !at(i64::MAX));
    }
}
