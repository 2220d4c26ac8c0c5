//! Looks after partitions of global topics that show nothing, as the restorer does for those of tasks.

use super::GlobalThread;
use crate::runtime::quiet::{QUIET_MS, QuietSource, TELL_EVERY_MS};

impl GlobalThread {
    /// Asks why partitions show nothing that have not for a while.
    pub(super) fn check_quiet(&mut self, now_ms: i64) {
        if now_ms >= self.tell_quiet_at {
            self.tell_quiet_at = now_ms + TELL_EVERY_MS;
            let partitions = self.stores.iter().flat_map(|store| &store.partitions);
            let is_quiet = |since_ms: i64| now_ms - since_ms >= QUIET_MS;
            // Refusals are logged elsewhere.
            let quiet = partitions.filter(|partition| {
                partition.quiet_since.is_some_and(is_quiet) && !self.refusals.has(partition.queue.partition())
            });
            let source = quiet.map(|quiet| QuietSource {
                who: "the global stores".to_owned(),
                partition: quiet.queue.partition().clone(),
                position: quiet.position,
            });
            self.quiet.tell("global".to_owned(), source.collect(), &self.waits);
        }
        self.quiet.check(&mut *self.admin, now_ms);
    }
}
