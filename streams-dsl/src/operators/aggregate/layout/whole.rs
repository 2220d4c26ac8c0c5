//! Aggregations without windows (`KStreamAggregate`, `KStreamReduce`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::SerdeRef;

use super::{AnyLayout, Emission, Layout, Span};
use crate::error::Result;
use crate::graph::Writer;
use crate::operators::aggregate::add::{Aggregation, AggregationDraft};
use crate::operators::aggregate::fold::Fold;
use crate::operators::aggregate::forward::{Forward, timestamped_update};
use crate::rows::{RowStoreSpec, TableForwarder, TableRows, ValueGetterSupplier, row_store};
use crate::windows::Whole;

impl Layout for Whole {
    type Key<K: Data> = K;

    fn mistake(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    fn span(&self) -> Option<Span> {
        None
    }

    fn key_serde<K: Data>(&self, key: SerdeRef<K>) -> SerdeRef<K> {
        key
    }

    fn getter<K: Data, A: Data>(&self, store: &str) -> ValueGetterSupplier<K, A> {
        ValueGetterSupplier::of_store(store)
    }

    fn write_store<K: Data, A: Data>(
        &self,
        draft: &AggregationDraft<K, A>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let (key_serde, value_serde) = draft.serdes()?;
        let spec = RowStoreSpec {
            name: &draft.store,
            operator: &writer.name,
            options: draft.materialized.store_options(emission.old_values, &writer.store_place),
            declaration: draft.declaration,
        };
        writer.add_store(row_store(spec, key_serde, value_serde, draft.materialized.own.supplier.as_ref())?)
    }

    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        &self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, K, Change<A>> + use<K, V, A, F>> {
        AggregateProcessor::open(aggregation, emission.old_values, context)
    }

    fn any_layout(&self) -> AnyLayout {
        AnyLayout::Whole(*self)
    }
}

/// Folds each value into the aggregate of its key.
///
/// 1. A null key or a null value is dropped and counted.
/// 2. The result's time is the larger one of the record's and the aggregate's; a first value gives its own time.
/// 3. A null aggregate deletes the row; the next value starts again.
/// 4. The old value that goes along with the first update of a key is the fold's initial aggregate, not nothing, while
///    updates are forwarded at once: Kafka Streams does it so, and `suppress` shows it.
struct AggregateProcessor<K, V, A, F> {
    aggregation: Arc<Aggregation<K, V, A, F>>,
    forward: Forward,
    store: TableRows<K, A>,
}

impl<K: Data, V: Data, A: Data, F> AggregateProcessor<K, V, A, F> {
    fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store = TableRows::open(&aggregation.store, &context.stores())?;
        let forward = Forward::of(store.caching(), old_values, context);
        if let Some(cached) = store.cached() {
            TableForwarder::on_flush(context, move || {
                let changes = cached.take_changes()?;
                Ok(changes.into_iter().map(|change| timestamped_update(change, std::convert::identity)))
            })?;
        }
        Ok(AggregateProcessor { aggregation, forward, store })
    }
}

impl<K, V, A, F> Processor<K, V, K, Change<A>> for AggregateProcessor<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, K, Change<A>>,
    ) -> ProcessorResult {
        let Aggregation { fold, keys, values, aggregates, .. } = &*self.aggregation;
        if keys.contain(&record.key) || values.contain(&record.value) {
            let null_key = keys.contain(&record.key);
            let reason = if null_key { DropReason::NullKey } else { DropReason::NullValue };
            context.drop_record_as(reason, "an aggregation needs both");
            return Ok(());
        }
        let store = &self.store;
        let Record { key, value, timestamp, headers } = record;
        let (aggregate, timestamp) = match store.get(&key)? {
            None => (fold.initial(), timestamp),
            Some(stored) => (Some(stored.value), timestamp.max(stored.timestamp)),
        };
        let old = if self.forward.with_old() { aggregate.clone() } else { None };
        let new = aggregates.reject(fold.add(&key, value, aggregate)?);
        if !self.forward.at_once() {
            store.put(&key, new.map(Cow::Owned), timestamp)?;
            return Ok(());
        }
        let kept = new.as_ref().map(Cow::Borrowed);
        let Some(is_latest) = store.put(&key, kept, timestamp)? else { return Ok(()) };
        let old = old.and_then(|old| aggregates.reject(old));
        context.forward(Record { key, value: Change { new, old, is_latest }, timestamp, headers })
    }
}
