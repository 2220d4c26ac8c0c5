//! The topology graph: nodes, stores, internal topics and the rules for connecting them, whatever types flow between.
//!
//! Ported from Java's `InternalTopologyBuilder`: every method refuses what its namesake there refuses,
//! before it changes anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::defs::{ChangelogKind, InternalTopicDef, SinkTarget, SourceDef, StoreDef};
use crate::config::AutoOffsetReset;
use crate::error::TopologyError;
use crate::ids::{NodeName, StoreName, TopicName, changelog_topic};
use crate::processor::NodeFactory;
use crate::store::{StoreFactory, StorePlace, shown_name};

/// What a node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Reads topics.
    Source(SourceDef),
    /// Runs a processor.
    Processor,
    /// Writes to a topic.
    Sink(SinkTarget),
}

/// One node of a topology.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// What it does.
    pub kind: NodeKind,
    /// The nodes it receives records from, in the order they were named.
    pub parents: Vec<NodeName>,
    /// The nodes it forwards records to, in the order they were added, which is the order they are called in.
    pub children: Vec<NodeName>,
    /// The stores it is connected to, in the order they were connected.
    pub stores: Vec<StoreName>,
    /// Whether it maintains a global store: it belongs to no task, the global thread runs it.
    pub global: bool,
    /// Builds it for each task.
    pub(crate) factory: Arc<dyn NodeFactory>,
}

/// A global store with its own source and processor.
#[derive(Clone, Debug)]
pub struct GlobalStore {
    /// The store; never logged, its topic is its changelog.
    pub store: StoreDef,
    /// The topic that fills it.
    pub topic: TopicName,
    /// The node that reads the topic.
    pub source: NodeName,
    /// The node that maintains the store.
    pub processor: NodeName,
    /// Opens it.
    pub(crate) factory: Arc<dyn StoreFactory>,
}

/// A store with the processors that use it.
#[derive(Clone, Debug)]
pub(super) struct StoreEntry {
    pub(super) def: StoreDef,
    /// Opens it for each task.
    pub(super) factory: Arc<dyn StoreFactory>,
    /// Node indexes, in the order they were connected.
    pub(super) processors: Vec<usize>,
    /// The undecorated topics upstream of the first processor connected that has any.
    source_topics: Vec<TopicName>,
}

/// The names, edges, stores and topics of a [`Topology`](super::Topology), to be read.
#[derive(Clone, Debug, Default)]
pub struct TopologyGraph {
    /// In topological order.
    nodes: Vec<Node>,
    node_index: HashMap<NodeName, usize>,
    /// In the order they were added.
    stores: Vec<StoreEntry>,
    store_index: HashMap<StoreName, usize>,
    global_stores: Vec<GlobalStore>,
    /// Undecorated topic name to the index of the source that reads it.
    source_of: HashMap<TopicName, usize>,
    internal_topics: BTreeMap<TopicName, InternalTopicDef>,
    copartition_groups: Vec<BTreeSet<NodeName>>,
    /// Stores whose changelog is one of the topology's source topics.
    source_changelogs: BTreeMap<StoreName, TopicName>,
}

/// Building.
impl TopologyGraph {
    /// Adds a node that reads topics.
    pub(super) fn add_source(
        &mut self,
        name: impl Into<NodeName>,
        def: SourceDef,
        factory: Arc<dyn NodeFactory>,
    ) -> Result<(), TopologyError> {
        let name = self.unused_name(name.into())?;
        if let Some(pattern) = &def.pattern
            && let Some(topic) = self.source_of.keys().filter(|topic| pattern.matches(topic)).min()
        {
            let pattern = pattern.to_string();
            return Err(TopologyError::PatternMatchesRead { pattern, topic: topic.clone() });
        }
        if def.topics.is_empty() && def.pattern.is_none() {
            return Err(TopologyError::NoTopics(name));
        }
        let mut seen = BTreeSet::new();
        for topic in &def.topics {
            if !seen.insert(topic) {
                return Err(TopologyError::TopicAlreadyRegistered(topic.clone()));
            }
            self.check_unread(topic)?;
        }
        for topic in &def.topics {
            self.source_of.insert(topic.clone(), self.nodes.len());
        }
        self.push_node(name, NodeKind::Source(def), factory, &[], false);
        Ok(())
    }

    /// Adds a node that runs a processor on what its parents forward.
    pub(super) fn add_processor(
        &mut self,
        name: impl Into<NodeName>,
        factory: Arc<dyn NodeFactory>,
        parents: &[&str],
    ) -> Result<(), TopologyError> {
        let name = self.unused_name(name.into())?;
        let parents = self.check_parents(&name, parents)?;
        self.push_node(name, NodeKind::Processor, factory, &parents, false);
        Ok(())
    }

    /// Adds a node that writes what its parents forward to a topic.
    pub(super) fn add_sink(
        &mut self,
        name: impl Into<NodeName>,
        target: SinkTarget,
        factory: Arc<dyn NodeFactory>,
        parents: &[&str],
    ) -> Result<(), TopologyError> {
        let name = self.unused_name(name.into())?;
        let parents = self.check_parents(&name, parents)?;
        self.push_node(name, NodeKind::Sink(target), factory, &parents, false);
        Ok(())
    }

    /// Adds a store and connects it to processors. Adding the same declaration again only connects it further.
    pub(super) fn add_state_store(
        &mut self,
        factory: Arc<dyn StoreFactory>,
        processors: &[&str],
    ) -> Result<(), TopologyError> {
        let def = factory.definition();
        let known = self.store_index.get(&def.name).and_then(|&at| self.stores.get(at));
        let is_other = |known: &StoreEntry| {
            let same = Arc::ptr_eq(&known.factory, &factory);
            known.def != def || (!same && known.factory.declaration() != factory.declaration())
        };
        if known.is_some_and(is_other) {
            return Err(TopologyError::DuplicateStore(def.name));
        }
        if self.global_store(&def.name).is_some() {
            return Err(TopologyError::DuplicateGlobalStore(def.name));
        }
        let processors = processors
            .iter()
            .map(|processor| self.check_connectable(processor, &def.name))
            .collect::<Result<Vec<_>, _>>()?;
        let store = match self.store_index.get(&def.name) {
            Some(&at) => at,
            None => {
                self.store_index.insert(def.name.clone(), self.stores.len());
                let (processors, source_topics) = (Vec::new(), Vec::new());
                self.stores.push(StoreEntry { def, factory, processors, source_topics });
                self.stores.len() - 1
            }
        };
        for processor in processors {
            self.connect(processor, store);
        }
        Ok(())
    }

    /// Adds a store that every instance fills with the whole of a topic, and the two nodes that do so.
    ///
    /// The topic is the store's changelog, so the store is never logged, whatever its definition says.
    pub(super) fn add_global_store(
        &mut self,
        factory: Arc<dyn StoreFactory>,
        topic: impl Into<TopicName>,
        (source, source_factory): (impl Into<NodeName>, Arc<dyn NodeFactory>),
        (processor, processor_factory): (impl Into<NodeName>, Arc<dyn NodeFactory>),
    ) -> Result<(), TopologyError> {
        let (store, topic) = (factory.definition(), topic.into());
        if store.changelog != ChangelogKind::KeyValue {
            return Err(TopologyError::NotGlobal(store.name));
        }
        if let StorePlace::Custom(supplier) = factory.place() {
            let supplier = shown_name(&*supplier).to_owned();
            return Err(TopologyError::GlobalStorePlace { store: store.name, supplier });
        }
        let source = self.unused_name(source.into())?;
        self.check_unread(&topic)?;
        let processor = self.unused_name(processor.into())?;
        if source == processor {
            return Err(TopologyError::GlobalNamesEqual(source));
        }
        if self.store_index.contains_key(&store.name) {
            return Err(TopologyError::DuplicateStore(store.name));
        }
        if self.global_store(&store.name).is_some() {
            return Err(TopologyError::DuplicateGlobalStore(store.name));
        }
        if self.source_changelogs.contains_key(&store.name) {
            return Err(TopologyError::SourceStoreTwice(store.name));
        }
        self.source_of.insert(topic.clone(), self.nodes.len());
        let source_index = self.nodes.len();
        let reads = NodeKind::Source(SourceDef::topics([topic.clone()]));
        self.push_node(source.clone(), reads, source_factory, &[], true);
        self.push_node(processor.clone(), NodeKind::Processor, processor_factory, &[source_index], true);
        if let Some(node) = self.nodes.last_mut() {
            node.stores.push(store.name.clone());
        }
        self.source_changelogs.insert(store.name.clone(), topic.clone());
        let store = store.without_logging();
        self.global_stores.push(GlobalStore { store, topic, source, processor, factory });
        Ok(())
    }

    /// Lets a processor use stores that were added before.
    pub(super) fn connect_processor_and_state_stores(
        &mut self,
        processor: &str,
        stores: &[&str],
    ) -> Result<(), TopologyError> {
        if stores.is_empty() {
            return Err(TopologyError::NoStores(processor.into()));
        }
        for &store in stores {
            if self.global_store(store).is_some() {
                let (processor, store) = (processor.into(), store.into());
                return Err(TopologyError::GlobalStoreConnected { processor, store });
            }
            if !self.store_index.contains_key(store) {
                return Err(TopologyError::UnknownStore { processor: processor.into(), store: store.into() });
            }
            self.check_connectable(processor, store)?;
        }
        for &store in stores {
            if let (Some(&node), Some(&at)) = (self.node_index.get(processor), self.store_index.get(store)) {
                self.connect(node, at);
            }
        }
        Ok(())
    }

    /// Declares a topic, by its undecorated name, as one that the application creates itself; its full name
    /// is `<application.id>-<name>`. A later declaration of the same name replaces an earlier one.
    pub(super) fn add_internal_topic(
        &mut self,
        name: impl Into<TopicName>,
        def: InternalTopicDef,
    ) -> Result<(), TopologyError> {
        let topic = name.into();
        if let Some(partitions) = def.partitions.filter(|&partitions| partitions < 1) {
            return Err(TopologyError::InvalidPartitionCount { topic, partitions });
        }
        self.internal_topics.insert(topic, def);
        Ok(())
    }

    /// Declares that the topics of those source nodes must have the same number of partitions. The nodes
    /// may be added later; a name that never becomes a source has no effect, as in Java.
    pub(super) fn copartition(&mut self, sources: &[&str]) {
        self.copartition_groups.push(sources.iter().map(|&name| name.into()).collect());
    }

    /// Makes a source topic the changelog of a store, which then needs none of its own: a table's source
    /// topic, or a read-only store's topic. The name is the topic's full one.
    pub(super) fn connect_source_store_and_topic(
        &mut self,
        store: impl Into<StoreName>,
        topic: impl Into<TopicName>,
    ) -> Result<(), TopologyError> {
        let store = store.into();
        if self.source_changelogs.contains_key(&store) {
            return Err(TopologyError::SourceStoreTwice(store));
        }
        self.source_changelogs.insert(store, topic.into());
        Ok(())
    }

    /// Checks what can only be checked of the whole: that it reads something, and that the fixed partition
    /// counts of co-partitioned internal topics agree.
    pub fn validate(&self) -> Result<(), TopologyError> {
        if self.nodes.is_empty() {
            return Err(TopologyError::Empty);
        }
        self.check_topic_names()?;
        self.check_chains()?;
        for group in &self.copartition_groups {
            let topics: BTreeSet<&TopicName> = self.topics_of(group).collect();
            let counts: BTreeMap<TopicName, i32> = topics
                .iter()
                .filter_map(|&topic| Some((topic.clone(), self.internal_topics.get(topic)?.partitions?)))
                .collect();
            let first = counts.values().next();
            if counts.len() == topics.len() && counts.values().any(|count| Some(count) != first) {
                return Err(TopologyError::RepartitionCountsDiffer { topics: counts });
            }
        }
        Ok(())
    }
}

/// Reading.
impl TopologyGraph {
    /// The nodes in the order they were added, parents always before their children.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(*self.node_index.get(name)?)
    }

    /// The stores other than global ones, in the order they were added.
    pub fn stores(&self) -> impl Iterator<Item = &StoreDef> {
        self.stores.iter().map(|entry| &entry.def)
    }

    /// What opens the stores, global ones last.
    pub(crate) fn store_factories(&self) -> impl Iterator<Item = &Arc<dyn StoreFactory>> {
        let globals = self.global_stores.iter().map(|global| &global.factory);
        self.stores.iter().map(|entry| &entry.factory).chain(globals)
    }

    /// The store of that name, global or not.
    pub fn store(&self, name: &str) -> Option<&StoreDef> {
        let local = self.store_index.get(name).and_then(|&at| self.stores.get(at)).map(|entry| &entry.def);
        local.or_else(|| self.global_store(name).map(|global| &global.store))
    }

    /// The processors connected to a store other than a global one, in the order they were connected.
    pub fn processors_of_store(&self, name: &str) -> impl Iterator<Item = &Node> {
        let entry = self.store_index.get(name).and_then(|&at| self.stores.get(at));
        entry.into_iter().flat_map(|entry| &entry.processors).filter_map(|&at| self.nodes.get(at))
    }

    /// The global stores in the order they were added.
    pub fn global_stores(&self) -> &[GlobalStore] {
        &self.global_stores
    }

    /// The global store of that name.
    pub fn global_store(&self, name: &str) -> Option<&GlobalStore> {
        self.global_stores.iter().find(|global| &*global.store.name == name)
    }

    /// The topics that fill global stores, in the order they were added.
    pub fn global_topics(&self) -> impl Iterator<Item = &TopicName> {
        self.global_stores.iter().map(|global| &global.topic)
    }

    /// The internal topics by their undecorated names.
    pub fn internal_topics(&self) -> impl Iterator<Item = (&TopicName, &InternalTopicDef)> {
        self.internal_topics.iter()
    }

    /// Whether that undecorated name is an internal topic's.
    pub fn is_internal(&self, topic: &str) -> bool {
        self.internal_topics.contains_key(topic)
    }

    /// A topic's full name: `<application.id>-<topic>` for an internal topic, unchanged for any other.
    pub fn decorate(&self, application_id: &str, topic: &TopicName) -> TopicName {
        if self.is_internal(topic) { format!("{application_id}-{topic}").into() } else { topic.clone() }
    }

    /// The source node that reads the topic of that full name.
    pub fn source_of_topic(&self, application_id: &str, topic: &str) -> Option<&Node> {
        let plain = self.source_of.get_key_value(topic).filter(|(name, _)| !self.is_internal(name));
        let found = plain.or_else(|| {
            let undecorated = topic.strip_prefix(application_id)?.strip_prefix('-')?;
            self.source_of.get_key_value(undecorated).filter(|(name, _)| self.is_internal(name))
        });
        self.nodes.get(*found?.1)
    }

    /// Where to start reading the topic of that full name without a committed offset, if its source says so.
    pub fn offset_reset(&self, application_id: &str, topic: &str) -> Option<AutoOffsetReset> {
        match &self.source_of_topic(application_id, topic)?.kind {
            NodeKind::Source(def) => def.reset,
            _ => None,
        }
    }

    /// The full names of every source topic other than global ones, sorted.
    pub fn source_topics(&self, application_id: &str) -> Vec<TopicName> {
        let local =
            self.source_of.iter().filter(|&(_, &at)| self.nodes.get(at).is_some_and(|node| !node.global));
        let mut topics: Vec<_> = local.map(|(topic, _)| self.decorate(application_id, topic)).collect();
        topics.sort();
        topics
    }

    /// The full names of the topics that the keys of a store come from: those upstream of the first
    /// processor that was connected to it. Their partitions decide where a key of the store is found.
    pub fn source_topics_of_store(&self, application_id: &str, store: &str) -> Vec<TopicName> {
        let entry = self.store_index.get(store).and_then(|&at| self.stores.get(at));
        let topics = entry.into_iter().flat_map(|entry| &entry.source_topics);
        topics.map(|topic| self.decorate(application_id, topic)).collect()
    }

    /// A store's changelog topic: `<application.id>-<store>-changelog`, the source topic that serves as
    /// such, or none.
    pub fn changelog_of_store(&self, application_id: &str, store: &str) -> Option<TopicName> {
        if let Some(topic) = self.source_changelogs.get(store) {
            return Some(topic.clone());
        }
        let logged = self.store(store)?.logged;
        logged.then(|| changelog_topic(application_id, store))
    }

    /// The full names of the topics that must have the same number of partitions, a set for each group;
    /// groups that share a topic are one. Sorted.
    pub fn copartitioned_topics(&self, application_id: &str) -> Vec<BTreeSet<TopicName>> {
        let mut merged: Vec<BTreeSet<TopicName>> = Vec::new();
        for group in &self.copartition_groups {
            let mut topics: BTreeSet<_> =
                self.topics_of(group).map(|topic| self.decorate(application_id, topic)).collect();
            merged.retain_mut(|other| {
                let apart = other.is_disjoint(&topics);
                if !apart {
                    topics.append(other);
                }
                apart
            });
            if !topics.is_empty() {
                merged.push(topics);
            }
        }
        merged.sort();
        merged
    }

    /// The topics that a source reads, undecorated; none for another node.
    pub fn topics_of_source(&self, node: &str) -> &[TopicName] {
        match self.node(node).map(|node| &node.kind) {
            Some(NodeKind::Source(def)) => &def.topics,
            _ => &[],
        }
    }

    /// The topics that sinks are known to write to, undecorated.
    pub fn fixed_sink_topics(&self) -> Vec<TopicName> {
        let topic = |node: &Node| match &node.kind {
            NodeKind::Sink(SinkTarget::Topic(topic)) => Some(topic.clone()),
            _ => None,
        };
        self.nodes.iter().filter_map(topic).collect()
    }

    pub(super) fn index_of(&self, node: &str) -> Option<usize> {
        self.node_index.get(node).copied()
    }

    pub(super) fn store_entries(&self) -> &[StoreEntry] {
        &self.stores
    }

    /// The undecorated topics of those of the named nodes that are sources.
    fn topics_of<'a>(&'a self, nodes: &'a BTreeSet<NodeName>) -> impl Iterator<Item = &'a TopicName> {
        let topics = |node: &'a Node| match &node.kind {
            NodeKind::Source(def) => def.topics.as_slice(),
            _ => &[],
        };
        nodes.iter().filter_map(|name| self.node(name)).flat_map(topics)
    }
}

mod chains;
mod loops;
mod names;
mod patterns;
mod rules;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "testing"))]
pub(crate) use chains::Chain;
