//! Counters that threads write and the application reads.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::ids::{PartitionId, TaskId};
pub(crate) use crate::processor::DroppedRecords;

/// The work of one stream thread. Its thread writes once a round, not once a record.
#[derive(Debug, Default)]
pub(crate) struct ThreadStats {
    processed: AtomicU64,
    /// Dropped records by reason.
    dropped: Mutex<DroppedRecords>,
    commits: AtomicU64,
    running: AtomicUsize,
    opening: AtomicUsize,
    /// Twice the number of finished rounds, plus one within a round.
    round: AtomicU64,
    /// Whether the thread should end its pass over the records as soon as it can.
    hurry: AtomicBool,
    /// Whether the thread was expelled: its tasks were given up, because it was in one round for too long.
    expelled: AtomicBool,
    /// What the thread is doing, in case it hangs.
    at: AtomicU64,
    /// Whether a topic that it reads was reported missing since the last check.
    missing_topic: AtomicBool,
    /// Whether it has done a round.
    started: AtomicBool,
    ended: AtomicBool,
    failed: AtomicBool,
    /// The error that it ended with, if another thread is to take its place.
    replaceable: Mutex<Option<Arc<Error>>>,
}

/// A stream thread's state, as Kafka Streams tells it (`StreamThread.State`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// It has no tasks yet.
    Starting,
    /// Some of its tasks are being restored.
    PartitionsAssigned,
    /// All of its tasks run.
    Running,
    /// It has ended.
    Dead,
}

impl ThreadState {
    /// Kafka Streams' number of it (KIP-1091).
    pub fn number(self) -> f64 {
        match self {
            ThreadState::Starting => 1.0,
            ThreadState::PartitionsAssigned => 3.0,
            ThreadState::Running => 4.0,
            ThreadState::Dead => 6.0,
        }
    }

    /// Whether it runs or waits for its tasks, as `alive-stream-threads` has it.
    pub fn is_alive(self) -> bool {
        matches!(self, ThreadState::PartitionsAssigned | ThreadState::Running)
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ThreadState::Starting => "STARTING",
            ThreadState::PartitionsAssigned => "PARTITIONS_ASSIGNED",
            ThreadState::Running => "RUNNING",
            ThreadState::Dead => "DEAD",
        })
    }
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It handles commands, opens or closes tasks, or fetches.
    #[default]
    Serving,
    /// It runs user code: a task's records or punctuations.
    Processing(TaskId),
    /// It commits, including the flush of caches.
    Committing,
}

impl Doing {
    const COMMITTING: u64 = u64::MAX;

    // No task has the numbers of the other two: sub-topologies are counted from 0 and far below these.
    fn to_bits(self) -> u64 {
        match self {
            Doing::Serving => 0,
            Doing::Committing => Self::COMMITTING,
            Doing::Processing(task) => {
                let partition = u64::from(u32::try_from(task.partition).unwrap_or(0));
                ((u64::from(task.subtopology) + 1) << 32) | partition
            }
        }
    }

    fn of_bits(bits: u64) -> Self {
        let (subtopology, partition) = (bits >> 32, bits & u64::from(u32::MAX));
        match (bits, u32::try_from(subtopology), PartitionId::try_from(partition)) {
            (0, ..) => Doing::Serving,
            (bits, Ok(subtopology), Ok(partition)) if bits != Self::COMMITTING => {
                Doing::Processing(TaskId::new(subtopology.saturating_sub(1), partition))
            }
            _ => Doing::Committing,
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doing::Serving => write!(f, "opening or closing tasks, or fetching"),
            Doing::Processing(task) => write!(f, "processing a record or a punctuation of task {task}"),
            Doing::Committing => write!(f, "committing"),
        }
    }
}

impl ThreadStats {
    /// Begins a round.
    pub fn begin_round(&self) {
        self.hurry.store(false, Ordering::Relaxed);
        self.round.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends a round.
    pub fn end_round(&self) {
        self.round.fetch_add(1, Ordering::Relaxed);
        self.started.store(true, Ordering::Relaxed);
    }

    /// The thread has ended, with an error or without.
    pub fn end(&self, failed: bool) {
        self.set_tasks(0, 0);
        self.failed.store(failed, Ordering::Relaxed);
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Another thread is to take its place, which ended with that error.
    pub fn replace(&self, error: Error) {
        *self.replaceable.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(error));
    }

    /// The error that it ended with, if another thread is to take its place.
    pub fn replaceable_after(&self) -> Option<Arc<Error>> {
        self.replaceable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it has ended with an error.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Its state.
    pub fn state(&self) -> ThreadState {
        if self.ended.load(Ordering::Relaxed) {
            ThreadState::Dead
        } else if self.opening() > 0 {
            ThreadState::PartitionsAssigned
        } else if self.started.load(Ordering::Relaxed) {
            ThreadState::Running
        } else {
            ThreadState::Starting
        }
    }

    /// The number of the current round; `None` between two rounds.
    pub fn in_round(&self) -> Option<u64> {
        let round = self.round.load(Ordering::Relaxed);
        (round % 2 == 1).then_some(round)
    }

    /// Asks the thread to end its pass over the records: a command waits, or the pass is long.
    pub fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    /// Whether the thread was asked to end its pass.
    #[inline]
    pub fn is_hurried(&self) -> bool {
        self.hurry.load(Ordering::Relaxed)
    }

    /// Expels the thread: its tasks are given up, and its work since the last commit must not be committed.
    pub fn expel(&self) {
        self.expelled.store(true, Ordering::SeqCst);
    }

    /// The thread has noticed, and dropped its tasks.
    pub fn readmit(&self) {
        self.expelled.store(false, Ordering::SeqCst);
    }

    /// Whether the thread is expelled and has not noticed yet.
    pub fn is_expelled(&self) -> bool {
        self.expelled.load(Ordering::SeqCst)
    }

    /// Records what the thread is doing; once a turn of a task, not once a record.
    pub fn set_doing(&self, doing: Doing) {
        self.at.store(doing.to_bits(), Ordering::Relaxed);
    }

    /// What the thread was doing last.
    pub fn doing(&self) -> Doing {
        Doing::of_bits(self.at.load(Ordering::Relaxed))
    }

    pub fn add_processed(&self, records: usize) {
        self.processed.fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
    }

    pub fn set_dropped(&self, records: DroppedRecords) {
        *self.dropped.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }

    /// Records that a topic of the thread was reported missing.
    pub fn note_missing_topic(&self) {
        self.missing_topic.store(true, Ordering::Relaxed);
    }

    /// Whether a topic was reported missing since the last call.
    pub fn take_missing_topic(&self) -> bool {
        self.missing_topic.swap(false, Ordering::Relaxed)
    }

    pub fn add_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn set_tasks(&self, running: usize, opening: usize) {
        self.running.store(running, Ordering::Release);
        self.opening.store(opening, Ordering::Release);
    }

    pub fn processed(&self) -> u64 {
        self.processed.load(Ordering::Relaxed)
    }

    pub fn dropped(&self) -> DroppedRecords {
        *self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Running tasks; none for an expelled thread.
    pub fn running(&self) -> usize {
        if self.is_expelled() { 0 } else { self.running.load(Ordering::Acquire) }
    }

    pub fn opening(&self) -> usize {
        self.opening.load(Ordering::Acquire)
    }
}

/// The counters of an application since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Records taken from source topics and processed (`process-total`).
    pub processed_records: u64,
    /// Dropped records: nulls, late records, errors that a handler skipped (`dropped-records-total`), including those of
    /// global tables.
    pub dropped_records: u64,
    /// The same by reason; `dropped_records` is their sum.
    pub dropped: DroppedRecords,
    /// Commits that wrote something (`commit-total`).
    pub commits: u64,
    /// Changelog records applied to rebuild state (`restore-total`).
    pub restored_records: u64,
    /// Tasks whose local state was deleted because it no longer fitted its changelog.
    pub wiped_tasks: u64,
    /// Tasks that are running now.
    pub running_tasks: usize,
    /// Tasks that are being restored now.
    pub restoring_tasks: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_is_at_can_be_asked_by_others() {
        let stats = ThreadStats::default();
        assert_eq!(stats.doing(), Doing::Serving);
        let tasks = [TaskId::new(0, 0), TaskId::new(0, 7), TaskId::new(12, PartitionId::MAX)];
        for doing in tasks.map(Doing::Processing).into_iter().chain([Doing::Committing, Doing::Serving]) {
            stats.set_doing(doing);
            assert_eq!(stats.doing(), doing);
        }
    }

    #[test]
    fn a_round_has_a_number_while_it_lasts() {
        let stats = ThreadStats::default();
        assert_eq!(stats.in_round(), None);
        stats.begin_round();
        let first = stats.in_round();
        assert!(first.is_some());
        stats.end_round();
        assert_eq!(stats.in_round(), None);
        stats.begin_round();
        assert!(stats.in_round() > first);
    }
}
