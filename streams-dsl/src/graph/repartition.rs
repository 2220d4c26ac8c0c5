//! The node that sends a stream through a repartition topic, so that records with the same key meet in one task
//! (`OptimizableRepartitionNode`, `UnoptimizableRepartitionNode`).

use std::rc::Rc;
use std::sync::Arc;

use streams_core::ids::{REPARTITION_SUFFIX, TopicName};
use streams_core::partitioner::StreamPartitioner;
use streams_core::processor::timestamp_extractor::FailOnInvalidTimestamp;
use streams_core::processor::{
    Data, Processor, ProcessorContext, ProcessorResult, SinkOptions, SourceOptions, TopicTarget,
};
use streams_core::record::Record;
use streams_core::serde::SerdeRef;

use super::node::{GraphNode, PlanNodeKind};
use super::{Plan, Writer};
use crate::error::{DslError, Result};
use crate::naming::{is_generated_stream_name, prefix};

/// How a stream is repartitioned.
pub(crate) struct Repartitioning<K, V> {
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    pub(crate) partitioner: Option<Arc<dyn StreamPartitioner<K, V>>>,
    pub(crate) partitions: Option<i32>,
    /// Whether `merge.repartition.topics` may merge it with others; the explicit operator's may not.
    pub(crate) optimizable: bool,
    /// Whether the topic's name, or that of the store it is called after, is the user's.
    pub(crate) named: bool,
}

impl<K, V> Repartitioning<K, V> {
    /// An implicit one, which an operator needs; `named` says whether its name is the user's.
    pub(crate) fn implicit(
        named: bool,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
    ) -> Self {
        Repartitioning {
            key_serde,
            value_serde,
            partitioner: None,
            partitions: None,
            optimizable: true,
            named,
        }
    }
}

/// The names of a repartition's parts.
#[derive(Clone, Debug)]
pub(crate) struct RepartitionNames {
    pub(super) topic: String,
    filter: String,
    sink: String,
    pub(super) source: String,
}

impl RepartitionNames {
    /// Takes three numbers, which name the nodes if the prefix is generated; else the topic names them.
    fn new(plan: &mut Plan, topic_prefix: &str) -> Self {
        let topic = if topic_prefix.ends_with(REPARTITION_SUFFIX) {
            topic_prefix.to_owned()
        } else {
            format!("{topic_prefix}{REPARTITION_SUFFIX}")
        };
        let sink = plan.new_name(prefix::SINK);
        let filter = plan.new_name(prefix::FILTER);
        let source = plan.new_name(prefix::SOURCE);
        if is_generated_stream_name(topic_prefix) {
            return RepartitionNames { topic, filter, sink, source };
        }
        RepartitionNames {
            filter: format!("{topic}-filter"),
            sink: format!("{topic}-sink"),
            source: format!("{topic}-source"),
            topic,
        }
    }
}

/// Writes a repartition of certain types under any names.
type WriteAs = Rc<dyn Fn(&RepartitionNames, &mut Writer<'_>) -> Result<()>>;

/// What the optimiser knows of a repartition node.
#[derive(Clone)]
pub(crate) struct RepartitionSpec {
    pub(super) names: RepartitionNames,
    pub(super) optimizable: bool,
    /// Writes a repartition of this one's types under other names.
    write_as: WriteAs,
}

impl RepartitionSpec {
    /// A repartition of the same types under a new name, for merging repartitions.
    pub(super) fn merged(&self, plan: &mut Plan) -> GraphNode {
        let names = RepartitionNames::new(plan, &self.names.topic);
        node(names, self.optimizable, Rc::clone(&self.write_as))
    }
}

/// A new repartition node, not yet part of the plan; its name is that of the source behind the topic. Takes three
/// numbers (`KStreamImpl.createRepartitionedSource`).
pub(crate) fn repartition_node<K: Data, V: Data>(
    plan: &mut Plan,
    topic_prefix: &str,
    how: Repartitioning<K, V>,
) -> GraphNode {
    let names = RepartitionNames::new(plan, topic_prefix);
    if !how.named {
        plan.note_unnamed_repartition(&names.topic);
    }
    let optimizable = how.optimizable;
    node(names, optimizable, Rc::new(move |names, writer| write(names, &how, writer)))
}

fn node(names: RepartitionNames, optimizable: bool, write_as: WriteAs) -> GraphNode {
    let (own, own_names) = (Rc::clone(&write_as), names.clone());
    GraphNode::new(&names.source.clone(), move |writer| own(&own_names, writer))
        .kind(PlanNodeKind::Repartition(RepartitionSpec { names, optimizable, write_as }))
}

fn write<K: Data, V: Data>(
    names: &RepartitionNames,
    how: &Repartitioning<K, V>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let missing_key = || DslError::missing_serde::<K>(&names.source, "key");
    let missing_value = || DslError::missing_serde::<V>(&names.source, "value");
    let key_serde = how.key_serde.clone().ok_or_else(missing_key)?;
    let value_serde = how.value_serde.clone().ok_or_else(missing_value)?;
    let topic: TopicName = names.topic.as_str().into();
    writer.topology.add_internal_topic(&topic, how.partitions)?;
    let nullable_keys = (writer.drop_null_keys && key_serde.nullable()).then(|| Arc::clone(&key_serde));
    writer.processor::<_, K, V, K, V>(&names.filter, move |_| {
        Ok(DropNullKeys { nullable_keys: nullable_keys.clone() })
    })?;
    let sink = SinkOptions {
        target: TopicTarget::Topic(Arc::clone(&topic)),
        key_serde: Arc::clone(&key_serde),
        value_serde: Arc::clone(&value_serde),
        partitioner: how.partitioner.clone(),
    };
    writer.topology.add_sink(&names.sink, sink, &[&names.filter])?;
    let source = SourceOptions { key_serde, value_serde, extractor: Some(Arc::new(FailOnInvalidTimestamp)) };
    writer.topology.add_source(&names.source, &[&*topic], None, source)?;
    Ok(())
}

/// The filter before a repartition topic: a record without a key cannot be partitioned by it, and is dropped unless
/// a left or outer join downstream takes it.
struct DropNullKeys<K> {
    /// Set where keys can be null and such records are not wanted.
    nullable_keys: Option<SerdeRef<K>>,
}

impl<K: Data, V: Data> Processor<K, V, K, V> for DropNullKeys<K> {
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        match &self.nullable_keys {
            Some(serde) if serde.is_null(&record.key) => Ok(()),
            _ => context.forward(record),
        }
    }
}
