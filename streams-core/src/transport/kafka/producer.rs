//! Writing records, in transactions or not.
//!
//! Delivery reports come for failures only. librdkafka counts a record as done once its report is taken (`Client::poll`),
//! so every wait here is made of slices with a poll between them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::config::Common;
use super::deadline::Deadline;
use super::error::{advised, failed, is_unknown_topic, kind_of, transaction_failed};
use super::ffi::{
    Client, Code, Delivery, GroupMetadata, KafkaError, Outgoing, PartitionList, Topic, name_of,
};
use super::limits::{Checked, batch_bytes};
use super::produce_errors::kind_of_delivery;
use crate::ids::{PartitionId, TopicName, TopicPartition, unwritable};
use crate::record::Headers;
use crate::transport::{
    FailedDelivery, Fence, OffsetToCommit, OutRecord, Producer, ProducerSpec, Result, TopicHandle,
    TransportError, TransportErrorKind as Kind,
};

/// The time between two polls for failed deliveries during another wait.
const SLICE: Duration = Duration::from_millis(20);

/// The longest attempt to abort. It can be resumed, and failed deliveries must be taken between attempts.
const ABORT_SLICE_MAX: Duration = Duration::from_millis(100);

/// The first attempt to abort: it only purges the queue, and then waits until the reports of that are taken.
const ABORT_SLICE_MIN: Duration = Duration::from_millis(5);

/// How long a transaction that writes nothing waits for its partitions to be registered at its coordinator: librdkafka does
/// that at once but does not tell when it is done, and refusals while the last transaction is being completed are repeated
/// every 20 ms.
const REGISTERING: Duration = Duration::from_millis(250);
/// After a failed delivery librdkafka sends nothing more of the transaction. Requests on their way are answered soon, and
/// are waited for in this many slices, so that all records to blame are known at once.
const SLICES_AFTER_FAILURE: u32 = 5;

/// The time-out of a request for a topic's limits, for which a record waits.
const LIMITS_TIMEOUT: Duration = Duration::from_secs(2);

/// The time for the questions whether topics exist, after their records were not acknowledged in time.
const EXISTS_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a topic is taken as missing before it is looked up again.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// A producer of one thread.
pub(super) struct KafkaProducer {
    // Before the client, which is dropped last.
    topics: Vec<KnownTopic>,
    by_name: HashMap<String, TopicHandle>,
    id: String,
    spec: ProducerSpec,
    common: Common,
    warned_of_zero: bool,
    /// Partitions that must not be sent to until the transaction has been aborted.
    touched: Vec<TopicPartition>,
    /// Whether a delivery of a transaction has failed. librdkafka then continues with sequence numbers as if it had not, and
    /// the broker refuses those of the next transaction.
    has_gap: bool,
    /// The size of batches.
    batch_bytes: usize,
    /// Whether records are compressed, so that the size of a batch cannot be computed from theirs.
    compressed: bool,
    client: Arc<Client>,
}

/// What is known of the topics whose records timed out.
struct Missing {
    asked: HashMap<String, bool>,
    deadline: Deadline,
}

struct KnownTopic {
    topic: Topic,
    name: String,
    /// Until when it is taken as missing.
    missing: Option<Deadline>,
    limits: Option<Checked>,
}

impl KafkaProducer {
    pub(super) fn new(common: &Common, spec: &ProducerSpec) -> Result<Self> {
        let batch_bytes = common.batch_bytes(spec);
        Ok(KafkaProducer {
            topics: Vec::new(),
            by_name: HashMap::new(),
            id: spec.transactional_id.clone().unwrap_or_else(|| spec.client_id.clone()),
            spec: spec.clone(),
            common: common.clone(),
            warned_of_zero: false,
            has_gap: false,
            touched: Vec::new(),
            batch_bytes,
            compressed: common.compresses(spec),
            client: common.producer(spec, batch_bytes)?,
        })
    }

    fn is_transactional(&self) -> bool {
        self.spec.transactional_id.is_some()
    }

    fn servers(&self) -> &str {
        &self.common.bootstrap_servers
    }

    fn known(&self, handle: TopicHandle) -> Result<&KnownTopic> {
        self.topics.get(handle.0 as usize).ok_or_else(|| {
            let reason = "was never given out by this producer";
            TransportError::new(Kind::Fatal, format!("topic handle {}", handle.0), reason)
        })
    }

    /// The meaning of an error of this producer; in a transaction librdkafka classifies it.
    fn refused(&self, attempted: &str, error: &KafkaError) -> TransportError {
        let attempted = format!("{attempted} of producer {} at {}", self.id, self.servers());
        let fatal = self.client.fatal();
        let error = fatal.as_ref().unwrap_or(error);
        if self.is_transactional() { transaction_failed(attempted, error) } else { failed(attempted, error) }
    }

    /// All failed deliveries as one error. If none of the records is to blame, the transaction must be aborted:
    /// librdkafka refuses its commit.
    fn undelivered(&mut self) -> TransportError {
        self.undelivered_as(None)
    }

    /// The same if a call has failed as well: its error is the reason if the records were only purged because of it.
    fn undelivered_as(&mut self, told: Option<KafkaError>) -> TransportError {
        self.has_gap |= self.is_transactional();
        let mut missing = Missing { asked: HashMap::new(), deadline: Deadline::after(EXISTS_TIMEOUT) };
        let failed = self.client.take_failed().into_iter().map(|one| self.judged(one, &mut missing));
        let mut failed: Vec<_> = failed.collect();
        if !failed.iter().all(is_purged) {
            // Records queued behind a failure say nothing about the cause.
            failed.retain(|one| !is_purged(one));
        }
        let by = format!("by producer {}", self.id);
        match (self.client.fatal(), self.reason_of_purge(&by, &failed, told)) {
            (Some(fatal), _) => transaction_failed(format!("delivery {by}"), &fatal).with_failed(failed),
            (None, Some(reason)) => reason.with_failed(failed),
            (None, None) => TransportError::undelivered(by, failed),
        }
    }

    /// Why a transaction has failed, if librdkafka only says that its records were purged. For instance, a topic could not be
    /// added to the transaction because a right is missing.
    fn reason_of_purge(
        &self,
        by: &str,
        failed: &[FailedDelivery],
        told: Option<KafkaError>,
    ) -> Option<TransportError> {
        if !self.is_transactional() || !failed.iter().all(is_purged) {
            return None;
        }
        let reason = told.filter(|error| error.requires_abort).or_else(|| self.client.transaction_error())?;
        let purged: BTreeSet<&str> = failed.iter().map(|one| one.topic.as_str()).collect();
        let topics = purged.into_iter().collect::<Vec<_>>().join(", ");
        Some(transaction_failed(format!("transaction {by} on {topics}"), &reason))
    }

    /// A call has failed, and maybe deliveries with it.
    fn failed_with(&mut self, attempted: &str, error: KafkaError) -> TransportError {
        if self.learn_of_failures() {
            self.undelivered_as(Some(error))
        } else {
            self.refused(attempted, &error)
        }
    }

    fn judged(&self, delivery: Delivery, missing: &mut Missing) -> FailedDelivery {
        let Delivery { topic, partition, error, tag, record } = delivery;
        let mut kind = kind_of_delivery(error.code);
        let mut reason = advised(error.code, &error.reason);
        if kind == Kind::MessageTooLarge
            && let Some(record) = &record
        {
            let bytes = batch_bytes(record.key.as_deref(), record.value.as_deref(), &record.headers);
            (kind, reason) = self.judge_size(&topic, bytes, reason);
        }
        // librdkafka sends to a deleted topic until the time-out.
        if kind == Kind::TimedOut && self.is_missing(&topic, missing) {
            kind = Kind::UnknownTopic;
            reason = "the topic no longer exists".to_owned();
        }
        if self.is_transactional() && matches!(kind, Kind::Retriable | Kind::TimedOut | Kind::QueueFull) {
            kind = Kind::AbortTransaction;
        }
        let record = record.filter(|_| kind.blames_the_record());
        FailedDelivery { topic, partition, kind, code: Some(name_of(error.code)), reason, tag, record }
    }

    /// Whether a topic is known not to exist. The deliveries of one report share a time-out: with many topics, and brokers
    /// that do not answer, this would take minutes otherwise.
    fn is_missing(&self, topic: &str, missing: &mut Missing) -> bool {
        if let Some(&known) = missing.asked.get(topic) {
            return known;
        }
        let left = missing.deadline.left();
        let known = self.topics.iter().find(|known| known.name == topic);
        let is_missing = !left.is_zero()
            && known.is_some_and(|known| {
                let count = self.client.partition_count(&known.topic, left);
                count.is_err_and(|error| is_unknown_topic(error.code))
            });
        missing.asked.insert(topic.to_owned(), is_missing);
        is_missing
    }

    /// A batch was too large: those records are to blame that are too large by themselves; otherwise the batch is.
    fn judge_size(&self, topic: &str, bytes: usize, reason: String) -> (Kind, String) {
        self.common.limits.make_sure(&self.client, topic, LIMITS_TIMEOUT);
        let its_own_fault = match self.common.limits.bytes_max(topic) {
            // The compressed size of the record is not known, unless it is alone in its batch.
            Some(limit) if !self.compressed => bytes > limit,
            Some(limit) if self.batch_bytes > limit => false,
            Some(_) => bytes > self.batch_bytes,
            None => {
                self.batch_bytes <= 1
                    || (self.common.batch_bytes(&self.spec) >= self.batch_bytes
                        && !self.common.limits.guess_less(topic, self.batch_bytes))
            }
        };
        if its_own_fault {
            (Kind::MessageTooLarge, format!("{bytes} bytes: {reason}"))
        } else {
            (Kind::Retriable, format!("{reason} (the batch was too large; it is sent again in smaller ones)"))
        }
    }

    /// Waits until nothing is outstanding, or nothing more comes because a delivery failed; returns whether that is so.
    fn drain(&self, deadline: &Deadline) -> bool {
        let mut after_failure = 0;
        loop {
            let left = deadline.left();
            let done = self.client.flush(left.min(SLICE));
            self.client.poll(Duration::ZERO);
            if done || self.client.outstanding() == 0 {
                return true;
            }
            if self.is_transactional() && self.client.has_failed() {
                after_failure += 1;
                if after_failure > SLICES_AFTER_FAILURE {
                    return true;
                }
            }
            if left.is_zero() {
                return false;
            }
        }
    }

    /// Allows sending to touched partitions again.
    fn let_go(&mut self) -> Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut list = PartitionList::new();
        for partition in std::mem::take(&mut self.touched) {
            list.add(&partition.topic, partition.partition, 0, &[]);
        }
        // If this fails, the producer is replaced, which frees them as well.
        self.client.hold(&list, false).map_err(|error| failed("freeing touched partitions", &error))
    }

    /// Takes the available reports; returns whether a delivery has failed. In a transaction, waits for those that follow.
    fn learn_of_failures(&self) -> bool {
        self.client.poll(Duration::ZERO);
        if self.client.has_failed() && self.is_transactional() {
            self.drain(&Deadline::after(SLICE * SLICES_AFTER_FAILURE));
        }
        self.client.has_failed()
    }

    fn unfinished(&self, attempted: &str) -> TransportError {
        let outstanding = self.client.outstanding();
        let reason = format!("{outstanding} records are not acknowledged");
        self.timed_out(attempted, &reason)
    }

    fn timed_out(&self, attempted: &str, reason: &str) -> TransportError {
        let trouble =
            self.client.trouble().map(|error| format!("; last trouble: {error}")).unwrap_or_default();
        TransportError::new(
            Kind::TimedOut,
            format!("{attempted} of producer {} at {}", self.id, self.servers()),
            format!("{reason}{trouble}"),
        )
    }

    /// Why a record is not sent, if its topic can never take it.
    #[cold]
    fn refusal(&mut self, record: &OutRecord<'_>) -> Option<TransportError> {
        let known = self.topics.get_mut(record.topic.0 as usize)?;
        known.limits.as_mut()?.refusal(record)?;
        // The topic's settings may have changed since they were requested.
        self.common.limits.make_sure(&self.client, &known.name, LIMITS_TIMEOUT);
        known.limits = self.common.limits.of(&known.name).map(|limits| Checked::new(limits, self.compressed));
        let (kind, reason) = known.limits.as_mut()?.refusal(record)?;
        let attempted = format!("send to {}-{} by producer {}", known.name, record.partition, self.id);
        Some(TransportError::new(kind, attempted, reason))
    }

    /// Requests limits again. Without an answer they stay; batches that a lowered limit refuses become smaller then.
    fn learn_again(&mut self, topics: &[TopicHandle], timeout: Duration) {
        if timeout.is_zero() {
            return;
        }
        let names: Vec<&str> = topics
            .iter()
            .filter_map(|topic| Some(self.topics.get(topic.0 as usize)?.name.as_str()))
            .collect();
        self.common.limits.learn(&self.client, &names, timeout);
        for topic in topics {
            let Some(known) = self.topics.get_mut(topic.0 as usize) else { continue };
            known.limits =
                self.common.limits.of(&known.name).map(|limits| Checked::new(limits, self.compressed));
        }
    }

    /// Requests the limits of a topic that was unknown when the client was made; an error if batches are too large for it.
    fn learn(&mut self, topic: TopicHandle) -> Result<()> {
        let Some(known) = self.topics.get_mut(topic.0 as usize) else { return Ok(()) };
        self.common.limits.learn(&self.client, &[&known.name], LIMITS_TIMEOUT);
        known.limits = self.common.limits.of(&known.name).map(|limits| Checked::new(limits, self.compressed));
        if self.common.limits.bytes_max(&known.name).is_none_or(|limit| limit >= self.batch_bytes) {
            return Ok(());
        }
        let attempted = format!("first send to {}", known.name);
        let kind = if self.is_transactional() { Kind::AbortTransaction } else { Kind::Retriable };
        let reason = "its max.message.bytes is smaller than the producer's batches; a producer with smaller ones is made";
        Err(TransportError::new(kind, attempted, reason))
    }
}

impl Producer for KafkaProducer {
    fn topic(&mut self, name: &str) -> Result<TopicHandle> {
        if let Some(&handle) = self.by_name.get(name) {
            return Ok(handle);
        }
        if let Some(reason) = unwritable(name) {
            let attempted = format!("use of topic {name:?}");
            return Err(TransportError::new(Kind::UnknownTopic, attempted, reason));
        }
        let topic =
            Topic::new(&self.client, name).map_err(|error| failed(format!("topic '{name}'"), &error))?;
        let handle = TopicHandle(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
        let limits = self.common.limits.of(name).map(|limits| Checked::new(limits, self.compressed));
        self.topics.push(KnownTopic { topic, name: name.to_string(), missing: None, limits });
        self.by_name.insert(name.to_string(), handle);
        Ok(handle)
    }

    fn partition_count(&mut self, topic: TopicHandle, timeout: Duration) -> Result<PartitionId> {
        let known = self.known(topic)?;
        let attempted = format!("asking {} for the partitions of '{}'", self.servers(), known.name);
        let missing =
            |attempted| TransportError::new(Kind::UnknownTopic, attempted, "the topic does not exist");
        if known.missing.as_ref().is_some_and(|until| !until.left().is_zero()) {
            return Err(missing(attempted));
        }
        let partitions = match self.client.partition_count(&known.topic, timeout) {
            Ok(partitions) => partitions,
            Err(error) if is_unknown_topic(error.code) => {
                if let Some(known) = self.topics.get_mut(topic.0 as usize) {
                    known.missing = Some(Deadline::after(UNKNOWN_FOR));
                }
                return Err(missing(attempted));
            }
            Err(error) => return Err(failed(attempted, &error)),
        };
        self.learn(topic)?;
        Ok(partitions)
    }

    fn partition_counts(&mut self, topics: &[TopicHandle], timeout: Duration) -> Vec<Result<PartitionId>> {
        let deadline = Deadline::after(timeout);
        let counts = self.client.partition_counts(timeout);
        if counts.is_ok() {
            self.learn_again(topics, deadline.left());
        }
        let missing = || KafkaError::from_code(E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as Code);
        let count_of = |name: &str| match &counts {
            Ok(counts) => counts.get(name).map_or_else(|| Err(missing()), |count| count.clone()),
            Err(error) => Err(error.clone()),
        };
        let count = |topic: &TopicHandle| {
            let name = self.known(*topic)?.name.as_str();
            let attempted = format!("asking {} for the partitions of '{name}'", self.servers());
            count_of(name).map_err(|error| failed(attempted, &error))
        };
        topics.iter().map(count).collect()
    }

    fn prepare(&mut self, topics: &[TopicName], timeout: Duration) -> Result<()> {
        let names: Vec<&str> = topics.iter().map(|name| &**name).collect();
        self.common.limits.learn(&self.client, &names, timeout);
        if self.is_worn_out() && self.topics.is_empty() {
            self.batch_bytes = self.common.batch_bytes(&self.spec);
            self.client = self.common.producer(&self.spec, self.batch_bytes)?;
        }
        Ok(())
    }

    fn is_worn_out(&self) -> bool {
        self.has_gap || self.common.batch_bytes(&self.spec) < self.batch_bytes
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
        if known.limits.as_ref().is_some_and(|limits| limits.doubts(&record))
            && let Some(error) = self.refusal(&record)
        {
            return Err(error);
        }
        let known = self.known(record.topic)?;
        let outgoing = Outgoing {
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp,
            headers: record.headers,
            tag: record.tag,
        };
        let Err(error) = self.client.produce(&known.topic, &outgoing) else { return Ok(()) };
        let attempted = format!("send to {}-{} by producer {}", known.name, record.partition, self.id);
        if kind_of(error.code) != Kind::Fatal {
            return Err(failed(attempted, &error));
        }
        // After a failed delivery nothing more can be sent in the transaction: that delivery is the reason, then.
        if self.learn_of_failures() {
            return Err(self.undelivered());
        }
        Err(match self.client.fatal() {
            Some(fatal) => transaction_failed(attempted, &fatal),
            None if self.is_transactional() => transaction_failed(attempted, &error),
            None => failed(attempted, &error),
        })
    }

    fn poll(&mut self, timeout: Duration) -> Result<()> {
        self.client.poll(timeout);
        if self.learn_of_failures() { Err(self.undelivered()) } else { Ok(()) }
    }

    fn flush(&mut self, timeout: Duration) -> Result<()> {
        let done = self.drain(&Deadline::after(timeout));
        if self.client.has_failed() {
            return Err(self.undelivered());
        }
        if done { Ok(()) } else { Err(self.unfinished("flush")) }
    }

    fn init_transactions(&mut self, timeout: Duration) -> Result<()> {
        self.client.init_transactions(timeout).map_err(|error| {
            let told = self.refused("init_transactions", &error);
            if told.kind() != Kind::TimedOut {
                return told;
            }
            let reason = format!(
                "{}; the transaction coordinator does not answer; if it stays so, check whether \
                 transaction.state.log.replication.factor of the brokers is larger than their number",
                error.reason
            );
            self.timed_out("init_transactions", &reason)
        })
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
            // librdkafka does not know the partition before. Its answer is about all partitions of the topic.
            if !topics.contains(&topic) {
                self.partition_count(topic, deadline.left())?;
            }
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
                tag: 0,
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

    /// Ends at `timeout`, or at the transaction's own if that is shorter. If librdkafka does not come back then, this
    /// producer is lost: the call is not resumable.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence, timeout: Duration) -> Result<()> {
        let attempted = "send_offsets";
        if fence.generation < 0 || fence.member.is_empty() {
            // The broker accepts an unset fence, which would fence no one.
            let reason = format!("the fence of group {} is unset", fence.group);
            return Err(TransportError::new(Kind::Fatal, attempted, reason));
        }
        let group =
            GroupMetadata::new(&fence.group, fence.generation, &fence.member, fence.instance.as_deref())
                .ok_or_else(|| TransportError::new(Kind::Fatal, attempted, "no group metadata"))?;
        let sent = self.client.send_offsets(offset_list(offsets), group, timeout);
        sent.map_err(|error| self.failed_with(attempted, error))
    }

    fn commit(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        // First in slices, to take failed deliveries; then librdkafka's own flush has nothing to wait for.
        let done = self.drain(&deadline);
        if self.client.has_failed() {
            return Err(self.undelivered());
        }
        if !done {
            return Err(self.unfinished("commit"));
        }
        // Never 0, which would only poll, and never less than a round trip.
        let committed = self.client.commit_transaction(deadline.left().max(SLICE));
        committed.map_err(|error| self.failed_with("commit", error))
    }

    fn abort(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Deadline::after(timeout);
        let mut slice = ABORT_SLICE_MIN;
        loop {
            let left = deadline.left();
            let outcome = self.client.abort_transaction(slice);
            slice = (slice * 2).min(ABORT_SLICE_MAX);
            // The abort waits until the reports of purged records are taken.
            self.client.poll(Duration::ZERO);
            match outcome {
                Ok(()) => {
                    self.client.take_failed();
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

/// Whether a record was given up because its transaction failed for another reason.
fn is_purged(one: &FailedDelivery) -> bool {
    const PURGED: [Code; 2] =
        [E::RD_KAFKA_RESP_ERR__PURGE_QUEUE as Code, E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT as Code];
    one.code.as_ref().is_some_and(|code| PURGED.contains(&code.number))
}

/// Offsets as librdkafka's list.
pub(super) fn offset_list(offsets: &[OffsetToCommit]) -> PartitionList {
    let mut list = PartitionList::new();
    for OffsetToCommit { partition, offset, metadata } in offsets {
        list.add(&partition.topic, partition.partition, *offset, metadata.as_bytes());
    }
    list
}

#[cfg(test)]
mod tests;
