//! Chooses a task's next record: the one with the lowest event time among the heads of its partitions.

use super::record_queue::RecordQueue;
use crate::error::{Error, Result};
use crate::processor::TaskContext;
use crate::time::Timestamp;
use crate::time_queue::TimeQueue;
use crate::transport::RawRecord;

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

/// What a task did with its next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was processed.
    Processed,
    /// It was dropped before it reached a node.
    Dropped,
    /// There was none.
    Nothing,
}

/// Records that a task is done with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub processed: usize,
    pub dropped: usize,
}

impl Done {
    pub fn all(self) -> usize {
        self.processed + self.dropped
    }
}

/// The record queues of one task (`PartitionGroup`).
pub(crate) struct PartitionGroup {
    queues: Vec<RecordQueue>,
    /// Queues with a head, by its event time. A single queue needs no order.
    by_time: TimeQueue<usize>,
    /// Queues with records but without a head: they are not in the order yet.
    filled: Vec<usize>,
    /// Since when the group waits for a partition for which the broker has no records.
    idle_since: Option<Timestamp>,
}

impl PartitionGroup {
    pub fn new(queues: Vec<RecordQueue>) -> Self {
        let room = queues.len();
        PartitionGroup {
            queues,
            by_time: TimeQueue::with_capacity(room),
            filled: Vec::with_capacity(room),
            idle_since: None,
        }
    }

    pub fn queues(&self) -> &[RecordQueue] {
        &self.queues
    }

    /// Adds records to a queue.
    pub fn push(&mut self, index: usize, records: impl Iterator<Item = RawRecord>) -> Result<()> {
        let alone = self.queues.len() == 1;
        let queue = self.queue(index)?;
        let was_empty = queue.len() == 0;
        queue.push(records);
        if !alone && was_empty && queue.len() > 0 {
            self.filled.push(index);
        }
        Ok(())
    }

    #[inline]
    fn queue(&mut self, index: usize) -> Result<&mut RecordQueue> {
        let queue = self.queues.get_mut(index);
        queue.ok_or_else(|| Error::Internal(format!("queue {index} is none of its task's")))
    }

    /// Whether the group may process now. `at_end(i)` says whether the broker has nothing more for queue `i`.
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

    /// Processes the record with the lowest event time among the heads; of equal ones, the one that Kafka Streams would
    /// take. A record that is dropped is a step of its own.
    #[inline]
    pub fn process_next(&mut self, task: &mut TaskContext) -> Result<Step> {
        if let [only] = &mut self.queues[..] {
            let any = only.advance_head(task)?;
            let Some(timestamp) = only.head_timestamp() else {
                return Ok(if any { Step::Dropped } else { Step::Nothing });
            };
            task.advance_stream_time(timestamp);
            only.process_head(task)?;
            return Ok(Step::Processed);
        }
        while let Some(&index) = self.filled.first() {
            let has_come = self.offer(index, task)?;
            if has_come || self.queue(index)?.len() == 0 {
                self.filled.remove(0);
            }
            if !has_come {
                return Ok(Step::Dropped);
            }
        }
        let Some((timestamp, index)) = self.by_time.poll() else { return Ok(Step::Nothing) };
        task.advance_stream_time(timestamp);
        self.queue(index)?.process_head(task)?;
        if !self.offer(index, task)? && self.queue(index)?.len() > 0 {
            self.filled.push(index);
        }
        Ok(Step::Processed)
    }

    /// Adds a queue to the order; false if its next record was dropped, or there is none.
    fn offer(&mut self, index: usize, task: &mut TaskContext) -> Result<bool> {
        let queue = self.queue(index)?;
        queue.advance_head(task)?;
        let head = queue.head_timestamp();
        if let Some(timestamp) = head {
            self.by_time.offer(timestamp, index);
        }
        Ok(head.is_some())
    }
}
