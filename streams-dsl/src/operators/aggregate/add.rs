//! How an aggregation becomes a node of the plan (`GroupedStreamAggregateBuilder`).
//!
//! Numbers are used up in Kafka Streams' order: the store's, the operator's, and three for the repartition topic if the
//! key has changed since the stream was last partitioned by it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use streams_core::processor::{Data, InitContext};
use streams_core::record::Change;
use streams_core::serde::SerdeRef;
use streams_core::store::{Declaration, SessionSupplier, StoreSupplier, WindowSupplier};
use streams_core::time::{from_ms, to_ms};

use super::fold::Fold;
use super::layout::{Emission, Layout, Span};
use crate::error::{DslError, OptionError, Result};
use crate::graph::{GraphNode, Plan, Writer};
use crate::handles::{KGroupedStream, KTable, TableOrigin};
use crate::operators::nulls::Nulls;
use crate::options::Materialized;
use crate::rows::ValueGetterSupplier;

/// What all instances of an aggregation share.
pub struct Aggregation<K, V, A, F> {
    pub(crate) store: Arc<str>,
    pub(crate) fold: F,
    pub(crate) keys: Nulls<K>,
    pub(crate) values: Nulls<V>,
    /// An aggregate that is null deletes the row.
    pub(crate) aggregates: Nulls<A>,
}

/// An aggregation whose names and serdes are settled, and that is not part of the plan yet.
pub struct AggregationDraft<K, A> {
    /// The operator's node.
    pub(super) name: String,
    /// The store.
    pub(super) store: String,
    pub(super) key_serde: Option<SerdeRef<K>>,
    pub(super) value_serde: Option<SerdeRef<A>>,
    pub(super) materialized: Materialized<K, A>,
    /// For how long the store keeps windows.
    pub(super) retention: Duration,
    /// The store's: cogrouped streams have a processor each that adds it.
    pub(super) declaration: Declaration,
}

impl<K: Data, A: Data> AggregationDraft<K, A> {
    /// The aggregation of that name in that store; reports what is wrong with it. What the options leave open is inherited.
    pub(super) fn new<L: Layout>(
        plan: &Plan,
        names: (String, String),
        layout: &L,
        materialized: Materialized<K, A>,
        inherited: (Option<&SerdeRef<K>>, Option<&SerdeRef<A>>),
    ) -> Self {
        let (name, store) = names;
        let wrong = |cause| plan.report(DslError::Option { operator: name.clone(), cause });
        if let Err(reason) = layout.mistake() {
            wrong(OptionError::Windows { reason });
        }
        let kept_ms = layout.span().map(|span| span.kept_ms);
        let retention =
            kept_ms.map_or(Duration::ZERO, |kept_ms| retention(&store, &materialized, kept_ms, wrong));
        AggregationDraft {
            key_serde: materialized.key_serde.resolve(inherited.0),
            value_serde: materialized.value_serde.resolve(inherited.1),
            declaration: Declaration::new(),
            name,
            store,
            materialized,
            retention,
        }
    }

    /// What the processors share.
    pub(super) fn aggregation<V, F>(
        &self,
        value_serde: Option<&SerdeRef<V>>,
        fold: F,
    ) -> Arc<Aggregation<K, V, A, F>> {
        Arc::new(Aggregation {
            store: self.store.as_str().into(),
            fold,
            keys: Nulls::of(self.key_serde.as_ref()),
            values: Nulls::of(value_serde),
            aggregates: Nulls::of(self.value_serde.as_ref()),
        })
    }

    /// The serdes of the store, which must be known by now.
    pub(super) fn serdes(&self) -> Result<(SerdeRef<K>, SerdeRef<A>)> {
        let key = self.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(&self.name, "key"))?;
        let value =
            self.value_serde.clone().ok_or_else(|| DslError::missing_serde::<A>(&self.name, "value"))?;
        Ok((key, value))
    }

    /// Adds the processor of the writer's node, and the store.
    pub(super) fn write<L: Layout, V: Data, F: Fold<K, V, A>>(
        &self,
        layout: &L,
        aggregation: &Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let (windows, aggregation) = (layout.clone(), Arc::clone(aggregation));
        let supplier = Arc::new(move |context: &mut InitContext<'_>| {
            windows.processor(Arc::clone(&aggregation), emission, context)
        });
        writer.own_processor::<_, K, V, L::Key<K>, Change<A>>(&supplier)?;
        layout.write_store(self, emission, writer)
    }
}

/// For how long windows are kept: at least for as long as they take records.
fn retention<K, A>(
    store: &str,
    materialized: &Materialized<K, A>,
    kept_ms: i64,
    wrong: impl Fn(OptionError),
) -> Duration {
    let store = || store.to_owned();
    match &materialized.own.supplier {
        Some(StoreSupplier::Window(WindowSupplier { retain_duplicates: true, .. })) => {
            wrong(OptionError::Duplicates { store: store() });
        }
        // A supplier's retention is taken as it is, as in Kafka Streams.
        Some(StoreSupplier::Window(WindowSupplier { retention, .. }))
        | Some(StoreSupplier::Session(SessionSupplier { retention, .. })) => return *retention,
        Some(StoreSupplier::KeyValue(_)) => {
            wrong(OptionError::NotForWindows { store: store() });
        }
        None => {}
    }
    let needed = from_ms(kept_ms);
    let retention = materialized.own.retention.unwrap_or(needed);
    if to_ms(retention) < kept_ms {
        wrong(OptionError::Retention { store: store(), retention, needed });
    }
    retention
}

impl<K: Data, V: Data, L: Layout> KGroupedStream<K, V, L> {
    /// Adds an aggregation, below a repartition topic if the key has changed. `inherited` writes aggregates unless
    /// `materialized` says otherwise.
    pub(super) fn add<A: Data>(
        &self,
        prefix: &str,
        materialized: Materialized<K, A>,
        inherited: Option<&SerdeRef<A>>,
        fold: impl Fold<K, V, A>,
    ) -> KTable<L::Key<K>, A> {
        let store = self.step.with_plan(|plan| plan.store_name(&materialized, prefix));
        let name = self.step.next_name(prefix);
        let layout = self.windows.clone();
        let inherited = (self.key_serde.as_ref(), inherited);
        let draft = self.step.with_plan(|plan| {
            AggregationDraft::new(plan, (name.clone(), store), &layout, materialized, inherited)
        });
        let origin = Rc::new(AggregateOrigin::new(layout.getter(&draft.store)));
        let key_serde = draft.key_serde.clone().map(|key| layout.key_serde(key));
        let (value_serde, queryable) = (draft.value_serde.clone(), draft.materialized.name.clone());
        let parent = self.partitioned_by_key(&draft.store, queryable.is_some());
        let (versioned, span) = (draft.materialized.is_versioned(), layout.span());
        let aggregation = draft.aggregation(self.value_serde.as_ref(), fold);
        let (strategy, old_values) = (self.emit, Rc::clone(&origin.sends_old_values));
        let node = GraphNode::new(&name, move |writer| {
            let emission = Emission { strategy, old_values: old_values.get() };
            draft.write(&layout, &aggregation, emission, writer)
        });
        let node = in_span(node, span).output_versioned(versioned);
        KTable::new(parent.add(node), key_serde, value_serde, queryable.as_deref(), origin)
    }
}

/// The node, with the grace period of its windows, if it has any.
pub(super) fn in_span(node: GraphNode, span: Option<Span>) -> GraphNode {
    match span {
        Some(Span { grace_ms, .. }) => node.grace_ms(grace_ms),
        None => node,
    }
}

/// A table that an aggregation makes: its rows are in the aggregation's store.
pub(super) struct AggregateOrigin<K, A> {
    getter: ValueGetterSupplier<K, A>,
    pub(super) sends_old_values: Rc<Cell<bool>>,
}

impl<K, A> AggregateOrigin<K, A> {
    /// A table whose rows are read so.
    pub(super) fn new(getter: ValueGetterSupplier<K, A>) -> Self {
        AggregateOrigin { getter, sends_old_values: Rc::default() }
    }
}

impl<K, A> TableOrigin<K, A> for AggregateOrigin<K, A> {
    fn enable_sending_old_values(&self, _force: bool) -> bool {
        self.sends_old_values.set(true);
        true
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, A> {
        self.getter.clone()
    }
}
