//! Topics and offsets.

mod offsets;
mod operations;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use offsets::Each;

use super::config::Common;
use super::deadline::Deadline;
use super::error::{failed, is_unknown_topic, shut_out, with_right};
use super::ffi::{AdminCall, Client, Code, Described, Entry, KafkaError, PartitionList, TopicToCreate};
use super::producer::offset_list;
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::transport::{
    Admin, GroupMember, GroupOffsets, NewTopic, OffsetQuery, OffsetToCommit, Result, TopicInfo,
    TransportError, TransportErrorKind as Kind,
};

/// The pause between two requests for offsets that a transaction is committing, and for topics that were just created.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// How long a topic that was just created may be unknown to a broker.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// How long there may be fewer brokers than copies are asked for: one that has paused or restarted is not counted until the
/// controller has heard from it again.
const BROKERS_BACK_WITHIN: Duration = Duration::from_secs(10);
const BROKERS_ASK_AGAIN: Duration = Duration::from_millis(200);

/// An administrative client.
pub(super) struct KafkaAdmin {
    client: Arc<Client>,
    /// A client for each group whose offsets were requested.
    groups: BTreeMap<String, Arc<Client>>,
    servers: String,
    common: Common,
    client_id: String,
}

impl KafkaAdmin {
    pub(super) fn new(common: &Common, client_id: &str) -> Result<Self> {
        Ok(KafkaAdmin {
            client: common.admin(client_id)?,
            groups: BTreeMap::new(),
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
        self.failed_by(&self.client, attempted, error)
    }

    fn failed_by(&self, client: &Client, attempted: &str, error: &KafkaError) -> TransportError {
        client.poll(Duration::ZERO);
        if let Some(refusal) = client.shut_out() {
            return shut_out(format!("{attempted} at {}", self.servers), &refusal);
        }
        let mut error = error.clone();
        if let Some(trouble) = client.trouble() {
            error.reason = format!("{}; last trouble: {trouble}", error.reason);
        }
        if error.code == E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code {
            error.reason.push_str(
                "; see that the brokers of bootstrap.servers run, and that this machine reaches them",
            );
        }
        failed(format!("{attempted} at {}", self.servers), &error)
    }

    /// Waits until created topics are known: a broker answers when the controller has created them, but learns of them itself
    /// a moment later. A request in between would find that they do not exist.
    fn wait_known(&mut self, topics: &[NewTopic], deadline: &Deadline) {
        let names: Vec<TopicName> = topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
        let wanted: BTreeSet<&TopicName> = names.iter().collect();
        // A topic that cannot be described shows when it is used.
        while self.topics(&names, deadline.left()).is_ok_and(|found| found.len() < wanted.len())
            && deadline.left() > ASK_AGAIN
        {
            self.client.poll(ASK_AGAIN);
        }
    }

    fn group_reader(&mut self, group: &str) -> Result<Arc<Client>> {
        if let Some(client) = self.groups.get(group) {
            return Ok(Arc::clone(client));
        }
        let client = self.common.group_reader(&self.client_id, group)?;
        self.groups.insert(group.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    /// One partition's or topic's part failed.
    fn part_failed(&self, attempted: &str, part: impl std::fmt::Display, code: Code) -> TransportError {
        failed(format!("{attempted} of {part} at {}", self.servers), &KafkaError::from_code(code))
    }
}

/// The error of a topic for which there are too few brokers.
fn too_few_brokers((_, result): &(String, std::result::Result<(), KafkaError>)) -> Option<&KafkaError> {
    let code = E::RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR as Code;
    result.as_ref().err().filter(|error| error.code == code)
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
        for (name, answer) in self.described(attempted, &names, timeout)? {
            match answer {
                Ok(Described { partitions, id, .. }) => {
                    let name: TopicName = name.into();
                    found.insert(Arc::clone(&name), TopicInfo { name, partitions, id });
                }
                Err(error) if is_unknown_topic(error.code) => {}
                Err(error) => {
                    let resource =
                        format!("topic '{name}' (READ, for a source, and WRITE, for a sink, include it)");
                    let error = with_right(error, "DESCRIBE", &resource);
                    return Err(failed(format!("{attempted}: '{name}' at {}", self.servers), &error));
                }
            }
        }
        Ok(found)
    }

    fn topic_names(&mut self, timeout: Duration) -> Result<Vec<TopicName>> {
        let names =
            self.client.topic_names(timeout).map_err(|error| self.failed("listing topics", &error))?;
        Ok(names.into_iter().map(Into::into).collect())
    }

    fn grow_topic(&mut self, topic: &TopicName, partitions: PartitionId, timeout: Duration) -> Result<()> {
        let attempted = format!("adding partitions to topic '{topic}'");
        let wanted = usize::try_from(partitions).unwrap_or_default();
        let results = self
            .call(timeout)
            .create_partitions(topic, wanted)
            .map_err(|error| self.failed(&attempted, &error))?;
        for (_, result) in results {
            match result {
                // It has as many already, as another process was faster.
                Err(error) if error.code != E::RD_KAFKA_RESP_ERR_INVALID_PARTITIONS as Code => {
                    let error = with_right(error, "ALTER", &format!("topic '{topic}'"));
                    return Err(failed(format!("{attempted} at {}", self.servers), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn create_topics(&mut self, topics: &[NewTopic], timeout: Duration) -> Result<()> {
        let attempted = "creating topics";
        let deadline = Deadline::after(timeout);
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
        let patience = Deadline::after(timeout.min(BROKERS_BACK_WITHIN));
        let results = loop {
            let results = self.call(deadline.left()).create_topics(&requests);
            let results = results.map_err(|error| self.failed(attempted, &error))?;
            let Some(error) = results.iter().find_map(too_few_brokers) else { break results };
            if patience.left() <= BROKERS_ASK_AGAIN {
                break results;
            }
            tracing::debug!(%error, "waiting for brokers to come back");
            self.client.poll(BROKERS_ASK_AGAIN);
        };
        for (name, result) in results {
            match result {
                Err(error) if error.code != E::RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS as Code => {
                    let right = format!("topic '{name}' (or on the cluster), or create the topic beforehand");
                    let error = with_right(error, "CREATE", &right);
                    return Err(failed(format!("creating topic '{name}' at {}", self.servers), &error));
                }
                _ => {}
            }
        }
        self.wait_known(topics, &Deadline::after(deadline.left().min(KNOWN_WITHIN)));
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
                    let error = with_right(error, "DELETE", &format!("topic '{name}'"));
                    return Err(failed(format!("deleting topic '{name}' at {}", self.servers), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn topic_configs(
        &mut self,
        names: &[TopicName],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicName, BTreeMap<String, String>>> {
        let attempted = "describing the settings of topics";
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let answers =
            self.call(timeout).describe_configs(&names).map_err(|error| self.failed(attempted, &error))?;
        let mut found = BTreeMap::new();
        for (name, answer) in answers {
            match answer {
                Ok(configs) => {
                    found.insert(name.into(), configs);
                }
                Err(error) => tracing::debug!(topic = name, %error, "the topic's settings are not known"),
            }
        }
        Ok(found)
    }

    fn cluster_id(&mut self, timeout: Duration) -> Option<String> {
        self.client.cluster_id(timeout)
    }

    fn offsets_each(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Result<Offset>>> {
        self.each_offset(partitions, query, timeout)
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, OffsetToCommit>> {
        let deadline = Deadline::after(timeout);
        loop {
            let found = self.group_offsets(group, partitions, deadline.left())?;
            // A transaction is about to commit some of them: librdkafka leaves the retry to us.
            let Some(undecided) = found.undecided.first() else { return Ok(found.committed) };
            if deadline.left() <= ASK_AGAIN {
                let attempted = format!("asking for the committed offsets of group {group}");
                let unstable = E::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT as Code;
                return Err(self.part_failed(&attempted, undecided, unstable));
            }
            self.client.poll(ASK_AGAIN);
        }
    }

    fn group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<GroupOffsets> {
        let attempted = format!("asking for the committed offsets of group {group}");
        let asked: BTreeSet<&TopicPartition> = partitions.iter().collect();
        let mut found = GroupOffsets::default();
        if asked.is_empty() {
            return Ok(found);
        }
        let mut list = PartitionList::new();
        for partition in asked {
            list.add(&partition.topic, partition.partition, 0, &[]);
        }
        let client = self.group_reader(group)?;
        let right = format!("group '{group}'");
        let entries = client
            .committed(&list, timeout)
            .map_err(|error| self.failed_by(&client, &attempted, &with_right(error, "READ", &right)))?;
        for Entry { partition, offset, metadata, error } in entries {
            if error == E::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT as Code {
                found.undecided.insert(partition);
            } else if error != 0 {
                let error = with_right(KafkaError::from_code(error), "READ", &right);
                return Err(failed(format!("{attempted} of {partition} at {}", self.servers), &error));
            } else if offset >= 0 {
                let metadata = String::from_utf8_lossy(&metadata).into_owned();
                found.committed.insert(partition.clone(), OffsetToCommit { partition, offset, metadata });
            }
        }
        Ok(found)
    }

    fn commit_for(&mut self, group: &str, offsets: &[OffsetToCommit], timeout: Duration) -> Result<()> {
        let attempted = format!("committing offsets for group {group}");
        if offsets.is_empty() {
            return Ok(());
        }
        // A client that has not joined commits as nobody, which a group with members refuses.
        let client = self.group_reader(group)?;
        let Some(committed) = client.commit(&offset_list(offsets), timeout) else {
            let attempted = format!("{attempted} at {}", self.servers);
            return Err(TransportError::new(
                Kind::TimedOut,
                attempted,
                format!("no answer within {timeout:?}"),
            ));
        };
        committed.map_err(|error| {
            self.failed_by(&client, &attempted, &with_right(error, "READ", &format!("group '{group}'")))
        })
    }

    fn group_names(&mut self, timeout: Duration) -> Result<Vec<String>> {
        self.call(timeout).group_names().map_err(|error| {
            self.failed("listing groups", &with_right(error, "DESCRIBE", "the cluster, or on each group"))
        })
    }

    fn members(&mut self, group: &str, timeout: Duration) -> Result<Vec<GroupMember>> {
        let attempted = format!("asking for the members of group {group}");
        let found = self.call(timeout).members(group);
        let mut members: Vec<_> = match found {
            Ok(found) => found
                .into_iter()
                .map(|member| GroupMember {
                    id: member.id,
                    client_id: member.client_id,
                    instance: Some(member.instance).filter(|instance| !instance.is_empty()),
                    host: member.host,
                    assigned: member.assigned,
                })
                .collect(),
            Err(error) if error.code == E::RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND as Code => Vec::new(),
            Err(error) => return Err(self.failed(&attempted, &error)),
        };
        members.sort();
        Ok(members)
    }

    fn delete_records(&mut self, before: &[(TopicPartition, Offset)], timeout: Duration) -> Result<()> {
        let attempted = "deleting records";
        if before.is_empty() {
            return Ok(());
        }
        let deadline = Deadline::after(timeout);
        let mut obstacles = Each::new();
        let all = before.iter().map(|(partition, _)| partition).collect();
        let askable = self.with_leader(attempted, &all, &mut obstacles, timeout)?;
        let mut list = PartitionList::new();
        for (partition, offset) in before.iter().filter(|(partition, _)| askable.contains(partition)) {
            list.add(&partition.topic, partition.partition, *offset, &[]);
        }
        if !askable.is_empty() {
            let results = self.call(deadline.left()).delete_records(&list);
            let results = results.map_err(|error| self.failed(attempted, &error))?;
            if let Some(entry) = results.iter().find(|entry| entry.error != 0) {
                let right = format!("topic '{}'", entry.partition.topic);
                let error = with_right(KafkaError::from_code(entry.error), "DELETE", &right);
                return Err(failed(
                    format!("{attempted} of {} at {}", entry.partition, self.servers),
                    &error,
                ));
            }
        }
        obstacles.into_values().find_map(Result::err).map_or(Ok(()), Err)
    }
}
