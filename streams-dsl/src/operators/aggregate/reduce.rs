//! `reduce`: a key's values combined two by two.

use streams_core::processor::Data;

use streams_core::error::{Result, UserError};

use super::aggregate::add_unwindowed;
use super::draft::Draft;
use super::fold::{Fold, MergingFold};
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::operators::fallible::user;
use crate::options::Materialized;

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Combines the values of each key: the first one is the first result, and each further one makes a new result of
    /// the last (`KGroupedStream.reduce`).
    ///
    /// Null, time, repartition and store rules are those of [`count`](Self::count). A result that is null (`V` an
    /// `Option`) deletes the row.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let bids = builder.stream::<String, i64>("bids");
    /// bids.group_by_key().reduce(i64::max).to_stream().to("highest-bids");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let bids = driver.create_input_topic::<String, i64>("bids");
    /// bids.pipe("vase".into(), 40, 0)?;
    /// bids.pipe("vase".into(), 30, 1)?;
    /// let highest = driver.create_output_topic::<String, Option<i64>>("highest-bids").read_key_values()?;
    /// assert_eq!(highest, [("vase".into(), Some(40)), ("vase".into(), Some(40))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<K, V> {
        self.reduce_with(reducer, Materialized::inherit())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let bids = builder.stream::<String, i64>("bids");
    /// let highest = bids.group_by_key().reduce_with(i64::max, Materialized::named("highest-bids"));
    /// assert_eq!(highest.queryable_store_name(), Some("highest-bids"));
    /// ```
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        let draft = Draft::new(self, prefix::REDUCE, materialized, self.value_serde.clone());
        add_unwindowed(self, draft, Reduce(move |a, b| Ok(reducer(a, b))))
    }

    /// As [`reduce`](Self::reduce), with a reducer that may fail: its error goes to the processing exception handler, and the
    /// aggregate stays as it is. See [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_reduce<E: Into<UserError>>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.try_reduce_with(reducer, Materialized::inherit())
    }

    /// As [`try_reduce`](Self::try_reduce), into the store that `materialized` describes.
    pub fn try_reduce_with<E: Into<UserError>>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        let draft = Draft::new(self, prefix::REDUCE, materialized, self.value_serde.clone());
        add_unwindowed(self, draft, Reduce(move |a, b| user(reducer(a, b))))
    }
}

/// Combines two values into one.
pub(crate) struct Reduce<F>(pub(crate) F);

impl<K, V, F> Fold<K, V, V> for Reduce<F>
where
    F: Fn(V, V) -> Result<V> + Send + Sync + 'static,
{
    fn initial(&self) -> Option<V> {
        None
    }

    #[inline]
    fn add(&self, _key: &K, value: V, aggregate: Option<V>) -> Result<V> {
        match aggregate {
            None => Ok(value),
            Some(aggregate) => (self.0)(aggregate, value),
        }
    }
}

impl<K, V, F> MergingFold<K, V, V> for Reduce<F>
where
    F: Fn(V, V) -> Result<V> + Send + Sync + 'static,
{
    fn merge(&self, key: &K, aggregate: Option<V>, session: V) -> Result<V> {
        self.add(key, session, aggregate)
    }
}
