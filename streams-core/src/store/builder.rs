//! Store builders: what a topology keeps of a store until a task opens it (`org.apache.kafka.streams.state.Stores`).

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use state_stores::codec::CodecRef;
use state_stores::{
    BackendRef, ClosedOrder, KeyValueSpec, RestoreFormat, SessionSpec, StateStore, Tracking,
    ValueAndTimestamp, ValueFormat, WindowSpec,
};

use super::{
    ChangelogKind, Declaration, GlobalKeyValueStore, KeyValueStore, OpenedStore, SessionStore, StoreDef,
    StoreEnvironment, StoreFactory, StorePlace, VersionedKeyValueStoreBuilder, WindowStore,
};
use crate::error::Result;
use crate::record::Data;
use crate::serde::{DefaultSerde, SerdeRef, StoreCodec};

/// What all builders have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) name: Arc<str>,
    pub(super) logged: bool,
    pub(super) log_configs: BTreeMap<String, String>,
    caching: bool,
    track_old: bool,
    log_headers: bool,
    pub(super) place: StorePlace,
    max_entries: Option<usize>,
    pub(super) declaration: Declaration,
}

impl Common {
    pub(super) fn new(name: &str) -> Self {
        Common {
            name: name.into(),
            logged: true,
            log_configs: BTreeMap::new(),
            caching: false,
            track_old: false,
            log_headers: false,
            place: StorePlace::default(),
            max_entries: None,
            declaration: Declaration::new(),
        }
    }

    pub(super) fn definition(&self, changelog: ChangelogKind) -> StoreDef {
        StoreDef {
            name: Arc::clone(&self.name),
            logged: self.logged,
            changelog,
            log_configs: self.log_configs.clone(),
        }
    }

    /// Whether it has what sets Kafka Streams' stores in memory apart from those on disk.
    fn is_in_memory(&self) -> bool {
        self.place == StorePlace::Memory
    }

    pub(super) fn tracking(&self, environment: &StoreEnvironment) -> Tracking {
        match (self.caching && environment.caching && self.max_entries.is_none(), self.track_old) {
            (false, _) => Tracking::Off,
            (true, false) => Tracking::New,
            (true, true) => Tracking::NewAndOld,
        }
    }
}

pub(super) fn opened<H: 'static, S: StateStore + 'static>(handle: H, store: Rc<RefCell<S>>) -> OpenedStore {
    OpenedStore { handle: Rc::new(handle), store }
}

/// The switches that every builder has.
macro_rules! common_switches {
    () => {
        /// Logs changes to a changelog topic with these settings beside Kafka Streams' own. On by default.
        pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
            self.common.logged = true;
            self.common.log_configs = configs;
            self
        }

        /// Keeps no changelog: the state is lost with the machine.
        pub fn with_logging_disabled(mut self) -> Self {
            self.common.logged = false;
            self
        }

        /// Lets updates wait in the record cache, so that only the last one between two flushes is forwarded.
        pub fn with_caching_enabled(mut self) -> Self {
            self.common.caching = true;
            self
        }

        /// Forwards every update at once. The default.
        pub fn with_caching_disabled(mut self) -> Self {
            self.common.caching = false;
            self
        }

        /// Keeps the store in memory instead of RocksDB; it is rebuilt from its changelog after a restart.
        pub fn in_memory(mut self) -> Self {
            self.common.place = StorePlace::Memory;
            self
        }

        /// Keeps the store at that place.
        pub fn at(mut self, place: StorePlace) -> Self {
            self.common.place = place;
            self
        }

        /// Fills the old value of cached updates.
        pub fn track_old_values(mut self) -> Self {
            self.common.track_old = true;
            self
        }

        /// Makes it the same store as others of that declaration.
        pub fn declared(mut self, declaration: Declaration) -> Self {
            self.common.declaration = declaration;
            self
        }

        /// Gives changelog records the headers of the record at hand.
        pub fn log_headers(mut self) -> Self {
            self.common.log_headers = true;
            self
        }
    };
}

/// Opens key and value codecs that tell serdes the changelog's name.
pub(super) fn codec<T: 'static>(serde: &SerdeRef<T>, environment: &StoreEnvironment) -> CodecRef<T> {
    Arc::new(StoreCodec::new(Arc::clone(serde), Arc::clone(&environment.changelog)))
}

/// Builds a plain key-value store.
#[derive(Clone)]
pub struct KeyValueStoreBuilder<K, V> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
}

impl<K: Data, V: Data> KeyValueStoreBuilder<K, V> {
    /// A logged, uncached store in RocksDB.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        KeyValueStoreBuilder { common: Common::new(name), key, value }
    }

    /// Keeps at most so many keys, at least one: the key unused for longest is deleted for a new one, in the changelog
    /// too. Such a store is in memory and forwards updates at once (`Stores.lruMap`).
    pub fn lru(mut self, max_entries: usize) -> Self {
        self.common.max_entries = Some(max_entries);
        self.common.place = StorePlace::Memory;
        self.common.caching = false;
        self
    }

    common_switches!();
}

impl<K: Data, V: Data> StoreFactory for KeyValueStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        self.common.definition(ChangelogKind::KeyValue)
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        match self.common.max_entries {
            Some(max_entries) => RestoreFormat::Lru { timestamped: false, max_entries },
            None => RestoreFormat::KeyValue,
        }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let value = ValueFormat::plain(codec(&self.value, environment));
        open_key_value(&self.common, environment, codec(&self.key, environment), value)
    }

    fn open_reader(&self, backend: &BackendRef) -> Result<Box<dyn Any>> {
        let value = ValueFormat::plain(global_codec(&self.value, &self.common));
        open_reader(&self.common, backend, &self.key, value)
    }
}

/// A codec of a global store, which has no changelog to tell serdes of.
fn global_codec<T: 'static>(serde: &SerdeRef<T>, common: &Common) -> CodecRef<T> {
    Arc::new(StoreCodec::new(Arc::clone(serde), Arc::clone(&common.name)))
}

fn open_reader<K: Data, T: Data>(
    common: &Common,
    backend: &BackendRef,
    key: &SerdeRef<K>,
    value: ValueFormat<T>,
) -> Result<Box<dyn Any>> {
    let key = global_codec(key, common);
    Ok(Box::new(GlobalKeyValueStore::open(&common.name, backend, key, value)?))
}

fn open_key_value<K: Data, T: Data>(
    common: &Common,
    environment: &StoreEnvironment,
    key: CodecRef<K>,
    value: ValueFormat<T>,
) -> Result<OpenedStore> {
    let spec = KeyValueSpec {
        cache_bytes: environment.cache_bytes,
        tracking: common.tracking(environment),
        log_headers: common.log_headers,
        max_entries: common.max_entries,
        ..KeyValueSpec::new(&*common.name, BackendRef::clone(&environment.backend), key, value)
    };
    let caching = spec.tracking != Tracking::Off;
    let store = Rc::new(RefCell::new(state_stores::KeyValueStore::open(spec)?));
    let clock = Rc::clone(&environment.clock);
    Ok(opened(KeyValueStore::new(Rc::clone(&store), clock, environment.task, caching), store))
}

/// Builds a key-value store whose values carry timestamps.
#[derive(Clone)]
pub struct TimestampedKeyValueStoreBuilder<K, V> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
}

impl<K: Data, V: Data> TimestampedKeyValueStoreBuilder<K, V> {
    /// A logged, uncached store in RocksDB.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        TimestampedKeyValueStoreBuilder { common: Common::new(name), key, value }
    }

    /// Keeps at most so many keys, at least one: the key unused for longest is deleted for a new one, in the changelog
    /// too. Such a store is in memory and forwards updates at once (`Stores.lruMap`).
    pub fn lru(mut self, max_entries: usize) -> Self {
        self.common.max_entries = Some(max_entries);
        self.common.place = StorePlace::Memory;
        self.common.caching = false;
        self
    }

    common_switches!();
}

impl<K: Data, V: Data> StoreFactory for TimestampedKeyValueStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        self.common.definition(ChangelogKind::KeyValue)
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        match self.common.max_entries {
            Some(max_entries) => RestoreFormat::Lru { timestamped: true, max_entries },
            None => RestoreFormat::TimestampedKeyValue,
        }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let value = ValueFormat::timestamped(codec(&self.value, environment));
        open_key_value(&self.common, environment, codec(&self.key, environment), value)
    }

    fn open_reader(&self, backend: &BackendRef) -> Result<Box<dyn Any>> {
        let value = ValueFormat::timestamped(global_codec(&self.value, &self.common));
        open_reader(&self.common, backend, &self.key, value)
    }
}

/// Builds a window store, plain or (through [`TimestampedWindowStoreBuilder`]) with timestamps.
#[derive(Clone)]
pub struct WindowStoreBuilder<K, V> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    retention_ms: i64,
    retain_duplicates: bool,
    join_window: bool,
}

impl<K: Data, V: Data> WindowStoreBuilder<K, V> {
    /// A logged, uncached store in RocksDB that keeps windows for `retention_ms` of stream time after their start.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>, retention_ms: i64) -> Self {
        WindowStoreBuilder {
            common: Common::new(name),
            key,
            value,
            retention_ms,
            retain_duplicates: false,
            join_window: false,
        }
    }

    /// Keeps every value put for the same key and start, instead of the last.
    pub fn retain_duplicates(mut self) -> Self {
        self.retain_duplicates = true;
        self
    }

    /// Makes it one side of a stream-stream join: the changelog is never compacted and its records carry headers.
    pub fn join_window(mut self) -> Self {
        self.join_window = true;
        self.common.log_headers = true;
        self
    }

    common_switches!();
}

impl<K: Data, V: Data> StoreFactory for WindowStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        let retention_ms = self.retention_ms;
        self.common.definition(match self.join_window {
            true => ChangelogKind::JoinWindow { retention_ms },
            false => ChangelogKind::Window { retention_ms },
        })
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Window { retention_ms: self.retention_ms, timestamped: false }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let value = ValueFormat::plain(codec(&self.value, environment));
        let key = codec(&self.key, environment);
        let windows = Windows { retain_duplicates: self.retain_duplicates, ..Windows::of(self.retention_ms) };
        open_window(&self.common, environment, key, value, windows)
    }
}

/// How a window store keeps windows.
struct Windows {
    retention_ms: i64,
    retain_duplicates: bool,
    see_closing: bool,
}

impl Windows {
    fn of(retention_ms: i64) -> Self {
        Windows { retention_ms, retain_duplicates: false, see_closing: false }
    }
}

fn open_window<K: Data, T: Data>(
    common: &Common,
    environment: &StoreEnvironment,
    key: CodecRef<K>,
    value: ValueFormat<T>,
    windows: Windows,
) -> Result<OpenedStore> {
    let Windows { retention_ms, retain_duplicates, see_closing } = windows;
    let spec = WindowSpec {
        retain_duplicates,
        see_closing,
        nulls_tell_time: common.is_in_memory(),
        cache_bytes: environment.cache_bytes,
        tracking: common.tracking(environment),
        log_headers: common.log_headers,
        ..WindowSpec::new(&*common.name, BackendRef::clone(&environment.backend), key, value, retention_ms)
    };
    let caching = spec.tracking != Tracking::Off;
    let store = Rc::new(RefCell::new(state_stores::WindowStore::open(spec)?));
    let clock = Rc::clone(&environment.clock);
    Ok(opened(WindowStore::new(Rc::clone(&store), clock, environment.task, caching), store))
}

/// Builds a window store whose values carry timestamps.
#[derive(Clone)]
pub struct TimestampedWindowStoreBuilder<K, V> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    retention_ms: i64,
    emits_on_close: bool,
}

impl<K: Data, V: Data> TimestampedWindowStoreBuilder<K, V> {
    /// A logged, uncached store in RocksDB that keeps windows for `retention_ms` of stream time after their start.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>, retention_ms: i64) -> Self {
        let common = Common::new(name);
        TimestampedWindowStoreBuilder { common, key, value, retention_ms, emits_on_close: false }
    }

    /// For windows that are emitted when they close: on disk, reads see one ms more than the retention, as in Kafka
    /// Streams' time-ordered stores.
    pub fn emit_on_close(mut self) -> Self {
        self.emits_on_close = true;
        self
    }

    common_switches!();
}

impl<K: Data, V: Data> StoreFactory for TimestampedWindowStoreBuilder<K, V> {
    fn definition(&self) -> StoreDef {
        self.common.definition(ChangelogKind::Window { retention_ms: self.retention_ms })
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Window { retention_ms: self.retention_ms, timestamped: true }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let value: ValueFormat<ValueAndTimestamp<V>> =
            ValueFormat::timestamped(codec(&self.value, environment));
        let key = codec(&self.key, environment);
        let see_closing = self.emits_on_close && !self.common.is_in_memory();
        let windows = Windows { see_closing, ..Windows::of(self.retention_ms) };
        open_window(&self.common, environment, key, value, windows)
    }
}

/// Builds a session store.
#[derive(Clone)]
pub struct SessionStoreBuilder<K, A> {
    common: Common,
    key: SerdeRef<K>,
    value: SerdeRef<A>,
    retention_ms: i64,
}

impl<K: Data, A: Data> SessionStoreBuilder<K, A> {
    /// A logged, uncached store in RocksDB that keeps sessions for `retention_ms` of stream time after their end.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<A>, retention_ms: i64) -> Self {
        SessionStoreBuilder { common: Common::new(name), key, value, retention_ms }
    }

    common_switches!();
}

impl<K: Data, A: Data> StoreFactory for SessionStoreBuilder<K, A> {
    fn definition(&self) -> StoreDef {
        self.common.definition(ChangelogKind::Window { retention_ms: self.retention_ms })
    }

    fn declaration(&self) -> Declaration {
        self.common.declaration
    }

    fn place(&self) -> StorePlace {
        self.common.place.clone()
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Session { retention_ms: self.retention_ms }
    }

    fn open(&self, environment: &StoreEnvironment) -> Result<OpenedStore> {
        let spec = SessionSpec {
            cache_bytes: environment.cache_bytes,
            tracking: self.common.tracking(environment),
            log_headers: self.common.log_headers,
            ..SessionSpec::new(
                &*self.common.name,
                BackendRef::clone(&environment.backend),
                codec(&self.key, environment),
                ValueFormat::plain(codec(&self.value, environment)),
                self.retention_ms,
            )
        };
        let caching = spec.tracking != Tracking::Off;
        let store = Rc::new(RefCell::new(state_stores::SessionStore::open(spec)?));
        let clock = Rc::clone(&environment.clock);
        let order = match self.common.is_in_memory() {
            false => ClosedOrder::EndStartKey,
            true => ClosedOrder::EndKeyStart,
        };
        Ok(opened(SessionStore::new(Rc::clone(&store), clock, environment.task, caching, order), store))
    }
}

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
    pub fn window_store<K, V>(name: &str, retention_ms: i64) -> WindowStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        WindowStoreBuilder::new(name, K::default_serde(), V::default_serde(), retention_ms)
    }

    /// A window store whose values carry timestamps (`Stores.timestampedWindowStoreBuilder`).
    pub fn timestamped_window_store<K, V>(
        name: &str,
        retention_ms: i64,
    ) -> TimestampedWindowStoreBuilder<K, V>
    where
        K: Data + DefaultSerde,
        V: Data + DefaultSerde,
    {
        TimestampedWindowStoreBuilder::new(name, K::default_serde(), V::default_serde(), retention_ms)
    }

    /// A session store (`Stores.sessionStoreBuilder`).
    pub fn session_store<K, A>(name: &str, retention_ms: i64) -> SessionStoreBuilder<K, A>
    where
        K: Data + DefaultSerde,
        A: Data + DefaultSerde,
    {
        SessionStoreBuilder::new(name, K::default_serde(), A::default_serde(), retention_ms)
    }
}
