//! The processor of a stream that is joined with itself, on one store (`KStreamKStreamSelfJoin`).

use std::any::Any;
use std::sync::Arc;

use streams_core::error::{Error, Result};
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::Record;
use streams_core::store::WindowStore;
use streams_core::time::Timestamp;

use super::stream_stream_side::StreamJoin;

/// Joins a record with those before it, as left and as right one, and with itself.
///
/// 1. A record whose key or value is null is dropped and counted, whatever the kind of the join.
/// 2. First come the pairs with the record on the left, then those with it on the right; the pair with itself comes among
///    the latter, before those of later times.
/// 3. A record too late for the store is not joined with itself.
pub(super) struct SelfJoinProcessor<K: Data, V: Data, V2, F> {
    join: Arc<StreamJoin<K, V, V2, F>>,
    others: WindowStore<K, V>,
    stream_time: Timestamp,
}

impl<K: Data, V: Data, V2, F> SelfJoinProcessor<K, V, V2, F> {
    /// The instance of one task. `V2` is `V`: both streams are the same.
    pub(super) fn open(
        join: &Arc<StreamJoin<K, V, V2, F>>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let others = context.state_store(&join.left_store)?;
        Ok(SelfJoinProcessor { join: Arc::clone(join), others, stream_time: -1 })
    }
}

impl<K, V, V2, VO, F> Processor<K, V, K, VO> for SelfJoinProcessor<K, V, V2, F>
where
    K: Data,
    V: Data,
    V2: Data,
    VO: Data,
    F: Fn(&K, Option<V>, Option<V2>) -> Result<Option<VO>> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, VO>,
    ) -> ProcessorResult {
        let join = &*self.join;
        if join.keys.contain(&record.key) || join.left.contain(&record.value) {
            let null_key = join.keys.contain(&record.key);
            let reason = if null_key { DropReason::NullKey } else { DropReason::NullValue };
            context.drop_record_as(reason, "a join of streams needs both");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        self.stream_time = self.stream_time.max(timestamp);
        let forward = |left: V, right: V, time: Timestamp, context: &mut ProcessorContext<'_, K, VO>| {
            let right = same_type(right)?;
            // A pair that the joiner fails on costs no other.
            context.attempt(|context| {
                let Some(joined) = (join.joiner)(&key, Some(left), Some(right))? else { return Ok(()) };
                let (key, headers) = (key.clone(), headers.clone());
                context.forward(Record { key, value: joined, timestamp: timestamp.max(time), headers })
            })
        };
        let others = &self.others;
        let (from, to) = join.windows.seen_from_left().around(timestamp);
        for found in others.fetch_range(&key, from, to)? {
            let found = context.readable(found, |row| others.delete_row(row))?;
            let Some((time, other)) = found else { continue };
            forward(value.clone(), other, time, context)?;
        }
        let mut with_itself = timestamp > (self.stream_time - join.windows.retention_ms()).saturating_add(1);
        let (from, to) = join.windows.seen_from_right().around(timestamp);
        for found in others.fetch_range(&key, from, to)? {
            let found = context.readable(found, |row| others.delete_row(row))?;
            let Some((time, other)) = found else { continue };
            if timestamp < time && std::mem::take(&mut with_itself) {
                forward(value.clone(), value.clone(), timestamp, context)?;
            }
            forward(other, value.clone(), time, context)?;
        }
        if with_itself { forward(value.clone(), value, timestamp, context) } else { Ok(()) }
    }
}

/// A value as the same type under its other name.
#[inline]
fn same_type<V: 'static, V2: 'static>(value: V) -> Result<V2> {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<V2>>().and_then(Option::take);
    same.ok_or_else(|| Error::Internal("a stream that is joined with itself has two value types".into()))
}
