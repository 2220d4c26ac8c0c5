//! What becomes of a task that cannot be opened: it is tried again, its local state is given up, or it is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use state_stores::StoreError;

use super::{Opening, Restorer, reply};
use crate::error::{Error, Result, StateDirectoryError};
use crate::ids::{TaskId, TopicPartition};
use crate::runtime::backends::TaskBackends;
use crate::runtime::refusals::REFUSED_MAX_MS;
use crate::store::{StorePlace, shown_name};
use crate::time::from_ms;
use crate::topology::SubtopologyStore;
use crate::transport::TransportErrorKind;

/// How long a task's directory may stay locked by a thread that is closing it.
const LOCKED_MAX_MS: i64 = 300_000;

/// A database that is damaged so soon after it was rebuilt has another trouble than bad luck.
const DAMAGED_AGAIN_MS: i64 = 600_000;

impl Restorer {
    /// Keeps a task for later, or answers with the error.
    pub(super) fn after_error(&mut self, mut opening: Opening, error: Error, waiting: &mut Vec<Opening>) {
        match self.pass(&mut opening, error) {
            Ok(()) => waiting.push(opening),
            Err(error) => {
                self.begin_again(&mut opening);
                reply(&opening.request, Err(error));
            }
        }
    }

    /// Decides about an error: `Ok` to continue with the task later.
    fn pass(&mut self, opening: &mut Opening, error: Error) -> Result<()> {
        opening.retry_later(self.monotonic_ms);
        match &error {
            Error::Transport(transport) => match transport.kind() {
                TransportErrorKind::Retriable | TransportErrorKind::TimedOut => {
                    opening.wait.update(self.monotonic_ms, || format!("the broker: {error}"));
                    Ok(())
                }
                TransportErrorKind::OffsetOutOfRange => {
                    // The broker has deleted what was to be read: where the log begins now is requested again. The stores
                    // that have come to their ends keep what they have.
                    let (now_ms, patience_ms) = (self.monotonic_ms, self.config.task_timeout_ms());
                    let what = || format!("its changelog: {error}");
                    let trimmed_ms = opening.wait.trimmed(now_ms, patience_ms, what);
                    self.begin_again(opening);
                    if trimmed_ms >= patience_ms {
                        let (task, trimmed) = (opening.request.task, from_ms(trimmed_ms));
                        return Err(Error::ChangelogTrimmed { task, trimmed, cause: Box::new(error) });
                    }
                    Ok(())
                }
                TransportErrorKind::Denied | TransportErrorKind::UnknownTopic => {
                    let what = || format!("the broker: {error}");
                    let refused_ms = opening.wait.refused(opening.phase, self.monotonic_ms, what);
                    if refused_ms >= REFUSED_MAX_MS {
                        return Err(error);
                    }
                    self.begin_again(opening);
                    Ok(())
                }
                _ => Err(error),
            },
            Error::Store { cause: StoreError::Locked { dir }, .. }
            | Error::State(StoreError::Locked { dir }) => {
                let what = || format!("{}, which another thread is closing", dir.display());
                if opening.wait.update(self.monotonic_ms, what) < LOCKED_MAX_MS { Ok(()) } else { Err(error) }
            }
            damaged if damaged.is_damage() => self.heal(opening, error),
            _ => Err(error),
        }
    }

    /// Puts damaged databases aside, those of custom suppliers by removing them; their stores are restored from their
    /// changelogs.
    fn heal(&mut self, opening: &mut Opening, error: Error) -> Result<()> {
        let task = opening.request.task;
        let plan = Arc::clone(&self.plan);
        let stores = &plan.subtopology(task)?.stores;
        let damaged = self.damaged_places(opening, stores, &error);
        if damaged.is_empty() {
            return Err(error);
        }
        let place =
            damaged.iter().map(|place| self.named_place(task, place)).collect::<Vec<_>>().join(" and ");
        let mut lost = stores.iter().filter(|store| damaged.contains(&store.place()));
        if let Some(store) = lost.find(|store| store.changelog.is_none()) {
            let (store, cause) = (store.name.clone(), Box::new(error));
            return Err(StateDirectoryError::CannotRebuild { task, place, store, cause }.into());
        }
        let last = self.put_aside.get(&task);
        if last.is_some_and(|last| self.monotonic_ms - last < DAMAGED_AGAIN_MS) {
            let (is_on_disk, cause) = (damaged.contains(&StorePlace::Disk), Box::new(error));
            return Err(StateDirectoryError::DamagedAgain { task, place, is_on_disk, cause }.into());
        }
        self.put_aside.insert(task, self.monotonic_ms);
        self.begin_again(opening);
        opening.backends = TaskBackends::default();
        opening.request.backends = None;
        for place in &damaged {
            self.put_place_aside(task, place, &error)?;
        }
        self.count_rebuilt(opening);
        Ok(())
    }

    /// Where the damage is: in databases that have said so, or in the one that could not be opened.
    fn damaged_places(
        &self,
        opening: &Opening,
        stores: &[SubtopologyStore],
        error: &Error,
    ) -> Vec<StorePlace> {
        let mut damaged = opening.backends.damaged();
        if !damaged.is_empty() {
            return damaged;
        }
        let (Error::Store { cause, .. } | Error::State(cause)) = error else { return damaged };
        let StoreError::Damaged { dir, .. } = cause else { return damaged };
        let folder = self.directory.as_ref().map(|directory| directory.task(opening.request.task));
        let is_on_disk = folder.is_some_and(|folder| folder == *dir);
        for place in stores.iter().map(SubtopologyStore::place) {
            let is_meant = match place {
                StorePlace::Disk => is_on_disk,
                StorePlace::Custom(_) => !is_on_disk,
                StorePlace::Memory => false,
            };
            if is_meant && !damaged.contains(&place) {
                damaged.push(place);
            }
        }
        damaged
    }

    fn put_place_aside(&self, task: TaskId, place: &StorePlace, error: &Error) -> Result<()> {
        match (place, &self.directory) {
            (StorePlace::Disk, Some(directory)) => {
                let aside = directory.put_aside(task, self.now)?;
                tracing::warn!(
                    %task, %error, aside = %aside.display(),
                    "the task's database is damaged; it was put aside and is rebuilt from the changelogs"
                );
            }
            (StorePlace::Custom(supplier), _) => {
                TaskBackends::wipe_of(task, &**supplier)?;
                tracing::warn!(
                    %task, %error, supplier = shown_name(&**supplier),
                    "the task's database of a custom supplier is damaged; it was removed and is rebuilt from the changelogs"
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Deletes what the task has on disk and begins again from the changelogs' first records.
    pub(super) fn start_over(&mut self, opening: &mut Opening, why: &str) -> Result<()> {
        let task = opening.request.task;
        tracing::warn!(%task, why, "the local state no longer fits its changelog; it is rebuilt");
        self.begin_again(opening);
        opening.backends = TaskBackends::default();
        opening.request.backends = None;
        if let Some(directory) = &self.directory {
            directory.delete(task)?;
        }
        TaskBackends::wipe_custom(task, self.plan.subtopology(task)?)?;
        self.count_rebuilt(opening);
        Ok(())
    }

    pub(super) fn count_rebuilt(&self, opening: &mut Opening) {
        if !std::mem::replace(&mut opening.is_rebuilt, true) {
            self.counters.wiped_tasks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The changelog is not the one that the local rows are in.
    pub(super) fn changelog_lost(
        &self,
        task: TaskId,
        store: &SubtopologyStore,
        changelog: &TopicPartition,
        why: &str,
    ) -> Error {
        Error::ChangelogLost {
            store: store.name.clone(),
            changelog: changelog.clone(),
            why: why.to_owned(),
            place: self.place_of(task, store),
        }
    }

    /// The store's name was another's.
    pub(super) fn other_kind(&self, task: TaskId, store: &SubtopologyStore, was: &str) -> Error {
        Error::StoreKind {
            store: store.name.clone(),
            found: format!(
                "{} holds rows of a {was} store: it was of another kind under that name",
                self.place_of(task, store)
            ),
            now: store.format().layout(),
            remedy: format!(
                "delete {}{} to give its rows up",
                store.changelog.as_ref().map(|topic| format!("topic {topic} and ")).unwrap_or_default(),
                self.place_of(task, store)
            ),
        }
    }

    fn place_of(&self, task: TaskId, store: &SubtopologyStore) -> String {
        match store.place() {
            StorePlace::Custom(supplier) => {
                format!("the database of {} of task {task}", shown_name(&*supplier))
            }
            place => self.named_place(task, &place),
        }
    }

    fn named_place(&self, task: TaskId, place: &StorePlace) -> String {
        match (place, &self.directory) {
            (StorePlace::Disk, Some(directory)) => directory.task(task).display().to_string(),
            (StorePlace::Custom(supplier), _) => format!("supplier {}", shown_name(&**supplier)),
            _ => format!("the memory of task {task}"),
        }
    }
}
