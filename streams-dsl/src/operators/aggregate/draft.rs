//! How an aggregation becomes a node of the plan (`GroupedStreamAggregateBuilder`).
//!
//! Numbers are used up in Kafka Streams' order: the store's, the operator's, and three for the repartition topic if the
//! key has changed since the stream was last partitioned by it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::SerdeRef;
use streams_core::store::{SessionSupplier, StoreSupplier, WindowSupplier};

use crate::error::{DslError, Result};
use crate::graph::{GraphNode, Step, Writer};
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
pub(super) struct Draft<K, A> {
    /// The operator's node.
    pub(super) name: String,
    /// The store.
    pub(super) store: String,
    pub(super) key_serde: Option<SerdeRef<K>>,
    pub(super) value_serde: Option<SerdeRef<A>>,
    pub(super) materialized: Materialized<K, A>,
}

impl<K: Data, A: Data> Draft<K, A> {
    /// Settles names and serdes; `inherited` writes aggregates unless `materialized` says otherwise.
    pub(super) fn new<V>(
        grouped: &KGroupedStream<K, V>,
        prefix: &str,
        materialized: Materialized<K, A>,
        inherited: Option<SerdeRef<A>>,
    ) -> Self {
        let store = grouped.step.with_plan(|plan| plan.store_name(&materialized, prefix));
        Draft {
            name: grouped.step.next_name(prefix),
            store,
            key_serde: materialized.key_serde.resolve(grouped.key_serde.as_ref()),
            value_serde: materialized.value_serde.resolve(inherited.as_ref()),
            materialized,
        }
    }

    /// What the processors share.
    pub(super) fn aggregation<V, F>(
        &self,
        grouped: &KGroupedStream<K, V>,
        fold: F,
    ) -> Arc<Aggregation<K, V, A, F>> {
        Arc::new(Aggregation {
            store: self.store.as_str().into(),
            fold,
            keys: Nulls::of(self.key_serde.as_ref()),
            values: Nulls::of(grouped.value_serde.as_ref()),
            aggregates: Nulls::of(self.value_serde.as_ref()),
        })
    }

    /// For how long windows are kept: at least as long as they take records.
    pub(super) fn retention_ms<V>(&self, grouped: &KGroupedStream<K, V>, needed_ms: i64) -> i64 {
        self.retention_ms_at(&grouped.step, needed_ms)
    }

    /// As [`retention_ms`](Self::retention_ms), reporting to the plan of that step.
    pub(super) fn retention_ms_at(&self, step: &Step, needed_ms: i64) -> i64 {
        match &self.materialized.supplier {
            Some(StoreSupplier::Window(WindowSupplier { retain_duplicates: true, .. })) => {
                let reason = format!("store {} must not retain duplicates: a window has one row", self.store);
                step.plan.borrow().report(DslError::Option { operator: self.name.clone(), reason });
            }
            // A supplier's retention is taken as it is, as in Kafka Streams.
            Some(StoreSupplier::Window(WindowSupplier { retention_ms, .. }))
            | Some(StoreSupplier::Session(SessionSupplier { retention_ms, .. })) => return *retention_ms,
            Some(StoreSupplier::KeyValue(_)) => {
                let operator = self.name.clone();
                let reason =
                    format!("store {} is not for windows; name a window or session store", self.store);
                step.plan.borrow().report(DslError::Option { operator, reason });
            }
            None => {}
        }
        let retention_ms = self.materialized.retention_ms.unwrap_or(needed_ms);
        if retention_ms < needed_ms {
            step.plan.borrow().report(DslError::Option {
                operator: self.name.clone(),
                reason: format!(
                    "store {} keeps windows for {retention_ms} ms, but they take records for {needed_ms} ms (size or \
                     gap, and grace); raise Materialized::with_retention_ms",
                    self.store
                ),
            });
        }
        retention_ms
    }

    /// Reports what is wrong with a window definition.
    pub(super) fn check<V>(&self, grouped: &KGroupedStream<K, V>, windows: Result<(), String>) {
        if let Err(reason) = windows {
            grouped.step.plan.borrow().report(DslError::Option { operator: self.name.clone(), reason });
        }
    }

    /// The serdes of the store, which must be known by now.
    pub(super) fn serdes(&self) -> Result<(SerdeRef<K>, SerdeRef<A>)> {
        let key = self.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(&self.name, "key"))?;
        let value =
            self.value_serde.clone().ok_or_else(|| DslError::missing_serde::<A>(&self.name, "value"))?;
        Ok((key, value))
    }

    /// Adds the aggregation, below a repartition topic if the key has changed. `write` adds processor and store to the
    /// topology and learns whether updates carry old values.
    pub(super) fn add<V: Data, K2: Data>(
        self,
        grouped: &KGroupedStream<K, V>,
        grace_ms: Option<i64>,
        key_serde: Option<SerdeRef<K2>>,
        getter: ValueGetterSupplier<K2, A>,
        write: impl Fn(&Draft<K, A>, &mut Writer<'_>, bool) -> Result<()> + 'static,
    ) -> KTable<K2, A> {
        let origin = Rc::new(AggregateOrigin { getter, sends_old_values: Cell::new(false) });
        let name = self.name.clone();
        let (value_serde, queryable) = (self.value_serde.clone(), self.materialized.name.clone());
        let parent = grouped.partitioned_by_key(&self.store, self.materialized.name.is_some());
        let flag = Rc::clone(&origin);
        let versioned = self.materialized.is_versioned();
        let node = GraphNode::new(&name, move |writer| write(&self, writer, flag.sends_old_values.get()));
        let mut node = node.output_versioned(versioned);
        if let Some(grace_ms) = grace_ms {
            node = node.grace_ms(grace_ms);
        }
        KTable::new(parent.add(node), key_serde, value_serde, queryable.as_deref(), origin)
    }
}

/// A table that an aggregation makes: its rows are in the aggregation's store.
pub(super) struct AggregateOrigin<K, A> {
    pub(super) getter: ValueGetterSupplier<K, A>,
    pub(super) sends_old_values: Cell<bool>,
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

/// Applies the user's options to a windowed store's builder; the last argument is where stores are kept that do not say
/// it themselves. A macro, as the builders share their methods but no trait.
macro_rules! configured {
    ($builder:expr, $materialized:expr, $old_values:expr, $place:expr) => {{
        let (mut builder, materialized) = ($builder, $materialized);
        builder = match materialized.logged {
            true => builder.with_logging_enabled(materialized.log_configs.clone()),
            false => builder.with_logging_disabled(),
        };
        if materialized.cached {
            builder = builder.with_caching_enabled();
        }
        builder = builder.at(materialized.place_or($place));
        if $old_values {
            builder = builder.track_old_values();
        }
        builder
    }};
}

pub(super) use configured;
