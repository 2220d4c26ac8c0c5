//! A stream thread: owns tasks, a consumer and a producer, and moves records through them (`StreamThread`).
//!
//! [`StreamThread::run_once`] does one round: take over and give up tasks, fetch, process, punctuate, commit. It never
//! sleeps, spawns or reads a clock (design D1), so that the production loop, the test driver and a simulator drive the
//! same code.
//!
//! Rules of a round:
//! 1. All of a thread's tasks commit together; a commit that fails takes all of them back to what is committed.
//! 2. Taking back (`reset`) forgets the overlays, gives the open transaction up and opens the tasks again through the
//!    restorer, from what the broker says is committed. It is the only way of repair, whatever went wrong.
//! 3. The producer is registered before any task is opened: that ends what an earlier life of the thread left open, which
//!    the restorer would else wait for until it times out. While something of it is left, no task is opened, but
//!    commands are obeyed.
//! 4. A revoked task is committed and closed before the revocation is answered; a lost one is closed without a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use state_stores::RawEntry;

use super::backends::TaskBackends;
use super::restore::{OpenReply, OpenRequest, OpenedTask, Request};
use super::stats::ThreadStats;
use super::task::{StreamTask, TaskEnvironment, Writes};
use crate::config::StreamsConfig;
use crate::error::{Recovery, Result};
use crate::ids::{Offset, TaskId, TopicName, TopicPartition};
use crate::time::Timestamp;
use crate::transport::{Consumer, OffsetToCommit, PartitionHandle, RawRecord, TransportErrorKind};

/// How long changes may be committed before the database of their task gets them.
const OWED_MAX_MS: i64 = 500;

/// The reciprocal of how much of the memory for what no database has yet may be owed from one commit to the next.
const OWED_FRACTION: usize = 2;

/// What the application's control thread asks of a stream thread.
pub(crate) enum Command {
    /// Run these tasks too.
    Assign(BTreeSet<TaskId>),
    /// Commit and close these, then answer.
    Revoke(BTreeSet<TaskId>, mpsc::Sender<()>),
    /// Close these without a commit, then answer.
    Lose(BTreeSet<TaskId>, mpsc::Sender<()>),
    /// End: everything has been revoked before.
    Stop,
}

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    /// There may be more to do at once.
    Busy,
    /// Nothing to do before a record comes or this time.
    IdleUntil(Timestamp),
    /// The thread was asked to stop.
    Stopped,
}

/// What a thread is made of.
pub(crate) struct ThreadParts {
    pub name: String,
    pub consumer: Box<dyn Consumer>,
    pub environment: TaskEnvironment,
    pub commands: mpsc::Receiver<Command>,
    pub restorer: mpsc::Sender<Request>,
    pub wake_restorer: Arc<dyn Fn() + Send + Sync>,
    pub limits: ThreadLimits,
    pub stats: Arc<ThreadStats>,
}

/// The settings that a thread goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadLimits {
    pub commit_interval_ms: i64,
    pub poll_ms: i64,
    /// `repartition.purge.interval.ms`.
    pub purge_interval_ms: i64,
    /// `buffered.records.per.partition`.
    pub buffered_records: usize,
    /// Records of one task processed before it is the next task's turn.
    pub records_per_turn: usize,
    /// The thread commits early when its stores hold more than this that no database has yet. From half of it
    /// on, a commit owes nothing to the databases.
    pub uncommitted_bytes: usize,
}

impl ThreadLimits {
    /// The limits that the settings describe.
    pub fn new(config: &StreamsConfig) -> Self {
        let threads = config.num_stream_threads().max(1);
        ThreadLimits {
            commit_interval_ms: config.commit_interval_ms(),
            poll_ms: config.poll_ms(),
            purge_interval_ms: config.repartition_purge_interval_ms(),
            buffered_records: config.buffered_records_per_partition().max(1),
            records_per_turn: 1_000,
            uncommitted_bytes: (config.statestore_uncommitted_max_bytes() / threads).max(1),
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
    /// Tasks that the restorer is asked for, each with the number of the request: only its answer counts.
    opening: BTreeMap<TaskId, u64>,
    /// Of these, those that it has not been asked for yet.
    to_open: BTreeMap<TaskId, Option<TaskBackends>>,
    requests: u64,
    last_commit: Timestamp,
    /// In this round.
    has_committed: bool,
    last_purge: Timestamp,
    buffer: Vec<RawRecord>,
    stopped: bool,
    /// The offsets that commits of this thread were answered for: the stores of its tasks hold what led to them.
    answered: BTreeMap<TopicPartition, Offset>,
    /// Sources at whose position the broker had nothing any more, until their tasks run again.
    unreadable: BTreeSet<TopicPartition>,
    /// Rounds in a row that ended in a reset: their pause grows.
    resets: u32,
    resume_at: Timestamp,
    /// Records left out by tasks that have been closed.
    dropped_before: u64,
}

impl StreamThread {
    pub fn new(parts: ThreadParts, now: Timestamp) -> Self {
        StreamThread {
            name: parts.name,
            consumer: parts.consumer,
            environment: parts.environment,
            commands: parts.commands,
            restorer: parts.restorer,
            wake_restorer: parts.wake_restorer,
            opened: mpsc::channel(),
            limits: parts.limits,
            stats: parts.stats,
            tasks: BTreeMap::new(),
            opening: BTreeMap::new(),
            to_open: BTreeMap::new(),
            requests: 0,
            last_commit: now,
            has_committed: false,
            last_purge: now,
            buffer: Vec::new(),
            stopped: false,
            answered: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            resets: 0,
            resume_at: 0,
            dropped_before: 0,
        }
    }

    /// Waits for records or a wake-up.
    pub fn wait(&mut self, timeout: Duration) {
        self.consumer.wait(timeout);
    }

    /// Tells the time at the end of a round: the commit interval begins when the last commit has ended, so that slow commits
    /// do not follow each other without work in between (as `StreamThread.maybeCommit` has it).
    pub fn round_ended(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.has_committed) {
            self.last_commit = now;
        }
    }

    /// One round. An error means that the thread cannot go on.
    pub fn run_once(&mut self, now: Timestamp) -> Result<Round> {
        self.stats.begin_round(now);
        let outcome = self.round(now);
        self.stats.end_round();
        self.stats.set_tasks(self.tasks.len(), self.opening.len());
        self.stats.set_dropped(self.dropped_before + self.dropped_records());
        let Err(error) = outcome else { return outcome };
        match error.recovery() {
            Recovery::StopApplication => {
                // Nothing of the open transaction may become visible.
                self.environment.collector.abandon();
                Err(error)
            }
            Recovery::Retry | Recovery::AbortAndReplay | Recovery::RejoinGroup => {
                tracing::warn!(thread = self.name, %error, "the uncommitted work is dropped and done again");
                self.reset(now)?;
                Ok(Round::Busy)
            }
        }
    }

    fn round(&mut self, now: Timestamp) -> Result<Round> {
        let mut worked = self.obey(now)?;
        if self.stopped {
            return Ok(Round::Stopped);
        }
        if now >= self.resume_at && self.environment.collector.settle(now)? {
            self.request_tasks();
            worked |= self.take_over(now)?;
        }
        let fetched = self.fetch()?;
        let processed = self.process(now)?;
        worked |= fetched || processed;
        self.environment.collector.poll()?;
        let mut requested = false;
        for task in self.tasks.values_mut() {
            requested |= task.take_commit_request();
        }
        if requested || now - self.last_commit >= self.limits.commit_interval_ms || self.is_full() {
            worked |= self.commit(self.due_writes(now), now)?;
            (self.last_commit, self.has_committed) = (now, true);
            self.purge(now);
        }
        Ok(if worked { Round::Busy } else { Round::IdleUntil(self.next_deadline(now)) })
    }

    fn obey(&mut self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        while let Ok(command) = self.commands.try_recv() {
            any = true;
            match command {
                Command::Assign(tasks) => {
                    for task in tasks {
                        self.open(task, None);
                    }
                }
                Command::Revoke(tasks, answer) => {
                    // A commit that fails has closed everything; what it leaves is what was committed before.
                    if let Err(error) = self.commit(Writes::Now, now) {
                        tracing::warn!(thread = self.name, %error, "tasks are given up without their last commit");
                        self.reset(now)?;
                    }
                    self.close(&tasks)?;
                    let _ = answer.send(());
                }
                Command::Lose(tasks, answer) => {
                    // The other tasks share the transaction: none of it may be committed any more.
                    tracing::warn!(
                        thread = self.name,
                        "the group gave tasks away: uncommitted work is dropped"
                    );
                    self.reset(now)?;
                    self.close(&tasks)?;
                    let _ = answer.send(());
                }
                Command::Stop => self.stopped = true,
            }
        }
        Ok(any)
    }

    fn open(&mut self, task: TaskId, backends: Option<TaskBackends>) {
        self.requests += 1;
        self.opening.insert(task, self.requests);
        self.to_open.insert(task, backends);
    }

    /// Asks the restorer for the tasks to open.
    fn request_tasks(&mut self) {
        while let Some((task, backends)) = self.to_open.pop_first() {
            let number = self.opening.get(&task).copied().unwrap_or_default();
            let (reply, wake) = (self.opened.0.clone(), self.consumer.waker());
            // A restorer that is gone is reported by the control thread, which ends the application.
            let (answered, unreadable) = (self.answered.clone(), self.unreadable.clone());
            let request = OpenRequest { task, number, backends, answered, unreadable, reply, wake };
            let _ = self.restorer.send(Request::Open(request));
            (self.wake_restorer)();
        }
    }

    /// Starts the tasks that have been restored.
    fn take_over(&mut self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        while let Ok(OpenReply { task, number, result }) = self.opened.1.try_recv() {
            // The answer to a request from before the task was given up is dropped, its databases with it: others may
            // have worked on the task since.
            if self.opening.get(&task) != Some(&number) {
                continue;
            }
            if let Err(error) = result.and_then(|opened| self.start(task, opened, now)) {
                // If the thread goes on, it asks again.
                self.open(task, None);
                return Err(error);
            }
            self.opening.remove(&task);
            any = true;
        }
        Ok(any)
    }

    fn start(&mut self, id: TaskId, opened: OpenedTask, now: Timestamp) -> Result<()> {
        let mut handles = Vec::with_capacity(opened.sources.len());
        for source in &opened.sources {
            handles.push(self.consumer.assign(&source.partition, source.offset)?);
            self.unreadable.remove(&source.partition);
        }
        let task = StreamTask::new(id, opened, handles, &self.environment, now)?;
        tracing::info!(thread = self.name, task = %id, "task runs");
        self.tasks.insert(id, task);
        Ok(())
    }

    fn fetch(&mut self) -> Result<bool> {
        let room = self.limits.buffered_records;
        let mut any = false;
        // What was sent last comes first, in the order sent, if that order is kept.
        let sent = self.environment.collector.take_order();
        for task in self.tasks.values_mut() {
            for input in task.inputs_in_order(&sent) {
                let buffered = task.buffered(input);
                // Half-empty before it is filled up again: few large batches instead of many small ones.
                if buffered * 2 > room {
                    continue;
                }
                let Some(handle) = task.inputs().get(input).map(|input| input.handle) else { continue };
                let fetched = match self.consumer.fetch(handle, room - buffered, &mut self.buffer) {
                    Ok(fetched) => fetched,
                    Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                        // Deleted before it was read, or the topic is another one: the task is opened again, where its
                        // source says.
                        self.unreadable.extend(task.partition(input).cloned());
                        return Err(error.into_retriable().into());
                    }
                    Err(error) => return Err(error.into()),
                };
                if let Some(input) = task.inputs_mut().get_mut(input) {
                    input.at_end = fetched.at_end;
                }
                any |= fetched.records > 0;
                task.add_records(input, self.buffer.drain(..));
            }
        }
        Ok(any)
    }

    fn process(&mut self, now: Timestamp) -> Result<bool> {
        let mut processed = 0;
        for task in self.tasks.values_mut() {
            processed += task.process(self.limits.records_per_turn, now)?;
            task.punctuate_wall_clock(now)?;
        }
        self.stats.add_processed(processed);
        Ok(processed > 0)
    }

    /// Bytes that no database has yet.
    fn unwritten_bytes(&self) -> usize {
        self.tasks.values().map(|task| task.uncommitted_bytes() + task.owed_bytes()).sum()
    }

    fn is_full(&self) -> bool {
        self.unwritten_bytes() > self.limits.uncommitted_bytes
    }

    /// What an ordinary commit writes to the databases: what would else be too old at the next one, or too much.
    fn due_writes(&self, now: Timestamp) -> Writes {
        if self.unwritten_bytes() > self.limits.uncommitted_bytes / OWED_FRACTION {
            return Writes::Now;
        }
        let next_commit = now.saturating_add(self.limits.commit_interval_ms);
        Writes::OwedSince(next_commit - OWED_MAX_MS)
    }

    /// Commits all tasks together. False when nothing has changed: then nothing is sent.
    fn commit(&mut self, writes: Writes, now: Timestamp) -> Result<bool> {
        let collector = Rc::clone(&self.environment.collector);
        for task in self.tasks.values_mut() {
            task.stage(&collector, writes, now)?;
        }
        let consumer = &self.consumer;
        let position = |handle: PartitionHandle| -> Result<Offset> { Ok(consumer.position(handle)?) };
        let mut offsets: Vec<OffsetToCommit> = Vec::new();
        for task in self.tasks.values() {
            offsets.extend(task.offsets_to_commit(position)?);
        }
        if offsets.is_empty() && !collector.is_open() {
            self.tasks.values_mut().try_for_each(StreamTask::write)?;
            return Ok(false);
        }
        collector.commit(&offsets)?;
        let markers = collector.markers_per_commit();
        if markers > 0 {
            for offset in &offsets {
                self.answered.insert(offset.partition.clone(), offset.offset);
            }
        }
        for task in self.tasks.values_mut() {
            task.committed(&offsets, markers)?;
        }
        self.resets = 0;
        self.stats.add_commit();
        Ok(true)
    }

    /// Lets the broker delete what has been processed of repartition topics.
    fn purge(&mut self, now: Timestamp) {
        if now - self.last_purge < self.limits.purge_interval_ms {
            return;
        }
        self.last_purge = now;
        let before: Vec<_> =
            self.tasks.values().flat_map(StreamTask::committed_repartition_offsets).collect();
        if !before.is_empty() {
            let _ = self.restorer.send(Request::Purge(before));
        }
    }

    /// Commits whatever the interval says.
    pub fn commit_now(&mut self, now: Timestamp) -> Result<()> {
        self.commit(self.due_writes(now), now).map(|_| ())
    }

    /// A store's handle, of that task or of the first that has it.
    pub fn store<S: Clone + 'static>(&self, name: &str, task: Option<TaskId>) -> Option<S> {
        let mut tasks = self.tasks.iter().filter(|(id, _)| task.is_none_or(|wanted| wanted == **id));
        tasks.find_map(|(_, task)| task.store(name))
    }

    /// The content of the stores of every task that runs now.
    pub fn store_entries(&self) -> Result<Vec<(String, Vec<RawEntry>)>> {
        let all: Result<Vec<_>> = self.tasks.values().map(StreamTask::store_entries).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    /// Records left out by the tasks that run now.
    pub fn dropped_records(&self) -> u64 {
        self.tasks.values().map(StreamTask::dropped_records).sum()
    }

    /// The topics that records were sent to.
    pub fn topics_written(&self) -> Vec<TopicName> {
        self.environment.collector.topics_written()
    }

    /// Rule 2: back to what is committed.
    fn reset(&mut self, now: Timestamp) -> Result<()> {
        self.environment.collector.abandon();
        // A fetch that failed may have left records of a partition here.
        self.buffer.clear();
        let tasks = std::mem::take(&mut self.tasks);
        for (id, task) in tasks {
            let backends = self.close_task(task)?;
            self.open(id, Some(backends));
        }
        self.resets = self.resets.saturating_add(1);
        // A broker that is away must not be asked in a tight loop.
        self.resume_at = now + i64::from(self.resets.min(20)) * 50 - 50;
        Ok(())
    }

    fn close(&mut self, tasks: &BTreeSet<TaskId>) -> Result<()> {
        for id in tasks {
            self.opening.remove(id);
            self.to_open.remove(id);
            if let Some(task) = self.tasks.remove(id) {
                self.close_task(task)?;
                tracing::info!(thread = self.name, task = %id, "task closed");
            }
        }
        Ok(())
    }

    fn close_task(&mut self, task: StreamTask) -> Result<TaskBackends> {
        self.dropped_before += task.dropped_records();
        let (backends, handles) = task.close();
        for handle in handles {
            self.consumer.unassign(handle)?;
        }
        Ok(backends)
    }

    fn next_deadline(&mut self, now: Timestamp) -> Timestamp {
        let commit = self.last_commit + self.limits.commit_interval_ms;
        let punctuations = self.tasks.values_mut().filter_map(StreamTask::next_wall_clock_punctuation);
        let due = punctuations.min().unwrap_or(Timestamp::MAX).min(commit).min(now + self.limits.poll_ms);
        due.max(now + 1)
    }
}

#[cfg(test)]
mod tests;
