//! What keeps an application from using its state directory.

use std::io;
use std::path::PathBuf;

use super::Error;
use crate::ids::{StoreName, TaskId};

/// The state directory, or a database in it, is unusable.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum StateDirectoryError {
    /// The directory itself cannot be used.
    #[error(
        "cannot {attempted} the state directory {}: {cause}; check state.dir and its permissions", path.display()
    )]
    Unusable {
        /// What was attempted, as an infinitive.
        attempted: &'static str,
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Another application of this process has it.
    #[error(
        "the state directory {} is in use by another KafkaStreams of this process, which is {state}, and whose threads have \
         not all ended{busy}; close it and wait until its threads have returned from what they do, or give this one another \
         state.dir",
        path.display()
    )]
    HeldByThisProcess {
        /// The directory.
        path: PathBuf,
        /// The name of the other application's state.
        state: &'static str,
        /// What its threads do, in brackets; empty if that is not known.
        busy: String,
    },
    /// A file in it cannot be written.
    #[error("cannot write {}: {cause}; check the disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A folder in it cannot be deleted.
    #[error("cannot delete {}: {cause}; check its permissions", path.display())]
    Delete {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A damaged database cannot be put aside.
    #[error(
        "cannot rename the damaged database {} to {}: {cause}; delete it, so that it is rebuilt",
        path.display(), aside.display()
    )]
    PutAside {
        /// The database's folder.
        path: PathBuf,
        /// Where it was to be put.
        aside: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A damaged database cannot be rebuilt, as it holds a store without a changelog.
    #[error(
        "the database of task {task} in {place} is damaged, and store {store} in it has no changelog to rebuild it from: \
         {cause}; give its rows up by deleting that database, or put a copy in its place"
    )]
    CannotRebuild {
        /// The task.
        task: TaskId,
        /// Its folder, or its custom supplier.
        place: String,
        /// The store without a changelog.
        store: StoreName,
        /// How the damage was noticed.
        cause: Box<Error>,
    },
    /// A database is damaged again, soon after it was rebuilt.
    #[error(
        "the database of task {task} in {place} was damaged, put aside and rebuilt, and is damaged again: {cause}; {}",
        match is_on_disk {
            true => "look at the disk and at what else writes there, or set state.dir to another one",
            false => "look at what the supplier keeps it in",
        }
    )]
    DamagedAgain {
        /// The task.
        task: TaskId,
        /// Its folder, or its custom supplier.
        place: String,
        /// Whether it is in `state.dir`.
        is_on_disk: bool,
        /// How the damage was noticed.
        cause: Box<Error>,
    },
    /// The database of the global stores is damaged again, soon after it was filled again.
    #[error(
        "the database of the global stores was damaged, put aside and filled again, and is damaged again; look at the disk \
         and at what else writes there, or set state.dir to another one"
    )]
    GlobalDamagedAgain,
    /// A task's database was deleted while the task ran.
    #[error(
        "the state database in {} was deleted while its task ran: something empties state.dir; keep it where nothing cleans \
         up (not in /tmp), and start again: what is missing is rebuilt from the changelogs",
        path.display()
    )]
    Deleted {
        /// The task's folder.
        path: PathBuf,
    },
}

state_stores::debug_as_display!(StateDirectoryError);
