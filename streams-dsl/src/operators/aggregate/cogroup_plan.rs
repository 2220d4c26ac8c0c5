//! How cogrouped streams become nodes of the plan (`CogroupedStreamAggregateBuilder`).
//!
//! Numbers are used up in Kafka Streams' order: the store's, three for each stream that is repartitioned, one for each
//! stream's aggregation, and that of the node that merges their updates.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::Result as UserResult;
use streams_core::processor::{Data, InitContext};
use streams_core::record::Change;
use streams_core::serde::{SerdeRef, SessionWindowedSerde, TimeWindowedSerde};
use streams_core::store::{Declaration, SessionStoreBuilder, TimestampedWindowStoreBuilder};
use streams_core::window::Windowed;

use super::aggregate::{Aggregate, AggregateProcessor, SessionAggregate};
use super::cogrouped::CogroupedKStream;
use super::draft::{Draft, configured};
use super::layout::Layout;
use super::session_window::session_getter;
use super::session_window_processor::SessionProcessor;
use super::sliding_window_processor::SlidingWindowProcessor;
use super::time_window::window_getter;
use super::time_window_processor::TimeWindowProcessor;
use crate::error::{DslError, Result};
use crate::graph::{GraphNode, NodeId, Repartitioning, Step, Writer, repartition_node};
use crate::handles::{KGroupedStream, KTable, TableOrigin};
use crate::naming::prefix;
use crate::operators::stateless::PassThrough;
use crate::options::Materialized;
use crate::rows::{RowStoreSettings, ValueGetterSupplier, row_store};
use crate::windows::{EmitStrategy, SessionWindows, SlidingWindows, TimeWindows, Windows};

/// Begins an aggregate.
pub(super) type Initializer<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// Adds a value to an aggregate.
pub(super) type Aggregator<K, V, A> = Arc<dyn Fn(&K, V, A) -> UserResult<A> + Send + Sync>;

/// Joins the aggregates of two sessions.
pub(super) type Merger<K, A> = Arc<dyn Fn(&K, A, A) -> UserResult<A> + Send + Sync>;

/// How an aggregation of cogrouped streams is laid over time. A further kind of windows is one more variant.
pub(crate) enum CogroupLayout<K, A> {
    /// Not at all.
    Whole,
    /// In windows of a fixed size.
    Time(TimeWindows),
    /// In windows that slide over the records.
    Sliding(SlidingWindows),
    /// In sessions.
    Session(SessionWindows, Merger<K, A>),
}

impl<K, A> Clone for CogroupLayout<K, A> {
    fn clone(&self) -> Self {
        match self {
            CogroupLayout::Whole => CogroupLayout::Whole,
            CogroupLayout::Time(windows) => CogroupLayout::Time(*windows),
            CogroupLayout::Sliding(windows) => CogroupLayout::Sliding(*windows),
            CogroupLayout::Session(windows, merger) => CogroupLayout::Session(*windows, Arc::clone(merger)),
        }
    }
}

impl<K, A> CogroupLayout<K, A> {
    fn check(&self) -> std::result::Result<(), String> {
        match self {
            CogroupLayout::Whole => Ok(()),
            CogroupLayout::Time(windows) => windows.check(),
            CogroupLayout::Sliding(windows) => windows.check(),
            CogroupLayout::Session(windows, _) => windows.check(),
        }
    }

    /// For how long windows take late records; a session's gap counts as such.
    fn grace_ms(&self) -> Option<i64> {
        match self {
            CogroupLayout::Whole => None,
            CogroupLayout::Time(windows) => Some(windows.grace_ms()),
            CogroupLayout::Sliding(windows) => Some(windows.grace_ms()),
            CogroupLayout::Session(windows, _) => {
                Some(windows.grace_ms().saturating_add(windows.inactivity_gap_ms()))
            }
        }
    }

    /// For how long windows have to be kept.
    fn needed_ms(&self) -> i64 {
        match self {
            CogroupLayout::Time(windows) => windows.kept_ms(),
            CogroupLayout::Sliding(windows) => windows.kept_ms(),
            CogroupLayout::Whole | CogroupLayout::Session(..) => self.grace_ms().unwrap_or(0),
        }
    }
}

/// One of the grouped streams, whatever its values are.
pub(crate) trait Cogroup<K, A> {
    /// See [`KGroupedStream::identity`].
    fn identity(&self) -> *const Cell<Option<NodeId>>;

    /// The repartition node behind the stream, once there is one: all aggregations of a cogrouped stream share it.
    fn repartition(&self) -> &Rc<Cell<Option<NodeId>>>;

    /// Where the grouped stream stands.
    fn step(&self) -> &Step;

    /// Writes the stream's keys.
    fn key_serde(&self) -> Option<&SerdeRef<K>>;

    /// The node behind which the stream is partitioned by its key. Uses up three numbers if that is a repartition.
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
    draft: Draft<K, A>,
    initializer: Initializer<A>,
    layout: CogroupLayout<K, A>,
    retention_ms: i64,
    sends_old_values: Rc<Cell<bool>>,
    /// The store's: each stream's processor adds it.
    declaration: Declaration,
}

impl<K: Data, V: Data, A: Data> Group<K, V, A> {
    fn write(&self, job: &Job<K, A>, writer: &mut Writer<'_>) -> Result<()> {
        let (initializer, aggregator) = (Arc::clone(&job.initializer), Arc::clone(&self.aggregator));
        let fold = Aggregate {
            initializer: move || initializer(),
            aggregator: move |key: &K, value, aggregate| aggregator(key, value, aggregate),
        };
        let (name, old_values) = (writer.name.clone(), job.sends_old_values.get());
        match &job.layout {
            CogroupLayout::Whole => {
                let shared = job.draft.aggregation(&self.grouped, fold);
                let supplier = move |context: &mut InitContext<'_>| {
                    AggregateProcessor::open(Arc::clone(&shared), old_values, context)
                };
                writer.processor::<_, K, V, K, Change<A>>(&name, supplier)
            }
            CogroupLayout::Time(windows) => {
                let (shared, windows) = (job.draft.aggregation(&self.grouped, fold), *windows);
                let supplier = move |context: &mut InitContext<'_>| {
                    TimeWindowProcessor::open(Arc::clone(&shared), windows, EMIT, old_values, context)
                };
                writer.processor::<_, K, V, Windowed<K>, Change<A>>(&name, supplier)
            }
            CogroupLayout::Sliding(windows) => {
                let (shared, windows) = (job.draft.aggregation(&self.grouped, fold), *windows);
                let supplier = move |context: &mut InitContext<'_>| {
                    SlidingWindowProcessor::open(Arc::clone(&shared), windows, EMIT, old_values, context)
                };
                writer.processor::<_, K, V, Windowed<K>, Change<A>>(&name, supplier)
            }
            CogroupLayout::Session(windows, merger) => {
                let merger = Arc::clone(merger);
                let merger = move |key: &K, one, other| merger(key, one, other);
                let shared = job.draft.aggregation(&self.grouped, SessionAggregate { fold, merger });
                let windows = *windows;
                let supplier = move |context: &mut InitContext<'_>| {
                    SessionProcessor::open(Arc::clone(&shared), windows, EMIT, old_values, context)
                };
                writer.processor::<_, K, V, Windowed<K>, Change<A>>(&name, supplier)
            }
        }
    }
}

impl<K: Data, A: Data> Job<K, A> {
    /// Adds the store, or connects the node at hand with it.
    fn write_store(&self, writer: &mut Writer<'_>) -> Result<()> {
        let (draft, old_values) = (&self.draft, self.sends_old_values.get());
        let (key, value) = draft.serdes()?;
        match self.layout {
            CogroupLayout::Whole => {
                let settings = RowStoreSettings {
                    name: &draft.store,
                    operator: &writer.name,
                    track_old_values: old_values,
                    logged: true,
                    place: &writer.store_place,
                };
                let store = row_store(&settings, key, value, &draft.materialized)?;
                writer.add_store(store.declared(self.declaration))
            }
            CogroupLayout::Time(_) | CogroupLayout::Sliding(_) => {
                let store = TimestampedWindowStoreBuilder::new(&draft.store, key, value, self.retention_ms);
                let store = store.declared(self.declaration);
                writer.add_store(configured!(store, &draft.materialized, old_values, &writer.store_place))
            }
            CogroupLayout::Session(..) => {
                let store = SessionStoreBuilder::new(&draft.store, key, value, self.retention_ms);
                let store = store.declared(self.declaration);
                writer.add_store(configured!(store, &draft.materialized, old_values, &writer.store_place))
            }
        }
    }
}

impl<K: Data, V: Data, A: Data> Cogroup<K, A> for Group<K, V, A> {
    fn identity(&self) -> *const Cell<Option<NodeId>> {
        self.grouped.identity()
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
        let (shared, grace_ms) = (Rc::clone(job), job.layout.grace_ms());
        let versioned = job.draft.materialized.is_versioned();
        let node = GraphNode::new(name, move |writer| {
            group.write(&shared, writer)?;
            shared.write_store(writer)
        });
        match grace_ms {
            // Whether windows count as versioned is left to what they come from, as in Kafka Streams.
            Some(grace_ms) => node.grace_ms(grace_ms),
            None => node.output_versioned(versioned),
        }
    }
}

/// Adds an aggregation without windows.
pub(super) fn add_whole<K: Data, A: Data>(
    cogrouped: &CogroupedKStream<K, A>,
    initializer: Initializer<A>,
    materialized: Materialized<K, A>,
) -> KTable<K, A> {
    add(
        cogrouped,
        initializer,
        CogroupLayout::Whole,
        materialized,
        |key, _| key,
        ValueGetterSupplier::of_store,
    )
}

/// Adds an aggregation in windows or sessions.
pub(super) fn add_windowed<K: Data, A: Data>(
    cogrouped: &CogroupedKStream<K, A>,
    initializer: Initializer<A>,
    layout: CogroupLayout<K, A>,
    materialized: Materialized<K, A>,
) -> KTable<Windowed<K>, A> {
    let getter = match layout {
        CogroupLayout::Session(..) => session_getter,
        CogroupLayout::Time(_) | CogroupLayout::Sliding(_) | CogroupLayout::Whole => window_getter,
    };
    let key_serde = |key: SerdeRef<K>, layout: &CogroupLayout<K, A>| -> SerdeRef<Windowed<K>> {
        match layout {
            CogroupLayout::Session(..) => Arc::new(SessionWindowedSerde::new(key)),
            CogroupLayout::Time(windows) => Arc::new(TimeWindowedSerde::new(key, windows.length_ms())),
            CogroupLayout::Sliding(windows) => Arc::new(TimeWindowedSerde::new(key, windows.length_ms())),
            CogroupLayout::Whole => Arc::new(TimeWindowedSerde::of_unknown_size(key)),
        }
    };
    add(cogrouped, initializer, layout, materialized, key_serde, getter)
}

fn add<K: Data, A: Data, K2: Data>(
    cogrouped: &CogroupedKStream<K, A>,
    initializer: Initializer<A>,
    layout: CogroupLayout<K, A>,
    materialized: Materialized<K, A>,
    table_key: impl FnOnce(SerdeRef<K>, &CogroupLayout<K, A>) -> SerdeRef<K2>,
    getter: fn(&str) -> ValueGetterSupplier<K2, A>,
) -> KTable<K2, A> {
    let step = &cogrouped.step;
    let store = step.with_plan(|plan| plan.store_name(&materialized, prefix::COGROUP_AGGREGATE));
    let (groups, foreign): (Vec<_>, Vec<_>) =
        cogrouped.groups.iter().partition(|group| group.step().same_plan(step));
    let parents: Vec<NodeId> =
        groups.iter().map(|group| group.partitioned_by_key(&store, materialized.name.is_some())).collect();
    let sources: BTreeSet<String> =
        groups.iter().flat_map(|group| group.step().sources.iter().cloned()).collect();
    let given = step.given_name();
    let (names, merge) = step.with_plan(|plan| {
        plan.copartition(&sources);
        let mut name = |suffix: &str, prefix| plan.suffixed_or_new(given, suffix, prefix);
        let names: Vec<String> = (0..groups.len())
            .map(|at| name(&format!("-cogroup-agg-{at}"), prefix::COGROUP_AGGREGATE))
            .collect();
        (names, name("-cogroup-merge", prefix::COGROUP_MERGE))
    });
    let inherited = groups.iter().find_map(|group| group.key_serde());
    let draft = Draft {
        name: merge.clone(),
        key_serde: materialized.key_serde.resolve(inherited),
        value_serde: materialized.value_serde.resolve(None),
        store,
        materialized,
    };
    let report = |error| step.plan.borrow().report(error);
    if !foreign.is_empty() {
        report(DslError::ForeignStream { operator: merge.clone() });
    }
    if let Err(reason) = layout.check() {
        report(DslError::Option { operator: merge.clone(), reason });
    }
    let retention_ms = draft.retention_ms_at(step, layout.needed_ms());
    let key_serde = draft.key_serde.clone().map(|key| table_key(key, &layout));
    let (value_serde, queryable) = (draft.value_serde.clone(), draft.materialized.name.clone());
    let sends_old_values = Rc::<Cell<bool>>::default();
    let origin =
        CogroupOrigin { getter: getter(&draft.store), sends_old_values: Rc::clone(&sends_old_values) };
    let job = Rc::new(Job {
        draft,
        initializer,
        layout,
        retention_ms,
        sends_old_values,
        declaration: Declaration::new(),
    });
    let nodes: Vec<GraphNode> =
        groups.iter().zip(&names).map(|(group, name)| group.node(name, &job)).collect();
    let supplier = Arc::new(|| PassThrough);
    let merged = GraphNode::new(&merge, move |writer| {
        writer.own_stateless::<_, K2, Change<A>, K2, Change<A>>(&supplier)
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

/// A table that the aggregations of several streams make: its rows are in their common store (`KTablePassThrough`).
struct CogroupOrigin<K, A> {
    getter: ValueGetterSupplier<K, A>,
    sends_old_values: Rc<Cell<bool>>,
}

impl<K, A> TableOrigin<K, A> for CogroupOrigin<K, A> {
    fn enable_sending_old_values(&self, _force: bool) -> bool {
        self.sends_old_values.set(true);
        true
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, A> {
        self.getter.clone()
    }
}
