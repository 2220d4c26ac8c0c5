//! The logical plan that the DSL's calls make, before it becomes a topology.
//!
//! Nodes are untyped; each carries a closure that writes it into a [`Topology`](streams_core::topology::Topology), and
//! what the optimiser needs to know about it. Invariant: a node's number, the order in which nodes are written, and with
//! it the numbers of sub-topologies are those of Kafka Streams' `InternalStreamsBuilder`.
//!
//! | file | what it does |
//! |---|---|
//! | `plan` | holds the nodes and assigns names and priorities |
//! | `node` | one logical step |
//! | `step` | a handle's place in the plan |
//! | `source` | which topics a stream reads |
//! | `repartition` | the node that sends a stream through a repartition topic |
//! | `optimize` | merges equal sources and rewrites what the configuration allows |
//! | `merge_repartitions` | one of these rewritings |
//! | `lower` | writes the nodes in order |

mod lower;
mod merge_repartitions;
mod node;
mod optimize;
mod plan;
mod repartition;
mod source;
mod step;

pub(crate) use lower::{Writer, lower};
pub(crate) use node::{GraphNode, NodeId, PlanNodeKind, ROOT, SourceSpec};
pub(crate) use plan::{Plan, PlanRef};
pub(crate) use repartition::{Repartitioning, repartition_node};
pub(crate) use source::SourceTopics;
pub use source::Topics;
pub(crate) use step::Step;

#[cfg(test)]
mod tests;
