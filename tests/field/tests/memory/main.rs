//! What an application takes of its process: memory, threads, files. In a process of its own, as it is measured.
#![expect(clippy::disallowed_methods, reason = "it watches a process, by the clock of the machine")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod backlog;
mod cycles;

const MIB: usize = 1 << 20;

/// One at a time: all of it is one process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that `/proc/self/status` has.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// What of this process lies in memory.
fn resident() -> usize {
    status("VmRSS:") * 1024
}

/// A number that the caller of a campaign may give.
fn given(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
}
