//! How often a stream thread may drop its uncommitted work and do it again before that is an error (`Replays`).
//!
//! Rules:
//! 1. Replays in a row, without a commit in between that wrote something, are bounded by `task.timeout.ms` (KIP-572): then
//!    the last cause ends the application. So there is no work that is dropped and done again forever.
//! 2. That goes for the thread, and for each task of it: one that cannot be committed is not saved by commits of the others.
//!    A task's series continues when its work was dropped, or when it was what failed, and ends with a commit of its own.
//! 3. A row that dropped no work, as of an idle thread whose broker is away, ends as well when the thread has caught up
//!    with its sources. One that did ends there only if nothing goes wrong for another `task.timeout.ms`.
//! 4. Each replay halves the number of records that the next commit may have, or divides it by how much too long the work
//!    took; each commit that was quick doubles it: whatever makes a commit too large to succeed (user code that is slower
//!    than the transaction's time-out, caches that are flushed into slow code), it becomes small enough, down to one record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ids::TaskId;
use crate::runtime::waits::{Waiting, Waits};
use crate::time::from_ms;

/// From here on, records per commit are not limited.
const UNLIMITED: usize = 1 << 20;

/// The longest pause before the next try, in steps of [`PAUSE_MS`].
const PAUSES_MAX: i64 = 19;

/// How much longer each pause of a row is than the one before.
const PAUSE_MS: i64 = 50;

/// Work that is dropped.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    /// Records.
    pub records: usize,
    /// Whether something was sent, perhaps without one.
    pub is_open: bool,
    /// The tasks whose work it is.
    pub tasks: BTreeSet<TaskId>,
    /// How many times longer than it should have it took.
    pub times_too_long: usize,
}

/// Replays in a row.
#[derive(Debug)]
struct Row {
    count: i64,
    since_ms: i64,
    last_ms: i64,
    /// Whether records had been processed, or something sent.
    dropped_work: bool,
    /// Whether all was caught up since the last one.
    caught_up: bool,
    waiting: Waiting,
}

impl Row {
    fn new(now_ms: i64, waiting: Waiting) -> Self {
        Row { count: 0, since_ms: now_ms, last_ms: now_ms, dropped_work: false, caught_up: false, waiting }
    }

    /// Whether the next replay begins another row.
    fn is_over(&self, now_ms: i64, timeout_ms: i64) -> bool {
        self.caught_up && now_ms - self.last_ms > timeout_ms
    }

    fn replay(&mut self, now_ms: i64, dropped_work: bool) {
        self.count += 1;
        self.last_ms = now_ms;
        self.caught_up = false;
        self.dropped_work |= dropped_work;
    }

    fn is_too_long(&self, timeout_ms: i64) -> bool {
        self.count > 1 && self.last_ms - self.since_ms > timeout_ms
    }

    /// Everything is processed and nothing was to be committed. Whether that ends the row.
    fn catch_up(&mut self) -> bool {
        self.waiting.end();
        self.caught_up = true;
        !self.dropped_work
    }

    fn describe(&self, cause: &Error) -> String {
        let count = self.count;
        format!("a commit; its uncommitted work was dropped {count} times in a row, at last because: {cause}")
    }
}

/// What a thread knows of its replays.
pub(super) struct Replays {
    thread: String,
    /// `task.timeout.ms`.
    timeout_ms: i64,
    waits: Arc<Waits>,
    row: Option<Row>,
    tasks: BTreeMap<TaskId, Row>,
    /// The task that failed.
    blamed: Option<TaskId>,
    work_max: usize,
}

impl Replays {
    pub fn new(thread: String, timeout_ms: i64, waits: Arc<Waits>) -> Self {
        let (row, tasks, blamed) = (None, BTreeMap::new(), None);
        Replays { thread, timeout_ms, waits, row, tasks, blamed, work_max: UNLIMITED }
    }

    /// What goes wrong next is this task's.
    pub fn blame(&mut self, task: TaskId) {
        self.blamed = Some(task);
    }

    /// The next failure is not a task's.
    pub fn blame_none(&mut self) {
        self.blamed = None;
    }

    /// Counts a replay. The error is that it has happened for too long; otherwise it returns how long the thread should
    /// pause, in milliseconds.
    pub fn dropped(&mut self, now_ms: i64, mut work: Dropped, cause: Error) -> Result<i64> {
        let Dropped { records, is_open, .. } = work;
        if records > 0 {
            self.work_max = (self.work_max.min(records) / work.times_too_long.max(2)).max(1);
        }
        let has_worked = work.tasks.clone();
        work.tasks.extend(self.blamed.take());
        let timeout_ms = self.timeout_ms;
        self.row.take_if(|row| row.is_over(now_ms, timeout_ms));
        let waits = || self.waits.of(format!("thread {}", self.thread));
        let row = self.row.get_or_insert_with(|| Row::new(now_ms, waits()));
        row.replay(now_ms, records > 0 || is_open);
        let what = row_of(&work.tasks) + &row.describe(&cause);
        row.waiting.update(now_ms, || what);
        let (mut count, mut too_long) = (row.count, None);
        let is_alone = row.count == 1;
        for task in work.tasks {
            let waits = || self.waits.of(format!("task {task} of thread {}", self.thread));
            if self.tasks.get(&task).is_some_and(|row| row.is_over(now_ms, timeout_ms)) {
                self.tasks.remove(&task);
            }
            let row = self.tasks.entry(task).or_insert_with(|| Row::new(now_ms, waits()));
            row.replay(now_ms, has_worked.contains(&task));
            // Else the thread tells it for all of them.
            if is_alone && row.count > 1 {
                let what = row.describe(&cause);
                row.waiting.update(now_ms, || what);
            }
            count = count.max(row.count);
            if row.is_too_long(timeout_ms) {
                too_long.get_or_insert((Some(task), row.count, now_ms - row.since_ms));
            }
        }
        let of_thread = self.row.as_ref().filter(|row| row.is_too_long(timeout_ms));
        let of_thread = of_thread.map(|row| (None, row.count, now_ms - row.since_ms));
        if let Some((task, replays, waited_ms)) = too_long.or(of_thread) {
            let (thread, replays) = (self.thread.clone(), replays.unsigned_abs());
            let (waited, cause) = (from_ms(waited_ms), Box::new(cause));
            return Err(Error::NoProgress { thread, task, replays, waited, cause });
        }
        Ok((count - 1).min(PAUSES_MAX) * PAUSE_MS)
    }

    /// A commit was answered that wrote something; its work may have taken as long as it should.
    pub fn committed(&mut self, is_quick: bool) {
        if is_quick {
            self.work_max = self.work_max.saturating_mul(2).min(UNLIMITED);
        }
        self.row = None;
    }

    /// Something of that task was in it.
    pub fn committed_of(&mut self, task: TaskId) {
        self.tasks.remove(&task);
    }

    /// Everything is processed and there was nothing to commit.
    pub fn caught_up(&mut self) {
        self.row.take_if(Row::catch_up);
    }

    /// All of that task is processed and there was nothing of it to commit.
    pub fn caught_up_of(&mut self, task: TaskId) {
        if self.tasks.get_mut(&task).is_some_and(Row::catch_up) {
            self.tasks.remove(&task);
        }
    }

    /// A task runs again. Time in which it was opened for very long does not count, for its thread neither.
    pub fn opened(&mut self, task: TaskId, now_ms: i64) {
        for row in self.tasks.get_mut(&task).into_iter().chain(&mut self.row) {
            if now_ms - row.last_ms > self.timeout_ms {
                row.since_ms = now_ms;
            }
        }
    }

    /// The thread has lost those tasks.
    pub fn forget(&mut self, tasks: &BTreeSet<TaskId>) {
        self.keep(|task| !tasks.contains(&task));
    }

    /// The thread has no other tasks than these.
    pub fn keep(&mut self, is_kept: impl Fn(TaskId) -> bool) {
        self.tasks.retain(|task, _| is_kept(*task));
    }

    /// Whether nothing was dropped that is still to be committed.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Records that may be processed from one commit to the next.
    pub fn work_max(&self) -> usize {
        if self.work_max >= UNLIMITED { usize::MAX } else { self.work_max }
    }
}

/// Whose row it is, if that is one task's.
fn row_of(tasks: &BTreeSet<TaskId>) -> String {
    match (tasks.first(), tasks.len()) {
        (Some(task), 1) => format!("task {task} to be part of "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Recovery;
    use crate::runtime::waits::Waits;

    fn replays() -> (Replays, Arc<Waits>) {
        let waits = Arc::new(Waits::default());
        (Replays::new("thread-1".to_owned(), 1_000, Arc::clone(&waits)), waits)
    }

    fn work(records: usize, is_open: bool) -> Dropped {
        Dropped { records, is_open, tasks: BTreeSet::new(), times_too_long: 0 }
    }

    fn of_tasks(partitions: &[i32]) -> Dropped {
        let tasks = partitions.iter().map(|partition| TaskId::new(0, *partition)).collect();
        Dropped { records: 1, is_open: true, tasks, times_too_long: 0 }
    }

    fn cause() -> Error {
        Error::TaskMigrated { reason: "a test".to_owned() }
    }

    #[test]
    fn replays_in_a_row_end_in_an_error_that_names_the_last_cause() {
        let (mut replays, waits) = replays();
        let mut pauses = Vec::new();
        for now_ms in [0, 400, 800] {
            pauses.push(replays.dropped(now_ms, work(10, true), cause()).expect("not for long yet"));
        }
        assert_eq!(pauses, [0, 50, 100]);
        assert!(waits.reasons()[0].what.contains("dropped 3 times in a row"), "{:?}", waits.reasons());
        let error = replays.dropped(1_200, work(10, true), cause()).expect_err("for too long");
        assert_eq!(error.recovery(), Recovery::Stop);
        let text = error.to_string();
        assert!(
            text.contains("thread-1") && text.contains("a test") && text.contains("task.timeout.ms"),
            "{text}"
        );
    }

    #[test]
    fn a_commit_ends_the_row() {
        let (mut replays, waits) = replays();
        for now_ms in [0, 900, 1_800, 2_700, 3_600] {
            assert_eq!(replays.dropped(now_ms, work(10, true), cause()).expect("a row of one"), 0);
            replays.committed(true);
            assert_eq!(waits.reasons(), []);
        }
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_may_lose_its_broker_again_and_again() {
        let (mut replays, _) = replays();
        for now_ms in (0..10).map(|n| n * 900) {
            replays.dropped(now_ms, work(0, false), cause()).expect("it caught up in between");
            replays.caught_up();
        }
    }

    #[test]
    fn dropped_work_is_done_again_by_a_commit_and_not_by_having_caught_up() {
        let (mut replays, _) = replays();
        let mut errors = 0;
        for now_ms in (0..3).map(|n| n * 600) {
            errors += i32::from(replays.dropped(now_ms, work(0, true), cause()).is_err());
            replays.caught_up();
        }
        assert_eq!(errors, 1, "a punctuation that fails again and again");
        // Long after.
        assert_eq!(replays.dropped(10_000, work(0, true), cause()).expect("another row"), 0);
    }

    #[test]
    fn a_commit_that_is_too_large_becomes_smaller() {
        let (mut replays, _) = replays();
        assert_eq!(replays.work_max(), usize::MAX);
        let mut limits = Vec::new();
        for records in [1_000, 500, 200, 3, 1] {
            replays.dropped(0, work(records, true), cause()).expect("no time passes");
            limits.push(replays.work_max());
        }
        assert_eq!(limits, [500, 250, 100, 1, 1]);
        (0..10).for_each(|_| replays.committed(true));
        let long = Dropped { times_too_long: 40, ..work(800, true) };
        replays.dropped(0, long, cause()).expect("no time passes");
        replays.committed(false);
        assert_eq!(replays.work_max(), 20);
        (0..20).for_each(|_| replays.committed(true));
        assert_eq!(replays.work_max(), usize::MAX);
    }

    #[test]
    fn a_task_is_not_saved_by_commits_of_the_others() {
        let (mut replays, waits) = replays();
        let (stuck, other) = (TaskId::new(0, 0), TaskId::new(0, 1));
        let mut errors = Vec::new();
        for now_ms in [0, 400, 800, 1_200] {
            errors.extend(replays.dropped(now_ms, of_tasks(&[0, 1]), cause()).err());
            replays.committed(true);
            replays.committed_of(other);
        }
        let told: Vec<_> = waits.reasons().iter().map(ToString::to_string).collect();
        assert!(told[0].starts_with("task 0_0 of thread thread-1 waits for a commit"), "{told:?}");
        assert_eq!(errors.len(), 1);
        let text = errors[0].to_string();
        assert!(text.contains("task 0_0") && text.contains("4 times within 1200 ms"), "{text}");
        replays.committed_of(stuck);
        assert_eq!(waits.reasons(), []);
        assert!(replays.is_empty());
    }

    #[test]
    fn a_task_that_fails_before_it_has_worked_is_known_by_that() {
        let (mut replays, _) = replays();
        let (stuck, other) = (TaskId::new(0, 0), TaskId::new(0, 1));
        let mut last = Ok(0);
        for now_ms in [0, 600, 1_200] {
            replays.blame(stuck);
            last = replays.dropped(now_ms, of_tasks(&[1]), cause());
            replays.committed(true);
            replays.committed_of(other);
        }
        assert!(last.is_err_and(|error| error.to_string().contains("task 0_0")));
        // It was all there was: nothing of it to be committed.
        replays.caught_up_of(stuck);
        assert!(replays.is_empty());
    }

    /// Ended the application before: a second failure long after the first, with nothing but a restore in between.
    #[test]
    fn time_in_which_tasks_are_opened_is_no_failure_of_their_thread() {
        let (mut replays, _) = replays();
        replays.dropped(0, of_tasks(&[0]), cause()).expect("the first");
        replays.forget(&[TaskId::new(0, 0)].into());
        replays.opened(TaskId::new(0, 1), 5_000);
        replays.dropped(5_500, of_tasks(&[1]), cause()).expect("it has run for half a second");
        replays.opened(TaskId::new(0, 1), 5_600);
        replays.dropped(6_200, of_tasks(&[1]), cause()).expect_err("for too long");
    }

    #[test]
    fn a_task_that_takes_long_to_open_gets_its_time() {
        let (mut replays, _) = replays();
        let stuck = TaskId::new(0, 0);
        replays.dropped(0, of_tasks(&[0]), cause()).expect("the first");
        replays.committed(true);
        replays.opened(stuck, 5_000);
        replays.dropped(5_500, of_tasks(&[0]), cause()).expect("it has run for half a second");
        replays.committed(true);
        replays.opened(stuck, 5_600);
        replays.dropped(6_200, of_tasks(&[0]), cause()).expect_err("for too long");
    }
}
