//! The key-value store behind a materialised table (`KeyValueStoreMaterializer`).

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::serde::SerdeRef;
use streams_core::store::{
    Declaration, KeyValueKind, StoreFactory, StoreOptions, StorePlace, StoreSupplier,
    TimestampedKeyValueStoreBuilder, VersionedKeyValueStoreBuilder,
};

use crate::error::{DslError, OptionError, Result};
use crate::graph::Writer;
use crate::options::Materialized;

/// How a table is stored, once name and serdes are known.
pub(crate) struct TableStoreSpec<K, V> {
    pub(crate) name: Arc<str>,
    pub(crate) key_serde: Option<SerdeRef<K>>,
    pub(crate) value_serde: Option<SerdeRef<V>>,
    materialized: Materialized<K, V>,
}

impl<K: Data, V: Data> TableStoreSpec<K, V> {
    /// A store of that name; what the options leave open is inherited.
    pub(crate) fn new(
        name: &str,
        materialized: Materialized<K, V>,
        key_serde: Option<&SerdeRef<K>>,
        value_serde: Option<&SerdeRef<V>>,
    ) -> Self {
        TableStoreSpec {
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

    /// The store for the topology; `operator` is named where a serde is missing.
    pub(crate) fn builder(&self, operator: &str, options: StoreOptions) -> Result<Arc<dyn StoreFactory>> {
        let key = self.key_serde.clone().ok_or_else(|| DslError::missing_serde::<K>(operator, "key"))?;
        let value =
            self.value_serde.clone().ok_or_else(|| DslError::missing_serde::<V>(operator, "value"))?;
        let spec = RowStoreSpec { name: &self.name, operator, options, declaration: Declaration::new() };
        row_store(spec, key, value, self.materialized.own.supplier.as_ref())
    }

    /// How the store is kept, if the topology's stores are kept at `place`.
    pub(crate) fn options(&self, track_old_values: bool, place: &StorePlace) -> StoreOptions {
        self.materialized.store_options(track_old_values, place)
    }

    /// Adds the store to the topology and connects it to the node's processor.
    pub(crate) fn write(&self, track_old_values: bool, writer: &mut Writer<'_>) -> Result<()> {
        let options = self.options(track_old_values, &writer.store_place);
        writer.add_store(self.builder(&writer.name, options)?)
    }
}

/// What a row store is made of, besides its serdes.
pub(crate) struct RowStoreSpec<'a> {
    pub(crate) name: &'a str,
    /// Named where the supplier does not fit.
    pub(crate) operator: &'a str,
    pub(crate) options: StoreOptions,
    pub(crate) declaration: Declaration,
}

/// The store of a table, or of an aggregation without windows; of the supplier's kind, if there is one.
pub(crate) fn row_store<K: Data, V: Data>(
    spec: RowStoreSpec<'_>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    supplier: Option<&StoreSupplier>,
) -> Result<Arc<dyn StoreFactory>> {
    let RowStoreSpec { name, operator, options, declaration } = spec;
    let kind = match supplier {
        None => None,
        Some(StoreSupplier::KeyValue(supplier)) => Some(&supplier.kind),
        Some(StoreSupplier::Window(_) | StoreSupplier::Session(_)) => {
            let cause = OptionError::ForWindows { store: name.to_owned() };
            return Err(DslError::Option { operator: operator.to_owned(), cause });
        }
    };
    if let Some(KeyValueKind::Versioned { history_retention, segment_interval }) = kind {
        let mut store = VersionedKeyValueStoreBuilder::new(name, key, value, *history_retention);
        if let Some(segment_interval) = segment_interval {
            store = store.with_segment_interval(*segment_interval);
        }
        return Ok(store.with_options(options).declared(declaration).into());
    }
    let mut store = TimestampedKeyValueStoreBuilder::new(name, key, value).with_options(options);
    if let Some(KeyValueKind::Lru { max_entries }) = kind {
        store = store.lru(*max_entries);
    }
    Ok(store.declared(declaration).into())
}

#[cfg(test)]
mod tests;
