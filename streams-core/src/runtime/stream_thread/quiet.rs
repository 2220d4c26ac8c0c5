//! Reports quiet sources to the restorer: only the broker knows whether they have no records.

use super::StreamThread;
use crate::error::Result;
use crate::runtime::quiet::{QUIET_MS, QuietSource, TELL_EVERY_MS};
use crate::runtime::restore::Request;

impl StreamThread {
    /// Sends the restorer, which has the time to ask the broker, the quiet sources and their positions.
    pub(super) fn tell_quiet(&mut self, now_ms: i64) -> Result<()> {
        if now_ms - self.reported_quiet_at < TELL_EVERY_MS {
            return Ok(());
        }
        self.reported_quiet_at = now_ms;
        let mut quiet = Vec::new();
        for (task, running) in &self.tasks {
            for (partition, handle) in running.quiet_since(now_ms - QUIET_MS) {
                // Refused ones are reported already.
                if !self.refusals.has(partition) {
                    let (partition, position) = (partition.clone(), self.consumer.position(handle)?);
                    quiet.push(QuietSource { who: format!("task {task}"), partition, position });
                }
            }
        }
        // An empty list ends earlier waits.
        if std::mem::replace(&mut self.has_reported_quiet, !quiet.is_empty()) || !quiet.is_empty() {
            // A restorer that is gone is reported by the control thread.
            let _ = self.restorer.send(Request::Quiet(self.name.clone(), quiet));
        }
        Ok(())
    }
}
