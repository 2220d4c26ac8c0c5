//! Reading a topic from its begin to the end it has now.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{KafkaClient, REQUEST};
use crate::error::LabError;
use crate::offsets::isolation;

/// A record as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970, -1 when it has none.
    pub timestamp: i64,
    /// Its key; none is a null key.
    pub key: Option<Vec<u8>>,
    /// Its value; none is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl ConsumedRecord {
    /// The key as text, with bytes that are not UTF-8 replaced; empty for a null key.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The value as text, with bytes that are not UTF-8 replaced; empty for a null value.
    pub fn value_text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

impl KafkaClient {
    /// All records that a topic holds at the time of the call, sorted by partition and offset.
    ///
    /// With `read_committed`, records of aborted and of open transactions, and those after an open one, are left out.
    pub fn consume_all(&self, topic: &str, read_committed: bool) -> Result<Vec<ConsumedRecord>, LabError> {
        let what = || format!("reading {topic}");
        let settings = [("isolation.level", isolation(read_committed)), ("enable.partition.eof", "true")];
        let consumer = self.consumer(&settings)?;
        let offsets = self.offsets(topic, read_committed)?;
        let mut assignment = TopicPartitionList::new();
        let mut open = BTreeSet::new();
        for (partition, range) in (0_i32..).zip(&offsets) {
            if range.begin < range.end {
                open.insert(partition);
                let begin = Offset::Offset(range.begin);
                assignment.add_partition_offset(topic, partition, begin).map_err(LabError::kafka(what()))?;
            }
        }
        consumer.assign(&assignment).map_err(LabError::kafka(what()))?;
        let mut records = Vec::new();
        let mut progress = Instant::now();
        while !open.is_empty() {
            match consumer.poll(Duration::from_millis(100)) {
                None if progress.elapsed() < REQUEST => continue,
                None => return Err(LabError::Timeout { what: what(), seconds: REQUEST.as_secs() }),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(source)) if progress.elapsed() >= REQUEST => {
                    return Err(LabError::Kafka { what: what(), source });
                }
                // The library reconnects by itself.
                Some(Err(_passing)) => continue,
                Some(Ok(message)) => {
                    let end = usize::try_from(message.partition())
                        .ok()
                        .and_then(|partition| offsets.get(partition));
                    let end = end.map_or(0, |range| range.end);
                    if message.offset() < end {
                        records.push(record(&message));
                    }
                    if message.offset() + 1 >= end {
                        open.remove(&message.partition());
                    }
                }
            }
            progress = Instant::now();
        }
        records.sort_by_key(|record| (record.partition, record.offset));
        Ok(records)
    }
}

fn record(message: &BorrowedMessage<'_>) -> ConsumedRecord {
    let headers = message.headers().map(|headers| {
        let owned = headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)));
        owned.collect()
    });
    ConsumedRecord {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
