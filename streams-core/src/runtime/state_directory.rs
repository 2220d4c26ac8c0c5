//! The application's directory: one process at a time, a process id that survives restarts, a folder for each task.
//!
//! Layout as Kafka Streams: `<state.dir>/<application.id>/.lock`, `kafka-streams-process-metadata`, `<task id>/`, `global/`;
//! in addition `<task id>.damaged-<time>/`, the last damaged database of a task.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, StateDirectoryError};
use crate::ids::TaskId;
use crate::time::Timestamp;

const LOCK_FILE: &str = ".lock";
/// The file with the broker that local state belongs to, if that broker is not durable.
const INCARNATION_FILE: &str = "broker-incarnation";
const PROCESS_FILE: &str = "kafka-streams-process-metadata";
/// In a task's folder: until when its state was in use, in ms since 1970.
const OWNED_FILE: &str = "owned-until";
/// Between a folder's name and the time at which it was put aside.
const DAMAGED: &str = ".damaged-";
const GLOBAL: &str = "global";

/// An application's directory, locked for this process until it is dropped.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    root: PathBuf,
    process_id: String,
    _lock: File,
}

impl StateDirectory {
    /// Opens and locks `<state_dir>/<application_id>`. `fresh_id` is the process id for a directory that has none yet.
    pub fn open(state_dir: &Path, application_id: &str, fresh_id: &str) -> Result<Self> {
        let root = state_dir.join(application_id);
        let lock = lock(&root)?;
        let process_id =
            process_id(&root, fresh_id).map_err(|error| unusable(&root, "read the process id of", error))?;
        Ok(StateDirectory { root, process_id, _lock: lock })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The id of the process that uses this directory. It is the same after a restart, so that it fences its earlier run.
    pub fn process_id(&self) -> &str {
        &self.process_id
    }

    /// Makes sure that the state belongs to that broker; deletes state of a broker that has ended.
    pub fn claim(&self, incarnation: Option<&str>) -> Result<()> {
        let file = self.root.join(INCARNATION_FILE);
        let before = fs::read_to_string(&file).ok();
        if before.as_deref() == incarnation {
            return Ok(());
        }
        delete_folders(&self.root)?;
        let written = match incarnation {
            Some(incarnation) => fs::write(&file, incarnation),
            None => fs::remove_file(&file),
        };
        Ok(written.map_err(|cause| StateDirectoryError::Write { path: file, cause })?)
    }

    /// Until when a task's state was in use: it has everything that its changelog had by then. `None` if that is not known,
    /// or there is no state.
    pub fn owned_at(&self, task: TaskId) -> Option<Timestamp> {
        owned_at(&self.task(task))
    }

    /// Records that a task's state is in use.
    pub fn touch(&self, task: TaskId, now: Timestamp) -> Result<()> {
        touch(&self.task(task), now)
    }

    /// The same for the global stores.
    pub fn global_owned_at(&self) -> Option<Timestamp> {
        owned_at(&self.global())
    }

    /// The same for the global stores.
    pub fn touch_global(&self, now: Timestamp) -> Result<()> {
        touch(&self.global(), now)
    }

    /// The tasks that have folders, with the time until which they were in use. A folder without it is as old as its latest
    /// change.
    pub fn tasks(&self) -> Vec<(TaskId, Timestamp)> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let task = |entry: fs::DirEntry| {
            let task = entry.file_name().to_str()?.parse::<TaskId>().ok()?;
            Some((task, owned_at(&entry.path()).or_else(|| changed_at(&entry.path()))?))
        };
        entries.filter_map(task).collect()
    }

    /// Whether there is a database in a task's folder.
    pub fn has_database(&self, task: TaskId) -> bool {
        self.task(task).join("CURRENT").exists()
    }

    /// Deletes a task's folder, if there is one. Its database must not be open.
    pub fn delete(&self, task: TaskId) -> Result<()> {
        delete_folder(&self.task(task))
    }

    /// Deletes the folders of tasks that were not in use for this long; called at a start, before tasks are opened.
    pub fn delete_older(&self, max_age_ms: i64, now: Timestamp) -> Result<()> {
        for (task, owned_at) in self.tasks() {
            if now.saturating_sub(owned_at) > max_age_ms {
                tracing::info!(%task, max_age_ms, "local state is older than state.cleanup.dir.max.age.ms and is deleted");
                self.delete(task)?;
            }
        }
        Ok(())
    }

    /// Renames the folder of a damaged database, and replaces an earlier one of the same task. Returns the new
    /// name.
    pub fn put_aside(&self, task: TaskId, now: Timestamp) -> Result<PathBuf> {
        self.put_folder_aside(&task.to_string(), now)
    }

    /// The same for the global stores.
    pub fn put_global_aside(&self, now: Timestamp) -> Result<PathBuf> {
        self.put_folder_aside(GLOBAL, now)
    }

    fn put_folder_aside(&self, name: &str, now: Timestamp) -> Result<PathBuf> {
        let earlier = format!("{name}{DAMAGED}");
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&earlier) {
                delete_folder(&entry.path())?;
            }
        }
        let (from, aside) = (self.root.join(name), self.root.join(format!("{earlier}{now}")));
        match fs::rename(&from, &aside) {
            Ok(()) => Ok(aside),
            Err(cause) => Err(StateDirectoryError::PutAside { path: from, aside, cause }.into()),
        }
    }

    /// A task's folder.
    pub fn task(&self, task: TaskId) -> PathBuf {
        self.root.join(task.to_string())
    }

    /// The folder of global stores.
    pub fn global(&self) -> PathBuf {
        self.root.join(GLOBAL)
    }
}

fn unusable(root: &Path, attempted: &'static str, cause: std::io::Error) -> Error {
    StateDirectoryError::Unusable { attempted, path: root.to_path_buf(), cause }.into()
}

/// Creates the directory and locks it for this process.
fn lock(root: &Path) -> Result<File> {
    let failed = |what: &'static str, error: std::io::Error| unusable(root, what, error);
    fs::create_dir_all(root).map_err(|error| failed("create", error))?;
    let mut lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(root.join(LOCK_FILE))
        .map_err(|error| failed("open the lock file of", error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Who has it is said if it can be read.
            let _ = lock.read_to_string(&mut owner);
            let owner = owner.trim().parse().ok();
            return Err(Error::StateDirectoryInUse { path: root.to_path_buf(), owner });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", error)),
    }
    lock.set_len(0)
        .and_then(|()| write!(lock, "{}", std::process::id()))
        .map_err(|error| failed("write to", error))?;
    Ok(lock)
}

fn process_id(root: &Path, fresh_id: &str) -> std::io::Result<String> {
    let path = root.join(PROCESS_FILE);
    if let Ok(text) = fs::read_to_string(&path) {
        let parsed: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        if let Some(id) = parsed.as_ref().and_then(|json| json.get("processId")).and_then(|id| id.as_str()) {
            return Ok(id.to_owned());
        }
    }
    // Written to another file and renamed, so that a crash leaves the old file or the new one.
    let fresh = root.join(format!("{PROCESS_FILE}.tmp"));
    // Both reach the disk: a process that forgets its id after a power cut does not fence its earlier run.
    let mut file = File::create(&fresh)?;
    file.write_all(serde_json::json!({ "processId": fresh_id }).to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, &path)?;
    File::open(root)?.sync_all()?;
    Ok(fresh_id.to_owned())
}

fn owned_at(folder: &Path) -> Option<Timestamp> {
    fs::read_to_string(folder.join(OWNED_FILE)).ok()?.trim().parse().ok()
}

fn changed_at(folder: &Path) -> Option<Timestamp> {
    let changed = fs::metadata(folder).ok()?.modified().ok()?;
    let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
    Timestamp::try_from(since.as_millis()).ok()
}

fn touch(folder: &Path, now: Timestamp) -> Result<()> {
    let (file, fresh) = (folder.join(OWNED_FILE), folder.join(format!("{OWNED_FILE}.tmp")));
    let written = fs::write(&fresh, now.to_string()).and_then(|()| fs::rename(&fresh, &file));
    match written {
        // There is no folder: the stores are custom, or it was deleted, which its database will report.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        written => Ok(written.map_err(|cause| StateDirectoryError::Write { path: file, cause })?),
    }
}

fn delete_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(StateDirectoryError::Delete { path: path.to_path_buf(), cause }.into())
        }
        _ => Ok(()),
    }
}

/// Deletes an application's local state (`KafkaStreams.cleanUp`). Refused while a process uses it.
pub(crate) fn clean_up(state_dir: &Path, application_id: &str) -> Result<()> {
    if !state_dir.join(application_id).exists() {
        return Ok(());
    }
    let root = state_dir.join(application_id);
    let _lock = lock(&root)?;
    delete_folders(&root)
}

fn delete_folders(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            tracing::info!(path = %path.display(), "local state is deleted");
            delete_folder(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_of_a_broker_that_has_ended_is_deleted() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let state = StateDirectory::open(dir.path(), "app", "id").expect("free");
        let task = state.task(TaskId::new(0, 0));
        for (incarnation, kept) in [(Some("a"), false), (Some("a"), true), (Some("b"), false), (None, false)]
        {
            fs::create_dir_all(&task).expect("a task's folder");
            state.claim(incarnation).expect("claimed");
            assert_eq!(task.exists(), kept, "{incarnation:?}");
        }
        fs::create_dir_all(&task).expect("a task's folder");
        state.claim(None).expect("claimed");
        assert!(task.exists(), "a broker that lasts keeps its state");
    }

    #[test]
    fn a_second_process_gets_a_clear_error_and_the_id_survives() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let first = StateDirectory::open(dir.path(), "app", "id-1").expect("free");
        let error = StateDirectory::open(dir.path(), "app", "id-2").expect_err("in use").to_string();
        assert!(error.contains("in use") && error.contains("state.dir"), "{error}");
        drop(first);
        assert_eq!(StateDirectory::open(dir.path(), "app", "id-3").expect("free again").process_id(), "id-1");
    }
}
