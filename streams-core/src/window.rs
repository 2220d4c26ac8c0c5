//! What a window is: a span of event time, and a key that is bound to one. How records find their windows is the
//! DSL's business.

use std::fmt;

use crate::time::Timestamp;

/// A span of event time (`org.apache.kafka.streams.kstream.Window`).
///
/// Whether the end belongs to it depends on its kind: the end of a time window is exclusive, that of a session is the
/// timestamp of its last record. The start is never negative and the end never before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first millisecond.
    pub start_ms: Timestamp,
    /// The end in milliseconds.
    pub end_ms: Timestamp,
}

impl Window {
    /// The window between these times.
    pub const fn new(start_ms: Timestamp, end_ms: Timestamp) -> Self {
        Window { start_ms, end_ms }
    }

    /// The time window of that size; the end of time ends a window that would reach beyond it.
    pub const fn of_size(start_ms: Timestamp, size_ms: i64) -> Self {
        Window { start_ms, end_ms: start_ms.saturating_add(size_ms) }
    }
}

/// A key within a window: the key of a windowed table (`org.apache.kafka.streams.kstream.Windowed`). Prints as
/// `[key@start/end]`, as Kafka's.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::window::{Window, Windowed};
///
/// assert_eq!(Windowed::new("home", Window::new(0, 60_000)).to_string(), "[home@0/60000]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Windowed<K> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: Window,
}

impl<K> Windowed<K> {
    /// Pairs a key with a window.
    pub const fn new(key: K, window: Window) -> Self {
        Windowed { key, window }
    }
}

impl<K: fmt::Display> fmt::Display for Windowed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}@{}/{}]", self.key, self.window.start_ms, self.window.end_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_windowed_key_prints_as_in_kafka() {
        assert_eq!(Windowed::new("alice", Window::new(0, 60_000)).to_string(), "[alice@0/60000]");
    }

    #[test]
    fn a_window_ends_with_time_at_the_latest() {
        assert_eq!(Window::of_size(10, 5), Window::new(10, 15));
        assert_eq!(Window::of_size(i64::MAX - 1, 5).end_ms, i64::MAX);
    }
}
