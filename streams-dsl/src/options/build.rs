//! How a plan becomes a topology: the settings that [`StreamsBuilder::build_with`](crate::StreamsBuilder::build_with)
//! looks at.

use streams_core::config::{StreamsConfig, TopologyOptimization};

/// The settings that a topology is built with. Made of a [`StreamsConfig`], or of a [`TopologyOptimization`] alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// `topology.optimization`. Must be the same over an application's life, as it changes internal topics.
    pub optimization: TopologyOptimization,
    /// `ensure.explicit.internal.resource.naming` (KIP-1111): refuses topologies in which a store or an internal topic
    /// has a generated name, which would change when an operator is added before it. The topics of a foreign-key join
    /// and those of a grouped table are not looked at, as in Kafka Streams.
    pub explicit_names: bool,
}

impl From<TopologyOptimization> for BuildOptions {
    fn from(optimization: TopologyOptimization) -> Self {
        BuildOptions { optimization, ..BuildOptions::default() }
    }
}

impl From<&StreamsConfig> for BuildOptions {
    fn from(config: &StreamsConfig) -> Self {
        BuildOptions {
            optimization: config.topology_optimization(),
            explicit_names: config.ensure_explicit_internal_resource_naming(),
        }
    }
}
