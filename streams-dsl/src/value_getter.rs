//! Reads single rows of a table, materialised or not (`KTableValueGetter`): what joins look up.

use std::sync::Arc;

use streams_core::error::Result;
use streams_core::processor::{Data, StoreAccess};
use streams_core::store::ValueAndTimestamp;
use streams_core::time::Timestamp;

use crate::row_store::RowStore;

/// Reads rows of one table within one task.
pub(crate) trait ValueGetter<K, V> {
    /// Looks up the stores; called from the `init` of the processor that reads, which is connected to them.
    fn init(&mut self, stores: &StoreAccess<'_>) -> Result<()>;

    /// The row of that key with the time of its last update.
    fn get(&self, key: &K) -> Result<Option<ValueAndTimestamp<V>>>;

    /// The row that the key had at a time, where [`is_versioned`](Self::is_versioned) says that this is known.
    fn get_as_of(&self, key: &K, time: Timestamp) -> Result<Option<ValueAndTimestamp<V>>> {
        let _ = time;
        self.get(key)
    }

    /// Whether rows can be looked up as of a time. A table made of several is not versioned, even if these are.
    fn is_versioned(&self) -> bool {
        false
    }
}

/// A getter, and which stores the processor that uses it must be connected to (`KTableValueGetterSupplier`).
pub(crate) struct ValueGetterSupplier<K, V> {
    pub(crate) stores: Vec<String>,
    make: Arc<dyn Fn() -> Box<dyn ValueGetter<K, V>> + Send + Sync>,
}

impl<K, V> Clone for ValueGetterSupplier<K, V> {
    fn clone(&self) -> Self {
        ValueGetterSupplier { stores: self.stores.clone(), make: Arc::clone(&self.make) }
    }
}

impl<K, V> ValueGetterSupplier<K, V> {
    /// Getters that `make` makes, one for each task, on those stores.
    pub(crate) fn new(
        stores: Vec<String>,
        make: impl Fn() -> Box<dyn ValueGetter<K, V>> + Send + Sync + 'static,
    ) -> Self {
        ValueGetterSupplier { stores, make: Arc::new(make) }
    }

    /// A getter for one task.
    pub(crate) fn get(&self) -> Box<dyn ValueGetter<K, V>> {
        (self.make)()
    }
}

impl<K: Data, V: Data> ValueGetterSupplier<K, V> {
    /// Reads a materialised table's store.
    pub(crate) fn of_store(name: &str) -> Self {
        let store_name: Arc<str> = name.into();
        ValueGetterSupplier::new(vec![name.to_owned()], move || {
            Box::new(StoreGetter { name: Arc::clone(&store_name), store: None })
        })
    }
}

struct StoreGetter<K: Data, V: Data> {
    name: Arc<str>,
    store: Option<RowStore<K, V>>,
}

impl<K: Data, V: Data> ValueGetter<K, V> for StoreGetter<K, V> {
    fn init(&mut self, stores: &StoreAccess<'_>) -> Result<()> {
        self.store = Some(RowStore::open(&self.name, stores)?);
        Ok(())
    }

    fn get(&self, key: &K) -> Result<Option<ValueAndTimestamp<V>>> {
        match &self.store {
            Some(store) => store.get(key),
            None => Ok(None),
        }
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> Result<Option<ValueAndTimestamp<V>>> {
        match &self.store {
            Some(store) => store.get_as_of(key, time),
            None => Ok(None),
        }
    }

    fn is_versioned(&self) -> bool {
        self.store.as_ref().is_some_and(RowStore::is_versioned)
    }
}
