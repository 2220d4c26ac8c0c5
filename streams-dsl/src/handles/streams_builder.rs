//! Where a program's topology begins (`org.apache.kafka.streams.StreamsBuilder`).

use std::any::TypeId;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::ids::TopicName;
use streams_core::processor::{Data, InitContext, Processor, ProcessorResult, SourceOptions};
use streams_core::serde::DefaultSerde;
use streams_core::store::{AddStore, StoreRef};
use streams_core::topology::Topology;

use super::KStream;
use crate::error::{Result, found};
use crate::graph::{
    GraphNode, Plan, PlanNodeKind, PlanRef, ROOT, SourceSpec, SourceTopics, Step, Topics, lower,
};
use crate::naming::prefix;
use crate::options::{Consumed, TopologySettings};

/// Collects the steps of a program and builds the topology. Sources are created here; everything else is an operator on
/// a stream or table (`org.apache.kafka.streams.StreamsBuilder`).
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

    /// Reads a topic, or several, or all that match a pattern, as a stream (`StreamsBuilder.stream`).
    ///
    /// Several topics become one stream without an order between them. Reading the same topics twice reads them once.
    /// A record whose key or value is null is dropped unless the type is an `Option`. Streams are partitioned as their
    /// topics are.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>(["online", "offline"]).to("payments");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let online = driver.create_input_topic::<String, i64>("online");
    /// online.pipe("alice".into(), 99, 0)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("payments").read_key_values()?, [("alice".into(), 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// With a pattern, matching topics are read from the start of the application. A topic that is created later, or gets
    /// more partitions, is found within `metadata.max.age.ms`; then the application releases its tasks and opens them again.
    /// There are as many tasks as the widest of the topics has partitions. Topics of the application itself, and those whose
    /// names begin with two underscores, never match.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>(TopicPattern::new("payments-[a-z]+")?).to("all");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, i64>("payments-rome").pipe("alice".into(), 99, 0)?;
    /// driver.create_input_topic::<String, i64>("payments-oslo").pipe("bob".into(), 7, 0)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("all").read_key_values()?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stream<K, V>(&self, topics: impl Topics) -> KStream<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        self.stream_with(topics, Consumed::new())
    }

    /// As [`stream`](Self::stream), with options.
    pub fn stream_with<K: Data, V: Data>(
        &self,
        topics: impl Topics,
        consumed: Consumed<K, V>,
    ) -> KStream<K, V> {
        let topics = topics.topics();
        let key_serde = consumed.key_serde.resolve(None);
        let value_serde = consumed.value_serde.resolve(None);
        let mut plan = self.plan.borrow_mut();
        let name = plan.name_or_new(consumed.name.as_deref(), prefix::SOURCE);
        let source =
            SourceSpec { topics: topics.clone(), reset: consumed.own.reset, types: TypeId::of::<(K, V)>() };
        let serdes = (key_serde.clone(), value_serde.clone());
        let node = GraphNode::new(&name, move |writer| {
            let options = SourceOptions {
                key_serde: found(serdes.0.clone(), &writer.name, "key")?,
                value_serde: found(serdes.1.clone(), &writer.name, "value")?,
                extractor: consumed.own.extractor.clone(),
            };
            match &topics {
                SourceTopics::Named(topics) => {
                    let topics: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
                    writer.topology.add_source(&writer.name, &topics, consumed.own.reset, options)?;
                }
                SourceTopics::Matching(pattern) => {
                    writer.topology.add_pattern_source(&writer.name, pattern, consumed.own.reset, options)?;
                }
            }
            Ok(())
        });
        let id = plan.add(&[ROOT], node.kind(PlanNodeKind::StreamSource(source)));
        drop(plan);
        KStream::new(Step::at_source(&self.plan, id, &name), key_serde, value_serde, false)
    }

    /// Adds a store for processors to share (`StreamsBuilder.addStateStore`); `process`, `process_values` and
    /// `transform_values` name the stores that they use. One that none names is in no task. Returns the store's reference,
    /// which stands for the name and knows the type.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// /// Lets each value of a key through once.
    /// struct Distinct(KeyValueStore<String, String>);
    ///
    /// impl FixedKeyProcessor<String, String, String> for Distinct {
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<String, String>,
    ///         context: &mut FixedKeyContext<'_, String, String>,
    ///     ) -> ProcessorResult {
    ///         if self.0.get(record.key())?.as_ref() == Some(record.value()) {
    ///             return Ok(());
    ///         }
    ///         self.0.put(record.key(), Some(record.value().clone()))?;
    ///         context.forward(record)
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let last = builder.add_state_store(Stores::key_value_store::<String, String>("last-seen"));
    /// let states = builder.stream::<String, String>("states");
    /// states.process_values_with_stores(&last, |last, _| Ok(Distinct(last))).to("changes");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let states = driver.create_input_topic::<String, String>("states");
    /// for (time, state) in [(0, "on"), (1, "on"), (2, "off")] {
    ///     states.pipe("lamp".into(), state.into(), time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, String>("changes").read_values()?, ["on", "off"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_state_store<S: AddStore>(&self, store: S) -> StoreRef<S::Handle> {
        let factory = store.into_factory();
        let name = factory.definition().name;
        let node = GraphNode::new(&name, move |writer| {
            writer.topology.add_state_store(Arc::clone(&factory), &[])?;
            Ok(())
        });
        self.plan.borrow_mut().add(&[ROOT], node);
        StoreRef::named(&name)
    }

    /// Adds a store that every instance fills with a whole topic, by a custom processor
    /// (`StreamsBuilder.addGlobalStore`). It must be a key-value store, with timestamps or without; any processor may read
    /// it, as a [`GlobalKeyValueStore`](streams_core::store::GlobalKeyValueStore), without being connected to it. Returns the
    /// reference by which they open it.
    ///
    /// * Nulls: the processor sees those that the types have.
    /// * Time: the topic is read to its end before the first record is processed, and in parallel to the tasks from then on,
    ///   without regard to event time.
    /// * Repartition: none; the topic need not have as many partitions as others.
    /// * Store: not logged. The topic is its changelog, and goes through the processor again when the store is
    ///   restored.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// /// Keeps the names of countries in upper case.
    /// struct Keep(KeyValueStore<String, String>);
    ///
    /// impl Processor<String, String, (), ()> for Keep {
    ///     fn process(&mut self, record: Record<String, String>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
    ///         Ok(self.0.put(&record.key, Some(record.value.to_uppercase()))?)
    ///     }
    /// }
    ///
    /// /// Looks them up.
    /// struct Name(GlobalKeyValueStore<String, String>);
    ///
    /// impl FixedKeyProcessor<String, String, String> for Name {
    ///     fn process(
    ///         &mut self,
    ///         record: FixedKeyRecord<String, String>,
    ///         context: &mut FixedKeyContext<'_, String, String>,
    ///     ) -> ProcessorResult {
    ///         match self.0.get(record.value())? {
    ///             Some(country) => context.forward(record.with_value(country)),
    ///             None => Ok(()),
    ///         }
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = Stores::key_value_store::<String, String>("countries");
    /// let kept = countries.store_ref();
    /// let keep = move |task: &mut InitContext<'_>| Ok(Keep(task.state_store(&kept)?));
    /// let countries = builder.add_global_store(countries, "country-names", Consumed::new(), keep);
    /// let orders = builder.stream::<String, String>("orders");
    /// orders.process_values(move |task| Ok(Name(task.state_store(&countries)?)), &[]).to("destinations");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// driver.create_input_topic::<String, String>("country-names").pipe("fr".into(), "France".into(), 0)?;
    /// driver.create_input_topic::<String, String>("orders").pipe("o1".into(), "fr".into(), 0)?;
    /// assert_eq!(driver.create_output_topic::<String, String>("destinations").read_values()?, ["FRANCE"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_global_store<S: AddStore, K: Data, V: Data, P>(
        &self,
        store: S,
        topic: &str,
        consumed: Consumed<K, V>,
        supplier: impl Fn(&mut InitContext<'_>) -> ProcessorResult<P> + Send + Sync + 'static,
    ) -> StoreRef<S::Reader>
    where
        P: Processor<K, V, (), ()>,
    {
        let (store, topic, supplier) = (store.into_factory(), TopicName::from(topic), Arc::new(supplier));
        let name = store.definition().name;
        let mut plan = self.plan.borrow_mut();
        let given = consumed.name.as_deref();
        let source = plan.suffixed_or_new(given, "-source", prefix::SOURCE);
        let processor = plan.name_or_new(given, prefix::TABLE_SOURCE);
        let node = GraphNode::new(&name, move |writer| {
            let options = SourceOptions {
                key_serde: found(consumed.key_serde.resolve(None), &source, "key")?,
                value_serde: found(consumed.value_serde.resolve(None), &source, "value")?,
                extractor: consumed.own.extractor.clone(),
            };
            let (store, supplier) = (Arc::clone(&store), Arc::clone(&supplier));
            let make = move |context: &mut InitContext<'_>| supplier(context);
            writer.topology.add_global_store(store, &source, &topic, options, &processor, make)?;
            Ok(())
        });
        plan.add(&[ROOT], node);
        StoreRef::named(&name)
    }

    /// The topology, without optimizations and with whatever names were generated (`StreamsBuilder.build()`). The first
    /// mistake of the plan is the error.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let tiny = TimeWindows::of_size_with_no_grace(millis(0));
    /// builder.stream::<String, String>("clicks").group_by_key().windowed_by(tiny).count();
    /// let error = builder.build().unwrap_err().to_string();
    /// assert!(error.contains("the window size must be at least 1 ms"));
    /// ```
    pub fn build(self) -> Result<Topology> {
        self.build_with(TopologySettings::new())
    }

    /// The topology, as the configuration has it: with its optimizations, and refused if it demands explicit names that
    /// are missing, and with stores elsewhere than on disk if it says so. [`TopologySettings`] or a
    /// `TopologyOptimization` say the same; they must not change over an application's life, as they change internal
    /// topics (`StreamsBuilder.build(Properties)`, `new StreamsBuilder(TopologyConfig)`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let mut config = StreamsConfig::new("payments", "embedded:");
    /// config.set("ensure.explicit.internal.resource.naming", true)?;
    ///
    /// let counted = |materialized| {
    ///     let builder = StreamsBuilder::new();
    ///     builder.stream::<String, i64>("payments").group_by_key().count_with(materialized);
    ///     builder.build_with(&config)
    /// };
    /// assert!(counted(Materialized::named("counts")).is_ok());
    /// let error = counted(Materialized::new()).unwrap_err().to_string();
    /// assert!(error.contains("Following state store(s) has not been named: KSTREAM-AGGREGATE-STATE-STORE-0000000002"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn build_with(self, settings: impl Into<TopologySettings>) -> Result<Topology> {
        lower(&self.plan.borrow(), &settings.into())
    }
}
