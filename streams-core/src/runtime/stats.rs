//! Counters that threads write and the application reads.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::time::Timestamp;

/// What one stream thread has done. Written by its thread once a round, not once a record.
#[derive(Debug)]
pub(crate) struct ThreadStats {
    processed: AtomicU64,
    dropped: AtomicU64,
    commits: AtomicU64,
    running: AtomicUsize,
    opening: AtomicUsize,
    /// When the thread began its last round, in milliseconds; `i64::MAX` while it is in none.
    round_since: AtomicI64,
}

impl Default for ThreadStats {
    fn default() -> Self {
        ThreadStats {
            processed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            opening: AtomicUsize::new(0),
            round_since: AtomicI64::new(i64::MAX),
        }
    }
}

impl ThreadStats {
    /// A round begins.
    pub fn begin_round(&self, now: Timestamp) {
        self.round_since.store(now, Ordering::Relaxed);
    }

    /// The round has ended.
    pub fn end_round(&self) {
        self.round_since.store(i64::MAX, Ordering::Relaxed);
    }

    /// For how long the thread has been in its round.
    pub fn in_round_ms(&self, now: Timestamp) -> i64 {
        now.saturating_sub(self.round_since.load(Ordering::Relaxed)).max(0)
    }

    pub fn add_processed(&self, records: usize) {
        self.processed.fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
    }

    pub fn set_dropped(&self, records: u64) {
        self.dropped.store(records, Ordering::Relaxed);
    }

    pub fn add_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    pub fn set_tasks(&self, running: usize, opening: usize) {
        self.running.store(running, Ordering::Release);
        self.opening.store(opening, Ordering::Release);
    }

    pub fn processed(&self) -> u64 {
        self.processed.load(Ordering::Relaxed)
    }

    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub fn opening(&self) -> usize {
        self.opening.load(Ordering::Acquire)
    }
}

/// What an application has done since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamsMetrics {
    /// Records taken from source topics and processed (`process-total`).
    pub processed_records: u64,
    /// Records left out: nulls, late records, errors that a handler skipped (`dropped-records-total`).
    pub dropped_records: u64,
    /// Commits that wrote something (`commit-total`).
    pub commits: u64,
    /// Changelog records applied to rebuild state (`restore-total`).
    pub restored_records: u64,
    /// Tasks whose local state was deleted because it did not fit its changelog any more.
    pub wiped_tasks: u64,
    /// Tasks that run now.
    pub running_tasks: usize,
    /// Tasks that are being restored now.
    pub restoring_tasks: usize,
}
