//! Versioned key-value stores (`VersionedKeyValueStore`, KIP-889).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use state_stores::schema::segments::versioned_segment_interval_ms;
use state_stores::{StateStore, VersionedPut, VersionedRecord, VersionedSpec, VersionedTable};

use crate::error::Result;
use crate::record::Data;
use crate::serde::SerdeRef;
use crate::store::handle::Handle;
use crate::store::{
    ChangelogKind, Opened, Opening, RecordClock, RestoreFormat, StoreBuilder, StoreKind, StorePlace,
};
use crate::time::{IntoTimestamp, to_ms};

/// The values of each key over time. A version is valid from its own time (inclusive) to that of the next one
/// (exclusive); versions older than the history retention, counted back from the greatest time ever put, are neither
/// taken nor found, except the latest of a key (`org.apache.kafka.streams.state.VersionedKeyValueStore`).
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::store::{Stores, VersionedKeyValueStore, VersionedPut};
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
/// let hour = std::time::Duration::from_secs(3_600);
/// topology.add_state_store(Stores::versioned_key_value_store::<String, i64>("prices", hour), &["processor"])?;
/// # let driver = kstreams::testing::TopologyTestDriver::of(topology)?;
/// let prices: VersionedKeyValueStore<String, i64> = driver.state_store("prices").ok_or("no such store")?;
/// let tea = "tea".to_owned();
/// assert_eq!(prices.put(&tea, Some(&100), 10)?, VersionedPut::Latest);
/// assert_eq!(prices.put(&tea, Some(&120), 30)?, VersionedPut::Latest);
/// // Out of order: valid until the next version.
/// assert_eq!(prices.put(&tea, Some(&110), 20)?, VersionedPut::Until(30));
/// assert_eq!(prices.get_as_of(&tea, 25)?.map(|version| version.value), Some(110));
/// assert_eq!(prices.get(&tea)?.map(|version| version.value), Some(120));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct VersionedKeyValueStore<K, V> {
    store: Handle<VersionedTable<K, V>>,
    clock: Rc<RecordClock>,
}

impl<K, V> Clone for VersionedKeyValueStore<K, V> {
    fn clone(&self) -> Self {
        VersionedKeyValueStore { store: self.store.clone(), clock: Rc::clone(&self.clock) }
    }
}

impl<K: 'static, V: 'static> VersionedKeyValueStore<K, V> {
    /// Gives a key a value, or with `None` deletes it, as of `timestamp`. Says whether the version is the latest, until
    /// when it is valid, or that it is too old to be taken.
    pub fn put(&self, key: &K, value: Option<&V>, timestamp: impl IntoTimestamp) -> Result<VersionedPut> {
        self.store.run(|store| {
            let put = store.put(key, value, timestamp.into_timestamp())?;
            if put == VersionedPut::Expired {
                self.clock.note_expired(store.name());
            }
            Ok(put)
        })
    }

    /// Deletes a key as of `timestamp`. Returns the version that was valid then.
    pub fn delete(&self, key: &K, timestamp: impl IntoTimestamp) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.delete(key, timestamp.into_timestamp()))
    }

    /// The latest version of a key; `None` if it has none or is deleted.
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.get(key))
    }

    /// The version of a key that was valid at `timestamp`.
    pub fn get_as_of(&self, key: &K, timestamp: impl IntoTimestamp) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.get_as_of(key, timestamp.into_timestamp()))
    }

    /// The versions of a key that were valid at some time within `from..=to`, in the order of their times, without
    /// deletions (`MultiVersionedKeyQuery`). A version that is put in the middle of it may be seen or not.
    pub fn fetch<'a, From: IntoTimestamp, To: IntoTimestamp>(
        &'a self,
        key: &K,
        from: From,
        to: To,
    ) -> Result<impl DoubleEndedIterator<Item = Result<VersionedRecord<V>>> + use<'a, K, V, From, To>> {
        self.store.scan(|store| store.fetch(key, from.into_timestamp(), to.into_timestamp()))
    }
}

/// The kind of versioned key-value stores. They are always on disk and never cached, as in Kafka Streams.
#[derive(Clone)]
pub struct VersionedStoreKind<K, V> {
    key: SerdeRef<K>,
    value: SerdeRef<V>,
    history_retention_ms: i64,
    segment_interval_ms: i64,
}

/// Builds a versioned key-value store (`VersionedKeyValueStoreBuilder`).
pub type VersionedKeyValueStoreBuilder<K, V> = StoreBuilder<VersionedStoreKind<K, V>>;

impl<K: Data, V: Data> StoreBuilder<VersionedStoreKind<K, V>> {
    /// A logged store that keeps, and takes, versions for `history_retention` of stream time.
    pub fn new(name: &str, key: SerdeRef<K>, value: SerdeRef<V>, history_retention: Duration) -> Self {
        let history_retention_ms = to_ms(history_retention);
        let segment_interval_ms = versioned_segment_interval_ms(history_retention_ms);
        StoreBuilder::of(name, VersionedStoreKind { key, value, history_retention_ms, segment_interval_ms })
    }

    /// Lets old versions go in slices of time of that length, instead of one derived from the history retention.
    pub fn with_segment_interval(mut self, segment_interval: Duration) -> Self {
        self.kind.segment_interval_ms = to_ms(segment_interval);
        self
    }
}

impl<K: Data, V: Data> StoreKind for VersionedStoreKind<K, V> {
    type Handle = VersionedKeyValueStore<K, V>;
    type Reader = ();

    fn changelog(&self) -> ChangelogKind {
        ChangelogKind::Versioned { history_retention_ms: self.history_retention_ms }
    }

    fn restore_format(&self) -> RestoreFormat {
        RestoreFormat::Versioned {
            history_retention_ms: self.history_retention_ms,
            segment_interval_ms: self.segment_interval_ms,
        }
    }

    fn only_place(&self) -> Option<StorePlace> {
        Some(StorePlace::default())
    }

    fn open(&self, opening: &Opening<'_>) -> Result<Opened<Self::Handle>> {
        let (key, value) = (opening.codec(&self.key), opening.codec(&self.value));
        let spec = VersionedSpec {
            segment_interval_ms: self.segment_interval_ms,
            cache_bytes: opening.environment.cache_bytes,
            ..VersionedSpec::new(&**opening.name, opening.backend(), key, value, self.history_retention_ms)
        };
        let inner = Rc::new(RefCell::new(VersionedTable::open(spec)?));
        let store = Handle::new(Rc::clone(&inner), opening.environment.task);
        let clock = Rc::clone(&opening.environment.clock);
        Ok((VersionedKeyValueStore { store, clock }, inner))
    }
}
