//! The records of an outer join that have found no partner yet (`KStreamKStreamJoin`'s outer store, `TimeTracker`).
//!
//! A record waits until its window has closed, which is when stream time is past its last possible partner and the
//! grace period; then it has its result without one. So no result is taken back by a later one.

use std::cell::Cell;
use std::rc::Rc;

use streams_core::error::Result;
use streams_core::processor::{Data, InitContext, ProcessorContext, ProcessorResult};
use streams_core::record::{Headers, Record};
use streams_core::serde::{LeftOrRightValue, TimestampedKeyAndJoinSide};
use streams_core::store::ListValueStore;
use streams_core::time::{LastTime, Timestamp};

use super::stream_stream_side::{Side, StreamJoin};

/// The time that the two sides of a join share. It belongs to the task, and starts with it.
struct TimeTracker {
    /// The largest timestamp of both streams.
    stream_time: Cell<Timestamp>,
    /// A timestamp that tells whether a look into the store may be worth it, as Kafka Streams keeps it.
    min_time: Cell<Timestamp>,
    last_look: Cell<LastTime>,
    /// No record that waits is older. A look begins here, so that it need not pass over all that were deleted.
    oldest: Cell<Timestamp>,
}

impl Default for TimeTracker {
    fn default() -> Self {
        TimeTracker {
            stream_time: Cell::new(-1),
            min_time: Cell::new(Timestamp::MAX),
            last_look: Cell::default(),
            oldest: Cell::new(0),
        }
    }
}

/// The key of a record that waits.
type WaitingKey<K> = TimestampedKeyAndJoinSide<K>;

/// The records that wait, as one side of the join sees them.
pub(super) struct Waiting<K, VL, VR> {
    store: ListValueStore<WaitingKey<K>, LeftOrRightValue<VL, VR>>,
    time: Rc<TimeTracker>,
    /// The least wall-clock time between two looks.
    interval_ms: i64,
}

impl<K: Data, VL: Data, VR: Data> Waiting<K, VL, VR> {
    /// The view of one node.
    pub(super) fn open(store: &str, context: &mut InitContext<'_>) -> ProcessorResult<Self> {
        Ok(Waiting {
            store: context.state_store(store)?,
            time: context.task().shared(store)?,
            interval_ms: context.task().config().outer_join_emit_interval_ms(),
        })
    }

    /// The largest timestamp of both streams so far.
    pub(super) fn stream_time(&self) -> Timestamp {
        self.time.stream_time.get()
    }

    /// Takes note of a record's time.
    pub(super) fn advance_stream_time(&self, timestamp: Timestamp) {
        self.time.stream_time.set(self.stream_time().max(timestamp));
    }

    /// Lets a record wait.
    pub(super) fn add<S: Side<VL, VR>>(&self, record: Record<K, S::This>) -> Result<()> {
        let Record { key, value, timestamp, .. } = record;
        self.time.min_time.set(self.time.min_time.get().min(timestamp));
        self.time.oldest.set(self.time.oldest.get().min(timestamp));
        let key = WaitingKey { key, timestamp, left: S::LEFT };
        self.store.add(&key, S::waiting(value), timestamp)
    }

    /// A record has found a partner: if it waited, it no longer does.
    pub(super) fn found(&self, partner: &WaitingKey<K>, now: Timestamp) -> Result<()> {
        self.store.delete_if_present(partner, now).map(|_| ())
    }

    /// Forwards the results of all records whose window has closed, if `record` has moved stream time and the last look
    /// was long enough ago.
    pub(super) fn emit_closed<S: Side<VL, VR>, VO: Data, F>(
        &self,
        join: &StreamJoin<K, VL, VR, F>,
        record: &Record<K, S::This>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult
    where
        F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>>,
    {
        let (time, stream_time) = (&*self.time, self.stream_time());
        if record.timestamp != stream_time {
            return Ok(());
        }
        // While nothing is known to wait, this overflows and lets the look happen, as in Kafka Streams: only so is what
        // waited before a restart found again.
        if time.min_time.get().wrapping_add(join.closes_after_ms(S::LEFT)) >= stream_time {
            return Ok(());
        }
        let mut last_look = time.last_look.get();
        if !last_look.is_over(context.current_system_time_ms(), self.interval_ms) {
            return Ok(());
        }
        time.last_look.set(last_look);
        let (mut left_open, mut right_open) = (false, false);
        let mut oldest = Timestamp::MAX;
        time.min_time.set(Timestamp::MAX);
        // In the order of time. Those of a side are in the order in which their windows close, so the look ends when an open
        // one of each side is found.
        for waiting in self.store.scan_from(&time.oldest.get().to_be_bytes())? {
            let delete = |row: &[u8]| self.store.delete_row(row, record.timestamp);
            let Some((key, values)) = context.readable(waiting, delete)? else { continue };
            time.min_time.set(key.timestamp);
            if left_open && right_open {
                break;
            }
            if key.timestamp.saturating_add(join.closes_after_ms(key.left)) >= stream_time {
                oldest = oldest.min(key.timestamp);
                left_open |= key.left;
                right_open |= !key.left;
            } else {
                self.store.delete(&key, record.timestamp)?;
                emit_waiting(join, key, values, &record.headers, context)?;
            }
        }
        time.oldest.set(oldest);
        Ok(())
    }
}

/// Forwards the results of records of one key and time that have found no partner.
fn emit_waiting<K: Data, VL: Data, VR: Data, VO: Data, F>(
    join: &StreamJoin<K, VL, VR, F>,
    key: WaitingKey<K>,
    mut values: Vec<LeftOrRightValue<VL, VR>>,
    headers: &Headers,
    context: &mut ProcessorContext<'_, K, VO>,
) -> ProcessorResult
where
    F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>>,
{
    let Some(last) = values.pop() else { return Ok(()) };
    let WaitingKey { key, timestamp, .. } = key;
    // The joiner fails on this one: the others, and the current record, are not affected.
    let mut forward = |key: K, value| {
        let (left, right) = match value {
            LeftOrRightValue::Left(left) => (Some(left), None),
            LeftOrRightValue::Right(right) => (None, Some(right)),
        };
        context.attempt(|context| match (join.joiner)(&key, left, right)? {
            Some(value) => context.forward(Record { key, value, timestamp, headers: headers.clone() }),
            None => Ok(()),
        })
    };
    values.into_iter().try_for_each(|value| forward(key.clone(), value))?;
    forward(key, last)
}
