//! One logical step.

use std::any::TypeId;
use std::rc::Rc;

use streams_core::config::AutoOffsetReset;

use super::Writer;
use super::repartition::RepartitionSpec;
use super::source::SourceTopics;
use crate::error::Result;

/// A node's place in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(super) usize);

/// The parent of all sources; writes nothing.
pub(crate) const ROOT: NodeId = NodeId(0);

/// Writes a node, whose parents are written, into the topology.
pub(crate) type Write = Rc<dyn Fn(&mut Writer<'_>) -> Result<()>>;

/// What a stream source reads; equal ones become one.
#[derive(Clone, Debug)]
pub(crate) struct SourceSpec {
    pub(crate) topics: SourceTopics,
    pub(crate) reset: Option<AutoOffsetReset>,
    pub(crate) types: TypeId,
}

/// What the optimiser distinguishes.
#[derive(Clone)]
pub(crate) enum PlanNodeKind {
    /// The root.
    Root,
    /// Reads topics as a stream.
    StreamSource(SourceSpec),
    /// Reads a topic as a table; `reuse.ktable.source.topics` lets it do without a changelog.
    TableSource,
    /// Sends records through a topic; optimizable ones may be merged with their like.
    Repartition(RepartitionSpec),
    /// Joins two streams. If both are the same stream, `single.store.self.join` stores it once.
    StreamJoin {
        /// The node that keeps the left stream's records.
        this_windowed: NodeId,
        /// The node that keeps the right stream's.
        other_windowed: NodeId,
        /// Whether it was rewritten to store the stream once.
        itself: bool,
    },
    /// Anything else.
    Other,
}

/// A node of the plan (`org.apache.kafka.streams.kstream.internals.graph.GraphNode`).
#[derive(Clone)]
pub(crate) struct GraphNode {
    pub(crate) name: String,
    pub(crate) kind: PlanNodeKind,
    pub(crate) write: Write,
    /// In the order in which they were added, without duplicates.
    pub(crate) parents: Vec<NodeId>,
    pub(crate) children: Vec<NodeId>,
    /// Smaller ones are written first.
    pub(crate) build_priority: usize,
    pub(crate) key_changing: bool,
    pub(crate) value_changing: bool,
    pub(crate) merge: bool,
    /// A left or outer join, which wants records with a null key: repartitions upstream keep them (KIP-962).
    pub(crate) relaxed_null_key: bool,
    /// For a windowed aggregation: its grace period, which `suppress` downstream looks for.
    pub(crate) grace_ms: Option<i64>,
    /// Whether the output is a versioned table; `None` means as the parents.
    pub(crate) output_versioned: Option<bool>,
}

impl GraphNode {
    /// A node of that name, written by `write`.
    pub(crate) fn new(name: &str, write: impl Fn(&mut Writer<'_>) -> Result<()> + 'static) -> Self {
        GraphNode {
            name: name.to_owned(),
            kind: PlanNodeKind::Other,
            write: Rc::new(write),
            parents: Vec::new(),
            children: Vec::new(),
            build_priority: 0,
            key_changing: false,
            value_changing: false,
            merge: false,
            relaxed_null_key: false,
            grace_ms: None,
            output_versioned: None,
        }
    }

    /// The same node with that kind.
    pub(crate) fn kind(mut self, kind: PlanNodeKind) -> Self {
        self.kind = kind;
        self
    }

    /// Marks that keys change: operators downstream that need partitioning by key repartition, at or below this node.
    pub(crate) fn key_changing(mut self) -> Self {
        self.key_changing = true;
        self
    }

    /// Marks that values change: a repartition below cannot move above this node.
    pub(crate) fn value_changing(mut self) -> Self {
        self.value_changing = true;
        self
    }

    /// Marks a merge of streams.
    pub(crate) fn merging(mut self) -> Self {
        self.merge = true;
        self
    }

    /// Marks a join that wants records with a null key.
    pub(crate) fn relaxed_null_key(mut self) -> Self {
        self.relaxed_null_key = true;
        self
    }

    /// Sets the grace period of a windowed aggregation.
    pub(crate) fn grace_ms(mut self, grace_ms: i64) -> Self {
        self.grace_ms = Some(grace_ms);
        self
    }

    /// Sets whether the output is a versioned table.
    pub(crate) fn output_versioned(mut self, versioned: bool) -> Self {
        self.output_versioned = Some(versioned);
        self
    }
}
