//! `table` and `global_table`: a topic as a table.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::UserError;
use streams_core::ids::TopicName;
use streams_core::processor::timestamp_extractor::{
    ConsumedRecord, TimestampExtractor, TimestampExtractorRef,
};
use streams_core::processor::{Data, InitContext, SourceOptions};
use streams_core::serde::{DefaultSerde, OptionSerde};
use streams_core::store::StoreOptions;
use streams_core::time::Timestamp;

use super::source::{GlobalSource, SourceOrigin};
use crate::error::{DslError, OptionError, Result};
use crate::graph::{GraphNode, PlanNodeKind, ROOT, Step};
use crate::handles::{GlobalKTable, KTable, StreamsBuilder};
use crate::naming::prefix;
use crate::options::{Consumed, Materialized};
use crate::rows::TableStoreSpec;

const SOURCE_SUFFIX: &str = "-source";

impl StreamsBuilder {
    /// Reads a topic as a table (`StreamsBuilder.table`): each record replaces the row of its key, a null value deletes
    /// it.
    ///
    /// * Nulls: a record with a null key is dropped.
    /// * Time: a record replaces the row also if it is older, unless the table is versioned.
    /// * Repartition: none; the table is partitioned as its topic is.
    /// * Store: only if something needs it: a name in the options, a join, a suppression, or a grouping of the table.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let customers = builder.table::<String, String>("customers");
    /// customers.to_stream().to("copy");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let customers = driver.create_input_topic::<String, Option<String>>("customers");
    /// customers.pipe("alice".into(), Some("Paris".into()), 0)?;
    /// customers.pipe("alice".into(), None, 1)?;
    /// let output = driver.create_output_topic::<String, Option<String>>("copy");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), Some("Paris".into())), ("alice".into(), None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table<K, V>(&self, topic: &str) -> KTable<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.table_with(topic, Consumed::new(), Materialized::inherit())
    }

    /// As [`table`](Self::table), with options. The store's serdes are those of `consumed`.
    pub fn table_with<K: Data, V: Data>(
        &self,
        topic: &str,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        let queryable = materialized.queryable_name().map(str::to_owned);
        let names = self.table_names(topic, &consumed, &materialized);
        let store = store(&names.store, &consumed, materialized);
        let (key_serde, value_serde) = (store.key_serde.clone(), store.value_serde.clone());
        let versioned = store.is_versioned();
        let origin = SourceOrigin::new(store, queryable.is_some());
        let (shared, source, topic) = (Arc::clone(&names.source), Rc::clone(&origin), TopicName::from(topic));
        let node = GraphNode::new(&names.table, move |writer| {
            let options = source_options(&shared, &source.store, &consumed)?;
            writer.topology.add_source(&shared, &[&*topic], consumed.own.reset, options)?;
            writer.parents = vec![shared.to_string()];
            source.write_processor::<Option<V>>(|row| row, writer)?;
            if !source.materialized() {
                return Ok(());
            }
            let reuse = writer.reuse_source_topics;
            let mut options = source.store.options(source.sends_old_values(), &writer.store_place);
            if reuse {
                options.logging = None;
            }
            writer.add_store(source.store.builder(&writer.name, options)?)?;
            if reuse {
                Ok(writer.topology.connect_source_store_and_topic(&source.store.name, &topic)?)
            } else {
                Ok(())
            }
        });
        let node = node.kind(PlanNodeKind::TableSource).output_versioned(versioned);
        let id = self.plan.borrow_mut().add(&[ROOT], node);
        let mut step = Step::at_source(&self.plan, id, &names.source);
        step.name = names.table.as_str().into();
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), origin)
    }

    /// Reads a topic as a table of which every instance holds all rows (`StreamsBuilder.globalTable`).
    ///
    /// * Nulls: a record with a null key is dropped, a null value deletes the row.
    /// * Time: rows are complete before the first record is processed, and kept current in parallel to the tasks, without
    ///   regard to event time.
    /// * Repartition: none; the topic need not have as many partitions as others.
    /// * Store: always, without a changelog but the topic. It cannot be versioned.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.global_table::<String, String>("countries");
    /// let orders = builder.stream::<String, String>("orders");
    /// orders.join_global(&countries, |_order, code| code.clone(), |_, country| country).to("destinations");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("countries").pipe("fr".into(), "France".into(), 0)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "fr".into(), 0)?;
    /// assert_eq!(driver.create_output_topic::<String, String>("destinations").read_values()?, ["France"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn global_table<K, V>(&self, topic: &str) -> GlobalKTable<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.global_table_with(topic, Consumed::new(), Materialized::inherit())
    }

    /// As [`global_table`](Self::global_table), with options. The store's serdes are those of `consumed`.
    pub fn global_table_with<K: Data, V: Data>(
        &self,
        topic: &str,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
    ) -> GlobalKTable<K, V> {
        let queryable = materialized.queryable_name().is_some();
        let materialized = materialized.with_logging_disabled();
        let names = self.table_names(topic, &consumed, &materialized);
        let store = store(&names.store, &consumed, materialized);
        let table = GlobalKTable::new(&names.store, queryable);
        if store.is_versioned() {
            self.plan.borrow().report(DslError::Option {
                operator: names.table.clone(),
                cause: OptionError::VersionedGlobalTable,
            });
        }
        let (source, topic) = (names.source, TopicName::from(topic));
        let processor = names.table.clone();
        let node = GraphNode::new(&names.table, move |writer| {
            let options = source_options(&source, &store, &consumed)?;
            let (name, key_serde) = (Arc::clone(&store.name), Arc::clone(&options.key_serde));
            let make =
                move |context: &mut InitContext<'_>| GlobalSource::<K, V>::open(&name, &key_serde, context);
            let kept = StoreOptions { caching: false, ..store.options(false, &writer.store_place) };
            let builder = store.builder(&processor, kept)?;
            writer.topology.add_global_store(builder, &source, &topic, options, &processor, make)?;
            Ok(())
        });
        self.plan.borrow_mut().add(&[ROOT], node);
        table
    }

    fn table_names<K, V>(
        &self,
        topic: &str,
        consumed: &Consumed<K, V>,
        materialized: &Materialized<K, V>,
    ) -> TableNames {
        let mut plan = self.plan.borrow_mut();
        let given = consumed.name.as_deref();
        TableNames {
            store: plan.store_name(materialized, &format!("{topic}-")),
            source: plan.suffixed_or_new(given, SOURCE_SUFFIX, prefix::SOURCE).into(),
            table: plan.name_or_new(given, prefix::TABLE_SOURCE),
        }
    }
}

/// The names of a table's parts, in the order in which they take numbers.
struct TableNames {
    store: String,
    source: Arc<str>,
    table: String,
}

/// The table's store; what is read and what is stored have the same serdes.
fn store<K: Data, V: Data>(
    name: &str,
    consumed: &Consumed<K, V>,
    materialized: Materialized<K, V>,
) -> TableStoreSpec<K, V> {
    let (key, value) = (consumed.key_serde.resolve(None), consumed.value_serde.resolve(None));
    TableStoreSpec::new(name, materialized.without_serdes(), key.as_ref(), value.as_ref())
}

/// How the topic is read: as rows or tombstones.
fn source_options<K: Data, V: Data>(
    source: &str,
    store: &TableStoreSpec<K, V>,
    consumed: &Consumed<K, V>,
) -> Result<SourceOptions<K, Option<V>>> {
    let key_serde = store.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(source, "key"))?;
    let row_serde = store.value_serde.clone().ok_or_else(|| DslError::missing_serde::<V>(source, "value"))?;
    let rows = consumed.own.extractor.clone();
    let extractor = consumed.own.row_extractor.clone().or_else(|| {
        rows.map(|rows| Arc::new(ExtractFromRows { rows }) as TimestampExtractorRef<K, Option<V>>)
    });
    Ok(SourceOptions { key_serde, value_serde: Arc::new(OptionSerde::new(row_serde)), extractor })
}

/// Takes a row's time from its value, and a tombstone's from its record.
struct ExtractFromRows<K, V> {
    rows: TimestampExtractorRef<K, V>,
}

impl<K, V> TimestampExtractor<K, Option<V>> for ExtractFromRows<K, V> {
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, Option<V>>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError> {
        let Some(value) = record.value else { return Ok(record.timestamp) };
        let row = ConsumedRecord {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key,
            value,
            headers: record.headers,
            wall_clock_ms: record.wall_clock_ms,
        };
        self.rows.extract(&row, partition_time)
    }
}
