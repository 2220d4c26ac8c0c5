//! The key-value store behind a materialised table (`KeyValueStoreMaterializer`).

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::SerdeRef;
use streams_core::store::TimestampedKeyValueStoreBuilder;

use crate::error::{DslError, Result};
use crate::graph::Writer;
use crate::options::{Materialized, StoreType};

/// How a table is stored, once name and serdes are known.
pub(crate) struct TableStore<K, V> {
    pub(crate) name: Arc<str>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    materialized: Materialized<K, V>,
}

impl<K: Data, V: Data> TableStore<K, V> {
    /// A store of that name; what the options leave open is inherited.
    pub(crate) fn new(
        name: &str,
        materialized: Materialized<K, V>,
        key_serde: Option<&SerdeRef<K>>,
        value_serde: Option<&SerdeRef<V>>,
    ) -> Self {
        TableStore {
            name: name.into(),
            key_serde: materialized.key_serde.resolve(key_serde),
            value_serde: materialized.value_serde.resolve(value_serde),
            materialized,
        }
    }

    /// The builder for the topology; `operator` is named where a serde is missing. `logged` can only take the changelog
    /// away.
    pub(crate) fn builder(
        &self,
        operator: &str,
        track_old_values: bool,
        logged: bool,
    ) -> Result<TimestampedKeyValueStoreBuilder<K, V>> {
        let key = self.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(operator, "key"))?;
        let value =
            self.value_serde.clone().ok_or_else(|| DslError::missing_serde::<V>(operator, "value"))?;
        let options = &self.materialized;
        let mut store = TimestampedKeyValueStoreBuilder::new(&self.name, key, value);
        store = match options.logged && logged {
            true => store.with_logging_enabled(options.log_configs.clone()),
            false => store.with_logging_disabled(),
        };
        if options.cached {
            store = store.with_caching_enabled();
        }
        if track_old_values {
            store = store.track_old_values();
        }
        if options.store_type == StoreType::InMemory {
            store = store.in_memory();
        }
        Ok(store)
    }

    /// Adds the store to the topology and connects it to the node's processor.
    pub(crate) fn write(&self, track_old_values: bool, writer: &mut Writer<'_>) -> Result<()> {
        let builder = self.builder(&writer.name, track_old_values, true)?;
        writer.add_store(builder)
    }
}
