//! How a foreign-key join becomes nodes of the plan (`KTableImpl.doJoinOnForeignKey`).

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::partitioner::StreamPartitioner;
use streams_core::processor::{Data, InitContext, SinkOptions, SourceOptions, TopicTarget};
use streams_core::record::Change;
use streams_core::serde::foreign_key::{
    CombinedKeySchema, PseudoTopics, Subscription, SubscriptionResponse, SubscriptionResponseSerde,
    SubscriptionSerde,
};
use streams_core::serde::{ByteArraySerde, OptionSerde, SerdeRef};
use streams_core::store::{Declaration, StoreOptions, TimestampedKeyValueStoreBuilder};

use super::answer::AnswerProcessor;
use super::names::ForeignKeyNames;
use super::notify::NotifyProcessor;
use super::partition::{ToForeignSide, ToPrimarySide};
use super::receive::{ReceiveProcessor, Subscriptions};
use super::resolve::{Joiner, Resolve, ResolveProcessor};
use super::subscribe::{Extractor, Subscribe, SubscribeProcessor};
use crate::error::DslError;
use crate::graph::{GraphNode, NodeId, Step};
use crate::handles::KTable;
use crate::operators::nulls::Nulls;
use crate::operators::table::SourceOrigin;
use crate::options::{Materialized, TableJoined};
use crate::rows::{TableStoreSpec, ValueGetterSupplier};

/// A join that is not part of the plan yet.
pub(super) struct Join<K, V, KO, VO, VR> {
    pub(super) left: bool,
    pub(super) extractor: Extractor<K, V, KO>,
    pub(super) joiner: Joiner<V, VO, VR>,
}

/// What the tables' keys and values are written with.
struct Serdes<K, V, KO, VO> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    foreign_key: SerdeRef<KO>,
    foreign_value: SerdeRef<VO>,
}

/// What all nodes of a join are made of.
struct Parts<K, V, KO, VO> {
    names: ForeignKeyNames,
    topics: Arc<PseudoTopics>,
    serdes: Serdes<K, V, KO, VO>,
    joined: TableJoined<K, V, KO, VO>,
}

impl<K: Data, V: Data, KO: Data, VO: Data, VR: Data> Join<K, V, KO, VO, VR> {
    /// Adds the join of two tables. Numbers are used up in Kafka Streams' order: those of the parts, then the store's.
    pub(super) fn add(
        self,
        table: &KTable<K, V>,
        other: &KTable<KO, VO>,
        joined: TableJoined<K, V, KO, VO>,
        materialized: Materialized<K, VR>,
    ) -> KTable<K, VR> {
        other.enable_sending_old_values(true);
        table.enable_sending_old_values(true);
        let given = joined.name.as_deref().or(table.step.given_name());
        let names = table.step.with_plan(|plan| ForeignKeyNames::new(plan, given));
        let queryable = materialized.queryable_name().map(str::to_owned);
        let store_name =
            table.step.with_plan(|plan| plan.store_name(&materialized, crate::naming::prefix::FK_OUTPUT));
        let store = TableStoreSpec::new(&store_name, materialized, table.key_serde.as_ref(), None);
        let value_serde = store.value_serde.clone();
        let results = Nulls::of(value_serde.as_ref());
        let origin = SourceOrigin::new(store, queryable.is_some());
        let step = match Parts::new(names, table, other, joined) {
            Ok(parts) => {
                let result = origin.node(&parts.names.result, |row: Option<VR>| row);
                parts.add(table, other, self, results, result)
            }
            Err(error) => {
                table.step.plan.borrow().report(error);
                table.step.unnamed()
            }
        };
        KTable::new(step, table.key_serde.clone(), value_serde, queryable.as_deref(), origin)
    }
}

impl<K: Data, V: Data, KO: Data, VO: Data> Parts<K, V, KO, VO> {
    fn new(
        names: ForeignKeyNames,
        table: &KTable<K, V>,
        other: &KTable<KO, VO>,
        joined: TableJoined<K, V, KO, VO>,
    ) -> Result<Self, DslError> {
        if !table.step.same_plan(&other.step) {
            return Err(DslError::ForeignStream { operator: names.result });
        }
        let node = &names.registration;
        let key = joined.key_serde.resolve(table.key_serde.as_ref());
        let value = joined.value_serde.resolve(table.value_serde.as_ref());
        let foreign_key = joined.own.key_serde.resolve(other.key_serde.as_ref());
        let foreign_value = joined.own.value_serde.resolve(other.value_serde.as_ref());
        let serdes = Serdes {
            key: key.ok_or_else(|| DslError::missing_serde::<K>(node, "key"))?,
            value: value.ok_or_else(|| DslError::missing_serde::<V>(node, "value"))?,
            foreign_key: foreign_key.ok_or_else(|| DslError::missing_serde::<KO>(node, "key"))?,
            foreign_value: foreign_value.ok_or_else(|| DslError::missing_serde::<VO>(node, "value"))?,
        };
        let topics = Arc::new(PseudoTopics::new(&names.registration_topic));
        Ok(Parts { names, topics, serdes, joined })
    }

    /// Adds all nodes and stands behind the result's.
    fn add<VR: Data>(
        &self,
        table: &KTable<K, V>,
        other: &KTable<KO, VO>,
        join: Join<K, V, KO, VO, VR>,
        results: Nulls<VR>,
        result: GraphNode,
    ) -> Step {
        let names = &self.names;
        let subscriptions = Arc::new(Subscriptions {
            store: names.store.as_str().into(),
            declaration: Declaration::new(),
            schema: CombinedKeySchema::new(
                Arc::clone(&self.serdes.foreign_key),
                Arc::clone(&self.serdes.key),
                Arc::clone(&self.topics),
            ),
            topics: Arc::clone(&self.topics),
        });
        let (rows, foreign_rows) = (table.value_getter(), other.value_getter());
        let (primary, foreign) = (table.step.node, other.step.node);
        let joiner = Arc::clone(&join.joiner);
        let subscribe = self.subscribe_node(join);
        let [sink, source] = self.registration_nodes();
        let receive = self.receive_node(&subscriptions);
        let answer = answer_node::<K, KO, VO>(&names.join_foreign, foreign_rows);
        let notify = self.notify_node(&subscriptions);
        let [response_sink, response_source] = self.response_nodes();
        let resolve = self.resolve_node(joiner, results, rows);
        let result = table.step.with_plan(|plan| {
            let chain = |plan: &mut crate::graph::Plan, parent: NodeId, nodes: Vec<GraphNode>| {
                nodes.into_iter().fold(parent, |parent, node| plan.add(&[parent], node))
            };
            let answer = chain(plan, primary, vec![subscribe, sink, source, receive, answer]);
            let notify = plan.add(&[foreign], notify);
            let response = plan.add(&[answer, notify], response_sink);
            let result = chain(plan, response, vec![response_source, resolve, result]);
            plan.copartition(&with(&other.step.sources, &names.registration_source));
            plan.copartition(&with(&table.step.sources, &names.response_source));
            result
        });
        let sources = Rc::new(with(&table.step.sources, &names.response_source));
        Step::new(&table.step.plan, result, &names.result, sources)
    }

    fn subscribe_node<VR>(&self, join: Join<K, V, KO, VO, VR>) -> GraphNode {
        let subscribe = Arc::new(Subscribe {
            extractor: join.extractor,
            foreign_key: Arc::clone(&self.serdes.foreign_key),
            value: Arc::clone(&self.serdes.value),
            topics: Arc::clone(&self.topics),
            left: join.left,
        });
        GraphNode::new(&self.names.registration, move |writer| {
            let (shared, versioned) = (Arc::clone(&subscribe), writer.has_versioned_parent());
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                Ok(SubscribeProcessor::open(&shared, versioned, context))
            });
            writer.own_processor::<_, K, Change<V>, Option<KO>, Subscription<K>>(&supplier)
        })
    }

    /// The topic to the foreign side: its sink and its source.
    fn registration_nodes(&self) -> [GraphNode; 2] {
        let key: SerdeRef<Option<KO>> = Arc::new(OptionSerde::new(Arc::clone(&self.serdes.foreign_key)));
        let partitioner = self.joined.own.other_partitioner.clone();
        let partitioner =
            partitioner.map(|chosen| Arc::new(ToForeignSide(chosen)) as Arc<dyn StreamPartitioner<_, _>>);
        let names =
            [&self.names.registration_topic, &self.names.registration_sink, &self.names.registration_source];
        topic_nodes(names, key, self.subscription_serde(), partitioner)
    }

    fn receive_node(&self, subscriptions: &Arc<Subscriptions<K, KO>>) -> GraphNode {
        let (subscriptions, serde) = (Arc::clone(subscriptions), self.subscription_serde());
        GraphNode::new(&self.names.receive, move |writer| {
            let shared = Arc::clone(&subscriptions);
            let supplier =
                Arc::new(move |context: &mut InitContext<'_>| ReceiveProcessor::open(&shared, context));
            writer.own_processor::<_, Option<KO>, Subscription<K>, Option<KO>, Subscription<K>>(&supplier)?;
            writer.add_store(subscription_store(&subscriptions, &serde))
        })
    }

    fn notify_node(&self, subscriptions: &Arc<Subscriptions<K, KO>>) -> GraphNode {
        let (subscriptions, serde) = (Arc::clone(subscriptions), self.subscription_serde());
        GraphNode::new(&self.names.foreign_join, move |writer| {
            let (shared, versioned) = (Arc::clone(&subscriptions), writer.has_versioned_parent());
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                NotifyProcessor::open(&shared, versioned, context)
            });
            writer.own_processor::<_, KO, Change<VO>, K, SubscriptionResponse<VO>>(&supplier)?;
            writer.add_store(subscription_store(&subscriptions, &serde))
        })
    }

    /// The topic back to the primary side: its sink and its source.
    fn response_nodes(&self) -> [GraphNode; 2] {
        let value: SerdeRef<SubscriptionResponse<VO>> =
            Arc::new(SubscriptionResponseSerde::new(Arc::clone(&self.serdes.foreign_value)));
        let partitioner: Arc<dyn StreamPartitioner<K, SubscriptionResponse<VO>>> =
            Arc::new(ToPrimarySide(self.joined.own.partitioner.clone()));
        let names = [&self.names.response_topic, &self.names.response_sink, &self.names.response_source];
        topic_nodes(names, Arc::clone(&self.serdes.key), value, Some(partitioner))
    }

    fn resolve_node<VR: Data>(
        &self,
        joiner: Joiner<V, VO, VR>,
        results: Nulls<VR>,
        rows: ValueGetterSupplier<K, V>,
    ) -> GraphNode {
        let (value, topics) = (Arc::clone(&self.serdes.value), Arc::clone(&self.topics));
        let resolve = Arc::new(Resolve { value, topics, joiner, results });
        GraphNode::new(&self.names.resolver, move |writer| {
            let (shared, getters) = (Arc::clone(&resolve), rows.clone());
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                ResolveProcessor::open(&shared, &getters, context)
            });
            writer.own_processor::<_, K, SubscriptionResponse<VO>, K, Option<VR>>(&supplier)?;
            writer.connect(&rows.stores)
        })
    }

    fn subscription_serde(&self) -> SerdeRef<Subscription<K>> {
        Arc::new(SubscriptionSerde::new(Arc::clone(&self.serdes.key), Arc::clone(&self.topics)))
    }
}

fn answer_node<K: Data, KO: Data, VO: Data>(name: &str, rows: ValueGetterSupplier<KO, VO>) -> GraphNode {
    GraphNode::new(name, move |writer| {
        let getters = rows.clone();
        let supplier =
            Arc::new(move |context: &mut InitContext<'_>| AnswerProcessor::open(&getters, context));
        writer.own_processor::<_, Option<KO>, Subscription<K>, K, SubscriptionResponse<VO>>(&supplier)?;
        writer.connect(&rows.stores)
    })
}

/// The store of subscriptions: never cached, and its changelog keeps the messages' headers.
/// Built by both processors that use it, of one declaration.
fn subscription_store<K: Data, KO>(
    subscriptions: &Subscriptions<K, KO>,
    value: &SerdeRef<Subscription<K>>,
) -> TimestampedKeyValueStoreBuilder<Vec<u8>, Subscription<K>> {
    TimestampedKeyValueStoreBuilder::new(&subscriptions.store, Arc::new(ByteArraySerde), Arc::clone(value))
        .with_options(StoreOptions { log_headers: true, ..StoreOptions::default() })
        .declared(subscriptions.declaration)
}

/// A sink and a source with an internal topic between them, named topic, sink, source.
fn topic_nodes<K: Data, V: Data>(
    [topic, sink, source]: [&String; 3],
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
) -> [GraphNode; 2] {
    let topic: Arc<str> = topic.as_str().into();
    let target = TopicTarget::Topic(Arc::clone(&topic));
    let reads = SourceOptions {
        key_serde: Arc::clone(&key_serde),
        value_serde: Arc::clone(&value_serde),
        extractor: None,
    };
    let writes = SinkOptions { target, key_serde, value_serde, partitioner };
    let written = Arc::clone(&topic);
    let sink = GraphNode::new(sink, move |writer| {
        writer.topology.add_internal_topic(&written, None)?;
        writer.sink(writes.clone())
    });
    let source = GraphNode::new(source, move |writer| {
        Ok(writer.topology.add_source(&writer.name, &[&*topic], None, reads.clone())?)
    });
    [sink, source]
}

/// Sources, and one more.
fn with(sources: &BTreeSet<String>, source: &str) -> BTreeSet<String> {
    let mut all = sources.clone();
    all.insert(source.to_owned());
    all
}
