//! The topology: which nodes there are, how they are connected, and what that needs of Kafka.
//!
//! A [`TopologyGraph`] knows names, edges, stores and topics, and of each node and store only what builds it. The
//! typed layers (the Processor API's topology and the DSL) fill it; the runtime reads it.
//!
//! | file | what it answers |
//! |---|---|
//! | `graph` | nodes, stores, internal topics; refuses what Java's `InternalTopologyBuilder` refuses |
//! | `pattern` | a regular expression that names a source's topics |
//! | `defs` | the plain data that is put in: sources, sinks, stores, internal topics |
//! | `groups` | which nodes form which sub-topology, and which topics each reads, writes and logs to |
//! | `resolve` | how many tasks and partitions that makes, given the topics that exist |
//! | `derive` | the partitions of repartition topics, from the topics upstream |
//! | `ownership` | what members of a group have to agree about |
//! | `internal_topics` | with which settings internal topics are created |
//! | `typed` | which types flow over each edge: the Processor API's `Topology` |
//! | `describe`, `draw` | the topology as text, byte for byte Kafka Streams', and as Mermaid or Graphviz |
//! | `java_order` | the orders of Java's collections, on which that text and some partition counts depend |
//!
//! Invariant: nodes are stored in the order in which they were added, and parents must exist before their
//! children, so that order is a topological one and no cycle can be built.

mod defs;
mod derive;
mod describe;
mod draw;
#[cfg(test)]
mod fixtures;
mod graph;
mod groups;
mod internal_topics;
mod java_order;
mod ownership;
mod pattern;
mod resolve;
mod typed;

pub(crate) use crate::config::AutoOffsetReset;
pub(crate) use crate::error::TopologyError;
pub(crate) use crate::ids::{NodeName, StoreName};
pub use defs::SinkTarget;
#[doc(hidden)]
pub use defs::{ChangelogKind, InternalTopicDef, SourceDef, StoreDef};
pub use describe::{
    DescribedGlobalStore, DescribedKind, DescribedNode, DescribedSubtopology, TopologyDescription,
};
#[cfg(any(test, feature = "testing"))]
pub(crate) use graph::Chain;
#[doc(hidden)]
pub use graph::{GlobalStore, Node, NodeKind, TopologyGraph};
#[doc(hidden)]
pub use groups::{NodeGroup, SubtopologyStore};
#[doc(hidden)]
pub use internal_topics::{InternalTopic, InternalTopicKind};
pub use pattern::TopicPattern;
#[doc(hidden)]
pub use resolve::{ResolveSettings, ResolvedTopology, Subtopology};
#[doc(hidden)]
pub use typed::PlanSettings;
pub use typed::Topology;
