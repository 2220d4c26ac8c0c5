//! Topics and offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::config::Common;
use super::error::{failed, is_unknown_topic};
use super::ffi::{AdminCall, Client, Code, Entry, KafkaError, PartitionList, TopicToCreate};
use crate::ids::{Offset, TopicName, TopicPartition};
use crate::transport::{
    Admin, Isolation, NewTopic, OffsetQuery, OffsetToCommit, Result, TopicInfo, TransportError,
    TransportErrorKind as Kind,
};

/// Kafka's query codes in the place of a timestamp.
const EARLIEST: Offset = -2;
const LATEST: Offset = -1;

/// An administrative client.
pub(super) struct KafkaAdmin {
    common: Common,
    client_id: String,
    client: Arc<Client>,
    servers: String,
}

impl KafkaAdmin {
    pub(super) fn new(common: &Common, client_id: &str) -> Result<Self> {
        Ok(KafkaAdmin {
            client: common.admin(client_id)?,
            servers: common.bootstrap_servers.clone(),
            common: common.clone(),
            client_id: client_id.to_owned(),
        })
    }

    fn call(&self, timeout: Duration) -> AdminCall<'_> {
        AdminCall::new(&self.client, timeout)
    }

    /// The whole request failed. A time-out alone says little, so the last trouble with a broker is added.
    fn failed(&self, attempted: &str, error: &KafkaError) -> TransportError {
        self.client.poll(Duration::ZERO);
        let mut error = error.clone();
        if let Some(trouble) = self.client.trouble() {
            error.reason = format!("{}; last trouble: {trouble}", error.reason);
        }
        failed(format!("{attempted} at {}", self.servers), &error)
    }

    /// One partition's or topic's part failed.
    fn part_failed(&self, attempted: &str, part: impl std::fmt::Display, code: Code) -> TransportError {
        failed(format!("{attempted} of {part} at {}", self.servers), &KafkaError::from_code(code))
    }

    fn list_offsets(
        &mut self,
        partitions: &BTreeSet<&TopicPartition>,
        at: Offset,
        isolation: Isolation,
        timeout: Duration,
    ) -> Result<Vec<Entry>> {
        let attempted = "asking for offsets";
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut queries = PartitionList::new();
        for partition in partitions {
            queries.add(&partition.topic, partition.partition, at, &[]);
        }
        let found = self
            .call(timeout)
            .list_offsets(&queries, isolation == Isolation::ReadCommitted)
            .map_err(|error| self.failed(attempted, &error))?;
        match found.iter().find(|entry| entry.error != 0) {
            Some(entry) => {
                let error = self.part_failed(attempted, &entry.partition, entry.error);
                if error.kind() == Kind::Retriable {
                    // librdkafka asks the leader that it has in its cache, with the epoch that it has there, and does
                    // not look anew when the broker calls that outdated. Only a new client asks who leads now.
                    self.client = self.common.admin(&self.client_id)?;
                }
                Err(error)
            }
            None => Ok(found),
        }
    }
}

impl Admin for KafkaAdmin {
    fn topics(&mut self, names: &[TopicName], timeout: Duration) -> Result<BTreeMap<TopicName, TopicInfo>> {
        let attempted = "describing topics";
        let names: BTreeSet<&str> = names.iter().map(|name| &**name).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = names.into_iter().collect();
        let mut found = BTreeMap::new();
        let answers =
            self.call(timeout).describe_topics(&names).map_err(|error| self.failed(attempted, &error))?;
        for (name, answer) in answers {
            match answer {
                Ok(partitions) => {
                    let name: TopicName = name.into();
                    found.insert(Arc::clone(&name), TopicInfo { name, partitions });
                }
                Err(error) if is_unknown_topic(error.code) => {}
                Err(error) => return Err(self.failed(&format!("{attempted}: '{name}'"), &error)),
            }
        }
        Ok(found)
    }

    fn create_topics(&mut self, topics: &[NewTopic], timeout: Duration) -> Result<()> {
        let attempted = "creating topics";
        if topics.is_empty() {
            return Ok(());
        }
        let requests: Vec<_> = topics
            .iter()
            .map(|topic| TopicToCreate {
                name: &topic.name,
                partitions: topic.partitions,
                replication_factor: topic.replication_factor,
                configs: &topic.configs,
            })
            .collect();
        let results =
            self.call(timeout).create_topics(&requests).map_err(|error| self.failed(attempted, &error))?;
        for (name, result) in results {
            match result {
                Err(error) if error.code != E::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS as Code => {
                    return Err(failed(format!("creating topic '{name}' at {}", self.servers), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn delete_topics(&mut self, names: &[TopicName], timeout: Duration) -> Result<()> {
        let attempted = "deleting topics";
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let results =
            self.call(timeout).delete_topics(&names).map_err(|error| self.failed(attempted, &error))?;
        for (name, result) in results {
            match result {
                Err(error) if !is_unknown_topic(error.code) => {
                    return Err(failed(format!("deleting topic '{name}' at {}", self.servers), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn offsets(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Offset>> {
        let all: BTreeSet<&TopicPartition> = partitions.iter().collect();
        let (at, isolation) = match query {
            OffsetQuery::Earliest => (EARLIEST, Isolation::ReadUncommitted),
            OffsetQuery::Latest(isolation) => (LATEST, isolation),
            // Negative numbers are query codes and no times.
            OffsetQuery::AtTime(time) => (time.max(0), Isolation::ReadCommitted),
        };
        let found = self.list_offsets(&all, at, isolation, timeout)?;
        let mut offsets: BTreeMap<_, _> =
            found.into_iter().map(|entry| (entry.partition, entry.offset)).collect();
        let later: BTreeSet<&TopicPartition> =
            all.into_iter().filter(|partition| offsets.get(partition).is_none_or(|&at| at < 0)).collect();
        if let Some(&first) = later.first() {
            if !matches!(query, OffsetQuery::AtTime(_)) {
                let reason = "the broker gave no offset";
                return Err(TransportError::new(
                    Kind::Retriable,
                    format!("asking {} for offsets of {first}", self.servers),
                    reason,
                ));
            }
            for entry in self.list_offsets(&later, LATEST, Isolation::ReadCommitted, timeout)? {
                offsets.insert(entry.partition, entry.offset);
            }
        }
        Ok(offsets)
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, OffsetToCommit>> {
        let attempted = format!("asking for the committed offsets of group {group}");
        let asked: BTreeSet<&TopicPartition> = partitions.iter().collect();
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut list = PartitionList::new();
        for partition in asked {
            list.add(&partition.topic, partition.partition, 0, &[]);
        }
        let entries =
            self.call(timeout).committed(group, &list).map_err(|error| self.failed(&attempted, &error))?;
        let mut found = BTreeMap::new();
        for Entry { partition, offset, metadata, error } in entries {
            if error != 0 {
                return Err(self.part_failed(&attempted, &partition, error));
            }
            if offset >= 0 {
                let metadata = String::from_utf8_lossy(&metadata).into_owned();
                found.insert(partition.clone(), OffsetToCommit { partition, offset, metadata });
            }
        }
        Ok(found)
    }

    fn delete_records(&mut self, before: &[(TopicPartition, Offset)], timeout: Duration) -> Result<()> {
        let attempted = "deleting records";
        if before.is_empty() {
            return Ok(());
        }
        let mut list = PartitionList::new();
        for (partition, offset) in before {
            list.add(&partition.topic, partition.partition, *offset, &[]);
        }
        let results =
            self.call(timeout).delete_records(&list).map_err(|error| self.failed(attempted, &error))?;
        match results.iter().find(|entry| entry.error != 0) {
            Some(entry) => Err(self.part_failed(attempted, &entry.partition, entry.error)),
            None => Ok(()),
        }
    }
}
