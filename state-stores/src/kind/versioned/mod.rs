//! The versioned key-value store: for each key its values over time (`RocksDBVersionedStore`, KIP-889).
//!
//! A version is valid from its own time (inclusive) to that of the next one (exclusive). Versions older than the
//! history retention, counted back from the greatest time ever put, are neither taken nor found; the latest version of
//! a key is kept permanently. The changelog gets every put, in the order of puts, with the version's time.

mod rows;

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use self::rows::{Latest, Value};
pub(crate) use self::rows::{Rows, RowsSpec};
use crate::backend::batch::Batch;
use crate::backend::{Backend, BackendRef, Direction, RawEntry};
use crate::codec::CodecRef;
use crate::cursor::{Cursor, Entries};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::overlay::KeyBytes;
use crate::schema::segments::versioned_segment_interval_ms;
use crate::store::{Log, LogRecord, StateStore};
use crate::table::scan::TableScan;

/// What clean entries may take unless the spec says otherwise.
const CACHE_BYTES: usize = 8 << 20;
/// What a changelog record costs that waits for the next stage.
const PENDING_BYTES: usize = size_of::<Pending>();

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionedPut {
    /// The version is the latest of its key (Kafka Streams' -1).
    Latest,
    /// The version is valid until then: a later one is known.
    Until(i64),
    /// The version is older than the history retention and was left out (`PUT_RETURN_CODE_NOT_PUT`).
    Expired,
}

/// A version of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionedRecord<V> {
    /// The value.
    pub value: V,
    /// From when on it is valid, in ms.
    pub timestamp: i64,
    /// When it ended, in ms; `None` if it was read as the latest one.
    pub valid_to: Option<i64>,
}

/// How a versioned store is opened.
pub struct VersionedSpec<K, V> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed entries are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How values are serialized.
    pub value: CodecRef<V>,
    /// How long, in ms, versions are kept, and taken, after the greatest time ever put.
    pub history_retention_ms: i64,
    /// The length of the slices of time in which old versions go, in ms.
    pub segment_interval_ms: i64,
    /// The most bytes that clean entries may take in memory; 0 keeps none.
    pub cache_bytes: usize,
}

impl<K, V> VersionedSpec<K, V> {
    /// A spec with Kafka Streams' segments and 8 MiB of clean cache.
    pub fn new(
        name: impl Into<String>,
        backend: BackendRef,
        key: CodecRef<K>,
        value: CodecRef<V>,
        history_retention_ms: i64,
    ) -> Self {
        let segment_interval_ms = versioned_segment_interval_ms(history_retention_ms);
        let (name, cache_bytes) = (name.into(), CACHE_BYTES);
        VersionedSpec { name, backend, key, value, history_retention_ms, segment_interval_ms, cache_bytes }
    }
}

/// A put that the changelog has not got yet.
struct Pending {
    key: KeyBytes,
    value: Option<Value>,
    timestamp: i64,
}

/// A map from `K` and time to `V`.
pub struct VersionedTable<K, V> {
    rows: Rows,
    key: CodecRef<K>,
    value: CodecRef<V>,
    pending: Vec<Pending>,
    pending_bytes: usize,
    expired_puts: u64,
    /// The serialized key of the current operation, and the serialized value.
    key_scratch: Vec<u8>,
    value_scratch: Vec<u8>,
}

impl<K, V> VersionedTable<K, V> {
    /// Opens the store; what the backend holds for it is there at once.
    pub fn open(spec: VersionedSpec<K, V>) -> Result<Self> {
        let rows = Rows::open(RowsSpec {
            name: spec.name,
            backend: spec.backend,
            history_ms: spec.history_retention_ms,
            segment_interval_ms: spec.segment_interval_ms,
            cache_bytes: spec.cache_bytes,
        })?;
        Ok(VersionedTable {
            rows,
            key: spec.key,
            value: spec.value,
            pending: Vec::new(),
            pending_bytes: 0,
            expired_puts: 0,
            key_scratch: Vec::new(),
            value_scratch: Vec::new(),
        })
    }

    /// Gives a key a value, or with `None` deletes it, as of `timestamp` in ms.
    pub fn put(&mut self, key: &K, value: Option<&V>, timestamp: i64) -> Result<VersionedPut> {
        self.encode(key)?;
        self.put_encoded(value, timestamp)
    }

    /// Deletes a key as of `timestamp` in ms. Returns the version that was valid then.
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<Option<VersionedRecord<V>>> {
        let expired = self.rows.has_expired(timestamp);
        let before = if expired { None } else { self.get_as_of(key, timestamp)? };
        self.put(key, None, timestamp)?;
        Ok(before)
    }

    /// The latest version of a key; `None` if it has none or is deleted.
    pub fn get(&mut self, key: &K) -> Result<Option<VersionedRecord<V>>> {
        self.encode(key)?;
        let Some(latest) = self.rows.latest(&self.key_scratch)? else { return Ok(None) };
        let value = self.decode(&self.key_scratch, &latest.value)?;
        Ok(Some(VersionedRecord { value, timestamp: latest.from_ms, valid_to: None }))
    }

    /// The version of a key that was valid at a time in ms; `None` if there was none, or if that is older than the
    /// history retention and not the latest version.
    pub fn get_as_of(&mut self, key: &K, timestamp: i64) -> Result<Option<VersionedRecord<V>>> {
        if let Some(latest) = self.get(key)?
            && latest.timestamp <= timestamp
        {
            return Ok(Some(latest));
        }
        if self.rows.has_expired(timestamp) {
            return Ok(None);
        }
        match self.rows.ending_after(&self.key_scratch, timestamp)? {
            Some((to_ms, past)) if past.from_ms <= timestamp => {
                let Some(value) = past.value else { return Ok(None) };
                let value = self.decode(&self.key_scratch, &value)?;
                Ok(Some(VersionedRecord { value, timestamp: past.from_ms, valid_to: Some(to_ms) }))
            }
            _ => Ok(None),
        }
    }

    /// A scan of the versions of a key that were valid at some time within `from_ms..=to_ms`, in the order of their times;
    /// old ones for as long as their segment is kept. Deletions are left out.
    pub fn fetch<'a>(&mut self, key: &K, from_ms: i64, to_ms: i64) -> Result<HistoryCursor<'a, K, V>> {
        self.encode(key)?;
        let latest = self.rows.latest(&self.key_scratch)?.filter(|latest| latest.from_ms <= to_ms);
        let past = if self.rows.has_expired(to_ms) {
            None
        } else {
            Some(self.rows.past_between(&self.key_scratch, from_ms.saturating_add(1)))
        };
        Ok(HistoryCursor { key: self.key_scratch.as_slice().into(), to_ms, past, latest, store: PhantomData })
    }

    /// The greatest time ever put, in ms; -1 if there was none.
    pub fn observed_stream_time(&self) -> i64 {
        self.rows.observed_ms()
    }

    /// How many puts were left out because they were older than the history retention.
    pub fn expired_puts(&self) -> u64 {
        self.expired_puts
    }

    fn put_encoded(&mut self, value: Option<&V>, timestamp: i64) -> Result<VersionedPut> {
        let value: Option<Value> = match value {
            None => None,
            Some(value) => {
                self.value_scratch.clear();
                let encoded = self.value.encode(value, &mut self.value_scratch);
                encoded
                    .map_err(|source| StoreError::of_value(self.rows.name(), &self.key_scratch, source))?;
                Some(Arc::from(self.value_scratch.as_slice()))
            }
        };
        let put = self.rows.put(&self.key_scratch, value.clone(), timestamp)?;
        if put == VersionedPut::Expired {
            self.expired_puts += 1;
        }
        // One that has expired is logged as well, as in Kafka Streams; a restored store leaves it out again.
        self.pending_bytes += PENDING_BYTES + self.key_scratch.len();
        self.pending.push(Pending { key: KeyBytes::from_slice(&self.key_scratch), value, timestamp });
        Ok(put)
    }

    fn encode(&mut self, key: &K) -> Result<()> {
        self.key_scratch.clear();
        self.key
            .encode(key, &mut self.key_scratch)
            .map_err(|error| StoreError::of_key(self.rows.name(), error))
    }

    fn decode(&self, key: &[u8], value: &[u8]) -> Result<V> {
        let decoded = self.value.decode(value);
        decoded.map_err(|source| StoreError::of_row(self.rows.name(), key, source))
    }
}

/// A scan of the versions of one key. [`crate::cursor`] has the rules, of which the third goes for past versions; the latest
/// one is that of the beginning.
pub struct HistoryCursor<'a, K, V> {
    key: KeyBytes,
    to_ms: i64,
    /// `None` when there are no others.
    past: Option<TableScan<'a>>,
    /// The latest version, until it has been given.
    latest: Option<Latest>,
    store: PhantomData<fn(K, V)>,
}

impl<'a, K, V> HistoryCursor<'a, K, V> {
    /// The versions of the store that was scanned, which does not change meanwhile.
    pub fn over(self, store: &'a VersionedTable<K, V>) -> Entries<'a, Self> {
        Entries::new(store, &**store.rows.backend(), self)
    }

    fn step_past(
        &mut self,
        store: &VersionedTable<K, V>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<VersionedRecord<V>>> {
        loop {
            let (valid_to, past) = match store.rows.step(self.past.as_mut()?, backend, from)? {
                Ok(row) => row,
                Err(error) => return Some(Err(error)),
            };
            if past.from_ms > self.to_ms {
                // From the front, all that follow are later still.
                self.past = self.past.take().filter(|_| from == Direction::Backward);
            } else if let Some(value) = past.value {
                let value = store.decode(&self.key, &value);
                let (timestamp, valid_to) = (past.from_ms, Some(valid_to));
                return Some(value.map(|value| VersionedRecord { value, timestamp, valid_to }));
            }
        }
    }

    fn take_latest(&mut self, store: &VersionedTable<K, V>) -> Option<Result<VersionedRecord<V>>> {
        let Latest { from_ms: timestamp, value } = self.latest.take()?;
        let value = store.decode(&self.key, &value);
        Some(value.map(|value| VersionedRecord { value, timestamp, valid_to: None }))
    }
}

impl<'a, K, V> Cursor<'a> for HistoryCursor<'a, K, V> {
    type Store = VersionedTable<K, V>;
    type Entry = VersionedRecord<V>;

    fn step(
        &mut self,
        store: &VersionedTable<K, V>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<VersionedRecord<V>>> {
        match from {
            Direction::Forward => self.step_past(store, backend, from).or_else(|| self.take_latest(store)),
            Direction::Backward => self.take_latest(store).or_else(|| self.step_past(store, backend, from)),
        }
    }
}

impl<K: 'static, V: 'static> StateStore for VersionedTable<K, V> {
    fn name(&self) -> &str {
        self.rows.name()
    }

    fn backend(&self) -> &BackendRef {
        self.rows.backend()
    }

    fn uncommitted_bytes(&self) -> usize {
        self.rows.uncommitted_bytes() + self.pending_bytes
    }

    fn stage(&mut self, log: &mut Log<'_>, batch: &mut Batch) -> Result<()> {
        let headers = Headers::new();
        for Pending { key, value, timestamp } in self.pending.drain(..) {
            let record = LogRecord { key: &key, value: value.as_deref(), timestamp, headers: &headers };
            log(record).map_err(|cause| StoreError::Log { store: self.rows.name().to_owned(), cause })?;
        }
        self.pending_bytes = 0;
        self.rows.stage(batch)
    }

    fn committed(&mut self) -> Result<()> {
        self.rows.committed();
        Ok(())
    }

    fn rollback(&mut self) {
        self.pending.clear();
        self.pending_bytes = 0;
        self.rows.rollback();
    }

    fn entries(&mut self) -> Result<Vec<RawEntry>> {
        self.rows.entries()
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
