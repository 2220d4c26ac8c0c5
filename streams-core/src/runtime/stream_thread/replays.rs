//! How often a stream thread may drop its uncommitted work and do it again before that is an error (`Replays`).
//!
//! Rules:
//! 1. Replays in a row, without a commit in between that wrote something, are bounded by `task.timeout.ms` (KIP-572): then
//!    the last cause ends the application. So there is no work that is dropped and done again for ever.
//! 2. A row that dropped no work, as of an idle thread whose broker is away, ends as well when the thread has caught up
//!    with its sources. One that did ends there only if nothing goes wrong for another `task.timeout.ms`.
//! 3. Each replay halves the number of records that the next commit may have, each commit doubles it: whatever makes a
//!    commit too large to succeed (user code that is slower than the transaction's time-out, caches that are flushed into
//!    slow code), it becomes small enough, down to one record.

use crate::error::{Error, Result};
use crate::runtime::waits::Waiting;

/// From here on, records per commit are not limited.
const UNLIMITED: usize = 1 << 20;

/// The longest pause before the next try, in steps of [`PAUSE_MS`].
const PAUSES_MAX: i64 = 19;

/// How much longer each pause of a row is than the one before.
const PAUSE_MS: i64 = 50;

/// Replays in a row.
#[derive(Clone, Copy, Debug)]
struct Row {
    count: i64,
    since_ms: i64,
    last_ms: i64,
    /// Whether records had been processed, or something sent.
    dropped_work: bool,
    /// Whether the thread had caught up since the last one.
    caught_up: bool,
}

/// What a thread knows of its replays.
pub(super) struct Replays {
    thread: String,
    /// `task.timeout.ms`.
    timeout_ms: i64,
    row: Option<Row>,
    work_max: usize,
    waiting: Waiting,
}

impl Replays {
    pub fn new(thread: String, timeout_ms: i64, waiting: Waiting) -> Self {
        Replays { thread, timeout_ms, row: None, work_max: UNLIMITED, waiting }
    }

    /// Work is dropped: so many records, and perhaps what was sent without one. The error is that it has happened for too
    /// long; else it is for how long the thread shall pause, in milliseconds.
    pub fn dropped(&mut self, now_ms: i64, records: usize, is_open: bool, cause: Error) -> Result<i64> {
        let fresh =
            Row { count: 0, since_ms: now_ms, last_ms: now_ms, dropped_work: false, caught_up: false };
        let mut row = match self.row {
            Some(row) if !row.caught_up || now_ms - row.last_ms <= self.timeout_ms => row,
            _ => fresh,
        };
        row.count += 1;
        (row.last_ms, row.caught_up) = (now_ms, false);
        row.dropped_work |= records > 0 || is_open;
        self.row = Some(row);
        if records > 0 {
            self.work_max = (self.work_max.min(records) / 2).max(1);
        }
        self.waiting.go_on(now_ms, || {
            format!(
                "a commit; its uncommitted work was dropped {} times in a row, at last because: {cause}",
                row.count
            )
        });
        let waited_ms = now_ms - row.since_ms;
        if row.count > 1 && waited_ms > self.timeout_ms {
            let (thread, replays) = (self.thread.clone(), row.count.unsigned_abs());
            return Err(Error::NoProgress { thread, replays, waited_ms, source: Box::new(cause) });
        }
        Ok((row.count - 1).min(PAUSES_MAX) * PAUSE_MS)
    }

    /// A commit was answered that wrote something.
    pub fn committed(&mut self) {
        self.work_max = self.work_max.saturating_mul(2).min(UNLIMITED);
        if self.row.take().is_some() {
            self.waiting.end();
        }
    }

    /// Everything is processed and there was nothing to commit.
    pub fn caught_up(&mut self) {
        match &mut self.row {
            Some(row) if row.dropped_work => row.caught_up = true,
            row => *row = None,
        }
        self.waiting.end();
    }

    /// Records that may be processed from one commit to the next.
    pub fn work_max(&self) -> usize {
        if self.work_max >= UNLIMITED { usize::MAX } else { self.work_max }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::error::Recovery;
    use crate::runtime::waits::Waits;

    fn replays() -> (Replays, Arc<Waits>) {
        let waits = Arc::new(Waits::default());
        (Replays::new("thread-1".to_owned(), 1_000, waits.of("thread-1")), waits)
    }

    fn cause() -> Error {
        Error::TaskMigrated { reason: "a test".to_owned() }
    }

    #[test]
    fn replays_in_a_row_end_in_an_error_that_names_the_last_cause() {
        let (mut replays, waits) = replays();
        let mut pauses = Vec::new();
        for now_ms in [0, 400, 800] {
            pauses.push(replays.dropped(now_ms, 10, true, cause()).expect("not for long yet"));
        }
        assert_eq!(pauses, [0, 50, 100]);
        assert!(waits.reasons()[0].what.contains("dropped 3 times in a row"), "{:?}", waits.reasons());
        let error = replays.dropped(1_200, 10, true, cause()).expect_err("for too long");
        assert_eq!(error.recovery(), Recovery::StopApplication);
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
            assert_eq!(replays.dropped(now_ms, 10, true, cause()).expect("a row of one"), 0);
            replays.committed();
            assert_eq!(waits.reasons(), []);
        }
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_may_lose_its_broker_again_and_again() {
        let (mut replays, _) = replays();
        for now_ms in (0..10).map(|n| n * 900) {
            replays.dropped(now_ms, 0, false, cause()).expect("it caught up in between");
            replays.caught_up();
        }
    }

    #[test]
    fn dropped_work_is_done_again_by_a_commit_and_not_by_having_caught_up() {
        let (mut replays, _) = replays();
        let mut errors = 0;
        for now_ms in (0..3).map(|n| n * 600) {
            errors += i32::from(replays.dropped(now_ms, 0, true, cause()).is_err());
            replays.caught_up();
        }
        assert_eq!(errors, 1, "a punctuation that fails again and again");
        // Long after.
        assert_eq!(replays.dropped(10_000, 0, true, cause()).expect("another row"), 0);
    }

    #[test]
    fn a_commit_that_is_too_large_becomes_smaller() {
        let (mut replays, _) = replays();
        assert_eq!(replays.work_max(), usize::MAX);
        let mut work = Vec::new();
        for records in [1_000, 500, 200, 3, 1] {
            replays.dropped(0, records, true, cause()).expect("no time passes");
            work.push(replays.work_max());
        }
        assert_eq!(work, [500, 250, 100, 1, 1]);
        (0..20).for_each(|_| replays.committed());
        assert_eq!(replays.work_max(), usize::MAX);
    }
}
