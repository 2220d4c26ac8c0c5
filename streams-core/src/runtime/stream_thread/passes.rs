//! A stream thread's pass over the records of its tasks: within a budget of time, records and memory (`pace.rs`).

use std::ops::Bound;

use super::StreamThread;
use crate::error::Result;
use crate::ids::TaskId;
use crate::runtime::pace::Budget;
use crate::runtime::partition_group::Done;
use crate::runtime::stats::Doing;
use crate::runtime::task::StreamTask;
use crate::time::Now;

impl StreamThread {
    /// Processes records of the tasks in turn and calls due wall-clock punctuations. A pass that ends early continues with
    /// the next task the next time.
    pub(super) fn process(&mut self, now: Now) -> Result<bool> {
        let budget = self.budget(now);
        self.pace.begin(now.monotonic_ms, budget);
        let mut bytes = self.unwritten_bytes();
        let (mut processed, mut dropped) = (0, 0);
        // When the next turn begins, and what was punctuated until then.
        let mut began = (now.monotonic_ms, self.pace.punctuations());
        for range in turns(self.last_turn).into_iter().flatten() {
            for (id, task) in self.tasks.range_mut(range) {
                let before = task.unwritten_bytes();
                self.pace.turn(bytes.saturating_sub(before));
                self.stats.set_doing(Doing::Processing(*id));
                self.replays.blame(*id);
                let mut done = Done::default();
                if !self.pace.is_over() {
                    self.last_turn = Some(*id);
                    done = task.process(self.limits.records_per_turn, now, &mut self.pace)?;
                    processed += done.processed;
                    dropped += done.dropped;
                }
                // Also when the pass is over, so that a task does not miss its punctuations behind many busy ones.
                if !self.pace.is_long_over() {
                    task.punctuate_wall_clock(now, &mut self.pace)?;
                }
                // Those with nothing to do cost no look at the clock.
                if done.all() > 0 || self.pace.punctuations() != began.1 {
                    let now_ms = self.pace.now_ms();
                    task.measure(done.processed, began, self.pace.punctuations(), now_ms);
                    began = (now_ms, self.pace.punctuations());
                }
                bytes = bytes.saturating_sub(before) + task.unwritten_bytes();
            }
        }
        self.replays.blame_none();
        let busy_ms = self.tasks.values_mut().map(|task| task.meter().busy_ms()).sum();
        self.tasks.values_mut().map(StreamTask::meter).for_each(|meter| meter.pass(busy_ms));
        let (punctuations, punctuated_ms) = self.pace.punctuations();
        self.meter.processed(processed, punctuations, punctuated_ms, self.pace.now_ms());
        if !self.pace.is_over() {
            self.last_turn = None;
        }
        self.is_hungry = processed + dropped == 0;
        self.work += processed + dropped;
        self.stats.add_processed(processed);
        Ok(!self.is_hungry || self.pace.is_over())
    }

    /// When a pass that begins now has to end.
    pub(super) fn pass_end_ms(&self, now: Now) -> i64 {
        self.commit_due_ms().min(now.monotonic_ms.saturating_add(self.limits.pass_ms))
    }

    /// The budget of a pass.
    fn budget(&self, now: Now) -> Budget {
        let pass_ms = self.limits.pass_ms;
        Budget {
            until_ms: self.pass_end_ms(now),
            long_until_ms: now.monotonic_ms.saturating_add(pass_ms.saturating_mul(2)),
            records: self.replays.work_max().saturating_sub(self.work).max(1),
            bytes: self.limits.uncommitted_bytes,
        }
    }
}

/// All tasks, beginning after the one whose turn was last.
fn turns(last: Option<TaskId>) -> [Option<(Bound<TaskId>, Bound<TaskId>)>; 2] {
    match last {
        None => [Some((Bound::Unbounded, Bound::Unbounded)), None],
        Some(last) => {
            [Some((Bound::Excluded(last), Bound::Unbounded)), Some((Bound::Unbounded, Bound::Included(last)))]
        }
    }
}
