//! The production parts of an application, stepped by hand over an embedded broker in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use state_stores::RawEntry;

use super::driver::CommitPolicy;
use super::topics::RawTestRecord;
use crate::config::StreamsConfig;
use crate::error::{Error, IllegalStateError, Result, UsageError};
use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::metrics::Metric;
use crate::partitioner::partition_for_key;
use crate::processor::DroppedRecords;
use crate::processor::handlers::Handlers;
use crate::runtime::engine::{Engine, EnginePace, EngineSettings};
use crate::runtime::topic_setup;
use crate::stack;
use crate::time::ManualClock;
use crate::topology::{Chain, NodeKind, Topology};
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::{
    Admin, Consumer, ConsumerSpec, Isolation, NewTopic, OutRecord, PartitionHandle, Producer, ProducerSpec,
    RawRecord, Transport,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The end of the year 9999. Near the last possible time, times computed from the clock's would overflow.
const LAST_MS: i64 = 253_402_300_799_999;

/// More rounds than any test needs.
const ROUNDS_MAX: u32 = 1_000_000;

/// The same where results come back as input: a million rounds take minutes, in which a test seems to hang.
const ROUNDS_MAX_IN_A_LOOP: u32 = 100_000;

/// A chain of nodes that any thread can carry.
const SHORT_CHAIN: usize = 32;

/// What the driver is made of.
pub(super) struct Parts {
    pub topology: Topology,
    pub config: StreamsConfig,
    pub handlers: Handlers,
    pub commit: CommitPolicy,
    pub start_ms: i64,
    pub partitions: PartitionId,
    pub topic_partitions: BTreeMap<String, PartitionId>,
}

/// An output topic that is being read.
#[derive(Default)]
struct Reader {
    handles: Vec<PartitionHandle>,
    read: std::collections::VecDeque<RawTestRecord>,
}

/// Broker, engine, and the test's own clients.
pub(super) struct Pipeline {
    /// `None` during a restart, and until every pattern of the topology matches a topic.
    engine: Option<Engine>,
    settings: EngineSettings,
    handlers: Handlers,
    clock: Arc<ManualClock>,
    producer: Box<dyn Producer>,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    readers: BTreeMap<TopicName, Reader>,
    inputs: BTreeMap<TopicName, PartitionId>,
    default_partitions: PartitionId,
    topic_partitions: BTreeMap<String, PartitionId>,
    buffer: Vec<RawRecord>,
}

impl Pipeline {
    pub fn new(parts: Parts) -> Result<Self> {
        let Parts { topology, config, handlers, commit, start_ms, partitions, topic_partitions } = parts;
        config.validate()?;
        topology.validate()?;
        topology.check_settings(&config)?;
        check_stack(&topology)?;
        check_partitions(partitions, &topic_partitions)?;
        let clock = Arc::new(ManualClock::new(checked_time(Some(start_ms))?));
        let broker = EmbeddedBroker::in_memory_at(Arc::clone(&clock) as _);
        let transport: Arc<dyn Transport> = Arc::new(broker.transport());
        let mut admin = transport.admin("test-driver-admin")?;
        let of = |name: &str| topic_partitions.get(name).copied().unwrap_or(partitions);
        let mut inputs = BTreeMap::new();
        let graph = topology.graph();
        let application = config.application_id();
        let internal: BTreeSet<TopicName> =
            graph.internal_topics().map(|(name, _)| graph.decorate(&application, name)).collect();
        let sources =
            graph.source_topics(&application).into_iter().chain(graph.global_topics().map(Arc::clone));
        for topic in sources.filter(|topic| !internal.contains(topic)) {
            inputs.insert(Arc::clone(&topic), of(&topic));
        }
        let new: Vec<NewTopic> = inputs.iter().map(|(name, count)| new_topic(name, *count)).collect();
        admin.create_topics(&new, TIMEOUT)?;
        let letters = config.dead_letter_queue_topic_name().map(TopicName::from);
        for topic in topology.graph().fixed_sink_topics().into_iter().chain(letters) {
            if !inputs.contains_key(&topic) && !topology.graph().is_internal(&topic) {
                admin.create_topics(&[new_topic(&topic, of(&topic))], TIMEOUT)?;
            }
        }
        let settings = EngineSettings {
            topology,
            config,
            transport: Arc::clone(&transport),
            clock: Arc::clone(&clock) as _,
            pace: match commit {
                CommitPolicy::EveryRecord => EnginePace::EachRecord,
                CommitPolicy::Interval => EnginePace::Application,
                CommitPolicy::OnDemand => EnginePace::CommitsOnDemand,
            },
        };
        let engine = start(&settings, &handlers, &mut *admin)?;
        let spec = ConsumerSpec {
            client_id: "test-driver-consumer".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        };
        let mut pipeline = Pipeline {
            engine,
            settings,
            handlers,
            clock,
            producer: transport.producer(&ProducerSpec {
                client_id: "test-driver-producer".to_owned(),
                transactional_id: None,
                transaction_timeout_ms: 60_000,
                properties: BTreeMap::new(),
            })?,
            consumer: transport.consumer(&spec)?,
            admin,
            readers: BTreeMap::new(),
            inputs,
            default_partitions: partitions,
            topic_partitions,
            buffer: Vec::new(),
        };
        pipeline.run_until_idle()?;
        Ok(pipeline)
    }

    fn engine(&mut self) -> Result<&mut Engine> {
        Ok(self.engine.as_mut().ok_or(IllegalStateError::NotRestarted)?)
    }

    /// Crashes the application and starts it again: what was not committed is lost, and so is local state.
    pub fn restart(&mut self) -> Result<()> {
        // The old one must have left the group by then.
        self.engine = None;
        self.engine = start(&self.settings, &self.handlers, &mut *self.admin)?;
        self.run_until_idle()
    }

    /// Creates a topic that no source and no fixed sink names. If a pattern matches it, the application restarts.
    pub fn ensure_topic(&mut self, name: &str) -> Result<()> {
        let name: TopicName = name.into();
        let count = self.topic_partitions.get(&*name).copied().unwrap_or(self.default_partitions);
        self.admin.create_topics(&[new_topic(&name, count)], TIMEOUT)?;
        if !self.inputs.contains_key(&name) && self.is_matched(&name) {
            self.inputs.insert(name, count);
            if self.engine.is_some() {
                self.commit()?;
            }
            self.restart()?;
        }
        Ok(())
    }

    /// Whether a sink chooses topics by record.
    pub fn has_dynamic_sinks(&self) -> bool {
        let dynamic = |node: &crate::topology::Node| {
            matches!(node.kind, NodeKind::Sink(crate::topology::SinkTarget::Dynamic(_)))
        };
        self.settings.topology.graph().nodes().iter().any(dynamic)
    }

    fn unknown(&self, topic: &TopicName) -> Error {
        let graph = self.settings.topology.graph();
        let sinks = graph.fixed_sink_topics();
        let written = sinks.iter().filter(|topic| !graph.is_internal(topic));
        UsageError::TopicNotWritten { topic: Arc::clone(topic), written: written.cloned().collect() }.into()
    }

    fn is_matched(&self, topic: &str) -> bool {
        let graph = self.settings.topology.graph();
        let mut patterns = graph.nodes().iter().filter_map(|node| graph.pattern_of(&node.name));
        patterns.any(|pattern| pattern.matches(topic))
    }

    /// Runs rounds until there is nothing left to do.
    pub fn run_until_idle(&mut self) -> Result<()> {
        if self.engine.is_none() && self.settings.topology.graph().has_patterns() {
            return Ok(());
        }
        let in_a_loop = self.settings.topology.graph().sinks_that_feed_back();
        let rounds_max = if in_a_loop.is_empty() { ROUNDS_MAX } else { ROUNDS_MAX_IN_A_LOOP };
        for _ in 0..rounds_max {
            if !self.engine()?.step()? {
                return Ok(());
            }
        }
        let feeds_back = in_a_loop.into_iter().next();
        Err(IllegalStateError::NoRest { rounds: rounds_max, feeds_back }.into())
    }

    pub fn pipe(
        &mut self,
        topic: &TopicName,
        record: &RawTestRecord,
        partition: Option<PartitionId>,
    ) -> Result<()> {
        if !self.inputs.contains_key(topic) && self.is_matched(topic) {
            self.ensure_topic(topic)?;
        }
        let Some(count) = self.inputs.get(topic).copied() else {
            let read = self.inputs.keys().cloned().collect();
            return Err(UsageError::TopicNotRead { topic: Arc::clone(topic), read }.into());
        };
        let partition = match (partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, count),
            (None, None) => 0,
        };
        let handle = self.producer.topic(topic)?;
        self.producer.send(OutRecord {
            topic: handle,
            partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp,
            headers: &record.headers,
            tag: 0,
        })?;
        self.producer.flush(TIMEOUT)?;
        self.run_until_idle()
    }

    pub fn commit(&mut self) -> Result<()> {
        self.engine()?.commit()?;
        self.run_until_idle()
    }

    pub fn advance_wall_clock(&mut self, by: Duration) -> Result<()> {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.clock.set(checked_time(self.now_ms().checked_add(by_ms))?);
        self.run_until_idle()
    }

    pub fn now_ms(&self) -> i64 {
        use crate::time::Clock;
        self.clock.now_ms()
    }

    /// The next record of a topic that a commit has made visible.
    pub fn read(&mut self, topic: &TopicName) -> Result<Option<RawTestRecord>> {
        self.fetch(topic)?;
        Ok(self.readers.get_mut(topic).and_then(|reader| reader.read.pop_front()))
    }

    /// How many records wait to be read.
    pub fn waiting(&mut self, topic: &TopicName) -> Result<usize> {
        self.fetch(topic)?;
        Ok(self.readers.get(topic).map_or(0, |reader| reader.read.len()))
    }

    fn fetch(&mut self, topic: &TopicName) -> Result<()> {
        if !self.readers.contains_key(topic) {
            let Some(info) = self.admin.topics(std::slice::from_ref(topic), TIMEOUT)?.remove(topic) else {
                // Before the patterns have topics there is no application, and so none of its internal topics.
                return if self.engine.is_none() { Ok(()) } else { Err(self.unknown(topic)) };
            };
            let mut reader = Reader::default();
            for partition in 0..info.partitions {
                reader
                    .handles
                    .push(self.consumer.assign(&TopicPartition::new(Arc::clone(topic), partition), 0)?);
            }
            self.readers.insert(Arc::clone(topic), reader);
        }
        let Some(reader) = self.readers.get_mut(topic) else { return Ok(()) };
        for (partition, handle) in (0..).zip(&reader.handles) {
            while self.consumer.fetch(*handle, 10_000, &mut self.buffer)?.records > 0 {
                reader.read.extend(self.buffer.drain(..).map(|raw| RawTestRecord::of(partition, &raw)));
            }
        }
        Ok(())
    }

    /// Offsets committed by the application.
    pub fn committed(&mut self, topic: &TopicName) -> Result<Vec<(TopicPartition, Offset)>> {
        let Some(info) = self.admin.topics(std::slice::from_ref(topic), TIMEOUT)?.remove(topic) else {
            return Ok(Vec::new());
        };
        let all: Vec<_> = (0..info.partitions).map(|p| TopicPartition::new(Arc::clone(topic), p)).collect();
        let group = self.engine()?.application_id().to_owned();
        let committed = self.admin.committed(&group, &all, TIMEOUT)?;
        Ok(committed.into_iter().map(|(partition, offset)| (partition, offset.offset)).collect())
    }

    pub fn store<S: Clone + 'static>(&self, name: &str, task: Option<TaskId>) -> Option<S> {
        self.engine.as_ref()?.store(name, task)
    }

    pub fn store_entries(&self) -> Result<Vec<(String, Vec<RawEntry>)>> {
        self.engine.as_ref().map_or_else(|| Ok(Vec::new()), Engine::store_entries)
    }

    pub fn dropped(&self) -> DroppedRecords {
        self.engine.as_ref().map(Engine::dropped_records).unwrap_or_default()
    }

    pub fn metrics(&self) -> Vec<Metric> {
        self.engine.as_ref().map(Engine::metrics).unwrap_or_default()
    }

    pub fn topics_written(&mut self) -> Result<Vec<TopicName>> {
        self.engine()?.topics_written()
    }
}

/// Checks that the driver's clock can show a time; `None` is one that has overflowed.
fn checked_time(time_ms: Option<i64>) -> Result<i64> {
    let shown = time_ms.filter(|time_ms| (0..=LAST_MS).contains(time_ms));
    Ok(shown.ok_or(IllegalStateError::ClockTime { time: time_ms, last: LAST_MS })?)
}

/// Checks that the thread that runs the driver can pass a record down the longest chain.
fn check_stack(topology: &Topology) -> Result<()> {
    let chain = topology.graph().longest_chain();
    // The stack is looked up only where it may matter.
    let Some(Chain { first, last, nodes }) = chain.filter(|chain| chain.nodes > SHORT_CHAIN) else {
        return Ok(());
    };
    let most = stack::nodes_left();
    if nodes > most {
        return Err(IllegalStateError::SmallStack { first, last, nodes, most }.into());
    }
    Ok(())
}

fn check_partitions(default: PartitionId, of_topics: &BTreeMap<String, PartitionId>) -> Result<()> {
    let named = of_topics.iter().map(|(topic, count)| (Some(topic.clone()), *count));
    match named.chain([(None, default)]).find(|(_, count)| *count < 1) {
        Some((topic, partitions)) => Err(IllegalStateError::NoPartitions { topic, partitions }.into()),
        None => Ok(()),
    }
}

/// Starts the application, if every pattern matches a topic.
fn start(settings: &EngineSettings, handlers: &Handlers, admin: &mut dyn Admin) -> Result<Option<Engine>> {
    let EngineSettings { topology, config, .. } = settings;
    if topology.graph().has_patterns()
        && !topic_setup::all_matched(topology, &config.application_id(), admin)?
    {
        return Ok(None);
    }
    Engine::with_handlers(settings.clone(), handlers).map(Some)
}

fn new_topic(name: &TopicName, partitions: PartitionId) -> NewTopic {
    NewTopic { name: Arc::clone(name), partitions, replication_factor: 1, configs: BTreeMap::new() }
}
