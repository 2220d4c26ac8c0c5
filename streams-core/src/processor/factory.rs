//! How a topology holds typed nodes without knowing their types, and wires them when a task is created.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::node::{Lifecycle, NodeIndex};
use super::{Children, Data, Edge, SourceInput};
use crate::config::BuiltInTimestampExtractor;
use crate::error::{Error, Result};
use crate::ids::{TopicName, TopicPartition};

/// The key and value type of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeType {
    id: TypeId,
    key: &'static str,
    value: &'static str,
}

impl EdgeType {
    /// The edge that carries `Record<K, V>`.
    pub fn of<K: 'static, V: 'static>() -> Self {
        EdgeType {
            id: TypeId::of::<(K, V)>(),
            key: std::any::type_name::<K>(),
            value: std::any::type_name::<V>(),
        }
    }
}

impl std::fmt::Display for EdgeType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}, {}>", self.key, self.value)
    }
}

/// A child as its parent's factory gets it: an `Edge<K, V>` whose type is checked when it is taken out.
#[derive(Clone)]
pub struct ChildEdge {
    /// The child's name.
    pub name: Arc<str>,
    /// An `Edge<K, V>`.
    pub edge: Rc<dyn Any>,
}

/// What a factory gets to build a node.
pub struct Wiring {
    /// The node's name.
    pub name: Arc<str>,
    /// Its number within the task.
    pub index: NodeIndex,
    /// Its children, in order.
    pub children: Vec<ChildEdge>,
    /// How a source without its own extractor finds event time.
    pub default_extractor: BuiltInTimestampExtractor,
    /// The names of internal topics on the broker, by their names in the topology.
    pub internal_topics: Rc<BTreeMap<TopicName, TopicName>>,
}

impl Wiring {
    /// A topic's name on the broker: internal topics carry the application's prefix.
    pub fn decorated(&self, topic: &TopicName) -> TopicName {
        Arc::clone(self.internal_topics.get(topic).unwrap_or(topic))
    }

    /// The children as edges of `K`, `V`.
    pub fn typed_children<K: Data, V: Data>(&self) -> Result<Children<K, V>> {
        let typed = self.children.iter().map(|child| match child.edge.downcast_ref::<Edge<K, V>>() {
            Some(edge) => Ok((Arc::clone(&child.name), Rc::clone(edge))),
            None => Err(Error::Internal(format!(
                "node {} forwards {}, which its child {} does not take",
                self.name,
                EdgeType::of::<K, V>(),
                child.name
            ))),
        });
        Ok(Children::new(typed.collect::<Result<_>>()?))
    }
}

/// Makes the source's side of one partition's record queue.
pub type InputFactory = Box<dyn Fn(&TopicPartition) -> Box<dyn SourceInput>>;

/// A node of one task.
pub struct NodeInstance {
    /// The edge that parents forward to; `None` for a source.
    pub edge: Option<Rc<dyn Any>>,
    /// Its life cycle.
    pub lifecycle: Rc<dyn Lifecycle>,
    /// For a source: how its partitions are read.
    pub input: Option<InputFactory>,
}

impl std::fmt::Debug for dyn NodeFactory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |edge: Option<EdgeType>| edge.map_or("nothing".to_owned(), |edge| edge.to_string());
        write!(f, "{} to {}", of(self.input()), of(self.output()))
    }
}

/// Builds one node for each task. Shared by all threads.
pub trait NodeFactory: Send + Sync {
    /// What the node takes; `None` for a source.
    fn input(&self) -> Option<EdgeType>;

    /// What it forwards; `None` for a sink.
    fn output(&self) -> Option<EdgeType>;

    /// A new instance, wired to its children.
    fn build(&self, wiring: Wiring) -> Result<NodeInstance>;
}
