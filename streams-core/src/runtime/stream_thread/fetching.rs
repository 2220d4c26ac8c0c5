//! Takes what was fetched into the tasks' queues, within bounds of records and bytes for each partition, and of bytes for all
//! of them (decision 0025); partitions that are refused for now wait.

use std::ops::Bound;

use super::{StreamThread, ThreadLimits};
use crate::error::Result;
use crate::ids::{TaskId, TopicName, TopicPartition};
use crate::runtime::refusals::{Next, Refusals};
use crate::runtime::task::StreamTask;
use crate::transport::{PartitionHandle, TransportError, TransportErrorKind};

/// A partition, by task and number of input, that cannot be read for now.
type Refused = (TaskId, usize, PartitionHandle, TransportError);

impl StreamThread {
    /// Fills the queues of the tasks. Where there is no room for all, tasks that hold nothing wait for their turn; the others
    /// may get what they miss, since they cannot continue, and so free room, without it.
    pub(super) fn fetch(&mut self) -> Result<bool> {
        let mut any = false;
        let mut refused = Vec::new();
        let now_ms = self.pace.now_ms();
        if !self.refusals.is_empty() {
            self.refusals.check(now_ms)?;
        }
        let mut bytes: usize = self.tasks.values().map(StreamTask::buffered_bytes).sum();
        // What was sent last comes first, in the order sent, if that order is kept.
        let sent = self.environment.collector.take_order();
        let (mut last, mut before_left_out) = (self.last_fetch, None);
        for _ in 0..self.tasks.len() {
            let Some(id) = self.task_after(last) else { break };
            let held = self.tasks.get(&id).map_or(0, StreamTask::buffered_bytes);
            // If all that hold something wait, none of them gives room: then one more gets something.
            let is_full = bytes >= self.limits.buffered.of_thread && held == 0;
            if is_full && !std::mem::take(&mut self.is_hungry) {
                before_left_out.get_or_insert(last);
            } else {
                self.replays.blame(id);
                any |= self.fetch_for(id, &sent, now_ms, &mut refused)?;
                self.replays.blame_none();
                bytes += self.tasks.get(&id).map_or(0, StreamTask::buffered_bytes) - held;
            }
            last = Some(id);
        }
        self.last_fetch = before_left_out.flatten();
        for (id, input, handle, error) in refused {
            let partition = self.tasks.get(&id).and_then(|task| task.partition(input)).cloned();
            let Some(partition) = partition else { continue };
            if let Some(handle) = self.refused(&partition, handle, error)?
                && let Some(input) = self.tasks.get_mut(&id).and_then(|task| task.inputs_mut().get_mut(input))
            {
                input.handle = handle;
            }
        }
        self.tell_quiet(now_ms)?;
        Ok(any)
    }

    /// The task behind that one; the first behind the last.
    fn task_after(&self, task: Option<TaskId>) -> Option<TaskId> {
        let behind = match task {
            Some(task) => self.tasks.range((Bound::Excluded(task), Bound::Unbounded)).next(),
            None => None,
        };
        behind.or_else(|| self.tasks.iter().next()).map(|(id, _)| *id)
    }

    /// Fills the queues of a task. Whether that was anything.
    fn fetch_for(
        &mut self,
        id: TaskId,
        sent: &[TopicName],
        now_ms: i64,
        refused: &mut Vec<Refused>,
    ) -> Result<bool> {
        let ThreadLimits { buffered_records, buffered, .. } = self.limits;
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(false) };
        let mut any = false;
        for input in task.inputs_in_order(sent) {
            let room = task.room(input, buffered_records, buffered.of_partition);
            if room == 0 {
                continue;
            }
            let Some(handle) = task.inputs().get(input).map(|input| input.handle) else { continue };
            let fetched = match self.consumer.fetch(handle, room, &mut self.buffer) {
                Ok(fetched) => fetched,
                Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                    // Deleted before it was read, or the topic is another one: the task is opened again, where its
                    // source says.
                    self.unreadable.extend(task.partition(input).cloned());
                    return Err(error.into_retriable().into());
                }
                Err(error) if Refusals::may_pass(&error) => {
                    refused.push((id, input, handle, error));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let is_new = task.inputs_mut().get_mut(input).is_some_and(|input| input.fetched(fetched, now_ms));
            if is_new && let Some(partition) = task.partition(input) {
                self.refusals.is_read(partition);
            }
            any |= fetched.records > 0;
            self.meter.fetched += fetched.records;
            task.add_records(input, self.buffer.drain(..))?;
            if !self.refusals.is_empty()
                && (fetched.records > 0 || fetched.at_end)
                && let Some(partition) = task.partition(input)
                && self.refusals.readable(partition)
            {
                self.unreadable.insert(partition.clone());
                return Err(exists_again(partition).into());
            }
        }
        Ok(any)
    }

    /// A partition cannot be read for now. Returns its new handle if it was assigned again.
    fn refused(
        &mut self,
        partition: &TopicPartition,
        handle: PartitionHandle,
        error: TransportError,
    ) -> Result<Option<PartitionHandle>> {
        if error.kind() == TransportErrorKind::UnknownTopic {
            self.stats.note_missing_topic();
        }
        match self.refusals.refused(partition, error, self.pace.now_ms()) {
            Next::Wait => Ok(None),
            Next::AskAgain => {
                let at = self.consumer.position(handle)?;
                self.consumer.unassign(handle)?;
                Ok(Some(self.consumer.assign(partition, at)?))
            }
        }
    }
}

/// What can be read again after it was said not to exist may be another topic of that name: its task is opened again.
fn exists_again(partition: &TopicPartition) -> TransportError {
    let reason = "it exists again, and is read from what is committed for it";
    TransportError::new(TransportErrorKind::Retriable, format!("fetching {partition}"), reason)
}
