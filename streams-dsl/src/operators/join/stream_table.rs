//! `join` and `left_join` of a stream with a table (`KStreamKTableJoin`).

use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::DefaultSerde;

use super::joined_table::JoinedTable;
use super::stream_table_grace::{BUFFER_SUFFIX, Grace, not_versioned};
use crate::error::DslError;
use crate::graph::{GraphNode, Step};
use crate::handles::{KStream, KTable};
use crate::naming::prefix;
use crate::operators::fallible::user;
use crate::operators::nulls::Nulls;
use crate::options::Joined;
use crate::rows::{ValueGetter, ValueGetterSupplier};

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each record with the row that the table has for its key now; without one, nothing is forwarded
    /// (`KStream.join(KTable)`).
    ///
    /// * Triggered by records of the stream only; an update of the table changes later results.
    /// * Nulls: a record whose key or value is null is dropped and counted in `dropped-records`.
    /// * Time: a result has the record's timestamp and headers.
    /// * Repartition: if the key has changed since the stream was read, through
    ///   `<application.id>-<name>-repartition`. Stream and table must have the same number of partitions.
    /// * Versions: of a versioned table, the row of the record's time; `Joined::with_grace_period` has records wait for
    ///   late updates of it.
    /// * Store: that of the table, and with a grace period `<name>-Buffer`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let accounts = builder.table::<String, String>("accounts");
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .join(&accounts, |amount, owner| format!("{owner} paid {amount}"))
    ///     .to("receipts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("a1".into(), 5, 0)?;
    /// driver.create_input_topic::<String, String>("accounts").pipe("a1".into(), "Alice".into(), 1)?;
    /// payments.pipe("a1".into(), 7, 2)?;
    /// let receipts = driver.create_output_topic::<String, String>("receipts").read_values()?;
    /// assert_eq!(receipts, ["Alice paid 7"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join<T: JoinedTable<K>, VO: Data>(
        &self,
        table: &T,
        joiner: impl Fn(V, T::Row) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_with(table.table(), joiner, Joined::new())
    }

    /// As [`join`](Self::join), with options.
    pub fn join_with<VT: Data, VO: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, VT) -> VO + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        self.join_with_key_with(table, move |_, value, row| joiner(value, row), joined)
    }

    /// As [`join`](Self::join), with a joiner that sees the key (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let accounts = builder.table::<String, String>("accounts");
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .join_with_key(&accounts, |id, amount, owner| format!("{id} {owner} {amount}"))
    ///     .to("receipts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("accounts").pipe("a1".into(), "Alice".into(), 1)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("a1".into(), 7, 2)?;
    /// let receipts = driver.create_output_topic::<String, String>("receipts").read_values()?;
    /// assert_eq!(receipts, ["a1 Alice 7"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_with_key<T: JoinedTable<K>, VO: Data>(
        &self,
        table: &T,
        joiner: impl Fn(&K, V, T::Row) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_with_key_with(table.table(), joiner, Joined::new())
    }

    /// As [`join_with_key`](Self::join_with_key), with options.
    pub fn join_with_key_with<VT: Data, VO: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, VT) -> VO + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row: Option<VT>| Ok(row.map(|row| joiner(key, value, row)));
        self.join_table(table, joined, prefix::JOIN, false, joiner)
    }

    /// As [`join`](Self::join), with a joiner that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_join<VT: Data, VO: Data, E: Into<UserError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, VT) -> Result<VO, E> + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.try_join_with_key_with(table, move |_, value, row| joiner(value, row), Joined::new())
    }

    /// As [`join_with_key_with`](Self::join_with_key_with), with a joiner that may fail.
    pub fn try_join_with_key_with<VT: Data, VO: Data, E: Into<UserError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, VT) -> Result<VO, E> + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        let joiner =
            move |key: &K, value, row: Option<VT>| row.map(|row| user(joiner(key, value, row))).transpose();
        self.join_table(table, joined, prefix::JOIN, false, joiner)
    }

    /// Joins each record with the row that the table has for its key now, or with none (`KStream.leftJoin(KTable)`).
    ///
    /// Rules as for [`join`](Self::join), but a record with a null key is joined with no row instead of being dropped,
    /// and keeps its place on the way through a repartition topic.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let accounts = builder.table::<String, String>("accounts");
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .left_join(&accounts, |amount, owner| format!("{} paid {amount}", owner.unwrap_or_default()))
    ///     .to("receipts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("a1".into(), 5, 0)?;
    /// let receipts = driver.create_output_topic::<String, String>("receipts").read_values()?;
    /// assert_eq!(receipts, [" paid 5"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join<T: JoinedTable<K>, VO: Data>(
        &self,
        table: &T,
        joiner: impl Fn(V, Option<T::Row>) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_with(table.table(), joiner, Joined::new())
    }

    /// As [`left_join`](Self::left_join), with options.
    pub fn left_join_with<VT: Data, VO: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<VT>) -> VO + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        self.left_join_with_key_with(table, move |_, value, row| joiner(value, row), joined)
    }

    /// As [`left_join`](Self::left_join), with a joiner that sees the key (`ValueJoinerWithKey`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let accounts = builder.table::<String, String>("accounts");
    /// builder
    ///     .stream::<String, i64>("payments")
    ///     .left_join_with_key(&accounts, |id, amount, owner| format!("{id} {owner:?} {amount}"))
    ///     .to("receipts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("payments").pipe("a1".into(), 7, 2)?;
    /// let receipts = driver.create_output_topic::<String, String>("receipts").read_values()?;
    /// assert_eq!(receipts, ["a1 None 7"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn left_join_with_key<T: JoinedTable<K>, VO: Data>(
        &self,
        table: &T,
        joiner: impl Fn(&K, V, Option<T::Row>) -> VO + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_with_key_with(table.table(), joiner, Joined::new())
    }

    /// As [`left_join_with_key`](Self::left_join_with_key), with options.
    pub fn left_join_with_key_with<VT: Data, VO: Data>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<VT>) -> VO + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row| Ok(Some(joiner(key, value, row)));
        self.join_table(table, joined, prefix::LEFT_JOIN, true, joiner)
    }

    /// As [`left_join`](Self::left_join), with a joiner that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_left_join<VT: Data, VO: Data, E: Into<UserError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(V, Option<VT>) -> Result<VO, E> + Send + Sync + 'static,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.try_left_join_with_key_with(table, move |_, value, row| joiner(value, row), Joined::new())
    }

    /// As [`left_join_with_key_with`](Self::left_join_with_key_with), with a joiner that may fail.
    pub fn try_left_join_with_key_with<VT: Data, VO: Data, E: Into<UserError>>(
        &self,
        table: &KTable<K, VT>,
        joiner: impl Fn(&K, V, Option<VT>) -> Result<VO, E> + Send + Sync + 'static,
        joined: Joined<K, V>,
    ) -> KStream<K, VO> {
        let joiner = move |key: &K, value, row| user(joiner(key, value, row)).map(Some);
        self.join_table(table, joined, prefix::LEFT_JOIN, true, joiner)
    }

    fn join_table<VT: Data, VO: Data>(
        &self,
        table: &KTable<K, VT>,
        joined: Joined<K, V>,
        prefix: &str,
        left: bool,
        joiner: impl Fn(&K, V, Option<VT>) -> Result<Option<VO>> + Send + Sync + 'static,
    ) -> KStream<K, VO> {
        let given = joined.name.as_deref().or(self.step.given_name());
        let key_serde = joined.key_serde.resolve(self.key_serde.as_ref());
        let value_serde = joined.value_serde.resolve(self.value_serde.as_ref());
        let (keys, values) =
            (Nulls::of(key_serde.as_ref()), Nulls::of_or_test(value_serde.as_ref(), &self.null_test));
        let grace = joined.own.grace.map(|grace| Grace::new(grace, key_serde.clone(), value_serde.clone()));
        let this = if self.repartition_required {
            self.repartition_for_join(given.unwrap_or(&self.step.name), key_serde.clone(), value_serde)
        } else {
            self.clone()
        };
        let same_builder = this.step.same_plan(&table.step);
        let sources =
            if same_builder { this.step.copartition_with(&table.step) } else { this.step.sources.clone() };
        let name = this.step.with_plan(|plan| {
            let name = plan.name_or_new(given, prefix);
            if !same_builder {
                plan.report(DslError::ForeignStream { operator: name.clone() });
            } else if grace.is_some() && plan.node(table.step.node).output_versioned == Some(false) {
                plan.report(not_versioned(&name));
            }
            if grace.is_some() && given.is_none() {
                plan.note_unnamed_store(&format!("{name}{BUFFER_SUFFIX}"), true);
            }
            name
        });
        let join = Arc::new(TableJoin { keys, values, left, joiner });
        let getter = table.value_getter();
        let mut node = GraphNode::new(&name, move |writer| {
            if let Some(grace) = &grace {
                return grace.write(&join, &getter, writer);
            }
            let (join, rows) = (Arc::clone(&join), getter.clone());
            let supplier =
                move |context: &mut InitContext<'_>| TableJoinProcessor::open(&join, &rows, context);
            writer.processor::<_, K, V, K, VO>(&writer.name.clone(), supplier)?;
            writer.connect(&getter.stores)
        });
        if left {
            node = node.relaxed_null_key();
        }
        let id = this.step.with_plan(|plan| plan.add(&[this.step.node], node));
        KStream::new(Step::new(&this.step.plan, id, &name, sources), key_serde, None, false)
    }
}

/// What all instances of a join share.
pub(super) struct TableJoin<K, V, F> {
    keys: Nulls<K>,
    values: Nulls<V>,
    left: bool,
    /// Joins a value with a row, or a value without row; `None` means no result.
    joiner: F,
}

pub(super) struct TableJoinProcessor<K, V, VT, F> {
    pub(super) join: Arc<TableJoin<K, V, F>>,
    pub(super) rows: Box<dyn ValueGetter<K, VT>>,
}

impl<K, V, VT, VO, F> Processor<K, V, K, VO> for TableJoinProcessor<K, V, VT, F>
where
    K: Data,
    V: Data,
    VT: Data,
    VO: Data,
    F: Fn(&K, V, Option<VT>) -> Result<Option<VO>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult {
        if let Some(reason) = self.join.refuses(&record) {
            context.drop_record_as(reason, "a join with a table needs both");
            return Ok(());
        }
        match self.join(record)? {
            Some(joined) => context.forward(joined),
            None => Ok(()),
        }
    }
}

impl<K: Data, V: Data, F> TableJoin<K, V, F> {
    /// Why a record is not joined at all, if it is not.
    #[inline]
    pub(super) fn refuses(&self, record: &Record<K, V>) -> Option<DropReason> {
        if self.values.contain(&record.value) {
            return Some(DropReason::NullValue);
        }
        (!self.left && self.has_null_key(record)).then_some(DropReason::NullKey)
    }

    /// Whether there can be no row for a record.
    pub(super) fn has_null_key(&self, record: &Record<K, V>) -> bool {
        self.keys.contain(&record.key)
    }
}

impl<K: Data, V: Data, VT: Data, F> TableJoinProcessor<K, V, VT, F> {
    /// The instance of one task.
    pub(super) fn open(
        join: &Arc<TableJoin<K, V, F>>,
        rows: &ValueGetterSupplier<K, VT>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        Ok(TableJoinProcessor { join: Arc::clone(join), rows: rows.open(&context.stores())? })
    }

    /// Joins a record with the row of its key: the one of its time, if the table is versioned, and else the latest.
    pub(super) fn join<VO: Data>(&self, record: Record<K, V>) -> ProcessorResult<Option<Record<K, VO>>>
    where
        F: Fn(&K, V, Option<VT>) -> Result<Option<VO>>,
    {
        let row = match (self.join.has_null_key(&record), self.rows.is_versioned()) {
            (true, _) => None,
            (false, true) => self.rows.get_as_of(&record.key, record.timestamp)?,
            (false, false) => self.rows.get(&record.key)?,
        };
        let Record { key, value, timestamp, headers } = record;
        let value = (self.join.joiner)(&key, value, row.map(|row| row.value))?;
        Ok(value.map(|value| Record { key, value, timestamp, headers }))
    }
}
