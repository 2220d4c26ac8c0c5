//! A topic of an embedded broker, with types: how a program writes what its application reads, and reads what that writes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result, TopicsError};
use crate::ids::{PartitionId, TopicName, TopicPartition};
use crate::partitioner::{StickyPartitioner, partition_for_key, partitioning_bytes};
use crate::record::Record;
use crate::serde::{DefaultSerde, Payload, SerdeRef};
use crate::time::{Clock, SystemClock};
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::{
    Consumer, ConsumerSpec, Isolation, NewTopic, OffsetQuery, OutRecord, PartitionHandle, Producer,
    ProducerSpec, RawRecord, TopicHandle, Transport, TransportError, TransportErrorKind,
};

/// The broker is in this process: it answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How many records are fetched at once.
const FETCH_RECORDS: usize = 10_000;

/// The longest wait at once.
const SLICE: Duration = Duration::from_millis(100);

/// Writes and reads a topic of an embedded broker while an application runs on it.
///
/// ```
/// # use streams_core as kstreams;
/// use std::time::Duration;
/// use kstreams::embedded::{EmbeddedBroker, EmbeddedTopic};
/// use kstreams::record::Record;
///
/// // The broker of `bootstrap.servers`: `embedded:` in memory, `embedded:some/folder` on disk.
/// let broker = EmbeddedBroker::of_servers("embedded:@shop")?;
/// let mut prices = EmbeddedTopic::<String, i64>::create(&broker, "prices", 3)?;
/// prices.send(Record::new("tea".into(), 3, 1_700_000_000_000))?;
/// prices.send_all([("tea", 4), ("milk", 1)].map(|(key, price)| Record::new(key.into(), price, 1_700_000_000_001)))?;
///
/// let read = prices.read_within(3, Duration::from_secs(5))?;
/// assert_eq!(read.iter().filter(|record| record.key == "tea").map(|record| record.value).collect::<Vec<_>>(), [3, 4]);
/// assert!(prices.read_new()?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A handle holds the broker, and so keeps one in memory alive.
pub struct EmbeddedTopic<K, V> {
    name: TopicName,
    partitions: PartitionId,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    producer: Box<dyn Producer>,
    handle: TopicHandle,
    sticky: StickyPartitioner,
    consumer: Box<dyn Consumer>,
    assigned: Vec<(TopicPartition, PartitionHandle)>,
    /// Fetched, with the number of the partition in `assigned`.
    fetched: VecDeque<(usize, RawRecord)>,
    buffer: Vec<RawRecord>,
    key_bytes: Vec<u8>,
    value_bytes: Vec<u8>,
}

impl<K: DefaultSerde, V: DefaultSerde> EmbeddedTopic<K, V> {
    /// The topic of that name with the default serdes of its types, created with this many partitions if there is none. One
    /// with another number of partitions is an error.
    pub fn create(broker: &Arc<EmbeddedBroker>, name: &str, partitions: PartitionId) -> Result<Self> {
        Self::create_with(broker, name, partitions, K::default_serde(), V::default_serde())
    }

    /// The topic of that name with the default serdes of its types; an error if there is none. It begins to read at the
    /// topic's first record.
    pub fn open(broker: &Arc<EmbeddedBroker>, name: &str) -> Result<Self> {
        Self::open_with(broker, name, K::default_serde(), V::default_serde())
    }
}

impl<K, V> EmbeddedTopic<K, V> {
    /// As [`create`](Self::create), with serdes.
    pub fn create_with(
        broker: &Arc<EmbeddedBroker>,
        name: &str,
        partitions: PartitionId,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> Result<Self> {
        let topic =
            NewTopic { name: name.into(), partitions, replication_factor: 1, configs: BTreeMap::new() };
        if partitions < 1 {
            return Err(TopicsError::NoPartitions { topic: name.into(), partitions }.into());
        }
        broker.transport().admin("embedded-topic")?.create_topics(&[topic], TIMEOUT)?;
        let opened = Self::open_with(broker, name, key, value)?;
        if opened.partitions != partitions {
            let (topic, asked) = (name.into(), partitions);
            return Err(TopicsError::OtherPartitions { topic, partitions: opened.partitions, asked }.into());
        }
        Ok(opened)
    }

    /// As [`open`](Self::open), with serdes.
    pub fn open_with(
        broker: &Arc<EmbeddedBroker>,
        name: &str,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
    ) -> Result<Self> {
        let (transport, name) = (broker.transport(), TopicName::from(name));
        let mut admin = transport.admin("embedded-topic")?;
        let Some(info) = admin.topics(std::slice::from_ref(&name), TIMEOUT)?.remove(&name) else {
            return Err(TopicsError::Unknown { topic: name }.into());
        };
        let all: Vec<_> = (0..info.partitions).map(|p| TopicPartition::new(Arc::clone(&name), p)).collect();
        let isolation = Isolation::ReadCommitted;
        let (client_id, properties) = ("embedded-topic".to_owned(), BTreeMap::new());
        let mut consumer = transport.consumer(&ConsumerSpec { client_id, isolation, properties })?;
        let first = admin.offsets(&all, OffsetQuery::Earliest, TIMEOUT)?;
        let assign = |(partition, offset): (TopicPartition, i64)| {
            let handle = consumer.assign(&partition, offset)?;
            Ok((partition, handle))
        };
        let assigned = first.into_iter().map(assign).collect::<Result<_>>()?;
        let mut producer = transport.producer(&ProducerSpec {
            client_id: "embedded-topic".to_owned(),
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            properties: BTreeMap::new(),
        })?;
        Ok(EmbeddedTopic {
            handle: producer.topic(&name)?,
            name,
            partitions: info.partitions,
            key,
            value,
            producer,
            sticky: StickyPartitioner::new(0),
            consumer,
            assigned,
            fetched: VecDeque::new(),
            buffer: Vec::new(),
            key_bytes: Vec::new(),
            value_bytes: Vec::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many partitions it has.
    pub fn partitions(&self) -> PartitionId {
        self.partitions
    }

    /// Writes a record, to the partition that Kafka Streams and Java's producer would choose. It is stored when this returns.
    pub fn send(&mut self, record: Record<K, V>) -> Result<()> {
        self.send_all([record])
    }

    /// Writes records in their order; cheaper than one at a time. All are stored when this returns; after an error, those
    /// before the one that is refused.
    pub fn send_all(&mut self, records: impl IntoIterator<Item = Record<K, V>>) -> Result<()> {
        let queued = records.into_iter().try_for_each(|record| self.queue(&record));
        let stored = self.producer.flush(TIMEOUT);
        queued.and(stored.map_err(Error::from))
    }

    fn queue(&mut self, record: &Record<K, V>) -> Result<()> {
        if record.timestamp < 0 {
            let attempted = format!("write to {}", self.name);
            let reason =
                format!("the timestamp {} is negative; give milliseconds since 1970", record.timestamp);
            return Err(TransportError::new(TransportErrorKind::InvalidRecord, attempted, reason).into());
        }
        self.key_bytes.clear();
        self.value_bytes.clear();
        let name = &self.name;
        let failed = |part| move |cause| Error::Write { part, topic: name.to_string(), cause };
        let key = self.key.serialize(name, &record.headers, &record.key, &mut self.key_bytes);
        let key = (key.map_err(failed("key"))? == Payload::Bytes).then_some(&self.key_bytes[..]);
        let value = self.value.serialize(name, &record.headers, &record.value, &mut self.value_bytes);
        let value = (value.map_err(failed("value"))? == Payload::Bytes).then_some(&self.value_bytes[..]);
        let partition = match key {
            Some(key) => {
                let suffix = self.key.partitioning_suffix_bytes();
                partition_for_key(partitioning_bytes(key, suffix), self.partitions)
            }
            None => self.sticky.next(self.partitions),
        };
        let (topic, timestamp, headers) = (self.handle, record.timestamp, &record.headers);
        Ok(self.producer.send(OutRecord { topic, partition, key, value, timestamp, headers, tag: 0 })?)
    }

    /// The committed records that were not read yet, in the order of each partition. Those of an open transaction come once
    /// it is committed.
    ///
    /// A record that cannot be read is an error; the next call continues after it.
    pub fn read_new(&mut self) -> Result<Vec<Record<K, V>>> {
        self.fetch()?;
        let mut records = Vec::with_capacity(self.fetched.len());
        while let Some(record) = self.next()? {
            records.push(record);
        }
        Ok(records)
    }

    /// Waits until this many records have come, at most `timeout` of the machine's time, and returns them: fewer if there
    /// were no more, and the others with the next call.
    pub fn read_within(&mut self, records: usize, timeout: Duration) -> Result<Vec<Record<K, V>>> {
        let begin_ms = SystemClock.monotonic_ms();
        let mut read = Vec::new();
        loop {
            self.fetch()?;
            while read.len() < records {
                let Some(record) = self.next()? else { break };
                read.push(record);
            }
            let passed = SystemClock.monotonic_ms().saturating_sub(begin_ms).unsigned_abs();
            let left = timeout.saturating_sub(Duration::from_millis(passed));
            if read.len() >= records || left.is_zero() {
                return Ok(read);
            }
            self.consumer.wait(left.min(SLICE));
        }
    }

    fn fetch(&mut self) -> Result<()> {
        for (number, (_, handle)) in self.assigned.iter().enumerate() {
            while self.consumer.fetch(*handle, FETCH_RECORDS, &mut self.buffer)?.records > 0 {
                self.fetched.extend(self.buffer.drain(..).map(|raw| (number, raw)));
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Record<K, V>>> {
        let Some((number, raw)) = self.fetched.pop_front() else { return Ok(None) };
        let (headers, offset) = (raw.headers(), raw.offset());
        let assigned = self.assigned.get(number).map(|(partition, _)| partition);
        let partition =
            assigned.ok_or_else(|| Error::Internal(format!("partition number {number} is unknown")))?;
        let failed = |part| {
            let partition = partition.clone();
            move |cause| Error::Read { part, partition, offset, cause }
        };
        let key = self.key.deserialize(&self.name, &headers, raw.key()).map_err(failed("key"))?;
        let value = self.value.deserialize(&self.name, &headers, raw.value()).map_err(failed("value"))?;
        Ok(Some(Record { key, value, timestamp: raw.timestamp(), headers }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::Json;

    #[cfg(feature = "rocksdb")]
    #[test]
    fn what_is_sent_is_stored_where_kafka_puts_it_and_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let broker = EmbeddedBroker::open(folder.path()).unwrap();
        let mut topic = EmbeddedTopic::<Option<String>, i64>::create(&broker, "numbers", 4).unwrap();
        let record = |key: Option<&str>, value| Record::new(key.map(str::to_owned), value, value);
        topic.send_all((0..15_000).map(|n| record(Some(&format!("k{}", n % 7)), n))).unwrap();
        topic.send(record(None, 15_000)).unwrap();
        drop((topic, broker));

        let broker = EmbeddedBroker::open(folder.path()).unwrap();
        let mut topic = EmbeddedTopic::<Option<String>, i64>::open(&broker, "numbers").unwrap();
        assert_eq!((topic.name(), topic.partitions()), ("numbers", 4));
        let read = topic.read_new().unwrap();
        assert_eq!(read.len(), 15_001);
        for key in (0..7).map(|n| Some(format!("k{n}"))) {
            let mut of_key = read.iter().filter(|record| record.key == key).map(|record| record.value);
            let first = of_key.next().unwrap();
            assert!(of_key.zip(1..).all(|(value, n)| value == first + 7 * n), "each key in its order");
        }
        assert!(topic.read_new().unwrap().is_empty());
        topic.send(record(Some("k1"), 1)).unwrap();
        assert_eq!(topic.read_within(1, TIMEOUT).unwrap(), [record(Some("k1"), 1)]);
        assert!(topic.read_within(1, Duration::from_millis(20)).unwrap().is_empty());
    }

    #[test]
    fn records_beyond_those_that_were_asked_for_come_with_the_next_call() {
        let broker = EmbeddedBroker::in_memory();
        let mut topic = EmbeddedTopic::<String, i64>::create(&broker, "t", 1).unwrap();
        topic.send_all((0..5).map(|n| Record::new("k".to_owned(), n, n))).unwrap();
        let values =
            |read: Vec<Record<String, i64>>| read.iter().map(|record| record.value).collect::<Vec<_>>();
        assert_eq!(values(topic.read_within(2, TIMEOUT).unwrap()), [0, 1]);
        assert_eq!(values(topic.read_within(1, TIMEOUT).unwrap()), [2]);
        assert_eq!(values(topic.read_new().unwrap()), [3, 4]);
    }

    #[test]
    fn mistakes_are_named() {
        let broker = EmbeddedBroker::in_memory();
        let missing = EmbeddedTopic::<String, i64>::open(&broker, "t").err().unwrap().to_string();
        assert!(missing.contains("there is no topic t; create it"), "{missing}");
        let mut topic = EmbeddedTopic::<String, Json<f64>>::create(&broker, "t", 1).unwrap();
        let other = EmbeddedTopic::<String, i64>::create(&broker, "t", 2).err().unwrap().to_string();
        assert!(other.contains("has 1 partitions, not 2"), "{other}");
        assert!(EmbeddedTopic::<String, i64>::create(&broker, "none", 0).is_err());

        let nan = topic.send(Record::new("k".to_owned(), Json(f64::NAN), 0)).unwrap_err().to_string();
        assert!(nan.starts_with("cannot serialize the value of a record for topic t:"), "{nan}");
        let old = topic.send(Record::new("k".to_owned(), Json(1.0), -1)).unwrap_err().to_string();
        assert!(old.contains("the timestamp -1 is negative"), "{old}");
        topic.send_all([1.0, 2.0].map(|n| Record::new("k".to_owned(), Json(n), 0))).unwrap();
        let mut wrong = EmbeddedTopic::<String, i64>::open(&broker, "t").unwrap();
        let unread = wrong.read_new().unwrap_err().to_string();
        assert!(
            unread.starts_with("cannot deserialize the value of the record at t-0 offset 0:"),
            "{unread}"
        );
        let unread = wrong.read_new().unwrap_err().to_string();
        assert!(unread.contains("t-0 offset 1"), "it continues after what cannot be read: {unread}");
        assert_eq!(topic.read_new().unwrap().len(), 2);
    }
}
