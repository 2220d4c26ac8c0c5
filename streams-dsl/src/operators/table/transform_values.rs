//! `KTable::transform_values`: another value for each row, with stores to help (`KTableTransformValues`).

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::{Data, InitContext, Processor, ProcessorContext, ProcessorResult, StoreAccess};
use streams_core::record::{Change, Headers, Record};
use streams_core::store::{StoreNames, ValueAndTimestamp};
use streams_core::time::Timestamp;

use super::value_transformer::{TransformContext, ValueTransformer};
use crate::graph::GraphNode;
use crate::handles::{KTable, TableOrigin};
use crate::naming::prefix;
use crate::operators::nulls::Nulls;
use crate::options::Materialized;
use crate::rows::{MaterializedRows, TableStoreSpec, ValueGetter, ValueGetterSupplier};

/// The time of a row that is looked up and does not exist (`RecordQueue.UNKNOWN`).
const UNKNOWN: i64 = -1;

impl<K: Data, V: Data> KTable<K, V> {
    /// Replaces the value of each row by what a transformer makes of it, which can use the named stores
    /// (`KTable.transformValues`).
    ///
    /// * Nulls: the transformer sees deletions as `None`, and deletes a row by returning `None`.
    /// * Time: keys, times and headers stay.
    /// * Repartition: none.
    /// * Store: not stored. Where rows are looked up (by joins), another instance of the transformer is called for each
    ///   lookup. See [`transform_values_with`](Self::transform_values_with).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let cities = builder.table::<String, String>("cities");
    /// let text = |name: &String, city: Option<String>| Some(format!("{name}: {}", city.unwrap_or("moved".into())));
    /// let texts = cities.transform_values(move |_| Ok(text), &[]);
    /// texts.to_stream().to("texts");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let cities = driver.create_input_topic::<String, Option<String>>("cities");
    /// cities.pipe("alice".into(), Some("Rome".into()), 0)?;
    /// cities.pipe("alice".into(), None, 1)?;
    /// let texts = driver.create_output_topic::<String, String>("texts").read_values()?;
    /// assert_eq!(texts, ["alice: Rome", "alice: moved"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transform_values<V2: Data, T: ValueTransformer<K, V, V2>>(
        &self,
        supplier: impl Fn(&StoreAccess<'_>) -> ProcessorResult<T> + Send + Sync + 'static,
        stores: impl StoreNames,
    ) -> KTable<K, V2> {
        self.add_transform_values(supplier, stores, None)
    }

    /// As [`transform_values`](Self::transform_values), stored if the options name a store; then lookups read it.
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    ///
    /// /// Counts the updates of each row, in a store of its own.
    /// struct Updates(KeyValueStore<String, i64>);
    ///
    /// impl ValueTransformer<String, String, i64> for Updates {
    ///     fn transform(
    ///         &mut self,
    ///         key: &String,
    ///         _: Option<String>,
    ///         _: &TransformContext<'_>,
    ///     ) -> ProcessorResult<Option<i64>> {
    ///         let count = self.0.get(key)?.unwrap_or(0) + 1;
    ///         self.0.put(key, Some(count))?;
    ///         Ok(Some(count))
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.add_state_store(Stores::key_value_store::<String, i64>("updates"));
    /// let cities = builder.table::<String, String>("cities");
    /// let updates = |stores: &StoreAccess<'_>| Ok(Updates(stores.get("updates")?));
    /// let moves = cities.transform_values_with(updates, &["updates"], Materialized::named("moves"));
    /// moves.to_stream().to("moves");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let cities = driver.create_input_topic::<String, String>("cities");
    /// cities.pipe("alice".into(), "Rome".into(), 0)?;
    /// cities.pipe("alice".into(), "Paris".into(), 1)?;
    /// assert_eq!(driver.create_output_topic::<String, i64>("moves").read_values()?, [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn transform_values_with<V2: Data, T: ValueTransformer<K, V, V2>>(
        &self,
        supplier: impl Fn(&StoreAccess<'_>) -> ProcessorResult<T> + Send + Sync + 'static,
        stores: impl StoreNames,
        materialized: Materialized<K, V2>,
    ) -> KTable<K, V2> {
        self.add_transform_values(supplier, stores, Some(materialized))
    }

    fn add_transform_values<V2: Data, T: ValueTransformer<K, V, V2>>(
        &self,
        supplier: impl Fn(&StoreAccess<'_>) -> ProcessorResult<T> + Send + Sync + 'static,
        stores: impl StoreNames,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        let versioned = materialized.as_ref().map(Materialized::is_versioned);
        // Unlike for filter and map_values, a store that is not made takes no number.
        let (key_serde, value_serde, store) = self.derived_store(materialized, None, None);
        let name = self.step.next_name(prefix::TABLE_TRANSFORM_VALUES);
        let queryable = store.as_ref().map(|store| store.name.to_string());
        let origin = Rc::new(TransformOrigin {
            parent: self.clone(),
            supplier: Arc::new(supplier),
            stores: stores.store_names().into_iter().map(str::to_owned).collect(),
            store,
            results: Nulls::of(value_serde.as_ref()),
            sends_old_values: Cell::new(false),
        });
        let mut node = origin.node(&name);
        node.output_versioned = versioned;
        KTable::new(self.step.add(node), key_serde, value_serde, queryable.as_deref(), origin)
    }
}

struct TransformOrigin<K, V, V2, S> {
    parent: KTable<K, V>,
    supplier: Arc<S>,
    /// The transformer's own stores.
    stores: Vec<String>,
    store: Option<TableStoreSpec<K, V2>>,
    results: Nulls<V2>,
    sends_old_values: Cell<bool>,
}

impl<K, V, V2, S, T> TransformOrigin<K, V, V2, S>
where
    K: Data,
    V: Data,
    V2: Data,
    S: Fn(&StoreAccess<'_>) -> ProcessorResult<T> + Send + Sync + 'static,
    T: ValueTransformer<K, V, V2>,
{
    fn node(self: &Rc<Self>, name: &str) -> GraphNode {
        let origin = Rc::clone(self);
        GraphNode::new(name, move |writer| {
            let (transformers, results) = (Arc::clone(&origin.supplier), origin.results.clone());
            let store_name = origin.store.as_ref().map(|store| Arc::clone(&store.name));
            let send_old_values = origin.sends_old_values.get();
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                let transformer = transformers(&context.stores())?;
                Ok(TransformRows {
                    values: Transform { transformer, results: results.clone() },
                    rows: MaterializedRows::open(store_name.as_deref(), send_old_values, context)?,
                    of: PhantomData,
                })
            });
            writer.own_processor::<_, K, Change<V>, K, Change<V2>>(&supplier)?;
            if let Some(store) = &origin.store {
                store.write(send_old_values, writer)?;
            }
            writer.connect(&origin.stores)
        })
    }
}

impl<K, V, V2, S, T> TableOrigin<K, V2> for TransformOrigin<K, V, V2, S>
where
    K: Data,
    V: Data,
    V2: Data,
    S: Fn(&StoreAccess<'_>) -> ProcessorResult<T> + Send + Sync + 'static,
    T: ValueTransformer<K, V, V2>,
{
    fn enable_sending_old_values(&self, force: bool) -> bool {
        self.parent.enable_sending_old_values_of(&self.sends_old_values, self.store.is_some(), force)
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, V2> {
        if let Some(store) = &self.store {
            return ValueGetterSupplier::of_store(&store.name);
        }
        let (parent, supplier) = (self.parent.value_getter(), Arc::clone(&self.supplier));
        let results = self.results.clone();
        let mut stores = parent.stores.clone();
        stores.extend(self.stores.iter().filter(|store| !parent.stores.contains(store)).cloned());
        ValueGetterSupplier::new(stores, move |stores| {
            let values = Transform { transformer: supplier(stores)?, results: results.clone() };
            Ok(Box::new(TransformGetter { parent: parent.open(stores)?, values: RefCell::new(values) }))
        })
    }
}

/// A transformer whose results that are null delete, as `None` does.
struct Transform<V2, T> {
    transformer: T,
    results: Nulls<V2>,
}

impl<V2: Data, T> Transform<V2, T> {
    fn call<K, V>(
        &mut self,
        key: &K,
        value: Option<V>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> ProcessorResult<Option<V2>>
    where
        K: Data,
        V: Data,
        T: ValueTransformer<K, V, V2>,
    {
        let result = self.transformer.transform(key, value, &TransformContext { timestamp, headers })?;
        Ok(result.and_then(|value| self.results.reject(value)))
    }
}

struct TransformRows<K: Data, V, V2: Data, T> {
    values: Transform<V2, T>,
    rows: MaterializedRows<K, V2>,
    of: PhantomData<fn(V)>,
}

impl<K, V, V2, T> Processor<K, Change<V>, K, Change<V2>> for TransformRows<K, V, V2, T>
where
    K: Data,
    V: Data,
    V2: Data,
    T: ValueTransformer<K, V, V2>,
{
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V2>>,
    ) -> ProcessorResult {
        let Record { key, value: change, timestamp, headers } = record;
        let new = self.values.call(&key, change.new, timestamp, &headers)?;
        let stored = Record { key, value: new, timestamp, headers };
        let Some(Record { key, value: new, timestamp, headers }) = self.rows.replace(stored, context)? else {
            return Ok(());
        };
        let old = if self.rows.send_old_values() {
            self.values.call(&key, change.old, timestamp, &headers)?
        } else {
            None
        };
        let value = Change { new, old, is_latest: change.is_latest };
        context.forward(Record { key, value, timestamp, headers })
    }
}

struct TransformGetter<K, V, V2, T> {
    parent: Box<dyn ValueGetter<K, V>>,
    values: RefCell<Transform<V2, T>>,
}

impl<K: Data, V: Data, V2: Data, T> ValueGetter<K, V2> for TransformGetter<K, V, V2, T>
where
    T: ValueTransformer<K, V, V2>,
{
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V2>>> {
        self.transformed(key, self.parent.get(key)?)
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> ProcessorResult<Option<ValueAndTimestamp<V2>>> {
        self.transformed(key, self.parent.get_as_of(key, time)?)
    }

    fn is_versioned(&self) -> bool {
        self.parent.is_versioned()
    }
}

impl<K: Data, V: Data, V2: Data, T> TransformGetter<K, V, V2, T> {
    fn transformed(
        &self,
        key: &K,
        row: Option<ValueAndTimestamp<V>>,
    ) -> ProcessorResult<Option<ValueAndTimestamp<V2>>>
    where
        T: ValueTransformer<K, V, V2>,
    {
        let (value, timestamp) = match row {
            None => (None, UNKNOWN),
            Some(row) => (Some(row.value), row.timestamp),
        };
        let value = self.values.borrow_mut().call(key, value, timestamp, &Headers::new())?;
        Ok(value.map(|value| ValueAndTimestamp { value, timestamp }))
    }
}
