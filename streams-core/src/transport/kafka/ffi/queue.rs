//! A partition's own queue, from which records are taken in batches.

use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::client::{Client, on_queue};
use super::list::PartitionList;
use super::message::Message;
use super::{Code, KafkaError, OK, c_string, raw};
use crate::ids::{Offset, TopicPartition};

/// The queue of one partition, not forwarded to the consumer's.
pub(in crate::transport::kafka) struct PartitionQueue {
    queue: NonNull<rd::rd_kafka_queue_t>,
    client: Arc<Client>,
    partition: TopicPartition,
}

// SAFETY: a queue is locked inside librdkafka; `take` needs `&mut Batch`, of which a consumer has one.
unsafe impl Send for PartitionQueue {}

/// The array into which batches are dequeued; empty between calls.
pub(in crate::transport::kafka) struct Batch(Vec<*mut rd::rd_kafka_message_t>);

// SAFETY: holds no message between calls.
unsafe impl Send for Batch {}

/// What a queue holds.
pub(in crate::transport::kafka) enum Dequeued {
    /// A record.
    Record(Message),
    /// The fetcher reached the end of the partition, which is at this offset.
    End(Offset),
    /// An error at this offset, which may be none.
    Failed(Offset, KafkaError),
}

/// Records taken by one call to librdkafka.
const BATCH_MAX: usize = 4096;

impl Batch {
    pub(in crate::transport::kafka) fn new() -> Self {
        Batch(Vec::new())
    }
}

impl PartitionQueue {
    /// The queue of a partition of this consumer. Make it before the partition is assigned: records that are fetched
    /// earlier would go to the consumer's queue.
    pub(in crate::transport::kafka) fn new(
        client: &Arc<Client>,
        partition: &TopicPartition,
    ) -> Result<Self, KafkaError> {
        let topic = c_string(&partition.topic);
        // SAFETY: a valid consumer handle; the queue reference is ours. Forwarding to null makes the queue keep its own
        // records, for the life of the client (RD_KAFKA_Q_F_FWD_APP). The callback's opaque pointer lives in the client,
        // which this value keeps.
        unsafe {
            let queue =
                rd::rd_kafka_queue_get_partition(client.as_ptr(), topic.as_ptr(), partition.partition);
            let queue = NonNull::new(queue)
                .ok_or_else(|| KafkaError::from_code(E::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION as Code))?;
            rd::rd_kafka_queue_forward(queue.as_ptr(), null_mut());
            rd::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(on_queue), client.wake_flag());
            Ok(PartitionQueue { queue, client: Arc::clone(client), partition: partition.clone() })
        }
    }

    pub(in crate::transport::kafka) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// The number of queued entries, including errors and transaction markers.
    pub(in crate::transport::kafka) fn len(&self) -> usize {
        // SAFETY: a valid queue.
        unsafe { rd::rd_kafka_queue_length(self.queue.as_ptr()) }
    }

    /// Takes at most `limit` entries without waiting; returns how many there were.
    pub(in crate::transport::kafka) fn take(
        &mut self,
        batch: &mut Batch,
        limit: usize,
        mut each: impl FnMut(Dequeued),
    ) -> usize {
        let size = limit.min(BATCH_MAX);
        batch.0.clear();
        batch.0.reserve(size);
        // SAFETY: the array has room for `size` messages; of those the first `taken` are written and become ours. Batch
        // calls on one client come from one thread at a time, because a consumer's one `Batch` is borrowed mutably.
        let taken = unsafe {
            let taken = rd::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, batch.0.as_mut_ptr(), size);
            let taken = usize::try_from(taken).unwrap_or(0).min(size);
            batch.0.set_len(taken);
            taken
        };
        for message in batch.0.drain(..).filter_map(NonNull::new) {
            // SAFETY: returned to us by the call above, on a queue of this client.
            let message = unsafe { Message::own(message, &self.client) };
            each(match message.error() {
                OK => Dequeued::Record(message),
                END => Dequeued::End(message.offset()),
                code => {
                    let reason = message.error_text();
                    Dequeued::Failed(message.offset(), KafkaError::with_reason(code, reason))
                }
            });
        }
        // A missing topic is reported by a callback during the call above.
        if let Some(error) = self.client.take_reported() {
            each(Dequeued::Failed(-1, error));
        }
        taken
    }

    /// The offset after the last entry that was dequeued, markers included; none before the first one.
    pub(in crate::transport::kafka) fn dequeued_to(&self) -> Option<Offset> {
        let mut list = PartitionList::new();
        list.add(&self.partition.topic, self.partition.partition, 0, &[]);
        // SAFETY: a valid handle and list; local, asks no broker.
        let code = unsafe { raw::rd_kafka_position(self.client.as_ptr(), list.as_ptr()) };
        list.first_offset().filter(|&offset| code == OK && offset >= 0)
    }

    /// The partition's end as of the last answer to a fetch; none before the first one.
    pub(in crate::transport::kafka) fn high_watermark(&self) -> Option<Offset> {
        let topic = c_string(&self.partition.topic);
        let (mut low, mut high) = (-1, -1);
        // SAFETY: a valid handle; both pointers are valid during the call. Local, asks no broker.
        let code = unsafe {
            raw::rd_kafka_get_watermark_offsets(
                self.client.as_ptr(),
                topic.as_ptr(),
                self.partition.partition,
                &mut low,
                &mut high,
            )
        };
        (code == OK && high >= 0).then_some(high)
    }
}

const END: Code = E::RD_KAFKA_RESP_ERR__PARTITION_EOF as Code;

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        // SAFETY: ours; the callback is removed first, because the queue itself lives on inside the client.
        unsafe {
            rd::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, null_mut());
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

impl Client {
    /// Starts fetching a partition from that offset on.
    pub(in crate::transport::kafka) fn start(
        &self,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<(), KafkaError> {
        let mut list = PartitionList::new();
        list.add(&partition.topic, partition.partition, offset, &[]);
        self.assign_more(&list)
    }

    /// Stops fetching a partition.
    pub(in crate::transport::kafka) fn stop(&self, partition: &TopicPartition) -> Result<(), KafkaError> {
        let mut list = PartitionList::new();
        list.add(&partition.topic, partition.partition, 0, &[]);
        self.assign_less(&list)
    }

    pub(super) fn assign_more(&self, list: &PartitionList) -> Result<(), KafkaError> {
        // SAFETY: a valid consumer handle and list, which is copied. The error, if any, is ours.
        KafkaError::take(unsafe { rd::rd_kafka_incremental_assign(self.as_ptr(), list.as_ptr()) })
    }

    pub(super) fn assign_less(&self, list: &PartitionList) -> Result<(), KafkaError> {
        // SAFETY: as in `assign_more`.
        KafkaError::take(unsafe { rd::rd_kafka_incremental_unassign(self.as_ptr(), list.as_ptr()) })
    }
}
