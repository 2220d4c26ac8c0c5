//! `KTable::map_values`: another value for each row (`KTableMapValues`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::error::{Result, UserError};
use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult};
use streams_core::record::{Change, Record};
use streams_core::store::ValueAndTimestamp;
use streams_core::time::Timestamp;

use crate::graph::GraphNode;
use crate::handles::{KTable, TableOrigin};
use crate::naming::prefix;
use crate::operators::fallible::{before, user};
use crate::operators::nulls::{NullTest, Nulls};
use crate::options::Materialized;
use crate::rows::{MaterializedRows, TableStoreSpec, ValueGetter, ValueGetterSupplier};

/// Makes a row of a row, or none.
type Mapper<K, V, V2> = Arc<dyn Fn(&K, V) -> Result<Option<V2>> + Send + Sync>;

impl<K: Data, V: Data> KTable<K, V> {
    /// Replaces the value of each row (`KTable.mapValues`).
    ///
    /// * Nulls: a deletion is not shown to the mapper but passed on. A null result deletes the row: an `Option` that is
    ///   `None`, if the options have the result's serde or the result is said to be [`nullable`](KTable::nullable).
    /// * Time: keys, times and headers stay.
    /// * Repartition: none.
    /// * Store: not stored: where rows are looked up, the mapper is called for each lookup. See
    ///   [`map_values_with`](Self::map_values_with).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
        self.add_map_values(move |key, value| Ok(mapper(key, value)), None)
    }

    /// As [`map_values`](Self::map_values), stored if the options name a store
    /// (`KTable.mapValues(ValueMapper, Materialized)`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
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
        self.add_map_values(move |key, value| Ok(mapper(key, value)), Some(materialized))
    }

    /// As [`map_values`](Self::map_values), with a mapper that may fail. Its error goes to the processing exception handler,
    /// which names the node and the record.
    ///
    /// If the handler resumes, the update is left out: what is downstream keeps the row that it had before. What that was is
    /// only known where the result is stored, so do that if an aggregation or a join follows
    /// ([`try_map_values_with`](Self::try_map_values_with)). An operator that looks up a row for which the mapper fails,
    /// of a table that is not stored, fails on the record for which it looks.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let numbers = builder.table::<String, String>("texts").try_map_values(|text| text.parse::<i64>());
    /// numbers.to_stream().to("numbers");
    ///
    /// let config = StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue")?;
    /// let driver = TopologyTestDriver::new(builder.build()?, config)?;
    /// let texts = driver.create_input_topic::<String, String>("texts");
    /// for (time, text) in [(0, "1"), (1, "one"), (2, "3")] {
    ///     texts.pipe("k".into(), text.into(), time)?;
    /// }
    /// assert_eq!(driver.create_output_topic::<String, i64>("numbers").read_values()?, [1, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_map_values<V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.add_map_values(move |_, value| user(mapper(value)), None)
    }

    /// As [`try_map_values`](Self::try_map_values), stored if the options name a store.
    pub fn try_map_values_with<V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(V) -> Result<V2, E> + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.add_map_values(move |_, value| user(mapper(value)), Some(materialized))
    }

    /// As [`map_values_with_key_with`](Self::map_values_with_key_with), with a mapper that may fail; see
    /// [`try_map_values`](Self::try_map_values).
    pub fn try_map_values_with_key_with<V2: Data, E: Into<UserError>>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2, E> + Send + Sync + 'static,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.add_map_values(move |key, value| user(mapper(key, value)), Some(materialized))
    }

    fn add_map_values<V2: Data>(
        &self,
        mapper: impl Fn(&K, V) -> Result<V2> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        let versioned = materialized.as_ref().map(Materialized::is_versioned);
        let (key_serde, value_serde, store) =
            self.derived_store(materialized, None, Some(prefix::TABLE_MAP_VALUES));
        let name = self.step.next_name(prefix::TABLE_MAP_VALUES);
        let queryable = store.as_ref().map(|store| store.name.to_string());
        let sends_old_values = Cell::new(false);
        let null_test = NullTest::default();
        let rows = Nulls::of_or_test(value_serde.as_ref(), &null_test);
        let mapper: Mapper<K, V, V2> = Arc::new(move |key, value| Ok(rows.reject(mapper(key, value)?)));
        let origin = Rc::new(MapOrigin { parent: self.clone(), mapper, store, sends_old_values });
        let mut node = origin.node(&name);
        node.output_versioned = versioned;
        let step = self.step.add(node);
        KTable::new(step, key_serde, value_serde, queryable.as_deref(), origin).with_null_test(null_test)
    }
}

struct MapOrigin<K, V, V2> {
    parent: KTable<K, V>,
    mapper: Mapper<K, V, V2>,
    store: Option<TableStoreSpec<K, V2>>,
    sends_old_values: Cell<bool>,
}

impl<K: Data, V: Data, V2: Data> MapOrigin<K, V, V2> {
    fn node(self: &Rc<Self>, name: &str) -> GraphNode {
        let origin = Rc::clone(self);
        GraphNode::new(name, move |writer| {
            let mapper = Arc::clone(&origin.mapper);
            let store_name = origin.store.as_ref().map(|store| Arc::clone(&store.name));
            let send_old_values = origin.sends_old_values.get();
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                let rows = MaterializedRows::open(store_name.as_deref(), send_old_values, context)?;
                Ok(TableMapValues { mapper: Arc::clone(&mapper), rows })
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
        ValueGetterSupplier::new(parent.stores.clone(), move |stores| {
            Ok(Box::new(MapGetter { parent: parent.open(stores)?, mapper: Arc::clone(&mapper) }))
        })
    }
}

struct TableMapValues<K: Data, V, V2: Data> {
    mapper: Mapper<K, V, V2>,
    rows: MaterializedRows<K, V2>,
}

impl<K: Data, V: Data, V2: Data> Processor<K, Change<V>, K, Change<V2>> for TableMapValues<K, V, V2> {
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V2>>,
    ) -> ProcessorResult {
        let Record { key, value: change, timestamp, headers } = record;
        let new = mapped(&self.mapper, &key, change.new)?;
        let stored = Record { key, value: new, timestamp, headers };
        let Some(Record { key, value: new, timestamp, headers }) = self.rows.replace(stored, context)? else {
            return Ok(());
        };
        let old = change.old.filter(|_| self.rows.send_old_values());
        let old = before(mapped(&self.mapper, &key, old))?;
        let value = Change { new, old, is_latest: change.is_latest };
        context.forward(Record { key, value, timestamp, headers })
    }
}

fn mapped<K, V, V2>(mapper: &Mapper<K, V, V2>, key: &K, row: Option<V>) -> Result<Option<V2>> {
    match row {
        Some(row) => mapper(key, row),
        None => Ok(None),
    }
}

struct MapGetter<K, V, V2> {
    parent: Box<dyn ValueGetter<K, V>>,
    mapper: Mapper<K, V, V2>,
}

impl<K: Data, V: Data, V2: Data> ValueGetter<K, V2> for MapGetter<K, V, V2> {
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V2>>> {
        Ok(self.mapped(key, self.parent.get(key)?)?)
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> ProcessorResult<Option<ValueAndTimestamp<V2>>> {
        Ok(self.mapped(key, self.parent.get_as_of(key, time)?)?)
    }

    fn is_versioned(&self) -> bool {
        self.parent.is_versioned()
    }
}

impl<K, V, V2> MapGetter<K, V, V2> {
    fn mapped(&self, key: &K, row: Option<ValueAndTimestamp<V>>) -> Result<Option<ValueAndTimestamp<V2>>> {
        let Some(ValueAndTimestamp { value, timestamp }) = row else { return Ok(None) };
        Ok((self.mapper)(key, value)?.map(|value| ValueAndTimestamp { value, timestamp }))
    }
}
