//! Which applications of this process have state directories, for the error of one that comes too early: after a `close`
//! whose time was over, threads of the earlier one still hold the directory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use super::kafka_streams::{Shared, lock};
use super::state_directory::StateDirectory;
use super::stats::ThreadState;
use crate::error::{Error, StateDirectoryError};

static HOLDERS: Mutex<Vec<(PathBuf, Weak<Shared>)>> = Mutex::new(Vec::new());

fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// An application has locked its state directory.
pub(super) fn note(directory: &StateDirectory, shared: &Arc<Shared>) {
    let root = whole(directory.root());
    let mut holders = lock(&HOLDERS);
    holders.retain(|(path, holder)| *path != root && holder.strong_count() > 0);
    holders.push((root, Arc::downgrade(shared)));
}

/// The error for a state directory that another application of this process has, with what that one is busy with.
pub(super) fn explained(error: Error) -> Error {
    let Error::StateDirectoryInUse { path, owner: Some(owner) } = &error else { return error };
    if *owner != std::process::id() {
        return error;
    }
    let root = whole(path);
    let found =
        lock(&HOLDERS).iter().find(|(path, _)| *path == root).and_then(|(_, holder)| holder.upgrade());
    let Some(holder) = found else { return error };
    let mut busy: Vec<String> = holder.waits.reasons().iter().map(ToString::to_string).collect();
    let threads = lock(&holder.stats).clone();
    let alive = threads.iter().filter(|thread| thread.state() != ThreadState::Dead);
    busy.extend(alive.map(|thread| format!("a stream thread is {}", thread.doing())));
    let busy = if busy.is_empty() { String::new() } else { format!(" ({})", busy.join("; ")) };
    let (path, state) = (path.clone(), holder.state().name());
    StateDirectoryError::HeldByThisProcess { path, state, busy }.into()
}
