//! The fastest way into and out of librdkafka: batches from one queue a partition, records to a cached topic.
//!
//! Contract of the unsafe code: queues, topic and messages are freed before the client that they belong to, which the
//! order of the fields guarantees; a message is read only until it is destroyed, which the closure's borrow guarantees.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use lab::LabError;

const BATCH: usize = 10_000;

/// A record inside the client's buffers.
pub(crate) struct RawMessage<'a> {
    message: &'a c::rd_kafka_message_t,
}

impl<'a> RawMessage<'a> {
    pub(crate) fn key(&self) -> &'a [u8] {
        slice(self.message.key.cast(), self.message.key_len, self.message)
    }

    pub(crate) fn value(&self) -> &'a [u8] {
        slice(self.message.payload.cast(), self.message.len, self.message)
    }

    pub(crate) fn timestamp(&self) -> i64 {
        // SAFETY: the message is valid, and a null type pointer is allowed.
        unsafe { c::rd_kafka_message_timestamp(self.message, std::ptr::null_mut()) }
    }
}

/// The bytes of a message; none for null.
fn slice(data: *const u8, length: usize, _owner: &c::rd_kafka_message_t) -> &[u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: librdkafka keeps `length` bytes at `data` until the message is destroyed, which is after the borrow of it ends.
    unsafe { std::slice::from_raw_parts(data, length) }
}

/// Reads all partitions of a topic from the begin, outside of any group; commits for one.
pub(crate) struct RawConsumer {
    queues: Vec<Queue>,
    batch: Vec<*mut c::rd_kafka_message_t>,
    positions: Vec<i64>,
    topic: String,
    consumer: BaseConsumer,
}

struct Queue(NonNull<c::rd_kafka_queue_t>);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: this is the only reference that we took, and the client still lives.
        unsafe { c::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

impl RawConsumer {
    pub(crate) fn create(config: &ClientConfig, topic: &str, partitions: i32) -> Result<Self, LabError> {
        let failed = || LabError::kafka(format!("reading {topic}"));
        let consumer: BaseConsumer = config.create().map_err(failed())?;
        let name = CString::new(topic).map_err(|error| failed()(error.into()))?;
        let mut queues = Vec::new();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            // SAFETY: the client lives and the name is a C string. Forwarding to null before the assignment keeps the
            // records of the partition in its own queue.
            let queue = unsafe {
                let queue =
                    c::rd_kafka_queue_get_partition(consumer.client().native_ptr(), name.as_ptr(), partition);
                c::rd_kafka_queue_forward(queue, std::ptr::null_mut());
                queue
            };
            queues.extend(NonNull::new(queue).map(Queue));
            assignment.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed())?;
        }
        consumer.assign(&assignment).map_err(failed())?;
        let batch = vec![std::ptr::null_mut(); BATCH];
        let positions = vec![0; queues.len()];
        Ok(Self { queues, batch, positions, topic: topic.to_owned(), consumer })
    }

    /// Hands what each partition has to `act`, with its number; returns how many there were.
    pub(crate) fn poll(
        &mut self,
        mut act: impl FnMut(i32, &RawMessage<'_>) -> Result<(), LabError>,
    ) -> Result<usize, LabError> {
        // Serves errors and logs; records do not come this way.
        let _event = self.consumer.poll(Duration::ZERO);
        let mut total = 0;
        for ((partition, queue), position) in (0_i32..).zip(&self.queues).zip(&mut self.positions) {
            // SAFETY: the queue lives and the array has room for BATCH pointers.
            let taken = unsafe {
                c::rd_kafka_consume_batch_queue(queue.0.as_ptr(), 0, self.batch.as_mut_ptr(), BATCH)
            };
            let mut result = Ok(());
            for pointer in self.batch.iter().take(usize::try_from(taken).unwrap_or(0)) {
                // SAFETY: the call above wrote this many valid messages, each ours until destroyed below.
                if let Some(message) = unsafe { pointer.as_ref() }
                    && message.err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
                    && result.is_ok()
                {
                    result = act(partition, &RawMessage { message });
                    *position = message.offset + 1;
                    total += 1;
                }
                // SAFETY: destroyed once, and nothing borrows from it now.
                unsafe { c::rd_kafka_message_destroy(*pointer) }
            }
            result?;
        }
        Ok(total)
    }

    /// Commits the offsets after the last records that `poll` handed out.
    pub(crate) fn commit(&self) -> Result<(), LabError> {
        let failed = || LabError::kafka(format!("committing offsets of {}", self.topic));
        let mut offsets = TopicPartitionList::new();
        for (partition, position) in (0_i32..).zip(&self.positions) {
            let offset = Offset::Offset(*position);
            offsets.add_partition_offset(&self.topic, partition, offset).map_err(failed())?;
        }
        self.consumer.commit(&offsets, CommitMode::Sync).map_err(failed())
    }
}

/// Writes to one topic.
pub(crate) struct RawProducer {
    topic: Topic,
    producer: BaseProducer,
}

struct Topic(NonNull<c::rd_kafka_topic_t>, PhantomData<BaseProducer>);

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: this is the only reference that we took, and the client still lives.
        unsafe { c::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

impl RawProducer {
    pub(crate) fn create(config: &ClientConfig, topic: &str) -> Result<Self, LabError> {
        let failed = || LabError::kafka(format!("writing to {topic}"));
        let producer: BaseProducer<DefaultProducerContext> = config.create().map_err(failed())?;
        let name = CString::new(topic).map_err(|error| failed()(error.into()))?;
        // SAFETY: the client lives, the name is a C string, and a null configuration means the default.
        let handle = unsafe {
            c::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), std::ptr::null_mut())
        };
        let unknown = KafkaError::ClientCreation(format!("topic {topic} was refused"));
        let handle = NonNull::new(handle).ok_or(unknown).map_err(failed())?;
        Ok(Self { topic: Topic(handle, PhantomData), producer })
    }

    /// Copies a record into the client's queue; waits while that is full.
    pub(crate) fn send(
        &self,
        partition: i32,
        key: &[u8],
        value: &[u8],
        timestamp: i64,
    ) -> Result<(), LabError> {
        use c::rd_kafka_vtype_t as vtype;
        type Union = c::rd_kafka_vu_s__bindgen_ty_1;
        let memory = |bytes: &[u8]| Union {
            mem: c::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                ptr: bytes.as_ptr().cast_mut().cast(),
                size: bytes.len(),
            },
        };
        let parts = [
            (vtype::RD_KAFKA_VTYPE_RKT, Union { rkt: self.topic.0.as_ptr() }),
            (vtype::RD_KAFKA_VTYPE_PARTITION, Union { i32_: partition }),
            (vtype::RD_KAFKA_VTYPE_MSGFLAGS, Union { i: c::RD_KAFKA_MSG_F_COPY }),
            (vtype::RD_KAFKA_VTYPE_KEY, memory(key)),
            (vtype::RD_KAFKA_VTYPE_VALUE, memory(value)),
            (vtype::RD_KAFKA_VTYPE_TIMESTAMP, Union { i64_: timestamp }),
        ]
        .map(|(vtype, u)| c::rd_kafka_vu_s { vtype, u });
        loop {
            // SAFETY: every part holds the member of the union that its type names; with the flag COPY the client
            // only reads the memory during the call.
            let code = unsafe {
                let error =
                    c::rd_kafka_produceva(self.producer.client().native_ptr(), parts.as_ptr(), parts.len());
                if error.is_null() {
                    return Ok(());
                }
                let code = c::rd_kafka_error_code(error);
                c::rd_kafka_error_destroy(error);
                code
            };
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR__QUEUE_FULL {
                let source = KafkaError::MessageProduction(RDKafkaErrorCode::from(code));
                return Err(LabError::Kafka { what: "writing a record".to_owned(), source });
            }
            self.producer.poll(Duration::from_millis(1));
        }
    }

    /// Waits until all records are acknowledged.
    pub(crate) fn flush(&self) -> Result<(), LabError> {
        // SAFETY: the client lives. The wrapper's own flush sleeps in slices of 100 ms.
        let code = unsafe { c::rd_kafka_flush(self.producer.client().native_ptr(), 60_000) };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        let source = KafkaError::Flush(RDKafkaErrorCode::from(code));
        Err(LabError::Kafka { what: "waiting for acknowledgements".to_owned(), source })
    }
}
