//! Tables that come from a topic or a stream: stored only where something needs the store (`KTableSource`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::{Data, DropReason, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::serde::SerdeRef;
use streams_core::store::{TimestampedKeyValueStore, ValueAndTimestamp};

use crate::graph::{GraphNode, Writer};
use crate::handles::TableOrigin;
use crate::operators::nulls::Nulls;
use crate::rows::{MaterializedRows, TableStoreSpec, ValueGetterSupplier};

/// A table that comes from a topic or a stream.
pub(crate) struct SourceOrigin<K, V> {
    pub(crate) store: TableStoreSpec<K, V>,
    materialized: Cell<bool>,
    sends_old_values: Cell<bool>,
}

impl<K: Data, V: Data> SourceOrigin<K, V> {
    /// A table that is stored there if it `must_materialize`, or as soon as something needs it to be.
    pub(crate) fn new(store: TableStoreSpec<K, V>, must_materialize: bool) -> Rc<Self> {
        Rc::new(SourceOrigin {
            store,
            materialized: Cell::new(must_materialize),
            sends_old_values: Cell::new(false),
        })
    }

    /// The node below a stream; `row` takes a stream's value for a row or a deletion.
    pub(crate) fn node<I: Data>(self: &Rc<Self>, name: &str, row: fn(I) -> Option<V>) -> GraphNode {
        let origin = Rc::clone(self);
        GraphNode::new(name, move |writer| {
            origin.write_processor(row, writer)?;
            if origin.materialized.get() {
                origin.store.write(origin.sends_old_values.get(), writer)
            } else {
                Ok(())
            }
        })
        .output_versioned(self.store.is_versioned())
    }

    /// Whether the table is stored. Only final once the plan is complete.
    pub(crate) fn materialized(&self) -> bool {
        self.materialized.get()
    }

    /// Whether the store must know the previous rows of cached updates.
    pub(crate) fn sends_old_values(&self) -> bool {
        self.sends_old_values.get()
    }

    /// Writes the processor below the writer's parents.
    pub(crate) fn write_processor<I: Data>(
        &self,
        row: fn(I) -> Option<V>,
        writer: &mut Writer<'_>,
    ) -> crate::error::Result<()> {
        let nullable_keys = self.store.key_serde.clone().filter(|serde| serde.nullable());
        let store = self.materialized.get().then(|| Arc::clone(&self.store.name));
        let send_old_values = self.sends_old_values.get();
        let nulls = Nulls::of(self.store.value_serde.as_ref());
        let supplier = Arc::new(move |context: &mut InitContext<'_>| {
            let rows = MaterializedRows::open(store.as_deref(), send_old_values, context)?;
            Ok(TableSource { row, nulls: nulls.clone(), nullable_keys: nullable_keys.clone(), rows })
        });
        writer.own_processor::<_, K, I, K, Change<V>>(&supplier)
    }
}

impl<K: Data, V: Data> TableOrigin<K, V> for SourceOrigin<K, V> {
    fn enable_sending_old_values(&self, force: bool) -> bool {
        if !force && !self.materialized.get() {
            return false;
        }
        self.sends_old_values.set(true);
        self.materialized.set(true);
        true
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, V> {
        self.materialized.set(true);
        ValueGetterSupplier::of_store(&self.store.name)
    }
}

struct TableSource<K: Data, I, V: Data> {
    row: fn(I) -> Option<V>,
    /// Rows of a type that has a null of its own: it deletes the row.
    nulls: Nulls<V>,
    /// Set where keys can be null.
    nullable_keys: Option<SerdeRef<K>>,
    rows: MaterializedRows<K, V>,
}

impl<K: Data, I: Data, V: Data> Processor<K, I, K, Change<V>> for TableSource<K, I, V> {
    fn process(
        &mut self,
        record: Record<K, I>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult {
        if self.nullable_keys.as_ref().is_some_and(|serde| serde.is_null(&record.key)) {
            context.drop_record_as(DropReason::NullKey, "a table's record needs one");
            return Ok(());
        }
        let Record { key, value, timestamp, headers } = record;
        let row = (self.row)(value).and_then(|row| self.nulls.reject(row));
        let row = Record { key, value: row, timestamp, headers };
        let Some(Record { key, value: row, timestamp, headers }) = self.rows.replace(row, context)? else {
            return Ok(());
        };
        context.forward(Record { key, value: Change::new(row, None), timestamp, headers })
    }
}

/// Keeps a global table's store current; runs on the global thread and forwards nothing.
pub(crate) struct GlobalSource<K: Data, V: Data> {
    nullable_keys: Option<SerdeRef<K>>,
    store: TimestampedKeyValueStore<K, V>,
}

impl<K: Data, V: Data> GlobalSource<K, V> {
    /// For that store.
    pub(crate) fn open(
        store: &str,
        key_serde: &SerdeRef<K>,
        context: &mut InitContext<'_>,
    ) -> ProcessorResult<Self> {
        let nullable_keys = key_serde.nullable().then(|| Arc::clone(key_serde));
        Ok(GlobalSource { nullable_keys, store: context.state_store(store)? })
    }
}

impl<K: Data, V: Data> Processor<K, Option<V>, (), ()> for GlobalSource<K, V> {
    fn process(
        &mut self,
        record: Record<K, Option<V>>,
        context: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        if self.nullable_keys.as_ref().is_some_and(|serde| serde.is_null(&record.key)) {
            context.drop_record_as(DropReason::NullKey, "a global table's record needs one");
            return Ok(());
        }
        let timestamp = record.timestamp;
        let row = record.value.map(|value| ValueAndTimestamp { value, timestamp });
        Ok(self.store.put_at(&record.key, row, timestamp)?)
    }
}
