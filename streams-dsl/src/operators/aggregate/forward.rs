//! How the updates of an aggregate leave its operator: at once, or from the store's cache when it is flushed
//! (`TimestampedTupleForwarder`, `TimestampedCacheFlushListener`).

use std::rc::Rc;

use streams_core::error::Result;
use streams_core::processor::{Data, DropReason, InitContext, ProcessorContext};
use streams_core::record::{Change, Record};
use streams_core::store::{FlushedChange, TimestampedWindowStore, ValueAndTimestamp};
use streams_core::time::Timestamp;
use streams_core::window::{Window, Windowed};

use crate::rows::TableForwarder;

/// What a processor does with an update that it has just stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// Nothing: the store has a cache, and the flush forwards; or nobody listens.
    Later,
    /// Forward the new value.
    New,
    /// Forward the new and the old value, as a node downstream asked for both.
    NewAndOld,
}

impl Forward {
    /// What a processor whose store is cached, or not, does from now on.
    pub(crate) fn of(caching: bool, send_old_values: bool, context: &InitContext<'_>) -> Self {
        match (caching || !context.has_children(), send_old_values) {
            (true, _) => Forward::Later,
            (false, false) => Forward::New,
            (false, true) => Forward::NewAndOld,
        }
    }

    /// Whether updates are forwarded one by one.
    #[inline]
    pub(crate) fn at_once(self) -> bool {
        self != Forward::Later
    }

    /// Whether the old value goes along.
    #[inline]
    pub(crate) fn with_old(self) -> bool {
        self == Forward::NewAndOld
    }
}

/// The update of a timestamped store as a record: its time is that of the new value, or for a deletion that of the
/// record which caused it.
pub(crate) fn timestamped_update<C, K, A>(
    change: FlushedChange<C, ValueAndTimestamp<A>>,
    key: impl FnOnce(C) -> K,
) -> Record<K, Change<A>> {
    let timestamp = change.new.as_ref().map_or(change.timestamp, |new| new.timestamp);
    let value = |stored: ValueAndTimestamp<A>| stored.value;
    Record {
        key: key(change.key),
        value: Change::new(change.new.map(value), change.old.map(value)),
        timestamp,
        headers: change.headers,
    }
}

/// Forwards the updates of windows when the store's cache is flushed, if it has one.
pub(crate) fn forward_windows_on_flush<K: Data, A: Data>(
    store: &TimestampedWindowStore<K, A>,
    window_at: impl Fn(Timestamp) -> Window + 'static,
    context: &mut InitContext<'_>,
) -> Result<()> {
    if !store.caching() {
        return Ok(());
    }
    let cached = store.clone();
    let window_at = Rc::new(window_at);
    TableForwarder::on_flush(context, move || {
        let window_at = Rc::clone(&window_at);
        let windowed = move |(key, start_ms)| Windowed::new(key, window_at(start_ms));
        let changes = cached.take_changes()?;
        Ok(changes.into_iter().map(move |change| timestamped_update(change, &windowed)))
    })
}

/// Leaves out a record that came after its window had closed, and says what judged it: `open_for_ms` is how long after its
/// end a window takes records.
#[cold]
pub(crate) fn drop_late<K: Data, V: Data>(
    window: Window,
    stream_time: Timestamp,
    open_for_ms: i64,
    context: &mut ProcessorContext<'_, K, V>,
) {
    let Window { start_ms, end_ms } = window;
    context.drop_record_as(
        DropReason::Late,
        format_args!(
            "its window from {start_ms} to {end_ms} took records for {open_for_ms} ms after its end, and the operator has \
             seen stream time {stream_time}"
        ),
    );
}
