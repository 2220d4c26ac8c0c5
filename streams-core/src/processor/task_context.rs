//! The state of a running task that all nodes share: the current record, time, stores, results, counters.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::dropped::{DropCounter, DropReason, DroppedRecords, KeyExcerpt};
use super::handlers::Handlers;
use super::metadata::ProcessorMetadata;
use super::node::NodeIndex;
use super::punctuation::{Punctuation, PunctuationQueue, PunctuationType};
use super::{Collector, GlobalReaders, TaskMeters, TopicMeter};
use crate::config::StreamsConfig;
use crate::error::{Error, Result, UsageError};
use crate::ids::{Offset, TaskId, TopicName, TopicPartition};
use crate::record::{Headers, RecordMetadata};
use crate::store::{RecordClock, RecordContext, StoreHandle};
use crate::time::Timestamp;
use crate::transport::RawRecord;
use crate::user_code::guarded;

mod on_error;

/// Forwards what a cached store holds back; true if there was anything.
pub type Flusher = Box<dyn FnMut(&mut TaskContext) -> Result<bool>>;

/// What a task context is made of.
pub struct TaskSetup {
    /// The task.
    pub task: TaskId,
    /// `application.id`.
    pub application_id: Arc<str>,
    /// The application's settings.
    pub config: Arc<StreamsConfig>,
    /// Where results go.
    pub collector: Rc<dyn Collector>,
    /// What to do with failing records.
    pub handlers: Handlers,
    /// Store handles by store name.
    pub stores: BTreeMap<String, StoreHandle>,
    /// Which stores each node may use.
    pub access: Vec<(Arc<str>, BTreeSet<String>)>,
    /// Global stores, readable by every node.
    pub globals: GlobalReaders,
    /// Shared with the store handles.
    pub clock: Rc<RecordClock>,
    /// What its nodes measure.
    pub meters: TaskMeters,
}

/// What the nodes of one task share.
pub struct TaskContext {
    setup: TaskSetup,
    at: Option<(Rc<TopicPartition>, Offset)>,
    /// The current record as it was read, while it is processed.
    raw: Option<RawRecord>,
    /// What was written to dead letter queues, by node.
    dead_letters: BTreeMap<(Arc<str>, TopicName), Rc<TopicMeter>>,
    stream_time: Timestamp,
    wall_clock_ms: Timestamp,
    commit_requested: bool,
    dropped: DropCounter,
    /// The first bytes of the current record's key.
    key: KeyExcerpt,
    pub(super) punctuations: PunctuationQueue,
    /// With the node that registered each.
    flushers: Vec<(NodeIndex, Flusher)>,
    shared: BTreeMap<String, Rc<dyn Any>>,
    metadata: ProcessorMetadata,
    /// Scratch space in which sinks serialize keys and values.
    pub(super) key_buffer: Vec<u8>,
    pub(super) value_buffer: Vec<u8>,
}

impl TaskContext {
    /// A context at no record, with unknown stream time.
    pub fn new(setup: TaskSetup) -> Self {
        TaskContext {
            setup,
            at: None,
            raw: None,
            dead_letters: BTreeMap::new(),
            stream_time: -1,
            wall_clock_ms: 0,
            commit_requested: false,
            dropped: DropCounter::default(),
            key: KeyExcerpt::UNKNOWN,
            punctuations: PunctuationQueue::default(),
            flushers: Vec::new(),
            shared: BTreeMap::new(),
            metadata: ProcessorMetadata::default(),
            key_buffer: Vec::new(),
            value_buffer: Vec::new(),
        }
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.setup.task
    }

    /// `application.id`.
    pub fn application_id(&self) -> &str {
        &self.setup.application_id
    }

    /// The application's settings (`ProcessorContext.appConfigs`).
    pub fn config(&self) -> &StreamsConfig {
        &self.setup.config
    }

    /// The object of that name and type that several nodes of this task share; made at the first call. Call it when a node
    /// is made, not on the record path.
    pub fn shared<T: Default + 'static>(&mut self, name: &str) -> Result<Rc<T>> {
        let shared = self.shared.entry(name.to_owned()).or_insert_with(|| Rc::new(T::default()));
        Rc::clone(shared).downcast().map_err(|_| {
            Error::Internal(format!("what nodes share as {name} is not a {}", std::any::type_name::<T>()))
        })
    }

    /// The numbers that processors commit together with offsets.
    pub fn metadata(&self) -> &ProcessorMetadata {
        &self.metadata
    }

    /// As [`metadata`](Self::metadata), to change it.
    pub fn metadata_mut(&mut self) -> &mut ProcessorMetadata {
        &mut self.metadata
    }

    /// The largest record timestamp so far, -1 before the first.
    pub fn stream_time(&self) -> Timestamp {
        self.stream_time
    }

    /// Moves stream time forward; never back.
    pub fn advance_stream_time(&mut self, timestamp: Timestamp) {
        self.stream_time = self.stream_time.max(timestamp);
    }

    /// The wall clock as of this step.
    pub fn wall_clock_ms(&self) -> Timestamp {
        self.wall_clock_ms
    }

    /// Sets the wall clock of this step.
    pub fn set_wall_clock_ms(&mut self, now: Timestamp) {
        self.wall_clock_ms = now;
    }

    /// Makes a record the current one.
    pub fn enter_record(&mut self, partition: &Rc<TopicPartition>, offset: Offset, timestamp: Timestamp) {
        self.look_for_expired();
        match &mut self.at {
            Some((at, place)) if Rc::ptr_eq(at, partition) => *place = offset,
            at => *at = Some((Rc::clone(partition), offset)),
        }
        self.setup.clock.set_timestamp(timestamp);
    }

    /// Keeps the current record as it was read, until another one is entered or kept.
    #[inline]
    pub(crate) fn keep_raw(&mut self, raw: Option<RawRecord>) {
        self.raw = raw;
    }

    /// Whether records are kept as they were read.
    pub(crate) fn keeps_records(&self) -> bool {
        self.setup.handlers.keeps_records
    }

    /// The current record as it was read.
    #[inline]
    pub(super) fn raw(&self) -> Option<&RawRecord> {
        self.raw.as_ref()
    }

    /// Leaves the record; what follows (a punctuation) happens at `timestamp`.
    pub fn leave_record(&mut self, timestamp: Timestamp) {
        self.look_for_expired();
        (self.at, self.raw) = (None, None);
        self.key = KeyExcerpt::UNKNOWN;
        self.setup.clock.set_timestamp(timestamp);
        self.setup.clock.set_headers(&Headers::new());
    }

    /// Sets the key of the current record.
    #[inline]
    pub(super) fn set_key(&mut self, key: KeyExcerpt) {
        self.key = key;
    }

    /// Whether the current record has that time and those headers.
    #[inline]
    pub(super) fn is_at(&self, timestamp: Timestamp, headers: &Headers) -> bool {
        self.setup.clock.is_at(timestamp, headers)
    }

    /// Gives the current record that time and those headers; returns the previous ones.
    pub(super) fn go_to(&mut self, timestamp: Timestamp, headers: &Headers) -> (Timestamp, Headers) {
        let clock = &self.setup.clock;
        let before = (clock.timestamp(), clock.headers());
        clock.set_timestamp(timestamp);
        clock.set_headers(headers);
        before
    }

    /// Sets the time with which stores log the changes that follow (a flushed update has its own).
    pub fn set_record_timestamp(&mut self, timestamp: Timestamp) {
        self.setup.clock.set_timestamp(timestamp);
    }

    /// Sets the headers that stores keep with the changes that follow: for the changelogs of stream joins, and for the
    /// update that a cache forwards later.
    pub fn set_record_headers(&mut self, headers: &Headers) {
        self.setup.clock.set_headers(headers);
    }

    /// Where the current record was read.
    pub fn record_metadata(&self) -> Option<RecordMetadata> {
        self.at.as_ref().map(|(at, offset)| RecordMetadata {
            topic: Arc::clone(&at.topic),
            partition: at.partition,
            offset: *offset,
        })
    }

    /// Where the current record was read, without a copy.
    #[inline]
    pub(super) fn place(&self) -> (Option<&Rc<TopicPartition>>, Option<Offset>) {
        match &self.at {
            Some((at, offset)) => (Some(at), Some(*offset)),
            None => (None, None),
        }
    }

    /// The origin of the current record, to be kept with it under that time and with those headers.
    pub fn record_context(&self, timestamp: Timestamp, headers: &Headers) -> RecordContext {
        let (source, partition, offset) = match &self.at {
            Some((at, offset)) => (Arc::clone(&at.topic), at.partition, *offset),
            None => (Arc::from(""), -1, -1),
        };
        RecordContext { timestamp, source, partition, offset, headers: headers.clone() }
    }

    /// Makes a kept record the current one while `act` runs.
    pub fn at_record<R>(&mut self, kept: &RecordContext, act: impl FnOnce(&mut Self) -> R) -> R {
        let partition = || Rc::new(TopicPartition::new(Arc::clone(&kept.source), kept.partition));
        let at = (!kept.source.is_empty()).then(|| (partition(), kept.offset));
        let (before, raw) = (std::mem::replace(&mut self.at, at), self.raw.take());
        let key = std::mem::replace(&mut self.key, KeyExcerpt::UNKNOWN);
        let clock = Rc::clone(&self.setup.clock);
        let (timestamp, headers) = (clock.timestamp(), clock.headers());
        clock.set_timestamp(kept.timestamp);
        clock.set_headers(&kept.headers);
        // The current record is restored before a panic of user code is handled further up.
        let result = catch_unwind(AssertUnwindSafe(|| act(self)));
        (self.at, self.raw) = (before, raw);
        self.key = key;
        clock.set_timestamp(timestamp);
        clock.set_headers(&headers);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Asks for a commit.
    pub fn request_commit(&mut self) {
        self.commit_requested = true;
    }

    /// Whether a commit was asked for since the last call.
    pub fn take_commit_request(&mut self) -> bool {
        std::mem::take(&mut self.commit_requested)
    }

    /// Counts a record that a node drops. Logs it if it is the first of its reason, or the first for a minute. `detail` is
    /// what the record was judged by; it becomes text only when it is logged.
    #[cold]
    pub fn drop_record(&mut self, node: NodeIndex, reason: DropReason, detail: &dyn Display) {
        let node = self.node_name(node);
        self.drop_records_of(&node, reason, 1, detail);
    }

    /// As [`drop_record`](Self::drop_record), for several records and a node by its name.
    #[cold]
    pub(super) fn drop_records_of(
        &mut self,
        node: &str,
        reason: DropReason,
        records: u64,
        detail: &dyn Display,
    ) {
        if !self.dropped.count(reason, records, self.wall_clock_ms) {
            return;
        }
        tracing::warn!(
            task = %self.setup.task,
            node,
            %reason,
            %detail,
            at = self.describe_position().as_deref().unwrap_or("a punctuation or a flush"),
            key = %self.key,
            timestamp = self.setup.clock.timestamp(),
            stream_time = self.stream_time,
            wall_clock = self.wall_clock_ms,
            so_far = self.dropped.counts().of(reason),
            "a record was left out; others of this reason are counted, and logged once a minute"
        );
    }

    /// Counts records that stores refused because they are older than what the stores keep.
    #[inline]
    fn look_for_expired(&mut self) {
        let expired = self.setup.clock.take_expired();
        if expired > 0 {
            self.drop_expired(expired);
        }
    }

    #[cold]
    fn drop_expired(&mut self, records: u64) {
        let store = self.setup.clock.expired_store();
        let using = self.setup.access.iter().filter(|(_, stores)| stores.contains(&*store));
        let nodes = using.map(|(node, _)| &**node).collect::<Vec<_>>().join(", ");
        let detail = format!("not put into store {store}");
        self.drop_records_of(&nodes, DropReason::Expired, records, &detail);
    }

    /// How many records were left out, by reason.
    pub fn dropped_records(&self) -> DroppedRecords {
        let mut counts = self.dropped.counts();
        counts.note(DropReason::Expired, self.setup.clock.expired());
        counts
    }

    /// What the task's nodes measure.
    pub fn meters(&self) -> &TaskMeters {
        &self.setup.meters
    }

    /// Where results go.
    pub fn collector(&self) -> &Rc<dyn Collector> {
        &self.setup.collector
    }

    /// Registers what forwards the updates that a cached store of a node holds back.
    pub(super) fn on_flush(&mut self, node: NodeIndex, flusher: Flusher) {
        self.flushers.push((node, flusher));
    }

    /// Makes every cached store forward what it holds back, until none does: a flush may fill the next cache.
    pub fn flush_caches(&mut self) -> Result<()> {
        let mut flushers = std::mem::take(&mut self.flushers);
        let result = loop {
            let mut any = false;
            let round = flushers.iter_mut().try_for_each(|(node, flush)| match guarded(|| flush(self)) {
                Ok(flushed) => {
                    any |= flushed;
                    Ok(())
                }
                Err(error) => {
                    let node = self.node_name(*node);
                    self.on_processing_error(&node, error)
                }
            });
            if round.is_err() || !any {
                break round;
            }
        };
        self.flushers.append(&mut flushers);
        result
    }

    pub(super) fn schedule(
        &mut self,
        node: NodeIndex,
        start: Option<Timestamp>,
        interval: Duration,
        kind: PunctuationType,
    ) -> Result<Punctuation> {
        let whole_ms = i64::try_from(interval.as_millis()).ok().filter(|ms| *ms > 0);
        let interval_ms = whole_ms.ok_or(UsageError::PunctuationInterval(interval))?;
        let now = match kind {
            PunctuationType::StreamTime => self.stream_time,
            PunctuationType::WallClockTime => self.wall_clock_ms,
        };
        Ok(self.punctuations.schedule(node, start, interval_ms, kind, now))
    }

    /// The task's punctuations.
    pub fn punctuations(&mut self) -> &mut PunctuationQueue {
        &mut self.punctuations
    }

    /// A store of the task, whichever nodes it is connected to.
    pub(crate) fn any_store<S: Clone + 'static>(&self, name: &str) -> Option<S> {
        self.setup.stores.get(name)?.downcast_ref::<S>().cloned()
    }

    pub(super) fn store<S: Clone + 'static>(&self, node: NodeIndex, name: &str) -> Result<S> {
        let Some((node_name, allowed)) = self.setup.access.get(node.0 as usize) else {
            return Err(Error::Internal(format!("node {} is unknown to its task", node.0)));
        };
        if let Some(global) = self.setup.globals.get::<S>(name) {
            return global;
        }
        let (node, store) = (Arc::clone(node_name), name.into());
        if !allowed.contains(name) {
            let connected = allowed.iter().map(|name| name.as_str().into()).collect();
            return Err(UsageError::StoreNotConnected { node, store, connected }.into());
        }
        let Some(handle) = self.setup.stores.get(name) else {
            return Err(Error::Internal(format!("processor {node} is connected to no store {store}")));
        };
        let (asked, is) = (std::any::type_name::<S>(), handle.type_name());
        let other = || UsageError::StoreType { node, store, asked, is }.into();
        handle.downcast_ref().cloned().ok_or_else(other)
    }

    pub(super) fn position(&self) -> Option<(TopicPartition, Offset)> {
        self.at.as_ref().map(|(at, offset)| ((**at).clone(), *offset))
    }

    pub(super) fn describe_position(&self) -> Option<String> {
        self.at.as_ref().map(|(at, offset)| format!("{at} offset {offset}"))
    }

    pub(super) fn node_name(&self, node: NodeIndex) -> Arc<str> {
        self.setup
            .access
            .get(node.0 as usize)
            .map_or_else(|| Arc::from("unknown"), |(name, _)| Arc::clone(name))
    }
}
