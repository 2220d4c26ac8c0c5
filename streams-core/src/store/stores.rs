//! The stores of the Processor API (`org.apache.kafka.streams.state.Stores`); what the DSL's tables can be kept in is in
//! [`supplier`](super::supplier).

use std::time::Duration;

use super::{
    KeyValueStoreBuilder, SessionStoreBuilder, TimestampedKeyValueStoreBuilder,
    TimestampedWindowStoreBuilder, VersionedKeyValueStoreBuilder, WindowStoreBuilder,
};
use crate::record::Data;
use crate::serde::DefaultSerde;

/// The stores that the Processor API offers, with the default serdes of their types
/// (`org.apache.kafka.streams.state.Stores`). The handles have examples: [`KeyValueStore`](super::KeyValueStore),
/// [`WindowStore`](super::WindowStore), [`SessionStore`](super::SessionStore),
/// [`VersionedKeyValueStore`](super::VersionedKeyValueStore).
pub struct Stores;

impl Stores {
    /// A plain key-value store (`Stores.keyValueStoreBuilder`).
    pub fn key_value_store<K, V>(name: &str) -> KeyValueStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        KeyValueStoreBuilder::new(name, K::default_serde(), V::default_serde())
    }

    /// A key-value store whose values carry timestamps (`Stores.timestampedKeyValueStoreBuilder`).
    pub fn timestamped_key_value_store<K, V>(name: &str) -> TimestampedKeyValueStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        TimestampedKeyValueStoreBuilder::new(name, K::default_serde(), V::default_serde())
    }

    /// A versioned key-value store that keeps, and takes, versions for `history_retention` of stream time
    /// (`versionedKeyValueStoreBuilder`).
    pub fn versioned_key_value_store<K, V>(
        name: &str,
        history_retention: Duration,
    ) -> VersionedKeyValueStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        let (key, value) = (K::default_serde(), V::default_serde());
        VersionedKeyValueStoreBuilder::new(name, key, value, history_retention)
    }

    /// A window store (`Stores.windowStoreBuilder`).
    pub fn window_store<K, V>(name: &str, retention: Duration) -> WindowStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        WindowStoreBuilder::new(name, K::default_serde(), V::default_serde(), retention)
    }

    /// A window store whose values carry timestamps (`Stores.timestampedWindowStoreBuilder`).
    pub fn timestamped_window_store<K, V>(
        name: &str,
        retention: Duration,
    ) -> TimestampedWindowStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        TimestampedWindowStoreBuilder::new(name, K::default_serde(), V::default_serde(), retention)
    }

    /// A session store (`Stores.sessionStoreBuilder`).
    pub fn session_store<K, A>(name: &str, retention: Duration) -> SessionStoreBuilder<K, A>
    where
        K: Data + DefaultSerde,
        A: Data + DefaultSerde,
    {
        SessionStoreBuilder::new(name, K::default_serde(), A::default_serde(), retention)
    }
}
