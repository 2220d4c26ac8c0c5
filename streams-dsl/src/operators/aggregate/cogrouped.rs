//! The handle of several grouped streams that become one table; how they are aggregated is in `cogroup`.

use std::rc::Rc;

use streams_core::processor::Data;

use super::cogroup_plan::Cogroup;
use crate::graph::Step;
use crate::windows::{SessionWindows, TimeWindows, Whole, WindowedBy};

/// Several grouped streams, each with an aggregator of its own, to be folded into one table
/// (`org.apache.kafka.streams.kstream.CogroupedKStream`).
///
/// Begins with [`KGroupedStream::cogroup`](crate::KGroupedStream::cogroup). A cheap handle; adding a stream makes a new
/// one.
pub struct CogroupedKStream<K, A, W = Whole> {
    /// Where the first stream stands, with the name of the next aggregation.
    pub(crate) step: Step,
    /// The streams and their aggregators, in the order in which they were added.
    pub(crate) groups: Vec<Rc<dyn Cogroup<K, A>>>,
    pub(crate) windows: W,
}

/// Cogrouped streams in windows: tumbling, hopping, sliding, unlimited ones, or your own
/// (`org.apache.kafka.streams.kstream.TimeWindowedCogroupedKStream`).
pub type TimeWindowedCogroupedKStream<K, A, W = TimeWindows> = CogroupedKStream<K, A, W>;

/// Cogrouped streams in sessions (`org.apache.kafka.streams.kstream.SessionWindowedCogroupedKStream`).
pub type SessionWindowedCogroupedKStream<K, A> = CogroupedKStream<K, A, SessionWindows>;

impl<K, A, W: Clone> Clone for CogroupedKStream<K, A, W> {
    fn clone(&self) -> Self {
        CogroupedKStream {
            step: self.step.clone(),
            groups: self.groups.clone(),
            windows: self.windows.clone(),
        }
    }
}

impl<K: Data, A: Data, W: Clone> CogroupedKStream<K, A, W> {
    /// Names the next aggregation's nodes, `<name>-cogroup-agg-0` and so on, and `<name>-cogroup-merge` (`Named.as`).
    #[must_use = "the name is for the next aggregation of the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        CogroupedKStream { step: self.step.named(name), ..self.clone() }
    }
}

impl<K: Data, A: Data> CogroupedKStream<K, A> {
    /// Aggregates in windows from here on (`CogroupedKStream.windowedBy`), as
    /// [`KGroupedStream::windowed_by`](crate::KGroupedStream::windowed_by).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
    pub fn windowed_by<W: WindowedBy>(&self, windows: W) -> CogroupedKStream<K, A, W> {
        CogroupedKStream { step: self.step.clone(), groups: self.groups.clone(), windows }
    }
}
