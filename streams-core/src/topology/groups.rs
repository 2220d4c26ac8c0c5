//! Sub-topologies: the nodes that must run in one task, and the topics they touch.
//!
//! Nodes belong together if one is the other's parent or if they use the same store. A group's number is
//! its place in the order in which its first node was added (`InternalTopologyBuilder.makeNodeGroups`);
//! groups of global stores take a number too, though they never become tasks.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use state_stores::RestoreFormat;

use super::defs::SinkTarget;
use super::graph::{NodeKind, TopologyGraph};
use crate::ids::{NodeName, StoreName, TopicName};
use crate::store::{StoreFactory, StorePlace};

/// A group of connected nodes: a sub-topology without the numbers of partitions, or what fills a global store. Topics have
/// their full names; lists of topics are sorted and free of repetition.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Its number, the first half of its tasks' ids.
    pub id: u32,
    /// Its nodes in the order they were added, parents always before their children.
    pub nodes: Vec<NodeName>,
    /// The topics it reads; for a global group, the global store's topic.
    pub source_topics: Vec<TopicName>,
    /// The topics it writes to; those that dynamic sinks choose are unknown.
    pub sink_topics: Vec<TopicName>,
    /// Those of its source topics that the application creates itself.
    pub repartition_topics: Vec<TopicName>,
    /// The stores its nodes use, in the order they were added.
    pub stores: Vec<SubtopologyStore>,
    /// Those of its source topics that must have the same number of partitions, a set for each group.
    pub copartition_groups: Vec<BTreeSet<TopicName>>,
    /// Whether it maintains a global store and so generates no tasks.
    pub is_global: bool,
}

/// A store of a sub-topology.
#[derive(Clone, Debug)]
pub struct SubtopologyStore {
    /// Its name.
    pub name: StoreName,
    /// The full name of the topic to restore it from, if it is logged.
    pub changelog: Option<TopicName>,
    /// Whether that is a source topic (`reuse.ktable.source.topics`), which the application neither creates nor writes to;
    /// it counts up to what the application has read of it.
    pub is_source: bool,
    /// Opens it for each task.
    pub(crate) factory: Arc<dyn StoreFactory>,
}

impl SubtopologyStore {
    /// How changelog records become its local form.
    pub(crate) fn format(&self) -> RestoreFormat {
        self.factory.restore_format()
    }

    /// Where it keeps its committed entries.
    pub(crate) fn place(&self) -> StorePlace {
        self.factory.place()
    }
}

impl TopologyGraph {
    /// The sub-topologies by ascending number, global ones included.
    pub fn subtopologies(&self, application_id: &str) -> Vec<NodeGroup> {
        let copartitioned = self.copartitioned_topics(application_id);
        let groups = self.node_groups();
        let mut group_of = HashMap::new();
        for (group, members) in groups.iter().enumerate() {
            group_of.extend(members.iter().map(|&node| (node, group)));
        }
        let mut subtopologies: Vec<NodeGroup> = groups
            .iter()
            .zip(0..)
            .map(|(members, id)| self.subtopology(application_id, id, members, &copartitioned))
            .collect();
        for entry in self.store_entries() {
            let group = entry.processors.first().and_then(|node| group_of.get(node));
            let Some(subtopology) = group.and_then(|&group| subtopologies.get_mut(group)) else { continue };
            self.put_store(application_id, &entry.def.name, &entry.factory, subtopology);
        }
        for global in self.global_stores() {
            let group = self.index_of(&global.processor).and_then(|node| group_of.get(&node));
            let Some(subtopology) = group.and_then(|&group| subtopologies.get_mut(group)) else { continue };
            self.put_store(application_id, &global.store.name, &global.factory, subtopology);
        }
        subtopologies
    }

    fn subtopology(
        &self,
        application_id: &str,
        id: u32,
        members: &[usize],
        copartitioned: &[BTreeSet<TopicName>],
    ) -> NodeGroup {
        let (mut sources, mut sinks, mut repartition) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let nodes: Vec<_> = members.iter().filter_map(|&node| self.nodes().get(node)).collect();
        for node in &nodes {
            match &node.kind {
                NodeKind::Source(def) => {
                    for topic in &def.topics {
                        let full = self.decorate(application_id, topic);
                        if self.is_internal(topic) {
                            repartition.insert(full.clone());
                        }
                        sources.insert(full);
                    }
                }
                NodeKind::Sink(SinkTarget::Topic(topic)) => {
                    sinks.insert(self.decorate(application_id, topic));
                }
                NodeKind::Sink(SinkTarget::Dynamic(_)) | NodeKind::Processor => {}
            }
        }
        let copartition_groups =
            copartitioned.iter().filter(|group| !group.is_disjoint(&sources)).cloned().collect();
        NodeGroup {
            id,
            nodes: nodes.iter().map(|node| node.name.clone()).collect(),
            source_topics: sources.into_iter().collect(),
            sink_topics: sinks.into_iter().collect(),
            repartition_topics: repartition.into_iter().collect(),
            stores: Vec::new(),
            copartition_groups,
            is_global: nodes.iter().any(|node| node.global),
        }
    }

    fn put_store(
        &self,
        application_id: &str,
        name: &StoreName,
        factory: &Arc<dyn StoreFactory>,
        subtopology: &mut NodeGroup,
    ) {
        let changelog = self.changelog_of_store(application_id, name);
        let is_source =
            changelog.as_ref().is_some_and(|topic| subtopology.source_topics.binary_search(topic).is_ok());
        let (name, factory) = (Arc::clone(name), Arc::clone(factory));
        subtopology.stores.push(SubtopologyStore { name, changelog, is_source, factory });
    }

    /// The connected groups of node indexes: groups by their first node, nodes within a group in the order
    /// added.
    pub(super) fn node_groups(&self) -> Vec<Vec<usize>> {
        let mut roots: Vec<usize> = (0..self.nodes().len()).collect();
        for (index, node) in self.nodes().iter().enumerate() {
            for parent in node.parents.iter().filter_map(|parent| self.index_of(parent)) {
                unite(&mut roots, index, parent);
            }
        }
        for entry in self.store_entries() {
            for pair in entry.processors.windows(2) {
                if let [one, other] = *pair {
                    unite(&mut roots, one, other);
                }
            }
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut group_of_root = HashMap::new();
        for index in 0..roots.len() {
            let group = *group_of_root.entry(root(&mut roots, index)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(group) {
                group.push(index);
            }
        }
        groups
    }
}

/// The representative of a node's group, halving the path to it.
fn root(roots: &mut [usize], mut node: usize) -> usize {
    while let Some(&parent) = roots.get(node).filter(|&&parent| parent != node) {
        let grandparent = roots.get(parent).copied().unwrap_or(parent);
        if let Some(slot) = roots.get_mut(node) {
            *slot = grandparent;
        }
        node = grandparent;
    }
    node
}

fn unite(roots: &mut [usize], one: usize, other: usize) {
    let (one, other) = (root(roots, one), root(roots, other));
    if let Some(slot) = roots.get_mut(one) {
        *slot = other;
    }
}

#[cfg(test)]
mod tests;
