//! The handles of several grouped streams that become one table; how they are aggregated is in
//! `operators/aggregate/cogroup`.

use std::rc::Rc;

use streams_core::processor::Data;

use super::cogroup_plan::{Cogroup, CogroupLayout};
use crate::graph::Step;
use crate::windows::{SessionWindows, SlidingWindows, TimeWindows, sealed};

/// Several grouped streams, each with an aggregator of its own, to be folded into one table
/// (`org.apache.kafka.streams.kstream.CogroupedKStream`).
///
/// Begins with [`KGroupedStream::cogroup`](crate::KGroupedStream::cogroup). A cheap handle; adding a stream makes a new
/// one.
pub struct CogroupedKStream<K, A> {
    /// Where the first stream stands, with the name of the next aggregation.
    pub(crate) step: Step,
    /// The streams and their aggregators, in the order in which they were added.
    pub(crate) groups: Vec<Rc<dyn Cogroup<K, A>>>,
}

impl<K, A> Clone for CogroupedKStream<K, A> {
    fn clone(&self) -> Self {
        CogroupedKStream { step: self.step.clone(), groups: self.groups.clone() }
    }
}

impl<K: Data, A: Data> CogroupedKStream<K, A> {
    /// Names the next aggregation's nodes, `<name>-cogroup-agg-0` and so on, and `<name>-cogroup-merge` (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        CogroupedKStream { step: self.step.named(name), groups: self.groups.clone() }
    }

    /// Aggregates in windows from here on (`CogroupedKStream.windowedBy`): [`TimeWindows`] and [`SlidingWindows`] give a
    /// [`TimeWindowedCogroupedKStream`], [`SessionWindows`] a [`SessionWindowedCogroupedKStream`].
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key();
    /// let buys = builder.stream::<String, i64>("buys").group_by_key();
    /// clicks
    ///     .cogroup(|_user, _page, sum: i64| sum + 1)
    ///     .cogroup(&buys, |_user, amount, sum| sum + 10 * amount)
    ///     .windowed_by(TimeWindows::of_size_and_grace(minutes(5), seconds(30)))
    ///     .aggregate(|| 0);
    /// builder.build()?;
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn windowed_by<W: CogroupedBy>(&self, windows: W) -> W::Stream<K, A> {
        windows.window(self.clone())
    }
}

/// A window definition, and the kind of cogrouped stream that it makes. Sealed: use the definitions in
/// [`windows`](crate::windows).
pub trait CogroupedBy: sealed::Sealed {
    /// What [`CogroupedKStream::windowed_by`] returns for it.
    type Stream<K: Data, A: Data>;

    /// Lays these windows over cogrouped streams.
    #[doc(hidden)]
    fn window<K: Data, A: Data>(self, cogrouped: CogroupedKStream<K, A>) -> Self::Stream<K, A>;
}

/// Cogrouped streams in windows of a fixed length: tumbling, hopping or sliding ones
/// (`org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream`).
pub struct TimeWindowedCogroupedKStream<K, A> {
    pub(crate) cogrouped: CogroupedKStream<K, A>,
    pub(crate) layout: CogroupLayout<K, A>,
}

impl<K: Data, A: Data> TimeWindowedCogroupedKStream<K, A> {
    /// Names the next aggregation's nodes (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        TimeWindowedCogroupedKStream { cogrouped: self.cogrouped.named(name), layout: self.layout.clone() }
    }
}

impl CogroupedBy for TimeWindows {
    type Stream<K: Data, A: Data> = TimeWindowedCogroupedKStream<K, A>;

    fn window<K: Data, A: Data>(self, cogrouped: CogroupedKStream<K, A>) -> Self::Stream<K, A> {
        TimeWindowedCogroupedKStream { cogrouped, layout: CogroupLayout::Time(self) }
    }
}

impl CogroupedBy for SlidingWindows {
    type Stream<K: Data, A: Data> = TimeWindowedCogroupedKStream<K, A>;

    fn window<K: Data, A: Data>(self, cogrouped: CogroupedKStream<K, A>) -> Self::Stream<K, A> {
        TimeWindowedCogroupedKStream { cogrouped, layout: CogroupLayout::Sliding(self) }
    }
}

/// Cogrouped streams in sessions (`org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream`).
pub struct SessionWindowedCogroupedKStream<K, A> {
    pub(crate) cogrouped: CogroupedKStream<K, A>,
    pub(crate) windows: SessionWindows,
}

impl<K: Data, A: Data> SessionWindowedCogroupedKStream<K, A> {
    /// Names the next aggregation's nodes (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        SessionWindowedCogroupedKStream { cogrouped: self.cogrouped.named(name), windows: self.windows }
    }
}

impl CogroupedBy for SessionWindows {
    type Stream<K: Data, A: Data> = SessionWindowedCogroupedKStream<K, A>;

    fn window<K: Data, A: Data>(self, cogrouped: CogroupedKStream<K, A>) -> Self::Stream<K, A> {
        SessionWindowedCogroupedKStream { cogrouped, windows: self }
    }
}
