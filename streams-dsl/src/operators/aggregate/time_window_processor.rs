//! The processor of aggregations in tumbling, hopping and other enumerable windows (`KStreamWindowAggregate`).

use std::borrow::Cow;
use std::sync::Arc;

use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::store::{TimestampedWindowStore, ValueAndTimestamp};
use streams_core::time::Timestamp;
use streams_core::window::{Window, Windowed};

use super::draft::Aggregation;
use super::emit::{Emitter, strategy};
use super::fold::Fold;
use super::forward::{Forward, drop_late, forward_windows_on_flush};
use crate::windows::{EmitStrategy, Windows};

/// Folds each value into the aggregates of its windows.
///
/// 1. A null key is dropped and counted; a null value is aggregated.
/// 2. The time that this instance has seen, in memory and from -1 on, decides what is late: a window whose end is not
///    after that time minus the grace period takes no more records. Each late window of a record is counted.
/// 3. The result's time is the larger one of the record's and the aggregate's.
pub(crate) struct TimeWindowProcessor<K, V, A, F, W> {
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
    /// The instance of one task.
    pub(crate) fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        windows: W,
        emit: EmitStrategy,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store: TimestampedWindowStore<K, A> = context.state_store(&aggregation.store)?;
        let (forward, emitter) =
            strategy(emit, &aggregation.store, store.caching(), send_old_values, context);
        if emitter.is_none() {
            forward_windows_on_flush(&store, windows.size_ms(), context)?;
        }
        Ok(TimeWindowProcessor { aggregation, windows, stream_time: -1, forward, store, emitter })
    }

    /// Adds a record to all of its windows that are still open.
    fn add_to_all(
        &self,
        record: Record<K, V>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let mut windows = self.windows.windows_for(record.timestamp);
        let Some(mut window) = windows.next() else { return Ok(()) };
        // The last window gets the record itself; a tumbling window is always the last one.
        for next in windows {
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
        let size_ms = self.windows.size_ms();
        let to = close_time - size_ms;
        if to < 0 {
            return Ok(());
        }
        let from = match emitter.emitted_until() {
            None => 0,
            Some(until) => {
                let before = (until - size_ms).max(0);
                // No window starts in between.
                if self.windows.windows_for(to).eq(self.windows.windows_for(before)) {
                    return Ok(());
                }
                before + 1
            }
        };
        emitter.emit_windows(&self.store, (from, to), size_ms, headers, close_time, context)
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
