//! Builds versioned key-value stores (`VersionedKeyValueStoreBuilder`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use state_stores::schema::segments::versioned_segment_interval_ms;
use state_stores::{BackendRef, RestoreFormat, VersionedSpec, VersionedStore};

use super::builder::{Common, codec, opened};
use super::{
    ChangelogKind, Declaration, OpenedStore, StoreDef, StoreEnvironment, StoreFactory, StorePlace,
    VersionedKeyValueStore, millis,
};
use crate::error::Result;
use crate::record::Data;
use crate::serde::SerdeRef;

/// Builds a versioned key-value store. It is always on disk and never cached, as in Kafka Streams.
#[derive(Clone)]
pub struct VersionedKeyValueStoreBuilder<K, V> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    history_retention_ms: i64,
    segment_interval_ms: i64,
}

impl<K: Data, V: Data> VersionedKeyValueStoreBuilder<K, V> {
    /// A logged store that keeps, and takes, versions for `history_retention` of stream time.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>, history_retention: Duration) -> Self {
        let history_retention_ms = millis(history_retention);
        let segment_interval_ms = versioned_segment_interval_ms(history_retention_ms);
        Self::of_ms(name, key, value, history_retention_ms, segment_interval_ms)
    }

    /// As [`new`](Self::new), with times in ms, as suppliers have them.
    pub fn of_ms(
        name: &str,
        key: SerdeRef<K>,
        value: SerdeRef<V>,
        history_retention_ms: i64,
        segment_interval_ms: i64,
    ) -> Self {
        VersionedKeyValueStoreBuilder {
            common: Common::new(name),
            key,
            value,
            history_retention_ms,
            segment_interval_ms,
        }
    }

    /// Lets old versions go in slices of time of that length, instead of one derived from the history retention.
    pub fn with_segment_interval(mut self, segment_interval: Duration) -> Self {
        self.segment_interval_ms = millis(segment_interval);
        self
    }

    /// Logs changes to a changelog topic with these settings beside Kafka Streams' own. On by default.
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.common.logged = true;
        self.common.log_configs = configs;
        self
    }

    /// Makes it the same store as others of that declaration.
    pub fn declared(mut self, declaration: Declaration) -> Self {
        self.common.declaration = declaration;
        self
    }

    /// Keeps no changelog: the state is lost with the machine.
    pub fn with_logging_disabled(mut self) -> Self {
        self.common.logged = false;
        self
    }
}

impl<K: Data, V: Data> StoreFactory for VersionedKeyValueStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        let history_retention_ms = self.history_retention_ms;
        self.common.definition(ChangelogKind::Versioned { history_retention_ms })
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Versioned {
            history_retention_ms: self.history_retention_ms,
            segment_interval_ms: self.segment_interval_ms,
        }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let spec = VersionedSpec {
            segment_interval_ms: self.segment_interval_ms,
            cache_bytes: environment.cache_bytes,
            ..VersionedSpec::new(
                &*self.common.name,
                BackendRef::clone(&environment.backend),
                codec(&self.key, environment),
                codec(&self.value, environment),
                self.history_retention_ms,
            )
        };
        let store = Rc::new(RefCell::new(VersionedStore::open(spec)?));
        Ok(opened(
            VersionedKeyValueStore::new(Rc::clone(&store), Rc::clone(&environment.clock), environment.task),
            store,
        ))
    }
}
