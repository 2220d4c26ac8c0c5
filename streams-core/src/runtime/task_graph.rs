//! Builds one task's nodes from the topology: children first, each edge wired once.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::application_plan::ApplicationPlan;
use crate::config::{BuiltInTimestampExtractor, StreamsConfig};
use crate::error::{Error, Result};
use crate::ids::{NodeName, TopicName};
use crate::processor::{ChildEdge, Lifecycle, NodeIndex, NodeInstance, Wiring};
use crate::topology::Topology;

/// A task's nodes, wired.
pub(crate) struct TaskGraph {
    /// Life cycles by node number, parents before children.
    pub nodes: Vec<(NodeName, Rc<dyn Lifecycle>)>,
    /// How the partitions of each source topic (by its name on the broker) are read.
    pub inputs: BTreeMap<TopicName, Rc<crate::processor::InputFactory>>,
}

/// The parts that wiring needs besides the topology.
pub(crate) struct GraphSettings {
    /// `default.timestamp.extractor`.
    pub default_extractor: BuiltInTimestampExtractor,
    /// Internal topics by undecorated name.
    pub internal_topics: Rc<BTreeMap<TopicName, TopicName>>,
}

impl GraphSettings {
    /// The settings that the application's nodes share.
    pub fn new(plan: &ApplicationPlan, config: &StreamsConfig) -> Self {
        GraphSettings {
            default_extractor: config.default_timestamp_extractor(),
            internal_topics: Rc::new(plan.internal_topics.clone()),
        }
    }
}

/// Instantiates the nodes of a sub-topology, given in insertion order (parents before children).
pub(crate) fn build(topology: &Topology, names: &[NodeName], settings: &GraphSettings) -> Result<TaskGraph> {
    let mut edges: BTreeMap<&str, Rc<dyn Any>> = BTreeMap::new();
    let mut nodes = Vec::with_capacity(names.len());
    let mut inputs = BTreeMap::new();
    for (number, name) in names.iter().enumerate().rev() {
        let node = topology.graph().node(name);
        let node = node.ok_or_else(|| Error::Internal(format!("node {name} is not part of the topology")))?;
        let children = node.children.iter().map(|child| {
            let edge = edges.get(&**child).ok_or_else(|| {
                Error::Internal(format!("node {name} comes after its child {child}; add parents first"))
            })?;
            Ok(ChildEdge { name: Arc::clone(child), edge: Rc::clone(edge) })
        });
        let wiring = Wiring {
            name: Arc::clone(name),
            index: NodeIndex(u32::try_from(number).unwrap_or(u32::MAX)),
            children: children.collect::<Result<_>>()?,
            default_extractor: settings.default_extractor,
            internal_topics: Rc::clone(&settings.internal_topics),
        };
        let NodeInstance { edge, lifecycle, input } = node.factory.build(wiring)?;
        if let Some(edge) = edge {
            edges.insert(name, edge);
        }
        if let Some(input) = input {
            let input = Rc::new(input);
            for topic in topology.graph().topics_of_source(name) {
                let topic = Arc::clone(settings.internal_topics.get(topic).unwrap_or(topic));
                inputs.insert(topic, Rc::clone(&input));
            }
        }
        nodes.push((Arc::clone(name), lifecycle));
    }
    nodes.reverse();
    Ok(TaskGraph { nodes, inputs })
}
