//! The store in which an outer join keeps records that have found no partner yet, and its builder
//! (`ListValueStore`, `ListValueStoreBuilder`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use state_stores::codec::CodecRef;
use state_stores::{BackendRef, ListValueSpec, RestoreFormat};

use super::handle::Handle;
use super::{ChangelogKind, OpenedStore, StoreDef, StoreEnvironment, StoreFactory, StorePlace};
use crate::error::Result;
use crate::record::Data;
use crate::serde::{SerdeRef, StoreCodec};
use crate::time::Timestamp;

/// A list of values for each key. Iteration is in the order of serialized keys.
pub struct ListValueStore<K, V> {
    store: Handle<state_stores::ListValueStore<K, V>>,
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

    /// Deletes the key's list if there is one; says whether there was.
    pub fn delete_if_present(&self, key: &K, timestamp: Timestamp) -> Result<bool> {
        self.store.run(|store| store.delete_if_present(key, timestamp))
    }

    /// The lists from a serialized key on, in the order of serialized keys. The [module](super) says what a scan sees
    /// of changes in the middle of it.
    pub fn scan_from<'a>(
        &'a self,
        from: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, Vec<V>)>> + use<'a, K, V>> {
        self.store.scan(|store| Ok(store.scan_from(from)))
    }
}

/// Builds a list-value store. It has no cache.
#[derive(Clone)]
pub struct ListValueStoreBuilder<K, V> {
    name: Arc<str>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    logged: bool,
    log_configs: BTreeMap<String, String>,
    place: StorePlace,
}

impl<K: Data, V: Data> ListValueStoreBuilder<K, V> {
    /// A logged store in RocksDB.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        let log_configs = BTreeMap::new();
        ListValueStoreBuilder {
            name: name.into(),
            key,
            value,
            logged: true,
            log_configs,
            place: StorePlace::default(),
        }
    }

    /// Logs changes to a changelog topic with these settings beside Kafka Streams' own. On by default.
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        (self.logged, self.log_configs) = (true, configs);
        self
    }

    /// Keeps no changelog: the state is lost with the machine.
    pub fn with_logging_disabled(mut self) -> Self {
        self.logged = false;
        self
    }

    /// Keeps the store in memory instead of RocksDB; it is rebuilt from its changelog after a restart.
    pub fn in_memory(mut self) -> Self {
        self.place = StorePlace::Memory;
        self
    }

    /// Keeps the store at that place.
    pub fn at(mut self, place: StorePlace) -> Self {
        self.place = place;
        self
    }
}

impl<K: Data, V: Data> StoreFactory for ListValueStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        StoreDef {
            name: Arc::clone(&self.name),
            logged: self.logged,
            changelog: ChangelogKind::KeyValue,
            log_configs: self.log_configs.clone(),
        }
    }

    fn place(&self) -> StorePlace {
        self.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::KeyValue
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let topic = || Arc::clone(&environment.changelog);
        let key: CodecRef<K> = Arc::new(StoreCodec::new(Arc::clone(&self.key), topic()));
        let value: CodecRef<V> = Arc::new(StoreCodec::new(Arc::clone(&self.value), topic()));
        let spec = ListValueSpec {
            cache_bytes: environment.cache_bytes,
            ..ListValueSpec::new(&*self.name, BackendRef::clone(&environment.backend), key, value)
        };
        let store = Rc::new(RefCell::new(state_stores::ListValueStore::open(spec)?));
        let handle = ListValueStore { store: Handle::new(Rc::clone(&store), environment.task) };
        Ok(OpenedStore { handle: Rc::new(handle), store })
    }
}
