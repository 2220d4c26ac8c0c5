//! The broker an example runs on, as its input and output see it: topics, records, committed offsets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kstreams::config::Bootstrap;
use kstreams::ids::{Offset, TopicName, TopicPartition};
use kstreams::prelude::{Headers, StreamsConfig};
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{
    Admin, ConsumerSpec, Isolation, NewTopic, OffsetQuery, OutRecord, ProducerSpec, Transport,
    TransportErrorKind,
};

use crate::progress::Progress;
use crate::{ExampleApp, OutputRecord, Result};

/// How long a single request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// How many records are fetched at once.
const FETCH_RECORDS: usize = 10_000;
/// A consumer that gets nothing for so long gives up.
const SILENCE_MAX: u32 = 300;
/// How long a consumer waits at once.
const WAIT: Duration = Duration::from_millis(100);

/// How often a question is asked before the broker is given up.
const TRIES_MAX: u32 = 100;

/// What the broker answers.
type Answer<T> = streams_core::transport::Result<T>;

/// Whether asking again is of no use.
fn is_final(kind: TransportErrorKind) -> bool {
    matches!(kind, TransportErrorKind::Config | TransportErrorKind::Denied)
}

/// Partitions with an offset each.
pub type Offsets = BTreeMap<TopicPartition, Offset>;

/// A broker.
pub struct Broker {
    transport: Arc<dyn Transport>,
    admin: Box<dyn Admin>,
    /// Held so that a broker in memory lives as long as this.
    embedded: Option<Arc<EmbeddedBroker>>,
}

impl Broker {
    /// The one that the settings name.
    pub fn connect(config: &StreamsConfig) -> Result<Self> {
        let (embedded, transport): (_, Arc<dyn Transport>) = match config.bootstrap() {
            Bootstrap::Kafka(servers) => (None, Self::kafka(&servers, config)?),
            Bootstrap::EmbeddedInMemory => Self::embedded(EmbeddedBroker::in_memory()),
            Bootstrap::EmbeddedIn(place) => {
                Self::embedded(EmbeddedBroker::of_servers(&format!("embedded:{}", place.display()))?)
            }
        };
        let admin = transport.admin("examples-admin")?;
        Ok(Broker { transport, admin, embedded })
    }

    #[cfg(feature = "kafka")]
    fn kafka(servers: &str, config: &StreamsConfig) -> Result<Arc<dyn Transport>> {
        use streams_core::transport::kafka::KafkaTransport;
        Ok(Arc::new(KafkaTransport::new(servers, config.common_properties())?))
    }

    #[cfg(not(feature = "kafka"))]
    fn kafka(servers: &str, _: &StreamsConfig) -> Result<Arc<dyn Transport>> {
        Err(format!("{servers}: built without the feature `kafka`; build it with the default features")
            .into())
    }

    fn embedded(broker: Arc<EmbeddedBroker>) -> (Option<Arc<EmbeddedBroker>>, Arc<dyn Transport>) {
        let transport = Arc::new(broker.transport());
        (Some(broker), transport)
    }

    /// The broker inside this process, if it is one.
    pub fn in_process(&self) -> Option<Arc<EmbeddedBroker>> {
        self.embedded.clone()
    }

    /// Creates an example's topics; those that exist must have the right number of partitions.
    pub fn create_topics(&mut self, app: &ExampleApp) -> Result<()> {
        let names: Vec<TopicName> = app.topics.iter().map(|topic| topic.name.into()).collect();
        let existing = self.ask(|admin| admin.topics(&names, REQUEST))?;
        let mut missing = Vec::new();
        for topic in &app.topics {
            match existing.get(topic.name) {
                Some(found) if found.partitions == topic.partitions => {}
                Some(found) => Err(format!(
                    "topic {} has {} partitions, but the example needs {}; delete it, or use another broker",
                    topic.name, found.partitions, topic.partitions
                ))?,
                None => missing.push(NewTopic {
                    name: topic.name.into(),
                    partitions: topic.partitions,
                    replication_factor: -1,
                    // Event times of real data lie in the past, which a broker takes for expired.
                    configs: BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]),
                }),
            }
        }
        self.ask(|admin| admin.create_topics(&missing, REQUEST))
    }

    /// Asks until there is an answer: topics that were just created have no leaders yet, and a transaction that is
    /// being committed has no offsets yet.
    #[allow(
        clippy::disallowed_methods,
        reason = "a program that waits for a broker, far from the record path"
    )]
    fn ask<T>(&mut self, question: impl Fn(&mut dyn Admin) -> Answer<T>) -> Result<T> {
        let mut tries = 0;
        loop {
            match question(&mut *self.admin) {
                Ok(answer) => return Ok(answer),
                Err(error) if tries == TRIES_MAX || is_final(error.kind()) => Err(error)?,
                Err(_) => tries += 1,
            }
            std::thread::sleep(WAIT);
        }
    }

    /// Writes an example's input, once: topics that hold it already are left as they are.
    pub fn write_input(&mut self, app: &ExampleApp) -> Result<()> {
        let mut full = Vec::new();
        for topic in &app.topics {
            let (expected, found) =
                (app.input_of(topic.name), self.records_in(topic.name, topic.partitions)?);
            if expected > 0 && found == expected {
                full.push(topic.name);
            } else if expected > 0 && found > 0 {
                Err(format!(
                    "topic {} holds {found} records, but the example's input has {expected}; delete the topic, or use \
                     another broker",
                    topic.name
                ))?;
            }
        }
        let spec = ProducerSpec {
            client_id: format!("{}-input", app.name),
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            properties: BTreeMap::new(),
        };
        let mut producer = self.transport.producer(&spec)?;
        let (mut progress, headers) =
            (Progress::new("Writing the input", app.input.len() as u64), Headers::new());
        let missing = app.input.iter().filter(|record| !full.contains(&record.topic));
        for (done, record) in missing.enumerate() {
            let topic = producer.topic(record.topic)?;
            let out = || OutRecord {
                topic,
                partition: app.partition_of(record),
                key: Some(&record.key),
                value: record.value.as_deref(),
                timestamp: record.timestamp,
                headers: &headers,
                tag: 0,
            };
            while let Err(error) = producer.send(out()) {
                match error.kind() {
                    TransportErrorKind::QueueFull => producer.poll(WAIT)?,
                    _ => Err(error)?,
                }
            }
            if done % 1_000 == 0 {
                progress.set(done as u64);
            }
        }
        producer.flush(REQUEST)?;
        progress.finish();
        Ok(())
    }

    fn records_in(&mut self, topic: &str, partitions: i32) -> Result<usize> {
        let partitions: Vec<_> =
            (0..partitions).map(|partition| TopicPartition::new(topic, partition)).collect();
        let ends = self.ends(&partitions)?;
        let starts = self.ask(|admin| admin.offsets(&partitions, OffsetQuery::Earliest, REQUEST))?;
        let records: Offset = ends.iter().map(|(at, end)| end - starts.get(at).copied().unwrap_or(0)).sum();
        Ok(usize::try_from(records)?)
    }

    /// The partitions of topics that exist.
    pub fn partitions(&mut self, topics: &[TopicName]) -> Result<Vec<TopicPartition>> {
        let found = self.ask(|admin| admin.topics(topics, REQUEST))?;
        let partitions = found.values().flat_map(|topic| {
            (0..topic.partitions).map(|partition| TopicPartition::new(topic.name.clone(), partition))
        });
        Ok(partitions.collect())
    }

    /// The offsets after the last records, those of open transactions included.
    pub fn ends(&mut self, partitions: &[TopicPartition]) -> Result<Offsets> {
        self.latest(partitions, Isolation::ReadUncommitted)
    }

    /// The offsets after the last records before the first open transaction.
    pub fn stable_ends(&mut self, partitions: &[TopicPartition]) -> Result<Offsets> {
        self.latest(partitions, Isolation::ReadCommitted)
    }

    fn latest(&mut self, partitions: &[TopicPartition], isolation: Isolation) -> Result<Offsets> {
        self.ask(|admin| admin.offsets(partitions, OffsetQuery::Latest(isolation), REQUEST))
    }

    /// What a group has committed; 0 where it has not.
    pub fn committed(&mut self, group: &str, partitions: &[TopicPartition]) -> Result<Offsets> {
        let committed = self.ask(|admin| admin.committed(group, partitions, REQUEST))?;
        let offset = |at: &TopicPartition| committed.get(at).map_or(0, |offset| offset.offset);
        Ok(partitions.iter().map(|partition| (partition.clone(), offset(partition))).collect())
    }

    /// Everything that an example's outputs hold.
    pub fn read_outputs(&mut self, app: &ExampleApp) -> Result<Vec<OutputRecord>> {
        let spec = ConsumerSpec {
            client_id: format!("{}-output", app.name),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        };
        let mut consumer = self.transport.consumer(&spec)?;
        let mut outputs = Vec::new();
        for topic in &app.outputs {
            for (partition, end) in {
                let partitions = self.partitions(&[(*topic).into()])?;
                self.ends(&partitions)?
            } {
                let handle = consumer.assign(&partition, 0)?;
                let (mut records, mut silence) = (Vec::new(), 0);
                while consumer.position(handle)? < end {
                    let fetched = consumer.fetch(handle, FETCH_RECORDS, &mut records)?;
                    silence = if fetched.records > 0 { 0 } else { silence + 1 };
                    if silence > SILENCE_MAX {
                        Err(format!("{partition} has records up to {end}, but the broker sends none"))?;
                    }
                    if fetched.records == 0 {
                        consumer.wait(WAIT);
                    }
                    outputs.extend(records.drain(..).map(|record| OutputRecord {
                        topic,
                        partition: partition.partition,
                        key: record.key().map(<[u8]>::to_vec),
                        value: record.value().map(<[u8]>::to_vec),
                        timestamp: record.timestamp(),
                    }));
                }
                consumer.unassign(handle)?;
            }
        }
        Ok(outputs)
    }
}
