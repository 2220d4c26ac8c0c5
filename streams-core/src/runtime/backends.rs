//! A task's databases: one on disk for its persistent stores, one in memory for the others, each only where needed.

use std::sync::Arc;

use state_stores::{BackendRef, MemoryBackend, RocksBackend, RocksMemory};

use super::plan::SubtopologyPlan;
use super::state_directory::StateDirectory;
use crate::error::{Error, Result};
use crate::ids::TaskId;

/// The databases of one task.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskBackends {
    pub persistent: Option<BackendRef>,
    pub memory: Option<BackendRef>,
}

impl TaskBackends {
    /// Opens what the task's stores need. A directory that another thread is still closing is `StoreError::Locked`.
    pub fn open(
        task: TaskId,
        plan: &SubtopologyPlan,
        directory: Option<&StateDirectory>,
        memory: &RocksMemory,
    ) -> Result<Self> {
        let on_disk = plan.stores.iter().any(|store| store.persistent);
        let in_memory = plan.stores.iter().any(|store| !store.persistent);
        let persistent: Option<BackendRef> = match (on_disk, directory) {
            (false, _) => None,
            // Without a directory (the test driver) everything is kept in memory.
            (true, None) => Some(Arc::new(MemoryBackend::new())),
            (true, Some(directory)) => {
                let opened = RocksBackend::open(directory.task(task), memory);
                Some(Arc::new(opened.map_err(|source| Error::Store { task, source })?))
            }
        };
        let memory = in_memory.then(|| Arc::new(MemoryBackend::new()) as BackendRef);
        Ok(TaskBackends { persistent, memory })
    }

    /// The database that holds a store.
    pub fn of(&self, persistent: bool) -> Result<&BackendRef> {
        let backend = if persistent { &self.persistent } else { &self.memory };
        backend.as_ref().ok_or_else(|| Error::IllegalState("a store without its task's database".to_owned()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &BackendRef> {
        self.persistent.iter().chain(&self.memory)
    }
}
