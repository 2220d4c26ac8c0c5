//! How cogrouped streams become nodes of the plan (`CogroupedStreamAggregateBuilder`).
//!
//! Numbers are used up in Kafka Streams' order: the store's, three for each stream that is repartitioned, one for each
//! stream's aggregation, and that of the node that merges their updates.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::Result as UserResult;
use streams_core::processor::Data;
use streams_core::record::Change;
use streams_core::serde::SerdeRef;

use super::add::{AggregateOrigin, AggregationDraft, in_span};
use super::aggregator::Aggregate;
use super::cogrouped::CogroupedKStream;
use super::layout::{AnyLayout, Emission, Layout, Span};
use crate::error::{DslError, Result};
use crate::graph::{GraphNode, NodeId, Repartitioning, Step, Writer, repartition_node};
use crate::handles::{KGroupedStream, KTable};
use crate::naming::prefix;
use crate::operators::stateless::PassThrough;
use crate::options::Materialized;
use crate::windows::EmitStrategy;

/// Begins an aggregate.
pub(super) type Initializer<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// Adds a value to an aggregate.
pub(super) type Aggregator<K, V, A> = Arc<dyn Fn(&K, V, A) -> UserResult<A> + Send + Sync>;

/// Joins the aggregates of two sessions.
pub(super) type Merger<K, A> = Arc<dyn Fn(&K, A, A) -> UserResult<A> + Send + Sync>;

/// One of the grouped streams, whatever its values are.
pub(crate) trait Cogroup<K, A> {
    /// See [`KGroupedStream::shared`].
    fn shared(&self) -> &Rc<Cell<Option<NodeId>>>;

    /// The repartition node behind the stream, once there is one: all aggregations of a cogrouped stream share it.
    fn repartition(&self) -> &Rc<Cell<Option<NodeId>>>;

    /// Where the grouped stream stands.
    fn step(&self) -> &Step;

    /// Writes the stream's keys.
    fn key_serde(&self) -> Option<&SerdeRef<K>>;

    /// The node behind which the stream is partitioned by its key. Takes three numbers if that is a repartition.
    fn partitioned_by_key(&self, store: &str, stored_by_name: bool) -> NodeId;

    /// The stream's aggregation.
    fn node(&self, name: &str, job: &Rc<Job<K, A>>) -> GraphNode;
}

/// Cogrouped streams have no other strategy, as in Kafka Streams.
const EMIT: EmitStrategy = EmitStrategy::OnWindowUpdate;

/// A grouped stream with its aggregator.
pub(super) struct Group<K, V, A> {
    grouped: KGroupedStream<K, V>,
    aggregator: Aggregator<K, V, A>,
    repartition: Rc<Cell<Option<NodeId>>>,
}

impl<K, V, A> Group<K, V, A> {
    /// That stream with that aggregator.
    pub(super) fn new(grouped: &KGroupedStream<K, V>, aggregator: Aggregator<K, V, A>) -> Self {
        Group { grouped: grouped.clone(), aggregator, repartition: Rc::default() }
    }

    /// The same, behind the repartition topic of another group of the same stream.
    pub(super) fn in_place_of(self, other: &dyn Cogroup<K, A>) -> Self {
        Group { repartition: Rc::clone(other.repartition()), ..self }
    }
}

/// What the aggregations of all streams share.
pub(crate) struct Job<K, A> {
    draft: AggregationDraft<K, A>,
    initializer: Initializer<A>,
    merger: Merger<K, A>,
    layout: AnyLayout,
    span: Option<Span>,
    sends_old_values: Rc<Cell<bool>>,
}

impl<K: Data, V: Data, A: Data> Group<K, V, A> {
    fn write(&self, job: &Job<K, A>, writer: &mut Writer<'_>) -> Result<()> {
        match &job.layout {
            AnyLayout::Whole(layout) => self.write_as(layout, job, writer),
            AnyLayout::Listed(windows) => self.write_as(windows, job, writer),
            AnyLayout::Sliding(windows) => self.write_as(windows, job, writer),
            AnyLayout::Session(windows) => self.write_as(windows, job, writer),
        }
    }

    fn write_as<L: Layout>(&self, layout: &L, job: &Job<K, A>, writer: &mut Writer<'_>) -> Result<()> {
        let (initializer, merger) = (Arc::clone(&job.initializer), Arc::clone(&job.merger));
        let aggregator = Arc::clone(&self.aggregator);
        let fold = Aggregate {
            initializer: move || initializer(),
            aggregator: move |key: &K, value, aggregate| aggregator(key, value, aggregate),
            merger: move |key: &K, one, other| merger(key, one, other),
        };
        let aggregation = job.draft.aggregation(self.grouped.value_serde.as_ref(), fold);
        let emission = Emission { strategy: EMIT, old_values: job.sends_old_values.get() };
        job.draft.write(layout, &aggregation, emission, writer)
    }
}

impl<K: Data, V: Data, A: Data> Cogroup<K, A> for Group<K, V, A> {
    fn shared(&self) -> &Rc<Cell<Option<NodeId>>> {
        self.grouped.shared()
    }

    fn repartition(&self) -> &Rc<Cell<Option<NodeId>>> {
        &self.repartition
    }

    fn step(&self) -> &Step {
        &self.grouped.step
    }

    fn key_serde(&self) -> Option<&SerdeRef<K>> {
        self.grouped.key_serde.as_ref()
    }

    fn partitioned_by_key(&self, store: &str, stored_by_name: bool) -> NodeId {
        let KGroupedStream { step, key_serde, value_serde, repartition_required, repartition_name, .. } =
            &self.grouped;
        if !repartition_required {
            return step.node;
        }
        let topic_prefix = repartition_name.as_deref().unwrap_or(store);
        let named = repartition_name.is_some() || stored_by_name;
        let how = Repartitioning::implicit(named, key_serde.clone(), value_serde.clone());
        step.with_plan(|plan| {
            let node = repartition_node(plan, topic_prefix, how);
            let id = self.repartition.get().unwrap_or_else(|| plan.add(&[step.node], node));
            self.repartition.set(Some(id));
            id
        })
    }

    fn node(&self, name: &str, job: &Rc<Job<K, A>>) -> GraphNode {
        let group = Group {
            grouped: self.grouped.clone(),
            aggregator: Arc::clone(&self.aggregator),
            repartition: Rc::clone(&self.repartition),
        };
        let shared = Rc::clone(job);
        let node = in_span(GraphNode::new(name, move |writer| group.write(&shared, writer)), job.span);
        match job.span {
            // Whether windows count as versioned is left to what they come from, as in Kafka Streams.
            Some(_) => node,
            None => node.output_versioned(job.draft.materialized.is_versioned()),
        }
    }
}

impl<K: Data, A: Data, L: Layout> CogroupedKStream<K, A, L> {
    /// Adds the aggregations of all streams, and the node that merges them.
    pub(super) fn add(
        &self,
        initializer: Initializer<A>,
        merger: Merger<K, A>,
        materialized: Materialized<K, A>,
    ) -> KTable<L::Key<K>, A> {
        let (step, layout) = (&self.step, &self.windows);
        let store = step.with_plan(|plan| plan.store_name(&materialized, prefix::COGROUP_AGGREGATE));
        let (groups, foreign): (Vec<_>, Vec<_>) =
            self.groups.iter().partition(|group| group.step().same_plan(step));
        let parents: Vec<NodeId> = groups
            .iter()
            .map(|group| group.partitioned_by_key(&store, materialized.name.is_some()))
            .collect();
        let sources: BTreeSet<String> =
            groups.iter().flat_map(|group| group.step().sources.iter().cloned()).collect();
        let (names, merge) = self.names(groups.len(), &sources);
        if !foreign.is_empty() {
            step.plan.borrow().report(DslError::ForeignStream { operator: merge.clone() });
        }
        let inherited = (groups.iter().find_map(|group| group.key_serde()), None);
        let draft = step.with_plan(|plan| {
            AggregationDraft::new(plan, (merge.clone(), store), layout, materialized, inherited)
        });
        let key_serde = draft.key_serde.clone().map(|key| layout.key_serde(key));
        let (value_serde, queryable) = (draft.value_serde.clone(), draft.materialized.name.clone());
        let origin = AggregateOrigin::new(layout.getter(&draft.store));
        let job = Rc::new(Job {
            draft,
            initializer,
            merger,
            layout: layout.any_layout(),
            span: layout.span(),
            sends_old_values: Rc::clone(&origin.sends_old_values),
        });
        let nodes: Vec<GraphNode> =
            groups.iter().zip(&names).map(|(group, name)| group.node(name, &job)).collect();
        let supplier = Arc::new(|| PassThrough);
        let merged = GraphNode::new(&merge, move |writer| {
            writer.own_stateless::<_, L::Key<K>, Change<A>, L::Key<K>, Change<A>>(&supplier)
        });
        let id = step.with_plan(|plan| {
            let nodes: Vec<NodeId> =
                nodes.into_iter().zip(&parents).map(|(node, parent)| plan.add(&[*parent], node)).collect();
            plan.add(&nodes, merged)
        });
        // As in Kafka Streams, what is downstream is not checked for the partitions of what is upstream.
        let step = Step::at_source(&step.plan, id, &merge);
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), Rc::new(origin))
    }

    /// The names of the aggregations and of their merge; demands that the sources have the same number of partitions.
    fn names(&self, groups: usize, sources: &BTreeSet<String>) -> (Vec<String>, String) {
        let given = self.step.given_name();
        self.step.with_plan(|plan| {
            plan.copartition(sources);
            let mut name = |suffix: &str, prefix| plan.suffixed_or_new(given, suffix, prefix);
            let names = (0..groups)
                .map(|at| name(&format!("-cogroup-agg-{at}"), prefix::COGROUP_AGGREGATE))
                .collect();
            (names, name("-cogroup-merge", prefix::COGROUP_MERGE))
        })
    }
}
