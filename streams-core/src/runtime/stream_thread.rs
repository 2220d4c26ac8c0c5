//! A stream thread: owns tasks, a consumer and a producer, and moves records through them (`StreamThread`).
//!
//! [`StreamThread::run_once`] does one round: open and release tasks, fetch, process, punctuate, commit. It never
//! sleeps or spawns, and gets the time and the clock as arguments, so that the production loop, the test driver and a
//! simulator drive the same code.
//!
//! Rules of a round:
//! 1. All of a thread's tasks commit together; a failed commit takes all of them back to what is committed.
//! 2. A `reset` drops the overlays, aborts the open transaction and opens the tasks again through the restorer, from what
//!    the broker says is committed. It is the only way of repair, whatever went wrong, and it is bounded (`replays.rs`).
//! 3. The producer is registered before any task is opened: that ends what an earlier run of the thread left open, for
//!    which the restorer would otherwise wait until it times out. While something is left, no task is opened, but commands
//!    are handled.
//! 4. A revoked task is committed and closed before the revocation is answered; a lost one is closed without a commit.
//! 5. A round has a budget of time, not of records (`passes.rs`). Intervals are judged by the monotonic clock.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Add;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use self::puts_off::PutsOff;
use self::recommits::Recommits;
use self::replays::{Dropped, Replays};
use super::backends::TaskBackends;
use super::measures::ThreadMeter;
use super::memory::BufferedBytes;
use super::pace::Pace;
use super::refusals::{ReadTopics, Refusals};
use super::restore::{OpenReply, Request};
use super::stats::{Doing, DroppedRecords, ThreadStats};
use super::task::{StreamTask, TaskEnvironment, WriteTiming};
use super::topic_watch::metadata_max_age_ms;
use super::waits::Waits;
use crate::config::StreamsConfig;
use crate::error::{Error, Recovery, Result};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::time::{ClockRef, Now, OnceAMinute};
use crate::transport::{Consumer, OffsetToCommit, PartitionHandle, RawRecord};

mod commands;
mod fetching;
mod opening;
mod passes;
mod puts_off;
mod quiet;
mod recommits;
mod replays;

/// How long committed changes may wait before they are written to their task's database.
const DEFERRED_MAX_MS: i64 = 500;

/// The reciprocal of the part of the memory for unwritten changes that may be pending from one commit to the next.
const OWED_FRACTION: usize = 2;

/// Commands of the control thread to a stream thread.
pub(crate) enum Command {
    /// Run these tasks too.
    Assign(BTreeSet<TaskId>),
    /// Commit and close these, then answer.
    Revoke(BTreeSet<TaskId>, mpsc::Sender<()>),
    /// Close these without a commit, then answer; with why they are lost.
    Lose(BTreeSet<TaskId>, String, mpsc::Sender<()>),
    /// Close everything without a commit: the tasks were given up while the thread was in one round for too long. Then it
    /// may get tasks again.
    Expelled,
    /// End: everything has been revoked before.
    Stop,
}

/// The result of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// There may be more to do at once.
    Busy,
    /// Nothing to do before a record comes, or for this many milliseconds.
    IdleFor(u64),
    /// The thread was asked to stop.
    Stopped,
}

/// The parts of a thread.
pub(crate) struct ThreadParts {
    pub name: String,
    pub consumer: Box<dyn Consumer>,
    pub environment: TaskEnvironment,
    pub commands: mpsc::Receiver<Command>,
    pub restorer: mpsc::Sender<Request>,
    pub wake_restorer: Arc<dyn Fn() + Send + Sync>,
    pub limits: ThreadLimits,
    pub stats: Arc<ThreadStats>,
    pub waits: Arc<Waits>,
    pub read: Arc<ReadTopics>,
    /// Whether nothing is processed and punctuated for now.
    pub paused: Arc<AtomicBool>,
    pub clock: ClockRef,
}

/// The settings of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadLimits {
    pub commit_interval_ms: i64,
    pub poll_ms: i64,
    /// `repartition.purge.interval.ms`.
    pub purge_interval_ms: i64,
    /// `buffered.records.per.partition`.
    pub buffered_records: usize,
    pub buffered: BufferedBytes,
    /// Records of one task processed before it is the next task's turn.
    pub records_per_turn: usize,
    /// The thread commits early when its stores hold more than this that no database has yet, together with what it
    /// remembers of refused results. From half of it on, a commit defers no writes.
    pub uncommitted_bytes: usize,
    /// The longest time of a pass over the records, whenever the next commit is.
    pub pass_ms: i64,
    /// A transaction is committed when it may have been open for this long, whatever the interval.
    pub transaction_ms: i64,
    /// `task.timeout.ms`.
    pub task_timeout_ms: i64,
    /// `offsets.recommit.interval.ms`.
    pub recommit_ms: i64,
    /// `metadata.max.age.ms`.
    pub metadata_ms: i64,
}

impl ThreadLimits {
    /// The limits that the settings describe.
    pub fn new(config: &StreamsConfig, buffered: BufferedBytes) -> Self {
        let threads = config.num_stream_threads().max(1);
        let transaction_ms = if config.exactly_once() { config.transaction_timeout_ms() } else { i64::MAX };
        ThreadLimits {
            commit_interval_ms: config.commit_interval_ms(),
            poll_ms: config.poll_ms(),
            purge_interval_ms: config.repartition_purge_interval_ms(),
            buffered_records: config.buffered_records_per_partition().max(1),
            buffered,
            records_per_turn: 1_000,
            uncommitted_bytes: (config.statestore_uncommitted_max_bytes() / threads).max(1),
            pass_ms: (transaction_ms.min(config.max_poll_interval_ms()) / 4).max(1),
            transaction_ms: (transaction_ms / 2).max(1),
            task_timeout_ms: config.task_timeout_ms(),
            recommit_ms: config.offsets_recommit_interval_ms(),
            metadata_ms: metadata_max_age_ms(config),
        }
    }
}

/// A stream thread.
pub(crate) struct StreamThread {
    name: String,
    consumer: Box<dyn Consumer>,
    environment: TaskEnvironment,
    commands: mpsc::Receiver<Command>,
    restorer: mpsc::Sender<Request>,
    wake_restorer: Arc<dyn Fn() + Send + Sync>,
    opened: (mpsc::Sender<OpenReply>, mpsc::Receiver<OpenReply>),
    limits: ThreadLimits,
    stats: Arc<ThreadStats>,
    tasks: BTreeMap<TaskId, StreamTask>,
    /// Tasks requested from the restorer, each with the number of the request: only its answer counts.
    opening: BTreeMap<TaskId, u64>,
    /// Of these, those whose requests are not sent yet.
    to_open: BTreeMap<TaskId, Option<TaskBackends>>,
    /// Answers of the restorer.
    ready: VecDeque<OpenReply>,
    requests: u64,
    /// By the monotonic clock, as the next ones.
    last_commit: i64,
    /// In this round.
    has_committed: bool,
    last_purge: i64,
    /// Offsets up to which repartition topics may be deleted at the next purge.
    to_purge: Vec<(TopicPartition, Offset)>,
    /// When the sinks' partitions were last requested.
    last_counted: i64,
    buffer: Vec<RawRecord>,
    stopped: bool,
    pace: Pace,
    /// The task whose turn was the last one of a pass that ended early.
    last_turn: Option<TaskId>,
    /// The task after which fetching continues, if there was no room for all.
    last_fetch: Option<TaskId>,
    /// Whether the last pass found nothing to process.
    is_hungry: bool,
    /// Records processed since the last commit.
    work: usize,
    /// The offsets of this thread's answered commits: the stores of its tasks hold what led to them.
    answered: Arc<BTreeMap<TopicPartition, Offset>>,
    /// Sources at whose position the broker no longer had records, until their tasks run again.
    unreadable: BTreeSet<TopicPartition>,
    replays: Replays,
    puts_off: PutsOff,
    recommits: Recommits,
    refusals: Refusals,
    paused: Arc<AtomicBool>,
    resume_at: i64,
    /// When the restorer last got the list of quiet sources, and whether there were any.
    reported_quiet_at: i64,
    has_reported_quiet: bool,
    /// What is remembered of refused results until they are committed.
    left_out_bytes: Rc<Cell<usize>>,
    /// Records dropped by tasks that have been closed.
    dropped_before: DroppedRecords,
    /// How often work was dropped and repeated.
    repeated: OnceAMinute,
    meter: ThreadMeter,
}

impl StreamThread {
    pub fn new(parts: ThreadParts) -> Self {
        let now_ms = parts.clock.monotonic_ms();
        let started_at = parts.clock.now_ms();
        let meter =
            ThreadMeter::new(&parts.environment.metrics, &parts.name, &parts.stats, started_at, now_ms);
        let waits = Arc::clone(&parts.waits);
        let left_out_bytes = parts.environment.collector.left_out_bytes();
        StreamThread {
            replays: Replays::new(parts.name.clone(), parts.limits.task_timeout_ms, waits),
            puts_off: PutsOff::new(&parts.name, &parts.waits, parts.limits.task_timeout_ms),
            recommits: Recommits::new(parts.limits.recommit_ms),
            refusals: Refusals::new(&parts.name, &parts.waits, parts.read, parts.limits.task_timeout_ms),
            paused: parts.paused,
            name: parts.name,
            consumer: parts.consumer,
            environment: parts.environment,
            commands: parts.commands,
            restorer: parts.restorer,
            wake_restorer: parts.wake_restorer,
            opened: mpsc::channel(),
            limits: parts.limits,
            pace: Pace::new(parts.clock, Arc::clone(&parts.stats), Rc::clone(&left_out_bytes)),
            left_out_bytes,
            stats: parts.stats,
            tasks: BTreeMap::new(),
            opening: BTreeMap::new(),
            to_open: BTreeMap::new(),
            ready: VecDeque::new(),
            requests: 0,
            last_commit: now_ms,
            has_committed: false,
            last_purge: now_ms,
            to_purge: Vec::new(),
            last_counted: now_ms,
            buffer: Vec::new(),
            stopped: false,
            last_turn: None,
            last_fetch: None,
            is_hungry: true,
            work: 0,
            answered: Arc::default(),
            unreadable: BTreeSet::new(),
            resume_at: now_ms,
            reported_quiet_at: now_ms,
            has_reported_quiet: false,
            dropped_before: Default::default(),
            repeated: OnceAMinute::default(),
            meter,
        }
    }

    /// Waits for records or a wake-up.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// Tells the time at the end of a round: the commit interval begins when the last commit has ended, so that slow commits
    /// do not follow each other without work in between (as `StreamThread.maybeCommit` has it).
    pub fn round_ended(&mut self, now: Now) {
        self.meter.round_ended(now.monotonic_ms);
        if std::mem::take(&mut self.has_committed) {
            self.last_commit = now.monotonic_ms;
        }
    }

    /// One round. An error means that the thread cannot continue.
    pub fn run_once(&mut self, now: Now) -> Result<Round> {
        self.stats.begin_round();
        let outcome = self.round(now);
        self.stats.end_round();
        self.stats.set_doing(Doing::Serving);
        self.stats.set_tasks(self.tasks.len(), self.opening.len());
        self.stats.set_dropped(self.dropped_before + self.dropped_records());
        let Err(error) = outcome else { return outcome };
        match error.recovery() {
            Recovery::Stop => {
                // Nothing of the open transaction may become visible.
                self.abort();
                Err(error)
            }
            Recovery::Repair => {
                // A series of them is a wait as well, which is logged at growing intervals (`replays.rs`).
                if let Some(so_far) = self.repeated.count(now.monotonic_ms) {
                    let thread = &self.name;
                    tracing::warn!(thread, %error, so_far, "the uncommitted work is dropped and repeated");
                }
                self.reset(error)?;
                Ok(Round::Busy)
            }
        }
    }

    /// Aborts the open transaction: whatever becomes of the thread, others must not wait for it.
    pub fn abort(&mut self) {
        self.environment.collector.abort();
    }

    fn round(&mut self, now: Now) -> Result<Round> {
        self.environment.collector.begin_round(now.monotonic_ms);
        let mut worked = self.handle_commands(now)?;
        if self.stopped {
            return Ok(Round::Stopped);
        }
        self.receive_opened();
        if now.monotonic_ms >= self.resume_at
            && self.environment.collector.clear_leftovers(now.monotonic_ms)?
        {
            self.request_tasks();
            worked |= self.start_restored(now)?;
        }
        let fetched = self.fetch()?;
        self.meter.polled(self.pace.now_ms());
        let processed = !self.is_paused() && self.process(now)?;
        worked |= fetched || processed;
        self.environment.collector.poll()?;
        let mut requested = false;
        for task in self.tasks.values_mut() {
            requested |= task.take_commit_request();
        }
        // A pass may have taken long.
        let now = Now { monotonic_ms: self.pace.now_ms(), ..now };
        self.meter.skip(now.monotonic_ms);
        requested |= self.work >= self.replays.work_max();
        if requested || now.monotonic_ms >= self.commit_due_ms() || self.is_full() {
            let committed = self.commit(self.due_writes(now), now)?;
            if committed {
                self.meter.committed(self.tasks.len(), self.pace.now_ms());
            }
            worked |= committed;
            self.last_commit = now.monotonic_ms;
            self.has_committed = true;
            self.purge(now);
            if now.monotonic_ms - self.last_counted >= self.limits.metadata_ms {
                self.last_counted = now.monotonic_ms;
                self.environment.collector.ask_partitions_again();
            }
        }
        Ok(if worked { Round::Busy } else { Round::IdleFor(self.idle_ms(now)) })
    }

    /// Whether nothing is to be processed for now (KIP-834); fetching, opening of tasks and commits continue.
    fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// When the next commit is due, by the monotonic clock.
    fn commit_due_ms(&self) -> i64 {
        let interval_ms = if self.environment.collector.is_open() {
            self.limits.commit_interval_ms.min(self.limits.transaction_ms)
        } else {
            self.limits.commit_interval_ms
        };
        self.last_commit
            .saturating_add(self.puts_off.pause_ms().map_or(interval_ms, |ms| ms.min(interval_ms)))
    }

    fn open(&mut self, task: TaskId, backends: Option<TaskBackends>) {
        self.requests += 1;
        self.opening.insert(task, self.requests);
        self.to_open.insert(task, backends);
    }

    /// Bytes that no database has yet.
    fn unwritten_bytes(&self) -> usize {
        self.tasks.values().map(StreamTask::unwritten_bytes).sum()
    }

    /// Whether a commit would free memory that is needed.
    fn is_full(&self) -> bool {
        self.unwritten_bytes() + self.left_out_bytes.get() > self.limits.uncommitted_bytes
    }

    /// What an ordinary commit writes to the databases: changes that would be too old at the next one, or too many.
    fn due_writes(&self, now: Now) -> WriteTiming {
        if self.unwritten_bytes() > self.limits.uncommitted_bytes / OWED_FRACTION {
            return WriteTiming::Now;
        }
        let next_commit = now.monotonic_ms.saturating_add(self.limits.commit_interval_ms);
        WriteTiming::DeferredSince(next_commit - DEFERRED_MAX_MS)
    }

    /// Commits all tasks together. False when nothing has changed: then nothing is sent.
    fn commit(&mut self, writes: WriteTiming, now: Now) -> Result<bool> {
        self.stats.set_doing(Doing::Committing);
        let collector = Rc::clone(&self.environment.collector);
        for (id, task) in &mut self.tasks {
            self.replays.blame(*id);
            task.stage(&collector, writes, now)?;
        }
        self.replays.blame_none();
        let is_open = collector.is_open();
        let consumer = &self.consumer;
        let position = |handle: PartitionHandle| -> Result<Offset> { Ok(consumer.position(handle)?) };
        let mut offsets: Vec<OffsetToCommit> = Vec::new();
        // The end of each task's offsets.
        let mut ends = Vec::with_capacity(self.tasks.len());
        for task in self.tasks.values() {
            offsets.extend(task.offsets_to_commit(is_open, now, position)?);
            ends.push(offsets.len());
        }
        if offsets.is_empty() && !is_open {
            self.tasks.values_mut().try_for_each(StreamTask::write)?;
            if self.opening.is_empty() && self.tasks.values().all(StreamTask::is_caught_up) {
                self.replays.caught_up();
            }
            self.ends_of_replays(|_| false);
            return Ok(false);
        }
        match collector.commit(&offsets) {
            // What was sent stays sent, and the next commit has its offsets.
            Err(error) if collector.may_be_put_off(&error) => {
                return self.puts_off.put_off(now.monotonic_ms, error).map(|()| false);
            }
            committed => committed?,
        }
        self.puts_off.committed();
        let markers = collector.markers_per_commit();
        if markers > 0 {
            let answered = Arc::make_mut(&mut self.answered);
            for offset in &offsets {
                answered.insert(offset.partition.clone(), offset.offset);
            }
        }
        let mut begin = 0;
        let mut written = BTreeSet::new();
        for ((id, task), end) in self.tasks.iter_mut().zip(ends) {
            let next_ms = self.recommits.next(now.monotonic_ms);
            let of_task = offsets.get(begin..end).unwrap_or_default();
            if !of_task.is_empty() {
                written.insert(*id);
            }
            self.replays.blame(*id);
            task.committed(of_task, markers, next_ms)?;
            begin = end;
        }
        self.replays.blame_none();
        let took_ms = self.pace.now_ms() - self.last_commit;
        self.replays.committed(took_ms <= self.limits.pass_ms);
        self.ends_of_replays(|task| written.contains(&task));
        self.work = 0;
        self.stats.add_commit();
        Ok(true)
    }

    /// After a commit that included those tasks: which of them have nothing left to repeat.
    fn ends_of_replays(&mut self, is_written: impl Fn(TaskId) -> bool) {
        if self.replays.is_empty() {
            return;
        }
        for (id, task) in &self.tasks {
            if is_written(*id) {
                self.replays.committed_of(*id);
            } else if task.is_caught_up() {
                self.replays.caught_up_of(*id);
            }
        }
    }

    /// Makes the broker delete processed records of repartition topics.
    fn purge(&mut self, now: Now) {
        if now.monotonic_ms - self.last_purge < self.limits.purge_interval_ms {
            return;
        }
        self.last_purge = now.monotonic_ms;
        let committed = self.tasks.values().flat_map(StreamTask::committed_repartition_offsets).collect();
        // What was committed at the last look: a broker may take back an answered commit (decision 0008), but not for so
        // long.
        let before: Vec<_> = std::mem::replace(&mut self.to_purge, committed);
        if !before.is_empty() {
            // A restorer that is gone is reported by the control thread, which ends the application.
            let _ = self.restorer.send(Request::Purge(before));
        }
    }

    /// Commits whatever the interval says.
    #[cfg(any(test, feature = "testing"))]
    pub fn commit_now(&mut self, now: Now) -> Result<()> {
        self.commit(self.due_writes(now), now).map(|_| ())
    }

    /// A store's handle, of that task or of the first that has it.
    #[cfg(any(test, feature = "testing"))]
    pub fn store<S: Clone + 'static>(&self, name: &str, task: Option<TaskId>) -> Option<S> {
        let mut tasks = self.tasks.iter().filter(|(id, _)| task.is_none_or(|wanted| wanted == **id));
        tasks.find_map(|(_, task)| task.store(name))
    }

    /// The content of the stores of every task that runs now.
    #[cfg(any(test, feature = "testing"))]
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<state_stores::RawEntry>)>> {
        let all: Result<Vec<_>> = self.tasks.values().map(StreamTask::store_entries).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// Records dropped by the running tasks.
    pub fn dropped_records(&self) -> DroppedRecords {
        let tasks = self.tasks.values().map(StreamTask::dropped_records);
        tasks.fold(self.environment.collector.dropped_records(), Add::add)
    }

    /// The topics that records were sent to.
    #[cfg(any(test, feature = "testing"))]
    pub fn topics_written(&self) -> Vec<crate::ids::TopicName> {
        self.environment.collector.topics_written()
    }

    /// Goes back to what is committed (rule 2 of the module).
    fn reset(&mut self, cause: Error) -> Result<()> {
        let now_ms = self.pace.now_ms();
        let is_open = self.environment.collector.is_open();
        self.abort();
        self.puts_off.committed();
        // A fetch that failed may have left records of a partition here.
        self.buffer.clear();
        let mut work = Dropped {
            records: std::mem::take(&mut self.work),
            is_open,
            tasks: BTreeSet::new(),
            times_too_long: usize::try_from((now_ms - self.last_commit) / self.limits.pass_ms).unwrap_or(0),
        };
        let tasks = std::mem::take(&mut self.tasks);
        for (id, task) in tasks {
            if task.has_worked() {
                work.tasks.insert(id);
            }
            let backends = self.close_task(task)?;
            self.open(id, Some(backends));
        }
        // A broker that is away must not be asked in a tight loop.
        let pause_ms = self.replays.dropped(now_ms, work, cause)?;
        self.resume_at = now_ms.saturating_add(pause_ms);
        Ok(())
    }

    fn close(&mut self, tasks: &BTreeSet<TaskId>) -> Result<()> {
        let mut closed = Vec::new();
        for id in tasks {
            if self.opening.remove(id).is_some() && self.to_open.remove(id).is_none() {
                // Its databases must be free before others get the task. A restorer that is gone has none open.
                let _ = self.restorer.send(Request::Cancel(*id));
                (self.wake_restorer)();
            }
            for partition in self.environment.plan.subtopology(*id)?.partitions_of(*id) {
                self.refusals.forget(&partition);
            }
            if let Some(task) = self.tasks.remove(id) {
                closed.push(self.close_task(task)?);
                tracing::info!(thread = self.name, task = %id, "task closed");
            }
        }
        TaskBackends::close_at_once(closed);
        Ok(())
    }

    fn close_task(&mut self, task: StreamTask) -> Result<TaskBackends> {
        self.dropped_before += task.dropped_records();
        self.meter.task_closed(self.pace.now_ms());
        self.recommits.remember(task.recommits());
        let (backends, handles) = task.close();
        for handle in handles {
            self.consumer.unassign(handle)?;
        }
        Ok(backends)
    }

    /// How long nothing is due, in milliseconds.
    fn idle_ms(&mut self, now: Now) -> u64 {
        let commit_ms = self.commit_due_ms().saturating_sub(now.monotonic_ms);
        let is_paused = self.is_paused();
        let punctuations = self.tasks.values_mut().filter_map(StreamTask::next_wall_clock_punctuation);
        let next = punctuations.min().filter(|_| !is_paused);
        let punctuation_ms = next.map_or(i64::MAX, |due| due.saturating_sub(now.wall_ms));
        let idle_ms = commit_ms.min(punctuation_ms).min(self.limits.poll_ms);
        u64::try_from(idle_ms).unwrap_or(0).max(1)
    }
}

#[cfg(test)]
mod tests;
