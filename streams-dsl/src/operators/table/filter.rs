//! `KTable::filter` and `filter_not`: the rows that a predicate holds for, or does not (`KTableFilter`).

use std::borrow::Cow;
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
use crate::options::Materialized;
use crate::rows::{MaterializedRows, TableStoreSpec, ValueGetter, ValueGetterSupplier};

type Predicate<K, V> = Arc<dyn Fn(&K, &V) -> Result<bool> + Send + Sync>;

impl<K: Data, V: Data> KTable<K, V> {
    /// The rows for which the predicate is true (`KTable.filter`).
    ///
    /// * Nulls: a row that stops matching is deleted from the result. A deletion is not shown to the predicate but
    ///   passed on, unless the result is known not to have had the row.
    /// * Time: keys, times and headers stay.
    /// * Repartition: none.
    /// * Store: not stored: where rows are looked up, the predicate is called for each lookup. See
    ///   [`filter_with`](Self::filter_with).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let large = builder.table::<String, i64>("balances").filter(|_account, balance| *balance > 100);
    /// large.to_stream().to("large-balances");
    ///
    /// let driver = TopologyTestDriver::of(builder.build()?)?;
    /// let balances = driver.create_input_topic::<String, i64>("balances");
    /// balances.pipe("alice".into(), 500, 0)?;
    /// balances.pipe("alice".into(), 50, 1)?;
    /// let output = driver.create_output_topic::<String, Option<i64>>("large-balances");
    /// assert_eq!(output.read_key_values()?, [("alice".into(), Some(500)), ("alice".into(), None)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> KTable<K, V> {
        self.add_filter(Arc::new(move |key, value| Ok(predicate(key, value))), None)
    }

    /// As [`filter`](Self::filter), stored if the options name a store (`KTable.filter(Predicate, Materialized)`).
    ///
    /// ```
    /// # use streams_dsl as kstreams;
    /// use kstreams::prelude::*;
    /// let builder = StreamsBuilder::new();
    /// let balances = builder.table::<String, i64>("balances");
    /// let large = balances.filter_with(|_account, balance| *balance > 100, Materialized::named("large-balances"));
    /// assert_eq!(large.queryable_store_name(), Some("large-balances"));
    /// ```
    pub fn filter_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.add_filter(Arc::new(move |key, value| Ok(predicate(key, value))), Some(materialized))
    }

    /// The rows for which the predicate is false (`KTable.filterNot`); else as [`filter`](Self::filter).
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> KTable<K, V> {
        self.filter(move |key, value| !predicate(key, value))
    }

    /// As [`filter_not`](Self::filter_not), stored if the options name a store.
    pub fn filter_not_with(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.filter_with(move |key, value| !predicate(key, value), materialized)
    }

    /// As [`filter`](Self::filter), with a predicate that may fail; see [`try_map_values`](Self::try_map_values).
    pub fn try_filter<E: Into<UserError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.add_filter(Arc::new(move |key, value| user(predicate(key, value))), None)
    }

    /// As [`try_filter`](Self::try_filter), stored if the options name a store.
    pub fn try_filter_with<E: Into<UserError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        self.add_filter(Arc::new(move |key, value| user(predicate(key, value))), Some(materialized))
    }

    fn add_filter(
        &self,
        predicate: Predicate<K, V>,
        materialized: Option<Materialized<K, V>>,
    ) -> KTable<K, V> {
        let versioned = materialized.as_ref().map(Materialized::is_versioned);
        let (key_serde, value_serde, store) =
            self.derived_store(materialized, self.value_serde.as_ref(), Some(prefix::TABLE_FILTER));
        let name = self.step.next_name(prefix::TABLE_FILTER);
        // If the parent is stored anyway, old values are available and save tombstones of rows that never matched.
        let sends_old_values = Cell::new(self.enable_sending_old_values(false));
        let queryable = store.as_ref().map(|store| store.name.to_string());
        let origin = Rc::new(FilterOrigin { parent: self.clone(), predicate, store, sends_old_values });
        let mut node = origin.node(&name);
        node.output_versioned = versioned;
        KTable::new(self.step.add(node), key_serde, value_serde, queryable.as_deref(), origin)
    }
}

struct FilterOrigin<K, V> {
    parent: KTable<K, V>,
    predicate: Predicate<K, V>,
    store: Option<TableStoreSpec<K, V>>,
    sends_old_values: Cell<bool>,
}

impl<K: Data, V: Data> FilterOrigin<K, V> {
    fn node(self: &Rc<Self>, name: &str) -> GraphNode {
        let origin = Rc::clone(self);
        GraphNode::new(name, move |writer| {
            let predicate = Arc::clone(&origin.predicate);
            let store_name = origin.store.as_ref().map(|store| Arc::clone(&store.name));
            let send_old_values = origin.sends_old_values.get();
            let versioned = writer.has_versioned_parent();
            let supplier = Arc::new(move |context: &mut InitContext<'_>| {
                let rows = MaterializedRows::open(store_name.as_deref(), send_old_values, context)?;
                Ok(TableFilter { predicate: Arc::clone(&predicate), rows, versioned })
            });
            writer.own_processor::<_, K, Change<V>, K, Change<V>>(&supplier)?;
            match &origin.store {
                Some(store) => store.write(send_old_values, writer),
                None => Ok(()),
            }
        })
    }
}

impl<K: Data, V: Data> TableOrigin<K, V> for FilterOrigin<K, V> {
    fn enable_sending_old_values(&self, force: bool) -> bool {
        self.parent.enable_sending_old_values_of(&self.sends_old_values, self.store.is_some(), force)
    }

    fn value_getter(&self) -> ValueGetterSupplier<K, V> {
        if let Some(store) = &self.store {
            return ValueGetterSupplier::of_store(&store.name);
        }
        let (parent, predicate) = (self.parent.value_getter(), Arc::clone(&self.predicate));
        ValueGetterSupplier::new(parent.stores.clone(), move |stores| {
            Ok(Box::new(FilterGetter { parent: parent.open(stores)?, predicate: Arc::clone(&predicate) }))
        })
    }
}

struct TableFilter<K: Data, V: Data> {
    predicate: Predicate<K, V>,
    rows: MaterializedRows<K, V>,
    /// The input is a versioned table: the deletion of a row that never matched is passed on, as it is one that the
    /// history downstream must know.
    versioned: bool,
}

impl<K: Data, V: Data> Processor<K, Change<V>, K, Change<V>> for TableFilter<K, V> {
    fn process(
        &mut self,
        record: Record<K, Change<V>>,
        context: &mut ProcessorContext<'_, K, Change<V>>,
    ) -> ProcessorResult {
        let Record { key, value: change, timestamp, headers } = record;
        let new = kept(&self.predicate, &key, change.new)?;
        let old = match (self.rows.opened(), self.rows.send_old_values()) {
            (_, false) => Ok(None),
            (Some((store, _)), true) => Ok(store.get(&key)?.map(|old| old.value)),
            (None, true) => kept(&self.predicate, &key, change.old),
        };
        let is_known = self.rows.send_old_values() && old.is_ok();
        let old = before(old)?;
        if !self.versioned && is_known && old.is_none() && new.is_none() {
            return Ok(());
        }
        match self.rows.opened() {
            None => {
                let value = Change { new, old, is_latest: change.is_latest };
                context.forward(Record { key, value, timestamp, headers })
            }
            Some((store, forwarder)) => {
                let kept = new.as_ref().map(Cow::Borrowed);
                let Some(is_latest) = store.put_at(&key, kept, timestamp)? else { return Ok(()) };
                let value = Change { new, old, is_latest };
                forwarder.forward(Record { key, value, timestamp, headers }, context)
            }
        }
    }
}

/// The row, if the predicate holds for it.
fn kept<K, V>(predicate: &Predicate<K, V>, key: &K, row: Option<V>) -> Result<Option<V>> {
    match row {
        Some(row) if predicate(key, &row)? => Ok(Some(row)),
        _ => Ok(None),
    }
}

struct FilterGetter<K, V> {
    parent: Box<dyn ValueGetter<K, V>>,
    predicate: Predicate<K, V>,
}

impl<K: Data, V: Data> ValueGetter<K, V> for FilterGetter<K, V> {
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        Ok(self.kept(key, self.parent.get(key)?)?)
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        Ok(self.kept(key, self.parent.get_as_of(key, time)?)?)
    }

    fn stored_bytes(&self, key: &K) -> ProcessorResult<Option<Box<[u8]>>> {
        self.parent.stored_bytes(key)
    }

    fn is_versioned(&self) -> bool {
        self.parent.is_versioned()
    }
}

impl<K, V> FilterGetter<K, V> {
    fn kept(&self, key: &K, row: Option<ValueAndTimestamp<V>>) -> Result<Option<ValueAndTimestamp<V>>> {
        match row {
            Some(row) if (self.predicate)(key, &row.value)? => Ok(Some(row)),
            _ => Ok(None),
        }
    }
}
