//! Commits of at-least-once that are put off (`PutsOff`): the group does not take offsets for now, or a broker does not
//! acknowledge in time. Nothing is given up for that: what was sent stays sent, and the next commit has its offsets. It is
//! tried again soon, named while it lasts, and an error when it has lasted for `task.timeout.ms`.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::runtime::waits::{Waiting, Waits};
use crate::time::{OnceAMinute, from_ms};

/// When a commit that was put off is tried again.
const AGAIN_MS: i64 = 500;

/// What a thread knows of its commits that were put off in a row.
pub(super) struct PutsOff {
    thread: String,
    timeout_ms: i64,
    waiting: Waiting,
    is_put_off: bool,
    series: OnceAMinute,
}

impl PutsOff {
    pub fn new(thread: &str, waits: &Arc<Waits>, timeout_ms: i64) -> Self {
        let waiting = waits.of(format!("thread {thread}"));
        PutsOff {
            thread: thread.to_owned(),
            timeout_ms,
            waiting,
            is_put_off: false,
            series: OnceAMinute::default(),
        }
    }

    /// A commit is put off. The error is that none was possible for too long.
    pub fn put_off(&mut self, now_ms: i64, cause: Error) -> Result<()> {
        let is_first = !std::mem::replace(&mut self.is_put_off, true);
        if is_first && let Some(so_far) = self.series.count(now_ms) {
            tracing::warn!(thread = self.thread, %cause, so_far, "the commit is put off");
        }
        let waited_ms = self.waiting.update(now_ms, || format!("a commit, which is put off: {cause}"));
        // As with replays, the first is free: with a limit of 0, each rebalance would end the application.
        if is_first || waited_ms < self.timeout_ms {
            return Ok(());
        }
        let (thread, waited) = (self.thread.clone(), from_ms(waited_ms));
        Err(Error::NoCommit { thread, waited, cause: Box::new(cause) })
    }

    /// A commit was answered, or its work was given up.
    pub fn committed(&mut self) {
        if std::mem::take(&mut self.is_put_off) {
            self.waiting.end();
        }
    }

    /// The pause before the next try, if one was put off.
    pub fn pause_ms(&self) -> Option<i64> {
        self.is_put_off.then_some(AGAIN_MS)
    }
}
