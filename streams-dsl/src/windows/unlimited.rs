//! One window without an end.

use super::Windows;
use streams_core::time::{IntoTimestamp, Timestamp};
use streams_core::window::Window;

/// A single window that never ends (`org.apache.kafka.streams.kstream.UnlimitedWindows`).
///
/// Records before its start belong to no window and are left out, uncounted. It never closes: there is no grace period,
/// no record is late, its results cannot be emitted on close, and its store keeps it permanently.
///
/// ```
/// # use streams_dsl as kstreams;
/// use kstreams::windows::{UnlimitedWindows, Windows};
///
/// let since_noon = UnlimitedWindows::of().start_on(43_200_000);
/// assert_eq!(since_noon.windows_for(43_199_999).count(), 0);
/// assert_eq!(since_noon.windows_for(43_200_000).map(|window| window.start_ms).collect::<Vec<_>>(), [43_200_000]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnlimitedWindows {
    start_ms: Timestamp,
}

impl UnlimitedWindows {
    /// The window that starts in 1970 (`of`).
    pub fn of() -> Self {
        UnlimitedWindows::default()
    }

    /// The window that starts at that time (`startOn`).
    pub fn start_on(self, start: impl IntoTimestamp) -> Self {
        UnlimitedWindows { start_ms: start.into_timestamp() }
    }

    /// When the window starts.
    pub fn start_ms(&self) -> Timestamp {
        self.start_ms
    }
}

impl Windows for UnlimitedWindows {
    fn size_ms(&self) -> i64 {
        i64::MAX
    }

    fn grace_ms(&self) -> i64 {
        0
    }

    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
        (timestamp >= self.start_ms).then_some(Window::new(self.start_ms, Timestamp::MAX)).into_iter()
    }

    fn window_at(&self, start_ms: Timestamp) -> Window {
        Window::new(start_ms, Timestamp::MAX)
    }

    fn check(&self) -> Result<(), String> {
        match self.start_ms {
            0.. => Ok(()),
            start_ms => {
                Err(format!("the start of an unlimited window cannot be negative, but is {start_ms}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_start_is_refused() {
        assert!(UnlimitedWindows::of().check().is_ok());
        assert!(UnlimitedWindows::of().start_on(-1).check().is_err());
    }
}
