//! Versioned key-value stores (`VersionedKeyValueStore`, KIP-889).

use std::cell::RefCell;
use std::rc::Rc;

use state_stores::{StateStore, VersionedPut, VersionedRecord, VersionedStore};

use super::RecordClock;
use super::handle::Handle;
use crate::error::Result;
use crate::ids::TaskId;
use crate::time::Timestamp;

/// The values of each key over time. A version is valid from its own time (inclusive) to that of the next one
/// (exclusive); versions older than the history retention, counted back from the greatest time ever put, are neither
/// taken nor found, except the latest of a key (`org.apache.kafka.streams.state.VersionedKeyValueStore`).
///
/// ```
/// use streams_core::store::{Stores, VersionedKeyValueStore, VersionedPut};
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
/// let hour = std::time::Duration::from_secs(3_600);
/// topology.add_state_store(Stores::versioned_key_value_store::<String, i64>("prices", hour), &["processor"])?;
/// # let driver = streams_core::testing::TopologyTestDriver::of(topology)?;
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
    store: Handle<VersionedStore<K, V>>,
    clock: Rc<RecordClock>,
}

impl<K, V> Clone for VersionedKeyValueStore<K, V> {
    fn clone(&self) -> Self {
        VersionedKeyValueStore { store: self.store.clone(), clock: Rc::clone(&self.clock) }
    }
}

impl<K: 'static, V: 'static> VersionedKeyValueStore<K, V> {
    pub(super) fn new(
        inner: Rc<RefCell<VersionedStore<K, V>>>,
        clock: Rc<RecordClock>,
        task: TaskId,
    ) -> Self {
        VersionedKeyValueStore { store: Handle::new(inner, task), clock }
    }

    /// Gives a key a value, or with `None` deletes it, as of `timestamp`. Says whether the version is the latest, until
    /// when it is valid, or that it is too old to be taken.
    pub fn put(&self, key: &K, value: Option<&V>, timestamp: Timestamp) -> Result<VersionedPut> {
        self.store.run(|store| {
            let put = store.put(key, value, timestamp)?;
            if put == VersionedPut::Expired {
                self.clock.note_expired(store.name());
            }
            Ok(put)
        })
    }

    /// Deletes a key as of `timestamp`. Returns the version that was valid then.
    pub fn delete(&self, key: &K, timestamp: Timestamp) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.delete(key, timestamp))
    }

    /// The latest version of a key; `None` if it has none or is deleted.
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.get(key))
    }

    /// The version of a key that was valid at `timestamp`.
    pub fn get_as_of(&self, key: &K, timestamp: Timestamp) -> Result<Option<VersionedRecord<V>>> {
        self.store.run(|store| store.get_as_of(key, timestamp))
    }

    /// The versions of a key that were valid at some time within `from..=to`, in the order of their times, without
    /// deletions (`MultiVersionedKeyQuery`). A version that is put in the middle of it may be seen or not.
    pub fn fetch<'a>(
        &'a self,
        key: &K,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<impl DoubleEndedIterator<Item = Result<VersionedRecord<V>>> + use<'a, K, V>> {
        self.store.scan(|store| store.fetch(key, from, to))
    }
}
