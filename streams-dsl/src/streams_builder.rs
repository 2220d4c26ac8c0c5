//! Where a program's topology begins (`org.apache.kafka.streams.StreamsBuilder`).

use std::cell::RefCell;
use std::rc::Rc;

use streams_core::topology::Topology;

use crate::error::Result;
use crate::graph::{Plan, PlanRef, lower};
use crate::options::Optimization;

/// Collects the steps of a program and builds the topology. Sources are created here; everything else is an operator on
/// a stream or table.
///
/// Mistakes do not interrupt the chain of calls: they are kept, and [`build`](Self::build) returns the first.
pub struct StreamsBuilder {
    pub(crate) plan: PlanRef,
}

impl Default for StreamsBuilder {
    fn default() -> Self {
        StreamsBuilder::new()
    }
}

impl StreamsBuilder {
    /// A builder of an empty topology.
    pub fn new() -> Self {
        StreamsBuilder { plan: Rc::new(RefCell::new(Plan::new())) }
    }

    /// The topology, without optimizations (`StreamsBuilder.build()`).
    pub fn build(self) -> Result<Topology> {
        self.build_with(Optimization::NONE)
    }

    /// The topology, with those optimizations; they must be the same over an application's life, as they change the
    /// names of internal topics (`StreamsBuilder.build(Properties)`).
    pub fn build_with(self, optimization: Optimization) -> Result<Topology> {
        lower(&self.plan.borrow(), optimization)
    }
}
