//! The store behind a table's rows, timestamped or versioned (`KeyValueStoreWrapper`).

use std::borrow::Cow;

use streams_core::error::Result;
use streams_core::processor::{Data, StoreAccess};
use streams_core::store::{
    TimestampedKeyValueStore, ValueAndTimestamp, VersionedKeyValueStore, VersionedPut, VersionedRecord,
};
use streams_core::time::Timestamp;

/// The rows of one table in one task.
pub(crate) enum TableRows<K, V> {
    /// Each key's latest row.
    Timestamped(TimestampedKeyValueStore<K, V>),
    /// Each key's rows over time.
    Versioned(VersionedKeyValueStore<K, V>),
}

impl<K: Data, V: Data> TableRows<K, V> {
    /// Finds the store of that name, which the processor is connected to.
    pub(crate) fn open(name: &str, stores: &StoreAccess<'_>) -> Result<Self> {
        match stores.find(name) {
            Some(versioned) => Ok(TableRows::Versioned(versioned)),
            None => stores.get(name).map(TableRows::Timestamped),
        }
    }

    /// Whether updates wait in the record cache until the next flush.
    pub(crate) fn caching(&self) -> bool {
        match self {
            TableRows::Timestamped(store) => store.caching(),
            TableRows::Versioned(_) => false,
        }
    }

    /// The store, if updates wait in the record cache until the next flush.
    pub(crate) fn cached(&self) -> Option<TimestampedKeyValueStore<K, V>> {
        match self {
            TableRows::Timestamped(store) if store.caching() => Some(store.clone()),
            _ => None,
        }
    }

    /// Whether rows can be looked up as of a time.
    pub(crate) fn is_versioned(&self) -> bool {
        matches!(self, TableRows::Versioned(_))
    }

    /// The latest row of a key.
    pub(crate) fn get(&self, key: &K) -> Result<Option<ValueAndTimestamp<V>>> {
        match self {
            TableRows::Timestamped(store) => store.get(key),
            TableRows::Versioned(store) => Ok(store.get(key)?.map(row)),
        }
    }

    /// The bytes of a key's row in the database, without its time, if that is known and is still the row.
    pub(crate) fn stored_bytes(&self, key: &K) -> Result<Option<Box<[u8]>>> {
        match self {
            TableRows::Timestamped(store) => store.stored_bytes(key),
            TableRows::Versioned(_) => Ok(None),
        }
    }

    /// The row that a key had at a time; the latest where there is no other.
    pub(crate) fn get_as_of(&self, key: &K, time: Timestamp) -> Result<Option<ValueAndTimestamp<V>>> {
        match self {
            TableRows::Timestamped(store) => store.get(key),
            TableRows::Versioned(store) => Ok(store.get_as_of(key, time)?.map(row)),
        }
    }

    /// Gives a key a row, or with `None` deletes it; a row that is forwarded as well is borrowed. True if that is the latest
    /// row of the key now, false if the key has a later one, nothing if the row was too old to be taken; then there is
    /// nothing to forward.
    pub(crate) fn put(
        &self,
        key: &K,
        value: Option<Cow<'_, V>>,
        timestamp: Timestamp,
    ) -> Result<Option<bool>> {
        match self {
            TableRows::Timestamped(store) => {
                store.put(key, value.map(|value| stored(value, timestamp)))?;
                Ok(Some(true))
            }
            TableRows::Versioned(store) => is_latest(store.put(key, value.as_deref(), timestamp)?),
        }
    }

    /// As [`put`](Self::put), but the changelog gets a deletion with that time too, not with that of the current record.
    pub(crate) fn put_at(
        &self,
        key: &K,
        value: Option<Cow<'_, V>>,
        timestamp: Timestamp,
    ) -> Result<Option<bool>> {
        match self {
            TableRows::Timestamped(store) => {
                store.put_at(key, value.map(|value| stored(value, timestamp)), timestamp)?;
                Ok(Some(true))
            }
            TableRows::Versioned(store) => is_latest(store.put(key, value.as_deref(), timestamp)?),
        }
    }
}

fn stored<V: Data>(value: Cow<'_, V>, timestamp: Timestamp) -> ValueAndTimestamp<V> {
    ValueAndTimestamp { value: value.into_owned(), timestamp }
}

fn is_latest(put: VersionedPut) -> Result<Option<bool>> {
    Ok(match put {
        VersionedPut::Latest => Some(true),
        VersionedPut::Until(_) => Some(false),
        VersionedPut::Expired => None,
    })
}

fn row<V>(version: VersionedRecord<V>) -> ValueAndTimestamp<V> {
    ValueAndTimestamp { value: version.value, timestamp: version.timestamp }
}
