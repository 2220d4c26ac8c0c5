//! Offsets: where topics begin and end, and what groups have committed.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{ATTEMPT, KafkaClient};
use crate::error::LabError;

/// The first offset of a partition and the one after its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The first offset that is still there.
    pub begin: i64,
    /// One after the last: the high watermark, or the last stable offset under read_committed.
    pub end: i64,
}

/// What a group has committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// The text committed with it.
    pub metadata: String,
}

impl KafkaClient {
    /// The offsets of all partitions of a topic, in the order of the partitions.
    pub fn offsets(&self, topic: &str, read_committed: bool) -> Result<Vec<PartitionOffsets>, LabError> {
        let consumer = self.consumer(&[("isolation.level", isolation(read_committed))])?;
        let what = || format!("asking for the offsets of {topic}");
        let mut offsets = Vec::new();
        for partition in 0..self.partitions(topic)? {
            let (begin, end) = self.persist(what, || consumer.fetch_watermarks(topic, partition, ATTEMPT))?;
            offsets.push(PartitionOffsets { begin, end });
        }
        Ok(offsets)
    }

    /// The high watermark of each partition of a topic.
    pub fn end_offsets(&self, topic: &str) -> Result<Vec<i64>, LabError> {
        Ok(self.offsets(topic, false)?.into_iter().map(|offsets| offsets.end).collect())
    }

    /// What a group has committed for the given topics, by topic and partition; partitions without are left out.
    pub fn committed_offsets(
        &self,
        group: &str,
        topics: &[&str],
    ) -> Result<BTreeMap<(String, i32), CommittedOffset>, LabError> {
        let mut partitions = Vec::new();
        for topic in topics {
            partitions.extend((0..self.partitions(topic)?).map(|partition| ((*topic).to_owned(), partition)));
        }
        GroupOffsets::new(self, group, &partitions)?.committed()
    }

    /// The same as soon as no open transaction can change any of it: the members have to be gone.
    pub fn settled_offsets(
        &self,
        group: &str,
        topics: &[&str],
    ) -> Result<BTreeMap<(String, i32), CommittedOffset>, LabError> {
        let begin = Instant::now();
        let mut partitions = TopicPartitionList::new();
        for topic in topics {
            (0..self.partitions(topic)?).for_each(|partition| _ = partitions.add_partition(topic, partition));
        }
        let consumer = asker(self, group, isolation(true))?;
        loop {
            let answer = consumer.committed_offsets(partitions.clone(), ATTEMPT);
            match answer.map(|answer| committed_of(&answer)) {
                Ok(Ok(committed)) => return Ok(committed),
                // An offset that is being committed is an error, as is a broker that is away.
                Ok(Err(error)) | Err(error) => self.in_time(begin, || {
                    format!("the end of transactions with offsets of group {group} (at last: {error})")
                })?,
            }
        }
    }
}

/// A consumer that asks for the offsets of a group. Never subscribed: it only asks.
fn asker(client: &KafkaClient, group: &str, isolation: &str) -> Result<BaseConsumer, LabError> {
    let mut config: ClientConfig = client.config();
    config.set("group.id", group).set("isolation.level", isolation).set("enable.auto.commit", "false");
    config.create().map_err(LabError::kafka("creating a consumer"))
}

/// The offsets of an answer; partitions without are left out.
fn committed_of(answer: &TopicPartitionList) -> KafkaResult<BTreeMap<(String, i32), CommittedOffset>> {
    let mut committed = BTreeMap::new();
    for element in answer.elements() {
        element.error()?;
        if let Offset::Offset(offset) = element.offset() {
            let metadata = element.metadata().to_owned();
            let key = (element.topic().to_owned(), element.partition());
            committed.insert(key, CommittedOffset { offset, metadata });
        }
    }
    Ok(committed)
}

/// Asks again and again for the committed offsets of one group, over one connection.
pub struct GroupOffsets {
    client: KafkaClient,
    consumer: BaseConsumer,
    group: String,
    partitions: TopicPartitionList,
}

impl GroupOffsets {
    /// A question about these partitions.
    pub fn new(client: &KafkaClient, group: &str, partitions: &[(String, i32)]) -> Result<Self, LabError> {
        // Uncommitted transactions are not waited for.
        let consumer = asker(client, group, isolation(false))?;
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        Ok(Self { client: client.clone(), consumer, group: group.to_owned(), partitions: list })
    }

    /// What is committed now; partitions without are left out.
    pub fn committed(&self) -> Result<BTreeMap<(String, i32), CommittedOffset>, LabError> {
        let what = || format!("asking for the offsets committed by {}", self.group);
        if self.partitions.count() == 0 {
            return Ok(BTreeMap::new());
        }
        let ask = || committed_of(&self.consumer.committed_offsets(self.partitions.clone(), ATTEMPT)?);
        self.client.persist(what, ask)
    }
}

/// The name of the isolation level.
pub(crate) fn isolation(read_committed: bool) -> &'static str {
    if read_committed { "read_committed" } else { "read_uncommitted" }
}
