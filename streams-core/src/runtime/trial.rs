//! The fixture of the runtime's tests: a broker in memory with a manual clock, producers, an application.

pub(super) mod watched;

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, span};

use super::engine::{Engine, EnginePace, EngineSettings};
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::PartitionId;
use crate::processor::{SinkOptions, SourceOptions, TopicTarget};
use crate::serde::DefaultSerde;
use crate::time::{ManualClock, Timestamp};
use crate::topology::Topology;
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::{NewTopic, OutRecord, Producer, ProducerSpec, Transport};

/// The time-out of any request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A broker, and its clock.
pub(super) struct Trial {
    pub broker: Arc<EmbeddedBroker>,
    pub transport: Arc<dyn Transport>,
    pub clock: Arc<ManualClock>,
}

impl Trial {
    /// A broker with these topics, each with this many partitions.
    pub fn new(now_ms: Timestamp, partitions: i32, topics: &[&str]) -> Result<Self> {
        let clock = Arc::new(ManualClock::new(now_ms));
        let broker = EmbeddedBroker::in_memory_at(Arc::clone(&clock) as _);
        let transport: Arc<dyn Transport> = Arc::new(broker.transport());
        let topic = |name: &&str| NewTopic {
            name: (*name).into(),
            partitions,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let topics: Vec<_> = topics.iter().map(topic).collect();
        transport.admin("admin")?.create_topics(&topics, TIMEOUT)?;
        Ok(Trial { broker, transport, clock })
    }

    /// An application that is driven step by step.
    pub fn engine(&self, topology: Topology, config: StreamsConfig) -> Result<Engine> {
        Engine::new(EngineSettings {
            topology,
            config,
            transport: Arc::clone(&self.transport),
            clock: Arc::clone(&self.clock) as _,
            pace: EnginePace::Application,
        })
    }

    /// A producer that feeds the application.
    pub fn producer(&self) -> Result<Box<dyn Producer>> {
        self.producer_of("producer", None, 60_000)
    }

    /// Another program, which writes in transactions.
    pub fn stranger(&self, id: &str, timeout_ms: u64) -> Result<Box<dyn Producer>> {
        let mut producer = self.producer_of("stranger", Some(id), timeout_ms)?;
        producer.init_transactions(TIMEOUT)?;
        Ok(producer)
    }

    fn producer_of(&self, client: &str, id: Option<&str>, timeout_ms: u64) -> Result<Box<dyn Producer>> {
        Ok(self.transport.producer(&ProducerSpec {
            client_id: client.to_owned(),
            transactional_id: id.map(str::to_owned),
            transaction_timeout_ms: timeout_ms,
            properties: BTreeMap::new(),
        })?)
    }
}

/// Writes a record.
pub(super) fn send(
    producer: &mut dyn Producer,
    topic: &str,
    partition: PartitionId,
    key: &str,
    value: &str,
) -> Result<()> {
    let (topic, headers) = (producer.topic(topic)?, Default::default());
    let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
    producer.send(OutRecord { topic, partition, key, value, timestamp: 1, headers: &headers, tag: 0 })?;
    Ok(producer.flush(TIMEOUT)?)
}

/// Reads texts.
pub(super) fn source_options() -> SourceOptions<String, String> {
    SourceOptions {
        key_serde: String::default_serde(),
        value_serde: String::default_serde(),
        extractor: None,
    }
}

/// Writes texts.
pub(super) fn sink_options(topic: &str) -> SinkOptions<String, String> {
    SinkOptions {
        target: TopicTarget::Topic(topic.into()),
        key_serde: String::default_serde(),
        value_serde: String::default_serde(),
        partitioner: None,
    }
}

/// Keeps warnings and errors: the message, then the fields.
#[derive(Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.0.insert_str(0, &format!("{value:?}")),
            name => {
                let _ = write!(self.0, " {name}={value:?}");
            }
        }
    }
}

/// What this thread warns of meanwhile.
pub(crate) fn warnings<T>(act: impl FnOnce() -> T) -> (T, Vec<String>) {
    // With a single subscriber, one thread's decides for all threads whether a line is of interest.
    static OTHER: OnceLock<Dispatch> = OnceLock::new();
    OTHER.get_or_init(|| Dispatch::new(Kept::default()));
    let kept = Kept::default();
    let lines = Arc::clone(&kept.0);
    let done = tracing::subscriber::with_default(kept, act);
    let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
    (done, lines)
}

/// How many of the lines have these words.
pub(crate) fn count_of(lines: &[String], words: &str) -> usize {
    lines.iter().filter(|line| line.contains(words)).count()
}
