//! Sends a thread's results: numbers topics, opens transactions lazily, and waits if the client's queue is full.
//!
//! A record that its topic can never take goes to the production exception handler, once, whether it was refused before it
//! was sent or by the broker, and whoever finds out: a poll, a flush or a commit. Under exactly-once the broker's refusal
//! costs the transaction; it is repeated without the records that were left out (`left_out.rs`).

mod again;
mod dropped;
mod letters;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::commit::Committer;
use super::dead_letters;
use super::left_out::{LeftOut, Likeness};
use crate::error::{Error, ProducedFor, ProductionError, Result};
use crate::ids::{Offset, PartitionId, TaskId, TopicName};
use crate::partitioner::StickyPartitioner;
use crate::processor::dead_letter::{DeadLetter, left_out};
use crate::processor::handlers::{self, Decision, ErrorContext, Handlers, ProducerRecord};
use crate::processor::{
    Collector, DropCounter, DroppedRecords, KeyExcerpt, Origin, OriginId, OutTopic, Outgoing, Purpose,
};
use crate::record::Headers;
use crate::time::OnceAMinute;
use crate::transport::{
    ConsumerSpec, FailedDelivery, FailedRecord, OffsetToCommit, OutRecord, RawRecord, TopicHandle,
    TransportError, TransportErrorKind,
};

/// How long a record waits at most for room in the client's queue before the thread gives up the round.
const ROOM_MAX: Duration = Duration::from_secs(60);

/// One wait for room, spent serving delivery reports.
const ROOM_WAIT: Duration = Duration::from_millis(10);

/// The time-out of the first request for a topic's partition count.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

struct Topic {
    name: TopicName,
    /// The producer's handle, with the generation of producers that gave it.
    handle: Option<(u64, TopicHandle)>,
    partitions: Option<PartitionId>,
    /// Whether to request it again when it is needed.
    is_old: bool,
    sticky: StickyPartitioner,
}

/// Bits of a tag that hold the offset; the others hold the number of the origin.
const OFFSET_BITS: u32 = 44;

struct Inner {
    committer: Committer,
    topics: Vec<Topic>,
    by_name: HashMap<TopicName, u32>,
    origins: Vec<Origin>,
    by_origin: HashMap<Origin, u32>,
    left_out: LeftOut,
    /// Records that a handler has left out.
    dropped: DropCounter,
    /// Dead letters that were too large.
    shortened: OnceAMinute,
    /// Dead letters that their queues never took.
    lost: OnceAMinute,
    /// The monotonic time at the begin of the round.
    now_ms: i64,
    /// The topics that records were sent to since the last look, if someone looks.
    order: Option<Vec<u32>>,
}

/// A thread's record collector; its tasks share it.
pub(crate) struct RecordCollector {
    inner: RefCell<Inner>,
    handlers: Handlers,
    /// Reads records again.
    reader: RefCell<dead_letters::Reader>,
}

impl RecordCollector {
    pub fn new(committer: Committer, handlers: Handlers, sources: ConsumerSpec) -> Rc<Self> {
        let inner = Inner {
            committer,
            topics: Vec::new(),
            by_name: HashMap::new(),
            origins: Vec::new(),
            by_origin: HashMap::new(),
            left_out: LeftOut::default(),
            dropped: DropCounter::default(),
            shortened: OnceAMinute::default(),
            lost: OnceAMinute::default(),
            now_ms: 0,
            order: None,
        };
        let reader = RefCell::new(dead_letters::Reader::new(sources));
        Rc::new(RecordCollector { inner: RefCell::new(inner), handlers, reader })
    }

    /// Makes the producer, fencing an earlier one of the same id. True once nothing is left of former transactions.
    pub fn clear_leftovers(&self, now_ms: i64) -> Result<bool> {
        self.inner.borrow_mut().committer.clear_leftovers(now_ms)
    }

    /// A round begins, at this monotonic time.
    pub fn begin_round(&self, now_ms: i64) {
        self.inner.borrow_mut().now_ms = now_ms;
        self.reader.borrow_mut().begin_round();
    }

    /// The bytes that are kept of refused results until they are committed, now and later.
    pub fn left_out_bytes(&self) -> Rc<Cell<usize>> {
        self.inner.borrow().left_out.bytes()
    }

    /// Whether anything was sent since the last commit.
    pub fn is_open(&self) -> bool {
        self.inner.borrow().committer.is_open()
    }

    /// Whether a failed commit may be retried later, without giving anything up.
    pub fn may_be_put_off(&self, error: &Error) -> bool {
        matches!(error, Error::Transport(error) if self.inner.borrow().committer.may_be_put_off(error))
    }

    /// Commits what was sent together with these offsets.
    pub fn commit(&self, offsets: &[OffsetToCommit]) -> Result<()> {
        loop {
            let committed = self.inner.borrow_mut().committer.commit(offsets);
            match committed {
                Ok(()) => {
                    self.inner.borrow_mut().left_out.committed(offsets);
                    return Ok(());
                }
                // Under at-least-once, what is left of the commit follows once all failures are decided.
                Err(Error::Transport(error)) if !error.failed().is_empty() => self.on_failed(error)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Records that the production handler has left out so far.
    pub fn dropped_records(&self) -> DroppedRecords {
        self.inner.borrow().dropped.counts()
    }

    /// Gives up what was not committed.
    pub fn abort(&self) {
        let mut inner = self.inner.borrow_mut();
        inner.committer.abort();
        inner.left_out.aborted();
    }

    /// Changes whenever the producer is replaced.
    #[cfg(test)]
    pub fn generation(&self) -> u64 {
        self.inner.borrow().committer.generation()
    }

    /// Offsets that a commit adds besides the records.
    pub fn markers_per_commit(&self) -> i64 {
        self.inner.borrow().committer.markers_per_commit()
    }

    /// Starts recording the order in which topics are sent to.
    #[cfg(any(test, feature = "testing"))]
    pub fn note_order(&self) {
        self.inner.borrow_mut().order = Some(Vec::new());
    }

    /// The topics that records were sent to since the last call, if that is kept, in the order of their first records.
    pub fn take_order(&self) -> Vec<TopicName> {
        let mut inner = self.inner.borrow_mut();
        let order = inner.order.as_mut().map(std::mem::take).unwrap_or_default();
        let name = |number: u32| Some(Arc::clone(&inner.topics.get(number as usize)?.name));
        order.into_iter().filter_map(name).collect()
    }

    /// The topics that records were sent to.
    #[cfg(any(test, feature = "testing"))]
    pub fn topics_written(&self) -> Vec<TopicName> {
        let inner = self.inner.borrow();
        let written = inner.topics.iter().filter(|topic| topic.handle.is_some());
        written.map(|topic| Arc::clone(&topic.name)).collect()
    }

    /// Serves delivery reports; failed deliveries are decided.
    pub fn poll(&self) -> Result<()> {
        let polled = self.inner.borrow_mut().committer.poll();
        match polled {
            Err(Error::Transport(error)) => self.on_failed(error),
            other => other,
        }
    }

    /// Asks the handler about each record that is itself to blame. `Ok` if nothing else has failed and nothing needs
    /// to be repeated.
    fn on_failed(&self, error: TransportError) -> Result<()> {
        if error.failed().is_empty() {
            return Err(error.into());
        }
        let (mut senders, mut is_gone) = (Vec::new(), false);
        // By source record: those that letters need are read again in the order of their offsets.
        let mut failed: Vec<&FailedDelivery> = error.failed().iter().collect();
        failed.sort_by_key(|one| one.tag);
        for FailedDelivery { topic, partition, kind, code, reason, tag, record } in failed {
            let Some(record) = record else {
                // Known to be gone only now. The repeated work asks for it before it sends, and decides record by record.
                if *kind == TransportErrorKind::UnknownTopic {
                    is_gone = true;
                    self.forget_partitions(topic);
                }
                continue;
            };
            let mut cause = TransportError::new(*kind, "delivery", reason);
            if let Some(code) = code {
                cause = cause.with_code(code.clone());
            }
            let FailedRecord { key, value, timestamp, headers } = &**record;
            let number = self.topic(&topic.as_str().into())?;
            let refused = ProducerRecord {
                topic,
                partition: *partition,
                key: key.as_deref(),
                value: value.as_deref(),
                timestamp: *timestamp,
                headers,
            };
            self.decide(number, &refused, *tag, cause, None)?;
            senders.push((number.0, *tag));
        }
        if !error.kind().blames_the_record() {
            return Err(error.into());
        }
        let mut inner = self.inner.borrow_mut();
        let (exactly_once, left_out) = (inner.committer.markers_per_commit() > 0, senders.len());
        if !exactly_once && !is_gone {
            return Ok(());
        }
        if !inner.left_out.repeated(senders) {
            let reason = format!(
                "{error}; results that differ at each repetition were refused again and again, and cannot be left out of \
                 a transaction: make them depend on their input alone"
            );
            return Err(
                TransportError::new(TransportErrorKind::Refused, "leaving records out", reason).into()
            );
        }
        let reason = if is_gone {
            error.to_string()
        } else {
            format!("{left_out} records that were refused are left out of it; it is repeated without them")
        };
        Err(TransportError::new(TransportErrorKind::AbortTransaction, "transaction", reason).into())
    }

    fn forget_partitions(&self, topic: &str) {
        let mut inner = self.inner.borrow_mut();
        let number = inner.by_name.get(topic).copied();
        if let Some(topic) = number.and_then(|number| inner.topics.get_mut(number as usize)) {
            topic.partitions = None;
        }
    }

    /// Decides about a record that its topic does not take: `Ok` if it is skipped. `current` is the record that is being
    /// sent, if it is that one.
    #[cold]
    fn decide(
        &self,
        topic: OutTopic,
        record: &ProducerRecord<'_>,
        tag: u64,
        cause: TransportError,
        current: Option<&Outgoing<'_>>,
    ) -> Result<()> {
        let (origin, offset) = self.inner.borrow().sender(tag);
        let source = origin.source.clone().zip(offset);
        if let Some(letter) = letters::shortened(&origin, offset, record, &cause) {
            return self.send_shortened((topic, tag), &origin, offset, record, letter, current.is_some());
        }
        let is_result = match origin.purpose {
            Purpose::DynamicSink | Purpose::DeadLetter => true,
            // A topic that the topology names must exist.
            Purpose::Sink => cause.kind() != TransportErrorKind::UnknownTopic,
            Purpose::Repartition | Purpose::Changelog { .. } => false,
        };
        if is_result {
            let (decision, letters) = self.ask_handler(&origin, offset, record, &cause, current)?;
            if decision == Decision::Resume {
                let mut inner = self.inner.borrow_mut();
                inner.drop_result(&origin, offset, record, &cause);
                let ProducerRecord { partition, key, value, .. } = *record;
                let partition = key.map(|_| partition);
                let lacks = left_out(record.headers);
                let likeness = Likeness { topic: topic.0, partition, key, value, lacks, tag };
                inner.left_out.add(likeness, source, letters);
                return Ok(());
            }
        }
        Err(Error::Production(Box::new(ProductionError {
            task: origin.task,
            node: Arc::clone(&origin.node),
            produced: match origin.purpose {
                Purpose::Sink | Purpose::DynamicSink | Purpose::DeadLetter => ProducedFor::Result,
                Purpose::Repartition => ProducedFor::Repartition,
                Purpose::Changelog { .. } => ProducedFor::Change,
            },
            topic: record.topic.into(),
            partition: record.partition,
            source,
            key: KeyExcerpt::of(record.key).to_string(),
            key_bytes: record.key.map_or(0, <[u8]>::len),
            value_bytes: record.value.map(<[u8]>::len),
            timestamp: record.timestamp,
            cause,
        })))
    }

    /// Asks the production handler, and writes its dead letters where that is possible now.
    fn ask_handler(
        &self,
        origin: &Origin,
        offset: Option<Offset>,
        record: &ProducerRecord<'_>,
        cause: &TransportError,
        current: Option<&Outgoing<'_>>,
    ) -> Result<(Decision, Vec<DeadLetter>)> {
        let (unknown, read) = (Headers::new(), current.and_then(|record| record.source));
        let context = ErrorContext {
            task: origin.task,
            node: &origin.node,
            partition: origin.source.as_ref(),
            offset,
            headers: current.map_or(&unknown, |record| record.headers),
            timestamp: record.timestamp.unwrap_or(-1),
            key: read.and_then(RawRecord::key),
            value: read.and_then(RawRecord::value),
            application_id: &self.handlers.application_id,
            dead_letter_topic: self.handlers.dead_letter_topic.as_ref(),
        };
        let ask = |context: &ErrorContext<'_>| self.handlers.production.handle(context, record, cause);
        let (decision, mut letters) = handlers::decide("production", &context, ask)?.into_parts();
        if origin.purpose == Purpose::DeadLetter {
            // A letter about a letter would meet the same end.
            letters.clear();
        }
        self.write_letters(origin, offset, &mut letters, current.is_some())?;
        Ok((decision, letters))
    }

    /// Handles a record that the producer did not take: waits for room, takes failed deliveries, and tries again.
    #[cold]
    fn send_again(&self, record: &Outgoing<'_>, out: OutRecord<'_>, mut error: TransportError) -> Result<()> {
        let mut left = ROOM_MAX.min(self.inner.borrow().committer.patience());
        loop {
            if error.kind() == TransportErrorKind::QueueFull && !left.is_zero() {
                left = left.saturating_sub(ROOM_WAIT);
                match self.wait_for_room(record.topic) {
                    Err(Error::Transport(failed)) => self.on_failed(failed)?,
                    waited => waited?,
                }
            } else if !error.failed().is_empty() {
                self.on_failed(error)?;
            } else if error.kind().blames_the_record() {
                return self.decide_unsent(record, error);
            } else {
                return Err(error.into());
            }
            match self.inner.borrow_mut().committer.for_sending()?.send(out) {
                Ok(()) => return Ok(()),
                Err(next) => error = next,
            }
        }
    }

    fn wait_for_room(&self, topic: OutTopic) -> Result<()> {
        let mut inner = self.inner.borrow_mut();
        let Inner { committer, topics, .. } = &mut *inner;
        let name = topics.get(topic.0 as usize).map_or("", |topic| &*topic.name);
        committer.wait_for_room(name);
        Ok(committer.for_sending()?.poll(ROOM_WAIT)?)
    }

    fn decide_unsent(&self, record: &Outgoing<'_>, cause: TransportError) -> Result<()> {
        let Some(topic) =
            self.inner.borrow().topics.get(record.topic.0 as usize).map(|t| Arc::clone(&t.name))
        else {
            return Err(cause.into());
        };
        let refused = ProducerRecord {
            topic: &topic,
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp: Some(record.timestamp),
            headers: record.headers,
        };
        self.decide(record.topic, &refused, tag_of(record), cause, Some(record))
    }

    /// Whether the record was left out before, in which case its dead letters are written; only asked while there are such
    /// records.
    #[cold]
    fn is_left_out(&self, record: &Outgoing<'_>) -> Result<bool> {
        let Outgoing { topic, partition, key, value, headers, .. } = *record;
        let (partition, lacks) = (key.map(|_| partition), left_out(headers));
        let likeness = Likeness { topic: topic.0, partition, key, value, lacks, tag: tag_of(record) };
        let met = self.inner.borrow_mut().left_out.meet(&likeness);
        let Some(letters) = met else { return Ok(false) };
        let (origin, offset) = self.inner.borrow().sender(likeness.tag);
        let origin = self.origin(&Origin { purpose: Purpose::DeadLetter, ..origin });
        for mut letter in letters {
            if let Some(source) = record.source {
                dead_letters::complete(&mut letter, source);
            }
            dead_letters::date(&mut letter, record.timestamp);
            dead_letters::send(self, origin, offset, &letter)?;
        }
        Ok(true)
    }
}

/// A record's sender and source offset, in one number for the client to carry.
#[inline]
fn tag_of(record: &Outgoing<'_>) -> u64 {
    let offset = record.offset.map_or(0, |offset| offset.cast_unsigned().wrapping_add(1));
    u64::from(record.origin.0) << OFFSET_BITS | (offset & ((1 << OFFSET_BITS) - 1))
}

impl Inner {
    /// The sender and source offset of a tag.
    fn sender(&self, tag: u64) -> (Origin, Option<Offset>) {
        let offset = (tag & ((1 << OFFSET_BITS) - 1)).checked_sub(1).map(u64::cast_signed);
        let number = usize::try_from(tag >> OFFSET_BITS).unwrap_or(usize::MAX);
        let origin = self.origins.get(number).cloned().unwrap_or_else(|| Origin {
            task: TaskId { subtopology: 0, partition: -1 },
            node: Arc::from("unknown"),
            purpose: Purpose::Repartition,
            source: None,
        });
        (origin, offset)
    }

    fn handle(&mut self, topic: OutTopic) -> Result<TopicHandle> {
        self.committer.for_sending()?;
        let generation = self.committer.generation();
        let Some(topic) = self.topics.get_mut(topic.0 as usize) else {
            return Err(Error::Internal(format!("topic number {} is unknown to the collector", topic.0)));
        };
        match topic.handle {
            Some((made_by, handle)) if made_by == generation => Ok(handle),
            _ => {
                let handle = self.committer.for_sending()?.topic(&topic.name)?;
                topic.handle = Some((generation, handle));
                Ok(handle)
            }
        }
    }
}

impl Collector for RecordCollector {
    fn topic(&self, name: &TopicName) -> Result<OutTopic> {
        let mut inner = self.inner.borrow_mut();
        if let Some(number) = inner.by_name.get(name) {
            return Ok(OutTopic(*number));
        }
        let number = u32::try_from(inner.topics.len()).unwrap_or(u32::MAX);
        let sticky = StickyPartitioner::new(number);
        inner.topics.push(Topic {
            name: Arc::clone(name),
            handle: None,
            partitions: None,
            is_old: false,
            sticky,
        });
        inner.by_name.insert(Arc::clone(name), number);
        inner.committer.add_topic(Arc::clone(name));
        Ok(OutTopic(number))
    }

    fn partitions(&self, topic: OutTopic) -> Result<PartitionId> {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let number = topic.0 as usize;
        if let Some(Topic { partitions: Some(partitions), is_old: false, .. }) = inner.topics.get(number) {
            return Ok(*partitions);
        }
        let Some(topic) = inner.topics.get_mut(number) else {
            return Err(Error::Internal(format!("topic number {number} is unknown to the collector")));
        };
        let Some(known) = topic.partitions else {
            let partitions = inner.committer.count_partitions(&topic.name, METADATA_TIMEOUT)?;
            topic.is_old = false;
            return Ok(*topic.partitions.insert(partitions));
        };
        inner.count_again()?;
        Ok(inner.topics.get(number).and_then(|topic| topic.partitions).unwrap_or(known))
    }

    fn any_partition(&self, topic: OutTopic) -> Result<PartitionId> {
        let partitions = self.partitions(topic)?;
        let mut inner = self.inner.borrow_mut();
        Ok(inner.topics.get_mut(topic.0 as usize).map_or(0, |topic| topic.sticky.next(partitions)))
    }

    fn origin(&self, origin: &Origin) -> OriginId {
        let mut inner = self.inner.borrow_mut();
        if let Some(number) = inner.by_origin.get(origin) {
            return OriginId(*number);
        }
        let number = u32::try_from(inner.origins.len()).unwrap_or(u32::MAX);
        if u64::from(number) >= 1 << (64 - OFFSET_BITS) {
            // No application has a million of them.
            return OriginId(0);
        }
        inner.origins.push(origin.clone());
        inner.by_origin.insert(origin.clone(), number);
        OriginId(number)
    }

    fn send(&self, record: &Outgoing<'_>) -> Result<()> {
        let mut inner = self.inner.borrow_mut();
        if !inner.left_out.is_empty() {
            drop(inner);
            if self.is_left_out(record)? {
                return Ok(());
            }
            inner = self.inner.borrow_mut();
        }
        let topic = record.topic;
        let handle = inner.handle(topic)?;
        if let Some(order) = &mut inner.order
            && !order.contains(&topic.0)
        {
            order.push(topic.0);
        }
        inner.committer.mark_written(topic.0, record.partition);
        let Outgoing { partition, key, value, timestamp, headers, .. } = *record;
        let out = OutRecord { topic: handle, partition, key, value, timestamp, headers, tag: tag_of(record) };
        match inner.committer.for_sending()?.send(out) {
            Ok(()) => Ok(()),
            Err(error) => {
                drop(inner);
                let sent = self.send_again(record, out, error);
                self.inner.borrow_mut().committer.waited();
                sent
            }
        }
    }

    fn send_dead_letter(&self, origin: OriginId, offset: Option<Offset>, letter: &DeadLetter) -> Result<()> {
        dead_letters::send(self, origin, offset, letter)
    }

    fn unsendable(&self, record: &Outgoing<'_>, error: Error) -> Result<()> {
        match error {
            Error::Transport(cause) if cause.kind().blames_the_record() => {
                if self.is_left_out(record)? {
                    return Ok(());
                }
                self.decide_unsent(record, cause)
            }
            other => Err(other),
        }
    }
}
