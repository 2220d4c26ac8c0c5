//! How long a call may still take.

use std::time::{Duration, Instant};

/// A point in real time until which a call may take.
pub(super) struct Deadline {
    start: Instant,
    timeout: Duration,
}

impl Deadline {
    /// The deadline `timeout` from now.
    #[allow(clippy::disallowed_methods, reason = "a transport waits in real time")]
    pub(super) fn after(timeout: Duration) -> Self {
        Deadline { start: Instant::now(), timeout }
    }

    /// The time left.
    pub(super) fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.start.elapsed())
    }
}
