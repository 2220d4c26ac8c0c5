//! State stores as processors use them: typed handles over one task's stores.
//!
//! A handle is a cheap clone; it belongs to one task and one thread. Plain stores log each change with the timestamp of
//! the current record, timestamped ones with the value's own (Kafka Streams' changelog rules).
//!
//! # Scans
//!
//! Ranges of a store are iterators of `Result`s, which read as they go: what they take in memory does not depend on how much
//! they give. They go both ways, so that `.rev()` is Kafka Streams' `reverseRange`, `backwardFetch` and so on; whoever takes
//! from both ends pays for two places in the database. There is nothing to close.
//!
//! A store may be read and changed in the middle of a scan:
//!
//! 1. A scan gives the keys that were there when it began, each once, in order.
//! 2. A key that is updated meanwhile has the value of the moment at which the scan comes to it; one that is deleted is left
//!    out; a new one is not seen, so that a loop that puts what it scans ends.
//! 3. If there is a commit meanwhile (which only a test can bring about, as a commit is never in the middle of a `process`
//!    or a punctuation), keys that the scan has not come to are as the commit left them.
//!
//! A row that cannot be read back is an item that is an error, and names the store, the changelog, the key and what to do.

mod builder;
mod clock;
mod definition;
mod global;
mod handle;
mod kind;
mod options;
mod place;
mod reference;
mod stores;
mod supplier;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

pub use builder::{AddStore, Cached, StoreBuilder, StoreKind};
#[doc(hidden)]
pub use builder::{Opened, Opening};
#[doc(hidden)]
pub use clock::RecordClock;
#[doc(hidden)]
pub use definition::{ChangelogKind, Declaration, StoreDef};
pub use global::{GlobalKeyValueStore, GlobalTimestampedKeyValueStore};
#[doc(hidden)]
pub use kind::{
    BufferedRecord, ChangeBuffer, ChangeBufferBuilder, JoinBuffer, JoinBufferBuilder, ListValueStore,
    ListValueStoreBuilder, Unreadable,
};
pub use kind::{
    KeyValueStore, KeyValueStoreBuilder, KeyValueStoreKind, Plain, SessionStore, SessionStoreBuilder,
    SessionStoreKind, Timestamped, TimestampedKeyValueStore, TimestampedKeyValueStoreBuilder,
    TimestampedWindowStore, TimestampedWindowStoreBuilder, ValueForm, VersionedKeyValueStore,
    VersionedKeyValueStoreBuilder, VersionedStoreKind, WindowStore, WindowStoreBuilder, WindowStoreKind,
};
pub use options::StoreOptions;
pub use place::{BackendSupplier, StorePlace};
pub(crate) use place::{name_of, shown_name};
pub use reference::{NamedStore, StoreNames, StoreRef};
#[doc(hidden)]
pub use state_stores::{Buffered, ClosedOrder, FlushedChange, RecordContext};
pub use state_stores::{Direction, ValueAndTimestamp, VersionedPut, VersionedRecord};
pub use stores::Stores;
pub use supplier::{KeyValueKind, KeyValueSupplier, SessionSupplier, StoreSupplier, WindowSupplier};

use crate::error::{Error, Result, TopologyError};
use crate::ids::TaskId;
#[doc(hidden)]
pub use state_stores::RestoreFormat;
use state_stores::StateStore;
pub use state_stores::{
    Backend, BackendRef, Batch, KeyRange, Keyspace, MemoryBackend, RawEntry, Scan, Write, Writes,
};

/// Where and how a task opens a store.
#[doc(hidden)]
pub struct StoreEnvironment {
    /// The task.
    pub task: TaskId,
    /// The task's database.
    pub backend: BackendRef,
    /// The time of the current record.
    pub clock: Rc<RecordClock>,
    /// The topic that serdes get: the changelog's name.
    pub changelog: Arc<str>,
    /// How many bytes of clean entries the store may keep in memory.
    pub cache_bytes: usize,
    /// Whether the application uses record caches at all (`statestore.cache.max.bytes` above 0).
    pub caching: bool,
}

/// What processors get of a store, without its type.
#[doc(hidden)]
#[derive(Clone)]
pub struct StoreHandle {
    handle: Rc<dyn Any>,
    type_name: &'static str,
}

impl StoreHandle {
    /// A handle of any type.
    pub fn new<H: 'static>(handle: H) -> Self {
        StoreHandle { handle: Rc::new(handle), type_name: std::any::type_name::<H>() }
    }

    /// The handle, if it is of that type.
    pub fn downcast_ref<H: 'static>(&self) -> Option<&H> {
        self.handle.downcast_ref()
    }

    /// Its type, for messages.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// A store of one task, opened.
#[doc(hidden)]
pub struct OpenedStore {
    /// The handle that processors get, of the builder's handle type.
    pub handle: StoreHandle,
    /// The runtime's view of the same store.
    pub store: Rc<RefCell<dyn StateStore>>,
}

impl fmt::Debug for dyn StoreFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition().fmt(f)
    }
}

/// Opens a store for each task (`org.apache.kafka.streams.state.StoreBuilder`). Shared by all threads.
#[doc(hidden)]
pub trait StoreFactory: Send + Sync {
    /// Name, logging and kind.
    fn definition(&self) -> StoreDef;

    /// Which declaration it is. A topology takes a name twice only from one declaration: a clone of the builder, or the
    /// same shared factory. A custom factory that does not say is always a different one.
    fn declaration(&self) -> Declaration {
        Declaration::new()
    }

    /// Where it keeps its committed entries.
    fn place(&self) -> StorePlace;

    /// How changelog records become its local form.
    fn restore_format(&self) -> RestoreFormat;

    /// Opens it.
    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore>;

    /// A read handle for tasks when this is a global store that another thread writes to `backend`.
    /// Only key-value stores can be global.
    fn open_reader(&self, _backend: &BackendRef) -> Result<Box<dyn Any>> {
        Err(cannot_be_global(&self.definition().name))
    }
}

/// What is said of a store that is to be global and is not a key-value store.
pub(crate) fn cannot_be_global(store: &str) -> Error {
    TopologyError::NotGlobal(store.into()).into()
}
