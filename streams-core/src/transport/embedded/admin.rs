//! Topics and offsets of the embedded broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::broker::EmbeddedBroker;
use super::chunk::Status;
use super::faults::Operation;
use super::groups::nobody;
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition};
use crate::time::Timestamp;
use crate::transport::{
    Admin, ErrorCode, GroupMember, GroupOffsets, Isolation, NewTopic, OffsetQuery, OffsetToCommit, Result,
    TopicInfo, TransportError, TransportErrorKind,
};

/// How many bytes of a log are searched at once for a timestamp.
const READ_BYTES: usize = 1 << 20;

/// Kafka's code for what the settings of a topic forbid.
const POLICY_VIOLATION: i32 = 44;

/// An administrator of the embedded broker.
pub(super) struct EmbeddedAdmin {
    broker: Arc<EmbeddedBroker>,
}

impl EmbeddedAdmin {
    /// An administrator.
    pub(super) fn new(broker: Arc<EmbeddedBroker>) -> Self {
        EmbeddedAdmin { broker }
    }

    fn offset(&self, partition: &TopicPartition, query: OffsetQuery) -> Result<Offset> {
        match query {
            OffsetQuery::AtTime(at) => self.at_time(partition, at),
            OffsetQuery::Earliest => Ok(self.broker.lock().find(partition)?.1.start),
            OffsetQuery::Latest(isolation) => {
                let mut core = self.broker.lock();
                self.broker.expire(&mut core);
                Ok(core.find(partition)?.1.visible_end(isolation))
            }
        }
    }

    fn at_time(&self, partition: &TopicPartition, at: Timestamp) -> Result<Offset> {
        let (id, mut from, end) = {
            let core = self.broker.lock();
            let (id, log) = core.find(partition)?;
            (id, log.start, log.end)
        };
        let start = from;
        let mut chunks = VecDeque::new();
        while from < end {
            from = match self.broker.read(id, from, Isolation::ReadUncommitted, READ_BYTES, &mut chunks) {
                Ok(read) => read.next,
                // Records were deleted meanwhile: the log begins later now.
                Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                    let core = self.broker.lock();
                    core.find(partition)?.1.start.max(from + 1)
                }
                Err(error) => return Err(error),
            };
            for chunk in chunks.drain(..) {
                if chunk.status == Status::Marker || chunk.max_timestamp < at {
                    continue;
                }
                let mut cursor = chunk.start();
                while let Some(view) = chunk.next(&mut cursor) {
                    if view.timestamp >= at && view.offset >= start {
                        return Ok(view.offset);
                    }
                }
            }
        }
        Ok(end)
    }
}

impl Admin for EmbeddedAdmin {
    fn topics(&mut self, names: &[TopicName], _timeout: Duration) -> Result<BTreeMap<TopicName, TopicInfo>> {
        let core = self.broker.lock();
        let known = names.iter().filter_map(|name| {
            let partitions = core.partition_count(name).ok()?;
            let id = core.topic(name).ok().map(|(_, topic)| topic.id.clone())?;
            Some((name.clone(), TopicInfo { name: name.clone(), partitions, id: Some(id) }))
        });
        Ok(known.collect())
    }

    fn topic_names(&mut self, _timeout: Duration) -> Result<Vec<TopicName>> {
        Ok(self.broker.lock().topic_names())
    }

    fn grow_topic(&mut self, topic: &TopicName, partitions: PartitionId, _timeout: Duration) -> Result<()> {
        self.broker.change(|core| core.grow_topic(topic, partitions))
    }

    fn create_topics(&mut self, topics: &[NewTopic], _timeout: Duration) -> Result<()> {
        self.broker.change(|core| topics.iter().try_for_each(|topic| core.create_topic(topic)))
    }

    fn delete_topics(&mut self, names: &[TopicName], _timeout: Duration) -> Result<()> {
        self.broker.change(|core| names.iter().try_for_each(|name| core.delete_topic(name)))
    }

    fn topic_configs(
        &mut self,
        names: &[TopicName],
        _timeout: Duration,
    ) -> Result<BTreeMap<TopicName, BTreeMap<String, String>>> {
        let core = self.broker.lock();
        let configs = |name: &TopicName| Some((name.clone(), core.topic(name).ok()?.1.configs.clone()));
        Ok(names.iter().filter_map(configs).collect())
    }

    // A broker in memory is identified by its incarnation, and topics of a durable one by their ids.
    fn cluster_id(&mut self, _timeout: Duration) -> Option<String> {
        None
    }

    fn offsets_each(
        &mut self,
        partitions: &[TopicPartition],
        query: OffsetQuery,
        _timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, Result<Offset>>> {
        let of = |partition: &TopicPartition| {
            let ask = || self.offset(partition, query);
            (partition.clone(), self.broker.faults().around(Operation::Offsets, partition, ask))
        };
        Ok(partitions.iter().map(of).collect())
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        timeout: Duration,
    ) -> Result<BTreeMap<TopicPartition, OffsetToCommit>> {
        let is_pending = |core: &mut super::core::Core| core.transactions.has_pending(group, partitions);
        let (core, is_still_pending) = self.broker.wait_while(self.broker.lock(), timeout, is_pending);
        if is_still_pending {
            let attempted = format!("look-up of the offsets of group {group}");
            let reason = "a transaction that commits some of them is still open";
            return Err(TransportError::new(TransportErrorKind::TimedOut, attempted, reason));
        }
        Ok(core.groups.committed(group, partitions))
    }

    fn group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
        _timeout: Duration,
    ) -> Result<GroupOffsets> {
        let mut core = self.broker.lock();
        self.broker.expire(&mut core);
        let is_pending = |partition: &&TopicPartition| {
            core.transactions.has_pending(group, std::slice::from_ref(*partition))
        };
        let undecided: BTreeSet<_> = partitions.iter().filter(is_pending).cloned().collect();
        let mut committed = core.groups.committed(group, partitions);
        committed.retain(|partition, _| !undecided.contains(partition));
        Ok(GroupOffsets { committed, undecided })
    }

    fn commit_for(&mut self, group: &str, offsets: &[OffsetToCommit], _timeout: Duration) -> Result<()> {
        self.broker.commit_offsets(&nobody(group), offsets)
    }

    fn group_names(&mut self, _timeout: Duration) -> Result<Vec<String>> {
        Ok(self.broker.lock().groups.names())
    }

    fn members(&mut self, group: &str, _timeout: Duration) -> Result<Vec<GroupMember>> {
        let described = || Ok(self.broker.lock().groups.described(group));
        self.broker.faults().around(Operation::Members, &group, described)
    }

    fn delete_records(&mut self, before: &[(TopicPartition, Offset)], _timeout: Duration) -> Result<()> {
        self.broker.change(|core| {
            for (partition, offset) in before {
                if !core.topic(&partition.topic)?.1.cleans_up_by("delete") {
                    let attempted = format!("deletion of records of {partition} before {offset}");
                    let reason = "the topic is compacted only; add delete to its cleanup.policy";
                    let code = ErrorCode { number: POLICY_VIOLATION, name: "POLICY_VIOLATION".to_owned() };
                    let error = TransportError::new(TransportErrorKind::InvalidRecord, attempted, reason);
                    return Err(error.with_code(code));
                }
                core.delete_records(partition, *offset)?;
            }
            Ok(())
        })
    }
}
