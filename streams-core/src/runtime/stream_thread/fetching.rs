//! Takes what was fetched into the tasks' queues; partitions that are refused for now wait.

use super::{StreamThread, ThreadLimits};
use crate::error::Result;
use crate::ids::TopicPartition;
use crate::runtime::refusals::{Next, Refusals};
use crate::transport::{PartitionHandle, TransportError, TransportErrorKind};

impl StreamThread {
    pub(super) fn fetch(&mut self) -> Result<bool> {
        let ThreadLimits { buffered_records, buffered_bytes, .. } = self.limits;
        let mut any = false;
        let mut refused = Vec::new();
        if !self.refusals.is_empty() {
            self.refusals.go_on(self.pace.now_ms())?;
        }
        // What was sent last comes first, in the order sent, if that order is kept.
        let sent = self.environment.collector.take_order();
        for (id, task) in &mut self.tasks {
            for input in task.inputs_in_order(&sent) {
                let room = task.room(input, buffered_records, buffered_bytes);
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
                        refused.push((*id, input, handle, error));
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                if let Some(input) = task.inputs_mut().get_mut(input) {
                    input.at_end = fetched.at_end;
                }
                any |= fetched.records > 0;
                task.add_records(input, self.buffer.drain(..));
                if !self.refusals.is_empty()
                    && (fetched.records > 0 || fetched.at_end)
                    && let Some(partition) = task.partition(input)
                    && self.refusals.readable(partition)
                {
                    self.unreadable.insert(partition.clone());
                    return Err(exists_again(partition).into());
                }
            }
        }
        for (id, input, handle, error) in refused {
            let partition = self.tasks.get(&id).and_then(|task| task.partition(input)).cloned();
            let Some(partition) = partition else { continue };
            if let Some(handle) = self.refused(&partition, handle, error)?
                && let Some(input) = self.tasks.get_mut(&id).and_then(|task| task.inputs_mut().get_mut(input))
            {
                input.handle = handle;
            }
        }
        Ok(any)
    }

    /// A partition cannot be read for now. Gives its new handle if it was assigned anew.
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
