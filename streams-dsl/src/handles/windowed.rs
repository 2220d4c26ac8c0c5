//! The handles of windowed streams; their aggregations are in `operators/aggregate`.

use streams_core::processor::Data;

use crate::handles::KGroupedStream;
use crate::windows::{EmitStrategy, SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows, sealed};

/// A window definition, and the kind of stream that it makes. Sealed: use the definitions in
/// [`windows`](crate::windows).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not define windows of a grouped stream",
    note = "use `TimeWindows`, `SlidingWindows`, `SessionWindows` or `UnlimitedWindows`; `JoinWindows` are for `join_stream`"
)]
pub trait WindowedBy: sealed::Sealed {
    /// What [`KGroupedStream::windowed_by`] returns for it.
    type Stream<K: Data, V: Data>;

    /// Lays these windows over a grouped stream.
    #[doc(hidden)]
    fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V>;
}

/// A grouped stream in windows of a fixed length: tumbling, hopping, sliding or unlimited ones
/// (`org.apache.kafka.streams.kstream.TimeWindowedKStream`).
pub struct TimeWindowedKStream<K, V, W = TimeWindows> {
    pub(crate) grouped: KGroupedStream<K, V>,
    pub(crate) windows: W,
    pub(crate) emit: EmitStrategy,
}

impl<K: Data, V: Data, W: Copy> TimeWindowedKStream<K, V, W> {
    /// Names the next aggregation's node (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        TimeWindowedKStream { grouped: self.grouped.named(name), ..self.clone() }
    }
}

impl<K, V, W: Copy> Clone for TimeWindowedKStream<K, V, W> {
    fn clone(&self) -> Self {
        TimeWindowedKStream { grouped: self.grouped.clone(), windows: self.windows, emit: self.emit }
    }
}

macro_rules! windowed_by_fixed_length {
    ($($windows:ty),+) => {
        $(impl WindowedBy for $windows {
            type Stream<K: Data, V: Data> = TimeWindowedKStream<K, V, $windows>;

            fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V> {
                TimeWindowedKStream { grouped, windows: self, emit: EmitStrategy::default() }
            }
        })+
    };
}

windowed_by_fixed_length!(TimeWindows, SlidingWindows, UnlimitedWindows);

/// A grouped stream in sessions (`org.apache.kafka.streams.kstream.SessionWindowedKStream`).
pub struct SessionWindowedKStream<K, V> {
    pub(crate) grouped: KGroupedStream<K, V>,
    pub(crate) windows: SessionWindows,
    pub(crate) emit: EmitStrategy,
}

impl<K: Data, V: Data> SessionWindowedKStream<K, V> {
    /// Names the next aggregation's node (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        SessionWindowedKStream { grouped: self.grouped.named(name), ..self.clone() }
    }

    /// Emits results so (`SessionWindowedKStream.emitStrategy`); each update by default.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, String>("clicks")
    ///     .group_by_key()
    ///     .windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(minutes(30)))
    ///     .emit_strategy(EmitStrategy::OnWindowClose)
    ///     .count()
    ///     .to_stream()
    ///     .map(|session, count| (session.to_string(), count))
    ///     .to("visits");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let clicks = driver.create_input_topic::<String, String>("clicks");
    /// clicks.pipe("alice".into(), "home".into(), 0)?;
    /// clicks.pipe("alice".into(), "cart".into(), 60_000)?;
    /// clicks.pipe("bob".into(), "home".into(), 60_000 + 1_800_001)?;
    /// let visits = driver.create_output_topic::<String, Option<i64>>("visits");
    /// assert_eq!(visits.read_key_values()?, [("[alice@0/60000]".into(), Some(2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use = "the strategy is for the aggregations of the returned stream"]
    pub fn emit_strategy(&self, emit: EmitStrategy) -> Self {
        SessionWindowedKStream { emit, ..self.clone() }
    }
}

impl<K, V> Clone for SessionWindowedKStream<K, V> {
    fn clone(&self) -> Self {
        SessionWindowedKStream { grouped: self.grouped.clone(), windows: self.windows, emit: self.emit }
    }
}

impl WindowedBy for SessionWindows {
    type Stream<K: Data, V: Data> = SessionWindowedKStream<K, V>;

    fn window<K: Data, V: Data>(self, grouped: KGroupedStream<K, V>) -> Self::Stream<K, V> {
        SessionWindowedKStream { grouped, windows: self, emit: EmitStrategy::default() }
    }
}
