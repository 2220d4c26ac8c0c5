//! Which of a task's records comes next: the one with the lowest event time among the heads of its partitions.

use super::record_queue::RecordQueue;
use crate::error::Result;
use crate::processor::TaskContext;
use crate::time::Timestamp;

/// Why a task does not process although it may have records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Process.
    Ready,
    /// No partition has a record.
    Empty,
    /// A partition without records may have an earlier one on the way (`max.task.idle.ms`, KIP-695).
    Waiting,
}

/// The record queues of one task (`PartitionGroup`).
pub(crate) struct PartitionGroup {
    queues: Vec<RecordQueue>,
    /// Since when the group waits for an empty partition that the broker has nothing for.
    idle_since: Option<Timestamp>,
}

impl PartitionGroup {
    pub fn new(queues: Vec<RecordQueue>) -> Self {
        PartitionGroup { queues, idle_since: None }
    }

    pub fn queues(&self) -> &[RecordQueue] {
        &self.queues
    }

    pub fn queue_mut(&mut self, index: usize) -> Option<&mut RecordQueue> {
        self.queues.get_mut(index)
    }

    /// Whether the group may process now. `at_end(i)` tells whether the broker has nothing more for queue `i`.
    ///
    /// `max.task.idle.ms`: -1 never waits; 0 waits only for records that the broker is known to have; more also waits
    /// that long for a partition that is at its end.
    pub fn readiness(
        &mut self,
        max_idle_ms: i64,
        now: Timestamp,
        at_end: impl Fn(usize) -> bool,
    ) -> Readiness {
        let empty = self.queues.iter().filter(|queue| queue.len() == 0).count();
        if empty == self.queues.len() {
            self.idle_since = None;
            return Readiness::Empty;
        }
        if empty == 0 || max_idle_ms < 0 {
            self.idle_since = None;
            return Readiness::Ready;
        }
        let lagging = self.queues.iter().enumerate().any(|(i, queue)| queue.len() == 0 && !at_end(i));
        if lagging {
            self.idle_since = None;
            return Readiness::Waiting;
        }
        let since = *self.idle_since.get_or_insert(now);
        if now - since >= max_idle_ms { Readiness::Ready } else { Readiness::Waiting }
    }

    /// Processes the record with the lowest event time; of equal ones that of the first partition. False when there was
    /// none.
    #[inline]
    pub fn process_next(&mut self, task: &mut TaskContext) -> Result<bool> {
        let next = match &mut self.queues[..] {
            [] => return Ok(false),
            [only] => {
                only.advance_head(task)?;
                match only.head_timestamp() {
                    Some(timestamp) => (only, timestamp),
                    None => return Ok(false),
                }
            }
            several => match lowest(several, task)? {
                Some(next) => next,
                None => return Ok(false),
            },
        };
        let (queue, timestamp) = next;
        task.advance_stream_time(timestamp);
        queue.process_head(task)?;
        Ok(true)
    }
}

fn lowest<'a>(
    queues: &'a mut [RecordQueue],
    task: &mut TaskContext,
) -> Result<Option<(&'a mut RecordQueue, Timestamp)>> {
    let mut lowest: Option<(&mut RecordQueue, Timestamp)> = None;
    for queue in queues {
        queue.advance_head(task)?;
        if let Some(timestamp) = queue.head_timestamp()
            && lowest.as_ref().is_none_or(|(_, least)| timestamp < *least)
        {
            lowest = Some((queue, timestamp));
        }
    }
    Ok(lowest)
}
