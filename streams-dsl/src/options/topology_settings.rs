//! What holds for a whole topology (`TopologyConfig`, `StreamsBuilder.build(Properties)`).

use streams_core::config::{StreamsConfig, TopologyOptimization};
use streams_core::store::StorePlace;

/// What holds for a whole topology, and must be the same over an application's life (`TopologyConfig`).
/// `&StreamsConfig` becomes one.
///
/// ```
/// # mod kstreams { pub use streams_dsl::prelude; pub use streams_dsl::core::config; }
/// use kstreams::config::TopologyOptimization;
/// use kstreams::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let optimization = TopologyOptimization { reuse_ktable_source_topics: true, ..Default::default() };
/// let settings = TopologySettings::new().with_optimization(optimization).with_explicit_names();
/// builder.table_with::<String, i64>("stock", Consumed::new(), Materialized::named("stock"));
/// builder.build_with(settings)?;
/// # Ok::<(), DslError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TopologySettings {
    /// Which optimizations are made (`topology.optimization`).
    pub optimization: TopologyOptimization,
    /// Where stores are kept whose options do not say it (`dsl.store.suppliers.class`).
    pub store_place: StorePlace,
    /// `ensure.explicit.internal.resource.naming` (KIP-1111): refuses topologies in which a store or an internal topic
    /// has a generated name, which would change when an operator is added before it. The topics of a foreign-key join
    /// and those of a grouped table are not looked at, as in Kafka Streams.
    pub explicit_names: bool,
}

impl TopologySettings {
    /// Kafka Streams' defaults: no optimizations, and stores on disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these optimizations.
    #[must_use]
    pub fn with_optimization(mut self, optimization: TopologyOptimization) -> Self {
        self.optimization = optimization;
        self
    }

    /// The same, refusing generated names of stores and internal topics.
    #[must_use]
    pub fn with_explicit_names(mut self) -> Self {
        self.explicit_names = true;
        self
    }

    /// The same with stores kept there: a [`StoreType`](super::StoreType), or a place of your own.
    #[must_use]
    pub fn with_store_place(mut self, place: impl Into<StorePlace>) -> Self {
        self.store_place = place.into();
        self
    }
}

impl From<TopologyOptimization> for TopologySettings {
    fn from(optimization: TopologyOptimization) -> Self {
        TopologySettings::new().with_optimization(optimization)
    }
}

impl From<&StreamsConfig> for TopologySettings {
    fn from(config: &StreamsConfig) -> Self {
        TopologySettings {
            optimization: config.topology_optimization(),
            store_place: config.dsl_store_type().into(),
            explicit_names: config.ensure_explicit_internal_resource_naming(),
        }
    }
}
