//! The table handle: struct and plumbing. Operators are in `operators/table` and `operators/join`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::SerdeRef;

use crate::graph::Step;
use crate::nulls::NullTest;
use crate::options::Materialized;
use crate::rows::{TableStoreSpec, ValueGetterSupplier};

/// What a table is made by: how it gets at single rows, and whether its updates carry the previous row
/// (`KTableSource`, `KTableProcessorSupplier`, `KStreamAggProcessorSupplier`).
pub(crate) trait TableOrigin<K, V> {
    /// Demands that updates carry old values; false if that would materialise a table, which only `force` allows.
    fn enable_sending_old_values(&self, force: bool) -> bool;

    /// Reads single rows; materialises a source table.
    fn value_getter(&self) -> ValueGetterSupplier<K, V>;
}

/// Key serde, value serde and store of a table that is made from another.
pub(crate) type DerivedStore<K, V> = (Option<SerdeRef<K>>, Option<SerdeRef<V>>, Option<TableStoreSpec<K, V>>);

/// A table: the latest value of each key, and a stream of its updates (`org.apache.kafka.streams.kstream.KTable`).
///
/// A cheap handle on a step of the builder's plan. A deleted row is never seen as a `V`; only
/// [`to_stream`](Self::to_stream) shows it, as `None`. An operator's result is not stored unless its options name a
/// store; `describe()` of the topology shows which stores there are.
pub struct KTable<K, V> {
    pub(crate) step: Step,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    /// The name under which the store can be queried.
    pub(crate) queryable: Option<Rc<str>>,
    pub(crate) origin: Rc<dyn TableOrigin<K, V>>,
    /// What the user says of results of its operator that are null.
    pub(crate) null_test: NullTest<V>,
    sends_old_values: Rc<Cell<bool>>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        KTable {
            step: self.step.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            queryable: self.queryable.clone(),
            origin: Rc::clone(&self.origin),
            null_test: Arc::clone(&self.null_test),
            sends_old_values: Rc::clone(&self.sends_old_values),
        }
    }
}

impl<K: Data, V: Data> KTable<K, V> {
    /// A table behind a node of the plan.
    pub(crate) fn new(
        step: Step,
        key_serde: Option<SerdeRef<K>>,
        value_serde: Option<SerdeRef<V>>,
        queryable: Option<&str>,
        origin: Rc<dyn TableOrigin<K, V>>,
    ) -> Self {
        KTable {
            step,
            key_serde,
            value_serde,
            queryable: queryable.map(Into::into),
            origin,
            null_test: NullTest::default(),
            sends_old_values: Rc::default(),
        }
    }

    /// The same table, whose operator listens to what is said there of null results.
    pub(crate) fn with_null_test(self, null_test: NullTest<V>) -> Self {
        KTable { null_test, ..self }
    }

    /// Names the next operator: `table.named("x").filter(..)` adds a node `x` (`Named.as`). As
    /// [`KStream::named`](crate::KStream::named).
    #[must_use = "the name is for the next operator on the returned table"]
    pub fn named(&self, name: &str) -> Self {
        KTable { step: self.step.named(name), ..self.clone() }
    }

    /// The name under which the table's store can be queried; `None` if no operator was given one
    /// (`KTable.queryableStoreName`).
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.queryable.as_deref()
    }

    /// As [`enable_sending_old_values`](Self::enable_sending_old_values), on behalf of a table that is made from the
    /// rows of this one: if it is stored, it knows its old values itself.
    pub(crate) fn enable_sending_old_values_of(
        &self,
        sends_old_values: &Cell<bool>,
        is_stored: bool,
        force: bool,
    ) -> bool {
        if is_stored || self.enable_sending_old_values(force) {
            sends_old_values.set(true);
        }
        sends_old_values.get()
    }

    /// Makes updates carry the previous row; false if the table would have to be materialised for it and `force` is not
    /// set (`KTableImpl.enableSendingOldValues`).
    pub(crate) fn enable_sending_old_values(&self, force: bool) -> bool {
        if !self.sends_old_values.get() {
            self.sends_old_values.set(self.origin.enable_sending_old_values(force));
        }
        self.sends_old_values.get()
    }

    /// Serdes and, if the options name one, the store of a table that is made from this one. An unnamed store is not
    /// made, but with an `operator_prefix` takes a number.
    pub(crate) fn derived_store<V2: Data>(
        &self,
        materialized: Option<Materialized<K, V2>>,
        inherited: Option<&SerdeRef<V2>>,
        operator_prefix: Option<&str>,
    ) -> DerivedStore<K, V2> {
        let Some(materialized) = materialized else {
            return (self.key_serde.clone(), inherited.cloned(), None);
        };
        let name = match (materialized.queryable_name(), operator_prefix) {
            (None, None) => String::new(),
            (_, prefix) => {
                self.step.with_plan(|plan| plan.store_name(&materialized, prefix.unwrap_or_default()))
            }
        };
        let stored = materialized.queryable_name().is_some();
        let store = TableStoreSpec::new(&name, materialized, self.key_serde.as_ref(), inherited);
        (store.key_serde.clone(), store.value_serde.clone(), stored.then_some(store))
    }

    /// Reads single rows (`KTableImpl.valueGetterSupplier`).
    pub(crate) fn value_getter(&self) -> ValueGetterSupplier<K, V> {
        self.origin.value_getter()
    }
}
