//! Opens tasks: rebuilds their stores from changelogs and finds where to read on (design D10).
//!
//! It runs on a thread of its own, one per instance, so that a restore delays no other task. `run_once` does one round
//! and never sleeps. For each task, in this order:
//! 1. *Opening*: opens the databases, reads how far they have come, asks for the changelogs' ends. The end is the high
//!    watermark: a transaction whose markers are still to come is waited for, else its changes would be missed.
//! 2. *Fetching*: applies committed changelog records from there, in batches that also hold the offset, until the
//!    position has reached the end. Positions pass over markers, aborted and compacted records, so that a tail without
//!    visible records neither ends a restore early nor holds it up.
//! 3. *Finishing*: asks for the committed source offsets, once for all tasks that have come that far, and answers the
//!    stream threads.
//!
//! A database that is ahead of its changelog, or behind what the broker still has, or that holds what a commit was
//! answered for and the broker then took back (decision 0008), is deleted and rebuilt, with a warning.

mod source_offsets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use state_stores::offsets::{offsets_keyspace, put_offset, read_offsets};
use state_stores::{BackendRef, Batch, Restore, RocksMemory, StoreError};

use super::backends::TaskBackends;
use super::plan::Plan;
use super::state_directory::StateDirectory;
use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::serde::TopicPartitionMetadata;
use crate::time::Timestamp;
use crate::transport::{
    Admin, Consumer, GroupOffsets, Isolation, OffsetQuery, PartitionHandle, RawRecord, TransportError,
    TransportErrorKind,
};

/// Time for one question to the broker.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause before a question that failed is asked again.
const RETRY_MS: i64 = 100;

/// How long a task's directory may stay locked by a thread that is closing it.
const LOCKED_MAX_MS: i64 = 30_000;

/// After so long a wait for a transaction, the partition is named.
const WAIT_TOLD_MS: i64 = 5_000;

/// What to do about such a wait.
const HANGING: &str = "a transaction that has not ended holds it back; it ends by itself, at the latest after its \
                       producer's transaction.timeout.ms and the next commit or start of that producer; if it does not, \
                       find it with `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort`";

/// Records applied in one batch.
const RESTORE_BATCH: usize = 4_096;

/// A stream thread's wish to run a task.
pub(crate) struct OpenRequest {
    pub task: TaskId,
    /// Told with the answer.
    pub number: u64,
    /// The databases of a task that is opened again without having been closed.
    pub backends: Option<TaskBackends>,
    /// Offsets that the thread's commits were answered for: the task's databases hold what led to them.
    pub answered: Arc<BTreeMap<TopicPartition, Offset>>,
    /// Sources at whose position the broker had nothing any more.
    pub unreadable: BTreeSet<TopicPartition>,
    pub reply: mpsc::Sender<OpenReply>,
    /// Ends the thread's wait.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// What stream threads ask of the restorer.
pub(crate) enum Request {
    /// Open a task.
    Open(OpenRequest),
    /// Let the broker delete the records of repartition topics before these offsets: all of them are processed.
    Purge(Vec<(TopicPartition, Offset)>),
}

/// The answer.
pub(crate) struct OpenReply {
    pub task: TaskId,
    /// The request's.
    pub number: u64,
    pub result: Result<OpenedTask>,
}

/// Where a task goes on reading a source partition.
#[derive(Clone, Debug)]
pub(crate) struct SourceStart {
    pub partition: TopicPartition,
    pub offset: Offset,
    /// The offset committed by the group, if any.
    pub committed: Option<Offset>,
    pub metadata: TopicPartitionMetadata,
}

/// A task ready to run.
#[derive(Debug)]
pub(crate) struct OpenedTask {
    pub backends: TaskBackends,
    /// By store: the next offset of its changelog.
    pub changelog_ends: BTreeMap<String, Offset>,
    pub sources: Vec<SourceStart>,
}

/// Counts what restoring did; shared with the application.
#[derive(Debug, Default)]
pub(crate) struct RestoreCounters {
    pub restored_records: AtomicU64,
    pub wiped_tasks: AtomicU64,
}

struct Changelog {
    store: String,
    partition: TopicPartition,
    backend: BackendRef,
    restorer: Box<dyn Restore>,
    handle: PartitionHandle,
    position: Offset,
    end: Offset,
    /// Whether it is a source topic: what comes after `end` is input that is still to be processed.
    is_source: bool,
    wait: Wait,
}

/// A wait for a transaction.
#[derive(Default)]
struct Wait {
    since: Option<Timestamp>,
    told: bool,
}

impl Wait {
    /// Goes on waiting; says so, once, when it has become long.
    fn go_on(&mut self, now: Timestamp, task: TaskId, what: impl FnOnce() -> String) {
        let since = *self.since.get_or_insert(now);
        if now - since >= WAIT_TOLD_MS && !std::mem::replace(&mut self.told, true) {
            tracing::warn!(%task, waits_for = what(), "opening a task waits: {HANGING}");
        }
    }
}

enum Phase {
    Opening,
    Fetching,
    Finishing,
}

struct Opening {
    request: OpenRequest,
    phase: Phase,
    backends: TaskBackends,
    changelogs: Vec<Changelog>,
    ends: BTreeMap<String, Offset>,
    not_before: Timestamp,
    locked_since: Option<Timestamp>,
    /// Whether a wait for the broker was told already.
    waits: bool,
    /// For offsets that a transaction is committing.
    undecided: Wait,
}

/// Opens the tasks of one instance.
pub(crate) struct Restorer {
    plan: Arc<Plan>,
    config: Arc<StreamsConfig>,
    directory: Option<Arc<StateDirectory>>,
    memory: RocksMemory,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    requests: mpsc::Receiver<Request>,
    counters: Arc<RestoreCounters>,
    tasks: Vec<Opening>,
    buffer: Vec<RawRecord>,
    now: Timestamp,
}

/// What a restorer is made of.
pub(crate) struct RestorerParts {
    pub plan: Arc<Plan>,
    pub config: Arc<StreamsConfig>,
    pub directory: Option<Arc<StateDirectory>>,
    pub memory: RocksMemory,
    pub consumer: Box<dyn Consumer>,
    pub admin: Box<dyn Admin>,
    pub requests: mpsc::Receiver<Request>,
    pub counters: Arc<RestoreCounters>,
}

impl Restorer {
    pub fn new(parts: RestorerParts) -> Self {
        let RestorerParts { plan, config, directory, memory, consumer, admin, requests, counters } = parts;
        Restorer {
            plan,
            config,
            directory,
            memory,
            consumer,
            admin,
            requests,
            counters,
            tasks: Vec::new(),
            buffer: Vec::new(),
            now: 0,
        }
    }

    /// Waits for changelog records or a new request.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// Ends a wait from another thread.
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.consumer.waker()
    }

    /// One round over all tasks. True when anything was done.
    pub fn run_once(&mut self, now: Timestamp) -> bool {
        self.now = now;
        let mut worked = self.accept();
        let mut waiting = Vec::new();
        for mut opening in std::mem::take(&mut self.tasks) {
            if now < opening.not_before {
                waiting.push(opening);
                continue;
            }
            match self.advance(&mut opening) {
                Ok(()) => {
                    worked |= !self.buffer.is_empty();
                    waiting.push(opening);
                }
                Err(error) => self.after_error(opening, error, &mut waiting),
            }
            self.buffer.clear();
        }
        self.tasks = waiting;
        worked | self.finish()
    }

    fn accept(&mut self) -> bool {
        let mut any = false;
        while let Ok(request) = self.requests.try_recv() {
            any = true;
            let request = match request {
                Request::Open(request) => request,
                Request::Purge(before) => {
                    // What is not deleted now is deleted with the next round.
                    if let Err(error) = self.admin.delete_records(&before, ADMIN_TIMEOUT) {
                        tracing::debug!(%error, "processed records of repartition topics are kept for now");
                    }
                    continue;
                }
            };
            // A task that was given up and comes back, perhaps to another thread, begins again: an instance that had it
            // in between has moved its changelogs' ends.
            if let Some(known) = self.tasks.iter_mut().find(|opening| opening.request.task == request.task) {
                known.request = request;
                known.phase = Phase::Opening;
                known.ends.clear();
                for changelog in known.changelogs.drain(..) {
                    let _ = self.consumer.unassign(changelog.handle);
                }
                continue;
            }
            self.tasks.push(Opening {
                request,
                phase: Phase::Opening,
                backends: TaskBackends::default(),
                changelogs: Vec::new(),
                ends: BTreeMap::new(),
                not_before: 0,
                locked_since: None,
                waits: false,
                undecided: Wait::default(),
            });
        }
        any
    }

    fn advance(&mut self, opening: &mut Opening) -> Result<()> {
        if matches!(opening.phase, Phase::Opening) {
            self.open(opening)?;
            opening.phase = Phase::Fetching;
        }
        if matches!(opening.phase, Phase::Fetching) {
            self.fetch(opening)?;
            if opening.changelogs.is_empty() {
                opening.phase = Phase::Finishing;
            }
        }
        Ok(())
    }

    /// Answers for the tasks whose stores are restored. One question for all of them, so that none holds up another.
    fn finish(&mut self) -> bool {
        let now = self.now;
        let is_due = |task: &Opening| matches!(task.phase, Phase::Finishing) && now >= task.not_before;
        let (due, mut waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tasks).into_iter().partition(is_due);
        if due.is_empty() {
            self.tasks = waiting;
            return false;
        }
        let before = waiting.len() + due.len();
        let mut due = VecDeque::from(due);
        match self.group_offsets(due.iter().map(|opening| opening.request.task)) {
            Ok(offsets) => {
                for mut opening in due {
                    match self.finish_one(&mut opening, &offsets) {
                        Ok(Some(opened)) => reply(&opening.request, Ok(opened)),
                        Ok(None) => waiting.push(opening),
                        Err(error) => self.after_error(opening, error, &mut waiting),
                    }
                }
            }
            Err(error) => {
                // An error that ends the waiting of the first will soon end that of the others.
                let first = due.pop_front();
                for mut opening in due {
                    opening.not_before = now + RETRY_MS;
                    waiting.push(opening);
                }
                if let Some(opening) = first {
                    self.after_error(opening, error, &mut waiting);
                }
            }
        }
        self.tasks = waiting;
        self.tasks.len() < before
    }

    fn group_offsets(&mut self, tasks: impl Iterator<Item = TaskId>) -> Result<GroupOffsets> {
        let mut partitions = Vec::new();
        for task in tasks {
            partitions.extend(self.plan.subtopology(task)?.partitions_of(task));
        }
        Ok(self.admin.group_offsets(&self.plan.application_id, &partitions, ADMIN_TIMEOUT)?)
    }

    fn finish_one(&mut self, opening: &mut Opening, offsets: &GroupOffsets) -> Result<Option<OpenedTask>> {
        let task = opening.request.task;
        let plan = self.plan.subtopology(task)?;
        let (partitions, has_stores) = (plan.partitions_of(task), !plan.stores.is_empty());
        if let Some(undecided) = partitions.iter().find(|partition| offsets.undecided.contains(partition)) {
            opening.not_before = self.now + RETRY_MS;
            opening.undecided.go_on(self.now, task, || format!("the committed offset of {undecided}"));
            return Ok(None);
        }
        opening.undecided = Wait::default();
        for partition in &partitions {
            let committed = offsets.committed.get(partition).map_or(-1, |known| known.offset);
            let taken_back =
                opening.request.answered.get(partition).is_some_and(|offset| committed < *offset);
            if taken_back && has_stores {
                let why =
                    format!("the broker took back a commit of {partition}: {committed} is committed now");
                opening.request.answered = Arc::default();
                return match self.start_over(opening, &why) {
                    true => Ok(None),
                    false => Err(Error::IllegalState(why)),
                };
            }
        }
        let sources = self.sources(partitions, offsets, &opening.request.unreadable)?;
        let backends = std::mem::take(&mut opening.backends);
        Ok(Some(OpenedTask { backends, changelog_ends: std::mem::take(&mut opening.ends), sources }))
    }

    /// Keeps a task for later, or answers with the error.
    fn after_error(&mut self, mut opening: Opening, error: Error, waiting: &mut Vec<Opening>) {
        match self.is_passing(&mut opening, &error) {
            true => waiting.push(opening),
            false => reply(&opening.request, Err(error)),
        }
    }

    /// Decides about an error: true to go on with the task later.
    fn is_passing(&mut self, opening: &mut Opening, error: &Error) -> bool {
        let now = self.now;
        opening.not_before = now + RETRY_MS;
        match error {
            Error::Transport(transport) => match transport.kind() {
                TransportErrorKind::Retriable | TransportErrorKind::TimedOut => {
                    // Said once; it is asked again ten times a second.
                    if !std::mem::replace(&mut opening.waits, true) {
                        tracing::warn!(task = %opening.request.task, %error, "opening a task waits for the broker");
                    }
                    true
                }
                TransportErrorKind::OffsetOutOfRange => self.start_over(opening, &transport.to_string()),
                _ => false,
            },
            Error::Store { source: StoreError::Locked { .. }, .. }
            | Error::State(StoreError::Locked { .. }) => {
                now - *opening.locked_since.get_or_insert(now) < LOCKED_MAX_MS
            }
            _ => false,
        }
    }

    /// Deletes what the task has on disk and begins again from the changelogs' first records.
    fn start_over(&mut self, opening: &mut Opening, why: &str) -> bool {
        let task = opening.request.task;
        tracing::warn!(%task, why, "the local state does not fit its changelog any more; it is rebuilt");
        self.counters.wiped_tasks.fetch_add(1, Ordering::Relaxed);
        for changelog in opening.changelogs.drain(..) {
            let _ = self.consumer.unassign(changelog.handle);
        }
        opening.backends = TaskBackends::default();
        opening.request.backends = None;
        opening.ends.clear();
        opening.phase = Phase::Opening;
        if let Some(directory) = &self.directory {
            let path = directory.task(task);
            if let Err(error) = std::fs::remove_dir_all(&path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::error!(%task, path = %path.display(), %error, "cannot delete the task's directory");
                return false;
            }
        }
        let wiped = self.plan.subtopology(task).and_then(|plan| TaskBackends::wipe_custom(task, plan));
        if let Err(error) = wiped {
            tracing::error!(%task, %error, "cannot wipe a database of one's own");
            return false;
        }
        true
    }

    fn open(&mut self, opening: &mut Opening) -> Result<()> {
        let task = opening.request.task;
        let plan = Arc::clone(&self.plan);
        let plan = plan.subtopology(task)?;
        if opening.backends.iter().next().is_none() {
            opening.backends = match opening.request.backends.take() {
                Some(kept) => kept,
                None => TaskBackends::open(task, plan, self.directory.as_deref(), &self.memory)?,
            };
        }
        let logged: Vec<_> = plan
            .stores
            .iter()
            .filter_map(|store| {
                let topic = store.changelog.as_ref()?;
                Some((store, TopicPartition::new(Arc::clone(topic), task.partition)))
            })
            .collect();
        if logged.is_empty() {
            return Ok(());
        }
        let partitions: Vec<_> = logged.iter().map(|(_, partition)| partition.clone()).collect();
        let latest = OffsetQuery::Latest(Isolation::ReadUncommitted);
        let ends = self.admin.offsets(&partitions, latest, ADMIN_TIMEOUT)?;
        let starts = self.admin.offsets(&partitions, OffsetQuery::Earliest, ADMIN_TIMEOUT)?;
        let read = self.read_of_sources(task, &logged)?;
        for (store, partition) in logged {
            let backend = opening.backends.of(&store.place)?;
            let start = starts.get(&partition).copied().unwrap_or(0);
            let mut end = ends.get(&partition).copied().unwrap_or(0);
            if store.is_source {
                // What the application has not read of a source topic is not in its stores either: it comes as input.
                end = read.get(&partition).copied().unwrap_or(0).min(end).max(start);
            }
            let stored = read_offsets(&**backend)?
                .into_iter()
                .find(|stored| stored.topic == *partition.topic && stored.partition == partition.partition);
            let position = stored.map_or(start, |stored| stored.offset);
            if position > end {
                return Err(out_of_range(&partition, position, end));
            }
            if position == end {
                opening.ends.insert(store.name.clone(), position);
                continue;
            }
            let restorer = store.format.restorer(&store.name, backend)?;
            let handle = self.consumer.assign(&partition, position)?;
            opening.changelogs.push(Changelog {
                store: store.name.clone(),
                partition,
                backend: Arc::clone(backend),
                restorer,
                handle,
                position,
                end,
                is_source: store.is_source,
                wait: Wait::default(),
            });
        }
        Ok(())
    }

    fn fetch(&mut self, opening: &mut Opening) -> Result<()> {
        let mut rest = Vec::new();
        let mut failed = None;
        for mut changelog in std::mem::take(&mut opening.changelogs) {
            if failed.is_none() {
                failed = self.fetch_one(opening.request.task, &mut changelog).err();
            }
            if failed.is_none() && changelog.position >= changelog.end {
                // The handle is of no use any more, whatever the answer.
                let _ = self.consumer.unassign(changelog.handle);
                opening.ends.insert(changelog.store, changelog.position);
            } else {
                rest.push(changelog);
            }
        }
        opening.changelogs = rest;
        failed.map_or(Ok(()), Err)
    }

    fn fetch_one(&mut self, task: TaskId, changelog: &mut Changelog) -> Result<()> {
        let from = self.buffer.len();
        self.consumer.fetch(changelog.handle, RESTORE_BATCH, &mut self.buffer)?;
        let mut position = self.consumer.position(changelog.handle)?;
        if changelog.is_source {
            position = position.min(changelog.end);
            let later = |record: &RawRecord| record.offset() >= changelog.end;
            let ahead = self.buffer.iter().skip(from).position(later);
            ahead.into_iter().for_each(|ahead| self.buffer.truncate(from + ahead));
        }
        let fetched = self.buffer.get(from..).unwrap_or_default();
        if fetched.is_empty() && position == changelog.position {
            let Changelog { partition, end, wait, .. } = changelog;
            wait.go_on(self.now, task, || format!("{partition} from offset {position} to {end}"));
            return Ok(());
        }
        changelog.wait = Wait::default();
        let mut batch = Batch::new();
        for record in fetched {
            let Some(key) = record.key() else {
                let (at, offset) = (&changelog.partition, record.offset());
                tracing::warn!(%at, offset, "changelog record without a key skipped");
                continue;
            };
            let headers = record.headers();
            changelog.restorer.restore(key, record.value(), record.timestamp(), &headers, &mut batch)?;
        }
        let keyspace = offsets_keyspace(&*changelog.backend)?;
        let at = &changelog.partition;
        put_offset(&mut batch, keyspace, &at.topic, at.partition, position);
        changelog.backend.write(&batch)?;
        changelog.position = position;
        let restored = u64::try_from(fetched.len()).unwrap_or(0);
        self.counters.restored_records.fetch_add(restored, Ordering::Relaxed);
        Ok(())
    }
}

fn reply(request: &OpenRequest, result: Result<OpenedTask>) {
    // A thread that is gone needs no answer.
    let _ = request.reply.send(OpenReply { task: request.task, number: request.number, result });
    (request.wake)();
}

fn out_of_range(partition: &TopicPartition, position: Offset, end: Offset) -> Error {
    let attempted = format!("restore from {partition} at offset {position}");
    let reason = format!("the changelog ends at {end}; it was deleted or recreated");
    TransportError::new(TransportErrorKind::OffsetOutOfRange, attempted, reason).into()
}
