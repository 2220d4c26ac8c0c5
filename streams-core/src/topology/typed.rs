//! The Processor API's topology: named nodes with their typed factories (`org.apache.kafka.streams.Topology`).
//!
//! The graph knows names and edges; this file knows which types flow over each edge, and refuses an edge
//! whose ends do not fit when it is added, not when the first record crosses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    AutoOffsetReset, InternalTopicDef, SinkTarget, SourceDef, StoreDef, TopicPattern, TopologyDescription,
    TopologyGraph,
};
use crate::config::{StreamsConfig, TopologyOptimization};
use crate::error::{IllegalStateError, Result, TopologyError};
use crate::ids::TopicName;
use crate::processor::{
    Data, EdgeType, InitContext, Processor, ProcessorFactory, ProcessorResult, SinkFactory, SinkOptions,
    SourceFactory, SourceOptions, TopicTarget,
};
use crate::store::{AddStore, StoreNames, StorePlace, StoreRef};

/// A graph of sources, processors, sinks and stores that a runtime can execute. Cheap to clone.
///
/// Nodes are numbered, grouped into sub-topologies and described in the order in which they are added, as in Kafka
/// Streams. Every method refuses a mistake with an error that names the node and the reason.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::processor::{SinkOptions, SourceOptions, TopicTarget};
/// use kstreams::serde::DefaultSerde;
/// use kstreams::testing::TopologyTestDriver;
/// use kstreams::topology::Topology;
///
/// let mut topology = Topology::new();
/// let text = || String::default_serde();
/// let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
/// topology.add_source("read", &["words"], None, from)?;
/// let target = TopicTarget::Topic("copies".into());
/// let to = SinkOptions { target, key_serde: text(), value_serde: text(), partitioner: None };
/// topology.add_sink("write", to, &["read"])?;
///
/// let driver = TopologyTestDriver::of(topology)?;
/// driver.create_input_topic::<String, String>("words").pipe("1".into(), "tea".into(), 0)?;
/// assert_eq!(driver.create_output_topic::<String, String>("copies").read_values()?, ["tea"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Topology {
    graph: TopologyGraph,
    /// The settings that a plan was made into this topology with; `None` of a topology that was made by hand.
    built_with: Option<PlanSettings>,
}

/// The settings that decide which nodes, stores and topics a plan becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanSettings {
    /// `topology.optimization`.
    pub optimization: TopologyOptimization,
    /// `dsl.store.suppliers.class`.
    pub store_place: StorePlace,
    /// `ensure.explicit.internal.resource.naming`.
    pub explicit_names: bool,
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.describe())
    }
}

impl Topology {
    /// An empty topology.
    pub fn new() -> Self {
        Topology::default()
    }

    /// Adds a source that reads `topics`. `reset` says where to start without a committed offset; `None` leaves it to
    /// `auto.offset.reset`.
    pub fn add_source<K: Data, V: Data>(
        &mut self,
        name: &str,
        topics: &[&str],
        reset: Option<AutoOffsetReset>,
        options: SourceOptions<K, V>,
    ) -> Result<()> {
        let topics = topics.iter().map(|topic| TopicName::from(*topic)).collect();
        self.add_source_of(name, SourceDef { topics, pattern: None, reset }, options)
    }

    /// Adds a source that reads every topic that matches, also those that come to exist later; otherwise as
    /// [`add_source`](Self::add_source).
    pub fn add_pattern_source<K: Data, V: Data>(
        &mut self,
        name: &str,
        pattern: &TopicPattern,
        reset: Option<AutoOffsetReset>,
        options: SourceOptions<K, V>,
    ) -> Result<()> {
        self.add_source_of(name, SourceDef { reset, ..SourceDef::pattern(pattern.clone()) }, options)
    }

    fn add_source_of<K: Data, V: Data>(
        &mut self,
        name: &str,
        def: SourceDef,
        options: SourceOptions<K, V>,
    ) -> Result<()> {
        Ok(self.graph.add_source(name, def, Arc::new(SourceFactory::new(options)))?)
    }

    /// This topology with its patterns matched against the topics that exist.
    pub(crate) fn matched(&self, application_id: &str, existing: &[TopicName]) -> Result<Topology> {
        let mut matched = self.clone();
        matched.graph.match_topics(application_id, existing)?;
        Ok(matched)
    }

    /// Adds a processor below `parents`. `supplier` is called once for each task and must return a new processor each
    /// time.
    pub fn add_processor<P, KIn, VIn, KOut, VOut>(
        &mut self,
        name: &str,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
        parents: &[&str],
    ) -> Result<()>
    where
        P: Processor<KIn, VIn, KOut, VOut>,
        KIn: Data,
        VIn: Data,
        KOut: Data,
        VOut: Data,
    {
        self.check_types(name, EdgeType::of::<KIn, VIn>(), parents)?;
        let factory = ProcessorFactory::<_, KIn, VIn, KOut, VOut>::new(supplier);
        Ok(self.graph.add_processor(name, Arc::new(factory), parents)?)
    }

    /// Adds a sink below `parents`.
    pub fn add_sink<K: Data, V: Data>(
        &mut self,
        name: &str,
        options: SinkOptions<K, V>,
        parents: &[&str],
    ) -> Result<()> {
        self.check_types(name, EdgeType::of::<K, V>(), parents)?;
        let target = match &options.target {
            TopicTarget::Topic(topic) => SinkTarget::Topic(Arc::clone(topic)),
            TopicTarget::Dynamic(extractor) => SinkTarget::Dynamic(extractor.describe()),
        };
        Ok(self.graph.add_sink(name, target, Arc::new(SinkFactory::new(options)), parents)?)
    }

    /// Adds a store and connects it to processors; adding a clone of its builder again connects it to more. Another builder
    /// of that name is refused, even if it makes a store of the same kind: it would be another store on the same rows.
    ///
    /// Returns the store's reference, which is taken wherever a store is named, and knows the store's type.
    pub fn add_state_store<S: AddStore>(
        &mut self,
        store: S,
        processors: &[&str],
    ) -> Result<StoreRef<S::Handle>> {
        let factory = store.into_factory();
        let reference = StoreRef::named(&factory.definition().name);
        self.graph.add_state_store(factory, processors)?;
        Ok(reference)
    }

    /// Gives a processor access to stores that were added before.
    pub fn connect_processor_and_state_stores(
        &mut self,
        processor: &str,
        stores: impl StoreNames,
    ) -> Result<()> {
        Ok(self.graph.connect_processor_and_state_stores(processor, &stores.store_names())?)
    }

    /// Adds a store that every instance holds whole: `topic` is read through a source and a processor of its own, which
    /// keeps the store current. It has no changelog; the topic is one.
    pub fn add_global_store<S, K, V, P>(
        &mut self,
        store: S,
        source: &str,
        topic: &str,
        options: SourceOptions<K, V>,
        processor: &str,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> Result<StoreRef<S::Reader>>
    where
        S: AddStore,
        K: Data,
        V: Data,
        P: Processor<K, V, (), ()>,
    {
        // Kafka Streams takes an extractor here and never asks it: the records' own times count.
        let reads = SourceFactory::new(SourceOptions { extractor: None, ..options });
        let keeps = ProcessorFactory::<_, K, V, (), ()>::new(supplier);
        let (source, processor) = ((source, Arc::new(reads) as _), (processor, Arc::new(keeps) as _));
        let factory = store.into_factory();
        let reference = StoreRef::named(&factory.definition().name);
        self.graph.add_global_store(factory, topic, source, processor)?;
        Ok(reference)
    }

    /// Declares a topic that the application creates and owns; its name on the broker gets the application's prefix.
    /// Without a fixed count it has as many partitions as the widest topic upstream.
    #[doc(hidden)]
    pub fn add_internal_topic(&mut self, name: &TopicName, partitions: Option<i32>) -> Result<()> {
        Ok(self.graph.add_internal_topic(Arc::clone(name), InternalTopicDef { partitions })?)
    }

    /// Demands that the topics of these sources have equal partition counts, because a join or a merge reads them with
    /// one task.
    #[doc(hidden)]
    pub fn copartition_sources(&mut self, sources: &[&str]) {
        self.graph.copartition(sources);
    }

    /// Lets a source topic serve as a store's changelog.
    #[doc(hidden)]
    pub fn connect_source_store_and_topic(&mut self, store: &str, topic: &TopicName) -> Result<()> {
        Ok(self.graph.connect_source_store_and_topic(store, Arc::clone(topic))?)
    }

    /// Remembers the settings that a plan was made into this topology with.
    #[doc(hidden)]
    pub fn set_plan_settings(&mut self, settings: PlanSettings) {
        self.built_with = Some(settings);
    }

    /// Refuses a configuration that sets what decides the plan to something else than the topology was built with: it
    /// would be without effect, unnoticed. What the configuration does not set is left to the topology.
    #[doc(hidden)]
    pub fn check_settings(&self, config: &StreamsConfig) -> Result<()> {
        let Some(built_with) = &self.built_with else { return Ok(()) };
        let set = BTreeMap::from(config.clone());
        let refuse = |key: &'static str, wanted: bool| match set.get(key) {
            Some(value) if wanted => Err(IllegalStateError::BuiltOtherwise { key, value: value.to_string() }),
            _ => Ok(()),
        };
        refuse("topology.optimization", config.topology_optimization() != built_with.optimization)?;
        // A custom place can only be given to the topology, so that it contradicts no setting.
        let differs = !matches!(built_with.store_place, StorePlace::Custom(_))
            && built_with.store_place != StorePlace::from(config.dsl_store_type());
        refuse("dsl.store.suppliers.class", differs)?;
        refuse("default.dsl.store", differs)?;
        let names = config.ensure_explicit_internal_resource_naming() && !built_with.explicit_names;
        Ok(refuse("ensure.explicit.internal.resource.naming", names)?)
    }

    /// The topology as Kafka Streams describes it; `Display` prints Kafka's text.
    pub fn describe(&self) -> TopologyDescription {
        self.graph.describe()
    }

    /// The names and edges.
    #[doc(hidden)]
    pub fn graph(&self) -> &TopologyGraph {
        &self.graph
    }

    /// Checks what can only be checked once the topology is complete.
    #[doc(hidden)]
    pub fn validate(&self) -> Result<()> {
        Ok(self.graph.validate()?)
    }

    /// What is known of the store of that name, if there is one.
    #[doc(hidden)]
    pub fn store_definition(&self, name: &str) -> Option<StoreDef> {
        self.graph.store(name).cloned()
    }

    fn check_types(&self, node: &str, takes: EdgeType, parents: &[&str]) -> Result<()> {
        for parent in parents {
            // An unknown parent is the graph's to refuse.
            let Some(output) = self.graph.node(parent).and_then(|node| node.factory.output()) else {
                continue;
            };
            if output != takes {
                let (takes, forwards) = (takes.to_string(), output.to_string());
                let (node, parent) = (node.into(), (*parent).into());
                return Err(TopologyError::EdgeTypes { node, takes, parent, forwards }.into());
            }
        }
        Ok(())
    }
}
