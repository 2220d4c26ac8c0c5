//! Buffers of table updates that are held back, as `suppress` keeps them (`InMemoryTimeOrderedKeyValueChangeBuffer`).

use std::cell::RefCell;
use std::rc::Rc;

use state_stores::{Buffered, ChangeBufferSpec, RecordContext, RestoreFormat};

use crate::error::{Error, Result};
use crate::record::{Change, Data};
use crate::serde::SerdeRef;
use crate::store::handle::Handle;
use crate::store::{Opened, Opening, StoreBuilder, StoreKind, StorePlace};
use crate::time::Timestamp;

/// The latest update of each row that is held back, in the order of time.
pub struct ChangeBuffer<K, V> {
    store: Handle<state_stores::BufferTable<K, V>>,
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

    /// Where the first update came from, which is known even if the update cannot be read back.
    pub fn first_context(&self) -> Result<Option<RecordContext>> {
        self.store.run(|buffer| buffer.first_context())
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

/// The kind of buffers of updates. They are in memory, and come back from their changelog.
#[derive(Clone)]
pub struct ChangeBufferKind<K, V> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
}

/// Builds a buffer of updates.
pub type ChangeBufferBuilder<K, V> = StoreBuilder<ChangeBufferKind<K, V>>;

impl<K: Data, V: Data> StoreBuilder<ChangeBufferKind<K, V>> {
    /// A buffer with a changelog.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        StoreBuilder::of(name, ChangeBufferKind { key, value })
    }
}

impl<K: Data, V: Data> StoreKind for ChangeBufferKind<K, V> {
    type Handle = ChangeBuffer<K, V>;
    type Reader = ();

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::ChangeBuffer
    }

    fn only_place(&self) -> Option<StorePlace> {
        Some(StorePlace::Memory)
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let spec = ChangeBufferSpec {
            name: opening.name.to_string(),
            backend: opening.backend(),
            key: opening.codec(&self.key),
            value: opening.codec(&self.value),
        };
        let task = opening.environment.task;
        let buffer = state_stores::BufferTable::open(spec).map_err(|cause| Error::Store { task, cause })?;
        let inner = Rc::new(RefCell::new(buffer));
        Ok((ChangeBuffer { store: Handle::new(Rc::clone(&inner), task) }, inner))
    }
}
