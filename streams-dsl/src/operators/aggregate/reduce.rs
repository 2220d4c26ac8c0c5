//! `reduce`: a key's values combined two by two, in all or in each window.

use streams_core::error::{Result, UserError};
use streams_core::processor::Data;

use super::fold::Fold;
use super::layout::Layout;
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::operators::fallible::user;
use crate::options::Materialized;

impl<K: Data, V: Data, L: Layout> KGroupedStream<K, V, L> {
    /// Combines the values of each key, in each window if there are windows: the first one is the first result, and each
    /// further one makes a new result of the last. Sessions that become one are combined by the same `reducer`
    /// (`KGroupedStream.reduce`, `TimeWindowedKStream.reduce`, `SessionWindowedKStream.reduce`).
    ///
    /// Null, time, repartition and store rules are those of [`count`](Self::count); the reducer sees the null values that are
    /// not dropped. A result that is null (`V` an `Option`) deletes the row.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let readings = builder.stream::<String, i64>("readings").group_by_key();
    /// readings.reduce(i64::max).to_stream().to("highest");
    /// readings
    ///     .windowed_by(TimeWindows::of_size_with_no_grace(minutes(1)))
    ///     .reduce(i64::max)
    ///     .to_stream()
    ///     .map(|window, highest| (window.to_string(), highest))
    ///     .to("highest-per-minute");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let readings = driver.create_input_topic::<String, i64>("readings");
    /// readings.pipe("attic".into(), 30, 0)?;
    /// readings.pipe("attic".into(), 28, 59_999)?;
    /// readings.pipe("attic".into(), 27, 60_000)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("highest").read_values()?, [30, 30, 30]);
    /// let highest = driver.create_output_topic::<String, i64>("highest-per-minute").read_key_values()?;
    /// let (first, second) = ("[attic@0/60000]".to_owned(), "[attic@60000/120000]".to_owned());
    /// assert_eq!(highest, [(first.clone(), 30), (first, 30), (second, 27)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce(&self, reducer: impl Fn(V, V) -> V + Send + Sync + 'static) -> KTable<L::Key<K>, V> {
        self.reduce_with(reducer, Materialized::inherit())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    pub fn reduce_with(
        &self,
        reducer: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<L::Key<K>, V> {
        self.reduce_into(move |a, b| Ok(reducer(a, b)), materialized)
    }

    /// As [`reduce`](Self::reduce), with a reducer that may fail: its error goes to the processing exception handler, and the
    /// aggregate, or the sessions, stay as they are. See [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_reduce<E: Into<UserError>>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
    ) -> KTable<L::Key<K>, V> {
        self.try_reduce_with(reducer, Materialized::inherit())
    }

    /// As [`try_reduce`](Self::try_reduce), into the store that `materialized` describes.
    pub fn try_reduce_with<E: Into<UserError>>(
        &self,
        reducer: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<L::Key<K>, V> {
        self.reduce_into(move |a, b| user(reducer(a, b)), materialized)
    }

    fn reduce_into(
        &self,
        reducer: impl Fn(V, V) -> Result<V> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<L::Key<K>, V> {
        self.add(prefix::REDUCE, materialized, self.value_serde.as_ref(), Reduce(reducer))
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

    fn merge(&self, key: &K, aggregate: Option<V>, session: V) -> Result<V> {
        self.add(key, session, aggregate)
    }
}
