//! The driver: a topology with its topics, a wall clock that the test moves, and commits when the test wants them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::pipeline::{Parts, Pipeline};
use super::topics::{RawTestRecord, TestInputTopic, TestOutputTopic};
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::metrics::Metric;
use crate::processor::DroppedRecords;
use crate::processor::handlers::{
    DeserializationExceptionHandler, Handlers, ProcessingExceptionHandler, ProductionExceptionHandler,
};
use crate::serde::{DefaultSerde, SerdeRef};
use crate::store::NamedStore;
use crate::time::{IntoTimestamp, Timestamp};
use crate::topology::Topology;

/// Settings that make results wait for the wall clock. Kafka's driver turns them off too, unless they are set.
const THROTTLES: [&str; 2] = [
    "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__",
    "__emit.interval.ms.kstreams.windowed.aggregation__",
];

/// When the driver commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitPolicy {
    /// After each record that is processed, those of internal topics too, as Kafka Streams' driver does: nothing stays
    /// in caches. If no topic has more than one partition, one task has all nodes, as in Kafka's driver.
    #[default]
    EveryRecord,
    /// When `commit.interval.ms` of the test's clock have passed, as in production.
    Interval,
    /// Only when [`TopologyTestDriver::commit`] is called or a processor asks for it.
    OnDemand,
}

/// Builds a driver.
pub struct DriverBuilder {
    parts: Parts,
}

impl DriverBuilder {
    /// Sets how many partitions a topic has by default (1); fewer are refused by [`build`](Self::build).
    pub fn with_partitions(mut self, partitions: PartitionId) -> Self {
        self.parts.partitions = partitions;
        self
    }

    /// Sets how many partitions one topic has, at least one.
    pub fn with_topic_partitions(mut self, topic: &str, partitions: PartitionId) -> Self {
        self.parts.topic_partitions.insert(topic.to_owned(), partitions);
        self
    }

    /// Sets when commits happen.
    pub fn with_commit_policy(mut self, policy: CommitPolicy) -> Self {
        self.parts.commit = policy;
        self
    }

    /// Sets the handler for records that do not parse; overrides `deserialization.exception.handler`.
    pub fn with_deserialization_handler(
        mut self,
        handler: impl DeserializationExceptionHandler + 'static,
    ) -> Self {
        self.parts.handlers.deserialization = Arc::new(handler);
        self.parts.handlers.keeps_records = true;
        self
    }

    /// Sets the handler for records on which user code fails; overrides `processing.exception.handler`.
    pub fn with_processing_handler(mut self, handler: impl ProcessingExceptionHandler + 'static) -> Self {
        self.parts.handlers.processing = Arc::new(handler);
        self.parts.handlers.keeps_records = true;
        self
    }

    /// Sets the handler for results that cannot be written; overrides `production.exception.handler`.
    pub fn with_production_handler(mut self, handler: impl ProductionExceptionHandler + 'static) -> Self {
        self.parts.handlers.production = Arc::new(handler);
        self.parts.handlers.keeps_records = true;
        self
    }

    /// Sets the initial wall-clock time in milliseconds (0), up to the end of the year 9999. The event times of real data are
    /// far ahead of a clock that shows 0, so anything that compares the two, such as `RejectFutureTimestamp`, needs a start
    /// time.
    pub fn with_start_time(mut self, start: impl IntoTimestamp) -> Self {
        self.parts.start_ms = start.into_timestamp();
        self
    }

    /// Starts the topology. A chain of nodes that the calling thread's stack cannot carry is an error.
    pub fn build(self) -> Result<TopologyTestDriver> {
        Ok(TopologyTestDriver { pipeline: Rc::new(RefCell::new(Pipeline::new(self.parts)?)) })
    }
}

/// Runs a topology in the calling thread, through the production code of tasks, stores, commits and restores, on an
/// embedded broker in memory (`org.apache.kafka.streams.TopologyTestDriver`).
///
/// Unlike Kafka's it has as many partitions as the test asks for, and caches and commits can work as in production.
/// Results that production emits at most once a second (windows on close, left and outer joins of streams) come at once,
/// unless their internal settings are given, as in Kafka's. The wall clock shows 0 at first and moves only with
/// [`advance_wall_clock_time`](Self::advance_wall_clock_time).
///
/// [`Topology`] has an example.
pub struct TopologyTestDriver {
    pipeline: Rc<RefCell<Pipeline>>,
}

impl TopologyTestDriver {
    /// A driver with one partition for each topic that commits after each record.
    pub fn new(topology: Topology, config: StreamsConfig) -> Result<Self> {
        Self::builder(topology, config).build()
    }

    /// A builder, for partitions, commits, handlers and clock.
    pub fn builder(topology: Topology, mut config: StreamsConfig) -> DriverBuilder {
        let made = BTreeMap::from(config.clone());
        for key in THROTTLES {
            if !made.contains_key(key) {
                // A known key with a value that it takes.
                let _ = config.set(key, 0);
            }
        }
        DriverBuilder {
            parts: Parts {
                topology,
                handlers: Handlers::of(&config),
                config,
                commit: CommitPolicy::default(),
                start_ms: 0,
                partitions: 1,
                topic_partitions: BTreeMap::new(),
            },
        }
    }

    /// A driver for a small test: the application id is `test`, and there is nothing to configure.
    pub fn of(topology: Topology) -> Result<Self> {
        Self::new(topology, StreamsConfig::new("test", "embedded:"))
    }

    /// An input topic with the default serdes of its types.
    pub fn create_input_topic<K, V>(&self, topic: &str) -> TestInputTopic<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.create_input_topic_with(topic, K::default_serde(), V::default_serde())
    }

    /// An input topic with serdes.
    pub fn create_input_topic_with<K, V>(
        &self,
        topic: &str,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> TestInputTopic<K, V> {
        TestInputTopic { pipeline: Rc::clone(&self.pipeline), topic: topic.into(), key, value }
    }

    /// An output topic with the default serdes of its types. Reading one that the topology does not write is an error that
    /// names those it does.
    pub fn create_output_topic<K, V>(&self, topic: &str) -> TestOutputTopic<K, V>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.create_output_topic_with(topic, K::default_serde(), V::default_serde())
    }

    /// An output topic with serdes. Reading one that the topology does not write is an error that names those it does.
    pub fn create_output_topic_with<K, V>(
        &self,
        topic: &str,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> TestOutputTopic<K, V> {
        // A topic that only a topic-name extractor names must exist before the first record for it. If it cannot be
        // created, or no sink can write it, reading it says so.
        if self.pipeline.borrow().has_dynamic_sinks() {
            let _ = self.create_topic(topic);
        }
        TestOutputTopic { pipeline: Rc::clone(&self.pipeline), topic: topic.into(), key, value }
    }

    /// Creates a topic that only a topic-name extractor or a pattern names. If a pattern matches it, the application restarts
    /// with it, as it does with the first record for such a topic. Earlier store handles are invalid then.
    pub fn create_topic(&self, topic: &str) -> Result<()> {
        self.pipeline.borrow_mut().ensure_topic(topic)
    }

    /// Sends a record of bytes; the partition is chosen by key.
    pub fn pipe_raw(&self, topic: &str, record: &RawTestRecord) -> Result<()> {
        self.pipeline.borrow_mut().pipe(&topic.into(), record, None)
    }

    /// All committed records of any topic that were not read yet, internal topics by their full name.
    pub fn read_raw(&self, topic: &str) -> Result<Vec<RawTestRecord>> {
        let topic: TopicName = topic.into();
        let mut pipeline = self.pipeline.borrow_mut();
        std::iter::from_fn(|| pipeline.read(&topic).transpose()).collect()
    }

    /// Moves the wall clock forward, by whole milliseconds, and runs what is due. Moving beyond the year 9999 is an error.
    pub fn advance_wall_clock_time(&self, by: Duration) -> Result<()> {
        self.pipeline.borrow_mut().advance_wall_clock(by)
    }

    /// What the wall clock shows.
    pub fn now_ms(&self) -> Timestamp {
        self.pipeline.borrow().now_ms()
    }

    /// Commits now.
    pub fn commit(&self) -> Result<()> {
        self.pipeline.borrow_mut().commit()
    }

    /// Crashes the application and starts it again on the same topics: what was not committed is lost, and stores are
    /// rebuilt from their changelogs. Earlier store handles are invalid.
    pub fn restart(&self) -> Result<()> {
        self.pipeline.borrow_mut().restart()
    }

    /// A store's handle, by its [`StoreRef`](crate::store::StoreRef) or its name. With several tasks, the first that has it;
    /// see [`state_store_of`](Self::state_store_of).
    pub fn state_store<S: Clone + 'static>(&self, store: impl NamedStore<S>) -> Option<S> {
        self.pipeline.borrow().store(store.store_name(), None)
    }

    /// A store's handle in one task.
    pub fn state_store_of<S: Clone + 'static>(&self, task: TaskId, store: impl NamedStore<S>) -> Option<S> {
        self.pipeline.borrow().store(store.store_name(), Some(task))
    }

    /// The content of every store, global stores included, as bytes: changelog keys and stored values, which begin
    /// with the timestamp where the store keeps one. Expired windows and sessions are not included
    /// (`TopologyTestDriver.getAllStateStores`). With several tasks, their contents follow each other.
    pub fn all_store_entries(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>> {
        let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (store, entries) in self.pipeline.borrow().store_entries()? {
            let bytes = |(key, value): (Box<[u8]>, Box<[u8]>)| (Bytes::from(key), Bytes::from(value));
            all.entry(store).or_default().extend(entries.into_iter().map(bytes));
        }
        Ok(all)
    }

    /// The application's committed offsets of a topic.
    pub fn committed_offsets(&self, topic: &str) -> Result<Vec<(TopicPartition, Offset)>> {
        self.pipeline.borrow_mut().committed(&topic.into())
    }

    /// The topics that the application has written to, internal ones by their full name.
    pub fn produced_topic_names(&self) -> Result<Vec<TopicName>> {
        self.pipeline.borrow_mut().topics_written()
    }

    /// All metrics as they are at the driver's time (`TopologyTestDriver.metrics`): of the thread, its tasks, their nodes and
    /// topics. A restart resets them.
    pub fn metrics(&self) -> Vec<Metric> {
        self.pipeline.borrow().metrics()
    }

    /// The number of dropped records, including those of global tables.
    pub fn dropped_records(&self) -> u64 {
        self.dropped().total()
    }

    /// The same by reason.
    pub fn dropped(&self) -> DroppedRecords {
        self.pipeline.borrow().dropped()
    }
}
