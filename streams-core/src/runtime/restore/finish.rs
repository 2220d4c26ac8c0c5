//! Answers for tasks whose stores are restored, with the offsets where they continue.

use crate::error::Result;
use crate::ids::{Offset, TaskId};
use crate::transport::GroupOffsets;

use super::source_offsets::SourceOffsets;
use super::{ADMIN_TIMEOUT, HANGING, OpenedTask, Opening, Phase, Restorer, reply};

impl Restorer {
    /// Answers for the tasks whose stores are restored. One request for all of them, so that none holds up another.
    pub(super) fn finish(&mut self) -> bool {
        let now = self.monotonic_ms;
        let is_due = |task: &Opening| task.phase == Phase::Finishing && now >= task.not_before;
        let (due, mut waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.tasks).into_iter().partition(is_due);
        if due.is_empty() {
            self.tasks = waiting;
            return false;
        }
        let before = waiting.len() + due.len();
        let asked = self.group_offsets(due.iter().map(|opening| opening.request.task));
        match asked.and_then(|offsets| Ok((self.ask_sources(&due, &offsets)?, offsets))) {
            Ok((found, offsets)) => {
                for mut opening in due {
                    match self.finish_one(&mut opening, &offsets, &found) {
                        Ok(Some(opened)) => reply(&opening.request, Ok(opened)),
                        Ok(None) => waiting.push(opening),
                        Err(error) => self.after_error(opening, error, &mut waiting),
                    }
                }
            }
            Err(error) => {
                // An error that ends the wait of the first will soon end the others' waits.
                let mut due = due.into_iter();
                let first = due.next();
                for mut opening in due {
                    opening.retry_later(now);
                    waiting.push(opening);
                }
                if let Some(opening) = first {
                    self.after_error(opening, error, &mut waiting);
                }
            }
        }
        self.tasks = waiting;
        self.tasks.len() < before
    }

    fn group_offsets(&mut self, tasks: impl Iterator<Item = TaskId>) -> Result<GroupOffsets> {
        let mut partitions = Vec::new();
        for task in tasks {
            partitions.extend(self.plan.subtopology(task)?.partitions_of(task));
        }
        Ok(self.admin.group_offsets(&self.plan.application_id, &partitions, ADMIN_TIMEOUT)?)
    }

    fn finish_one(
        &mut self,
        opening: &mut Opening,
        offsets: &GroupOffsets,
        found: &SourceOffsets,
    ) -> Result<Option<OpenedTask>> {
        let task = opening.request.task;
        // The offsets are here, which a broker may have refused before.
        opening.wait.allowed(Phase::Finishing);
        let plan = self.plan.subtopology(task)?;
        let (partitions, has_stores) = (plan.partitions_of(task), !plan.stores.is_empty());
        if let Some(undecided) = partitions.iter().find(|partition| offsets.undecided.contains(partition)) {
            // Usually this takes moments, so it is retried soon, however often that was.
            opening.not_before = self.monotonic_ms + super::RETRY_MS;
            let what = || format!("the committed offset of {undecided}; {HANGING}");
            opening.wait.update(self.monotonic_ms, what);
            return Ok(None);
        }
        for partition in &partitions {
            let committed: Offset = offsets.committed.get(partition).map_or(-1, |known| known.offset);
            let taken_back =
                opening.request.answered.get(partition).is_some_and(|offset| committed < *offset);
            if taken_back && has_stores {
                let why =
                    format!("the broker took back a commit of {partition}: {committed} is committed now");
                opening.request.answered = Default::default();
                self.start_over(opening, &why)?;
                return Ok(None);
            }
        }
        let sources = self.sources(partitions, offsets, &opening.request.unreadable, found)?;
        opening.wait.answered(Phase::Finishing);
        let backends = std::mem::take(&mut opening.backends);
        if let Some(cleaner) = &mut self.cleaner {
            cleaner.owns(task, &backends, self.now);
        }
        let changelog_ends = std::mem::take(&mut opening.ends);
        Ok(Some(OpenedTask { backends, changelog_ends, sources, restored: opening.restored }))
    }
}
