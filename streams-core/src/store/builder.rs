//! Store builders: what a topology keeps of a store until a task opens it (`org.apache.kafka.streams.state.StoreBuilder`).

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use state_stores::codec::CodecRef;
use state_stores::{BackendRef, RestoreFormat, StateStore, Tracking};

use super::{
    ChangelogKind, Declaration, OpenedStore, StoreDef, StoreEnvironment, StoreFactory, StoreHandle,
    StoreOptions, StorePlace, StoreRef, cannot_be_global,
};
use crate::error::Result;
use crate::serde::{SerdeRef, StoreCodec};

/// The handle of a store that a task has opened, and the runtime's view of the same store.
pub type Opened<H> = (H, Rc<RefCell<dyn StateStore>>);

/// A kind of stores: what they keep and how, which is in the settings of the kind and the serdes. Users name the kinds that
/// there are, such as [`KeyValueStoreKind`](super::KeyValueStoreKind); they do not add to them.
pub trait StoreKind: Send + Sync + 'static {
    /// What processors get; a clone is the same store.
    type Handle: Clone + 'static;
    /// What processors get of a global store; `()` of a kind that cannot be global.
    type Reader: 'static;

    /// What the changelog must keep.
    #[doc(hidden)]
    fn changelog(&self) -> ChangelogKind {
        ChangelogKind::KeyValue
    }

    /// How changelog records become the local form.
    #[doc(hidden)]
    fn restore_format(&self) -> RestoreFormat;

    /// The one place at which such stores can be, if there is only one.
    #[doc(hidden)]
    fn only_place(&self) -> Option<StorePlace> {
        None
    }

    /// Opens a task's store.
    #[doc(hidden)]
    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>>;

    /// A read handle of a global store; see [`StoreFactory::open_reader`].
    #[doc(hidden)]
    fn open_reader(&self, name: &Arc<str>, _backend: &BackendRef) -> Result<Box<dyn Any>> {
        Err(cannot_be_global(name))
    }
}

/// A kind whose stores can have a record cache.
pub trait Cached: StoreKind {}

/// A store that a task opens: all that its kind does not know.
pub struct Opening<'a> {
    /// The store's name.
    pub name: &'a Arc<str>,
    /// How it is kept.
    pub options: &'a StoreOptions,
    /// The task.
    pub environment: &'a StoreEnvironment,
}

impl Opening<'_> {
    /// The task's database.
    pub fn backend(&self) -> BackendRef {
        BackendRef::clone(&self.environment.backend)
    }

    /// A serde as the store's codec, which tells it the changelog's name.
    pub fn codec<T: 'static>(&self, serde: &SerdeRef<T>) -> CodecRef<T> {
        Arc::new(StoreCodec::new(Arc::clone(serde), Arc::clone(&self.environment.changelog)))
    }

    /// Which updates wait in the record cache.
    pub fn tracking(&self) -> Tracking {
        match (self.options.caching && self.environment.caching, self.options.track_old_values) {
            (false, _) => Tracking::Off,
            (true, false) => Tracking::New,
            (true, true) => Tracking::NewAndOld,
        }
    }

    /// Whether the store has what sets Kafka Streams' stores in memory apart from those on disk.
    pub fn is_in_memory(&self) -> bool {
        self.options.place.clone().unwrap_or_default() == StorePlace::Memory
    }
}

/// Builds stores of a kind (`org.apache.kafka.streams.state.StoreBuilder`). [`Stores`](super::Stores) makes them.
///
/// A clone declares the same store: a topology takes it again to connect it to more processors.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until a topology has it"]
pub struct StoreBuilder<S> {
    name: Arc<str>,
    pub(super) kind: S,
    pub(super) options: StoreOptions,
    declaration: Declaration,
}

impl<S: StoreKind> StoreBuilder<S> {
    /// The reference to the store: its name, and the type that processors get.
    pub fn store_ref(&self) -> StoreRef<S::Handle> {
        StoreRef::named(&self.name)
    }

    /// A logged, uncached store of that kind at the default place.
    #[doc(hidden)]
    pub fn of(name: &str, kind: S) -> Self {
        let (options, declaration) = (StoreOptions::default(), Declaration::new());
        StoreBuilder { name: name.into(), kind, options, declaration }
    }

    /// Sets all options at once.
    #[doc(hidden)]
    pub fn with_options(mut self, options: StoreOptions) -> Self {
        self.options = options;
        self
    }

    /// Logs changes to a changelog topic with these settings in addition to Kafka Streams' own. On by default.
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.options.logging = Some(configs);
        self
    }

    /// Keeps no changelog: the state is lost with the machine.
    pub fn with_logging_disabled(mut self) -> Self {
        self.options.logging = None;
        self
    }

    /// Keeps the store in memory instead of RocksDB; it is rebuilt from its changelog after a restart.
    pub fn in_memory(self) -> Self {
        self.at(StorePlace::Memory)
    }

    /// Keeps the store at that place.
    pub fn at(mut self, place: StorePlace) -> Self {
        self.options.place = Some(place);
        self
    }

    /// Makes it the same store as others of that declaration.
    #[doc(hidden)]
    pub fn declared(mut self, declaration: Declaration) -> Self {
        self.declaration = declaration;
        self
    }
}

impl<S: Cached> StoreBuilder<S> {
    /// Lets updates wait in the record cache, so that only the last one between two flushes is forwarded.
    pub fn with_caching_enabled(mut self) -> Self {
        self.options.caching = true;
        self
    }

    /// Forwards every update at once. The default.
    pub fn with_caching_disabled(mut self) -> Self {
        self.options.caching = false;
        self
    }
}

/// What can be added as a store: a [`StoreBuilder`], of which [`Stores`](super::Stores) makes those that there are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not build a store that can be added",
    label = "not the builder of a store",
    note = "add what `Stores::key_value_store`, `Stores::window_store` and their like make; the suppliers that \
            `Stores::persistent_..` and `Stores::in_memory_..` make are for `Materialized::as_store`, and `.in_memory()` or \
            `.at(place)` of a builder says where its store is"
)]
pub trait AddStore {
    /// What processors get.
    type Handle;
    /// What processors get where the store is global; `()` if it cannot be.
    type Reader;

    /// What the topology keeps of it.
    #[doc(hidden)]
    fn into_factory(self) -> Arc<dyn StoreFactory>;
}

impl<S: StoreKind> AddStore for StoreBuilder<S> {
    type Handle = S::Handle;
    type Reader = S::Reader;

    fn into_factory(self) -> Arc<dyn StoreFactory> {
        Arc::new(self)
    }
}

/// A store whose type is not known here; its reference is of no use but for its name.
impl AddStore for Arc<dyn StoreFactory> {
    type Handle = ();
    type Reader = ();

    fn into_factory(self) -> Arc<dyn StoreFactory> {
        self
    }
}

impl<S: StoreKind> From<StoreBuilder<S>> for Arc<dyn StoreFactory> {
    fn from(builder: StoreBuilder<S>) -> Self {
        Arc::new(builder)
    }
}

impl<S: StoreKind> StoreFactory for StoreBuilder<S> {
    fn definition(&self) -> StoreDef {
        StoreDef {
            name: Arc::clone(&self.name),
            logged: self.options.logging.is_some(),
            changelog: self.kind.changelog(),
            log_configs: self.options.logging.clone().unwrap_or_default(),
        }
    }

    fn declaration(&self) -> Declaration {
        self.declaration
    }

    fn place(&self) -> StorePlace {
        self.kind.only_place().or_else(|| self.options.place.clone()).unwrap_or_default()
    }

    fn restore_format(&self) -> RestoreFormat {
        self.kind.restore_format()
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let (handle, store) =
            self.kind.open(&Opening { name: &self.name, options: &self.options, environment })?;
        Ok(OpenedStore { handle: StoreHandle::new(handle), store })
    }

    fn open_reader(&self, backend: &BackendRef) -> Result<Box<dyn Any>> {
        self.kind.open_reader(&self.name, backend)
    }
}
