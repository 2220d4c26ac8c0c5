//! Opens a task's databases and decides what their rows are worth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use state_stores::metadata::{metadata_keyspace, put_metadata, read_metadata};
use state_stores::offsets::{delete_offset, offsets_keyspace, read_offsets};
use state_stores::{BackendRef, Batch, DiskMemory, StoreError};

use super::identity::{
    Facts, LogIdentity, Verdict, WasKind, judge, kind_text, log_name, store_name, was_kind,
};
use super::questions::{Answer, Answers, logged, of_task};
use super::source_offsets::read_of_sources;
use super::{Changelog, OpenRequest, Opening, Phase, Restorer};
use crate::error::{Error, Result};
use crate::ids::{Offset, TaskId, TopicPartition};
use crate::runtime::application_plan::ApplicationPlan;
use crate::runtime::backends::{AT_ONCE, TaskBackends};
use crate::runtime::state_directory::StateDirectory;
use crate::store::StorePlace;
use crate::time::Timestamp;
use crate::topology::{Subtopology, SubtopologyStore};
use crate::transport::GroupOffsets;

/// What a database says of itself, read once.
struct Contents {
    offsets: BTreeMap<(String, i32), Offset>,
    metadata: BTreeMap<String, String>,
}

impl Contents {
    fn read(backend: &BackendRef) -> Result<Self> {
        let offset =
            |stored: state_stores::offsets::StoredOffset| ((stored.topic, stored.partition), stored.offset);
        Ok(Contents {
            offsets: read_offsets(&**backend)?.into_iter().map(offset).collect(),
            metadata: read_metadata(&**backend)?,
        })
    }

    /// Adds a text that is to be kept, unless it is already.
    fn note(&self, start: &mut StoreStart, name: String, text: String) {
        if self.metadata.get(&name) != Some(&text) {
            start.notes.push((name, text));
        }
    }

    fn stored(&self, at: &TopicPartition) -> Option<Offset> {
        self.offsets.get(&(at.topic.to_string(), at.partition)).copied()
    }
}

/// How many tasks are opened in a round. Between rounds the restorer handles requests, such as to give tasks up, and restores
/// what is open.
const OPENED_A_ROUND: usize = 32;

/// Until when a task's state was in use, and its databases.
type Opened = (Option<Timestamp>, Result<TaskBackends>);

/// Opens databases of tasks that have none yet.
#[derive(Clone, Copy)]
struct Opener<'a> {
    plan: &'a ApplicationPlan,
    directory: Option<&'a StateDirectory>,
    memory: &'a DiskMemory,
}

impl Opener<'_> {
    fn open(self, task: TaskId) -> Opened {
        let owned_at = self.directory.and_then(|directory| directory.owned_at(task));
        let plan = self.plan.subtopology(task);
        (owned_at, plan.and_then(|plan| TaskBackends::open(task, plan, self.directory, self.memory)))
    }

    fn open_at_once(self, tasks: &[TaskId]) -> BTreeMap<TaskId, Opened> {
        let part = tasks.len().div_ceil(AT_ONCE).max(1);
        let open = move |tasks: &[TaskId]| -> Vec<(TaskId, Opened)> {
            tasks.iter().map(|task| (*task, self.open(*task))).collect()
        };
        std::thread::scope(|scope| {
            let parts: Vec<_> = tasks
                .chunks(part)
                .filter_map(|part| std::thread::Builder::new().spawn_scoped(scope, move || open(part)).ok())
                .collect();
            // What is missing for want of a thread, or after a panic, is opened on the restore thread.
            parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        })
    }
}

/// Whether that needs no code of the user's, which suppliers are: it runs on the restore thread.
fn opens_files_only(plan: &Subtopology) -> bool {
    let mut places = plan.stores.iter().map(SubtopologyStore::place);
    places.clone().any(|place| place == StorePlace::Disk)
        && !places.any(|place| matches!(place, StorePlace::Custom(_)))
}

impl Restorer {
    fn opener(&self) -> Opener<'_> {
        Opener { plan: &self.plan, directory: self.directory.as_deref(), memory: &self.memory }
    }

    /// Opens the databases of those tasks whose turn it is. Whether there were any.
    pub(super) fn open_some(&mut self) -> bool {
        let due =
            |opening: &&Opening| opening.phase == Phase::Opening && self.monotonic_ms >= opening.not_before;
        let turn: Vec<&Opening> = self.tasks.iter().filter(due).take(OPENED_A_ROUND).collect();
        let is_apart = |opening: &&&Opening| {
            let is_new = opening.backends.len() == 0 && opening.request.backends.is_none();
            is_new && self.plan.subtopology(opening.request.task).is_ok_and(opens_files_only)
        };
        let apart: Vec<TaskId> = turn.iter().filter(is_apart).map(|opening| opening.request.task).collect();
        let turn: BTreeSet<TaskId> = turn.iter().map(|opening| opening.request.task).collect();
        let mut opened = self.opener().open_at_once(&apart);
        self.each_in(Phase::Opening, |restorer, opening| {
            if turn.contains(&opening.request.task) {
                let opened = opened.remove(&opening.request.task);
                restorer.open_databases(opening, opened)
            } else {
                Ok(())
            }
        });
        !turn.is_empty()
    }

    /// The databases of a task, opened or taken over from the thread that has reset it.
    fn open_databases(&mut self, opening: &mut Opening, opened: Option<Opened>) -> Result<()> {
        let task = opening.request.task;
        if opening.backends.iter().next().is_none() {
            opening.backends = match opening.request.backends.take() {
                Some(kept) => {
                    opening.untouched_ms = Some(0);
                    kept
                }
                None => {
                    let (owned_at, backends) = opened.unwrap_or_else(|| self.opener().open(task));
                    opening.untouched_ms = Some(owned_at.map_or(i64::MAX, |at| (self.now - at).max(0)));
                    backends?
                }
            };
        }
        if opening.backends.iter().any(|backend| backend.is_damaged()) {
            let dir = self.directory.as_deref().map(|directory| directory.task(task)).unwrap_or_default();
            let reason = "a read failed; see the error before".to_owned();
            return Err(Error::Store { task, cause: StoreError::Damaged { dir, reason } });
        }
        opening.phase = Phase::Asking;
        Ok(())
    }

    /// Decides where each store continues, given the broker's answers.
    pub(super) fn judge_stores(
        &mut self,
        opening: &mut Opening,
        answers: &mut Answers,
        read: &crate::transport::Result<GroupOffsets>,
    ) -> Result<()> {
        let task = opening.request.task;
        let plan = Arc::clone(&self.plan);
        let logged = logged(&plan, task)?;
        let answers = of_task(answers, &logged)?;
        let read = read_of_sources(task, &logged, read)?;
        let mut contents = Vec::with_capacity(opening.backends.len());
        for backend in opening.backends.iter() {
            contents.push(Contents::read(backend).map_err(|error| in_task(task, error))?);
        }
        // Nothing is written before all is decided: a task that is refused stays as it is.
        let mut decided = Vec::new();
        for store in &plan.subtopology(task)?.stores {
            let place = opening.backends.index_of(&store.place())?;
            let contents = contents.get(place).ok_or_else(|| {
                Error::Internal(format!("store {} is in no database of task {task}", store.name))
            })?;
            let partition = logged.iter().find(|(of, _)| of.name == store.name).map(|(_, at)| at);
            let answer = partition.and_then(|partition| answers.get(partition));
            let start = self.judge_store(opening, store, partition.zip(answer), contents, &read)?;
            decided.push((store, partition, start));
        }
        self.mark_beginning(opening, &contents)?;
        // What an attempt that failed has begun.
        self.begin_again(opening);
        for (store, partition, start) in decided {
            self.begin_store(opening, store, partition, start).map_err(|error| in_task(task, error))?;
        }
        opening.failures = 0;
        opening.phase = Phase::Fetching;
        opening.wait.answered(Phase::Asking);
        Ok(())
    }

    /// A directory that is new holds what the changelog shows from now on.
    fn mark_beginning(&mut self, opening: &Opening, contents: &[Contents]) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let is_new = contents.iter().all(|contents| contents.offsets.is_empty());
        if is_new || opening.untouched_ms == Some(0) {
            directory.touch(opening.request.task, self.now)
        } else {
            Ok(())
        }
    }

    /// Whether the thread that asks has had commits of the task answered.
    fn has_committed(&self, opening: &Opening) -> bool {
        let OpenRequest { task, answered, .. } = &opening.request;
        let sources = self.plan.subtopology(*task).map(|plan| plan.partitions_of(*task)).unwrap_or_default();
        sources.iter().any(|partition| answered.contains_key(partition))
    }

    fn judge_store(
        &self,
        opening: &Opening,
        store: &SubtopologyStore,
        log: Option<(&TopicPartition, &Answer)>,
        contents: &Contents,
        read: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<StoreStart> {
        let task = opening.request.task;
        let other = match was_kind(&contents.metadata, &store.name, &store.format()) {
            WasKind::Same => None,
            WasKind::OtherLayout(was) if log.is_some() => Some(format!(
                "its rows were those of a {was} store, and it is a {} store now",
                store.format().layout()
            )),
            WasKind::OtherLayout(was) | WasKind::OtherKind(was) => {
                return Err(self.other_kind(task, store, &was));
            }
        };
        let mut start = StoreStart { rebuild: other, ..StoreStart::default() };
        contents.note(&mut start, store_name(&store.name), kind_text(&store.format()));
        let Some((partition, answer)) = log else { return Ok(start) };
        let mut end = answer.end;
        if store.is_source {
            // What the application has not read of a source topic is not in its stores either: it comes as input.
            end = read.get(partition).copied().unwrap_or(0).min(end).max(answer.start);
        }
        let before = contents.metadata.get(&log_name(partition)).map(|text| LogIdentity::decode(text));
        let before = before.unwrap_or_default();
        let is_old = store.place() == StorePlace::Disk && !opening.fresh.contains(&store.name);
        start.is_fresh = contents.stored(partition).is_none();
        let verdict = judge(&Facts {
            stored: contents.stored(partition),
            start: answer.start,
            end,
            is_source: store.is_source,
            is_reopened: self.has_committed(opening),
            before: before.clone(),
            now: answer.identity.clone(),
            untouched_ms: opening.untouched_ms.filter(|_| is_old),
            deletions_kept_ms: self.plan.deletions_kept_ms(&partition.topic),
        });
        let position = match verdict {
            Verdict::Resume(offset) => offset,
            Verdict::Rebuild(why) => {
                start.rebuild.get_or_insert(why);
                answer.start
            }
            Verdict::Refuse(why) => return Err(self.changelog_lost(task, store, partition, &why)),
        };
        start.position = Some(if start.rebuild.is_some() { answer.start } else { position });
        start.end = end;
        contents.note(&mut start, log_name(partition), before.updated(&answer.identity).encode());
        Ok(start)
    }

    /// Empties a store that is rebuilt, notes what it is, and begins to fetch what it lacks.
    fn begin_store(
        &mut self,
        opening: &mut Opening,
        store: &SubtopologyStore,
        partition: Option<&TopicPartition>,
        start: StoreStart,
    ) -> Result<()> {
        let task = opening.request.task;
        let backend = Arc::clone(opening.backends.of(&store.place())?);
        let mut batch = Batch::new();
        let metadata = metadata_keyspace(&*backend)?;
        if let Some(why) = &start.rebuild {
            tracing::warn!(
                %task, store = %store.name, why,
                "the local rows no longer fit the changelog; they are rebuilt from it"
            );
            store.format().wipe(&store.name, &backend, &mut batch)?;
            if let Some(at) = partition {
                delete_offset(&mut batch, offsets_keyspace(&*backend)?, &at.topic, at.partition);
            }
            self.count_rebuilt(opening);
        }
        for (name, text) in &start.notes {
            put_metadata(&mut batch, metadata, name, text);
        }
        backend.write(&batch)?;
        if start.is_fresh || start.rebuild.is_some() {
            opening.fresh.insert(store.name.clone());
        }
        let (Some(partition), Some(position)) = (partition, start.position) else { return Ok(()) };
        if position >= start.end {
            opening.ends.insert(store.name.clone(), position);
            return Ok(());
        }
        let restorer = store.format().restorer(&store.name, &backend)?;
        self.listener.call(|listener| listener.on_restore_start(partition, &store.name, position, start.end));
        opening.changelogs.push(Changelog {
            store: store.name.clone(),
            partition: partition.clone(),
            backend,
            restorer,
            handle: None,
            position,
            restored: 0,
            end: start.end,
            is_source: store.is_source,
            is_readable: false,
        });
        Ok(())
    }
}

/// What is decided about a store.
#[derive(Default)]
struct StoreStart {
    /// Why its rows are thrown away, if they are.
    rebuild: Option<String>,
    /// Where its changelog is read from, if it has one.
    position: Option<Offset>,
    end: Offset,
    /// Whether it had come to nothing yet.
    is_fresh: bool,
    /// What its database does not say yet.
    notes: Vec<(String, String)>,
}

/// Says which task a store error is about.
pub(super) fn in_task(task: TaskId, error: Error) -> Error {
    match error {
        Error::State(cause) => Error::Store { task, cause },
        other => other,
    }
}
