//! `KTable::map_values`: another value for each row (`KTableMapValues`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, Processor, ProcessorContext, StoreAccess};
use streams_core::record::{Change, Record};
use streams_core::store::ValueAndTimestamp;
use streams_core::time::Timestamp;

use super::StoredRows;
use crate::KTable;
use crate::graph::GraphNode;
use crate::naming::prefix;
use crate::operators::nulls::Nulls;
use crate::options::Materialized;
use crate::table::TableOrigin;
use crate::table_store::TableStore;
use crate::value_getter::{ValueGetter, ValueGetterSupplier};

/// Makes a row of a row, or none.
type Mapper<K, V, V2> = Arc<dyn Fn(&K, V) -> Option<V2> + Send + Sync>;

impl<K: Data, V: Data> KTable<K, V> {
    /// Replaces the value of each row (`KTable.mapValues`).
    ///
    /// * Nulls: a deletion is not shown to the mapper but passed on. A null result, an `Option` that is `None`, deletes
    ///   the row.
    /// * Time: keys, times and headers stay.
    /// * Repartition: none.
    /// * Store: not stored: where rows are looked up, the mapper is called for each lookup. See
    ///   [`map_values_with`](Self::map_values_with).
    ///
    /// ```
    /// # use streams_dsl::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let euros = builder.table::<String, i64>("cents").map_values(|cents| cents as f64 / 100.0);
    /// euros.to_stream().to("euros");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let cents = driver.create_input_topic::<String, i64>("cents");
    /// cents.pipe("alice".into(), 250, 0)?;
    /// let output = driver.create_output_topic::<String, Option<f64>>("euros");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), Some(2.5))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map_values<V2: Data>(&self, mapper: impl Fn(V) -> V2 + Send + Sync + 'static) -> KTable<K, V2> {
        self.map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`map_values`](Self::map_values), with the key to look at (`KTable.mapValues(ValueMapperWithKey)`).
    pub fn map_values_with_key<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.add_map_values(mapper, None)
    }

    /// As [`map_values`](Self::map_values), stored if the options name a store
    /// (`KTable.mapValues(ValueMapper, Materialized)`).
    ///
    /// ```
    /// # use streams_dsl::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let cents = builder.table::<String, i64>("cents");
    /// let euros = cents.map_values_with(|cents| cents as f64 / 100.0, Materialized::named("euros"));
    /// assert_eq!(euros.queryable_store_name(), Some("euros"));
    /// ```
    pub fn map_values_with<V2: Data>(
        &self,
        mapper: impl Fn(V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.map_values_with_key_with(move |_, value| mapper(value), materialized)
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), stored if the options name a store.
    pub fn map_values_with_key_with<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.add_map_values(mapper, Some(materialized))
    }

    fn add_map_values<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        let versioned = materialized.as_ref().map(Materialized::is_versioned);
        let (key_serde, value_serde, store) =
            self.derived_store(materialized, None, Some(prefix::TABLE_MAP_VALUES));
        let name = self.step.next_name(prefix::TABLE_MAP_VALUES);
        let queryable = store.as_ref().map(|store| store.name.to_string());
        let sends_old_values = Cell::new(false);
        let rows = Nulls::of(value_serde.as_ref());
        let mapper: Mapper<K, V, V2> = Arc::new(move |key, value| rows.reject(mapper(key, value)));
        let origin = Rc::new(MapOrigin { parent: self.clone(), mapper, store, sends_old_values });
        let mut node = origin.node(&name);
        node.output_versioned = versioned;
        KTable::new(self.step.add(node), key_serde, value_serde, queryable.as_deref(), origin)
    }
}

struct MapOrigin<K, V, V2> {
    parent: KTable<K, V>,
    mapper: Mapper<K, V, V2>,
    store: Option<TableStore<K, V2>>,
    sends_old_values: Cell<bool>,
}

impl<K: Data, V: Data, V2: Data> MapOrigin<K, V, V2> {
    fn node(self: &Rc<Self>, name: &str) -> GraphNode {
        let origin = Rc::clone(self);
        GraphNode::new(name, move |writer| {
            let mapper = Arc::clone(&origin.mapper);
            let store_name = origin.store.as_ref().map(|store| Arc::clone(&store.name));
            let send_old_values = origin.sends_old_values.get();
            let supplier = Arc::new(move || TableMapValues {
                mapper: Arc::clone(&mapper),
                rows: StoredRows::new(store_name.clone(), send_old_values),
            });
            writer.own_processor::<_, K, Change<V>, K, Change<V2>>(&supplier)?;
            match &origin.store {
                Some(store) => store.write(send_old_values, writer),
                None => Ok(()),
            }
        })
    }
}

impl<K: Data, V: Data, V2: Data> TableOrigin<K, V2> for MapOrigin<K, V, V2> {
    fn enable_sending_old_values(&self, force: bool) -> bool {
        self.parent.enable_sending_old_values_of(&self.sends_old_values, self.store.is_some(), force)
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, V2> {
        if let Some(store) = &self.store {
            return ValueGetterSupplier::of_store(&store.name);
        }
        let (parent, mapper) = (self.parent.value_getter(), Arc::clone(&self.mapper));
        ValueGetterSupplier::new(parent.stores.clone(), move || {
            Box::new(MapGetter { parent: parent.get(), mapper: Arc::clone(&mapper) })
        })
    }
}

struct TableMapValues<K: Data, V, V2: Data> {
    mapper: Mapper<K, V, V2>,
    rows: StoredRows<K, V2>,
}

impl<K: Data, V: Data, V2: Data> Processor<K, Change<V>, K, Change<V2>> for TableMapValues<K, V, V2> {
    fn init(&mut self, context: &mut ProcessorContext<'_, K, Change<V2>>) -> Result<()> {
        self.rows.open(context)
    }

    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V2>>,
    ) -> Result<()> {
        let Record { key, value: change, timestamp, headers } = record;
        let new = change.new.and_then(|value| (self.mapper)(&key, value));
        let stored = Record { key, value: new, timestamp, headers };
        let Some(Record { key, value: new, timestamp, headers }) = self.rows.replace(stored, context)? else {
            return Ok(());
        };
        let old =
            change.old.filter(|_| self.rows.send_old_values()).and_then(|value| (self.mapper)(&key, value));
        let value = Change { new, old, is_latest: change.is_latest };
        context.forward(Record { key, value, timestamp, headers })
    }
}

struct MapGetter<K, V, V2> {
    parent: Box<dyn ValueGetter<K, V>>,
    mapper: Mapper<K, V, V2>,
}

impl<K: Data, V: Data, V2: Data> ValueGetter<K, V2> for MapGetter<K, V, V2> {
    fn init(&mut self, stores: &StoreAccess<'_>) -> Result<()> {
        self.parent.init(stores)
    }

    fn get(&self, key: &K) -> Result<Option<ValueAndTimestamp<V2>>> {
        Ok(self.parent.get(key)?.and_then(|row| self.mapped(key, row)))
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> Result<Option<ValueAndTimestamp<V2>>> {
        Ok(self.parent.get_as_of(key, time)?.and_then(|row| self.mapped(key, row)))
    }

    fn is_versioned(&self) -> bool {
        self.parent.is_versioned()
    }
}

impl<K, V, V2> MapGetter<K, V, V2> {
    fn mapped(&self, key: &K, row: ValueAndTimestamp<V>) -> Option<ValueAndTimestamp<V2>> {
        let value = (self.mapper)(key, row.value)?;
        Some(ValueAndTimestamp { value, timestamp: row.timestamp })
    }
}
