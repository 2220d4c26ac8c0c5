//! Topics of the embedded broker, written and read past the engine.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use streams_core::ids::TopicPartition;
use streams_core::record::Headers;
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{
    Admin, ConsumerSpec, Isolation, NewTopic, OffsetQuery, OutRecord, ProducerSpec, Result, Transport,
    TransportError, TransportErrorKind,
};

use lab::{ConsumedRecord, TestRecord};

const LIMIT: Duration = Duration::from_secs(120);

/// What tests do with an embedded broker.
#[derive(Clone)]
pub struct EmbeddedClient {
    broker: Arc<EmbeddedBroker>,
}

impl EmbeddedClient {
    /// A client of a broker in memory.
    pub fn in_memory() -> Self {
        Self { broker: EmbeddedBroker::in_memory() }
    }

    /// A client of the durable broker in that folder.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self { broker: EmbeddedBroker::open(folder)? })
    }

    /// The broker.
    pub fn broker(&self) -> &Arc<EmbeddedBroker> {
        &self.broker
    }

    /// Creates topics; those that exist are left alone.
    pub fn create_topics(&self, names: &[&str], partitions: i32) -> Result<()> {
        let topics: Vec<NewTopic> = names
            .iter()
            .map(|name| NewTopic {
                name: (*name).into(),
                partitions,
                replication_factor: -1,
                configs: BTreeMap::new(),
            })
            .collect();
        self.admin()?.create_topics(&topics, LIMIT)
    }

    /// Writes records with their partition in order; those without one go to partition 0.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = TestRecord>) -> Result<()> {
        let mut producer = self.broker.transport().producer(&ProducerSpec {
            client_id: "feed".to_owned(),
            transactional_id: None,
            transaction_timeout_ms: 10_000,
            properties: BTreeMap::new(),
        })?;
        let handle = producer.topic(topic)?;
        let headers = Headers::default();
        for record in records {
            producer.send(OutRecord {
                topic: handle,
                partition: record.partition.unwrap_or(0),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                timestamp: record.timestamp.unwrap_or(0),
                headers: &headers,
                tag: 0,
            })?;
        }
        producer.flush(LIMIT)
    }

    /// The end of each partition of a topic; empty when there is no such topic.
    pub fn end_offsets(&self, topic: &str) -> Result<BTreeMap<TopicPartition, i64>> {
        let partitions = self.partitions(topic)?;
        let latest = OffsetQuery::Latest(Isolation::ReadUncommitted);
        self.admin()?.offsets(&partitions, latest, LIMIT)
    }

    /// Whether a group has committed everything that the topics hold.
    pub fn is_done(&self, group: &str, topics: &[&str]) -> Result<bool> {
        for topic in topics {
            let ends = self.end_offsets(topic)?;
            let committed = self.admin()?.committed(group, &self.partitions(topic)?, LIMIT)?;
            let reached = |(partition, end): (&TopicPartition, &i64)| {
                *end == 0 || committed.get(partition).is_some_and(|done| done.offset >= *end)
            };
            if ends.is_empty() || !ends.iter().all(reached) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All committed records of a topic, by partition and offset.
    pub fn consume_all(&self, topic: &str) -> Result<Vec<ConsumedRecord>> {
        let mut consumer = self.broker.transport().consumer(&ConsumerSpec {
            client_id: "reader".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        })?;
        let mut found = Vec::new();
        for (partition, end) in self.end_offsets(topic)? {
            let handle = consumer.assign(&partition, 0)?;
            let begin = Instant::now();
            let mut records = Vec::new();
            while consumer.position(handle)? < end {
                if begin.elapsed() > LIMIT {
                    let what = format!("reading {partition} to {end}");
                    return Err(TransportError::new(
                        TransportErrorKind::TimedOut,
                        what,
                        "an open transaction?",
                    ));
                }
                if consumer.fetch(handle, 10_000, &mut records)?.records == 0 {
                    consumer.wait(Duration::from_millis(10));
                }
            }
            found.extend(records.iter().map(|record| ConsumedRecord {
                partition: partition.partition,
                offset: record.offset(),
                timestamp: record.timestamp(),
                key: record.key().map(<[u8]>::to_vec),
                value: record.value().map(<[u8]>::to_vec),
                headers: Vec::new(),
            }));
            consumer.unassign(handle)?;
        }
        Ok(found)
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        self.broker.transport().admin("tests")
    }

    fn partitions(&self, topic: &str) -> Result<Vec<TopicPartition>> {
        let topics = self.admin()?.topics(&[topic.into()], LIMIT)?;
        let counted = topics.values().next().map_or(0, |info| info.partitions);
        Ok((0..counted).map(|partition| TopicPartition::new(topic, partition)).collect())
    }
}
