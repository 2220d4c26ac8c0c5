//! The state of a running task that all nodes share: the current record, time, stores, results, counters.

use std::any::Any;
use std::collections::BTreeMap;
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
use super::{Collector, TaskMeters, TopicMeter};
use crate::config::StreamsConfig;
use crate::error::{Error, Result, UsageError};
use crate::ids::{Offset, TaskId, TopicName, TopicPartition};
use crate::record::{Headers, Record, RecordMetadata};
use crate::store::{RecordClock, RecordContext};
use crate::time::Timestamp;
use crate::transport::RawRecord;
use crate::user_code::guarded;

mod on_error;
mod position;
mod stores;

use position::Position;
pub use stores::TaskStores;

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
    /// Its stores.
    pub stores: TaskStores,
    /// Shared with the store handles.
    pub clock: Rc<RecordClock>,
    /// What its nodes measure.
    pub meters: TaskMeters,
}

/// What the nodes of one task share.
pub struct TaskContext {
    setup: TaskSetup,
    position: Position,
    /// What was written to dead letter queues, by node.
    dead_letters: BTreeMap<(Arc<str>, TopicName), Rc<TopicMeter>>,
    stream_time: Timestamp,
    wall_clock_ms: Timestamp,
    commit_requested: bool,
    dropped: DropCounter,
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
            position: Position::new(Rc::clone(&setup.clock)),
            setup,
            dead_letters: BTreeMap::new(),
            stream_time: -1,
            wall_clock_ms: 0,
            commit_requested: false,
            dropped: DropCounter::default(),
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
        self.position.enter(partition, offset, timestamp);
    }

    /// Keeps the current record as it was read, until another one is entered or kept.
    #[inline]
    pub(crate) fn keep_raw(&mut self, raw: Option<RawRecord>) {
        self.position.raw = raw;
    }

    /// Whether records are kept as they were read.
    pub(crate) fn keeps_records(&self) -> bool {
        self.setup.handlers.keeps_records
    }

    /// The current record as it was read.
    #[inline]
    pub(super) fn raw(&self) -> Option<&RawRecord> {
        self.position.raw.as_ref()
    }

    /// Leaves the record; what follows (a punctuation) happens at `timestamp`.
    pub fn leave_record(&mut self, timestamp: Timestamp) {
        self.look_for_expired();
        self.position.leave(timestamp);
    }

    /// Gives the current record its key and headers, now that it is deserialized.
    #[inline]
    pub(super) fn deserialized(&mut self, key: KeyExcerpt, headers: &Headers) {
        self.position.key = key;
        self.setup.clock.set_headers(headers);
    }

    /// Gives the current record its key, to be shown when it is left out.
    #[inline]
    pub(super) fn set_key(&mut self, key: KeyExcerpt) {
        self.position.key = key;
    }

    /// Passes a record on. Meanwhile the current record has its time and headers.
    #[inline]
    pub(super) fn pass<K, V>(
        &mut self,
        record: Record<K, V>,
        pass: impl FnOnce(Record<K, V>, &mut Self) -> Result<()>,
    ) -> Result<()> {
        let clock = &self.setup.clock;
        if clock.is_at(record.timestamp, &record.headers) {
            return pass(record, self);
        }
        let (timestamp, headers) = (clock.timestamp(), clock.headers());
        self.position.go_to(record.timestamp, &record.headers);
        let passed = pass(record, self);
        self.position.go_to(timestamp, &headers);
        passed
    }

    /// Gives what follows the time and headers of an update that a cache held back.
    pub fn go_to_update(&mut self, timestamp: Timestamp, headers: &Headers) {
        self.position.go_to(timestamp, headers);
    }

    /// Where the current record was read.
    pub fn record_metadata(&self) -> Option<RecordMetadata> {
        self.position.metadata()
    }

    /// Where the current record was read, without a copy.
    #[inline]
    pub(super) fn place(&self) -> (Option<&Rc<TopicPartition>>, Option<Offset>) {
        match &self.position.at {
            Some((at, offset)) => (Some(at), Some(*offset)),
            None => (None, None),
        }
    }

    /// The origin of the current record, to be kept with it under that time and with those headers.
    pub fn record_context(&self, timestamp: Timestamp, headers: &Headers) -> RecordContext {
        self.position.context(timestamp, headers)
    }

    /// Makes a kept record the current one while `act` runs.
    pub fn at_record<R>(&mut self, kept: &RecordContext, act: impl FnOnce(&mut Self) -> R) -> R {
        let left = self.position.go_to_kept(kept);
        // The current record is restored before a panic of user code is handled further up.
        let result = catch_unwind(AssertUnwindSafe(|| act(self)));
        self.position.go_back(left);
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
            at = self.position.describe().as_deref().unwrap_or("a punctuation or a flush"),
            key = %self.position.key,
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
        let nodes = self.setup.stores.users_of(&store);
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
        self.setup.stores.any(name)
    }

    pub(super) fn store<S: Clone + 'static>(&self, node: NodeIndex, name: &str) -> Result<S> {
        self.setup.stores.of_node(node, name)
    }

    pub(super) fn position(&self) -> Option<(TopicPartition, Offset)> {
        self.position.at.as_ref().map(|(at, offset)| ((**at).clone(), *offset))
    }

    pub(super) fn node_name(&self, node: NodeIndex) -> Arc<str> {
        self.setup.stores.node_name(node)
    }
}
