//! Writes a plan into a topology, in Kafka Streams' order (`InternalStreamsBuilder.buildAndOptimizeTopology`).

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use streams_core::processor::{Data, InitContext, Processor, ProcessorResult, SinkOptions};
use streams_core::store::{AddStore, StorePlace};
use streams_core::topology::{PlanSettings, Topology};

use super::node::{NodeId, PlanNodeKind, ROOT};
use super::{Plan, optimize};
use crate::error::{DslError, Result};
use crate::options::TopologySettings;

/// What a node gets to write itself.
pub struct Writer<'a> {
    pub(crate) topology: &'a mut Topology,
    /// The node's name.
    pub(crate) name: String,
    /// The names of its parents.
    pub(crate) parents: Vec<String>,
    /// Those of them whose output is a versioned table, or one that inherits that.
    versioned_parents: Vec<String>,
    /// Where stores are kept that do not say it themselves.
    pub(crate) store_place: StorePlace,
    /// Whether table sources log to their own topic instead of a changelog.
    pub(crate) reuse_source_topics: bool,
    /// For a repartition: whether nobody downstream wants records with a null key.
    pub(super) drop_null_keys: bool,
    /// For a join of streams: whether it joins one with itself, on one store.
    pub(crate) joins_itself: bool,
}

impl Writer<'_> {
    /// Whether a parent's output is a versioned table, or one that inherits that; what is made of it takes no
    /// out-of-order updates (`VersionedSemanticsGraphNode`).
    pub(crate) fn reads_versioned(&self, parent: &str) -> bool {
        self.versioned_parents.iter().any(|versioned| versioned == parent)
    }

    /// As [`reads_versioned`](Self::reads_versioned), of any of the parents.
    pub(crate) fn has_versioned_parent(&self) -> bool {
        !self.versioned_parents.is_empty()
    }

    /// Adds a processor below the node's parents.
    pub(crate) fn processor<P, K1, V1, K2, V2>(
        &mut self,
        name: &str,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> Result<()>
    where
        P: Processor<K1, V1, K2, V2>,
        K1: Data,
        V1: Data,
        K2: Data,
        V2: Data,
    {
        let parents: Vec<&str> = self.parents.iter().map(String::as_str).collect();
        Ok(self.topology.add_processor(name, supplier, &parents)?)
    }

    /// Adds the node's own processor, from a supplier that several builds share.
    pub(crate) fn own_processor<P, K1, V1, K2, V2>(
        &mut self,
        supplier: &Arc<impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static>,
    ) -> Result<()>
    where
        P: Processor<K1, V1, K2, V2>,
        K1: Data,
        V1: Data,
        K2: Data,
        V2: Data,
    {
        let (name, supplier) = (self.name.clone(), Arc::clone(supplier));
        self.processor(&name, move |context| supplier(context))
    }

    /// As [`own_processor`](Self::own_processor), for a processor that needs nothing of its task.
    pub(crate) fn own_stateless<P, K1, V1, K2, V2>(
        &mut self,
        supplier: &Arc<impl Fn() -> P + Send + Sync + 'static>,
    ) -> Result<()>
    where
        P: Processor<K1, V1, K2, V2>,
        K1: Data,
        V1: Data,
        K2: Data,
        V2: Data,
    {
        let (name, supplier) = (self.name.clone(), Arc::clone(supplier));
        self.processor(&name, move |_| Ok(supplier()))
    }

    /// Adds the node's own sink.
    pub(crate) fn sink<K: Data, V: Data>(&mut self, options: SinkOptions<K, V>) -> Result<()> {
        let parents: Vec<&str> = self.parents.iter().map(String::as_str).collect();
        Ok(self.topology.add_sink(&self.name, options, &parents)?)
    }

    /// Adds a store and connects it to the node's own processor, which must be written by now.
    pub(crate) fn add_store(&mut self, store: impl AddStore) -> Result<()> {
        self.topology.add_state_store(store, &[&self.name])?;
        Ok(())
    }

    /// Connects the node's processor with stores that are written by now.
    pub(crate) fn connect(&mut self, stores: &[String]) -> Result<()> {
        let name = self.name.clone();
        self.connect_to(&name, stores)
    }

    /// Connects a processor that the node has written with stores that are written by now.
    pub(crate) fn connect_to(&mut self, processor: &str, stores: &[String]) -> Result<()> {
        if stores.is_empty() {
            return Ok(());
        }
        let stores: Vec<&str> = stores.iter().map(String::as_str).collect();
        Ok(self.topology.connect_processor_and_state_stores(processor, &*stores)?)
    }
}

/// The topology that a plan stands for. The plan itself stays as it is, so that it can be built again.
pub(crate) fn lower(plan: &Plan, settings: &TopologySettings) -> Result<Topology> {
    let optimization = settings.optimization;
    if let Some(error) = plan.take_error() {
        return Err(error);
    }
    let mut plan = plan.clone();
    let keep_null_keys = optimize::optimize(&mut plan, optimization)?;
    let mut topology = Topology::new();
    topology.set_plan_settings(PlanSettings {
        optimization,
        store_place: settings.store_place.clone(),
        explicit_names: settings.explicit_names,
    });
    for id in writing_order(&plan) {
        let node = plan.node(id);
        let versioned = node.parents.iter().filter(|parent| plan.is_versioned(**parent));
        let mut writer = Writer {
            versioned_parents: versioned.map(|parent| plan.node(*parent).name.clone()).collect(),
            store_place: settings.store_place.clone(),
            topology: &mut topology,
            name: node.name.clone(),
            parents: node
                .parents
                .iter()
                .filter(|p| **p != ROOT)
                .map(|p| plan.node(*p).name.clone())
                .collect(),
            reuse_source_topics: optimization.reuse_ktable_source_topics,
            drop_null_keys: !keep_null_keys.contains(&id),
            joins_itself: matches!(node.kind, PlanNodeKind::StreamJoin { itself: true, .. }),
        };
        (node.write)(&mut writer)?;
    }
    for sources in &plan.copartitioned {
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        topology.copartition_sources(&sources);
    }
    topology.validate()?;
    match plan.unnamed.message() {
        Some(resources) if settings.explicit_names => Err(DslError::UnnamedResources { resources }),
        _ => Ok(topology),
    }
}

/// A node is written when all of its parents are, and among those that could be, the one with the lowest priority
/// first. Sub-topologies are numbered and children are called in this order.
fn writing_order(plan: &Plan) -> Vec<NodeId> {
    let mut order = Vec::new();
    let mut written = BTreeSet::new();
    let mut queue = BinaryHeap::from([Reverse((0, ROOT))]);
    while let Some(Reverse((_, id))) = queue.pop() {
        let node = plan.node(id);
        if !node.parents.iter().all(|parent| written.contains(parent)) {
            // It comes again, as a child of the parent that is missing.
            continue;
        }
        if !written.insert(id) {
            continue;
        }
        order.push(id);
        queue.extend(node.children.iter().map(|child| Reverse((plan.node(*child).build_priority, *child))));
    }
    order
}
