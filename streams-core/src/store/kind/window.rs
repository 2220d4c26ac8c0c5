//! Window stores, plain and with timestamps (`WindowStore`, `TimestampedWindowStore`).

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use state_stores::{StateStore, Tracking, WindowSpec};

use super::{Plain, Timestamped, ValueForm};
use crate::error::Result;
use crate::record::{Data, Headers};
use crate::serde::SerdeRef;
use crate::store::handle::Handle;
use crate::store::{
    Cached, ChangelogKind, FlushedChange, Opened, Opening, RecordClock, RestoreFormat, StoreBuilder,
    StoreKind, ValueAndTimestamp,
};
use crate::time::{IntoTimestamp, Timestamp, to_ms};

/// A value for each key and window start (`org.apache.kafka.streams.state.WindowStore`). Windows whose start is older
/// than the retention, counted back from the largest start ever put, are neither taken nor found.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::store::{Stores, WindowStore};
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
/// let minute = std::time::Duration::from_secs(60);
/// topology.add_state_store(Stores::window_store::<String, i64>("counts", minute), &["processor"])?;
/// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
/// let counts: WindowStore<String, i64> = driver.state_store("counts").ok_or("no such store")?;
/// counts.put(&"home".into(), Some(2), 0)?;
/// counts.put(&"home".into(), Some(5), 10_000)?;
/// assert_eq!(counts.fetch(&"home".into(), 10_000)?, Some(5));
/// let windows: Vec<(i64, i64)> = counts.fetch_range(&"home".into(), 0, 20_000)?.collect::<Result<_, _>>()?;
/// assert_eq!(windows, [(0, 2), (10_000, 5)]);
/// // The window that starts at 0 expires.
/// counts.put(&"cart".into(), Some(1), 70_000)?;
/// assert_eq!(counts.fetch(&"home".into(), 0)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WindowStore<K, T> {
    store: Handle<state_stores::WindowTable<K, T>>,
    clock: Rc<RecordClock>,
    caching: bool,
}

/// A window store whose values carry the time of their last update: what every windowed aggregation uses
/// (`TimestampedWindowStore`).
pub type TimestampedWindowStore<K, V> = WindowStore<K, ValueAndTimestamp<V>>;

impl<K, T> Clone for WindowStore<K, T> {
    fn clone(&self) -> Self {
        WindowStore { store: self.store.clone(), clock: Rc::clone(&self.clock), caching: self.caching }
    }
}

impl<K: 'static, T: Clone + 'static> WindowStore<K, T> {
    /// Sets the value of a key in the window that starts at `start`; `None` deletes it. A window that has expired is
    /// left out and counted.
    pub fn put(&self, key: &K, value: Option<T>, start: impl IntoTimestamp) -> Result<()> {
        let timestamp = self.clock.timestamp();
        let headers = self.clock.headers();
        self.put_with(key, value, start, timestamp, headers)
    }

    /// As [`put`](Self::put), logged with that timestamp and these headers instead of those of the current record.
    pub fn put_with(
        &self,
        key: &K,
        value: Option<T>,
        start: impl IntoTimestamp,
        timestamp: impl IntoTimestamp,
        headers: Headers,
    ) -> Result<()> {
        let (start, timestamp) = (start.into_timestamp(), timestamp.into_timestamp());
        self.store.run(|store| {
            let expired = store.expired_puts();
            store.put_with(key, value, start, timestamp, headers)?;
            if store.expired_puts() > expired {
                self.clock.note_expired(store.name());
            }
            Ok(())
        })
    }

    /// The value of a key in the window that starts at `start`.
    pub fn fetch(&self, key: &K, start: impl IntoTimestamp) -> Result<Option<T>> {
        self.store.run(|store| store.fetch(key, start.into_timestamp()))
    }

    /// Lets `read` look at a window's value without a clone.
    pub fn fetch_with<R>(
        &self,
        key: &K,
        start: impl IntoTimestamp,
        read: impl FnOnce(Option<&T>) -> R,
    ) -> Result<R> {
        self.store.run(|store| store.fetch_ref(key, start.into_timestamp()).map(read))
    }

    /// The windows of a key that start within `from..=to`, in the order of their starts (duplicates in the order of
    /// puts; `fetch`, with `.rev()` `backwardFetch`). The [module](crate::store) says what a scan sees of puts in the middle
    /// of it.
    pub fn fetch_range<'a, From: IntoTimestamp, To: IntoTimestamp>(
        &'a self,
        key: &K,
        from: From,
        to: To,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(Timestamp, T)>> + use<'a, K, T, From, To>> {
        self.store.scan(|store| store.fetch_range(key, from.into_timestamp(), to.into_timestamp()))
    }

    /// The windows of the keys from one to another (both inclusive, `None` for no bound, in the order of serialized keys)
    /// that start within `from..=to`: by segments of time, in each by key, then start (`fetch`, with `.rev()`
    /// `backwardFetch`).
    pub fn fetch_keys<'a, From: IntoTimestamp, To: IntoTimestamp>(
        &'a self,
        first: Option<&K>,
        last: Option<&K>,
        from: From,
        to: To,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, Timestamp, T)>> + use<'a, K, T, From, To>> {
        let (from, to) = (from.into_timestamp(), to.into_timestamp());
        let found = self.store.scan(|store| store.fetch_keys(first, last, from, to))?;
        Ok(found.map(|entry| entry.map(|((key, start), value)| (key, start, value))))
    }

    /// The windows of all keys that start within `from..=to`, in the order of [`fetch_keys`](Self::fetch_keys)
    /// (`fetchAll`, with `.rev()` `backwardFetchAll`).
    pub fn fetch_all<From: IntoTimestamp, To: IntoTimestamp>(
        &self,
        from: From,
        to: To,
    ) -> Result<impl DoubleEndedIterator<Item = Result<(K, Timestamp, T)>> + use<'_, K, T, From, To>> {
        self.fetch_keys(None, None, from, to)
    }

    /// The windows of all keys that start within `from..=to`, in the order of their starts, then serialized keys, for which
    /// they are gathered; an error in the place of each that cannot be read back.
    #[doc(hidden)]
    pub fn fetch_by_start(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<impl Iterator<Item = Result<((K, Timestamp), T)>> + use<'_, K, T>> {
        let found = self.store.run(|store| store.fetch_by_start(from, to))?;
        Ok(found.into_iter().map(|entry| entry.map_err(|cause| self.store.failed(cause))))
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

    /// All windows that have not expired, in the order of [`fetch_keys`](Self::fetch_keys) (`all`, with `.rev()`
    /// `backwardAll`).
    pub fn all(&self) -> Result<impl DoubleEndedIterator<Item = Result<(K, Timestamp, T)>> + use<'_, K, T>> {
        self.fetch_all(0, Timestamp::MAX)
    }

    /// Whether updates wait in the record cache until the next flush.
    #[doc(hidden)]
    pub fn caching(&self) -> bool {
        self.caching
    }

    /// Every entry updated since the last call, each once, by key and window start, in the order of last updates.
    #[doc(hidden)]
    pub fn take_changes(&self) -> Result<Vec<FlushedChange<(K, Timestamp), T>>> {
        self.store.run(|store| store.take_changes())
    }
}

/// The kind of window stores, whose values are in the form `F`.
#[derive(Clone)]
pub struct WindowStoreKind<K, V, F> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    retention_ms: i64,
    retain_duplicates: bool,
    joined: bool,
    emitted_on_close: bool,
    form: PhantomData<F>,
}

/// Builds a plain window store.
pub type WindowStoreBuilder<K, V> = StoreBuilder<WindowStoreKind<K, V, Plain>>;

/// Builds a window store whose values carry timestamps.
pub type TimestampedWindowStoreBuilder<K, V> = StoreBuilder<WindowStoreKind<K, V, Timestamped>>;

impl<K: Data, V: Data, F: ValueForm> StoreBuilder<WindowStoreKind<K, V, F>> {
    /// A logged, uncached store in RocksDB that keeps windows for `retention` of stream time after their start.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>, retention: Duration) -> Self {
        let kind = WindowStoreKind {
            key,
            value,
            retention_ms: to_ms(retention),
            retain_duplicates: false,
            joined: false,
            emitted_on_close: false,
            form: PhantomData,
        };
        StoreBuilder::of(name, kind)
    }

    /// Keeps every value put for the same key and start, instead of the last.
    pub fn retain_duplicates(mut self) -> Self {
        self.kind.retain_duplicates = true;
        self
    }

    /// Makes it one side of a stream-stream join: the changelog is never compacted.
    #[doc(hidden)]
    pub fn join_window(mut self) -> Self {
        self.kind.joined = true;
        self
    }

    /// For windows that are emitted when they close: on disk, reads see one ms more than the retention, as in Kafka
    /// Streams' time-ordered stores.
    #[doc(hidden)]
    pub fn emit_on_close(mut self) -> Self {
        self.kind.emitted_on_close = true;
        self
    }
}

impl<K: Data, V: Data, F: ValueForm> Cached for WindowStoreKind<K, V, F> {}

impl<K: Data, V: Data, F: ValueForm> StoreKind for WindowStoreKind<K, V, F> {
    type Handle = WindowStore<K, F::Stored<V>>;
    type Reader = ();

    fn changelog(&self) -> ChangelogKind {
        let retention_ms = self.retention_ms;
        if self.joined {
            ChangelogKind::JoinWindow { retention_ms }
        } else {
            ChangelogKind::Window { retention_ms }
        }
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Window { retention_ms: self.retention_ms, timestamped: F::IS_TIMESTAMPED }
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let (key, value) = (opening.codec(&self.key), F::format(opening.codec(&self.value)));
        let (environment, in_memory) = (opening.environment, opening.is_in_memory());
        let spec = WindowSpec {
            retain_duplicates: self.retain_duplicates,
            see_closing: self.emitted_on_close && !in_memory,
            nulls_tell_time: in_memory,
            cache_bytes: environment.cache_bytes,
            tracking: opening.tracking(),
            log_headers: opening.options.log_headers,
            ..WindowSpec::new(&**opening.name, opening.backend(), key, value, self.retention_ms)
        };
        let caching = spec.tracking != Tracking::Off;
        let inner = Rc::new(RefCell::new(state_stores::WindowTable::open(spec)?));
        let store = Handle::new(Rc::clone(&inner), environment.task);
        let clock = Rc::clone(&environment.clock);
        Ok((WindowStore { store, clock, caching }, inner))
    }
}
