//! The handle of a grouped table; its aggregations are in `operators/aggregate`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::ids::{REPARTITION_SUFFIX, TopicName};
use streams_core::processor::timestamp_extractor::FailOnInvalidTimestamp;
use streams_core::processor::{Data, SinkOptions, SourceOptions, TopicTarget};
use streams_core::record::Change;
use streams_core::serde::{ChangeSerde, SerdeRef};

use crate::error::{DslError, Result};
use crate::graph::{GraphNode, NodeId, Step, Writer};
use crate::naming::prefix;

/// A table whose rows are grouped by another key, to be aggregated (`org.apache.kafka.streams.kstream.KGroupedTable`).
///
/// A cheap handle: several aggregations can be made of one. Those share a repartition topic if it has a name
/// (`Grouped::named`), else each has its own. There always is one, and both sides of each update go through it: what a
/// row was is taken out of its old group, what it is now is put into its new one.
pub struct KGroupedTable<K, V> {
    pub(crate) step: Step,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    /// The user's name for the repartition topic (`Grouped.as`).
    repartition_name: Option<Rc<str>>,
    /// The repartition node that aggregations share when the user has named it, and the name of its source.
    repartition: Rc<RefCell<Option<(NodeId, String)>>>,
}

impl<K, V> Clone for KGroupedTable<K, V> {
    fn clone(&self) -> Self {
        KGroupedTable {
            step: self.step.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_name: self.repartition_name.clone(),
            repartition: Rc::clone(&self.repartition),
        }
    }
}

impl<K: Data, V: Data> KGroupedTable<K, V> {
    /// A table behind the node that selects keys and values.
    pub(crate) fn new(
        step: Step,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        repartition_name: Option<&str>,
    ) -> Self {
        let repartition_name = repartition_name.map(Into::into);
        KGroupedTable { step, key_serde, value_serde, repartition_name, repartition: Rc::default() }
    }

    /// Names the next aggregation's node, and those of its repartition `<name>-sink` and `<name>-source` (`Named.as`);
    /// the store is named by `Materialized`.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_city = builder.table::<String, String>("homes").group_by(|name, city| (city, name.clone()));
    /// by_city.named("counter").count();
    /// assert!(builder.build()?.describe().to_string().contains("Source: counter-source"));
    /// # Ok::<(), DslError>(())
    /// ```
    #[must_use = "the name is for the next aggregation of the returned table"]
    pub fn named(&self, name: &str) -> Self {
        KGroupedTable { step: self.step.named(name), ..self.clone() }
    }

    /// The source behind the repartition topic, which is named after the group, or otherwise after the store.
    /// Takes two numbers.
    pub(crate) fn repartitioned(&self, store: &str) -> Step {
        let given = self.step.given_name();
        let topic = format!("{}{REPARTITION_SUFFIX}", self.repartition_name.as_deref().unwrap_or(store));
        let mut plan = self.step.plan.borrow_mut();
        let sink = plan.suffixed_or_new(given, "-sink", prefix::SINK);
        let source = plan.suffixed_or_new(given, "-source", prefix::SOURCE);
        let shared = self.repartition.borrow().clone().filter(|_| self.repartition_name.is_some());
        let (id, source) = match shared {
            // Attached again and so written later, as in Kafka Streams, which adds the same node twice.
            Some((id, source)) => {
                plan.attach(self.step.node, id);
                (id, source)
            }
            None => (plan.add(&[self.step.node], self.repartition_node(topic, sink, &source)), source),
        };
        self.repartition.replace(Some((id, source.clone())));
        drop(plan);
        Step::at_source(&self.step.plan, id, &source)
    }

    /// The node that sends changes through a topic (`GroupedTableOperationRepartitionNode`).
    fn repartition_node(&self, topic: String, sink: String, source: &str) -> GraphNode {
        let (key_serde, value_serde) = (self.key_serde.clone(), self.value_serde.clone());
        GraphNode::new(source, move |writer| {
            let missing_key = || DslError::missing_serde::<K>(&writer.name, "key");
            let missing_value = || DslError::missing_serde::<V>(&writer.name, "value");
            let key_serde = key_serde.clone().ok_or_else(missing_key)?;
            let value_serde = value_serde.clone().ok_or_else(missing_value)?;
            let changes: SerdeRef<Change<V>> = Arc::new(ChangeSerde::new(value_serde));
            write(&topic, &sink, key_serde, changes, writer)
        })
    }
}

fn write<K: Data, V: Data>(
    topic: &str,
    sink: &str,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<Change<V>>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let topic: TopicName = topic.into();
    writer.topology.add_internal_topic(&topic, None)?;
    let options = SinkOptions {
        target: TopicTarget::Topic(Arc::clone(&topic)),
        key_serde: Arc::clone(&key_serde),
        value_serde: Arc::clone(&value_serde),
        partitioner: None,
    };
    let parents: Vec<&str> = writer.parents.iter().map(String::as_str).collect();
    writer.topology.add_sink(sink, options, &parents)?;
    let options = SourceOptions { key_serde, value_serde, extractor: Some(Arc::new(FailOnInvalidTimestamp)) };
    writer.topology.add_source(&writer.name, &[&*topic], None, options)?;
    Ok(())
}
