//! How dead letters leave a thread: with the task's other results, so that under exactly-once they become visible together.
//!
//! A letter about a result that the broker refuses later lacks the record that led to it, which has been left behind by then.
//! Under exactly-once the work is repeated, and the letter is written when the same result comes again, with the record at
//! hand. Under at-least-once the record is read once more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::record_collector::RecordCollector;
use crate::error::{Error, Result, TopicsError};
use crate::ids::{Offset, TopicPartition};
use crate::partitioner::partition_for_key;
use crate::processor::dead_letter::DeadLetter;
use crate::processor::{Collector, OriginId, Outgoing};
use crate::time::{Clock, OnceAMinute, SystemClock, Timestamp};
use crate::transport::{
    Consumer, ConsumerSpec, PartitionHandle, RawRecord, Transport, TransportError, TransportErrorKind,
};

/// Time for reading records once more, in one round of a thread; without it a letter has coordinates alone.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Records taken at once.
const READ_RECORDS: usize = 100;

/// A record this close behind the last one is read by reading on.
const READ_ON: Offset = 10_000;

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
    match error {
        Error::Transport(cause) if cause.kind() == TransportErrorKind::UnknownTopic => {
            let (topic, cause) = (Arc::clone(&letter.topic), Box::new(cause));
            TopicsError::UnknownDeadLetterQueue { topic, cause }.into()
        }
        error => error,
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

/// Gives a letter that has no time this one: librdkafka does not give the time of a refused result back, and consumers of the
/// queue refuse records without one.
pub(super) fn date(letter: &mut DeadLetter, timestamp: Timestamp) {
    if letter.timestamp < 0 {
        letter.timestamp = timestamp;
    }
}

/// Reads records again for letters about what was refused after they had been left behind. All letters of a round share one
/// consumer and one time-out: a broker may refuse thousands of results at once.
pub(super) struct Reader {
    spec: ConsumerSpec,
    reading: Option<Reading>,
    /// Time left in this round.
    left: Duration,
    failed: OnceAMinute,
}

/// The partition that is being read.
struct Reading {
    consumer: Box<dyn Consumer>,
    at: Option<(TopicPartition, PartitionHandle)>,
    /// Everything from this offset on is in `found`, or not fetched yet.
    from: Offset,
    found: VecDeque<RawRecord>,
}

impl Reader {
    pub fn new(spec: ConsumerSpec) -> Self {
        Reader { spec, reading: None, left: READ_TIMEOUT, failed: OnceAMinute::default() }
    }

    /// A round begins.
    pub fn begin_round(&mut self) {
        (self.reading, self.left) = (None, READ_TIMEOUT);
    }

    /// Completes letters about a result of that record. They stay as they are if it is gone, or does not come in time.
    pub fn complete(
        &mut self,
        transport: &dyn Transport,
        partition: &TopicPartition,
        offset: Offset,
        letters: &mut [DeadLetter],
    ) {
        if self.left.is_zero() {
            return;
        }
        match self.read(transport, partition, offset) {
            Ok(Some(source)) => letters.iter_mut().for_each(|letter| complete(letter, source)),
            Ok(None) => {}
            Err(error) => {
                self.reading = None;
                if let Some(so_far) = self.failed.count(SystemClock.monotonic_ms()) {
                    tracing::warn!(
                        %partition, offset, %error, so_far,
                        "a record for a dead letter queue cannot be read again"
                    );
                }
            }
        }
    }

    fn read(
        &mut self,
        transport: &dyn Transport,
        partition: &TopicPartition,
        offset: Offset,
    ) -> std::result::Result<Option<&RawRecord>, TransportError> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            none => none.insert(Reading {
                consumer: transport.consumer(&self.spec)?,
                at: None,
                from: 0,
                found: VecDeque::new(),
            }),
        };
        let handle = reading.handle(partition, offset)?;
        loop {
            while reading.found.front().is_some_and(|record| record.offset() < offset) {
                reading.found.pop_front();
            }
            reading.from = offset;
            if !reading.found.is_empty() {
                return Ok(reading.found.front().filter(|record| record.offset() == offset));
            }
            let mut found = Vec::new();
            let fetched = reading.consumer.fetch(handle, READ_RECORDS, &mut found)?;
            reading.found.extend(found);
            if !reading.found.is_empty() {
                continue;
            }
            if fetched.at_end || self.left.is_zero() {
                return Ok(None);
            }
            let began_ms = SystemClock.monotonic_ms();
            reading.consumer.wait(READ_SLICE.min(self.left));
            let took_ms = u64::try_from(SystemClock.monotonic_ms() - began_ms).unwrap_or(0);
            self.left = self.left.saturating_sub(Duration::from_millis(took_ms.max(1)));
        }
    }
}

impl Reading {
    /// Continues where it is if the record comes soon, otherwise begins at the record.
    fn handle(
        &mut self,
        partition: &TopicPartition,
        offset: Offset,
    ) -> std::result::Result<PartitionHandle, TransportError> {
        if let Some((at, handle)) = &self.at {
            if at == partition && (self.from..self.from + READ_ON).contains(&offset) {
                return Ok(*handle);
            }
            self.consumer.unassign(*handle)?;
        }
        self.found.clear();
        let handle = self.consumer.assign(partition, offset)?;
        (self.at, self.from) = (Some((partition.clone(), handle)), offset);
        Ok(handle)
    }
}

#[cfg(test)]
mod tests;
