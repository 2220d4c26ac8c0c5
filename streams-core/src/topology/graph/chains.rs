//! How many nodes a record passes, each within the call of the one before.

use super::TopologyGraph;
use crate::error::TopologyError;
use crate::stack::CHAIN_MAX;
use crate::topology::NodeName;

/// A path from a source downwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) first: NodeName,
    pub(crate) last: NodeName,
    pub(crate) nodes: usize,
}

impl TopologyGraph {
    /// The longest chain; of several, the first that was complete.
    pub(crate) fn longest_chain(&self) -> Option<Chain> {
        // By node: the length of the longest chain that ends there, and where it begins.
        let mut chains: Vec<(usize, usize)> = Vec::with_capacity(self.nodes.len());
        for (at, node) in self.nodes.iter().enumerate() {
            let parents = node.parents.iter().filter_map(|parent| chains.get(self.index_of(parent)?));
            let longest = parents.max_by_key(|(nodes, _)| *nodes);
            chains.push(longest.map_or((1, at), |(nodes, first)| (nodes + 1, *first)));
        }
        let (last, (nodes, first)) =
            chains.into_iter().enumerate().rev().max_by_key(|(_, (nodes, _))| *nodes)?;
        let name = |at: usize| Some(self.nodes.get(at)?.name.clone());
        Some(Chain { first: name(first)?, last: name(last)?, nodes })
    }

    pub(super) fn check_chains(&self) -> Result<(), TopologyError> {
        match self.longest_chain().filter(|chain| chain.nodes > CHAIN_MAX) {
            Some(Chain { first, last, nodes }) => {
                Err(TopologyError::ChainTooLong { first, last, nodes, most: CHAIN_MAX })
            }
            None => Ok(()),
        }
    }
}
