//! When to commit unchanged offsets again, so that the broker does not expire them (decision 0016).
//!
//! A partition is due when its task is opened for the first time, and then an interval after each commit. The schedule
//! outlives the task: opened again after a reset, it is not due, as a commit without work would look like progress.

use std::collections::BTreeMap;

use crate::ids::TopicPartition;

/// When a thread's partitions are due next. Times are monotonic.
pub(super) struct Recommits {
    interval_ms: i64,
    closed: BTreeMap<TopicPartition, i64>,
}

impl Recommits {
    /// With `offsets.recommit.interval.ms`.
    pub fn new(interval_ms: i64) -> Self {
        Recommits { interval_ms, closed: BTreeMap::new() }
    }

    /// When a partition that was committed now is due again.
    pub fn next(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(self.interval_ms)
    }

    /// When a partition whose task is opened is due.
    pub fn due_at(&self, partition: &TopicPartition) -> i64 {
        self.closed.get(partition).copied().unwrap_or(i64::MIN)
    }

    /// Keeps the schedule of a closed task.
    pub fn remember<'a>(&mut self, due: impl Iterator<Item = (&'a TopicPartition, i64)>) {
        for (partition, due_at) in due.filter(|(_, due_at)| *due_at > i64::MIN) {
            self.closed.insert(partition.clone(), due_at);
        }
    }
}
