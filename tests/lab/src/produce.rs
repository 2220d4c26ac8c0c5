//! Writing records, with every property explicit.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::client::{KafkaClient, REQUEST};
use crate::error::LabError;

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestRecord {
    /// The key; none is a null key.
    pub key: Option<Vec<u8>>,
    /// The value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Milliseconds since 1970; none is now. The client library also turns 0 into now: use 1 for the earliest time.
    pub timestamp: Option<i64>,
    /// The partition; none leaves the choice to Kafka's default partitioner (murmur2 over the key).
    pub partition: Option<i32>,
    /// Headers in order; a header may have no value.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl TestRecord {
    /// A record with key and value.
    pub fn new(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        Self { key: Some(key.as_ref().to_vec()), value: Some(value.as_ref().to_vec()), ..Self::default() }
    }

    /// A record with a key and a null value.
    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        Self { key: Some(key.as_ref().to_vec()), ..Self::default() }
    }

    /// The same without a key.
    pub fn without_key(mut self) -> Self {
        self.key = None;
        self
    }

    /// The same with a timestamp.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The same for a fixed partition.
    pub fn to_partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// The same with one more header.
    pub fn header(mut self, key: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((key.into(), Some(value.as_ref().to_vec())));
        self
    }
}

impl KafkaClient {
    /// Writes records in order and returns when all are acknowledged.
    pub fn produce(
        &self,
        topic: &str,
        records: impl IntoIterator<Item = TestRecord>,
    ) -> Result<(), LabError> {
        let producer = LabProducer::create(&mut self.config())?;
        for record in records {
            producer.send(topic, &record)?;
        }
        producer.flush()
    }
}

/// A producer that reports the first record that could not be delivered.
pub struct LabProducer {
    /// The client library's producer.
    pub inner: BaseProducer<FirstFailure>,
    failure: Arc<Mutex<Option<String>>>,
}

impl LabProducer {
    /// A producer with these settings and the lab's.
    pub fn create(config: &mut ClientConfig) -> Result<Self, LabError> {
        let failure = Arc::new(Mutex::new(None));
        let inner = config
            .remove("allow.auto.create.topics")
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .set("queue.buffering.max.messages", "1000000")
            .create_with_context(FirstFailure(Arc::clone(&failure)))
            .map_err(LabError::kafka("creating a producer"))?;
        Ok(Self { inner, failure })
    }

    /// Queues a record, waiting for room.
    pub fn send(&self, topic: &str, record: &TestRecord) -> Result<(), LabError> {
        let mut message = base_record(topic, record);
        loop {
            match self.inner.send(message) {
                Ok(()) => return self.check(topic),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                    message = refused;
                    self.inner.poll(Duration::from_millis(10));
                }
                Err((source, _)) => {
                    return Err(LabError::Kafka { what: format!("writing to {topic}"), source });
                }
            }
        }
    }

    /// Waits until all records are acknowledged.
    pub fn flush(&self) -> Result<(), LabError> {
        self.inner
            .flush(REQUEST)
            .map_err(LabError::kafka("waiting for the acknowledgement of all records"))?;
        self.check("the topic")
    }

    fn check(&self, topic: &str) -> Result<(), LabError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(answer) => Err(LabError::Refused { what: format!("writing to {topic}"), answer }),
            None => Ok(()),
        }
    }
}

/// Keeps the first delivery failure.
pub struct FirstFailure(Arc<Mutex<Option<String>>>);

impl ClientContext for FirstFailure {}

impl ProducerContext for FirstFailure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert_with(|| format!("{error} for a record of {}", message.topic()));
        }
    }
}

fn base_record<'a>(topic: &'a str, record: &'a TestRecord) -> BaseRecord<'a, [u8], [u8]> {
    let mut message = BaseRecord::<[u8], [u8]>::to(topic);
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    message.partition = record.partition;
    message.timestamp = record.timestamp;
    if !record.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        message.headers =
            Some(record.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: value.as_ref() })
            }));
    }
    message
}
