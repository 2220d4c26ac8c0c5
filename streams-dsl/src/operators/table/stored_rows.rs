//! The store of a processor of tables, where its table is stored.

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, ProcessorContext};
use streams_core::record::{Change, Record};

use super::TableForwarder;
use crate::row_store::RowStore;

/// The rows of one table in one task, if they are stored.
pub(crate) struct StoredRows<K, V> {
    /// Set where the table is stored.
    name: Option<Arc<str>>,
    send_old_values: bool,
    opened: Option<(RowStore<K, V>, TableForwarder)>,
}

impl<K: Data, V: Data> StoredRows<K, V> {
    /// Of the table in that store, which is opened later, or of one without.
    pub(crate) fn new(name: Option<Arc<str>>, send_old_values: bool) -> Self {
        StoredRows { name, send_old_values, opened: None }
    }

    /// Opens the store, if there is one.
    pub(crate) fn open(&mut self, context: &mut ProcessorContext<'_, K, Change<V>>) -> Result<()> {
        if let Some(name) = &self.name {
            self.opened = Some(TableForwarder::open(name, self.send_old_values, context)?);
        }
        Ok(())
    }

    /// Whether what a row was goes along with what it is.
    pub(crate) fn send_old_values(&self) -> bool {
        self.send_old_values
    }

    /// The store, and how its updates are forwarded.
    #[inline]
    pub(crate) fn opened(&self) -> Option<&(RowStore<K, V>, TableForwarder)> {
        self.opened.as_ref()
    }

    /// Replaces a row and forwards the change with what the row was, unless the cache does it later. A row that came too
    /// late for a versioned store is not forwarded either. What is not stored is given back.
    pub(crate) fn replace(
        &self,
        record: Record<K, Option<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> Result<Option<Record<K, Option<V>>>> {
        let Some((store, forwarder)) = &self.opened else { return Ok(Some(record)) };
        let Record { key, value: new, timestamp, headers } = record;
        if forwarder.cached() {
            store.put_at(&key, new, timestamp)?;
            return Ok(None);
        }
        let old = match self.send_old_values {
            true => store.get(&key)?.map(|old| old.value),
            false => None,
        };
        let Some(is_latest) = store.put_copy_at(&key, new.as_ref(), timestamp)? else { return Ok(None) };
        context.forward(Record { key, value: Change { new, old, is_latest }, timestamp, headers })?;
        Ok(None)
    }
}
