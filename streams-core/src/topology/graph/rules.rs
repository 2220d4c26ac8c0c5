//! What is checked before a node or store is added, and how it is added then.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Node, NodeKind, TopologyGraph};
use crate::error::TopologyError;
use crate::ids::TopicName;
use crate::processor::NodeFactory;
use crate::topology::{NodeName, StoreName};

impl TopologyGraph {
    pub(super) fn unused_name(&self, name: NodeName) -> Result<NodeName, TopologyError> {
        if self.node_index.contains_key(&name) {
            return Err(TopologyError::DuplicateNode(name));
        }
        Ok(name)
    }

    pub(super) fn check_unread(&self, topic: &TopicName) -> Result<(), TopologyError> {
        if self.source_of.contains_key(topic) {
            return Err(TopologyError::TopicAlreadyRegistered(topic.clone()));
        }
        match self.patterns().find(|(_, pattern)| pattern.matches(topic)) {
            Some((_, pattern)) => {
                let pattern = pattern.to_string();
                Err(TopologyError::ReadMatchesPattern { topic: topic.clone(), pattern })
            }
            None => Ok(()),
        }
    }

    pub(super) fn check_parents(
        &self,
        node: &NodeName,
        parents: &[&str],
    ) -> Result<Vec<usize>, TopologyError> {
        if parents.is_empty() {
            return Err(TopologyError::NoParents(node.clone()));
        }
        parents.iter().map(|parent| self.check_parent(node, parent)).collect()
    }

    fn check_parent(&self, node: &NodeName, parent: &str) -> Result<usize, TopologyError> {
        let node = node.clone();
        let Some(known) = self.node(parent) else {
            let itself = *node == *parent;
            return Err(if itself {
                TopologyError::SelfParent(node)
            } else {
                TopologyError::UnknownParent { node, parent: parent.into() }
            });
        };
        if matches!(known.kind, NodeKind::Sink(_)) {
            return Err(TopologyError::SinkAsParent { node, sink: known.name.clone() });
        }
        if known.global {
            return Err(TopologyError::GlobalNodeAsParent { node, parent: known.name.clone() });
        }
        self.index_of(parent).ok_or_else(|| TopologyError::UnknownParent { node, parent: parent.into() })
    }

    /// The node's index if a store may be connected to it.
    pub(super) fn check_connectable(&self, node: &str, store: &str) -> Result<usize, TopologyError> {
        let (name, store) = (NodeName::from(node), StoreName::from(store));
        let known = self.index_of(node).and_then(|at| Some((at, self.nodes.get(at)?)));
        let Some((index, known)) = known else {
            return Err(TopologyError::UnknownProcessor { processor: name, store });
        };
        if !matches!(known.kind, NodeKind::Processor) {
            return Err(TopologyError::StoreOnSourceOrSink { node: name, store });
        }
        if known.global {
            return Err(TopologyError::StoreOnGlobalProcessor { processor: name, store });
        }
        Ok(index)
    }

    pub(super) fn push_node(
        &mut self,
        name: NodeName,
        kind: NodeKind,
        factory: Arc<dyn NodeFactory>,
        parents: &[usize],
        global: bool,
    ) {
        let index = self.nodes.len();
        let mut parent_names = Vec::with_capacity(parents.len());
        for &parent in parents {
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.children.push(name.clone());
                parent_names.push(parent.name.clone());
            }
        }
        self.node_index.insert(name.clone(), index);
        let (children, stores) = (Vec::new(), Vec::new());
        self.nodes.push(Node { name, kind, parents: parent_names, children, stores, global, factory });
    }

    pub(super) fn connect(&mut self, node: usize, store: usize) {
        let upstream = self.topics_upstream(node);
        let (Some(node_entry), Some(entry)) = (self.nodes.get_mut(node), self.stores.get_mut(store)) else {
            return;
        };
        // The first topics found stay: a table's store that a join downstream reads as well is still
        // partitioned as the table's own topic, not as the repartition topic of the join.
        if entry.source_topics.is_empty() {
            entry.source_topics = upstream;
        }
        if !entry.processors.contains(&node) {
            entry.processors.push(node);
            node_entry.stores.push(entry.def.name.clone());
        }
    }

    /// The undecorated topics of every source above a node, sorted.
    pub(super) fn topics_upstream(&self, node: usize) -> Vec<TopicName> {
        let mut topics = BTreeSet::new();
        let mut seen = BTreeSet::from([node]);
        let mut open = vec![node];
        while let Some(at) = open.pop() {
            let Some(node) = self.nodes.get(at) else { continue };
            if let NodeKind::Source(def) = &node.kind {
                topics.extend(def.topics.iter().cloned());
            }
            let parents = node.parents.iter().filter_map(|parent| self.index_of(parent));
            open.extend(parents.filter(|&parent| seen.insert(parent)));
        }
        topics.into_iter().collect()
    }
}
