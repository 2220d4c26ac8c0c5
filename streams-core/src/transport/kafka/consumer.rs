//! Reading partitions that are assigned by hand, each from a queue of its own.
//!
//! The position of a partition is computed here, because librdkafka 2.12.1 does not have it:
//! 1. A record at `o` moves it to `o + 1`.
//! 2. A transaction marker is never shown; librdkafka's own position passes it when it is dequeued.
//! 3. Aborted batches and what compaction has left of a tail are not queued at all; only the end-of-partition event
//!    shows that the fetcher has passed them.
//! 4. Batch dequeue wrongly moves librdkafka's position one past the offset of an event or error (#4844, fixed in
//!    2.13.2). So that position is used only if it is more than one past the last such offset. Before anything has
//!    arrived it may even be that of an earlier assignment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::deadline::Deadline;
use super::error::{failed, kind_of, with_right};
use super::ffi::{Batch, Client, Dequeued, KafkaError, PartitionQueue};
use super::record::KafkaRecord;
use crate::ids::{Offset, TopicPartition};
use crate::time::{Clock, SystemClock};
use crate::transport::{
    Consumer, Fetched, PartitionHandle, RawRecord, Result, TransportError, TransportErrorKind as Kind,
};

/// A wake-up by a queue may get lost inside librdkafka; it is noticed after this long at the latest.
const WAIT_SLICE: Duration = Duration::from_millis(20);

/// A consumer of one thread.
pub(super) struct KafkaConsumer {
    // First, because its queues must be dropped before the client.
    slots: Vec<Option<Slot>>,
    batch: Batch,
    woken: Arc<AtomicBool>,
    client: Arc<Client>,
}

/// An assigned partition.
struct Slot {
    queue: PartitionQueue,
    reached: Reached,
    /// The error after which this partition delivers nothing more.
    failed: Option<(Kind, KafkaError)>,
    /// Whether its queue was left empty, so that [`Consumer::wait`] returns when it has an entry.
    armed: bool,
}

/// How far a partition has been read.
#[derive(Clone, Copy, Debug)]
struct Reached {
    /// After the last record or end that was seen; the assigned offset before.
    next: Offset,
    /// Where the fetcher last reported the end.
    end: Option<Offset>,
    /// The highest offset of an event or error (rule 4).
    event: Offset,
    /// Whether anything has come since the assignment.
    started: bool,
    /// Consecutive errors, none of which is known to pass.
    strange: u32,
    /// When the last of them came, by the monotonic clock.
    strange_ms: i64,
    /// Consecutive errors.
    errors: u32,
}

/// What to do about bytes that fail their checksum.
const DAMAGED: &str = "; the broker's copy is damaged: let another replica lead the partition, or move the group's \
                       committed offset past it";

/// After this many unknown errors, and no record or end in between, a partition is given up.
const STRANGE_MAX: u32 = 10;

/// After this long without one, they are not consecutive: librdkafka fetches again within seconds, and reports the end of a
/// partition only once.
const STRANGE_ROW_MS: i64 = 60_000;

impl Reached {
    fn new(assigned: Offset) -> Self {
        Reached { next: assigned, end: None, event: -1, started: false, strange: 0, strange_ms: 0, errors: 0 }
    }

    /// Counts an unknown error; returns whether there were too many.
    fn in_vain(&mut self, now_ms: i64) -> bool {
        if now_ms - self.strange_ms > STRANGE_ROW_MS {
            self.strange = 0;
        }
        self.strange_ms = now_ms;
        self.strange += 1;
        self.strange >= STRANGE_MAX
    }

    /// Counts an error; returns whether to log it.
    fn error(&mut self) -> bool {
        self.errors = self.errors.saturating_add(1);
        self.errors.is_power_of_two()
    }

    fn record(&mut self, offset: Offset) {
        self.strange = 0;
        self.errors = 0;
        self.started = true;
        self.next = self.next.max(offset + 1);
    }

    fn event(&mut self, offset: Offset) {
        self.started |= offset >= 0;
        self.event = self.event.max(offset);
    }

    fn end(&mut self, offset: Offset) {
        (self.strange, self.errors) = (0, 0);
        self.event(offset);
        self.next = self.next.max(offset);
        self.end = Some(offset);
    }

    /// The position, given librdkafka's own.
    fn position(&self, dequeued_to: impl FnOnce() -> Option<Offset>) -> Offset {
        if !self.started {
            return self.next;
        }
        match dequeued_to() {
            Some(offset) if offset > self.event + 1 => self.next.max(offset),
            _ => self.next,
        }
    }
}

impl KafkaConsumer {
    pub(super) fn new(client: Arc<Client>) -> Self {
        KafkaConsumer {
            slots: Vec::new(),
            batch: Batch::new(),
            woken: Arc::new(AtomicBool::new(false)),
            client,
        }
    }

    fn slot(&self, handle: PartitionHandle) -> Result<&Slot> {
        self.slots.get(handle.0 as usize).and_then(Option::as_ref).ok_or_else(|| not_assigned(handle))
    }

    /// Whether a queue that was left empty has got something. True once after it was emptied, so that a partition which the
    /// caller does not want to read now does not end its wait.
    fn news(&mut self) -> bool {
        let mut news = false;
        for slot in self.slots.iter_mut().flatten() {
            if slot.armed && slot.queue.len() > 0 {
                slot.armed = false;
                news = true;
            }
        }
        news
    }
}

fn not_assigned(handle: PartitionHandle) -> TransportError {
    let reason = "is not assigned to this consumer";
    TransportError::new(Kind::Fatal, format!("partition handle {}", handle.0), reason)
}

impl Slot {
    fn take(&mut self, batch: &mut Batch, limit: usize, into: &mut Vec<RawRecord>) -> bool {
        let Slot { queue, reached, failed, .. } = self;
        let partition = queue.partition().clone();
        let mut left = limit;
        while left > 0 {
            let taken = queue.take(batch, left, |entry| match entry {
                // After the error that ended it.
                Dequeued::Record(_) if failed.is_some() => {}
                Dequeued::Record(message) => {
                    let record = KafkaRecord::new(message);
                    reached.record(record.offset());
                    into.push(RawRecord::Kafka(record));
                }
                Dequeued::End(offset) => reached.end(offset),
                Dequeued::Failed(offset, error) => {
                    reached.event(offset);
                    match kind_of(error.code) {
                        // The first error counts: librdkafka continues after bytes that fail their checksum, but what
                        // follows must not be taken for the next records.
                        kind @ (Kind::OffsetOutOfRange
                        | Kind::UnknownTopic
                        | Kind::Denied
                        | Kind::MessageTooLarge) => {
                            let right = format!("topic '{}'", partition.topic);
                            failed.get_or_insert((kind, with_right(error, "READ", &right)));
                        }
                        // Malformed, as the broker or librdkafka says.
                        Kind::Corrupt | Kind::InvalidRecord => {
                            let reason = format!("{}{DAMAGED}", error.reason);
                            failed.get_or_insert((Kind::Corrupt, KafkaError { reason, ..error }));
                        }
                        // None of these passes by itself, so the number of retries is limited.
                        kind @ (Kind::Fatal | Kind::Refused | Kind::Config | Kind::Fenced)
                            if reached.in_vain(SystemClock.monotonic_ms()) =>
                        {
                            failed.get_or_insert((kind, error));
                        }
                        kind if reached.error() => {
                            let so_far = reached.errors;
                            tracing::warn!(%partition, offset, ?kind, so_far, "fetch: {error}; continuing");
                        }
                        _ => {}
                    }
                }
            });
            if taken == 0 {
                return true;
            }
            left -= taken;
        }
        queue.len() == 0
    }

    fn position(&self) -> Offset {
        self.reached.position(|| self.queue.dequeued_to())
    }

    fn at_end(&self) -> bool {
        let position = self.position();
        // Until this assignment's first answer, the watermark may be an earlier assignment's.
        self.reached.end == Some(position)
            || (self.reached.started && self.queue.high_watermark().is_some_and(|high| position >= high))
    }
}

impl Consumer for KafkaConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: Offset) -> Result<PartitionHandle> {
        let attempted = || format!("assigning {partition} at {offset}");
        let refuse = |error: KafkaError| failed(attempted(), &error);
        if offset < 0 {
            return Err(TransportError::new(Kind::Config, attempted(), "the offset has to be absolute"));
        }
        // In this order: records fetched before the queue is split off would go to the consumer's queue and be lost.
        let queue = PartitionQueue::new(&self.client, partition).map_err(refuse)?;
        self.client.start(partition, offset).map_err(refuse)?;
        let slot = Slot { queue, reached: Reached::new(offset), failed: None, armed: true };
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if free == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[free] = Some(slot);
        Ok(PartitionHandle(u32::try_from(free).unwrap_or(u32::MAX)))
    }

    fn unassign(&mut self, handle: PartitionHandle) -> Result<()> {
        let mut slot = self
            .slots
            .get_mut(handle.0 as usize)
            .and_then(Option::take)
            .ok_or_else(|| not_assigned(handle))?;
        let partition = slot.queue.partition().clone();
        self.client.stop(&partition).map_err(|error| failed(format!("unassigning {partition}"), &error))?;
        // Queued records are outdated now; dequeuing frees their memory.
        slot.queue.take(&mut self.batch, 1, drop);
        Ok(())
    }

    fn fetch(&mut self, handle: PartitionHandle, limit: usize, into: &mut Vec<RawRecord>) -> Result<Fetched> {
        let slot = self
            .slots
            .get_mut(handle.0 as usize)
            .and_then(Option::as_mut)
            .ok_or_else(|| not_assigned(handle))?;
        let before = into.len();
        if slot.failed.is_none() {
            slot.armed = slot.take(&mut self.batch, limit, into);
        }
        let records = into.len() - before;
        match &slot.failed {
            // Records before the error are returned first.
            Some((kind, error)) if records == 0 => Err(TransportError::new(
                *kind,
                format!("fetching {} at {}", slot.queue.partition(), slot.reached.next),
                error.reason.clone(),
            )),
            Some(_) => Ok(Fetched { records, at_end: false }),
            None => Ok(Fetched { records, at_end: slot.armed && slot.at_end() }),
        }
    }

    fn position(&self, handle: PartitionHandle) -> Result<Offset> {
        Ok(self.slot(handle)?.position())
    }

    fn wait(&mut self, timeout: Duration) {
        let deadline = Deadline::after(timeout);
        // Errors and other events; never records.
        self.client.poll_consumer(Duration::ZERO);
        while !self.woken.swap(false, Ordering::AcqRel) && !self.news() {
            let left = deadline.left();
            if left.is_zero() {
                break;
            }
            self.client.wait(left.min(WAIT_SLICE));
        }
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        // It holds only the flag: a waker neither keeps librdkafka's threads alive nor waits for their end.
        let (woken, wake) = (Arc::clone(&self.woken), self.client.waker());
        Arc::new(move || {
            woken.store(true, Ordering::Release);
            wake.set();
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_the_assigned_offset_until_something_comes() {
        assert_eq!(Reached::new(7).position(|| Some(99)), 7);
    }

    #[test]
    fn the_position_passes_markers_but_not_what_an_event_feigns() {
        let mut reached = Reached::new(0);
        reached.record(4);
        assert_eq!(reached.position(|| Some(6)), 6, "a marker at 5");
        reached.end(6);
        assert_eq!(reached.position(|| Some(7)), 6, "librdkafka counts the event");
        reached.record(6);
        assert_eq!(reached.position(|| Some(7)), 7);
        assert_eq!(reached.position(|| Some(8)), 8, "a marker at 7");
        assert_eq!(reached.position(|| None), 7);
    }

    #[test]
    fn the_end_passes_what_is_never_queued() {
        let mut reached = Reached::new(3);
        reached.end(10);
        assert_eq!(reached.position(|| None), 10);
        assert_eq!(reached.end, Some(10));
    }

    #[test]
    fn errors_in_a_row_are_told_less_and_less_often() {
        let mut reached = Reached::new(0);
        let told: Vec<u32> = (1..=20).filter(|_| reached.error()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16]);
        reached.record(0);
        assert!(reached.error(), "another row");
    }

    /// Before: ten in the whole life of a partition without records ended the application.
    #[test]
    fn unknown_errors_count_in_a_row_only() {
        let minute = |number: u32| i64::from(number) * (STRANGE_ROW_MS + 1);
        let mut reached = Reached::new(0);
        assert!(!(1..=100).any(|number| reached.in_vain(minute(number))), "rare ones");
        let mut reached = Reached::new(0);
        assert!(!(1..=100).any(|_| {
            reached.end(0);
            reached.in_vain(1)
        }));
        assert_eq!((1..=20).position(|_| reached.in_vain(1)), Some(STRANGE_MAX as usize - 2));
    }
}
