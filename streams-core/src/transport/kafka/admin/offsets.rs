//! Offsets of partitions, each with its own result.
//!
//! librdkafka's ListOffsets must not get partitions whose leader it does not know. So a separate request finds those without
//! a leader, and they are left out. If a broker does not answer in time, its partitions are missing in the result.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::KafkaAdmin;
use crate::ids::{Offset, TopicPartition};
use crate::transport::kafka::deadline::Deadline;
use crate::transport::kafka::error::{failed, is_unknown_topic, with_right};
use crate::transport::kafka::ffi::{Code, Described, Entry, KafkaError, Led, PartitionList};
use crate::transport::{Isolation, OffsetQuery, Result, TransportError, TransportErrorKind as Kind};

/// Kafka's query codes, used instead of a timestamp.
const EARLIEST: Offset = -2;
const LATEST: Offset = -1;

/// The answer to a request for a time after which there are no records.
const NONE_SO_LATE: Offset = -1;

/// How long the first client is asked to describe topics.
const FIRST_SLICE_MAX: Duration = Duration::from_secs(1);

pub(super) type Each = BTreeMap<TopicPartition, Result<Offset>>;

impl KafkaAdmin {
    /// See [`crate::transport::Admin::offsets_each`].
    pub(super) fn each_offset(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        timeout: Duration,
    ) -> Result<Each> {
        let deadline = Deadline::after(timeout);
        let all: BTreeSet<&TopicPartition> = partitions.iter().collect();
        let mut each = Each::new();
        let askable = self.with_leader("asking for offsets", &all, &mut each, timeout)?;
        let (at, isolation) = match query {
            OffsetQuery::Earliest => (EARLIEST, Isolation::ReadUncommitted),
            OffsetQuery::Latest(isolation) => (LATEST, isolation),
            // Negative numbers are query codes, not times.
            OffsetQuery::AtTime(time) => (time.max(0), Isolation::ReadCommitted),
        };
        self.list_offsets(&askable, at, isolation, deadline.left(), &mut each)?;
        if matches!(query, OffsetQuery::AtTime(_)) {
            let is_later = |partition: &&TopicPartition| {
                each.get(*partition).is_some_and(|answer| matches!(answer, Ok(NONE_SO_LATE)))
            };
            let later: BTreeSet<&TopicPartition> = askable.iter().copied().filter(is_later).collect();
            self.list_offsets(&later, LATEST, Isolation::ReadCommitted, deadline.left(), &mut each)?;
        }
        Ok(each)
    }

    /// Describes topics. librdkafka asks the broker that it takes for the controller. If that one is away, a new client
    /// finds another, so it is asked for a short time first, and then again and again for longer ones.
    pub(super) fn described(
        &mut self,
        attempted: &str,
        names: &[&str],
        timeout: Duration,
    ) -> Result<Vec<(String, std::result::Result<Described, KafkaError>)>> {
        let mut slices = slices(timeout).into_iter();
        let mut answers = self.call(slices.next().unwrap_or(timeout)).describe_topics(names);
        for slice in slices {
            if !answers.as_ref().is_err_and(|error| error.code == E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code) {
                break;
            }
            self.client = self.common.admin(&self.client_id)?;
            answers = self.call(slice).describe_topics(names);
        }
        answers.map_err(|error| self.failed(attempted, &error))
    }

    /// The partitions whose leader is known; the others get an error.
    pub(super) fn with_leader<'a>(
        &self,
        attempted: &str,
        partitions: &BTreeSet<&'a TopicPartition>,
        each: &mut Each,
        timeout: Duration,
    ) -> Result<BTreeSet<&'a TopicPartition>> {
        let names: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
        let names: Vec<&str> = names.into_iter().collect();
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let found = self.call(timeout).leaders(&names);
        let found = found.map_err(|error| self.failed("asking for the leaders of partitions", &error))?;
        let topics: BTreeMap<String, std::result::Result<Led, KafkaError>> = found.into_iter().collect();
        let mut askable = BTreeSet::new();
        for &partition in partitions {
            match self.obstacle(attempted, partition, topics.get(&*partition.topic)) {
                Some(error) => {
                    each.insert(partition.clone(), Err(error));
                }
                None => {
                    askable.insert(partition);
                }
            }
        }
        Ok(askable)
    }

    /// Why a partition cannot be requested.
    fn obstacle(
        &self,
        attempted: &str,
        partition: &TopicPartition,
        topic: Option<&std::result::Result<Led, KafkaError>>,
    ) -> Option<TransportError> {
        let attempted = || format!("{attempted} of {partition} at {}", self.servers);
        let unknown = |reason: String| Some(TransportError::new(Kind::UnknownTopic, attempted(), reason));
        match topic {
            None => unknown(format!("topic '{}' does not exist", partition.topic)),
            Some(Err(error)) if is_unknown_topic(error.code) => {
                unknown(format!("topic '{}' does not exist", partition.topic))
            }
            Some(Err(error)) => {
                let right = format!("topic '{}'", partition.topic);
                Some(failed(attempted(), &with_right(error.clone(), "DESCRIBE", &right)))
            }
            Some(Ok(topic)) if partition.partition >= topic.partitions => {
                unknown(format!("topic '{}' has {} partitions", partition.topic, topic.partitions))
            }
            Some(Ok(topic)) if topic.without_leader.contains(&partition.partition) => {
                let reason =
                    "the partition has no leader: all brokers with a replica that is in sync are away";
                Some(TransportError::new(Kind::Retriable, attempted(), reason))
            }
            Some(Ok(_)) => None,
        }
    }

    /// Requests offsets. After an error about leaders a new client is made: librdkafka's ListOffsets uses the leaders and
    /// epochs that it has cached, and after a broker was restarted it would be refused for minutes.
    fn list_offsets(
        &mut self,
        partitions: &BTreeSet<&TopicPartition>,
        at: Offset,
        isolation: Isolation,
        timeout: Duration,
        each: &mut Each,
    ) -> Result<()> {
        if partitions.is_empty() {
            return Ok(());
        }
        let mut queries = PartitionList::new();
        for partition in partitions {
            queries.add(&partition.topic, partition.partition, at, &[]);
        }
        let attempted = "asking for offsets";
        let found = self.call(timeout).list_offsets(&queries, isolation == Isolation::ReadCommitted);
        let mut moved = false;
        match found {
            Ok(found) => {
                for entry in found {
                    let answer = self.answer(attempted, &entry, at >= 0);
                    moved |= answer.as_ref().is_err_and(|error| error.kind() == Kind::Retriable);
                    each.insert(entry.partition, answer);
                }
            }
            Err(error) => {
                // "No leaders found": they have moved since they were requested.
                let no_leader = error.code == E::RD_KAFKA_RESP_ERR__NOENT as Code;
                for &partition in partitions {
                    let mut failed = self.failed(&format!("{attempted} of {partition}"), &error);
                    if no_leader {
                        failed = failed.into_retriable();
                    }
                    moved |= failed.kind() == Kind::Retriable;
                    each.insert(partition.clone(), Err(failed));
                }
            }
        }
        if moved {
            self.client = self.common.admin(&self.client_id)?;
        }
        Ok(())
    }

    fn answer(&self, attempted: &str, entry: &Entry, by_time: bool) -> Result<Offset> {
        if entry.error != 0 {
            return Err(self.part_failed(attempted, &entry.partition, entry.error));
        }
        if entry.offset >= 0 || (by_time && entry.offset == NONE_SO_LATE) {
            return Ok(entry.offset);
        }
        // The broker that leads the partition has not answered.
        Err(self.part_failed(attempted, &entry.partition, E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code))
    }
}

/// How long each client is asked: twice as long as the one before, and the last one for what is left.
fn slices(timeout: Duration) -> Vec<Duration> {
    let (mut slices, mut left) = (Vec::new(), timeout);
    let mut next = FIRST_SLICE_MAX.min(timeout / 2);
    while !next.is_zero() && left >= 2 * next {
        slices.push(next);
        left -= next;
        next *= 2;
    }
    slices.push(left);
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Before: half of the whole time, which is fifteen seconds of a start.
    #[test]
    fn a_broker_that_is_away_is_not_asked_for_long() {
        let seconds = |timeout: u64| -> Vec<f64> {
            slices(Duration::from_secs(timeout)).iter().map(Duration::as_secs_f64).collect()
        };
        assert_eq!(seconds(30), [1.0, 2.0, 4.0, 8.0, 15.0]);
        assert_eq!(seconds(5), [1.0, 2.0, 2.0]);
        assert_eq!(seconds(2), [1.0, 1.0]);
        assert_eq!(seconds(0), [0.0]);
    }
}
