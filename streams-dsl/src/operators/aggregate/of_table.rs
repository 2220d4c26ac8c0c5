//! The operations on a grouped table: count, reduce, aggregate (`KGroupedTableImpl`).

use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, InitContext};
use streams_core::record::Change;
use streams_core::serde::{DefaultSerde, SerdeRef};

use super::add::AggregateOrigin;
use super::aggregator::{Aggregate, never};
use super::count::Count;
use super::fold::Fold;
use super::of_table_processor::{TableAggregate, TableAggregateProcessor};
use super::reduce::Reduce;
use crate::graph::GraphNode;
use crate::handles::{KGroupedTable, KTable};
use crate::naming::prefix;
use crate::operators::fallible::{keyed, try_keyed, user};
use crate::operators::nulls::Nulls;
use crate::options::Materialized;
use crate::rows::{TableStoreSpec, ValueGetterSupplier};

impl<K: Data, V: Data> KGroupedTable<K, V> {
    /// Counts the rows of each group (`KGroupedTable.count`).
    ///
    /// A group that has lost its last row has the count 0; it is not deleted. Other rules are those of
    /// [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let homes = builder.table::<String, String>("homes");
    /// homes.group_by(|name, city| (city, name.clone())).count().to_stream().to("inhabitants");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let homes = driver.create_input_topic::<String, Option<String>>("homes");
    /// homes.pipe("alice".into(), Some("Rome".into()), 0)?;
    /// homes.pipe("alice".into(), None, 1)?;
    /// let inhabitants = driver.create_output_topic::<String, Option<i64>>("inhabitants").read_key_values()?;
    /// assert_eq!(inhabitants, [("Rome".into(), Some(1)), ("Rome".into(), Some(0))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn count(&self) -> KTable<K, i64> {
        self.count_with(Materialized::inherit())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<K, i64> {
        let subtract = |_: &K, _, count: i64| Ok(count.wrapping_sub(1));
        let inherited = i64::default_serde();
        self.add_aggregation(prefix::TABLE_AGGREGATE, materialized, Some(&inherited), Count, subtract)
    }

    /// Combines the values of each group: the first one is the first result, `adder` makes a new result of the last
    /// and a row that has come, `subtractor` of the last and a row that has gone (`KGroupedTable.reduce`).
    ///
    /// The result of a group that has lost its last row is what `subtractor` makes of it; a null (`V` an `Option`)
    /// deletes the row. Other rules are those of [`aggregate`](Self::aggregate).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let loads = builder.table::<String, i64>("loads");
    /// let by_site = loads.group_by(|machine, load| (machine[..1].to_owned(), load));
    /// by_site.reduce(|sum, load| sum + load, |sum, load| sum - load).to_stream().to("load-of-sites");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let loads = driver.create_input_topic::<String, i64>("loads");
    /// loads.pipe("A1".into(), 10, 0)?;
    /// loads.pipe("A2".into(), 5, 1)?;
    /// loads.pipe("A1".into(), 3, 2)?;
    /// let sums = driver.create_output_topic::<String, Option<i64>>("load-of-sites").read_key_values()?;
    /// assert_eq!(sums, [("A".into(), Some(10)), ("A".into(), Some(15)), ("A".into(), Some(8))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reduce(
        &self,
        adder: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.reduce_with(adder, subtractor, Materialized::inherit())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    pub fn reduce_with(
        &self,
        adder: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> V + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.add_reduction(
            move |result, row| Ok(adder(result, row)),
            move |result, row| Ok(subtractor(result, row)),
            materialized,
        )
    }

    /// As [`reduce_with`](Self::reduce_with), with closures that may fail; see
    /// [`try_aggregate_with`](Self::try_aggregate_with).
    pub fn try_reduce_with<E: Into<UserError>>(
        &self,
        adder: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> Result<V, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.add_reduction(
            move |result, row| user(adder(result, row)),
            move |result, row| user(subtractor(result, row)),
            materialized,
        )
    }

    fn add_reduction(
        &self,
        adder: impl Fn(V, V) -> Result<V> + Send + Sync + 'static,
        subtractor: impl Fn(V, V) -> Result<V> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        let subtract = move |_: &K, value, result| subtractor(result, value);
        let inherited = self.value_serde.as_ref();
        self.add_aggregation(prefix::TABLE_REDUCE, materialized, inherited, Reduce(adder), subtract)
    }

    /// Folds the rows of each group into a state, which `initializer` begins; `adder` puts a row that has come into it,
    /// `subtractor` takes one that has gone out of it (`KGroupedTable.aggregate`).
    ///
    /// * An update of a row that stays in its group is first subtracted, then added, and gives one result. One that
    ///   moves it to another group gives two, the old group's first.
    /// * Nulls: with an `Option` as state, `None` deletes the row, and the next value begins again. Nothing is
    ///   subtracted from a group without a state.
    /// * Time: an update has the larger one of the row's timestamp and the state's.
    /// * Repartition: see [`KTable::group_by`].
    /// * Store: a key-value store with a generated name and a changelog. With a record cache
    ///   (`statestore.cache.max.bytes`), the last of several updates is forwarded at each commit; without one, all are.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let homes = builder.table::<String, String>("homes");
    /// let by_city = homes.group_by(|name, city| (city, name.len() as i64));
    /// by_city.aggregate(|| 0_i64, |_city, n, sum| sum + n, |_city, n, sum| sum - n).to_stream().to("letters");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let homes = driver.create_input_topic::<String, String>("homes");
    /// homes.pipe("alice".into(), "Rome".into(), 0)?;
    /// homes.pipe("bob".into(), "Rome".into(), 1)?;
    /// let letters = driver.create_output_topic::<String, Option<i64>>("letters").read_key_values()?;
    /// assert_eq!(letters, [("Rome".into(), Some(5)), ("Rome".into(), Some(8))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn aggregate<A: Data + DefaultSerde>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let materialized = Materialized::inherit().with_value_serde(A::default_serde());
        self.aggregate_with(initializer, adder, subtractor, materialized)
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    pub fn aggregate_with<A: Data>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        let fold = Aggregate { initializer, aggregator: keyed(adder), merger: never };
        self.add_aggregation(prefix::TABLE_AGGREGATE, materialized, None, fold, keyed(subtractor))
    }

    /// As [`aggregate_with`](Self::aggregate_with), with closures that may fail: the error goes to the processing exception
    /// handler, and the group stays as it is. If the handler resumes, the group misses that change of the row permanently.
    /// See [`try_map_values`](crate::KStream::try_map_values).
    pub fn try_aggregate_with<A: Data, E: Into<UserError> + 'static>(
        &self,
        initializer: impl Fn() -> A + Send + Sync + 'static,
        adder: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        subtractor: impl Fn(&K, V, A) -> Result<A, E> + Send + Sync + 'static,
        materialized: Materialized<K, A>,
    ) -> KTable<K, A> {
        let fold = Aggregate { initializer, aggregator: try_keyed(adder), merger: never };
        self.add_aggregation(prefix::TABLE_AGGREGATE, materialized, None, fold, try_keyed(subtractor))
    }

    fn add_aggregation<A: Data>(
        &self,
        operator_prefix: &str,
        materialized: Materialized<K, A>,
        inherited: Option<&SerdeRef<A>>,
        fold: impl Fold<K, V, A>,
        subtract: impl Fn(&K, V, A) -> Result<A> + Send + Sync + 'static,
    ) -> KTable<K, A> {
        let queryable = materialized.queryable_name().map(str::to_owned);
        let store_name = self.step.with_plan(|plan| plan.store_name(&materialized, prefix::TABLE_AGGREGATE));
        let store = TableStoreSpec::new(&store_name, materialized, self.key_serde.as_ref(), inherited);
        let parent = self.repartitioned(&store_name);
        let name = self.step.next_name(operator_prefix);
        let (key_serde, value_serde) = (store.key_serde.clone(), store.value_serde.clone());
        let getter = ValueGetterSupplier::of_store(&store_name);
        let origin = Rc::new(AggregateOrigin::new(getter));
        let aggregates = Nulls::of(value_serde.as_ref());
        let aggregate =
            Arc::new(TableAggregate { store: Arc::clone(&store.name), fold, subtract, aggregates });
        let (flag, versioned) = (Rc::clone(&origin), store.is_versioned());
        let node = GraphNode::new(&name, move |writer| {
            let (aggregate, send_old_values) = (Arc::clone(&aggregate), flag.sends_old_values.get());
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                TableAggregateProcessor::open(Arc::clone(&aggregate), send_old_values, context)
            });
            writer.own_processor::<_, K, Change<V>, K, Change<A>>(&supplier)?;
            store.write(send_old_values, writer)
        });
        let step = parent.add(node.output_versioned(versioned));
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), origin)
    }
}
