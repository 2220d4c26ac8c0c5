//! Emission on window close: when to search for closed windows, and how far emission has come.

use std::sync::Arc;

use streams_core::processor::{Data, InitContext, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Headers, Record};
use streams_core::store::TimestampedWindowStore;
use streams_core::time::{LastTime, Timestamp};
use streams_core::window::{Window, Windowed};

use super::forward::Forward;
use super::layout::Emission;
use crate::windows::EmitStrategy;

/// Emits the closed windows of one task.
///
/// 1. They are searched for after a record was accepted, at most once an interval of the wall clock
///    (`__emit.interval.ms.kstreams.windowed.aggregation__`), and only if the close time has moved since the last
///    emission.
/// 2. The close time of the last emission is committed with the offsets, under the name of the store.
pub(crate) struct Emitter {
    store: Arc<str>,
    interval_ms: i64,
    last_look: LastTime,
    emitted_until: Option<Timestamp>,
}

/// What a processor of windows does with an update that it has just stored, and what emits its windows once they have
/// closed, if that is the strategy.
pub(super) fn strategy(
    emission: Emission,
    store: &Arc<str>,
    caching: bool,
    context: &InitContext<'_>,
) -> (Forward, Option<Emitter>) {
    match emission.strategy {
        EmitStrategy::OnWindowClose => (Forward::Later, Some(Emitter::open(store, context))),
        EmitStrategy::OnWindowUpdate => (Forward::of(caching, emission.old_values, context), None),
    }
}

impl Emitter {
    /// Continues where the task's last run stopped.
    fn open(store: &Arc<str>, context: &InitContext<'_>) -> Self {
        Emitter {
            store: Arc::clone(store),
            interval_ms: context.config().windowed_aggregation_emit_interval_ms(),
            last_look: LastTime::default(),
            emitted_until: context.processor_metadata(store),
        }
    }

    /// The close time of the last emission.
    pub(crate) fn emitted_until(&self) -> Option<Timestamp> {
        self.emitted_until
    }

    /// Whether windows that closed by now are to be looked for.
    pub(crate) fn is_due<K: Data, V: Data>(
        &mut self,
        close_time: Timestamp,
        context: &ProcessorContext<'_, K, V>,
    ) -> bool {
        if !self.last_look.is_over(context.current_system_time_ms(), self.interval_ms) {
            return false;
        }
        self.emitted_until.is_none_or(|until| until < close_time)
    }

    /// Everything that closed by then has been emitted.
    pub(crate) fn emitted<K: Data, V: Data>(
        &mut self,
        close_time: Timestamp,
        context: &mut ProcessorContext<'_, K, V>,
    ) {
        self.emitted_until = Some(close_time);
        context.set_processor_metadata(&self.store, close_time);
    }

    /// Emits the windows that start within `from..=to`.
    pub(crate) fn emit_windows<K: Data, A: Data>(
        &mut self,
        store: &TimestampedWindowStore<K, A>,
        (from, to): (Timestamp, Timestamp),
        window_at: impl Fn(Timestamp) -> Window,
        headers: &Headers,
        close_time: Timestamp,
        context: &mut ProcessorContext<'_, Windowed<K>, Change<A>>,
    ) -> ProcessorResult {
        for window in store.fetch_by_start(from, to)? {
            let window = context.readable(window, |row| store.delete_row(row))?;
            let Some(((key, start), stored)) = window else { continue };
            context.forward(Record {
                key: Windowed::new(key, window_at(start)),
                value: Change::new(Some(stored.value), None),
                timestamp: stored.timestamp,
                headers: headers.clone(),
            })?;
        }
        self.emitted(close_time, context);
        Ok(())
    }
}
