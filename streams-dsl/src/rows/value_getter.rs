//! Reads single rows of a table, materialised or not (`KTableValueGetter`): what joins look up.

use std::sync::Arc;

use streams_core::processor::{Data, ProcessorResult, StoreAccess};
use streams_core::store::ValueAndTimestamp;
use streams_core::time::Timestamp;

use crate::rows::TableRows;

/// Reads rows of one table within one task.
pub(crate) trait ValueGetter<K, V> {
    /// The row of that key with the time of its last update.
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V>>>;

    /// The row that the key had at a time, where [`is_versioned`](Self::is_versioned) says that this is known.
    fn get_as_of(&self, key: &K, time: Timestamp) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        let _ = time;
        self.get(key)
    }

    /// The bytes of the row in the database, if that is known and is what [`get`](Self::get) returns: serialized again, what
    /// was read back may have others.
    fn stored_bytes(&self, key: &K) -> ProcessorResult<Option<Box<[u8]>>> {
        let _ = key;
        Ok(None)
    }

    /// Whether rows can be looked up as of a time. A table made of several is not versioned, even if these are.
    fn is_versioned(&self) -> bool {
        false
    }
}

/// Makes the getter of a processor.
type MakeGetter<K, V> = dyn Fn(&StoreAccess<'_>) -> ProcessorResult<Box<dyn ValueGetter<K, V>>> + Send + Sync;

/// A getter, and which stores the processor that uses it must be connected to (`KTableValueGetterSupplier`).
pub struct ValueGetterSupplier<K, V> {
    pub(crate) stores: Vec<String>,
    make: Arc<MakeGetter<K, V>>,
}

impl<K, V> Clone for ValueGetterSupplier<K, V> {
    fn clone(&self) -> Self {
        ValueGetterSupplier { stores: self.stores.clone(), make: Arc::clone(&self.make) }
    }
}

impl<K, V> ValueGetterSupplier<K, V> {
    /// Getters that `make` makes for processors that are connected to those stores.
    pub(crate) fn new(
        stores: Vec<String>,
        make: impl Fn(&StoreAccess<'_>) -> ProcessorResult<Box<dyn ValueGetter<K, V>>> + Send + Sync + 'static,
    ) -> Self {
        ValueGetterSupplier { stores, make: Arc::new(make) }
    }

    /// A getter for the processor that has these stores.
    pub(crate) fn open(&self, stores: &StoreAccess<'_>) -> ProcessorResult<Box<dyn ValueGetter<K, V>>> {
        (self.make)(stores)
    }
}

impl<K: Data, V: Data> ValueGetterSupplier<K, V> {
    /// Reads a materialised table's store.
    pub(crate) fn of_store(name: &str) -> Self {
        let store_name: Arc<str> = name.into();
        ValueGetterSupplier::new(vec![name.to_owned()], move |stores| {
            Ok(Box::new(TableRows::open(&store_name, stores)?))
        })
    }
}

impl<K: Data, V: Data> ValueGetter<K, V> for TableRows<K, V> {
    fn get(&self, key: &K) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        Ok(TableRows::get(self, key)?)
    }

    fn get_as_of(&self, key: &K, time: Timestamp) -> ProcessorResult<Option<ValueAndTimestamp<V>>> {
        Ok(TableRows::get_as_of(self, key, time)?)
    }

    fn stored_bytes(&self, key: &K) -> ProcessorResult<Option<Box<[u8]>>> {
        Ok(TableRows::stored_bytes(self, key)?)
    }

    fn is_versioned(&self) -> bool {
        TableRows::is_versioned(self)
    }
}
