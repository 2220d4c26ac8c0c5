//! Maintains the folders of tasks: records which are in use, and deletes those of tasks that have moved away
//! (`state.cleanup.delay.ms`).
//!
//! It runs on the restorer's thread. Only that thread opens databases, so none is opened while its folder is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use state_stores::Backend;

use super::backends::TaskBackends;
use super::state_directory::StateDirectory;
use crate::error::{Error, Result, StateDirectoryError};
use crate::ids::TaskId;
use crate::time::{Now, Timestamp};

/// The shortest and the longest time between two checks.
const CHECK_MS: std::ops::RangeInclusive<i64> = 50..=30_000;

/// Checks within one delay, so that a folder is not kept much longer.
const CHECKS_PER_DELAY: i64 = 4;

/// The tasks whose folders are in use.
pub(super) struct StateCleaner {
    directory: Arc<StateDirectory>,
    delay_ms: i64,
    /// The databases of tasks that were opened, and are perhaps still open.
    owned: BTreeMap<TaskId, Vec<Weak<dyn Backend>>>,
    /// Those of them that have a database in their folder.
    on_disk: BTreeSet<TaskId>,
    next_check: i64,
    /// When folders of other tasks may be deleted: tasks come after a start, and can use them.
    deletes_from: Option<i64>,
    /// Whether a folder that could not be deleted was logged.
    reported: BTreeSet<TaskId>,
}

impl StateCleaner {
    /// Deletes folders that were not in use for `delay_ms`.
    pub fn new(directory: Arc<StateDirectory>, delay_ms: i64) -> Self {
        StateCleaner {
            directory,
            delay_ms,
            owned: BTreeMap::new(),
            on_disk: BTreeSet::new(),
            next_check: i64::MIN,
            deletes_from: None,
            reported: BTreeSet::new(),
        }
    }

    /// Records a restored task, which keeps its databases open while it runs.
    pub fn owns(&mut self, task: TaskId, backends: &TaskBackends, now: Timestamp) {
        self.touch(task, now);
        if self.directory.has_database(task) {
            self.on_disk.insert(task);
        }
        self.owned.insert(task, backends.iter().map(Arc::downgrade).collect());
    }

    /// Records which folders are in use and deletes the others. `opening` are tasks that are being restored.
    ///
    /// The error is a database that was deleted while its task ran: it cannot be used after a restart.
    pub fn clean_if_due(&mut self, now: Now, opening: &BTreeSet<TaskId>) -> Result<()> {
        let from = *self.deletes_from.get_or_insert(now.monotonic_ms.saturating_add(self.delay_ms));
        if now.monotonic_ms < self.next_check {
            return Ok(());
        }
        let pause = (self.delay_ms / CHECKS_PER_DELAY).clamp(*CHECK_MS.start(), *CHECK_MS.end());
        self.next_check = now.monotonic_ms.saturating_add(pause);
        // A task that was closed since the last check is spared this time: its thread may not have released it yet.
        let before: Vec<TaskId> = self.owned.keys().copied().collect();
        let is_open = |backends: &[Weak<dyn Backend>]| backends.iter().any(|open| open.strong_count() > 0);
        self.owned.retain(|_, backends| is_open(backends));
        let open: Vec<TaskId> = self.owned.keys().copied().collect();
        for task in open {
            if self.on_disk.contains(&task) && !self.directory.has_database(task) {
                return Err(deleted(&self.directory.task(task)));
            }
            self.touch(task, now.wall_ms);
        }
        if now.monotonic_ms < from {
            return Ok(());
        }
        for (task, owned_at) in self.directory.tasks() {
            let left_alone_ms = now.wall_ms.saturating_sub(owned_at);
            if before.contains(&task) || opening.contains(&task) || left_alone_ms < self.delay_ms {
                continue;
            }
            match self.directory.delete(task) {
                Ok(()) => {
                    tracing::info!(%task, left_alone_ms, "the state of a task that has moved away is deleted")
                }
                Err(error) if self.reported.insert(task) => {
                    tracing::warn!(%task, %error, "the state of a task that has moved away is kept");
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn touch(&mut self, task: TaskId, now: Timestamp) {
        if let Err(error) = self.directory.touch(task, now)
            && self.reported.insert(task)
        {
            tracing::warn!(%task, %error, "it is not recorded until when the task's state was in use");
        }
    }
}

fn deleted(folder: &std::path::Path) -> Error {
    StateDirectoryError::Deleted { path: folder.to_path_buf() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Now {
        Now { wall_ms: 1_000_000 + ms, monotonic_ms: ms }
    }

    #[test]
    fn folders_of_tasks_that_have_moved_away_are_deleted_after_the_delay() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let directory = Arc::new(StateDirectory::open(dir.path(), "app", "id").expect("free"));
        let [running, closed, left, opening] = [0, 1, 2, 3].map(|partition| TaskId::new(0, partition));
        for task in [running, closed, left, opening] {
            std::fs::create_dir_all(directory.task(task)).expect("a folder");
        }
        std::fs::create_dir_all(directory.global()).expect("a folder");
        directory.touch(left, at(-500).wall_ms).expect("written");
        directory.touch(opening, at(-5_000).wall_ms).expect("written");
        let mut cleaner = StateCleaner::new(Arc::clone(&directory), 1_000);
        let (open, gone) = (TaskBackends::in_memory(), TaskBackends::in_memory());
        cleaner.owns(running, &open, at(0).wall_ms);
        cleaner.owns(closed, &gone, at(0).wall_ms);
        drop(gone);
        let restored = BTreeSet::from([opening]);
        let mut there = Vec::new();
        for ms in [0, 600, 999, 1_000, 1_500, 9_000] {
            cleaner.clean_if_due(at(ms), &restored).expect("nothing was deleted by others");
            let tasks: BTreeSet<TaskId> = directory.tasks().into_iter().map(|(task, _)| task).collect();
            there.push([running, closed, left, opening].map(|task| tasks.contains(&task)));
        }
        let (all, moved) = ([true; 4], [true, false, false, true]);
        assert_eq!(there, [all, all, all, all, moved, moved], "looks are 250 ms apart");
        assert!(directory.global().exists());
    }
}
