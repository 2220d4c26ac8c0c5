//! Opens tasks: rebuilds their stores from changelogs and finds where to continue reading.
//!
//! It runs on a thread of its own, one per instance, so that a restore delays no other task. `run_once` does one round
//! and never sleeps. For each task, in this order:
//! 1. *Opening*: opens the databases, then requests the changelogs' bounds, once for all tasks in this phase and with an
//!    answer for each partition, and decides whether their rows can be used. The end is the high watermark: a transaction
//!    whose markers are still to come is waited for, otherwise its changes would be missed.
//! 2. *Fetching*: applies committed changelog records from there, in batches that also hold the offset, until the
//!    position has reached the end. Positions pass over markers, aborted and compacted records, so that a tail without
//!    visible records neither ends a restore early nor holds it up.
//! 3. *Finishing*: requests the committed source offsets, once for all tasks in this phase, and answers the stream
//!    threads.
//!
//! Local state that no longer fits its changelog is emptied and filled again, store by store, with a warning; if
//! the changelog is the one that was lost, the task is refused (decision 0017). A damaged database is put aside. One with
//! a commit that the broker has answered and then taken back (decision 0008) is deleted.

mod fetch;
mod finish;
pub(super) mod identity;
mod open;
mod questions;
mod repair;
mod source_offsets;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc;
use std::time::Duration;

use state_stores::{BackendRef, DiskMemory, Restore};

use self::questions::Questions;
use self::wait::OpeningWait;
use super::application_plan::ApplicationPlan;
use super::backends::TaskBackends;
use super::quiet::{Quiet, QuietSource};
use super::restore_listener::RestoreListener;
use super::state_cleaner::StateCleaner;
use super::state_directory::StateDirectory;
use super::waits::Waits;
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::{Offset, StoreName, TaskId, TopicPartition};
use crate::serde::TopicPartitionMetadata;
use crate::time::{Now, OnceAMinute, Timestamp};
use crate::transport::{Admin, Consumer, PartitionHandle, RawRecord};

/// The time-out of one request to the broker. Short, as the restores of other tasks stand still meanwhile.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The time-out of deleting processed records of repartition topics: what is not deleted now is deleted next time.
const PURGE_TIMEOUT: Duration = Duration::from_secs(1);

/// The pause before a failed request is retried: the first, and the longest.
const RETRY_MS: i64 = 100;
const RETRY_MAX_MS: i64 = 5_000;

/// What to do about such a wait.
pub(super) const HANGING: &str = "a transaction that has not ended holds it back; it ends by itself, at the latest after its \
                       producer's transaction.timeout.ms and the next commit or start of that producer; if it does not, \
                       find it with `kafka-transactions.sh find-hanging` and end it with `kafka-transactions.sh abort`";

/// Records applied in one batch.
const RESTORE_BATCH: usize = 4_096;

/// A stream thread's request to open a task.
pub(crate) struct OpenRequest {
    pub task: TaskId,
    /// Returned with the answer.
    pub number: u64,
    /// The databases of a task that is opened again without being closed.
    pub backends: Option<TaskBackends>,
    /// Offsets of the thread's answered commits: the task's databases hold what led to them.
    pub answered: Arc<BTreeMap<TopicPartition, Offset>>,
    /// Sources at whose position the broker no longer had records.
    pub unreadable: BTreeSet<TopicPartition>,
    pub reply: mpsc::Sender<OpenReply>,
    /// Ends the thread's wait.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Requests of stream threads to the restorer.
pub(crate) enum Request {
    /// Open a task.
    Open(OpenRequest),
    /// Cancels a task: it is released, with its databases, however far its restore has come.
    Cancel(TaskId),
    /// Deletes the records of repartition topics before these offsets: all of them are processed.
    Purge(Vec<(TopicPartition, Offset)>),
    /// The quiet sources of a thread.
    Quiet(String, Vec<QuietSource>),
}

/// The answer.
pub(crate) struct OpenReply {
    pub task: TaskId,
    /// The request's.
    pub number: u64,
    pub result: Result<OpenedTask>,
}

/// Where a task continues reading a source partition.
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
    pub changelog_ends: BTreeMap<StoreName, Offset>,
    pub sources: Vec<SourceStart>,
    /// The changelog records applied.
    pub restored: u64,
}

/// Counts what restoring did; shared with the application.
#[derive(Debug, Default)]
pub(crate) struct RestoreCounters {
    pub restored_records: AtomicU64,
    pub wiped_tasks: AtomicU64,
}

struct Changelog {
    store: StoreName,
    partition: TopicPartition,
    backend: BackendRef,
    restorer: Box<dyn Restore>,
    /// None until its turn comes: a source topic may be the changelog of several stores, and is read for one after the other.
    handle: Option<PartitionHandle>,
    position: Offset,
    /// Records applied.
    restored: u64,
    end: Offset,
    /// Whether it is a source topic: what comes after `end` is input that is still to be processed.
    is_source: bool,
    /// Whether the broker has let it be read since it was assigned.
    is_readable: bool,
}

/// In the order in which a task passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Its databases must be opened.
    Opening,
    /// They are open; the broker must be asked about the changelogs.
    Asking,
    Fetching,
    Finishing,
}

struct Opening {
    request: OpenRequest,
    phase: Phase,
    backends: TaskBackends,
    changelogs: Vec<Changelog>,
    ends: BTreeMap<StoreName, Offset>,
    /// The changelog records applied so far.
    restored: u64,
    /// Monotonic.
    not_before: i64,
    /// Consecutive failed attempts.
    failures: u32,
    wait: OpeningWait,
    /// For how long its directory was not in use before it was opened; forever if unknown.
    untouched_ms: Option<i64>,
    /// Stores all of whose rows come from this opening: they were not left alone, however often it begins again.
    fresh: BTreeSet<StoreName>,
    /// Whether it was counted as rebuilt.
    is_rebuilt: bool,
}

impl Opening {
    /// Schedules another attempt, after a growing pause.
    fn retry_later(&mut self, monotonic_ms: i64) {
        let pause = RETRY_MS.saturating_mul(1 << self.failures.min(10)).min(RETRY_MAX_MS);
        self.failures = self.failures.saturating_add(1);
        self.not_before = monotonic_ms + pause;
    }
}

/// Opens the tasks of one instance.
pub(crate) struct Restorer {
    plan: Arc<ApplicationPlan>,
    config: Arc<StreamsConfig>,
    directory: Option<Arc<StateDirectory>>,
    cleaner: Option<StateCleaner>,
    memory: DiskMemory,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    questions: Questions,
    quiet: Quiet,
    requests: mpsc::Receiver<Request>,
    counters: Arc<RestoreCounters>,
    listener: RestoreListener,
    waits: Arc<Waits>,
    tasks: Vec<Opening>,
    /// Tasks whose damaged databases were put aside, and when: that does not help a database that is damaged again at once.
    put_aside: BTreeMap<TaskId, i64>,
    /// The committed offsets that were warned of because they no longer exist.
    not_there: BTreeMap<TopicPartition, Offset>,
    /// Changelog records without a key.
    without_key: OnceAMinute,
    buffer: Vec<RawRecord>,
    /// Wall clock.
    now: Timestamp,
    monotonic_ms: i64,
}

/// The parts of a restorer.
pub(crate) struct RestorerParts {
    pub plan: Arc<ApplicationPlan>,
    pub config: Arc<StreamsConfig>,
    pub directory: Option<Arc<StateDirectory>>,
    pub memory: DiskMemory,
    pub consumer: Box<dyn Consumer>,
    pub admin: Box<dyn Admin>,
    pub requests: mpsc::Receiver<Request>,
    pub counters: Arc<RestoreCounters>,
    pub listener: RestoreListener,
    pub waits: Arc<Waits>,
}

impl Restorer {
    pub fn new(parts: RestorerParts) -> Self {
        let RestorerParts {
            plan,
            config,
            directory,
            memory,
            consumer,
            admin,
            requests,
            counters,
            listener,
            waits,
        } = parts;
        let cleaner = directory
            .as_ref()
            .map(|directory| StateCleaner::new(Arc::clone(directory), config.state_cleanup_delay_ms()));
        Restorer {
            plan,
            config,
            directory,
            cleaner,
            memory,
            consumer,
            admin,
            questions: Questions::default(),
            quiet: Quiet::default(),
            requests,
            counters,
            listener,
            waits,
            tasks: Vec::new(),
            put_aside: BTreeMap::new(),
            not_there: BTreeMap::new(),
            without_key: OnceAMinute::default(),
            buffer: Vec::new(),
            now: 0,
            monotonic_ms: 0,
        }
    }

    /// How many tasks are being opened.
    #[cfg(test)]
    pub fn restoring(&self) -> usize {
        self.tasks.len()
    }

    /// Waits for changelog records or a new request.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// Ends a wait from another thread.
    pub fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.consumer.waker()
    }

    /// One round over all tasks. True if anything was done. An error concerns the whole application's state.
    pub fn run_once(&mut self, now: Now) -> Result<bool> {
        self.now = now.wall_ms;
        self.monotonic_ms = now.monotonic_ms;
        // The control thread, which does so as well, may be in a call that takes long.
        self.waits.update(now.monotonic_ms);
        let mut worked = self.accept();
        worked |= self.open_some();
        self.ask();
        self.each_in(Phase::Fetching, |restorer, opening| {
            restorer.fetch(opening)?;
            worked |= !restorer.buffer.is_empty();
            restorer.buffer.clear();
            Ok(())
        });
        self.buffer.clear();
        worked |= self.finish();
        self.quiet.check(&mut *self.admin, self.monotonic_ms);
        let opening: BTreeSet<TaskId> = self.tasks.iter().map(|opening| opening.request.task).collect();
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.clean_if_due(now, &opening)?;
        }
        self.listener.check()?;
        Ok(worked)
    }

    fn accept(&mut self) -> bool {
        let mut any = false;
        while let Ok(request) = self.requests.try_recv() {
            any = true;
            match request {
                Request::Open(request) => self.accept_open(request),
                Request::Cancel(task) => self.cancel(task),
                Request::Quiet(thread, sources) => self.quiet.tell(thread, sources, &self.waits),
                Request::Purge(before) => {
                    if let Err(error) = self.admin.delete_records(&before, PURGE_TIMEOUT) {
                        tracing::debug!(%error, "processed records of repartition topics are kept for now");
                    }
                }
            }
        }
        any
    }

    fn accept_open(&mut self, request: OpenRequest) {
        // A task that was given up and comes back, perhaps to another thread, begins again: an instance that had it in
        // between has moved its changelogs' ends.
        if let Some(at) = self.tasks.iter().position(|opening| opening.request.task == request.task) {
            let mut known = self.tasks.swap_remove(at);
            self.begin_again(&mut known);
            known.request = request;
            known.not_before = 0;
            self.tasks.push(known);
            return;
        }
        let waiting = self.waits.of(format!("task {}", request.task));
        self.tasks.push(Opening {
            request,
            phase: Phase::Opening,
            backends: TaskBackends::default(),
            changelogs: Vec::new(),
            ends: BTreeMap::new(),
            restored: 0,
            not_before: 0,
            failures: 0,
            wait: OpeningWait::new(waiting),
            untouched_ms: None,
            fresh: BTreeSet::new(),
            is_rebuilt: false,
        });
    }

    fn cancel(&mut self, task: TaskId) {
        let Some(at) = self.tasks.iter().position(|opening| opening.request.task == task) else { return };
        let mut opening = self.tasks.swap_remove(at);
        self.begin_again(&mut opening);
        tracing::info!(%task, "the restore of the task is cancelled: it was released");
    }

    /// Stops reading for a task; what it has read is in its databases.
    fn begin_again(&mut self, opening: &mut Opening) {
        for changelog in std::mem::take(&mut opening.changelogs) {
            self.stop_reading(changelog.handle);
            let Changelog { partition, store, restored, .. } = &changelog;
            self.listener.call(|listener| listener.on_restore_suspended(partition, store, *restored));
        }
        opening.ends.clear();
        opening.phase = Phase::Opening;
    }

    fn stop_reading(&mut self, handle: Option<PartitionHandle>) {
        // The handle is useless now, whatever the answer.
        let _ = handle.map(|handle| self.consumer.unassign(handle));
    }

    /// Advances each due task of that phase by one step.
    fn each_in(&mut self, phase: Phase, mut step: impl FnMut(&mut Self, &mut Opening) -> Result<()>) {
        let mut kept = Vec::with_capacity(self.tasks.len());
        for mut opening in std::mem::take(&mut self.tasks) {
            if opening.phase != phase || self.monotonic_ms < opening.not_before {
                kept.push(opening);
                continue;
            }
            match step(self, &mut opening) {
                Ok(()) => kept.push(opening),
                Err(error) => self.after_error(opening, error, &mut kept),
            }
        }
        self.tasks = kept;
    }
}

fn reply(request: &OpenRequest, result: Result<OpenedTask>) {
    // A thread that is gone needs no answer.
    let _ = request.reply.send(OpenReply { task: request.task, number: request.number, result });
    (request.wake)();
}

#[cfg(test)]
mod tests;
