//! Writes to the embedded broker: collects records without its lock, appends them in chunks under it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::broker::EmbeddedBroker;
use super::chunk::{ChunkBuilder, Status};
use super::core::unknown_topic;
use super::faults::Operation;
use super::log::LogId;
use super::transactions::Session;
use crate::ids::{PartitionId, TopicName, TopicPartition, unwritable};
use crate::transport::{
    FailedDelivery, Fence, OffsetToCommit, OutRecord, Producer, ProducerSpec, Result, TopicHandle,
    TransportError, TransportErrorKind,
};

/// How many records are collected, over all partitions, before the broker's lock is taken for them.
const BATCH_RECORDS: usize = 1024;
/// How many bytes are collected: bounds the size of a chunk, and so a reader's smallest read.
const BATCH_BYTES: usize = 256 << 10;

/// A topic that the producer knows; without a number until it exists.
#[derive(Debug)]
struct KnownTopic {
    name: TopicName,
    number: Option<u32>,
    record_bytes_max: usize,
    /// Takes no null keys.
    compacted: bool,
    /// By partition: the chunk that is being collected.
    builders: Vec<Option<ChunkBuilder>>,
}

/// The state of a transactional producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProducerState {
    /// Before `begin`, or not transactional.
    Idle,
    /// Between `begin` and its end.
    Open,
    /// The same, but a part of it has failed.
    MustAbort,
}

/// A producer of the embedded broker. What it has collected dies with it.
pub(super) struct EmbeddedProducer {
    broker: Arc<EmbeddedBroker>,
    spec: ProducerSpec,
    session: Option<Session>,
    state: ProducerState,
    topics: Vec<KnownTopic>,
    by_name: HashMap<TopicName, TopicHandle>,
    /// Which partitions have something collected, in the order of their first record.
    dirty: Vec<(TopicHandle, PartitionId)>,
    records: usize,
    bytes: usize,
    /// Unused builders.
    pool: Vec<ChunkBuilder>,
    /// The first call that failed since the last report.
    failed: Option<TransportError>,
    /// Deliveries that failed since then. What was in them is gone: the records are sent again, and refused one by one.
    undelivered: Vec<FailedDelivery>,
}

impl EmbeddedProducer {
    /// A producer that has not contacted the broker yet.
    pub(super) fn new(broker: Arc<EmbeddedBroker>, spec: &ProducerSpec) -> Self {
        EmbeddedProducer {
            broker,
            spec: spec.clone(),
            session: None,
            state: ProducerState::Idle,
            topics: Vec::new(),
            by_name: HashMap::new(),
            dirty: Vec::new(),
            records: 0,
            bytes: 0,
            pool: Vec::new(),
            failed: None,
            undelivered: Vec::new(),
        }
    }

    fn name(&self) -> &str {
        self.spec.transactional_id.as_deref().unwrap_or(&self.spec.client_id)
    }

    fn misuse(&self, attempted: &str, reason: &str) -> TransportError {
        TransportError::new(
            TransportErrorKind::Fatal,
            format!("{attempted} by producer {}", self.name()),
            reason,
        )
    }

    /// The session; an error if it is over, or was never begun.
    fn session(&self, attempted: &str) -> Result<&Session> {
        let session = self.session.as_ref();
        let session = session.ok_or_else(|| self.misuse(attempted, "call init_transactions first"))?;
        session.check()?;
        Ok(session)
    }

    /// The session, inside a transaction.
    fn in_transaction(&self, attempted: &str) -> Result<&Session> {
        let session = self.session(attempted)?;
        if self.state == ProducerState::Idle {
            return Err(self.misuse(attempted, "no transaction is open; call begin first"));
        }
        Ok(session)
    }

    /// Looks a topic up, or up again.
    fn look_up(&mut self, handle: TopicHandle) -> Result<&mut KnownTopic> {
        let topic = self.topics.get_mut(handle.0 as usize);
        let topic = topic.ok_or_else(|| unknown_topic(&format!("topic handle {}", handle.0)))?;
        if topic.number.is_none() {
            if let Some(reason) = unwritable(&topic.name) {
                let attempted = format!("use of topic {:?}", topic.name);
                return Err(TransportError::new(TransportErrorKind::UnknownTopic, attempted, reason));
            }
            let core = self.broker.lock();
            let (number, found) = core.topic(&topic.name)?;
            topic.number = Some(number);
            topic.record_bytes_max = found.record_bytes_max();
            topic.compacted = found.cleans_up_by("compact");
            topic.builders.resize_with(found.logs.len(), || None);
        }
        Ok(topic)
    }

    fn collect(&mut self, record: OutRecord<'_>) -> Result<()> {
        if self.spec.transactional_id.is_some() {
            self.in_transaction("send")?;
        }
        let spare = self.pool.pop();
        let topic = self.look_up(record.topic)?;
        let header_bytes = |header: &crate::record::Header| {
            header.key.len() + header.value.as_ref().map_or(0, |value| value.len())
        };
        let size = record.key.map_or(0, <[u8]>::len)
            + record.value.map_or(0, <[u8]>::len)
            + record.headers.iter().map(header_bytes).sum::<usize>();
        let partition = || TopicPartition::new(topic.name.clone(), record.partition).to_string();
        if size > topic.record_bytes_max {
            let reason = format!("{size} bytes, where max.message.bytes is {}", topic.record_bytes_max);
            let attempted = format!("send to {}", partition());
            return Err(TransportError::new(TransportErrorKind::MessageTooLarge, attempted, reason));
        }
        if topic.compacted && record.key.is_none() {
            let reason = "the topic is compacted (cleanup.policy) and takes no null keys";
            let attempted = format!("send to {}", partition());
            return Err(TransportError::new(TransportErrorKind::InvalidRecord, attempted, reason));
        }
        let at = usize::try_from(record.partition).ok().filter(|at| *at < topic.builders.len());
        let Some(at) = at else { return Err(unknown_topic(&partition())) };
        let slot = &mut topic.builders[at];
        let is_first = slot.is_none();
        let builder = slot.get_or_insert_with(|| spare.unwrap_or_default());
        let before = builder.bytes();
        builder.push(record.timestamp, record.key, record.value, record.headers);
        let added = builder.bytes() - before;
        if is_first {
            self.dirty.push((record.topic, record.partition));
        }
        self.records += 1;
        self.bytes += added;
        if self.records >= BATCH_RECORDS || self.bytes >= BATCH_BYTES {
            self.append_collected();
        }
        Ok(())
    }

    /// Appends what was collected. A failure is kept for the next call, as a delivery report.
    fn append_collected(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let status = if self.session.is_some() { Status::Open } else { Status::Visible };
        let mut chunks = Vec::with_capacity(self.dirty.len());
        for (handle, partition) in self.dirty.drain(..) {
            let Some(topic) = self.topics.get_mut(handle.0 as usize) else { continue };
            let (Some(number), Some(mut builder)) =
                (topic.number, topic.builders.get_mut(partition as usize).and_then(Option::take))
            else {
                continue;
            };
            chunks.push((topic.name.clone(), LogId { topic: number, partition }, builder.finish(status)));
            self.pool.push(builder);
        }
        self.records = 0;
        self.bytes = 0;
        let session = self.session.as_ref();
        let now_ms = session.map_or(0, |_| self.broker.clock.monotonic_ms());
        let mut to_clean = Vec::new();
        let appended = self.broker.change(|core| {
            core.expire(now_ms);
            session.map_or(Ok(()), Session::check)?;
            let appended = core.append(chunks, session, now_ms);
            to_clean = std::mem::take(&mut core.to_clean);
            appended
        });
        self.broker.clean_up(to_clean);
        if self.state == ProducerState::Open && appended.as_ref().map_or(true, |missing| !missing.is_empty())
        {
            self.state = ProducerState::MustAbort;
        }
        match appended {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                self.undelivered.extend(missing.into_iter().map(deleted));
                // The topic may come back with other partitions.
                self.topics.iter_mut().for_each(|topic| topic.number = None);
            }
            Err(error) => {
                self.failed.get_or_insert(error);
            }
        }
    }

    fn deliver(&mut self) -> Result<()> {
        self.append_collected();
        let undelivered = std::mem::take(&mut self.undelivered);
        match self.failed.take() {
            Some(error) => Err(error.with_failed(undelivered)),
            None if undelivered.is_empty() => Ok(()),
            None => Err(TransportError::undelivered(format!("by producer {}", self.name()), undelivered)),
        }
    }

    fn forget_failures(&mut self) {
        self.failed = None;
        self.undelivered.clear();
    }

    fn drop_collected(&mut self) {
        for (handle, partition) in self.dirty.drain(..) {
            let builders = self.topics.get_mut(handle.0 as usize).map(|topic| &mut topic.builders);
            let slot = builders.and_then(|builders| builders.get_mut(partition as usize));
            if let Some(mut builder) = slot.and_then(Option::take) {
                builder.clear();
                self.pool.push(builder);
            }
        }
        self.records = 0;
        self.bytes = 0;
    }

    /// Ends the open transaction at the broker.
    fn end(&mut self, commit: bool) -> Result<()> {
        let session = self.in_transaction(if commit { "commit" } else { "abort" })?;
        self.broker.change(|core| {
            core.expire(self.broker.clock.monotonic_ms());
            session.check()?;
            core.end_transaction(&session.id, commit)
        })?;
        self.state = ProducerState::Idle;
        Ok(())
    }

    fn add_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence) -> Result<()> {
        let session = self.in_transaction("send_offsets")?;
        let now_ms = self.broker.clock.monotonic_ms();
        let added = self.broker.change(|core| {
            core.expire(now_ms);
            session.check()?;
            if let Some(reason) = core.groups.refusal(fence) {
                let attempted = format!("send_offsets of group {} by {}", fence.group, session.id);
                return Err(TransportError::new(TransportErrorKind::AbortTransaction, attempted, reason));
            }
            let open = core.transactions.open(session, now_ms);
            open.offsets.extend(offsets.iter().map(|offset| (fence.group.clone(), offset.clone())));
            Ok(())
        });
        if added.is_err() {
            self.state = ProducerState::MustAbort;
        }
        added
    }

    fn add_partitions(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let session = self.in_transaction("touch")?;
        let now_ms = self.broker.clock.monotonic_ms();
        self.broker.change(|core| {
            core.expire(now_ms);
            session.check()?;
            let found = partitions.iter().map(|partition| Ok(core.find(partition)?.0));
            let touched = found.collect::<Result<Vec<_>>>()?;
            core.transactions.open(session, now_ms).touched.extend(touched);
            Ok(())
        })
    }

    fn around<T>(&mut self, operation: Operation, call: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let broker = self.broker.clone();
        let name: Arc<str> = self.name().into();
        let lose_markers = || broker.lock().transactions.lose_markers(&name);
        broker.faults().around_transactional(operation, &name, lose_markers, || call(self))
    }
}

/// What was sent to a partition that is gone.
fn deleted(partition: TopicPartition) -> FailedDelivery {
    FailedDelivery {
        reason: unknown_topic(&partition.to_string()).reason().to_owned(),
        topic: partition.topic.to_string(),
        partition: partition.partition,
        kind: TransportErrorKind::UnknownTopic,
        code: None,
        tag: 0,
        record: None,
    }
}

/// Whether a retry would fail as well.
fn is_final(kind: TransportErrorKind) -> bool {
    matches!(kind, TransportErrorKind::UnknownTopic | TransportErrorKind::Refused)
}

impl Producer for EmbeddedProducer {
    fn topic(&mut self, name: &str) -> Result<TopicHandle> {
        if let Some(handle) = self.by_name.get(name) {
            return Ok(*handle);
        }
        let name: TopicName = name.into();
        let handle = TopicHandle(self.topics.len() as u32);
        let topic = KnownTopic {
            name: name.clone(),
            number: None,
            record_bytes_max: 0,
            compacted: false,
            builders: Vec::new(),
        };
        self.topics.push(topic);
        self.by_name.insert(name, handle);
        Ok(handle)
    }

    fn partition_count(&mut self, topic: TopicHandle, _timeout: Duration) -> Result<PartitionId> {
        let name = self.look_up(topic)?.name.clone();
        let count = self.broker.lock().partition_count(&name)?;
        // A topic may have grown. It shrinks only by being deleted, which sending notices.
        let topic = self.look_up(topic)?;
        let known = topic.builders.len().max(usize::try_from(count).unwrap_or(0));
        topic.builders.resize_with(known, || None);
        Ok(count)
    }

    fn send(&mut self, record: OutRecord<'_>) -> Result<()> {
        if self.broker.faults().left() == 0 {
            return self.collect(record);
        }
        self.around(Operation::Send, |producer| producer.collect(record))
    }

    fn poll(&mut self, _timeout: Duration) -> Result<()> {
        self.deliver()
    }

    fn flush(&mut self, _timeout: Duration) -> Result<()> {
        self.around(Operation::Flush, EmbeddedProducer::deliver)
    }

    fn init_transactions(&mut self, _timeout: Duration) -> Result<()> {
        self.around(Operation::InitTransactions, |producer| {
            let Some(id) = &producer.spec.transactional_id else {
                return Err(producer.misuse("init_transactions", "it was made without a transactional id"));
            };
            let id: Arc<str> = id.as_str().into();
            let timeout_ms = producer.spec.transaction_timeout_ms;
            let session = producer.broker.change(|core| {
                core.end_transaction(&id, false)?;
                Ok(core.transactions.register(&id, timeout_ms))
            })?;
            producer.drop_collected();
            producer.forget_failures();
            producer.session = Some(session);
            producer.state = ProducerState::Idle;
            Ok(())
        })
    }

    fn begin(&mut self) -> Result<()> {
        self.session("begin")?;
        if self.state != ProducerState::Idle {
            return Err(self.misuse("begin", "a transaction is open already"));
        }
        self.state = ProducerState::Open;
        Ok(())
    }

    fn touch(&mut self, partitions: &[TopicPartition], _timeout: Duration) -> Result<()> {
        self.add_partitions(partitions)
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], fence: &Fence, _timeout: Duration) -> Result<()> {
        self.around(Operation::SendOffsets, |producer| producer.add_offsets(offsets, fence))
    }

    fn commit(&mut self, _timeout: Duration) -> Result<()> {
        self.around(Operation::Commit, |producer| {
            producer.in_transaction("commit")?;
            let delivered = producer.deliver();
            producer.session("commit")?;
            let failure = match delivered {
                Ok(()) => None,
                Err(error) if is_final(error.kind()) => {
                    producer.state = ProducerState::MustAbort;
                    return Err(error);
                }
                Err(error) => Some(error.to_string()),
            };
            if failure.is_some() || producer.state == ProducerState::MustAbort {
                producer.state = ProducerState::MustAbort;
                let reason =
                    failure.unwrap_or_else(|| "an earlier call of the transaction failed".to_owned());
                let attempted = format!("commit by {}", producer.name());
                return Err(TransportError::new(TransportErrorKind::AbortTransaction, attempted, reason));
            }
            producer.end(true)
        })
    }

    fn abort(&mut self, _timeout: Duration) -> Result<()> {
        self.around(Operation::Abort, |producer| {
            producer.drop_collected();
            producer.end(false)?;
            producer.forget_failures();
            Ok(())
        })
    }
}
