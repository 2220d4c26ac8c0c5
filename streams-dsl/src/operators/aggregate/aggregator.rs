//! `aggregate`: a key's values folded into a state of any type, in all or in each window.

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;
use streams_core::serde::DefaultSerde;
use streams_core::window::Windowed;

use super::fold::Fold;
use super::layout::Unmerged;
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::operators::fallible::{keyed, try_keyed};
use crate::options::Materialized;
use crate::windows::SessionWindows;

impl<K: Data, V: Data, L: Unmerged> KGroupedStream<K, V, L> {
    /// Folds the values of each key, in each window if there are windows, into a state, which `initializer` begins and
    /// `aggregator` continues (`KGroupedStream.aggregate`, `TimeWindowedKStream.aggregate`).
    ///
    /// The state is moved into the aggregator and back, so that one that grows a collection need not copy it. Null,
    /// time, repartition and store rules are those of [`count`](Self::count); the aggregator sees the null values that are
    /// not dropped. With an `Option` as state, `None` deletes the row, and the next value begins again from `initializer`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let payments = builder.stream::<String, i64>("payments").group_by_key();
    /// payments.aggregate(|| 0_i64, |_account, amount, sum| sum + amount).to_stream().to("sums");
    /// payments
    ///     .windowed_by(TimeWindows::of_size_with_no_grace(minutes(5)).advance_by(minutes(4)))
    ///     .aggregate(|| 0_i64, |_account, amount, sum| sum + amount)
    ///     .to_stream()
    ///     .map(|window, sum| (window.to_string(), sum))
    ///     .to("sums-in-five-minutes");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 10, 0)?;
    /// payments.pipe("alice".into(), 5, 240_000)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("sums").read_values()?, [10, 15]);
    /// let sums = driver.create_output_topic::<String, i64>("sums-in-five-minutes").read_key_values()?;
    /// let (first, second) = ("[alice@0/300000]".to_owned(), "[alice@240000/540000]".to_owned());
    /// assert_eq!(sums, [(first.clone(), 10), (first, 15), (second, 5)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<L::Key<K>, A> {
        self.aggregate_with(initializer, aggregator, with_serde_of_type())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let payments = builder.stream::<String, i64>("payments");
    /// let sums = payments.group_by_key().aggregate_with(
    ///     || 0_i64,
    ///     |_account, amount, sum| sum + amount,
    ///     Materialized::named("sums"),
    /// );
    /// assert_eq!(sums.queryable_store_name(), Some("sums"));
    /// ```
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<L::Key<K>, A> {
        let fold = Aggregate { initializer, aggregator: keyed(aggregator), merger: never };
        self.add(prefix::AGGREGATE, materialized, None, fold)
    }

    /// As [`aggregate`](Self::aggregate), with an aggregator that may fail: its error goes to the processing exception
    /// handler, and the aggregate stays as it is. See [`try_map_values`](crate::KStream::try_map_values).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let add = |_: &String, text: String, sum: i64| text.parse::<i64>().map(|number| sum + number);
    /// builder.stream::<String, String>("texts").group_by_key().try_aggregate(|| 0, add).to_stream().to("sums");
    ///
    /// let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue")?;
    /// let driver = TopologyTestDriver::new(builder.build()?, config)?;
    /// let texts = driver.create_input_topic::<String, String>("texts");
    /// for (time, text) in [(0, "1"), (1, "one"), (2, "3")] {
    ///     texts.pipe("k".into(), text.into(), time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, i64>("sums").read_values()?, [1, 4]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_aggregate<A: Data + DefaultSerde, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
    ) -> KTable<L::Key<K>, A> {
        self.try_aggregate_with(initializer, aggregator, with_serde_of_type())
    }

    /// As [`try_aggregate`](Self::try_aggregate), into the store that `materialized` describes.
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<L::Key<K>, A> {
        let fold = Aggregate { initializer, aggregator: try_keyed(aggregator), merger: never };
        self.add(prefix::AGGREGATE, materialized, None, fold)
    }
}

impl<K: Data, V: Data> KGroupedStream<K, V, SessionWindows> {
    /// Folds the values of each key in each session into a state; `merger` makes one of two
    /// (`SessionWindowedKStream.aggregate`).
    ///
    /// Rules as for [`count`](Self::count); the aggregator sees null values. For each record the fold begins with the
    /// initial state, merges the sessions that the record joins into it in the order of their ends, and adds the record
    /// last, so `merger` should leave a state as it is when merged with the initial one.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .group_by_key()
    ///     .windowed_by(SessionWindows::of_inactivity_gap_and_grace(minutes(30), minutes(30)))
    ///     .aggregate(|| 0_i64, |_account, amount, sum| sum + amount, |_account, one, other| one + other)
    ///     .to_stream()
    ///     .map(|session, sum| (session.to_string(), sum))
    ///     .to("sums");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("alice".into(), 10, 0)?;
    /// payments.pipe("alice".into(), 5, 2_400_000)?;
    /// // Comes late, and connects the two.
    /// payments.pipe("alice".into(), 1, 1_200_000)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("sums").read_key_values()?;
    /// let expected = [
    ///     ("[alice@0/0]".into(), Some(10)),
    ///     ("[alice@2400000/2400000]".into(), Some(5)),
    ///     ("[alice@0/0]".into(), None),
    ///     ("[alice@2400000/2400000]".into(), None),
    ///     ("[alice@0/2400000]".into(), Some(16)),
    /// ];
    /// assert_eq!(sums, expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        self.aggregate_with(initializer, aggregator, merger, with_serde_of_type())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let (aggregator, merger) = (keyed(aggregator), keyed(merger));
        let fold = Aggregate { initializer, aggregator, merger };
        self.add(prefix::AGGREGATE, materialized, None, fold)
    }

    /// As [`aggregate_with`](Self::aggregate_with), with closures that may fail: then the sessions stay as they are. See
    /// [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        aggregator: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        merger: impl Fn(&K, A, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<Windowed<K>, A> {
        let (aggregator, merger) = (try_keyed(aggregator), try_keyed(merger));
        let fold = Aggregate { initializer, aggregator, merger };
        self.add(prefix::AGGREGATE, materialized, None, fold)
    }
}

/// A generated name, the stream's serde for keys, and the type's own for values.
fn with_serde_of_type<K, A: DefaultSerde>() -> Materialized<K, A> {
    Materialized::inherit().with_value_serde(A::default_serde())
}

/// A user's fold.
pub(crate) struct Aggregate<I, F, M> {
    pub(crate) initializer: I,
    pub(crate) aggregator: F,
    /// Makes one of the aggregates of two sessions; called for no other windows.
    pub(crate) merger: M,
}

impl<K, V, A, I, F, M> Fold<K, V, A> for Aggregate<I, F, M>
where
    I: Fn() -> A + Send + Sync + 'static,
    F: Fn(&K, V, A) -> Result<A> + Send + Sync + 'static,
    M: Fn(&K, A, A) -> Result<A> + Send + Sync + 'static,
{
    fn initial(&self) -> Option<A> {
        Some((self.initializer)())
    }

    #[inline]
    fn add(&self, key: &K, value: V, aggregate: Option<A>) -> Result<A> {
        (self.aggregator)(key, value, aggregate.unwrap_or_else(&self.initializer))
    }

    fn merge(&self, key: &K, aggregate: Option<A>, session: A) -> Result<A> {
        (self.merger)(key, aggregate.unwrap_or_else(&self.initializer), session)
    }
}

/// The merger of windows that never become one.
pub(crate) fn never<K, A>(_key: &K, _one: A, other: A) -> Result<A> {
    Ok(other)
}
