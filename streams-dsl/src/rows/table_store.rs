//! The key-value store behind a materialised table (`KeyValueStoreMaterializer`).

use std::any::Any;
use std::sync::Arc;

use streams_core::error::Result as CoreResult;
use streams_core::processor::Data;
use streams_core::serde::SerdeRef;
use streams_core::store::{
    BackendRef, Declaration, KeyValueKind, OpenedStore, RestoreFormat, StoreDef, StoreEnvironment,
    StoreFactory, StorePlace, StoreSupplier, TimestampedKeyValueStoreBuilder, VersionedKeyValueStoreBuilder,
};

use crate::error::{DslError, Result};
use crate::graph::Writer;
use crate::options::Materialized;

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

    /// Whether the store is versioned.
    pub(crate) fn is_versioned(&self) -> bool {
        self.materialized.is_versioned()
    }

    /// The builder for the topology; `operator` is named where a serde is missing. `logged` can only take the changelog
    /// away. `place` is where stores are kept that do not say it themselves.
    pub(crate) fn builder(
        &self,
        operator: &str,
        track_old_values: bool,
        logged: bool,
        place: &StorePlace,
    ) -> Result<RowStoreBuilder<K, V>> {
        let key = self.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(operator, "key"))?;
        let value =
            self.value_serde.clone().ok_or_else(|| DslError::missing_serde::<V>(operator, "value"))?;
        let settings = RowStoreSettings { name: &self.name, operator, track_old_values, logged, place };
        row_store(&settings, key, value, &self.materialized)
    }

    /// Adds the store to the topology and connects it to the node's processor.
    pub(crate) fn write(&self, track_old_values: bool, writer: &mut Writer<'_>) -> Result<()> {
        let builder = self.builder(&writer.name, track_old_values, true, &writer.store_place)?;
        writer.add_store(builder)
    }
}

/// What a row store is made of, besides its options.
pub(crate) struct RowStoreSettings<'a> {
    pub(crate) name: &'a str,
    /// Named where the options do not fit.
    pub(crate) operator: &'a str,
    pub(crate) track_old_values: bool,
    /// Can only take the changelog away.
    pub(crate) logged: bool,
    /// Where stores are kept that do not say it themselves.
    pub(crate) place: &'a StorePlace,
}

/// The store of a table, or of an aggregation without windows, as the options want it.
pub(crate) fn row_store<K: Data, V: Data>(
    settings: &RowStoreSettings<'_>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    options: &Materialized<K, V>,
) -> Result<RowStoreBuilder<K, V>> {
    let kind = match &options.supplier {
        None => KeyValueKind::Timestamped(options.place_or(settings.place)),
        Some(StoreSupplier::KeyValue(supplier)) => supplier.kind.clone(),
        Some(StoreSupplier::Window(_) | StoreSupplier::Session(_)) => {
            return Err(DslError::Option {
                operator: settings.operator.to_owned(),
                reason: format!("store {} is for windows; name a key-value store", settings.name),
            });
        }
    };
    let logged = options.logged && settings.logged;
    let mut store = match kind {
        KeyValueKind::Versioned { history_retention_ms, segment_interval_ms } => {
            let store = VersionedKeyValueStoreBuilder::of_ms(
                settings.name,
                key,
                value,
                history_retention_ms,
                segment_interval_ms,
            );
            return Ok(RowStoreBuilder::Versioned(match logged {
                true => store.with_logging_enabled(options.log_configs.clone()),
                false => store.with_logging_disabled(),
            }));
        }
        KeyValueKind::Lru { max_entries } => {
            TimestampedKeyValueStoreBuilder::new(settings.name, key, value).lru(max_entries)
        }
        KeyValueKind::Timestamped(place) => {
            TimestampedKeyValueStoreBuilder::new(settings.name, key, value).at(place)
        }
    };
    store = match logged {
        true => store.with_logging_enabled(options.log_configs.clone()),
        false => store.with_logging_disabled(),
    };
    if options.cached {
        store = store.with_caching_enabled();
    }
    if settings.track_old_values {
        store = store.track_old_values();
    }
    Ok(RowStoreBuilder::Timestamped(store))
}

/// Builds the store of a table's rows.
#[derive(Clone)]
pub(crate) enum RowStoreBuilder<K, V> {
    /// Each key's latest row.
    Timestamped(TimestampedKeyValueStoreBuilder<K, V>),
    /// Each key's rows over time.
    Versioned(VersionedKeyValueStoreBuilder<K, V>),
}

impl<K: Data, V: Data> RowStoreBuilder<K, V> {
    /// The same store without a cache.
    pub(crate) fn with_caching_disabled(self) -> Self {
        match self {
            RowStoreBuilder::Timestamped(store) => {
                RowStoreBuilder::Timestamped(store.with_caching_disabled())
            }
            versioned => versioned,
        }
    }

    /// The same store as others of that declaration.
    pub(crate) fn declared(self, declaration: Declaration) -> Self {
        match self {
            RowStoreBuilder::Timestamped(store) => RowStoreBuilder::Timestamped(store.declared(declaration)),
            RowStoreBuilder::Versioned(store) => RowStoreBuilder::Versioned(store.declared(declaration)),
        }
    }

    fn factory(&self) -> &dyn StoreFactory {
        match self {
            RowStoreBuilder::Timestamped(store) => store,
            RowStoreBuilder::Versioned(store) => store,
        }
    }
}

impl<K: Data, V: Data> StoreFactory for RowStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        self.factory().definition()
    }

    fn declaration(&self) -> Declaration {
        self.factory().declaration()
    }

    fn place(&self) -> StorePlace {
        self.factory().place()
    }

    fn restore_format(&self) -> RestoreFormat {
        self.factory().restore_format()
    }

    fn open(&self, environment: &StoreEnvironment) -> CoreResult<OpenedStore> {
        self.factory().open(environment)
    }

    fn open_reader(&self, backend: &BackendRef) -> CoreResult<Box<dyn Any>> {
        self.factory().open_reader(backend)
    }
}

#[cfg(test)]
mod tests;
