//! The fixture of the runtime's tests: a broker in memory with a manual clock, producers, an application.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
