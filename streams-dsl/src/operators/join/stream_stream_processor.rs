//! The processors of a stream-stream join (`KStreamJoinWindow`, `KStreamKStreamJoin`).

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, Processor, ProcessorContext};
use streams_core::record::Record;
use streams_core::store::{Direction, WindowStore};

use crate::operators::aggregate::{Nulls, opened};
use crate::windows::Reach;

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
        let kept = Some(record.value).filter(|value| !self.values.contain(value));
        opened(&self.store)?.put(&record.key, kept, record.timestamp)
    }
}

/// What all instances of one side of a join share.
pub(super) struct JoinSide<K, V, F> {
    /// The store of the other side.
    pub(super) store: Arc<str>,
    pub(super) keys: Nulls<K>,
    pub(super) values: Nulls<V>,
    pub(super) reach: Reach,
    pub(super) joiner: F,
}

/// Joins a record with those that the other side has kept.
///
/// 1. A record whose key or value is null is dropped and counted.
/// 2. Late records are not dropped: they find what the other side still has.
/// 3. A result has the larger one of the two timestamps and the headers of the record at hand.
pub(super) struct JoinSideProcessor<K, V, V2, F> {
    side: Arc<JoinSide<K, V, F>>,
    others: Option<WindowStore<K, V2>>,
    types: PhantomData<fn(V)>,
}

impl<K, V, V2, F> JoinSideProcessor<K, V, V2, F> {
    /// An instance for one task.
    pub(super) fn new(side: Arc<JoinSide<K, V, F>>) -> Self {
        JoinSideProcessor { side, others: None, types: PhantomData }
    }
}

impl<K, V, V2, VO, F> Processor<K, V, K, VO> for JoinSideProcessor<K, V, V2, F>
where
    K: Data,
    V: Data,
    V2: Data,
    VO: Data,
    F: Fn(V, V2) -> VO + 'static,
{
    fn init(&mut self, context: &mut ProcessorContext<'_, K, VO>) -> Result<()> {
        self.others = Some(context.state_store(&self.side.store)?);
        Ok(())
    }

    fn process(&mut self, record: Record<K, V>, context: &mut ProcessorContext<'_, K, VO>) -> Result<()> {
        let JoinSide { keys, values, reach, joiner, .. } = &*self.side;
        if keys.contain(&record.key) || values.contain(&record.value) {
            context.drop_record("null key or value");
            return Ok(());
        }
        let (from, to) = reach.around(record.timestamp);
        let mut others =
            opened(&self.others)?.fetch_range(&record.key, from, to, Direction::Forward)?.into_iter();
        let Some((mut time, mut other)) = others.next() else { return Ok(()) };
        // The last partner gets the record itself.
        for (next_time, next) in others {
            let joined = joiner(record.value.clone(), std::mem::replace(&mut other, next));
            let timestamp = record.timestamp.max(std::mem::replace(&mut time, next_time));
            let (key, headers) = (record.key.clone(), record.headers.clone());
            context.forward(Record { key, value: joined, timestamp, headers })?;
        }
        let Record { key, value, timestamp, headers } = record;
        context.forward(Record { key, value: joiner(value, other), timestamp: timestamp.max(time), headers })
    }
}
