//! `join_global` and `left_join_global` of a stream with a global table (`KStreamGlobalKTableJoin`).

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::store::GlobalTimestampedKeyValueStore;

use crate::graph::GraphNode;
use crate::handles::{GlobalKTable, KStream};
use crate::naming::prefix;
use crate::operators::fallible::user;
use crate::operators::nulls::Nulls;

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each record with the row that the global table has now for the key that `key_selector` picks; without one,
    /// nothing is forwarded (`KStream.join(GlobalKTable)`).
    ///
    /// * Triggered by records of the stream only; an update of the table changes later results.
    /// * Nulls: `key_selector` returns a key of the table, or an `Option` of one. `None` joins nothing: the record is
    ///   dropped and counted in `dropped-records`, as is one with a null value. The record's own key may be null.
    /// * Time: a result has the record's key, timestamp and headers. The table is not synchronised with the stream.
    /// * Repartition: none, and the numbers of partitions may differ: every instance has the whole table.
    /// * Store: that of the table.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let currencies = builder.global_table::<String, String>("currencies");
    /// builder
    ///     .stream::<String, String>("prices")
    ///     .join_global(&currencies, |_article, price| price.get(..3).map(str::to_owned), |price, name| price + &name)
    ///     .to("prices-in-words");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("currencies").pipe("EUR".into(), " euro".into(), 0)?;
    /// driver.create_input_topic::<String, String>("prices").pipe("book".into(), "EUR 12".into(), 0)?;
    /// let prices = driver.create_output_topic::<String, String>("prices-in-words").read_values()?;
    /// assert_eq!(prices, ["EUR 12 euro"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_global<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(V, VG) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        self.join_global_with_key(table, key_selector, move |_, value, row| joiner(value, row))
    }

    /// As [`join_global`](Self::join_global), with a joiner that sees the record's key (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let currencies = builder.global_table::<String, String>("currencies");
    /// builder
    ///     .stream::<String, String>("prices")
    ///     .join_global_with_key(
    ///         &currencies,
    ///         |_article, price| price.get(..3).map(str::to_owned),
    ///         |article, price, name| format!("{article}: {price}{name}"),
    ///     )
    ///     .to("prices-in-words");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("currencies").pipe("EUR".into(), " euro".into(), 0)?;
    /// driver.create_input_topic::<String, String>("prices").pipe("book".into(), "EUR 12".into(), 0)?;
    /// let prices = driver.create_output_topic::<String, String>("prices-in-words").read_values()?;
    /// assert_eq!(prices, ["book: EUR 12 euro"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_global_with_key<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(&K, V, VG) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row: Option<VG>| Ok(row.map(|row| joiner(key, value, row)));
        self.join_global_table(table, false, key_selector, joiner)
    }

    /// As [`join_global_with_key`](Self::join_global_with_key), with a joiner that may fail; see
    /// [`try_map_values`](Self::try_map_values).
    pub fn try_join_global_with_key<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>, E: Into<UserError>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(&K, V, VG) -> Result<VO, E> + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let joiner =
            move |key: &K, value, row: Option<VG>| row.map(|row| user(joiner(key, value, row))).transpose();
        self.join_global_table(table, false, key_selector, joiner)
    }

    /// Joins each record with the row that the global table has now for the key that `key_selector` picks, or with none
    /// (`KStream.leftJoin(GlobalKTable)`).
    ///
    /// Rules as for [`join_global`](Self::join_global), but a record for which `key_selector` returns `None` is joined
    /// with no row instead of being dropped.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let currencies = builder.global_table::<String, String>("currencies");
    /// builder
    ///     .stream::<String, String>("prices")
    ///     .left_join_global(
    ///         &currencies,
    ///         |_article, price| price.get(..3).map(str::to_owned),
    ///         |price, name| price + &name.unwrap_or(" of what?".into()),
    ///     )
    ///     .to("prices-in-words");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("prices").pipe("book".into(), "12".into(), 0)?;
    /// let prices = driver.create_output_topic::<String, String>("prices-in-words").read_values()?;
    /// assert_eq!(prices, ["12 of what?"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_global<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(V, Option<VG>) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        self.left_join_global_with_key(table, key_selector, move |_, value, row| joiner(value, row))
    }

    /// As [`left_join_global`](Self::left_join_global), with a joiner that sees the record's key
    /// (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let currencies = builder.global_table::<String, String>("currencies");
    /// builder
    ///     .stream::<String, String>("prices")
    ///     .left_join_global_with_key(
    ///         &currencies,
    ///         |_article, price| price.clone(),
    ///         |article, price, name| format!("{article}: {}", name.unwrap_or(price)),
    ///     )
    ///     .to("prices-in-words");
    /// builder.build()?;
    /// # Ok::<(), DslError>(())
    /// ```
    pub fn left_join_global_with_key<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(&K, V, Option<VG>) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row| Ok(Some(joiner(key, value, row)));
        self.join_global_table(table, true, key_selector, joiner)
    }

    /// As [`left_join_global_with_key`](Self::left_join_global_with_key), with a joiner that may fail; see
    /// [`try_map_values`](Self::try_map_values).
    pub fn try_left_join_global_with_key<
        KG: Data,
        VG: Data,
        VO: Data,
        R: Into<Option<KG>>,
        E: Into<UserError>,
    >(
        &self,
        table: &GlobalKTable<KG, VG>,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(&K, V, Option<VG>) -> Result<VO, E> + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row| user(joiner(key, value, row)).map(Some);
        self.join_global_table(table, true, key_selector, joiner)
    }

    fn join_global_table<KG: Data, VG: Data, VO: Data, R: Into<Option<KG>>>(
        &self,
        table: &GlobalKTable<KG, VG>,
        left: bool,
        key_selector: impl Fn(&K, &V) -> R + Send + Sync + 'static,
        joiner: impl Fn(&K, V, Option<VG>) -> Result<Option<VO>> + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let select = move |key: &K, value: &V| key_selector(key, value).into();
        let join = Arc::new(GlobalJoin {
            store: (&*table.store).into(),
            values: Nulls::of_or_test(self.value_serde.as_ref(), &self.null_test),
            left,
            select,
            joiner,
            row: PhantomData,
        });
        // Kafka Streams calls the node of an inner join so as well.
        let shape = |node: GraphNode| if left { node.relaxed_null_key() } else { node };
        let name = self.step.next_name(prefix::LEFT_JOIN);
        let supplier = Arc::new(move |context: &mut InitContext<'_>| {
            Ok(GlobalJoinProcessor { join: Arc::clone(&join), rows: context.state_store(&join.store)? })
        });
        let node = GraphNode::new(&name, move |writer| writer.own_processor::<_, K, V, K, VO>(&supplier));
        let step = self.step.add(shape(node));
        KStream::new(step, self.key_serde.clone(), None, self.repartition_required)
    }
}

/// What all instances of a join share.
struct GlobalJoin<KG, VG, V, S, F> {
    store: Arc<str>,
    values: Nulls<V>,
    left: bool,
    select: S,
    /// Joins a value with a row, or a value without row; `None` means no result.
    joiner: F,
    row: PhantomData<fn() -> (KG, VG)>,
}

struct GlobalJoinProcessor<KG, VG, V, S, F> {
    join: Arc<GlobalJoin<KG, VG, V, S, F>>,
    rows: GlobalTimestampedKeyValueStore<KG, VG>,
}

impl<K, V, KG, VG, VO, S, F> Processor<K, V, K, VO> for GlobalJoinProcessor<KG, VG, V, S, F>
where
    K: Data,
    V: Data,
    KG: Data,
    VG: Data,
    VO: Data,
    S: Fn(&K, &V) -> Option<KG> + 'static,
    F: Fn(&K, V, Option<VG>) -> Result<Option<VO>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult {
        let GlobalJoin { values, left, select, joiner, .. } = &*self.join;
        let null_value = values.contain(&record.value);
        let selected = if null_value { None } else { select(&record.key, &record.value) };
        if null_value || (selected.is_none() && !left) {
            let reason = if null_value { DropReason::NullValue } else { DropReason::NullJoinKey };
            context.drop_record_as(reason, "a join with a global table needs both");
            return Ok(());
        }
        let row = match selected {
            None => None,
            Some(key) => self.rows.get(&key)?,
        };
        let Record { key, value, timestamp, headers } = record;
        match joiner(&key, value, row.map(|row| row.value))? {
            Some(value) => context.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}
