//! Aggregations in sliding windows (`KStreamSlidingWindowAggregate`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::error::Result as CoreResult;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::serde::{SerdeRef, TimeWindowedSerde};
use streams_core::store::{TimestampedWindowStore, ValueAndTimestamp};
use streams_core::time::{Timestamp, from_ms};
use streams_core::window::{Window, Windowed};

use super::sliding_plan::{SlidingStep, early_steps, steps};
use super::time::{window_getter, window_store};
use super::{AnyLayout, Emission, Layout, Span};
use crate::error::Result;
use crate::graph::Writer;
use crate::operators::aggregate::add::{Aggregation, AggregationDraft};
use crate::operators::aggregate::emit::{Emitter, strategy};
use crate::operators::aggregate::fold::Fold;
use crate::operators::aggregate::forward::{Forward, drop_late, forward_windows_on_flush};
use crate::rows::ValueGetterSupplier;
use crate::windows::{EmitStrategy, SlidingWindows};

impl Layout for SlidingWindows {
    type Key<K: Data> = Windowed<K>;

    const COUNT_BURNS_A_NAME: bool = false;

    fn mistake(&self) -> std::result::Result<(), String> {
        self.check()
    }

    // A record may have to make a window that starts after a record two time differences before it.
    fn span(&self) -> Option<Span> {
        let grace_ms = self.grace_ms();
        let kept_ms = self.time_difference_ms().saturating_mul(2).saturating_add(grace_ms);
        Some(Span { grace_ms, kept_ms })
    }

    fn key_serde<K: Data>(&self, key: SerdeRef<K>) -> SerdeRef<Windowed<K>> {
        Arc::new(TimeWindowedSerde::new(key, from_ms(self.time_difference_ms())))
    }

    fn getter<K: Data, A: Data>(&self, store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
        window_getter(store)
    }

    fn write_store<K: Data, A: Data>(
        &self,
        draft: &AggregationDraft<K, A>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let store = window_store(draft, emission, writer)?;
        writer.add_store(match emission.strategy {
            EmitStrategy::OnWindowUpdate => store,
            EmitStrategy::OnWindowClose => store.with_caching_disabled(),
        })
    }

    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        &self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<K, V, A, F>> {
        SlidingWindowProcessor::open(aggregation, *self, emission, context)
    }

    fn any_layout(&self) -> AnyLayout {
        AnyLayout::Sliding(*self)
    }
}

/// Folds each value into the sliding windows that hold it.
///
/// 1. A null key or a null value is dropped and counted.
/// 2. A record is late if the window that starts at it ends before the time that this instance has seen (in memory, from
///    -1 on) minus the grace period; each single window that ends before is left out and counted too.
/// 3. The result's time is the larger one of the record's and the aggregate's.
/// 4. Windows are read backwards in time, as Kafka Streams does with every store that can, and changed in that order.
struct SlidingWindowProcessor<K, V, A, F> {
    aggregation: Arc<Aggregation<K, V, A, F>>,
    windows: SlidingWindows,
    stream_time: Timestamp,
    forward: Forward,
    store: TimestampedWindowStore<K, A>,
    emitter: Option<Emitter>,
}

/// The current record, whose parts are borrowed while further windows need them.
struct Parts<'a, K: Clone, V: Clone> {
    key: Cow<'a, K>,
    value: Cow<'a, V>,
    timestamp: Timestamp,
    headers: Cow<'a, Headers>,
}

impl<K, V, A, F> SlidingWindowProcessor<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
{
    fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        windows: SlidingWindows,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store: TimestampedWindowStore<K, A> = context.state_store(&aggregation.store)?;
        let (forward, emitter) = strategy(emission, &aggregation.store, store.caching(), context);
        if emitter.is_none() {
            forward_windows_on_flush(&store, windows.window_at(), context)?;
        }
        Ok(SlidingWindowProcessor { aggregation, windows, stream_time: -1, forward, store, emitter })
    }

    fn close_time(&self) -> Timestamp {
        self.stream_time - self.windows.grace_ms()
    }

    /// What the record at that time changes.
    fn plan(&self, key: &K, timestamp: Timestamp) -> CoreResult<Vec<SlidingStep<A>>> {
        let store = &self.store;
        let difference_ms = self.windows.time_difference_ms();
        if timestamp < difference_ms {
            let found = store.fetch_range(key, 0, timestamp.saturating_add(1))?;
            return Ok(early_steps(timestamp, found.collect::<CoreResult<_>>()?));
        }
        let from = (timestamp - 2 * difference_ms).max(0);
        let mut found = Vec::new();
        for window in store.fetch_range(key, from, timestamp.saturating_add(1))?.rev() {
            let (start, stored) = window?;
            found.push((start, stored));
            // The first one that ends before the record is the last that counts.
            if start.saturating_add(difference_ms) < timestamp {
                break;
            }
        }
        Ok(steps(timestamp, difference_ms, found))
    }

    fn take(
        &self,
        step: SlidingStep<A>,
        record: Parts<'_, K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        match step {
            SlidingStep::Add(start, aggregate) => self.add(start, aggregate, record, context),
            SlidingStep::Copy(start, aggregate) => self.copy(start, aggregate, record, context),
        }
    }

    /// Adds the record to one window.
    fn add(
        &self,
        start: Timestamp,
        aggregate: Option<ValueAndTimestamp<A>>,
        record: Parts<'_, K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let window = Window::of_size(start, self.windows.time_difference_ms());
        if window.end_ms < self.close_time() {
            drop_late(window, self.stream_time, self.windows.grace_ms(), context);
            return Ok(());
        }
        let Parts { key, value, timestamp, headers } = record;
        let Aggregation { fold, aggregates, .. } = &*self.aggregation;
        let store = &self.store;
        let (aggregate, timestamp) = match aggregate {
            None => (fold.initial(), timestamp),
            Some(stored) => (Some(stored.value), timestamp.max(stored.timestamp)),
        };
        let old = if self.forward.with_old() { aggregate.clone() } else { None };
        let new = aggregates.reject(fold.add(&key, value.into_owned(), aggregate)?);
        let stored = |value| ValueAndTimestamp { value, timestamp };
        if !self.forward.at_once() {
            return Ok(store.put(&key, new.map(stored), start)?);
        }
        store.put(&key, new.clone().map(stored), start)?;
        let old = old.and_then(|old| aggregates.reject(old));
        let (key, headers) = (Windowed::new(key.into_owned(), window), headers.into_owned());
        context.forward(Record { key, value: Change::new(new, old), timestamp, headers })
    }

    /// Makes a window of records that are known.
    fn copy(
        &self,
        start: Timestamp,
        aggregate: ValueAndTimestamp<A>,
        record: Parts<'_, K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let store = &self.store;
        if !self.forward.at_once() {
            return Ok(store.put(&record.key, Some(aggregate), start)?);
        }
        store.put(&record.key, Some(aggregate.clone()), start)?;
        let window = Window::of_size(start, self.windows.time_difference_ms());
        context.forward(Record {
            key: Windowed::new(record.key.into_owned(), window),
            value: Change::new(Some(aggregate.value), None),
            timestamp: aggregate.timestamp,
            headers: record.headers.into_owned(),
        })
    }

    fn emit_closed(
        &mut self,
        headers: &Headers,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let close_time = self.close_time();
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        if !emitter.is_due(close_time, context) {
            return Ok(());
        }
        let length_ms = self.windows.time_difference_ms();
        // Ends are inclusive: a window that ends at the close time is still open.
        let to = close_time - length_ms - 1;
        if to < 0 {
            return Ok(());
        }
        let from = emitter.emitted_until().map_or(0, |until| (until - length_ms).max(0));
        emitter.emit_windows(&self.store, (from, to), self.windows.window_at(), headers, close_time, context)
    }
}

impl<K, V, A, F> Processor<K, V, Windowed<K>, Change<A>> for SlidingWindowProcessor<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let Aggregation { keys, values, .. } = &*self.aggregation;
        if keys.contain(&record.key) || values.contain(&record.value) {
            let null_key = keys.contain(&record.key);
            let reason = if null_key { DropReason::NullKey } else { DropReason::NullValue };
            context.drop_record_as(reason, "an aggregation over sliding windows needs both");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        self.stream_time = self.stream_time.max(timestamp);
        let difference_ms = self.windows.time_difference_ms();
        let last = Window::of_size(timestamp, difference_ms);
        if last.end_ms < self.close_time() {
            drop_late(last, self.stream_time, self.windows.grace_ms(), context);
            return Ok(());
        }
        let mut steps = self.plan(&key, timestamp)?;
        // The last step gets the record itself.
        let last = steps.pop();
        for step in steps {
            let (key, value, headers) = (Cow::Borrowed(&key), Cow::Borrowed(&value), Cow::Borrowed(&headers));
            self.take(step, Parts { key, value, timestamp, headers }, context)?;
        }
        // Java's early records end here, before emission.
        let emits = self.emitter.is_some() && timestamp >= difference_ms;
        let kept = if emits { headers.clone() } else { Headers::new() };
        if let Some(last) = last {
            let (key, value, headers) = (Cow::Owned(key), Cow::Owned(value), Cow::Owned(headers));
            self.take(last, Parts { key, value, timestamp, headers }, context)?;
        }
        if emits { self.emit_closed(&kept, context) } else { Ok(()) }
    }
}
