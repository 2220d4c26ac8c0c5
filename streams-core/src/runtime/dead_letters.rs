//! How dead letters leave a thread: with the task's other results, so that under exactly-once they become visible together.
//!
//! A letter about a result that the broker refuses later lacks the record that led to it, which has been left behind by then.
//! Under exactly-once the work is repeated, and the letter is written when the same result comes again, with the record at
//! hand. Under at-least-once the record is read once more.

use std::time::Duration;

use bytes::Bytes;

use super::record_collector::RecordCollector;
use crate::error::{Error, Result};
use crate::ids::{Offset, TopicPartition};
use crate::partitioner::partition_for_key;
use crate::processor::dead_letter::DeadLetter;
use crate::processor::{Collector, OriginId, Outgoing};
use crate::transport::{ConsumerSpec, RawRecord, Transport, TransportErrorKind};

/// Time for reading a record once more; without it the letter has coordinates alone.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Time of one wait within that.
const READ_SLICE: Duration = Duration::from_millis(100);

/// Sends a letter; `source` is the current record, `offset` its offset.
pub(super) fn send(
    collector: &RecordCollector,
    origin: OriginId,
    offset: Option<Offset>,
    letter: &DeadLetter,
) -> Result<()> {
    let topic = collector.topic(&letter.topic)?;
    let partitions = collector.partitions(topic).map_err(|error| missing(letter, error))?;
    let partition = match &letter.key {
        Some(key) => partition_for_key(key, partitions),
        None => collector.any_partition(topic)?,
    };
    collector.send(&Outgoing {
        topic,
        partition,
        key: letter.key.as_deref(),
        value: letter.value.as_deref(),
        timestamp: letter.timestamp,
        headers: &letter.headers,
        origin,
        offset,
        source: None,
    })
}

fn missing(letter: &DeadLetter, error: Error) -> Error {
    match &error {
        Error::Transport(cause) if cause.kind() == TransportErrorKind::UnknownTopic => {
            Error::Topics(format!(
                "the dead letter queue {} does not exist; create it, as the application creates only its internal topics \
             ({error})",
                letter.topic
            ))
        }
        _ => error,
    }
}

/// Gives a letter the record that led to it.
pub(super) fn complete(letter: &mut DeadLetter, source: &RawRecord) {
    if letter.lacks_record() {
        letter.key = source.key().map(Bytes::copy_from_slice);
        letter.value = source.value().map(Bytes::copy_from_slice);
        letter.timestamp = source.timestamp();
        let ours = std::mem::take(&mut letter.headers);
        letter.headers = source.headers();
        for header in &ours {
            letter.headers.add(header.key.clone(), header.value.clone());
        }
    }
}

/// Reads a record again; `None` if it is gone, or does not come in time.
pub(super) fn read_again(
    transport: &dyn Transport,
    spec: &ConsumerSpec,
    partition: &TopicPartition,
    offset: Offset,
) -> Option<RawRecord> {
    let read = || -> std::result::Result<Option<RawRecord>, crate::transport::TransportError> {
        let mut consumer = transport.consumer(spec)?;
        let handle = consumer.assign(partition, offset)?;
        let mut found = Vec::new();
        for _ in 0..(READ_TIMEOUT.as_millis() / READ_SLICE.as_millis()) {
            let fetched = consumer.fetch(handle, 1, &mut found)?;
            if !found.is_empty() || fetched.at_end {
                break;
            }
            consumer.wait(READ_SLICE);
        }
        Ok(found.pop().filter(|record| record.offset() == offset))
    };
    read().unwrap_or_else(|error| {
        tracing::warn!(%partition, offset, %error, "a record for a dead letter queue cannot be read again");
        None
    })
}
