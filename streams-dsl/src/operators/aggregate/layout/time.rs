//! Aggregations in windows that can be listed for a timestamp: tumbling, hopping, unlimited ones, and those of users
//! (`KStreamWindowAggregate`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::error::Error;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::serde::SerdeRef;
use streams_core::store::{TimestampedWindowStore, TimestampedWindowStoreBuilder, ValueAndTimestamp};
use streams_core::time::Timestamp;
use streams_core::window::{Window, Windowed};

use super::{AnyLayout, Emission, Layout, Span};
use crate::error::Result;
use crate::graph::Writer;
use crate::operators::aggregate::add::{Aggregation, AggregationDraft};
use crate::operators::aggregate::emit::{Emitter, strategy};
use crate::operators::aggregate::fold::Fold;
use crate::operators::aggregate::forward::{Forward, drop_late, forward_windows_on_flush};
use crate::rows::{ValueGetter, ValueGetterSupplier};
use crate::windows::{EmitStrategy, Windows, WindowsSerde, check_listed, closed_between, listed};

impl<W: Windows> Layout for W {
    type Key<K: Data> = Windowed<K>;

    fn mistake(&self) -> std::result::Result<(), String> {
        check_listed(self)
    }

    fn span(&self) -> Option<Span> {
        let grace_ms = self.grace_ms();
        Some(Span { grace_ms, kept_ms: self.size_ms().saturating_add(grace_ms) })
    }

    fn key_serde<K: Data>(&self, key: SerdeRef<K>) -> SerdeRef<Windowed<K>> {
        Arc::new(WindowsSerde::new(key, self.clone()))
    }

    fn getter<K: Data, A: Data>(&self, store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
        window_getter(store)
    }

    // No update waits in a cache while windows are emitted when they close, but windows that the store keeps no longer are
    // still found there, and emitted.
    fn write_store<K: Data, A: Data>(
        &self,
        draft: &AggregationDraft<K, A>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let store = window_store(draft, emission, writer)?;
        writer.add_store(store)
    }

    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        &self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<W, K, V, A, F>> {
        TimeWindowProcessor::open(aggregation, self.clone(), emission, context)
    }

    fn any_layout(&self) -> AnyLayout {
        AnyLayout::Listed(self.any())
    }
}

/// The store of windows, by their starts.
pub(super) fn window_store<K: Data, A: Data>(
    draft: &AggregationDraft<K, A>,
    emission: Emission,
    writer: &Writer<'_>,
) -> Result<TimestampedWindowStoreBuilder<K, A>> {
    let (key_serde, value_serde) = draft.serdes()?;
    let store = TimestampedWindowStoreBuilder::new(&draft.store, key_serde, value_serde, draft.retention)
        .with_options(draft.materialized.store_options(emission.old_values, &writer.store_place))
        .declared(draft.declaration);
    Ok(match emission.strategy {
        EmitStrategy::OnWindowUpdate => store,
        EmitStrategy::OnWindowClose => store.emit_on_close(),
    })
}

/// Reads single windows of a windowed table.
pub(super) fn window_getter<K: Data, A: Data>(store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
    let name: Arc<str> = store.into();
    ValueGetterSupplier::new(vec![store.to_owned()], move |stores| {
        Ok(Box::new(WindowGetter { store: stores.get(&name)? }))
    })
}

struct WindowGetter<K, A> {
    store: TimestampedWindowStore<K, A>,
}

impl<K: Data, A: Data> ValueGetter<Windowed<K>, A> for WindowGetter<K, A> {
    fn get(&self, key: &Windowed<K>) -> ProcessorResult<Option<ValueAndTimestamp<A>>> {
        Ok(self.store.fetch(&key.key, key.window.start_ms)?)
    }
}

/// Folds each value into the aggregates of its windows.
///
/// 1. A null key is dropped and counted; a null value is aggregated.
/// 2. The largest time that this instance has seen, in memory and from -1 on, decides what is late: a window whose end is not
///    after that time minus the grace period takes no more records. Each late window of a record is counted.
/// 3. The result's time is the larger one of the record's and the aggregate's.
struct TimeWindowProcessor<K, V, A, F, W> {
    aggregation: Arc<Aggregation<K, V, A, F>>,
    windows: W,
    stream_time: Timestamp,
    forward: Forward,
    store: TimestampedWindowStore<K, A>,
    emitter: Option<Emitter>,
}

impl<K, V, A, F, W> TimeWindowProcessor<K, V, A, F, W>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
    W: Windows,
{
    fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        windows: W,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store: TimestampedWindowStore<K, A> = context.state_store(&aggregation.store)?;
        let (forward, emitter) = strategy(emission, &aggregation.store, store.caching(), context);
        if emitter.is_none() {
            let windows = windows.clone();
            forward_windows_on_flush(&store, move |start_ms| windows.window_at(start_ms), context)?;
        }
        Ok(TimeWindowProcessor { aggregation, windows, stream_time: -1, forward, store, emitter })
    }

    /// Adds a record to all of its windows that are still open.
    fn add_to_all(
        &self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let broken = |mistake: String| Error::User(mistake.into());
        let mut windows = listed(&self.windows, record.timestamp);
        let Some(mut window) = windows.next().transpose().map_err(broken)? else { return Ok(()) };
        // The last window gets the record itself; a tumbling window is always the last one.
        for next in windows {
            let next = next.map_err(broken)?;
            if self.is_open(window, context) {
                let (key, headers) = (Cow::Borrowed(&record.key), Cow::Borrowed(&record.headers));
                self.add(window, key, record.value.clone(), record.timestamp, headers, context)?;
            }
            window = next;
        }
        if !self.is_open(window, context) {
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        self.add(window, Cow::Owned(key), value, timestamp, Cow::Owned(headers), context)
    }

    /// Emits the windows that have closed since the last emission.
    fn emit_closed(
        &mut self,
        headers: &Headers,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let close_time = self.stream_time - self.windows.grace_ms();
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        if !emitter.is_due(close_time, context) {
            return Ok(());
        }
        let closed = closed_between(&self.windows, emitter.emitted_until(), close_time);
        let Some(starts) = closed else { return Ok(()) };
        let window_at = |start_ms| self.windows.window_at(start_ms);
        emitter.emit_windows(&self.store, starts, window_at, headers, close_time, context)
    }

    /// Whether the window still takes records; if not, the record is counted as dropped.
    fn is_open(&self, window: Window, context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>) -> bool {
        let open = window.end_ms > self.stream_time - self.windows.grace_ms();
        if !open {
            drop_late(window, self.stream_time, self.windows.grace_ms(), context);
        }
        open
    }

    /// Adds a value to one window. Key and headers are borrowed while further windows need them, so that they are
    /// copied only if they are forwarded.
    fn add(
        &self,
        window: Window,
        key: Cow<'_, K>,
        value: V,
        timestamp: Timestamp,
        headers: Cow<'_, Headers>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let Aggregation { fold, aggregates, .. } = &*self.aggregation;
        let store = &self.store;
        let (aggregate, timestamp) = match store.fetch(&key, window.start_ms)? {
            None => (fold.initial(), timestamp),
            Some(stored) => (Some(stored.value), timestamp.max(stored.timestamp)),
        };
        let old = if self.forward.with_old() { aggregate.clone() } else { None };
        let new = aggregates.reject(fold.add(&key, value, aggregate)?);
        let stored = |value| ValueAndTimestamp { value, timestamp };
        if !self.forward.at_once() {
            return Ok(store.put(&key, new.map(stored), window.start_ms)?);
        }
        store.put(&key, new.clone().map(stored), window.start_ms)?;
        let old = old.and_then(|old| aggregates.reject(old));
        context.forward(Record {
            key: Windowed::new(key.into_owned(), window),
            value: Change::new(new, old),
            timestamp,
            headers: headers.into_owned(),
        })
    }
}

impl<K, V, A, F, W> Processor<K, V, Windowed<K>, Change<A>> for TimeWindowProcessor<K, V, A, F, W>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
    W: Windows,
{
    fn process(
        &mut self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        if self.aggregation.keys.contain(&record.key) {
            context.drop_record_as(DropReason::NullKey, "an aggregation needs one");
            return Ok(());
        }
        self.stream_time = self.stream_time.max(record.timestamp);
        if self.emitter.is_none() {
            return self.add_to_all(record, context);
        }
        let headers = record.headers.clone();
        self.add_to_all(record, context)?;
        self.emit_closed(&headers, context)
    }
}
