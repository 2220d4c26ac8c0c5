//! Writing records, in transactions or not.
//!
//! Delivery reports come for failures only. They have to be taken (`Client::poll`) for librdkafka to count the record as
//! done, so every wait here goes in slices with a poll between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::config::Common;
use super::deadline::Deadline;
use super::error::{failed, is_unknown_topic, kind_of, transaction_failed};
use super::ffi::{Client, Delivery, GroupMetadata, KafkaError, Outgoing, PartitionList, Topic};
use crate::ids::{PartitionId, TopicPartition};
use crate::record::Headers;
use crate::transport::{
    Fence, OffsetToCommit, OutRecord, Producer, ProducerSpec, Result, TopicHandle, TransportError,
    TransportErrorKind as Kind,
};

/// Between two looks at failed deliveries while something else is waited for.
const SLICE: Duration = Duration::from_millis(20);

/// The longest attempt to abort; it can be resumed, and failed deliveries have to be taken between attempts.
const ABORT_SLICE_MAX: Duration = Duration::from_millis(100);

/// The first attempt to abort: it only purges what is queued, and then waits for the reports of that to be taken.
const ABORT_SLICE_MIN: Duration = Duration::from_millis(5);

/// How long a transaction that writes nothing waits for its partitions to be registered at its coordinator: librdkafka does
/// that at once but does not tell when it is done, and refusals while the last transaction is being completed are repeated
/// every 20 ms.
const REGISTERING: Duration = Duration::from_millis(250);

/// A producer of one thread.
pub(super) struct KafkaProducer {
    // Before the client, which goes last.
    topics: Vec<KnownTopic>,
    by_name: HashMap<String, TopicHandle>,
    id: String,
    transactional: bool,
    servers: String,
    warned_of_zero: bool,
    /// Partitions that nothing may be sent to until the transaction has been aborted.
    touched: Vec<TopicPartition>,
    client: Arc<Client>,
}

struct KnownTopic {
    topic: Topic,
    name: String,
}

impl KafkaProducer {
    pub(super) fn new(common: &Common, spec: &ProducerSpec) -> Result<Self> {
        Ok(KafkaProducer {
            topics: Vec::new(),
            by_name: HashMap::new(),
            id: spec.transactional_id.clone().unwrap_or_else(|| spec.client_id.clone()),
            transactional: spec.transactional_id.is_some(),
            servers: common.bootstrap_servers.clone(),
            warned_of_zero: false,
            touched: Vec::new(),
            client: common.producer(spec)?,
        })
    }

    fn known(&self, handle: TopicHandle) -> Result<&KnownTopic> {
        self.topics.get(handle.0 as usize).ok_or_else(|| {
            let reason = "was never given out by this producer";
            TransportError::new(Kind::Fatal, format!("topic handle {}", handle.0), reason)
        })
    }

    /// What an error of this producer means; in a transaction librdkafka says it itself.
    fn refused(&self, attempted: &str, error: &KafkaError) -> TransportError {
        let attempted = format!("{attempted} of producer {} at {}", self.id, self.servers);
        if self.transactional { transaction_failed(attempted, error) } else { failed(attempted, error) }
    }

    /// The first failed delivery as an error. In a transaction librdkafka refuses the commit after one, so all that
    /// remains is to abort, unless the record itself is to blame.
    fn undelivered(&self, delivery: &Delivery) -> TransportError {
        let Delivery { topic, partition, error } = delivery;
        let attempted = format!("delivery to {topic}-{partition} by producer {}", self.id);
        let fatal = self.client.fatal();
        let error = fatal.as_ref().unwrap_or(error);
        if error.fatal {
            return transaction_failed(attempted, error);
        }
        let kind = match kind_of(error.code) {
            kind @ (Kind::MessageTooLarge | Kind::UnknownTopic | Kind::Denied | Kind::Fenced) => kind,
            _ if self.transactional => Kind::AbortTransaction,
            kind => kind,
        };
        TransportError::new(kind, attempted, error.reason.clone())
    }

    /// Waits until nothing is outstanding; whether that was reached.
    fn drain(&self, deadline: &Deadline) -> bool {
        loop {
            let left = deadline.left();
            let done = self.client.flush(left.min(SLICE));
            self.client.poll(Duration::ZERO);
            if done || self.client.outstanding() == 0 {
                return true;
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// Records may be sent to touched partitions again.
    fn let_go(&mut self) -> Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut list = PartitionList::new();
        for partition in std::mem::take(&mut self.touched) {
            list.add(&partition.topic, partition.partition, 0, &[]);
        }
        // Without this producer they are free as well.
        self.client.hold(&list, false).map_err(|error| failed("freeing touched partitions", &error))
    }

    fn unfinished(&self, attempted: &str) -> TransportError {
        let outstanding = self.client.outstanding();
        let trouble =
            self.client.trouble().map(|error| format!("; last trouble: {error}")).unwrap_or_default();
        TransportError::new(
            Kind::TimedOut,
            format!("{attempted} of producer {} at {}", self.id, self.servers),
            format!("{outstanding} records are not acknowledged{trouble}"),
        )
    }
}

impl Producer for KafkaProducer {
    fn topic(&mut self, name: &str) -> Result<TopicHandle> {
        if let Some(&handle) = self.by_name.get(name) {
            return Ok(handle);
        }
        let topic =
            Topic::new(&self.client, name).map_err(|error| failed(format!("topic '{name}'"), &error))?;
        let handle = TopicHandle(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
        self.topics.push(KnownTopic { topic, name: name.to_string() });
        self.by_name.insert(name.to_string(), handle);
        Ok(handle)
    }

    fn partition_count(&mut self, topic: TopicHandle, timeout: Duration) -> Result<PartitionId> {
        let known = self.known(topic)?;
        self.client.partition_count(&known.topic, timeout).map_err(|error| {
            let attempted = format!("asking {} for the partitions of '{}'", self.servers, known.name);
            if is_unknown_topic(error.code) {
                TransportError::new(Kind::UnknownTopic, attempted, "the topic does not exist")
            } else {
                failed(attempted, &error)
            }
        })
    }

    /// A timestamp of 0 is sent as 1: for librdkafka 0 means "now".
    fn send(&mut self, record: OutRecord<'_>) -> Result<()> {
        let mut timestamp = record.timestamp;
        if timestamp == 0 {
            timestamp = 1;
            if !std::mem::replace(&mut self.warned_of_zero, true) {
                tracing::warn!(producer = self.id, "timestamp 0 is sent as 1: librdkafka reads 0 as now");
            }
        }
        let known = self.known(record.topic)?;
        let outgoing = Outgoing {
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp,
            headers: record.headers,
        };
        self.client.produce(&known.topic, &outgoing).map_err(|error| {
            let attempted = format!("send to {}-{} by producer {}", known.name, record.partition, self.id);
            match (self.client.fatal(), kind_of(error.code)) {
                (Some(fatal), _) => transaction_failed(attempted, &fatal),
                (None, Kind::Fatal) if self.transactional => transaction_failed(attempted, &error),
                _ => failed(attempted, &error),
            }
        })
    }

    fn poll(&mut self, timeout: Duration) -> Result<()> {
        self.client.poll(timeout);
        match self.client.take_delivery() {
            Some(delivery) => Err(self.undelivered(&delivery)),
            None => Ok(()),
        }
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        let done = self.drain(&Deadline::after(timeout));
        if let Some(delivery) = self.client.take_delivery() {
            return Err(self.undelivered(&delivery));
        }
        if done { Ok(()) } else { Err(self.unfinished("flush")) }
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        self.client.init_transactions(timeout).map_err(|error| self.refused("init_transactions", &error))
    }

    fn begin(&mut self) -> Result<()> {
        self.client.begin_transaction().map_err(|error| self.refused("begin", &error))
    }

    /// librdkafka registers a partition with the transaction when a record is queued for it. While the partition is paused
    /// the record stays there, and the abort drops it.
    fn touch(&mut self, partitions: &[TopicPartition], timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut topics = Vec::with_capacity(partitions.len());
        let mut list = PartitionList::new();
        for partition in partitions {
            let topic = self.topic(&partition.topic)?;
            // Only then does librdkafka know the partition.
            self.partition_count(topic, deadline.left())?;
            list.add(&partition.topic, partition.partition, 0, &[]);
            topics.push(topic);
        }
        let attempted = "touching partitions";
        self.client.hold(&list, true).map_err(|error| self.refused(attempted, &error).into_retriable())?;
        self.touched = partitions.to_vec();
        let headers = Headers::default();
        for (topic, partition) in topics.into_iter().zip(partitions) {
            let record = Outgoing {
                partition: partition.partition,
                key: None,
                value: None,
                timestamp: 1,
                headers: &headers,
            };
            let topic = &self.known(topic)?.topic;
            self.client.produce(topic, &record).map_err(|error| self.refused(attempted, &error))?;
        }
        let registering = Deadline::after(REGISTERING.min(timeout));
        while !registering.left().is_zero() {
            self.client.poll(registering.left());
        }
        Ok(())
    }

    /// The broker calls inside end at `timeout`, or at the transaction's own if that is shorter. librdkafka has been
    /// seen to wait on while the group's coordinator cannot be found (librdkafka#5456); nothing can stop it then, as
    /// the call is not resumable.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence, timeout: Duration) -> Result<()> {
        let attempted = "send_offsets";
        if fence.generation < 0 || fence.member.is_empty() {
            // The broker lets an unset fence pass: it would fence nobody.
            let reason = format!("the fence of group {} is unset", fence.group);
            return Err(TransportError::new(Kind::Fatal, attempted, reason));
        }
        let group =
            GroupMetadata::new(&fence.group, fence.generation, &fence.member, fence.instance.as_deref())
                .ok_or_else(|| TransportError::new(Kind::Fatal, attempted, "no group metadata"))?;
        self.client
            .send_offsets(&offset_list(offsets), &group, timeout)
            .map_err(|error| self.refused(attempted, &error))
    }

    fn commit(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        // First in slices, to take failed deliveries; librdkafka's own flush then has nothing to wait for.
        if !self.drain(&deadline) {
            return Err(self.unfinished("commit"));
        }
        // Never 0 (which would only look) and never less than a round trip.
        let outcome = self.client.commit_transaction(deadline.left().max(SLICE));
        let delivery = self.client.take_delivery();
        outcome.map_err(|error| {
            let mut failure = error;
            if let Some(Delivery { topic, partition, error }) = delivery {
                failure.reason = format!("{} (first: {topic}-{partition}: {error})", failure.reason);
            }
            self.refused("commit", &failure)
        })
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut slice = ABORT_SLICE_MIN;
        loop {
            let left = deadline.left();
            let outcome = self.client.abort_transaction(slice);
            slice = (slice * 2).min(ABORT_SLICE_MAX);
            // The purged records' reports hold the abort up until they are taken.
            self.client.poll(Duration::ZERO);
            match outcome {
                Ok(()) => {
                    self.client.take_delivery();
                    return self.let_go();
                }
                Err(error) if error.retriable && !error.fatal && !left.is_zero() => {
                    self.client.poll(Duration::from_millis(1));
                }
                Err(error) => return Err(self.refused("abort", &error)),
            }
        }
    }
}

/// Offsets as librdkafka's list.
pub(super) fn offset_list(offsets: &[OffsetToCommit]) -> PartitionList {
    let mut list = PartitionList::new();
    for OffsetToCommit { partition, offset, metadata } in offsets {
        list.add(&partition.topic, partition.partition, *offset, metadata.as_bytes());
    }
    list
}
