//! Buffers of table updates that are held back, as `suppress` keeps them (`InMemoryTimeOrderedKeyValueChangeBuffer`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use state_stores::{BackendRef, Buffered, ChangeBufferSpec, RecordContext, RestoreFormat};

use super::handle::Handle;
use super::{ChangelogKind, OpenedStore, StoreDef, StoreEnvironment, StoreFactory, StorePlace};
use crate::error::{Error, Result};
use crate::record::{Change, Data};
use crate::serde::{SerdeRef, StoreCodec};
use crate::time::Timestamp;

/// The latest update of each row that is held back, in the order of time.
pub struct ChangeBuffer<K, V> {
    store: Handle<state_stores::ChangeBuffer<K, V>>,
}

impl<K, V> Clone for ChangeBuffer<K, V> {
    fn clone(&self) -> Self {
        ChangeBuffer { store: self.store.clone() }
    }
}

impl<K, V> ChangeBuffer<K, V> {
    /// Holds an update back at `time`, or in place of the one of its key that is held back already.
    pub fn put(&self, time: Timestamp, key: &K, change: &Change<V>, context: RecordContext) -> Result<()> {
        self.store.run(|buffer| buffer.put(time, key, change.old.as_ref(), change.new.as_ref(), context))
    }

    /// The time of the first update; `None` if there is none.
    pub fn first_time(&self) -> Result<Option<Timestamp>> {
        self.store.run(|buffer| buffer.first_time())
    }

    /// How many rows are held back.
    pub fn rows(&self) -> Result<usize> {
        self.store.run(|buffer| buffer.rows())
    }

    /// How many bytes they take, as Kafka Streams reckons.
    pub fn bytes(&self) -> Result<usize> {
        self.store.run(|buffer| buffer.bytes())
    }

    /// The first update, which stays until [`remove_first`](Self::remove_first).
    pub fn first(&self) -> Result<Option<Buffered<K, V>>> {
        self.store.run(|buffer| buffer.first())
    }

    /// Lets the first update go.
    pub fn remove_first(&self) -> Result<()> {
        self.store.run(|buffer| buffer.remove_first())
    }

    /// For a row that is held back, what readers of the output have seen of it last; `None` for other rows.
    pub fn prior(&self, key: &K) -> Result<Option<Option<V>>> {
        self.store.run(|buffer| buffer.prior(key))
    }
}

/// Builds a buffer. It is in memory, and comes back from its changelog.
#[derive(Clone)]
pub struct ChangeBufferBuilder<K, V> {
    name: Arc<str>,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    /// Settings of the changelog, if there is one.
    log: Option<BTreeMap<String, String>>,
}

impl<K: Data, V: Data> ChangeBufferBuilder<K, V> {
    /// A buffer with a changelog.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        ChangeBufferBuilder { name: name.into(), key, value, log: Some(BTreeMap::new()) }
    }

    /// Gives the changelog these settings, or with `None` keeps none: what is held back is lost with the process.
    pub fn with_log(mut self, log: Option<BTreeMap<String, String>>) -> Self {
        self.log = log;
        self
    }
}

impl<K: Data, V: Data> StoreFactory for ChangeBufferBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        StoreDef {
            name: Arc::clone(&self.name),
            logged: self.log.is_some(),
            changelog: ChangelogKind::KeyValue,
            log_configs: self.log.clone().unwrap_or_default(),
        }
    }

    fn place(&self) -> StorePlace {
        StorePlace::Memory
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::ChangeBuffer
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let changelog = || Arc::clone(&environment.changelog);
        let spec = ChangeBufferSpec {
            name: self.name.to_string(),
            backend: BackendRef::clone(&environment.backend),
            key: Arc::new(StoreCodec::new(Arc::clone(&self.key), changelog())),
            value: Arc::new(StoreCodec::new(Arc::clone(&self.value), changelog())),
        };
        let task = environment.task;
        let opened =
            state_stores::ChangeBuffer::open(spec).map_err(|source| Error::Store { task, source })?;
        let inner = Rc::new(RefCell::new(opened));
        Ok(OpenedStore {
            handle: Rc::new(ChangeBuffer { store: Handle::new(Rc::clone(&inner), task) }),
            store: inner,
        })
    }
}
