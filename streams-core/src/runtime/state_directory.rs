//! The application's directory: one process at a time, a process id that survives restarts, a folder for each task.
//!
//! Layout as Kafka Streams: `<state.dir>/<application.id>/.lock`, `kafka-streams-process-metadata`, `<task id>/`, `global/`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::ids::TaskId;

const LOCK_FILE: &str = ".lock";
/// Names the broker that local state belongs to, if that broker does not last.
const INCARNATION_FILE: &str = "broker-incarnation";
const PROCESS_FILE: &str = "kafka-streams-process-metadata";

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
        let failed = |what: &str, error: &std::io::Error| {
            Error::StateDirectory(format!(
                "cannot {what} the state directory {}: {error}; check state.dir and its permissions",
                root.display()
            ))
        };
        fs::create_dir_all(&root).map_err(|error| failed("create", &error))?;
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(root.join(LOCK_FILE))
            .map_err(|error| failed("open the lock file of", &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.read_to_string(&mut owner);
                return Err(Error::StateDirectory(format!(
                    "the state directory {} is in use{}; give every instance on this machine its own state.dir",
                    root.display(),
                    if owner.is_empty() { String::new() } else { format!(" by process {}", owner.trim()) }
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &error)),
        }
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(|e| failed("write to", &e))?;
        let process_id =
            process_id(&root, fresh_id).map_err(|error| failed("read the process id of", &error))?;
        Ok(StateDirectory { root, process_id, _lock: lock })
    }

    /// The id of the process that uses this directory; the same after a restart, so that it fences its own past.
    pub fn process_id(&self) -> &str {
        &self.process_id
    }

    /// Makes sure that what is here belongs to that broker; state of one that has ended is deleted.
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
        written.map_err(|error| Error::StateDirectory(format!("cannot write {}: {error}", file.display())))
    }

    /// A task's folder.
    pub fn task(&self, task: TaskId) -> PathBuf {
        self.root.join(task.to_string())
    }

    /// The folder of global stores.
    pub fn global(&self) -> PathBuf {
        self.root.join("global")
    }
}

fn process_id(root: &Path, fresh_id: &str) -> std::io::Result<String> {
    let path = root.join(PROCESS_FILE);
    if let Ok(text) = fs::read_to_string(&path) {
        let parsed: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        if let Some(id) = parsed.as_ref().and_then(|json| json.get("processId")).and_then(|id| id.as_str()) {
            return Ok(id.to_owned());
        }
    }
    // Written aside and renamed, so that a crash leaves the old file or the new one.
    let fresh = root.join(format!("{PROCESS_FILE}.tmp"));
    fs::write(&fresh, serde_json::json!({ "processId": fresh_id }).to_string())?;
    fs::rename(&fresh, &path)?;
    Ok(fresh_id.to_owned())
}

/// Deletes an application's local state (`KafkaStreams.cleanUp`). Refused while a process uses it.
pub(crate) fn clean_up(state_dir: &Path, application_id: &str) -> Result<()> {
    if !state_dir.join(application_id).exists() {
        return Ok(());
    }
    let held = StateDirectory::open(state_dir, application_id, "cleaning")?;
    delete_folders(&held.root)
}

fn delete_folders(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            tracing::info!(path = %path.display(), "local state is deleted");
            fs::remove_dir_all(&path).map_err(|error| {
                Error::StateDirectory(format!("cannot delete {}: {error}", path.display()))
            })?;
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
