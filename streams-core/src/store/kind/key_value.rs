//! Key-value stores, plain and with timestamps (`KeyValueStore`, `TimestampedKeyValueStore`).

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use state_stores::{KeyValueSpec, Tracking};

use super::{Plain, Timestamped, ValueForm};
use crate::error::Result;
use crate::record::Data;
use crate::serde::{SerdeRef, StoreCodec};
use crate::store::handle::Handle;
use crate::store::{
    BackendRef, Cached, FlushedChange, GlobalKeyValueStore, Opened, Opening, RecordClock, RestoreFormat,
    StoreBuilder, StoreKind, StorePlace, ValueAndTimestamp,
};
use crate::time::IntoTimestamp;

/// A map from `K` to `T` (`org.apache.kafka.streams.state.KeyValueStore`). Iteration is in the order of serialized
/// keys.
///
/// A processor gets it from [`ProcessorContext::state_store`](crate::processor::ProcessorContext::state_store), a test
/// from [`TopologyTestDriver::state_store`](crate::testing::TopologyTestDriver::state_store):
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::store::{KeyValueStore, Stores};
/// # use kstreams::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
/// # use kstreams::record::Record;
/// # use kstreams::serde::DefaultSerde;
/// # struct Ignore;
/// # impl Processor<String, String, (), ()> for Ignore {
/// #     fn process(&mut self, _: Record<String, String>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
/// #         Ok(())
/// #     }
/// # }
/// # let mut topology = kstreams::topology::Topology::new();
/// # let text = || String::default_serde();
/// # let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
/// # topology.add_source("source", &["in"], None, from)?;
/// # topology.add_processor("processor", |_| Ok(Ignore), &["source"])?;
///
/// topology.add_state_store(Stores::key_value_store::<String, i64>("stock"), &["processor"])?;
/// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
/// let stock: KeyValueStore<String, i64> = driver.state_store("stock").ok_or("no such store")?;
/// stock.put(&"tea".into(), Some(3))?;
/// stock.put_all([("coffee".into(), Some(5)), ("milk".into(), Some(1)), ("milk".into(), None)])?;
/// assert_eq!((stock.get(&"coffee".into())?, stock.get(&"milk".into())?), (Some(5), None));
/// assert_eq!(stock.get(&"tea".into())?, Some(3));
/// assert_eq!(stock.put_if_absent(&"tea".into(), 9)?, Some(3));
/// let mut backwards = stock.all()?.rev();
/// assert_eq!(backwards.next().transpose()?, Some(("tea".into(), 3)));
/// // A row that is deleted meanwhile is left out.
/// stock.delete(&"coffee".into())?;
/// assert!(backwards.next().is_none());
/// assert_eq!(stock.delete(&"tea".into())?, Some(3));
/// assert_eq!(stock.get(&"tea".into())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KeyValueStore<K, T> {
    store: Handle<state_stores::KeyValueTable<K, T>>,
    clock: Rc<RecordClock>,
    caching: bool,
}

/// A map from `K` to values with the time of their last update: what every table of the DSL is
/// (`TimestampedKeyValueStore`).
pub type TimestampedKeyValueStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>;

impl<K, T> Clone for KeyValueStore<K, T> {
    fn clone(&self) -> Self {
        KeyValueStore { store: self.store.clone(), clock: Rc::clone(&self.clock), caching: self.caching }
    }
}

impl<K: 'static, T: Clone + 'static> KeyValueStore<K, T> {
    /// The value of a key, `None` if it has none.
    pub fn get(&self, key: &K) -> Result<Option<T>> {
        self.store.run(|store| store.get(key))
    }

    /// Lets `read` look at the value of a key without a clone.
    pub fn get_with<R>(&self, key: &K, read: impl FnOnce(Option<&T>) -> R) -> Result<R> {
        self.store.run(|store| store.get_ref(key).map(read))
    }

    /// Sets the value of a key; `None` deletes it.
    pub fn put(&self, key: &K, value: Option<T>) -> Result<()> {
        self.put_at(key, value, self.clock.timestamp())
    }

    /// As [`put`](Self::put), for a record whose time is not that of the current record: an operator upstream has given
    /// it another one. A deletion is logged with it.
    pub fn put_at(&self, key: &K, value: Option<T>, timestamp: impl IntoTimestamp) -> Result<()> {
        let headers = self.clock.headers();
        self.store.run(|store| store.put_with(key, value, timestamp.into_timestamp(), headers))
    }

    /// Sets the values of several keys, in this order, as [`put`](Self::put) does.
    pub fn put_all(&self, entries: impl IntoIterator<Item = (K, Option<T>)>) -> Result<()> {
        entries.into_iter().try_for_each(|(key, value)| self.put(&key, value))
    }

    /// Sets the value unless the key has one, and returns that.
    pub fn put_if_absent(&self, key: &K, value: T) -> Result<Option<T>> {
        let timestamp = self.clock.timestamp();
        self.store.run(|store| store.put_if_absent(key, value, timestamp))
    }

    /// Deletes a key and returns its value.
    pub fn delete(&self, key: &K) -> Result<Option<T>> {
        let timestamp = self.clock.timestamp();
        self.store.run(|store| store.delete(key, timestamp))
    }

    /// The entries from one key to another, both inclusive, `None` for no bound (`range`; with `.rev()`, `reverseRange`).
    /// The order is that of serialized keys, in which negative numbers come after positive ones. The [module](crate::store)
    /// says what a scan sees of puts in the middle of it.
    pub fn range<'a>(
        &'a self,
        from: Option<&K>,
        to: Option<&K>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, T)>> + use<'a, K, T>> {
        self.store.scan(|store| store.range(from, to))
    }

    /// All entries, as [`range`](Self::range) gives them (`all`; with `.rev()`, `reverseAll`).
    pub fn all(&self) -> Result<impl DoubleEndedIterator<Item = Result<(K, T)>> + use<'_, K, T>> {
        self.range(None, None)
    }

    /// The entries whose serialized key starts with `prefix`, as [`range`](Self::range) gives them (`prefixScan`).
    pub fn prefix_scan<'a>(
        &'a self,
        prefix: &[u8],
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, T)>> + use<'a, K, T>> {
        self.store.scan(|store| Ok(store.prefix_scan(prefix)))
    }

    /// About how many entries are committed (`approximateNumEntries`).
    pub fn approximate_num_entries(&self) -> Result<u64> {
        self.store.run(|store| store.approximate_num_entries())
    }

    /// The bytes of a key's value as it was last committed and logged; `None` if there is none, or if it has changed since.
    #[doc(hidden)]
    pub fn stored_bytes(&self, key: &K) -> Result<Option<Box<[u8]>>> {
        self.store.run(|store| store.stored_bytes(key))
    }

    /// Deletes the row that [`StoreError::Row`](state_stores::StoreError::Row) names.
    #[doc(hidden)]
    pub fn delete_row(&self, row: &[u8]) -> Result<()> {
        let timestamp = self.clock.timestamp();
        self.store.run(|store| {
            store.delete_row(row, timestamp);
            Ok(())
        })
    }

    /// Whether updates wait in the record cache until the next flush.
    #[doc(hidden)]
    pub fn caching(&self) -> bool {
        self.caching
    }

    /// Every entry updated since the last call, each once, in the order of last updates. Empty without a cache.
    #[doc(hidden)]
    pub fn take_changes(&self) -> Result<Vec<FlushedChange<K, T>>> {
        self.store.run(|store| store.take_changes())
    }
}

/// The kind of key-value stores, whose values are in the form `F`.
#[derive(Clone)]
pub struct KeyValueStoreKind<K, V, F> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    /// How many keys there may be.
    max_entries: Option<usize>,
    form: PhantomData<F>,
}

/// Builds a plain key-value store.
pub type KeyValueStoreBuilder<K, V> = StoreBuilder<KeyValueStoreKind<K, V, Plain>>;

/// Builds a key-value store whose values carry timestamps.
pub type TimestampedKeyValueStoreBuilder<K, V> = StoreBuilder<KeyValueStoreKind<K, V, Timestamped>>;

impl<K: Data, V: Data, F: ValueForm> StoreBuilder<KeyValueStoreKind<K, V, F>> {
    /// A logged, uncached store in RocksDB.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>) -> Self {
        StoreBuilder::of(name, KeyValueStoreKind { key, value, max_entries: None, form: PhantomData })
    }

    /// Keeps at most this many keys, at least one: the key unused for longest is deleted for a new one, in the changelog
    /// too. Such a store is in memory and forwards updates at once (`Stores.lruMap`).
    pub fn lru(mut self, max_entries: usize) -> Self {
        self.kind.max_entries = Some(max_entries);
        self.at(StorePlace::Memory)
    }
}

impl<K: Data, V: Data, F: ValueForm> Cached for KeyValueStoreKind<K, V, F> {}

impl<K: Data, V: Data, F: ValueForm> StoreKind for KeyValueStoreKind<K, V, F> {
    type Handle = KeyValueStore<K, F::Stored<V>>;
    type Reader = GlobalKeyValueStore<K, F::Stored<V>>;

    fn restore_format(&self) -> RestoreFormat {
        match self.max_entries {
            Some(max_entries) => RestoreFormat::Lru { timestamped: F::IS_TIMESTAMPED, max_entries },
            None if F::IS_TIMESTAMPED => RestoreFormat::TimestampedKeyValue,
            None => RestoreFormat::KeyValue,
        }
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let (key, value) = (opening.codec(&self.key), F::format(opening.codec(&self.value)));
        let tracking = if self.max_entries.is_none() { opening.tracking() } else { Tracking::Off };
        let environment = opening.environment;
        let spec = KeyValueSpec {
            cache_bytes: environment.cache_bytes,
            tracking,
            log_headers: opening.options.log_headers,
            max_entries: self.max_entries,
            ..KeyValueSpec::new(&**opening.name, opening.backend(), key, value)
        };
        let inner = Rc::new(RefCell::new(state_stores::KeyValueTable::open(spec)?));
        let handle = KeyValueStore {
            store: Handle::new(Rc::clone(&inner), environment.task),
            clock: Rc::clone(&environment.clock),
            caching: tracking != Tracking::Off,
        };
        Ok((handle, inner))
    }

    // A global store has no changelog whose name serdes could get; they get the store's name.
    fn open_reader(&self, name: &Arc<str>, backend: &BackendRef) -> Result<Box<dyn Any>> {
        let key = Arc::new(StoreCodec::new(Arc::clone(&self.key), Arc::clone(name)));
        let value = F::format::<V>(Arc::new(StoreCodec::new(Arc::clone(&self.value), Arc::clone(name))));
        Ok(Box::new(GlobalKeyValueStore::open(name, backend, key, value)?))
    }
}
