//! Input and output topics of a test, typed and raw.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::pipeline::Pipeline;
use crate::error::{Error, Result};
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::record::Headers;
use crate::serde::{Payload, SerdeRef};
use crate::time::{IntoTimestamp, Timestamp};
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

/// Sends records to the topology; each is fully processed before the call returns
/// (`org.apache.kafka.streams.TestInputTopic`).
pub struct TestInputTopic<K, V> {
    pub(super) pipeline: Rc<RefCell<Pipeline>>,
    pub(super) topic: TopicName,
    pub(super) key: SerdeRef<K>,
    pub(super) value: SerdeRef<V>,
}

impl<K, V> TestInputTopic<K, V> {
    /// Sends a record with an event time.
    pub fn pipe(&self, key: K, value: V, timestamp: impl IntoTimestamp) -> Result<()> {
        self.pipe_with_headers(key, value, timestamp, Headers::new())
    }

    /// Sends a record with headers.
    pub fn pipe_with_headers(
        &self,
        key: K,
        value: V,
        timestamp: impl IntoTimestamp,
        headers: Headers,
    ) -> Result<()> {
        self.send(None, &key, &value, timestamp.into_timestamp(), headers)
    }

    /// Sends records in order: the first with event time `start`, each `advance` later than the previous one
    /// (`pipeKeyValueList`).
    ///
    /// ```
    /// # use streams_core as kstreams;
    /// # use std::time::Duration;
    /// # use kstreams::processor::{SinkOptions, SourceOptions, TopicTarget};
    /// # use kstreams::serde::DefaultSerde;
    /// # use kstreams::testing::TopologyTestDriver;
    /// # use kstreams::topology::Topology;
    /// # let mut topology = Topology::new();
    /// # let (key_serde, value_serde) = (String::default_serde(), i64::default_serde());
    /// # let from = SourceOptions { key_serde, value_serde, extractor: None };
    /// # topology.add_source("read", &["prices"], None, from)?;
    /// # let (key_serde, value_serde) = (String::default_serde(), i64::default_serde());
    /// # let target = TopicTarget::Topic("copies".into());
    /// # topology.add_sink("write", SinkOptions { target, key_serde, value_serde, partitioner: None }, &["read"])?;
    /// let driver = TopologyTestDriver::of(topology)?;
    /// let prices = driver.create_input_topic::<String, i64>("prices");
    /// prices.pipe_key_values([("tea".into(), 3), ("milk".into(), 1), ("tea".into(), 4)], 1_000, Duration::from_millis(10))?;
    ///
    /// let copies = driver.create_output_topic::<String, i64>("copies");
    /// assert_eq!(copies.queue_size()?, 3);
    /// assert_eq!(copies.read_record()?.map(|record| record.timestamp), Some(1_000));
    /// assert_eq!(copies.read_record()?.map(|record| record.timestamp), Some(1_010));
    /// prices.pipe("milk".into(), 2, 1_030)?;
    /// let last = copies.read_key_values_to_map()?;
    /// assert_eq!(last.into_iter().collect::<Vec<_>>(), [("milk".to_owned(), 2), ("tea".to_owned(), 4)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pipe_key_values(
        &self,
        records: impl IntoIterator<Item = (K, V)>,
        start: impl IntoTimestamp,
        advance: Duration,
    ) -> Result<()> {
        let mut timestamp = start.into_timestamp();
        let advance_ms = i64::try_from(advance.as_millis()).unwrap_or(i64::MAX);
        for (key, value) in records {
            self.pipe(key, value, timestamp)?;
            timestamp = timestamp.saturating_add(advance_ms);
        }
        Ok(())
    }

    /// Sends a record to a partition.
    pub fn pipe_to(
        &self,
        partition: PartitionId,
        key: K,
        value: V,
        timestamp: impl IntoTimestamp,
    ) -> Result<()> {
        self.send(Some(partition), &key, &value, timestamp.into_timestamp(), Headers::new())
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
        let failed = |part| move |cause| Error::Write { part, topic: self.topic.to_string(), cause };
        let key = key.map_err(failed("key"))?;
        let value = self.value.serialize(&self.topic, &headers, value, &mut value_bytes);
        let value = value.map_err(failed("value"))?;
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
        let (offset, partition) = (raw.offset, TopicPartition::new(Arc::clone(&self.topic), raw.partition));
        let failed = |part| {
            let partition = partition.clone();
            move |cause| Error::Read { part, partition, offset, cause }
        };
        let key = self.key.deserialize(&self.topic, &raw.headers, raw.key.as_deref());
        let key = key.map_err(failed("key"))?;
        let value = self.value.deserialize(&self.topic, &raw.headers, raw.value.as_deref());
        let value = value.map_err(failed("value"))?;
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

    /// The last value of each key among all records that are left (`readKeyValuesToMap`).
    pub fn read_key_values_to_map(&self) -> Result<BTreeMap<K, V>>
    where
        K: Ord,
    {
        Ok(self.read_key_values()?.into_iter().collect())
    }

    /// Values of all records that are left.
    pub fn read_values(&self) -> Result<Vec<V>> {
        Ok(self.read_records()?.into_iter().map(|record| record.value).collect())
    }

    /// How many records are left to read (`getQueueSize`).
    pub fn queue_size(&self) -> Result<usize> {
        self.pipeline.borrow_mut().waiting(&self.topic)
    }

    /// Whether nothing is left to read.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.queue_size()? == 0)
    }
}
