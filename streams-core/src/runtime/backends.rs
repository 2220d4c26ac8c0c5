//! A task's databases: one for each place where it has stores.

mod custom;

use std::path::Path;
use std::sync::Arc;

use state_stores::keyspaces::{KIND_END, store_keyspace_name};
use state_stores::metadata::METADATA_KEYSPACE;
use state_stores::offsets::OFFSETS_KEYSPACE;
use state_stores::{BackendRef, DiskMemory, MemoryBackend, StoreError, disk, metadata};

use super::state_directory::StateDirectory;
use crate::error::{Error, Result};
use crate::ids::TaskId;
use crate::store::{BackendSupplier, StorePlace};
use crate::topology::Subtopology;

/// How many databases are opened or closed at once: they wait for the disk and for threads more than they compute.
pub(super) const AT_ONCE: usize = 8;

pub(super) fn without_database() -> Error {
    Error::Internal("a store without its task's database".to_owned())
}

/// The databases of one task, in the order in which its stores first need them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskBackends(Vec<(StorePlace, BackendRef)>);

impl TaskBackends {
    /// Opens what the task's stores need. A directory that another thread is still closing is `StoreError::Locked`.
    pub fn open(
        task: TaskId,
        plan: &Subtopology,
        directory: Option<&StateDirectory>,
        memory: &DiskMemory,
    ) -> Result<Self> {
        let mut backends = TaskBackends::default();
        for store in &plan.stores {
            if backends.index_of(&store.place()).is_err() {
                let backend = open(task, plan, &store.place(), directory, memory)?;
                backends.0.push((store.place(), backend));
            }
        }
        Ok(backends)
    }

    /// Closes the databases of many tasks at once: each waits more for its threads and files than it computes.
    pub fn close_at_once(all: Vec<TaskBackends>) {
        let part = all.len().div_ceil(AT_ONCE);
        if part < 2 {
            return;
        }
        let mut all = all.into_iter();
        std::thread::scope(|scope| {
            loop {
                let part: Vec<_> = all.by_ref().take(part).collect();
                if part.is_empty() {
                    break;
                }
                // Without a thread, they are dropped here with what it was to do.
                let _ = std::thread::Builder::new().spawn_scoped(scope, move || drop(part));
            }
        });
    }

    /// A database in memory, for tests.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        TaskBackends(vec![(StorePlace::Memory, Arc::new(MemoryBackend::new()))])
    }

    /// Makes suppliers delete what they have of a task. Its databases are not open.
    pub fn wipe_custom(task: TaskId, plan: &Subtopology) -> Result<()> {
        let mut wiped: Vec<String> = Vec::new();
        for store in &plan.stores {
            let StorePlace::Custom(supplier) = store.place() else { continue };
            let name = custom::checked_name(task, &*supplier)?;
            if wiped.iter().all(|wiped| wiped != name) {
                custom::wipe(task, &*supplier)?;
                wiped.push(name.to_owned());
            }
        }
        Ok(())
    }

    /// Makes a supplier delete what it has of a task. Its database is not open.
    pub fn wipe_of(task: TaskId, supplier: &dyn BackendSupplier) -> Result<()> {
        custom::wipe(task, supplier)
    }

    /// The places whose databases have returned that they are damaged.
    pub fn damaged(&self) -> Vec<StorePlace> {
        let damaged = self.0.iter().filter(|(_, backend)| backend.is_damaged());
        damaged.map(|(place, _)| place.clone()).collect()
    }

    /// The number of the database that holds the stores of a place.
    pub fn index_of(&self, place: &StorePlace) -> Result<usize> {
        let found = self.0.iter().position(|(of, _)| of == place);
        found.ok_or_else(without_database)
    }

    /// The database of that number.
    pub fn get(&self, index: usize) -> Result<&BackendRef> {
        let found = self.0.get(index).map(|(_, backend)| backend);
        found.ok_or_else(without_database)
    }

    /// The database that holds the stores of a place.
    pub fn of(&self, place: &StorePlace) -> Result<&BackendRef> {
        self.get(self.index_of(place)?)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &BackendRef> {
        self.0.iter().map(|(_, backend)| backend)
    }
}

/// A database of this library's layout, for these stores. One from before layouts had a version is taken for a damaged one:
/// its rows may be in the wrong places.
pub(super) fn open_disk<'a>(
    dir: &Path,
    memory: &DiskMemory,
    stores: impl Iterator<Item = &'a str>,
) -> Result<BackendRef, StoreError> {
    let own = [METADATA_KEYSPACE, OFFSETS_KEYSPACE].map(str::to_owned);
    let wanted: Vec<String> = own.into_iter().chain(stores.map(store_keyspace_name)).collect();
    let (backend, keyspaces) = disk::open(dir, memory, &wanted)?;
    if let Some(old) = keyspaces.iter().find(|name| !name.contains(KIND_END)) {
        let reason =
            format!("it has the layout of an earlier version of this library, with a keyspace {old}");
        return Err(StoreError::Damaged { dir: dir.to_path_buf(), reason });
    }
    metadata::claim(&*backend)?;
    Ok(backend)
}

fn open(
    task: TaskId,
    plan: &Subtopology,
    place: &StorePlace,
    directory: Option<&StateDirectory>,
    memory: &DiskMemory,
) -> Result<BackendRef> {
    match (place, directory) {
        (StorePlace::Custom(supplier), _) => custom::open(task, &**supplier),
        (StorePlace::Disk, Some(directory)) => {
            let on_disk = plan.stores.iter().filter(|store| store.place() == StorePlace::Disk);
            let opened = open_disk(&directory.task(task), memory, on_disk.map(|store| &*store.name));
            Ok(opened.map_err(|cause| Error::Store { task, cause })?)
        }
        // Without a directory (the test driver) everything is kept in memory.
        (StorePlace::Disk, None) | (StorePlace::Memory, _) => Ok(Arc::new(MemoryBackend::new())),
    }
}
