//! Key-value stores, plain and with timestamps (`KeyValueStore`, `TimestampedKeyValueStore`).

use std::cell::RefCell;
use std::rc::Rc;

use super::handle::Handle;
use super::{FlushedChange, RecordClock, ValueAndTimestamp};
use crate::error::Result;
use crate::ids::TaskId;
use crate::time::Timestamp;

/// A map from `K` to `T` (`org.apache.kafka.streams.state.KeyValueStore`). Iteration is in the order of serialized
/// keys.
///
/// A processor gets it from [`ProcessorContext::state_store`](crate::processor::ProcessorContext::state_store), a test
/// from [`TopologyTestDriver::state_store`](crate::testing::TopologyTestDriver::state_store):
///
/// ```
/// use streams_core::store::{KeyValueStore, Stores};
/// # use streams_core::processor::{Processor, ProcessorContext, ProcessorResult, SourceOptions};
/// # use streams_core::record::Record;
/// # use streams_core::serde::DefaultSerde;
/// # struct Ignore;
/// # impl Processor<String, String, (), ()> for Ignore {
/// #     fn process(&mut self, _: Record<String, String>, _: &mut ProcessorContext<'_, (), ()>) -> ProcessorResult {
/// #         Ok(())
/// #     }
/// # }
/// # let mut topology = streams_core::topology::Topology::new();
/// # let text = || String::default_serde();
/// # let from = SourceOptions { key_serde: text(), value_serde: text(), extractor: None };
/// # topology.add_source("source", &["in".into()], None, from)?;
/// # topology.add_processor("processor", |_| Ok(Ignore), &["source"])?;
///
/// topology.add_state_store(Stores::key_value_store::<String, i64>("stock"), &["processor"])?;
/// # let driver = streams_core::testing::TopologyTestDriver::of(topology)?;
/// let stock: KeyValueStore<String, i64> = driver.state_store("stock").ok_or("no such store")?;
/// stock.put(&"tea".into(), Some(3))?;
/// stock.put(&"coffee".into(), Some(5))?;
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
    store: Handle<state_stores::KeyValueStore<K, T>>,
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
    pub(super) fn new(
        inner: Rc<RefCell<state_stores::KeyValueStore<K, T>>>,
        clock: Rc<RecordClock>,
        task: TaskId,
        caching: bool,
    ) -> Self {
        KeyValueStore { store: Handle::new(inner, task), clock, caching }
    }

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

    /// As [`put`](Self::put), for a record whose time is not that of the record at hand: an operator upstream has given
    /// it another one. A deletion is logged with it.
    pub fn put_at(&self, key: &K, value: Option<T>, timestamp: Timestamp) -> Result<()> {
        let headers = self.clock.headers();
        self.store.run(|store| store.put_with(key, value, timestamp, headers))
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
    /// The order is that of serialized keys, in which negative numbers come after positive ones. The [module](super)
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
    pub fn approximate_entries(&self) -> Result<u64> {
        self.store.run(|store| store.approximate_entries())
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
