//! The stream handle: struct and plumbing. Operators are in `operators/stateless`, `operators/join` and so on.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::{Data, Processor};
use streams_core::serde::SerdeRef;

use crate::graph::{GraphNode, NodeId, Repartitioning, Step, repartition_node};
use crate::nulls::NullTest;

/// A stream of records, each on its own (`org.apache.kafka.streams.kstream.KStream`).
///
/// A cheap handle on a step of the builder's plan: operators take `&self`, so that one stream can feed several.
/// Keys and values that may be null are `Option`s.
pub struct KStream<K, V> {
    pub(crate) step: Step,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    /// Whether the key has changed since the stream was last partitioned by it.
    pub(crate) repartition_required: bool,
    /// What the user says of null values.
    pub(crate) null_test: NullTest<V>,
    /// The repartition node that joins of this stream share.
    join_repartition: Rc<Cell<Option<NodeId>>>,
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        KStream {
            step: self.step.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            repartition_required: self.repartition_required,
            null_test: Arc::clone(&self.null_test),
            join_repartition: Rc::clone(&self.join_repartition),
        }
    }
}

impl<K: Data, V: Data> KStream<K, V> {
    /// A stream behind a node of the plan.
    pub(crate) fn new(
        step: Step,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        repartition_required: bool,
    ) -> Self {
        let (null_test, join_repartition) = (NullTest::default(), Rc::default());
        KStream { step, key_serde, value_serde, repartition_required, null_test, join_repartition }
    }

    /// Names the next operator: `stream.named("x").filter(..)` adds a node `x` (`Named.as`, and likewise
    /// `Produced.as`, `Grouped.as`, `Repartitioned.as`, `Joined.as`, whichever the operator takes).
    ///
    /// The name applies to one operator; the stream that comes out of it has none.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("payments").named("large").filter(|_, amount| *amount > 100).to("large-payments");
    /// assert!(builder.build()?.describe().to_string().contains("Processor: large"));
    /// # Ok::<(), DslError>(())
    /// ```
    #[must_use = "the name is for the next operator on the returned stream"]
    pub fn named(&self, name: &str) -> Self {
        KStream { step: self.step.named(name), ..self.clone() }
    }

    /// Adds a node below this stream whose processor needs nothing of its task; `shape` marks what it does to keys and
    /// values.
    pub(crate) fn add_processor<P, K2, V2>(
        &self,
        prefix: &str,
        shape: impl FnOnce(GraphNode) -> GraphNode,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> Step
    where
        P: Processor<K, V, K2, V2>,
        K2: Data,
        V2: Data,
    {
        let name = self.step.next_name(prefix);
        let supplier = Arc::new(supplier);
        let node = GraphNode::new(&name, move |writer| writer.own_stateless::<P, K, V, K2, V2>(&supplier));
        self.step.add(shape(node))
    }

    /// The stream behind a repartition topic, for a join (`KStreamImpl.repartitionForJoin`). Joins of the same stream
    /// share the topic unless one names its own; numbers are used up each time.
    pub(crate) fn repartition_for_join(
        &self,
        topic_prefix: &str,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
    ) -> KStream<K, V> {
        let key_serde = key_serde.or_else(|| self.key_serde.clone());
        let value_serde = value_serde.or_else(|| self.value_serde.clone());
        let named = *self.step.name != *topic_prefix;
        let how = Repartitioning::implicit(named, key_serde.clone(), value_serde.clone());
        let mut plan = self.step.plan.borrow_mut();
        let node = repartition_node(&mut plan, topic_prefix, how);
        let source = node.name.clone();
        let shared = self.join_repartition.get().filter(|_| *self.step.name == *topic_prefix);
        let id = shared.unwrap_or_else(|| plan.add(&[self.step.node], node));
        self.join_repartition.set(Some(id));
        drop(plan);
        let step = Step::at_source(&self.step.plan, id, &source);
        KStream::new(step, key_serde, value_serde, false)
    }
}
