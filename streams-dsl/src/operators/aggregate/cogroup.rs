//! `cogroup`: several grouped streams folded into one table (`CogroupedKStreamImpl`).

use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;
use streams_core::window::Windowed;

use super::aggregator::never;
use super::cogroup_plan::{Aggregator, Group};
use super::cogrouped::CogroupedKStream;
use super::layout::Unmerged;
use crate::handles::{KGroupedStream, KTable};
use crate::operators::fallible::{keyed, try_keyed};
use crate::options::Materialized;
use crate::windows::{SessionWindows, Whole};

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Begins a table of several grouped streams, whose values `aggregator` folds into a state
    /// (`KGroupedStream.cogroup`). Further streams are added with [`CogroupedKStream::cogroup`].
    ///
    /// * Nulls: without windows and in sliding ones, a record whose key or value is null is dropped and counted in
    ///   `dropped-records`; in other windows only one whose key is.
    /// * Time: an update has the largest timestamp of the records it aggregates; in sessions, the end of its session.
    /// * Repartition: each stream whose key has changed since it was read, through
    ///   `<application.id>-<name of the group, or store>-repartition`; if several have changed, all but one group need
    ///   a name (`Grouped::named`). All streams must have the same number of partitions.
    /// * Store: one for all streams, with a changelog. A cache holds updates back as for
    ///   [`count`](Self::count).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key();
    /// let buys = builder.stream::<String, i64>("buys").group_by_key();
    /// clicks
    ///     .cogroup(|_user, page: String, history: String| history + "looked at " + &page + "; ")
    ///     .cogroup(&buys, |_user, amount, history| format!("{history}paid {amount}; "))
    ///     .aggregate(String::new)
    ///     .to_stream()
    ///     .to("histories");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("clicks").pipe("alice".into(), "books".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("buys").pipe("alice".into(), 12, 1)?;
    /// let histories = driver.create_output_topic::<String, Option<String>>("histories").read_values()?;
    /// assert_eq!(histories.last(), Some(&Some("looked at books; paid 12; ".to_owned())));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cogroup<A: Data>(
        &self,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> CogroupedKStream<K, A> {
        self.begin_cogroup(Arc::new(keyed(aggregator)))
    }

    /// As [`cogroup`](Self::cogroup), with an aggregator that may fail: its error goes to the processing exception handler,
    /// and the state stays as it is. See [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_cogroup<A: Data, E: Into<UserError> + 'static>(
        &self,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> CogroupedKStream<K, A> {
        self.begin_cogroup(Arc::new(try_keyed(aggregator)))
    }

    fn begin_cogroup<A: Data>(&self, aggregator: Aggregator<K, V, A>) -> CogroupedKStream<K, A> {
        CogroupedKStream {
            step: self.step.unnamed(),
            groups: vec![Rc::new(Group::new(self, aggregator))],
            windows: Whole,
        }
    }
}

impl<K: Data, A: Data> CogroupedKStream<K, A> {
    /// Adds a grouped stream with its aggregator (`CogroupedKStream.cogroup`). A group that was added before gets the
    /// new aggregator in place of the old one. Example and rules: [`KGroupedStream::cogroup`].
    pub fn cogroup<V: Data>(
        &self,
        grouped: &KGroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> Self {
        self.add_cogroup(grouped, Arc::new(keyed(aggregator)))
    }

    /// As [`cogroup`](Self::cogroup), with an aggregator that may fail; see [`KGroupedStream::try_cogroup`].
    pub fn try_cogroup<V: Data, E: Into<UserError> + 'static>(
        &self,
        grouped: &KGroupedStream<K, V>,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> Self {
        self.add_cogroup(grouped, Arc::new(try_keyed(aggregator)))
    }

    fn add_cogroup<V: Data>(&self, grouped: &KGroupedStream<K, V>, aggregator: Aggregator<K, V, A>) -> Self {
        let mut cogrouped = self.clone();
        let group = Group::new(grouped, aggregator);
        match cogrouped.groups.iter_mut().find(|known| Rc::ptr_eq(known.shared(), grouped.shared())) {
            Some(known) => *known = Rc::new(group.in_place_of(&**known)),
            None => cogrouped.groups.push(Rc::new(group)),
        }
        cogrouped
    }
}

impl<K: Data, A: Data, L: Unmerged> CogroupedKStream<K, A, L> {
    /// Folds the values of each key, in each window if there are windows, of all streams, into one state that `initializer`
    /// begins (`CogroupedKStream.aggregate`, `TimeWindowedCogroupedKStream.aggregate`). Example and rules:
    /// [`KGroupedStream::cogroup`].
    ///
    /// Windows and late records as for [`KGroupedStream::count`], but each stream has a time of its own to tell what is late.
    /// Sliding windows are those of the records of all streams.
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
    ///     .windowed_by(SlidingWindows::of_time_difference_with_no_grace(minutes(5)))
    ///     .aggregate(|| 0)
    ///     .to_stream()
    ///     .map(|window, sum| (window.to_string(), sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("clicks").pipe("alice".into(), "home".into(), 300_000)?;
    /// driver.create_input_topic::<String, i64>("buys").pipe("alice".into(), 2, 360_000)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// let expected = [
    ///     ("[alice@0/300000]".into(), Some(1)),
    ///     ("[alice@300001/600001]".into(), Some(20)),
    ///     ("[alice@60000/360000]".into(), Some(21)),
    /// ];
    /// assert_eq!(sums, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate(&self, initializer: impl Fn() -> A + Send + Sync + 'static) -> KTable<L::Key<K>, A>
    where
        K: DefaultSerde,
        A: DefaultSerde,
    {
        self.aggregate_with(initializer, Materialized::new())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes. The key's serde is inherited
    /// from the first stream that has one.
    pub fn aggregate_with(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<L::Key<K>, A> {
        self.add(Arc::new(initializer), Arc::new(never), materialized)
    }
}

impl<K: Data, A: Data> CogroupedKStream<K, A, SessionWindows> {
    /// Folds the values of each key in each session, of all streams, into one state
    /// (`SessionWindowedCogroupedKStream.aggregate`). `merger` joins the states of sessions that become one, as for
    /// [`SessionWindowedKStream::aggregate`](crate::SessionWindowedKStream::aggregate). Sessions are those of the
    /// records of all streams, but each stream has a time of its own to tell what is late. Null and repartition rules
    /// as for [`KGroupedStream::cogroup`].
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
    ///     .windowed_by(SessionWindows::of_inactivity_gap_with_no_grace(minutes(30)))
    ///     .aggregate(|| 0, |_user, one, other| one + other)
    ///     .to_stream()
    ///     .map(|session, sum| (session.to_string(), sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("clicks").pipe("alice".into(), "home".into(), 0)?;
    /// driver.create_input_topic::<String, i64>("buys").pipe("alice".into(), 2, 60_000)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// assert_eq!(sums.last(), Some(&("[alice@0/60000]".into(), Some(21))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A>
    where
        K: DefaultSerde,
        A: DefaultSerde,
    {
        self.aggregate_with(initializer, merger, Materialized::new())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    pub fn aggregate_with(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        self.add(Arc::new(initializer), Arc::new(keyed(merger)), materialized)
    }

    /// As [`aggregate_with`](Self::aggregate_with), with a merger that may fail: then the sessions stay as they are. See
    /// [`KGroupedStream::try_cogroup`].
    pub fn try_aggregate_with<E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        self.add(Arc::new(initializer), Arc::new(try_keyed(merger)), materialized)
    }
}
