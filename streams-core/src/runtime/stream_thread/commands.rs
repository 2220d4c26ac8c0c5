//! Commands of the control thread to a stream thread.

use std::collections::BTreeSet;
use std::sync::mpsc;

use super::{Command, StreamThread};
use crate::error::{Error, Result};
use crate::ids::TaskId;
use crate::runtime::task::WriteTiming;
use crate::time::Now;

impl StreamThread {
    /// Handles pending commands; returns whether there were any.
    pub(super) fn handle_commands(&mut self, now: Now) -> Result<bool> {
        let mut any = false;
        loop {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(mpsc::TryRecvError::Empty) => break,
                Err(mpsc::TryRecvError::Disconnected) => {
                    // The membership in the group is no longer kept: nothing may be committed.
                    tracing::warn!(
                        thread = self.name,
                        "the control thread has ended: uncommitted work is dropped"
                    );
                    self.abort();
                    Command::Stop
                }
            };
            any = true;
            match command {
                Command::Assign(tasks) => {
                    // After an expulsion, the tasks that come back continue their series of replays. Those that run now are
                    // not in the command, and continue theirs as well.
                    let (running, opening) = (&self.tasks, &self.opening);
                    self.replays.keep(|task| {
                        running.contains_key(&task) || opening.contains_key(&task) || tasks.contains(&task)
                    });
                    for task in tasks {
                        self.open(task, None);
                    }
                }
                Command::Revoke(tasks, answer) => {
                    self.commit_for_the_last_time(now)?;
                    self.close(&tasks)?;
                    self.replays.forget(&tasks);
                    // A control thread that no longer waits for the answer has noted why.
                    let _ = answer.send(());
                }
                Command::Lose(tasks, reason, answer) => {
                    // The other tasks share the transaction: none of it may be committed.
                    let error = Error::TaskMigrated { reason };
                    tracing::warn!(thread = self.name, %error, "uncommitted work is dropped");
                    self.reset(error)?;
                    self.close(&tasks)?;
                    self.replays.forget(&tasks);
                    // A control thread that no longer waits for the answer has noted why.
                    let _ = answer.send(());
                }
                Command::Expelled => {
                    let reason = "one call took longer than consumer.max.poll.interval.ms".to_owned();
                    let error = Error::TaskMigrated { reason };
                    tracing::warn!(thread = self.name, %error, "the thread is back: its uncommitted work is dropped");
                    self.reset(error)?;
                    let all: BTreeSet<TaskId> = self.opening.keys().copied().collect();
                    self.close(&all)?;
                    self.stats.set_tasks(0, 0);
                    self.stats.readmit();
                }
                Command::Stop => {
                    self.stopped = true;
                    break;
                }
            }
        }
        Ok(any)
    }

    /// Commits before tasks are released. A failed commit has closed everything; then the earlier commits
    /// count.
    fn commit_for_the_last_time(&mut self, now: Now) -> Result<()> {
        match self.commit(WriteTiming::Now, now) {
            Err(error) => {
                tracing::warn!(thread = self.name, %error, "tasks are given up without their last commit");
                self.reset(error)
            }
            Ok(_) if self.puts_off.pause_ms().is_some() => {
                let why = "it was postponed: their last records will be processed again";
                tracing::warn!(thread = self.name, why, "tasks are given up without their last commit");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }
}
