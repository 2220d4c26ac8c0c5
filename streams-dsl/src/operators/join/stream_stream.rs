//! `join_stream`: two streams, record by record within a window of time (`KStreamImplJoin`).

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::store::{StorePlace, WindowStoreBuilder};

use super::stream_stream_processor::{JoinSide, JoinSideProcessor, JoinWindowProcessor};
use crate::error::{DslError, Result};
use crate::graph::{GraphNode, Plan, Step, Writer};
use crate::naming::prefix;
use crate::operators::aggregate::Nulls;
use crate::operators::stateless::PassThrough;
use crate::options::StreamJoined;
use crate::stream::KStream;
use crate::windows::JoinWindows;

impl<K: Data, V: Data> KStream<K, V> {
    /// Joins each pair of records of the two streams that have the same key and are near enough in time
    /// (`KStream.join(KStream)`).
    ///
    /// * Triggered by records of both streams; each looks for its partners among those that came before it.
    /// * Nulls: a record whose key or value is null is dropped and counted in `dropped-records`.
    /// * Time: a result has the larger one of the two timestamps, and the headers of the record that triggered it.
    ///   Records wait for their partners for the window's size and grace.
    /// * Repartition: each stream whose key has changed since it was read, through `<application.id>-<its
    ///   node>-repartition`. Both must have the same number of partitions.
    /// * Store: a window store for each side, which keeps duplicates; their changelogs are never compacted.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, i64>("payments");
    /// orders
    ///     .join_stream(
    ///         &payments,
    ///         |order, amount| format!("{order}: {amount}"),
    ///         JoinWindows::of_time_difference_and_grace(minutes(10), seconds(30)),
    ///     )
    ///     .to("paid-orders");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "book".into(), 0)?;
    /// let payments = driver.create_input_topic::<String, i64>("payments");
    /// payments.pipe("o1".into(), 12, 600_000)?;
    /// payments.pipe("o1".into(), 99, 600_001)?;
    /// let paid = driver.create_output_topic::<String, String>("paid-orders").read_values()?;
    /// assert_eq!(paid, ["book: 12"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn join_stream<V2: Data + DefaultSerde, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VO>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_stream_with(other, joiner, windows, StreamJoined::new())
    }

    /// As [`join_stream`](Self::join_stream), with options.
    pub fn join_stream_with<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(V, V2) -> VO + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let given = joined.name.clone().or(self.step.given_name().map(str::to_owned));
        let given = given.as_deref();
        let key_serde = joined.key_serde.resolve(self.key_serde.as_ref());
        let value_serde = joined.value_serde.resolve(self.value_serde.as_ref());
        let other_serde = joined.other_value_serde.resolve(other.value_serde.as_ref());
        let this = self.partitioned_for_join(given, "-left", &key_serde, &value_serde);
        let other = other.partitioned_for_join(given, "-right", &key_serde, &other_serde);
        let names = this.step.with_plan(|plan| Names::new(plan, given, joined.store_name.as_deref()));
        let report = |error| this.step.plan.borrow().report(error);
        if let Err(reason) = windows.check() {
            report(DslError::Option { operator: names.merge.clone(), reason });
        }
        if !this.step.same_plan(&other.step) {
            report(DslError::ForeignStream { operator: names.merge });
            return KStream::new(this.step, key_serde, None, false);
        }
        let sources = this.step.copartition_with(&other.step);
        let stores = JoinStores {
            key_serde: key_serde.clone(),
            retention_ms: windows.retention_ms(),
            logging: joined.logged.then_some(joined.log_configs),
            place: joined.place,
        };
        let values = (Nulls::of(value_serde.as_ref()), Nulls::of(other_serde.as_ref()));
        let this_window = window_node(&names.this_windowed, &names.this_store, &stores, value_serde);
        let other_window = window_node(&names.other_windowed, &names.other_store, &stores, other_serde);
        let merge = names.merge.clone();
        let node = join_node(names, windows, Nulls::of(key_serde.as_ref()), values, joiner);
        let id = this.step.with_plan(|plan| {
            plan.add(&[this.step.node], this_window);
            plan.add(&[other.step.node], other_window);
            plan.add(&[this.step.node, other.step.node], node)
        });
        KStream::new(Step::new(&this.step.plan, id, &merge, sources), key_serde, None, false)
    }

    /// This stream, behind a repartition topic if its key has changed.
    fn partitioned_for_join(
        &self,
        given: Option<&str>,
        suffix: &str,
        key_serde: &Option<SerdeRef<K>>,
        value_serde: &Option<SerdeRef<V>>,
    ) -> KStream<K, V> {
        if !self.repartition_required {
            return self.clone();
        }
        let topic_prefix = given.map_or_else(|| self.step.name.to_string(), |name| format!("{name}{suffix}"));
        self.repartition_for_join(&topic_prefix, key_serde.clone(), value_serde.clone())
    }
}

/// The names of a join's parts.
struct Names {
    this_windowed: String,
    other_windowed: String,
    this_join: String,
    other_join: String,
    merge: String,
    this_store: String,
    other_store: String,
}

impl Names {
    /// Uses up five numbers. A join's name does not name its stores; a store's name does.
    fn new(plan: &mut Plan, given: Option<&str>, store: Option<&str>) -> Self {
        let this_windowed = plan.suffixed_or_new(given, "-this-windowed", prefix::WINDOWED);
        let other_windowed = plan.suffixed_or_new(given, "-other-windowed", prefix::WINDOWED);
        let this_generated = plan.new_name(prefix::JOIN_THIS);
        let other_generated = plan.new_name(prefix::JOIN_OTHER);
        let merge = plan.suffixed_or_new(given, "-merge", prefix::MERGE);
        let join = |suffix: &str, generated: &str| match given {
            Some(name) => format!("{name}{suffix}"),
            None => generated.to_owned(),
        };
        let store = |suffix: &str, generated: &str| match store {
            Some(name) => format!("{name}{suffix}-store"),
            None => format!("{generated}-store"),
        };
        let names = Names {
            this_windowed,
            other_windowed,
            this_join: join("-this-join", &this_generated),
            other_join: join("-other-join", &other_generated),
            merge,
            this_store: store("-this-join", &this_generated),
            other_store: store("-other-join", &other_generated),
        };
        plan.check(crate::naming::validate(&names.this_store));
        names
    }
}

/// The node that joins the records of both sides: a processor for each, and one that merges their results.
fn join_node<K: Data, V: Data, V2: Data, VO: Data>(
    names: Names,
    windows: JoinWindows,
    keys: Nulls<K>,
    (values, other_values): (Nulls<V>, Nulls<V2>),
    joiner: impl Fn(V, V2) -> VO + Send + Sync + 'static,
) -> GraphNode {
    let joiner = Arc::new(joiner);
    let reversed = Arc::clone(&joiner);
    let this_side = Arc::new(JoinSide {
        store: names.other_store.as_str().into(),
        keys: keys.clone(),
        values,
        reach: windows.seen_from_left(),
        joiner: move |value, other| joiner(value, other),
    });
    let other_side = Arc::new(JoinSide {
        store: names.this_store.as_str().into(),
        keys,
        values: other_values,
        reach: windows.seen_from_right(),
        joiner: move |value, other| reversed(other, value),
    });
    GraphNode::new(&names.merge.clone(), move |writer| {
        let (this, other) = (Arc::clone(&this_side), Arc::clone(&other_side));
        let this = move || JoinSideProcessor::new(Arc::clone(&this));
        let other = move || JoinSideProcessor::new(Arc::clone(&other));
        let topology = &mut writer.topology;
        topology.add_processor::<_, K, V, K, VO>(&names.this_join, this, &[&names.this_windowed])?;
        topology.connect_processor_and_stores(&names.this_join, &[&names.other_store])?;
        topology.add_processor::<_, K, V2, K, VO>(&names.other_join, other, &[&names.other_windowed])?;
        topology.connect_processor_and_stores(&names.other_join, &[&names.this_store])?;
        let sides = [names.this_join.as_str(), names.other_join.as_str()];
        Ok(topology.add_processor::<_, K, VO, K, VO>(&names.merge, || PassThrough, &sides)?)
    })
}

/// What the stores of both sides have in common.
#[derive(Clone)]
struct JoinStores<K> {
    key_serde: Option<SerdeRef<K>>,
    retention_ms: i64,
    /// The changelogs' settings; `None` keeps no changelog.
    logging: Option<std::collections::BTreeMap<String, String>>,
    place: Option<StorePlace>,
}

/// The node that keeps one side's records for the other side to find.
fn window_node<K: Data, V: Data>(
    name: &str,
    store: &str,
    stores: &JoinStores<K>,
    value_serde: Option<SerdeRef<V>>,
) -> GraphNode {
    let (store_name, stores): (Arc<str>, _) = (store.into(), stores.clone());
    let (keys, values) = (Nulls::of(stores.key_serde.as_ref()), Nulls::of(value_serde.as_ref()));
    GraphNode::new(name, move |writer| {
        let (store, keys, values) = (Arc::clone(&store_name), keys.clone(), values.clone());
        let supplier = move || JoinWindowProcessor::new(Arc::clone(&store), keys.clone(), values.clone());
        writer.processor::<_, K, V, K, V>(&writer.name.clone(), supplier)?;
        add_window_store(writer, &store_name, &stores, value_serde.clone())
    })
}

fn add_window_store<K: Data, V: Data>(
    writer: &mut Writer<'_>,
    name: &str,
    stores: &JoinStores<K>,
    value_serde: Option<SerdeRef<V>>,
) -> Result<()> {
    let key = stores.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(&writer.name, "key"))?;
    let value = value_serde.ok_or_else(|| DslError::missing_serde::<V>(&writer.name, "value"))?;
    let mut builder =
        WindowStoreBuilder::new(name, key, value, stores.retention_ms).retain_duplicates().join_window();
    builder = match &stores.logging {
        Some(configs) => builder.with_logging_enabled(configs.clone()),
        None => builder.with_logging_disabled(),
    };
    builder = builder.at(stores.place.as_ref().unwrap_or(&writer.store_place).clone());
    writer.add_store(builder)
}
