//! The processors of a stream-stream join (`KStreamJoinWindow`, `KStreamKStreamJoin`).

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::serde::TimestampedKeyAndJoinSide;
use streams_core::store::WindowStore;
use streams_core::time::Timestamp;

use super::stream_stream_side::{Side, StreamJoin};
use super::stream_stream_waiting::Waiting;
use crate::operators::nulls::Nulls;

/// Sends a record to its side of the join, and then keeps it for the other side. In this order, so that a record which
/// comes in on both sides does not meet itself twice.
pub(super) struct JoinWindowProcessor<K, V> {
    keys: Nulls<K>,
    values: Nulls<V>,
    store: WindowStore<K, V>,
}

impl<K: Data, V: Data> JoinWindowProcessor<K, V> {
    /// The instance of one task, on that store.
    pub(super) fn open(
        store: &str,
        keys: Nulls<K>,
        values: Nulls<V>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        Ok(JoinWindowProcessor { keys, values, store: context.state_store(store)? })
    }
}

impl<K: Data, V: Data> Processor<K, V, K, V> for JoinWindowProcessor<K, V> {
    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> ProcessorResult {
        // The join itself drops and counts nulls.
        if self.keys.contain(&record.key) {
            return context.forward(record);
        }
        context.forward(record.clone())?;
        // Nothing is kept of a null value, but it takes its place among the duplicates, as Kafka Streams has it.
        let Record { key, value, timestamp, headers } = record;
        let kept = Some(value).filter(|value| !self.values.contain(value));
        Ok(self.store.put_with(&key, kept, timestamp, timestamp, headers)?)
    }
}

/// Joins a record with those that the other side has kept.
///
/// 1. A record whose key or value is null is dropped and counted, but where the join is outer on its side, one with a
///    null key is joined with nothing.
/// 2. Late records are not dropped: they find what the other side still has.
/// 3. A result has the larger one of the two timestamps and the headers of the current record.
/// 4. Where the join is outer on its side, a record without a partner waits for one (see [`Waiting`]).
pub(super) struct JoinSideProcessor<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> {
    join: Arc<StreamJoin<K, VL, VR, F>>,
    others: WindowStore<K, S::Other>,
    waiting: Option<Waiting<K, VL, VR>>,
}

impl<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> JoinSideProcessor<S, K, VL, VR, F> {
    /// The instance of one task.
    pub(super) fn open(
        join: &Arc<StreamJoin<K, VL, VR, F>>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let others = context.state_store(join.store_of_others(S::LEFT))?;
        let waiting = join.waiting_store.as_ref().map(|store| Waiting::open(store, context)).transpose()?;
        Ok(JoinSideProcessor { join: Arc::clone(join), others, waiting })
    }
}

impl<S, K, VL, VR, VO, F> Processor<K, S::This, K, VO> for JoinSideProcessor<S, K, VL, VR, F>
where
    S: Side<VL, VR>,
    K: Data,
    VL: Data,
    VR: Data,
    VO: Data,
    F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, S::This>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult {
        if let Some(waiting) = &self.waiting {
            waiting.advance_stream_time(record.timestamp);
        }
        let join = &*self.join;
        let (null_key, null_value) = (join.keys.contain(&record.key), S::nulls(join).contain(&record.value));
        if null_key && !null_value && join.joins_null(S::LEFT) {
            return self.forward(record, None, context);
        }
        if null_key || null_value {
            let reason = if null_key { DropReason::NullKey } else { DropReason::NullValue };
            context.drop_record_as(reason, "a join of streams needs both");
            return Ok(());
        }
        if let Some(waiting) = &self.waiting {
            waiting.emit_closed::<S, VO, F>(join, &record, context)?;
        }
        let (from, to) = join.reach(S::LEFT).around(record.timestamp);
        let mut others = self.others.fetch_range(&record.key, from, to)?;
        if let Some(first) = self.next_readable(&mut others, context)? {
            return self.join_pairs(record, first, others, context);
        }
        if !join.joins_null(S::LEFT) {
            return Ok(());
        }
        match &self.waiting {
            // No partner can come if stream time has passed them all. Grace does not count here.
            Some(waiting) if to >= waiting.stream_time() => Ok(waiting.add::<S>(record)?),
            _ => self.forward(record, None, context),
        }
    }
}

impl<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> JoinSideProcessor<S, K, VL, VR, F> {
    /// Joins a record with its partners, which then no longer wait.
    fn join_pairs<VO: Data>(
        &self,
        record: Record<K, S::This>,
        first: (Timestamp, S::Other),
        mut others: impl Iterator<Item = Result<(Timestamp, S::Other)>>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult
    where
        F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>> + 'static,
    {
        let Record { key, value, timestamp, headers } = record;
        // The key is not cloned for a look into the store.
        let mut partner = TimestampedKeyAndJoinSide { key, timestamp, left: !S::LEFT };
        let (mut time, mut other) = first;
        loop {
            partner.timestamp = time;
            if let Some(waiting) = &self.waiting {
                waiting.found(&partner, timestamp)?;
            }
            // The last partner gets the record itself.
            let Some(next) = self.next_readable(&mut others, context)? else {
                let record = Record { key: partner.key, value, timestamp: timestamp.max(time), headers };
                return self.forward(record, Some(other), context);
            };
            let (key, value, headers) = (partner.key.clone(), value.clone(), headers.clone());
            let record = Record { key, value, timestamp: timestamp.max(time), headers };
            // A pair that the joiner fails on costs no other.
            context.attempt(|context| self.forward(record, Some(other), context))?;
            (time, other) = next;
        }
    }

    /// The next partner that can be read back. Of the others, the processing exception handler is asked.
    #[inline]
    fn next_readable<VO: Data>(
        &self,
        others: &mut impl Iterator<Item = Result<(Timestamp, S::Other)>>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult<Option<(Timestamp, S::Other)>> {
        for other in others {
            let other = context.readable(other, |row| self.others.delete_row(row))?;
            if other.is_some() {
                return Ok(other);
            }
        }
        Ok(None)
    }

    #[inline]
    fn forward<VO: Data>(
        &self,
        record: Record<K, S::This>,
        other: Option<S::Other>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult
    where
        F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>> + 'static,
    {
        let Record { key, value, timestamp, headers } = record;
        let (left, right) = S::arguments(value, other);
        match (self.join.joiner)(&key, left, right)? {
            Some(value) => context.forward(Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }
}
