//! A global store as tasks read it: another thread keeps it current.

use std::rc::Rc;

use state_stores::codec::CodecRef;
use state_stores::keyspaces::store_keyspace;
use state_stores::{BackendRef, Keyspace, ValueAndTimestamp, ValueFormat};

use crate::error::Result;

/// A view of a store that keeps timestamps, as that of a global table.
pub type GlobalTimestampedKeyValueStore<K, V> = GlobalKeyValueStore<K, ValueAndTimestamp<V>>;

/// A read-only view of a global table or store, which any processor may ask for without being connected to it. Sees
/// what the global thread has committed; `T` is what the store keeps. `StreamsBuilder::add_global_store` of the DSL has an
/// example.
pub struct GlobalKeyValueStore<K, T> {
    name: Rc<str>,
    backend: BackendRef,
    keyspace: Keyspace,
    key: CodecRef<K>,
    value: ValueFormat<T>,
}

impl<K, T> Clone for GlobalKeyValueStore<K, T> {
    fn clone(&self) -> Self {
        GlobalKeyValueStore {
            name: Rc::clone(&self.name),
            backend: BackendRef::clone(&self.backend),
            keyspace: self.keyspace,
            key: CodecRef::clone(&self.key),
            value: self.value.clone(),
        }
    }
}

impl<K, T> GlobalKeyValueStore<K, T> {
    pub(super) fn open(
        name: &str,
        backend: &BackendRef,
        key: CodecRef<K>,
        value: ValueFormat<T>,
    ) -> Result<Self> {
        let keyspace = store_keyspace(&**backend, name)?;
        Ok(GlobalKeyValueStore {
            name: name.into(),
            backend: BackendRef::clone(backend),
            keyspace,
            key,
            value,
        })
    }

    /// The value of a key, `None` if it has none.
    pub fn get(&self, key: &K) -> Result<Option<T>> {
        let mut bytes = Vec::new();
        let encoded = self.key.encode(key, &mut bytes);
        encoded.map_err(|cause| state_stores::StoreError::Codec {
            store: self.name.to_string(),
            what: "key",
            key: None,
            cause,
        })?;
        match self.backend.get(self.keyspace, &bytes)? {
            Some(stored) => Ok(Some(self.value.decode_stored(&self.name, &bytes, &stored)?)),
            None => Ok(None),
        }
    }
}
