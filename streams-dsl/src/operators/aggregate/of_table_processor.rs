//! The processor of aggregations of grouped tables (`KTableAggregate`, `KTableReduce`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};

use super::fold::Fold;
use crate::operators::nulls::Nulls;
use crate::rows::{TableForwarder, TableRows};

/// What all instances of an aggregation share.
pub(super) struct TableAggregate<A, F, S> {
    pub(super) store: Arc<str>,
    pub(super) fold: F,
    /// Subtracts a value from the aggregate.
    pub(super) subtract: S,
    /// An aggregate that is null deletes the row.
    pub(super) aggregates: Nulls<A>,
}

/// Subtracts a row's old value from the aggregate of its group, and adds its new value.
///
/// 1. A row's old value is only subtracted from an aggregate that exists.
/// 2. A first value, or one after a null aggregate, starts from the fold's initial aggregate.
/// 3. The result's time is the larger one of the record's and the aggregate's.
/// 4. A result is forwarded even if nothing has changed.
pub(super) struct TableAggregateProcessor<K, A, F, S> {
    aggregate: Arc<TableAggregate<A, F, S>>,
    send_old_values: bool,
    store: TableRows<K, A>,
    forwarder: TableForwarder,
}

impl<K: Data, A: Data, F, S> TableAggregateProcessor<K, A, F, S> {
    /// The instance of one task.
    pub(super) fn open(
        aggregate: Arc<TableAggregate<A, F, S>>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let (store, forwarder) = TableForwarder::open(&aggregate.store, send_old_values, context)?;
        Ok(TableAggregateProcessor { aggregate, send_old_values, store, forwarder })
    }
}

impl<K, V, A, F, S> Processor<K, Change<V>, K, Change<A>> for TableAggregateProcessor<K, A, F, S>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
    S: Fn(&K, V, A) -> Result<A> + 'static,
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<A>>,
    ) -> ProcessorResult {
        let TableAggregate { fold, subtract, aggregates, .. } = &*self.aggregate;
        let (store, forwarder) = (&self.store, &self.forwarder);
        let Record { key, value: change, timestamp, headers } = record;
        let (mut aggregate, timestamp) = match store.get(&key)? {
            None => (None, timestamp),
            Some(stored) => (Some(stored.value), timestamp.max(stored.timestamp)),
        };
        let forwards_old = self.send_old_values && !forwarder.cached();
        let old = if forwards_old { aggregate.clone() } else { None };
        if let Some(value) = change.old
            && let Some(before) = aggregate.take()
        {
            aggregate = aggregates.reject(subtract(&key, value, before)?);
        }
        if let Some(value) = change.new {
            let before = aggregate.or_else(|| fold.initial());
            aggregate = aggregates.reject(fold.add(&key, value, before)?);
        }
        if forwarder.cached() {
            store.put(&key, aggregate.map(Cow::Owned), timestamp)?;
            return Ok(());
        }
        let kept = aggregate.as_ref().map(Cow::Borrowed);
        let Some(is_latest) = store.put(&key, kept, timestamp)? else { return Ok(()) };
        let value = Change { new: aggregate, old, is_latest };
        context.forward(Record { key, value, timestamp, headers })
    }
}
