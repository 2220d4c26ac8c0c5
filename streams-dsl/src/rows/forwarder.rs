//! How a materialised table forwards its updates: at once, or when its cache is flushed (`TimestampedTupleForwarder`).

use streams_core::error::Result;
use streams_core::processor::{Children, Data, InitContext, ProcessorContext, ProcessorResult, TaskContext};
use streams_core::record::{Change, Record};
use streams_core::store::{FlushedChange, TimestampedKeyValueStore};

use crate::rows::TableRows;

/// Forwards the updates of one table in one task.
pub(crate) struct TableForwarder {
    cached: bool,
    send_old_values: bool,
}

impl TableForwarder {
    /// For the table in that store: registers with the task when the store holds updates back.
    pub(crate) fn of_store<K: Data, V: Data>(
        store: &TimestampedKeyValueStore<K, V>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> Result<Self> {
        if store.caching() {
            let store = store.clone();
            TableForwarder::on_flush(context, move || {
                let changes = store.take_changes()?;
                Ok(changes.into_iter().map(move |change| flushed(change, send_old_values)))
            })?;
        }
        Ok(TableForwarder { cached: store.caching(), send_old_values })
    }

    /// Opens the rows of a table, with what forwards their updates.
    pub(crate) fn open<K: Data, V: Data>(
        name: &str,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> Result<(TableRows<K, V>, Self)> {
        let store = TableRows::open(name, &context.stores())?;
        let forwarder = TableForwarder::of_rows(&store, send_old_values, context)?;
        Ok((store, forwarder))
    }

    /// As [`of_store`](Self::of_store), for rows of either kind; a versioned store holds nothing back.
    fn of_rows<K: Data, V: Data>(
        rows: &TableRows<K, V>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> Result<Self> {
        match rows {
            TableRows::Timestamped(store) => Self::of_store(store, send_old_values, context),
            TableRows::Versioned(_) => Ok(TableForwarder { cached: false, send_old_values }),
        }
    }

    /// Forwards, at each commit, the updates that a store held back, as `take` has them.
    pub(crate) fn on_flush<K: Data, V: Data, I>(
        context: &mut InitContext<'_>,
        mut take: impl FnMut() -> Result<I> + 'static,
    ) -> Result<()>
    where
        I: IntoIterator<Item = Record<K, Change<V>>>,
    {
        let children = context.children()?;
        context.on_flush(Box::new(move |task| forward_all(take()?, &children, task)));
        Ok(())
    }

    /// Whether updates are forwarded later, when the cache is flushed.
    pub(crate) fn cached(&self) -> bool {
        self.cached
    }

    /// Forwards an update unless the cache does it later.
    #[inline]
    pub(crate) fn forward<K: Data, V: Data>(
        &self,
        mut record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult {
        if self.cached {
            return Ok(());
        }
        if !self.send_old_values {
            record.value.old = None;
        }
        context.forward(record)
    }
}

/// A flushed update as the record that is forwarded.
fn flushed<K, V>(
    change: FlushedChange<K, streams_core::store::ValueAndTimestamp<V>>,
    send_old_values: bool,
) -> Record<K, Change<V>> {
    let old = change.old.filter(|_| send_old_values).map(|old| old.value);
    // A deletion has no time of its own; it happens when the record that caused it did.
    let timestamp = change.new.as_ref().map_or(change.timestamp, |new| new.timestamp);
    Record {
        key: change.key,
        value: Change::new(change.new.map(|new| new.value), old),
        timestamp,
        headers: change.headers,
    }
}

fn forward_all<K: Data, V: Data>(
    records: impl IntoIterator<Item = Record<K, Change<V>>>,
    children: &Children<K, Change<V>>,
    task: &mut TaskContext,
) -> Result<bool> {
    let mut any = false;
    for record in records {
        any = true;
        task.go_to_update(record.timestamp, &record.headers);
        children.forward(record, task)?;
    }
    Ok(any)
}
