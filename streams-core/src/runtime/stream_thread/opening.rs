//! How a stream thread opens tasks: it sends requests to the restorer, and starts restored tasks.

use std::sync::Arc;

use super::StreamThread;
use crate::error::Result;
use crate::ids::TaskId;
use crate::runtime::restore::{OpenReply, OpenRequest, OpenedTask, Request};
use crate::runtime::task::StreamTask;
use crate::time::Now;

impl StreamThread {
    /// Requests tasks from the restorer.
    pub(super) fn request_tasks(&mut self) {
        while let Some((task, backends)) = self.to_open.pop_first() {
            let number = self.opening.get(&task).copied().unwrap_or_default();
            let (reply, wake) = (self.opened.0.clone(), self.consumer.waker());
            // A restorer that is gone is reported by the control thread, which ends the application.
            let (answered, unreadable) = (Arc::clone(&self.answered), self.unreadable.clone());
            let request = OpenRequest { task, number, backends, answered, unreadable, reply, wake };
            let _ = self.restorer.send(Request::Open(request));
            (self.wake_restorer)();
        }
    }

    /// Takes the restorer's answers. An answer to a request from before the task was released is dropped at once, with its
    /// databases: others may have worked on the task since, or wait for the databases.
    pub(super) fn receive_opened(&mut self) {
        self.ready.extend(self.opened.1.try_iter());
        self.ready.retain(|reply| self.opening.get(&reply.task) == Some(&reply.number));
    }

    /// Starts tasks that have been restored: one at least, and no more when users' `init` has taken as long as a pass may.
    /// Those that are left follow in the next rounds.
    pub(super) fn start_restored(&mut self, now: Now) -> Result<bool> {
        let mut any = false;
        while !any || self.pace.now_ms() < self.pass_end_ms(now) {
            let Some(OpenReply { task, result, .. }) = self.ready.pop_front() else { break };
            self.replays.blame(task);
            if let Err(error) = result.and_then(|opened| self.start(task, opened, now)) {
                // If the thread continues, it requests the task again.
                self.open(task, None);
                return Err(error);
            }
            self.replays.blame_none();
            self.replays.opened(task, now.monotonic_ms);
            self.opening.remove(&task);
            any = true;
        }
        Ok(any)
    }

    fn start(&mut self, id: TaskId, opened: OpenedTask, now: Now) -> Result<()> {
        let mut handles = Vec::with_capacity(opened.sources.len());
        for source in &opened.sources {
            handles.push(self.consumer.assign(&source.partition, source.offset)?);
            self.unreadable.remove(&source.partition);
        }
        let restored = opened.restored;
        let mut task = StreamTask::new(id, opened, handles, &self.environment, now.wall_ms)?;
        task.recommit_at(|partition| self.recommits.due_at(partition));
        task.meter().restored(restored, now.monotonic_ms);
        tracing::info!(thread = self.name, task = %id, "task runs");
        self.tasks.insert(id, task);
        self.meter.task_created(now.monotonic_ms);
        Ok(())
    }
}
