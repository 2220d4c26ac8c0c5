//! Input and output topics of a test, typed and raw.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;

use super::pipeline::Pipeline;
use crate::error::{Error, Result};
use crate::ids::{Offset, PartitionId, TopicName};
use crate::record::Headers;
use crate::serde::{Payload, SerdeError, SerdeRef};
use crate::time::Timestamp;
use crate::transport::RawRecord;

/// A record as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTestRecord {
    /// The partition it is in; ignored for input.
    pub partition: PartitionId,
    /// Its offset; ignored for input.
    pub offset: Offset,
    /// Key bytes, or null.
    pub key: Option<Bytes>,
    /// Value bytes, or null.
    pub value: Option<Bytes>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: Headers,
}

impl RawTestRecord {
    pub(super) fn of(partition: PartitionId, raw: &RawRecord) -> Self {
        RawTestRecord {
            partition,
            offset: raw.offset(),
            key: raw.key().map(Bytes::copy_from_slice),
            value: raw.value().map(Bytes::copy_from_slice),
            timestamp: raw.timestamp(),
            headers: raw.headers(),
        }
    }
}

/// A record of an output topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRecord<K, V> {
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: Headers,
}

/// Sends records to the topology; each is processed to its end before the call returns
/// (`org.apache.kafka.streams.TestInputTopic`).
pub struct TestInputTopic<K, V> {
    pub(super) pipeline: Rc<RefCell<Pipeline>>,
    pub(super) topic: TopicName,
    pub(super) key: SerdeRef<K>,
    pub(super) value: SerdeRef<V>,
}

fn failed(topic: &str, part: &'static str, source: SerdeError) -> Error {
    Error::Serialization { part, topic: topic.to_owned(), node: "the test driver".to_owned(), source }
}

impl<K, V> TestInputTopic<K, V> {
    /// Sends a record with that event time.
    pub fn pipe(&self, key: K, value: V, timestamp: Timestamp) -> Result<()> {
        self.pipe_with_headers(key, value, timestamp, Headers::new())
    }

    /// Sends a record with headers.
    pub fn pipe_with_headers(&self, key: K, value: V, timestamp: Timestamp, headers: Headers) -> Result<()> {
        self.send(None, &key, &value, timestamp, headers)
    }

    /// Sends a record to a partition of the test's choice.
    pub fn pipe_to(&self, partition: PartitionId, key: K, value: V, timestamp: Timestamp) -> Result<()> {
        self.send(Some(partition), &key, &value, timestamp, Headers::new())
    }

    fn send(
        &self,
        partition: Option<PartitionId>,
        key: &K,
        value: &V,
        timestamp: Timestamp,
        headers: Headers,
    ) -> Result<()> {
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        let key = self.key.serialize(&self.topic, &headers, key, &mut key_bytes);
        let key = key.map_err(|error| failed(&self.topic, "key", error))?;
        let value = self.value.serialize(&self.topic, &headers, value, &mut value_bytes);
        let value = value.map_err(|error| failed(&self.topic, "value", error))?;
        let record = RawTestRecord {
            partition: 0,
            offset: 0,
            key: (key == Payload::Bytes).then(|| key_bytes.into()),
            value: (value == Payload::Bytes).then(|| value_bytes.into()),
            timestamp,
            headers,
        };
        self.pipeline.borrow_mut().pipe(&self.topic, &record, partition)
    }
}

/// Reads what the topology has written and committed, in the order of each partition
/// (`org.apache.kafka.streams.TestOutputTopic`).
pub struct TestOutputTopic<K, V> {
    pub(super) pipeline: Rc<RefCell<Pipeline>>,
    pub(super) topic: TopicName,
    pub(super) key: SerdeRef<K>,
    pub(super) value: SerdeRef<V>,
}

impl<K, V> TestOutputTopic<K, V> {
    /// The next record, `None` when there is none.
    pub fn read_record(&self) -> Result<Option<TestRecord<K, V>>> {
        let Some(raw) = self.pipeline.borrow_mut().read(&self.topic)? else { return Ok(None) };
        let key = self.key.deserialize(&self.topic, &raw.headers, raw.key.as_deref());
        let key = key.map_err(|error| failed(&self.topic, "key", error))?;
        let value = self.value.deserialize(&self.topic, &raw.headers, raw.value.as_deref());
        let value = value.map_err(|error| failed(&self.topic, "value", error))?;
        Ok(Some(TestRecord { key, value, timestamp: raw.timestamp, headers: raw.headers }))
    }

    /// All records that are left.
    pub fn read_records(&self) -> Result<Vec<TestRecord<K, V>>> {
        std::iter::from_fn(|| self.read_record().transpose()).collect()
    }

    /// Keys and values of all records that are left.
    pub fn read_key_values(&self) -> Result<Vec<(K, V)>> {
        Ok(self.read_records()?.into_iter().map(|record| (record.key, record.value)).collect())
    }

    /// Values of all records that are left.
    pub fn read_values(&self) -> Result<Vec<V>> {
        Ok(self.read_records()?.into_iter().map(|record| record.value).collect())
    }

    /// Whether nothing is left to read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.pipeline.borrow_mut().waiting(&self.topic)? == 0)
    }
}
