//! The store of a processor of tables, where its table is stored.

use std::borrow::Cow;

use streams_core::error::Result;
use streams_core::processor::{Data, InitContext, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};

use super::TableForwarder;
use crate::rows::TableRows;

/// The rows of one table in one task, if they are stored.
pub(crate) struct MaterializedRows<K, V> {
    send_old_values: bool,
    /// Set where the table is stored.
    opened: Option<(TableRows<K, V>, TableForwarder)>,
}

impl<K: Data, V: Data> MaterializedRows<K, V> {
    /// Of the table in that store, or of one without.
    pub(crate) fn open(
        name: Option<&str>,
        send_old_values: bool,
        context: &mut InitContext<'_>,
    ) -> Result<Self> {
        let opened = name.map(|name| TableForwarder::open(name, send_old_values, context)).transpose()?;
        Ok(MaterializedRows { send_old_values, opened })
    }

    /// Whether what a row was goes along with what it is.
    pub(crate) fn send_old_values(&self) -> bool {
        self.send_old_values
    }

    /// The store, and how its updates are forwarded.
    #[inline]
    pub(crate) fn opened(&self) -> Option<&(TableRows<K, V>, TableForwarder)> {
        self.opened.as_ref()
    }

    /// Replaces a row and forwards the change with what the row was, unless the cache does it later. A row that came too
    /// late for a versioned store is not forwarded either. What is not stored is given back.
    pub(crate) fn replace(
        &self,
        record: Record<K, Option<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult<Option<Record<K, Option<V>>>> {
        let Some((store, forwarder)) = &self.opened else { return Ok(Some(record)) };
        let Record { key, value: new, timestamp, headers } = record;
        if forwarder.cached() {
            store.put_at(&key, new.map(Cow::Owned), timestamp)?;
            return Ok(None);
        }
        let old = if self.send_old_values { store.get(&key)?.map(|old| old.value) } else { None };
        let kept = new.as_ref().map(Cow::Borrowed);
        let Some(is_latest) = store.put_at(&key, kept, timestamp)? else { return Ok(None) };
        context.forward(Record { key, value: Change { new, old, is_latest }, timestamp, headers })?;
        Ok(None)
    }
}
