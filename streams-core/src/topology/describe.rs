//! A topology as text, byte for byte as Kafka Streams' `Topology.describe()` prints it, and as data.

use std::cmp::Ordering;
use std::fmt;

use super::defs::SinkTarget;
use super::graph::{Node, NodeKind, TopologyGraph};
use super::java_order::{TreeSet, compare_strings, hash_set_copy_order, hash_set_order};
use super::pattern::TopicPattern;
use crate::ids::{NodeName, StoreName, TopicName};

/// A described topology. `Display` is Kafka Streams' text; internal topics appear undecorated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyDescription {
    /// The sub-topologies that make tasks, by ascending number.
    pub subtopologies: Vec<DescribedSubtopology>,
    /// The global stores, by ascending number.
    pub global_stores: Vec<DescribedGlobalStore>,
}

/// A described sub-topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedSubtopology {
    /// Its number.
    pub id: u32,
    /// Its nodes: those with more nodes below them first, then by name.
    pub nodes: Vec<DescribedNode>,
}

/// A described global store; it makes no tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedGlobalStore {
    /// The number that it takes among the sub-topologies.
    pub id: u32,
    /// The node that reads its topic.
    pub source: DescribedNode,
    /// The node that maintains it.
    pub processor: DescribedNode,
}

/// A described node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedNode {
    /// Its name.
    pub name: NodeName,
    /// What it does.
    pub kind: DescribedKind,
    /// Its parents.
    pub predecessors: Vec<NodeName>,
    /// Its children.
    pub successors: Vec<NodeName>,
}

/// What a described node does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribedKind {
    /// Reads those topics.
    Source {
        /// In the order in which Java prints them.
        topics: Vec<TopicName>,
        /// The pattern that names them instead.
        pattern: Option<TopicPattern>,
    },
    /// Runs a processor with those stores.
    Processor {
        /// In the order in which Java prints them.
        stores: Vec<StoreName>,
    },
    /// Writes.
    Sink(SinkTarget),
}

impl TopologyGraph {
    /// Describes the topology.
    pub fn describe(&self) -> TopologyDescription {
        let mut description = TopologyDescription::default();
        for (mut members, id) in self.node_groups().into_iter().zip(0..) {
            let nodes: Vec<&Node> = members.iter().filter_map(|&at| self.nodes().get(at)).collect();
            if nodes.iter().any(|node| node.global) {
                if let [source, processor] = nodes.as_slice() {
                    description.global_stores.push(DescribedGlobalStore {
                        id,
                        source: described(source, vec![], source.children.clone()),
                        processor: described(processor, processor.parents.clone(), vec![]),
                    });
                }
                continue;
            }
            members.sort_unstable();
            description.subtopologies.push(Connected::new(self, &members).describe(id));
        }
        description
    }
}

/// The nodes of one sub-topology while they are connected as Java connects them.
struct Connected<'a> {
    /// In the order added, so parents come before children.
    nodes: Vec<&'a Node>,
    /// The nodes below each, itself included, once for every path that leads there.
    sizes: Vec<u64>,
    /// Each node's parents that have been connected so far, without repetition.
    predecessors: Vec<TreeSet>,
    successors: Vec<TreeSet>,
}

impl<'a> Connected<'a> {
    /// Visits the nodes in the order of the hash map that Java keeps them in, and connects each to its
    /// parents. The sizes by which the sets are ordered grow on the way.
    fn new(graph: &'a TopologyGraph, members: &[usize]) -> Self {
        let nodes: Vec<&Node> = members.iter().filter_map(|&at| graph.nodes().get(at)).collect();
        let mut connected = Connected {
            sizes: vec![1; nodes.len()],
            predecessors: vec![TreeSet::default(); nodes.len()],
            successors: vec![TreeSet::default(); nodes.len()],
            nodes,
        };
        let mut order: Vec<&NodeName> = connected.nodes.iter().map(|node| &node.name).collect();
        hash_set_order(&mut order);
        let position = |name: &str| members.binary_search(&graph.index_of(name)?).ok();
        for name in order {
            let Some(at) = position(name) else { continue };
            let Some(node) = connected.nodes.get(at) else { continue };
            for parent in node.parents.iter().filter_map(|parent| position(parent)) {
                connected.connect(at, parent);
            }
        }
        connected
    }

    fn connect(&mut self, node: usize, parent: usize) {
        let compare = |one, other| compare_nodes(&self.nodes, &self.sizes, one, other);
        if let Some(predecessors) = self.predecessors.get_mut(node) {
            predecessors.insert(parent, compare);
        }
        if let Some(successors) = self.successors.get_mut(parent) {
            successors.insert(node, compare);
        }
        let size = self.sizes.get(node).copied().unwrap_or(1);
        self.grow(parent, size);
    }

    /// Adds to the size of a node and of all above it, along every path. Java recurses; counting the paths
    /// upwards comes to the same without walking each of them.
    fn grow(&mut self, from: usize, by: u64) {
        let mut growth = vec![0u64; from + 1];
        if let Some(slot) = growth.last_mut() {
            *slot = by;
        }
        for at in (0..=from).rev() {
            let own = growth.get(at).copied().unwrap_or(0);
            if own == 0 {
                continue;
            }
            if let Some(size) = self.sizes.get_mut(at) {
                *size = size.wrapping_add(own);
            }
            for parent in self.predecessors.get(at).map(TreeSet::values).unwrap_or_default() {
                if let Some(slot) = growth.get_mut(parent) {
                    *slot = slot.wrapping_add(own);
                }
            }
        }
    }

    fn describe(&self, id: u32) -> DescribedSubtopology {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|&one, &other| compare_nodes(&self.nodes, &self.sizes, one, other));
        let names = |sets: &[TreeSet], at: usize| -> Vec<NodeName> {
            let values = sets.get(at).map(TreeSet::values).unwrap_or_default();
            values.into_iter().filter_map(|at| self.nodes.get(at)).map(|node| node.name.clone()).collect()
        };
        let node = |&at: &usize| {
            let node = self.nodes.get(at)?;
            Some(described(node, names(&self.predecessors, at), names(&self.successors, at)))
        };
        DescribedSubtopology { id, nodes: order.iter().filter_map(node).collect() }
    }
}

/// Larger nodes first, then by name (`NodeComparator`).
fn compare_nodes(nodes: &[&Node], sizes: &[u64], one: usize, other: usize) -> Ordering {
    let size = |at: usize| sizes.get(at).copied().unwrap_or(0);
    let name = |at: usize| nodes.get(at).map_or("", |node| &node.name);
    size(other).cmp(&size(one)).then_with(|| compare_strings(name(one), name(other)))
}

fn described(node: &Node, predecessors: Vec<NodeName>, successors: Vec<NodeName>) -> DescribedNode {
    let kind = match &node.kind {
        NodeKind::Source(def) => {
            let mut topics = def.topics.clone();
            hash_set_copy_order(&mut topics);
            DescribedKind::Source { topics, pattern: def.pattern.clone() }
        }
        NodeKind::Processor => {
            // Java copies one hash set into another, whose table may be larger.
            let mut stores = node.stores.clone();
            hash_set_order(&mut stores);
            hash_set_copy_order(&mut stores);
            DescribedKind::Processor { stores }
        }
        NodeKind::Sink(target) => DescribedKind::Sink(target.clone()),
    };
    DescribedNode { name: node.name.clone(), kind, predecessors, successors }
}

impl fmt::Display for TopologyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topologies:\n ")?;
        let (mut subtopologies, mut global_stores) =
            (self.subtopologies.iter().peekable(), self.global_stores.iter().peekable());
        loop {
            // The one with the lower number comes next.
            match (subtopologies.peek(), global_stores.peek()) {
                (Some(subtopology), Some(global)) if subtopology.id > global.id => {
                    write!(f, "  {global}")?;
                    global_stores.next();
                }
                (Some(subtopology), _) => {
                    write!(f, "  {subtopology}")?;
                    subtopologies.next();
                }
                (None, Some(global)) => {
                    write!(f, "  {global}")?;
                    global_stores.next();
                }
                (None, None) => return Ok(()),
            }
        }
    }
}

impl fmt::Display for DescribedSubtopology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sub-topology: {}", self.id)?;
        for node in &self.nodes {
            writeln!(f, "    {node}")?;
        }
        f.write_str("\n")
    }
}

impl fmt::Display for DescribedGlobalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sub-topology: {} for global store (will not generate tasks)", self.id)?;
        writeln!(f, "    {}\n    {}", self.source, self.processor)
    }
}

impl fmt::Display for DescribedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        let (successors, predecessors) = (names(&self.successors), names(&self.predecessors));
        match &self.kind {
            DescribedKind::Source { pattern: Some(pattern), .. } => {
                write!(f, "Source: {name} (topics: {pattern})\n      --> {successors}")
            }
            DescribedKind::Source { topics, pattern: None } => {
                write!(f, "Source: {name} (topics: [{}])\n      --> {successors}", topics.join(", "))
            }
            DescribedKind::Processor { stores } => write!(
                f,
                "Processor: {name} (stores: [{}])\n      --> {successors}\n      <-- {predecessors}",
                stores.join(", ")
            ),
            DescribedKind::Sink(SinkTarget::Topic(topic)) => {
                write!(f, "Sink: {name} (topic: {topic})\n      <-- {predecessors}")
            }
            DescribedKind::Sink(SinkTarget::Dynamic(extractor)) => {
                write!(f, "Sink: {name} (extractor class: {extractor})\n      <-- {predecessors}")
            }
        }
    }
}

fn names(nodes: &[NodeName]) -> String {
    if nodes.is_empty() { "none".to_owned() } else { nodes.join(", ") }
}

#[cfg(test)]
mod tests;
