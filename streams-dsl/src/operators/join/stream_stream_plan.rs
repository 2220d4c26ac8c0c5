//! How a join of two streams becomes nodes of the plan (`KStreamImplJoin`, `StreamStreamJoinNode`).
//!
//! Each stream has a node that keeps its records in a window store. Below both stands the join: a processor for each
//! side, which looks into the other side's store, and one that merges their results. A stream that is joined with
//! itself has one store and one processor if `single.store.self.join` is asked for.

use std::any::TypeId;
use std::sync::Arc;
use std::time::Duration;

use streams_core::error::{Error, Result as UserResult};
use streams_core::processor::{Data, InitContext};
use streams_core::serde::{LeftOrRightValueSerde, SerdeRef, TimestampedKeyAndJoinSideSerde};
use streams_core::store::{
    ListValueStoreBuilder, StoreOptions, StorePlace, WindowStoreBuilder, WindowSupplier,
};
use streams_core::time::from_ms;

use super::self_join_processor::SelfJoinProcessor;
use super::stream_stream_names::{Given, StreamJoinNames};
use super::stream_stream_processor::{JoinSideProcessor, JoinWindowProcessor};
use super::stream_stream_side::{JoinKind, LeftSide, RightSide, StreamJoin};
use crate::error::{DslError, OptionError, Result, found};
use crate::graph::{GraphNode, Plan, PlanNodeKind, Step, Writer};
use crate::handles::KStream;
use crate::operators::nulls::Nulls;
use crate::operators::stateless::PassThrough;
use crate::options::StreamJoined;
use crate::windows::JoinWindows;

/// The serdes of a join's stores.
struct JoinSerdes<K, V, V2> {
    key: Option<SerdeRef<K>>,
    value: Option<SerdeRef<V>>,
    other: Option<SerdeRef<V2>>,
}

impl<K: Data, V: Data> KStream<K, V> {
    /// A join of any kind. `joiner` gets what there is of the two values, and says `None` only where the kind has no
    /// result.
    pub(super) fn join_streams<V2: Data, VO: Data>(
        &self,
        other: &KStream<K, V2>,
        kind: JoinKind,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> UserResult<Option<VO>> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VO> {
        let given = joined.name.clone().or(self.step.given_name().map(str::to_owned));
        let serdes = JoinSerdes {
            key: joined.key_serde.resolve(self.key_serde.as_ref()),
            value: joined.value_serde.resolve(self.value_serde.as_ref()),
            other: joined.own.other_value_serde.resolve(other.value_serde.as_ref()),
        };
        let this = self.partitioned_for_join(given.as_deref(), "-left", &serdes.key, &serdes.value);
        let other = other.partitioned_for_join(given.as_deref(), "-right", &serdes.key, &serdes.other);
        let given = Given {
            name: given.as_deref(),
            store: joined.own.store_name.as_deref(),
            this: joined.own.this_store_supplier.as_ref(),
            other: joined.own.other_store_supplier.as_ref(),
        };
        let names = this.step.with_plan(|plan| {
            let names = StreamJoinNames::new(plan, kind, &given);
            if given.store.is_none() {
                names.note_unnamed_stores(plan, kind, &given, joined.own.options.logging.is_some());
            }
            names
        });
        let report = |error| this.step.plan.borrow().report(error);
        let checked = windows.check().map_err(|reason| OptionError::Windows { reason });
        if let Err(cause) = checked.and_then(|()| joined.check_suppliers(&windows)) {
            report(DslError::Option { operator: names.merge.clone(), cause });
        }
        if !this.step.same_plan(&other.step) {
            report(DslError::ForeignStream { operator: names.merge });
            return KStream::new(this.step, serdes.key, None, false);
        }
        let sources = this.step.copartition_with(&other.step);
        let merge = names.merge.clone();
        let key_serde = serdes.key.clone();
        let draft = JoinDraft { kind, names, windows, serdes, joined };
        let id = this.step.with_plan(|plan| draft.add(plan, &this.step, &other.step, joiner));
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

/// A join whose names and serdes are settled, and that is not part of the plan yet.
struct JoinDraft<K, V, V2> {
    kind: JoinKind,
    names: StreamJoinNames,
    windows: JoinWindows,
    serdes: JoinSerdes<K, V, V2>,
    joined: StreamJoined<K, V, V2>,
}

impl<K: Data, V: Data, V2: Data> JoinDraft<K, V, V2> {
    /// Adds the join's three nodes.
    fn add<VO: Data>(
        self,
        plan: &mut Plan,
        this: &Step,
        other: &Step,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> UserResult<Option<VO>> + Send + Sync + 'static,
    ) -> crate::graph::NodeId {
        let StreamJoinNames { this_windowed, other_windowed, this_store, other_store, .. } = &self.names;
        let store = self.window_store(this_store, self.joined.own.this_store_supplier.as_ref());
        let node = window_node(this_windowed, store, &self.serdes.key, &self.serdes.value);
        let this_windowed = plan.add(&[this.node], node);
        let store = self.window_store(other_store, self.joined.own.other_store_supplier.as_ref());
        let node = window_node(other_windowed, store, &self.serdes.key, &self.serdes.other);
        let other_windowed = plan.add(&[other.node], node);
        let relaxed = self.kind != JoinKind::Inner;
        let mut node = self.join_node(joiner).kind(PlanNodeKind::StreamJoin {
            this_windowed,
            other_windowed,
            itself: false,
        });
        if relaxed {
            node = node.relaxed_null_key();
        }
        plan.add(&[this.node, other.node], node)
    }

    fn window_store(&self, name: &str, supplier: Option<&WindowSupplier>) -> JoinStore {
        match supplier {
            // As in Kafka Streams, the options do not reach a store that the user brings.
            Some(supplier) => JoinStore {
                name: name.into(),
                retention: supplier.retention,
                options: StoreOptions {
                    place: Some(supplier.place.clone()),
                    log_headers: true,
                    ..StoreOptions::default()
                },
                compacted: true,
            },
            None => JoinStore {
                name: name.into(),
                retention: from_ms(self.windows.retention_ms()),
                options: StoreOptions { log_headers: true, ..self.joined.own.options.clone() },
                compacted: false,
            },
        }
    }

    /// The store of records that wait for a partner; at the place asked for, else at that of this side's store.
    fn waiting_store(&self) -> Option<JoinStore> {
        if self.kind == JoinKind::Inner || self.windows.joins_nulls_at_once() {
            return None;
        }
        let of_this_side =
            self.joined.own.this_store_supplier.as_ref().map(|supplier| supplier.place.clone());
        Some(JoinStore {
            name: self.names.waiting_store.as_str().into(),
            retention: Duration::ZERO,
            options: StoreOptions {
                place: self.joined.own.options.place.clone().or(of_this_side),
                ..self.joined.own.options.clone()
            },
            compacted: true,
        })
    }

    /// The node that joins the records of both sides.
    fn join_node<VO: Data>(
        self,
        joiner: impl Fn(&K, Option<V>, Option<V2>) -> UserResult<Option<VO>> + Send + Sync + 'static,
    ) -> GraphNode {
        let waiting_store = self.waiting_store();
        let JoinDraft { kind, names, windows, serdes, .. } = self;
        let join = Arc::new(StreamJoin {
            kind,
            windows,
            keys: Nulls::of(serdes.key.as_ref()),
            left: Nulls::of(serdes.value.as_ref()),
            right: Nulls::of(serdes.other.as_ref()),
            left_store: names.this_store.as_str().into(),
            right_store: names.other_store.as_str().into(),
            waiting_store: waiting_store.as_ref().map(|store| Arc::clone(&store.name)),
            joiner,
        });
        GraphNode::new(&names.merge.clone(), move |writer| {
            if writer.joins_itself {
                return write_self_join::<K, V, V2, VO, _>(&names, &join, writer);
            }
            write_sides::<K, V, V2, VO, _>(&names, &join, writer)?;
            match &waiting_store {
                None => Ok(()),
                Some(store) => add_waiting_store(store, &names, &serdes, writer),
            }
        })
    }
}

/// A processor for each side, and one that merges their results.
fn write_sides<K: Data, V: Data, V2: Data, VO: Data, F>(
    names: &StreamJoinNames,
    join: &Arc<StreamJoin<K, V, V2, F>>,
    writer: &mut Writer<'_>,
) -> Result<()>
where
    F: Fn(&K, Option<V>, Option<V2>) -> UserResult<Option<VO>> + Send + Sync + 'static,
{
    let (left, right) = (Arc::clone(join), Arc::clone(join));
    let this =
        move |context: &mut InitContext<'_>| JoinSideProcessor::<LeftSide, K, V, V2, F>::open(&left, context);
    let other = move |context: &mut InitContext<'_>| {
        JoinSideProcessor::<RightSide, K, V, V2, F>::open(&right, context)
    };
    let topology = &mut writer.topology;
    topology.add_processor::<_, K, V, K, VO>(&names.this_join, this, &[&names.this_windowed])?;
    topology.connect_processor_and_state_stores(&names.this_join, &[&*names.other_store])?;
    topology.add_processor::<_, K, V2, K, VO>(&names.other_join, other, &[&names.other_windowed])?;
    topology.connect_processor_and_state_stores(&names.other_join, &[&*names.this_store])?;
    let sides = [names.this_join.as_str(), names.other_join.as_str()];
    Ok(topology.add_processor::<_, K, VO, K, VO>(&names.merge, |_| Ok(PassThrough), &sides)?)
}

/// One processor on the store of this side.
fn write_self_join<K: Data, V: Data, V2: Data, VO: Data, F>(
    names: &StreamJoinNames,
    join: &Arc<StreamJoin<K, V, V2, F>>,
    writer: &mut Writer<'_>,
) -> Result<()>
where
    F: Fn(&K, Option<V>, Option<V2>) -> UserResult<Option<VO>> + Send + Sync + 'static,
{
    if TypeId::of::<V>() != TypeId::of::<V2>() {
        let reason = format!("join {} of a stream with itself has two value types", names.merge);
        return Err(Error::Internal(reason).into());
    }
    let join = Arc::clone(join);
    let supplier = move |context: &mut InitContext<'_>| SelfJoinProcessor::open(&join, context);
    let topology = &mut writer.topology;
    topology.add_processor::<_, K, V, K, VO>(&names.merge, supplier, &[&names.this_windowed])?;
    Ok(topology.connect_processor_and_state_stores(&names.merge, &[&*names.this_store])?)
}

/// One of a join's stores, but for its types.
#[derive(Clone)]
struct JoinStore {
    name: Arc<str>,
    retention: Duration,
    options: StoreOptions,
    /// Whether the changelog may be compacted. That of a window store should not: it has duplicates.
    compacted: bool,
}

impl JoinStore {
    /// The options, if the topology's stores are kept at `default`.
    fn options(&self, default: &StorePlace) -> StoreOptions {
        let place = Some(self.options.place.as_ref().unwrap_or(default).clone());
        StoreOptions { place, ..self.options.clone() }
    }
}

/// The node that keeps one side's records for the other side to find.
fn window_node<K: Data, V: Data>(
    name: &str,
    store: JoinStore,
    key_serde: &Option<SerdeRef<K>>,
    value_serde: &Option<SerdeRef<V>>,
) -> GraphNode {
    let (key_serde, value_serde) = (key_serde.clone(), value_serde.clone());
    let (keys, values) = (Nulls::of(key_serde.as_ref()), Nulls::of(value_serde.as_ref()));
    GraphNode::new(name, move |writer| {
        let (name, keys, values) = (Arc::clone(&store.name), keys.clone(), values.clone());
        let supplier = move |context: &mut InitContext<'_>| {
            JoinWindowProcessor::open(&name, keys.clone(), values.clone(), context)
        };
        writer.processor::<_, K, V, K, V>(&writer.name.clone(), supplier)?;
        let key = found(key_serde.clone(), &writer.name, "key")?;
        let value = found(value_serde.clone(), &writer.name, "value")?;
        let builder = WindowStoreBuilder::new(&store.name, key, value, store.retention).retain_duplicates();
        let builder = if store.compacted { builder } else { builder.join_window() };
        writer.add_store(builder.with_options(store.options(&writer.store_place)))
    })
}

fn add_waiting_store<K: Data, V: Data, V2: Data>(
    store: &JoinStore,
    names: &StreamJoinNames,
    serdes: &JoinSerdes<K, V, V2>,
    writer: &mut Writer<'_>,
) -> Result<()> {
    let key = TimestampedKeyAndJoinSideSerde::new(found(serdes.key.clone(), &names.merge, "key")?);
    let value = LeftOrRightValueSerde::new(
        found(serdes.value.clone(), &names.merge, "value")?,
        found(serdes.other.clone(), &names.merge, "value")?,
    );
    let builder = ListValueStoreBuilder::new(&store.name, Arc::new(key), Arc::new(value));
    let builder = builder.with_options(store.options(&writer.store_place));
    let sides = [names.this_join.as_str(), names.other_join.as_str()];
    writer.topology.add_state_store(builder, &sides)?;
    Ok(())
}
