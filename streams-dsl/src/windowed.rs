//! The handles of windowed streams; their aggregations are in `operators/aggregate`.

use streams_core::processor::Data;

use crate::grouped::KGroupedStream;
use crate::windows::{SessionWindows, TimeWindows, sealed};

/// A window definition, and the kind of stream that it makes. Sealed: use the definitions in
/// [`windows`](crate::windows).
pub trait WindowedBy: sealed::Sealed {
    /// What [`KGroupedStream::windowed_by`] returns for it.
    type Stream<K: Data, V: Data>;

    /// Lays these windows over a grouped stream.
    #[doc(hidden)]
    fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V>;
}

/// A grouped stream in windows of a fixed size (`org.apache.kafka.streams.kstream.TimeWindowedKStream`).
pub struct TimeWindowedKStream<K, V, W = TimeWindows> {
    pub(crate) grouped: KGroupedStream<K, V>,
    pub(crate) windows: W,
}

impl<K: Data, V: Data, W: Clone> TimeWindowedKStream<K, V, W> {
    /// Names the next aggregation's node (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        TimeWindowedKStream { grouped: self.grouped.named(name), windows: self.windows.clone() }
    }
}

impl<K: Clone, V: Clone, W: Clone> Clone for TimeWindowedKStream<K, V, W> {
    fn clone(&self) -> Self {
        TimeWindowedKStream { grouped: self.grouped.clone(), windows: self.windows.clone() }
    }
}

impl WindowedBy for TimeWindows {
    type Stream<K: Data, V: Data> = TimeWindowedKStream<K, V, TimeWindows>;

    fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V> {
        TimeWindowedKStream { grouped, windows: self }
    }
}

/// A grouped stream in sessions (`org.apache.kafka.streams.kstream.SessionWindowedKStream`).
pub struct SessionWindowedKStream<K, V> {
    pub(crate) grouped: KGroupedStream<K, V>,
    pub(crate) windows: SessionWindows,
}

impl<K: Data, V: Data> SessionWindowedKStream<K, V> {
    /// Names the next aggregation's node (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        SessionWindowedKStream { grouped: self.grouped.named(name), windows: self.windows }
    }
}

impl<K, V> Clone for SessionWindowedKStream<K, V> {
    fn clone(&self) -> Self {
        SessionWindowedKStream { grouped: self.grouped.clone(), windows: self.windows }
    }
}

impl WindowedBy for SessionWindows {
    type Stream<K: Data, V: Data> = SessionWindowedKStream<K, V>;

    fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V> {
        SessionWindowedKStream { grouped, windows: self }
    }
}
