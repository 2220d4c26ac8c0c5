//! The processors of a stream-stream join (`KStreamJoinWindow`, `KStreamKStreamJoin`).

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, Processor, ProcessorContext};
use streams_core::record::Record;
use streams_core::serde::TimestampedKeyAndJoinSide;
use streams_core::store::{Direction, WindowStore};

use super::stream_stream_side::{Side, StreamJoin};
use super::stream_stream_waiting::Waiting;
use crate::operators::aggregate::opened;
use crate::operators::nulls::Nulls;

/// Sends a record to its side of the join, and then keeps it for the other side. In this order, so that a record which
/// comes in on both sides does not meet itself twice.
pub(super) struct JoinWindowProcessor<K, V> {
    name: Arc<str>,
    keys: Nulls<K>,
    values: Nulls<V>,
    store: Option<WindowStore<K, V>>,
}

impl<K, V> JoinWindowProcessor<K, V> {
    /// An instance for one task, on that store.
    pub(super) fn new(name: Arc<str>, keys: Nulls<K>, values: Nulls<V>) -> Self {
        JoinWindowProcessor { name, keys, values, store: None }
    }
}

impl<K: Data, V: Data> Processor<K, V, K, V> for JoinWindowProcessor<K, V> {
    fn init(&mut self, context: &mut ProcessorContext<'_, K, V>) -> Result<()> {
        self.store = Some(context.state_store(&self.name)?);
        Ok(())
    }

    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, V>) -> Result<()> {
        // The join itself drops and counts nulls.
        if self.keys.contain(&record.key) {
            return context.forward(record);
        }
        context.forward(record.clone())?;
        // Nothing is kept of a null value, but it takes its place among the duplicates, as Kafka Streams has it.
        let Record { key, value, timestamp, headers } = record;
        let kept = Some(value).filter(|value| !self.values.contain(value));
        opened(&self.store)?.put_with(&key, kept, timestamp, timestamp, headers)
    }
}

/// Joins a record with those that the other side has kept.
///
/// 1. A record whose key or value is null is dropped and counted, but where the join is outer on its side, one with a
///    null key is joined with nothing.
/// 2. Late records are not dropped: they find what the other side still has.
/// 3. A result has the larger one of the two timestamps and the headers of the record at hand.
/// 4. Where the join is outer on its side, a record without a partner waits for one (see [`Waiting`]).
pub(super) struct JoinSideProcessor<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> {
    join: Arc<StreamJoin<K, VL, VR, F>>,
    others: Option<WindowStore<K, S::Other>>,
    waiting: Option<Waiting<K, VL, VR>>,
}

impl<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> JoinSideProcessor<S, K, VL, VR, F> {
    /// An instance for one task.
    pub(super) fn new(join: Arc<StreamJoin<K, VL, VR, F>>) -> Self {
        JoinSideProcessor { join, others: None, waiting: None }
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
    fn init(&mut self, context: &mut ProcessorContext<'_, K, VO>) -> Result<()> {
        self.others = Some(context.state_store(self.join.store_of_others(S::LEFT))?);
        if let Some(store) = &self.join.waiting_store {
            self.waiting = Some(Waiting::open(store, context)?);
        }
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<K, S::This>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> Result<()> {
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
        let others = opened(&self.others)?.fetch_range(&record.key, from, to, Direction::Forward)?;
        if !others.is_empty() {
            return self.join_pairs(record, others, context);
        }
        if !join.joins_null(S::LEFT) {
            return Ok(());
        }
        match &self.waiting {
            // No partner can come any more if stream time has passed them all. Grace does not count here.
            Some(waiting) if to >= waiting.stream_time() => waiting.add::<S>(record),
            _ => self.forward(record, None, context),
        }
    }
}

impl<S: Side<VL, VR>, K: Data, VL: Data, VR: Data, F> JoinSideProcessor<S, K, VL, VR, F> {
    /// Joins a record with its partners. They need not wait any more.
    fn join_pairs<VO: Data>(
        &self,
        record: Record<K, S::This>,
        others: Vec<(i64, S::Other)>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> Result<()>
    where
        F: Fn(&K, Option<VL>, Option<VR>) -> Result<Option<VO>> + 'static,
    {
        let Record { key, value, timestamp, headers } = record;
        // The key is not cloned for a look into the store.
        let mut partner = TimestampedKeyAndJoinSide { key, timestamp, left: !S::LEFT };
        let mut others = others.into_iter().peekable();
        while let Some((time, other)) = others.next() {
            partner.timestamp = time;
            if let Some(waiting) = &self.waiting {
                waiting.found(&partner, timestamp)?;
            }
            // The last partner gets the record itself.
            if others.peek().is_none() {
                let record = Record { key: partner.key, value, timestamp: timestamp.max(time), headers };
                return self.forward(record, Some(other), context);
            }
            let (key, value, headers) = (partner.key.clone(), value.clone(), headers.clone());
            let record = Record { key, value, timestamp: timestamp.max(time), headers };
            // A pair that the joiner fails on costs no other.
            context.attempt(|context| self.forward(record, Some(other), context))?;
        }
        Ok(())
    }

    #[inline]
    fn forward<VO: Data>(
        &self,
        record: Record<K, S::This>,
        other: Option<S::Other>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> Result<()>
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
