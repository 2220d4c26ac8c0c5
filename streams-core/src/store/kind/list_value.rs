//! The store in which an outer join keeps records that have found no partner yet, and its builder
//! (`ListValueStore`, `ListValueStoreBuilder`).

use std::cell::RefCell;
use std::rc::Rc;

use state_stores::{ListValueSpec, RestoreFormat};

use crate::error::Result;
use crate::record::Data;
use crate::serde::SerdeRef;
use crate::store::handle::Handle;
use crate::store::{Opened, Opening, StoreBuilder, StoreKind};
use crate::time::Timestamp;

/// A list of values for each key. Iteration is in the order of serialized keys.
pub struct ListValueStore<K, V> {
    store: Handle<state_stores::ListValueTable<K, V>>,
}

impl<K, V> Clone for ListValueStore<K, V> {
    fn clone(&self) -> Self {
        ListValueStore { store: self.store.clone() }
    }
}

impl<K: Data, V: Data> ListValueStore<K, V> {
    /// Adds a value at the end of the key's list; logged with that timestamp.
    pub fn add(&self, key: &K, value: V, timestamp: Timestamp) -> Result<()> {
        self.store.run(|store| store.add(key, value, timestamp))
    }

    /// Deletes the key's list, which is there.
    pub fn delete(&self, key: &K, timestamp: Timestamp) -> Result<()> {
        self.store.run(|store| store.delete(key, timestamp))
    }

    /// Deletes the list that [`StoreError::Row`](state_stores::StoreError::Row) names.
    pub fn delete_row(&self, row: &[u8], timestamp: Timestamp) -> Result<()> {
        self.store.run(|store| {
            store.delete_row(row, timestamp);
            Ok(())
        })
    }

    /// Deletes the key's list if there is one, readable or not; says whether there was.
    pub fn delete_if_present(&self, key: &K, timestamp: Timestamp) -> Result<bool> {
        self.store.run(|store| store.delete_if_present(key, timestamp))
    }

    /// The lists from a serialized key on, in the order of serialized keys. The [module](crate::store) says what a scan sees
    /// of changes in the middle of it.
    pub fn scan_from<'a>(
        &'a self,
        from: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, Vec<V>)>> + use<'a, K, V>> {
        self.store.scan(|store| Ok(store.scan_from(from)))
    }
}

/// The kind of list-value stores. They have no cache.
#[derive(Clone)]
pub struct ListValueStoreKind<K, V> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
}

/// Builds a list-value store.
pub type ListValueStoreBuilder<K, V> = StoreBuilder<ListValueStoreKind<K, V>>;

impl<K: Data, V: Data> StoreBuilder<ListValueStoreKind<K, V>> {
    /// A logged store in RocksDB.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        StoreBuilder::of(name, ListValueStoreKind { key, value })
    }
}

impl<K: Data, V: Data> StoreKind for ListValueStoreKind<K, V> {
    type Handle = ListValueStore<K, V>;
    type Reader = ();

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::KeyValue
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let (key, value) = (opening.codec(&self.key), opening.codec(&self.value));
        let spec = ListValueSpec {
            cache_bytes: opening.environment.cache_bytes,
            ..ListValueSpec::new(&**opening.name, opening.backend(), key, value)
        };
        let inner = Rc::new(RefCell::new(state_stores::ListValueTable::open(spec)?));
        Ok((ListValueStore { store: Handle::new(Rc::clone(&inner), opening.environment.task) }, inner))
    }
}
