//! Aggregations in sessions (`KStreamSessionWindowAggregate`).

use std::sync::Arc;

use streams_core::error::Result as CoreResult;
use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::serde::{SerdeRef, SessionWindowedSerde};
use streams_core::store::{FlushedChange, SessionStore, SessionStoreBuilder, ValueAndTimestamp};
use streams_core::time::Timestamp;
use streams_core::window::{Window, Windowed};

use super::{AnyLayout, Emission, Layout, Span};
use crate::error::Result;
use crate::graph::Writer;
use crate::operators::aggregate::add::{Aggregation, AggregationDraft};
use crate::operators::aggregate::emit::{Emitter, strategy};
use crate::operators::aggregate::fold::Fold;
use crate::operators::aggregate::forward::{Forward, drop_late};
use crate::rows::{TableForwarder, ValueGetter, ValueGetterSupplier};
use crate::windows::{EmitStrategy, SessionWindows, merge};

impl Layout for SessionWindows {
    type Key<K: Data> = Windowed<K>;

    fn mistake(&self) -> std::result::Result<(), String> {
        self.check()
    }

    // Kafka Streams counts the gap as grace here: until then a session can still grow.
    fn span(&self) -> Option<Span> {
        let grace_ms = self.grace_ms().saturating_add(self.inactivity_gap_ms());
        Some(Span { grace_ms, kept_ms: grace_ms })
    }

    fn key_serde<K: Data>(&self, key: SerdeRef<K>) -> SerdeRef<Windowed<K>> {
        Arc::new(SessionWindowedSerde::new(key))
    }

    fn getter<K: Data, A: Data>(&self, store: &str) -> ValueGetterSupplier<Windowed<K>, A> {
        let name: Arc<str> = store.into();
        ValueGetterSupplier::new(vec![store.to_owned()], move |stores| {
            Ok(Box::new(SessionGetter { store: stores.get(&name)? }))
        })
    }

    fn write_store<K: Data, A: Data>(
        &self,
        draft: &AggregationDraft<K, A>,
        emission: Emission,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        let (key_serde, value_serde) = draft.serdes()?;
        let store = SessionStoreBuilder::new(&draft.store, key_serde, value_serde, draft.retention)
            .with_options(draft.materialized.store_options(emission.old_values, &writer.store_place))
            .declared(draft.declaration);
        writer.add_store(match emission.strategy {
            EmitStrategy::OnWindowUpdate => store,
            // No update is forwarded, so none waits.
            EmitStrategy::OnWindowClose => store.with_caching_disabled(),
        })
    }

    fn processor<K: Data, V: Data, A: Data, F: Fold<K, V, A>>(
        &self,
        aggregation: Arc<Aggregation<K, V, A, F>>,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<impl Processor<K, V, Windowed<K>, Change<A>> + use<K, V, A, F>> {
        SessionProcessor::open(aggregation, *self, emission, context)
    }

    fn any_layout(&self) -> AnyLayout {
        AnyLayout::Session(*self)
    }
}

/// Reads single sessions of a windowed table.
struct SessionGetter<K, A> {
    store: SessionStore<K, A>,
}

impl<K: Data, A: Data> ValueGetter<Windowed<K>, A> for SessionGetter<K, A> {
    fn get(&self, key: &Windowed<K>) -> ProcessorResult<Option<ValueAndTimestamp<A>>> {
        let (start_ms, end_ms) = (key.window.start_ms, key.window.end_ms);
        let aggregate = self.store.fetch_session(&key.key, start_ms, end_ms)?;
        // A session's time is its end; the store has no other.
        Ok(aggregate.map(|value| ValueAndTimestamp { value, timestamp: end_ms }))
    }
}

/// Sessions that have become one, with what they were where that is forwarded.
type Absorbed<K, A> = Vec<(Windowed<K>, Option<A>)>;

/// Folds each value into the session that it joins, extends, creates or makes out of several.
///
/// 1. A null key is dropped and counted; a null value is aggregated.
/// 2. The sessions within the gap around the record become one with it. If that one ends before the time that this
///    instance has seen (in memory, from -1 on) minus grace period and gap, the record is late, dropped and counted.
/// 3. Each session that was absorbed is removed, with a tombstone, also if the new one has the same bounds; only a
///    session of this one timestamp is overwritten in place.
/// 4. Results have the end of their session as their time. Forwarded at once, they carry no headers; a flush gives them
///    those of the last update, as Kafka's cache does.
struct SessionProcessor<K, V, A, F> {
    aggregation: Arc<Aggregation<K, V, A, F>>,
    windows: SessionWindows,
    stream_time: Timestamp,
    forward: Forward,
    store: SessionStore<K, A>,
    emitter: Option<Emitter>,
}

impl<K, V, A, F> SessionProcessor<K, V, A, F>
where
    K: Data,
    V: Data,
    A: Data,
    F: Fold<K, V, A>,
{
    fn open(
        aggregation: Arc<Aggregation<K, V, A, F>>,
        windows: SessionWindows,
        emission: Emission,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let store: SessionStore<K, A> = context.state_store(&aggregation.store)?;
        let (forward, emitter) = strategy(emission, &aggregation.store, store.caching(), context);
        if store.caching() {
            let cached = store.clone();
            TableForwarder::on_flush(context, move || {
                let update = |change: FlushedChange<Windowed<K>, A>| Record {
                    timestamp: change.key.window.end_ms,
                    key: change.key,
                    value: Change::new(change.new, change.old),
                    headers: change.headers,
                };
                Ok(cached.take_changes()?.into_iter().map(update))
            })?;
        }
        Ok(SessionProcessor { aggregation, windows, stream_time: -1, forward, store, emitter })
    }

    /// Adds a value to the session that it joins, if that is still open.
    fn add(
        &self,
        key: K,
        value: V,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let Aggregation { fold, aggregates, .. } = &*self.aggregation;
        let gap_ms = self.windows.inactivity_gap_ms();
        let (earliest_end, latest_start) = (timestamp - gap_ms, timestamp.saturating_add(gap_ms));
        let store = &self.store;
        let sessions: Vec<_> =
            store.find_sessions(&key, earliest_end, latest_start)?.collect::<CoreResult<_>>()?;
        let own = Window::new(timestamp, timestamp);
        let window = sessions.iter().fold(own, |window, (session, _)| merge(window, session.window));
        if window.end_ms < self.windows.close_time(self.stream_time) {
            drop_late(window, self.stream_time, self.windows.grace_ms().saturating_add(gap_ms), context);
            return Ok(());
        }
        // User code first, so that a record on which it fails leaves the sessions as they are.
        let (aggregate, absorbed) = self.absorb(&key, sessions)?;
        let new = aggregates.reject(fold.add(&key, value, aggregate)?);
        if window != own {
            self.remove(absorbed, context)?;
        }
        let session = Windowed::new(key, window);
        if !self.forward.at_once() {
            return Ok(store.put(&session, new)?);
        }
        store.put(&session, new.clone())?;
        context.forward(Record::new(session, Change::new(new, None), window.end_ms))
    }

    /// Emits the sessions that have closed since the last emission, with the headers of the current record.
    fn emit_closed(
        &mut self,
        headers: &Headers,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let close_time = self.windows.close_time(self.stream_time);
        let Some(emitter) = &mut self.emitter else { return Ok(()) };
        if !emitter.is_due(close_time, context) {
            return Ok(());
        }
        let (from, to) = (emitter.emitted_until().unwrap_or(0).max(0), close_time - 1);
        if to < from {
            return Ok(());
        }
        let store = &self.store;
        for closed in store.find_closed(from, to)? {
            let closed = context.readable(closed, |row| store.delete_row(row))?;
            let Some((session, aggregate)) = closed else { continue };
            let (timestamp, headers) = (session.window.end_ms, headers.clone());
            let value = Change::new(Some(aggregate), None);
            context.forward(Record { key: session, value, timestamp, headers })?;
        }
        emitter.emitted(close_time, context);
        Ok(())
    }

    /// Joins the aggregates of sessions that are one from now on. Returns the sessions with what they were, where that is
    /// forwarded.
    fn absorb(&self, key: &K, sessions: Vec<(Windowed<K>, A)>) -> CoreResult<(Option<A>, Absorbed<K, A>)> {
        let Aggregation { fold, aggregates, .. } = &*self.aggregation;
        let mut aggregate = fold.initial();
        // Where the first value itself is the aggregate, the one after a null is so again.
        let begins_with_value = aggregate.is_none();
        let mut absorbed = Vec::with_capacity(sessions.len());
        for (session, value) in sessions {
            let old = if self.forward.with_old() { Some(value.clone()) } else { None };
            let merged = fold.merge(key, aggregate, value)?;
            aggregate = if begins_with_value { aggregates.reject(merged) } else { Some(merged) };
            absorbed.push((session, old));
        }
        Ok((aggregate, absorbed))
    }

    /// Removes sessions that have become one with other bounds.
    fn remove(
        &self,
        absorbed: Absorbed<K, A>,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        let store = &self.store;
        for (session, old) in absorbed {
            store.remove(&session)?;
            if self.forward.at_once() {
                let end_ms = session.window.end_ms;
                context.forward(Record::new(session, Change::new(None, old), end_ms))?;
            }
        }
        Ok(())
    }
}

impl<K, V, A, F> Processor<K, V, Windowed<K>, Change<A>> for SessionProcessor<K, V, A, F>
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
        if self.aggregation.keys.contain(&record.key) {
            context.drop_record_as(DropReason::NullKey, "an aggregation needs one");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        self.stream_time = self.stream_time.max(timestamp);
        self.add(key, value, timestamp, context)?;
        self.emit_closed(&headers, context)
    }
}
