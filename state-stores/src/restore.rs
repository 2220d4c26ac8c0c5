//! Turns changelog records back into a store's local form, knowing its layout but none of its types.

use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Keyspace};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::keyspaces::{recency_keyspace, store_keyspace};
use crate::kind::recency::Recency;
use crate::kind::time::{Time, TimeOf};
use crate::kind::versioned::{Rows, RowsSpec};
use crate::restore_buffer::BufferRestorer;
use crate::schema::segments::segment_interval_ms;
use crate::schema::{session_key, window_key};

/// What a versioned store's rows may take in memory while it is restored.
const VERSIONED_CACHE_BYTES: usize = 8 << 20;

/// Applies the changelog records of one store, in their order. The store itself must not be open meanwhile:
/// it is opened when restoring has ended.
pub trait Restore: Send {
    /// Appends to `batch` what a changelog record means for the backend. A `None` value is a tombstone;
    /// `timestamp` is the record's, in ms. All batches must be written, in their order.
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()>;
}

/// The layout of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreFormat {
    /// A key-value store of plain values.
    KeyValue,
    /// A key-value store of values with timestamps.
    TimestampedKeyValue,
    /// A window store.
    Window {
        /// How long in stream time a window is kept after its start, in ms.
        retention_ms: i64,
        /// Whether values carry timestamps.
        timestamped: bool,
    },
    /// A session store of plain values.
    Session {
        /// How long in stream time a session is kept after its end, in ms.
        retention_ms: i64,
    },
    /// A key-value store with a bound of keys.
    Lru {
        /// Whether values carry timestamps.
        timestamped: bool,
        /// How many keys there may be.
        max_entries: usize,
    },
    /// A versioned store.
    Versioned {
        /// How long in stream time versions are kept.
        history_retention_ms: i64,
        /// The length of its segments.
        segment_interval_ms: i64,
    },
    /// A buffer of table updates.
    ChangeBuffer,
}

impl RestoreFormat {
    /// Which layout the store's rows have in a database. Stores of different layouts cannot read each other's rows.
    pub fn layout(&self) -> String {
        match self {
            RestoreFormat::KeyValue => "key-value".to_owned(),
            RestoreFormat::TimestampedKeyValue => "timestamped key-value".to_owned(),
            RestoreFormat::Lru { timestamped: false, .. } => "LRU".to_owned(),
            RestoreFormat::Lru { timestamped: true, .. } => "timestamped LRU".to_owned(),
            RestoreFormat::Window { retention_ms, timestamped } => {
                let plain = if *timestamped { "timestamped " } else { "" };
                format!("{plain}window, segments of {} ms", segment_interval_ms(*retention_ms))
            }
            RestoreFormat::Session { retention_ms } => {
                format!("session, segments of {} ms", segment_interval_ms(*retention_ms))
            }
            RestoreFormat::Versioned { segment_interval_ms, .. } => {
                format!("versioned, segments of {segment_interval_ms} ms")
            }
            RestoreFormat::ChangeBuffer => "buffer".to_owned(),
        }
    }

    /// Which kind of changelog the store has: changelogs of different kinds cannot be told for one another.
    pub fn changelog_kind(&self) -> &'static str {
        match self {
            RestoreFormat::KeyValue
            | RestoreFormat::TimestampedKeyValue
            | RestoreFormat::Lru { .. }
            | RestoreFormat::Versioned { .. } => "key-value",
            RestoreFormat::Window { .. } => "window",
            RestoreFormat::Session { .. } => "session",
            RestoreFormat::ChangeBuffer => "buffer",
        }
    }

    /// Appends to `batch` what empties the store in a database in which it is not open.
    pub fn wipe(&self, store: &str, backend: &BackendRef, batch: &mut Batch) -> Result<()> {
        batch.delete_all(store_keyspace(&**backend, store)?);
        if let RestoreFormat::Lru { .. } = self {
            batch.delete_all(recency_keyspace(&**backend, store)?);
        }
        Ok(())
    }

    /// A restorer for the store of that name.
    pub fn restorer(&self, store: &str, backend: &BackendRef) -> Result<Box<dyn Restore>> {
        let keyspace = store_keyspace(&**backend, store)?;
        let (times, timestamped): (Option<(i64, TimeOf)>, bool) = match *self {
            RestoreFormat::KeyValue => (None, false),
            RestoreFormat::TimestampedKeyValue => (None, true),
            RestoreFormat::Lru { timestamped, .. } => (None, timestamped),
            RestoreFormat::Window { retention_ms, timestamped } => {
                (Some((retention_ms, window_key::start_ms)), timestamped)
            }
            RestoreFormat::Session { retention_ms } => (Some((retention_ms, session_key::end_ms)), false),
            RestoreFormat::Versioned { history_retention_ms, segment_interval_ms } => {
                let rows = Rows::open(RowsSpec {
                    name: store.to_owned(),
                    backend: backend.clone(),
                    history_ms: history_retention_ms,
                    segment_interval_ms,
                    cache_bytes: VERSIONED_CACHE_BYTES,
                })?;
                return Ok(Box::new(VersionedRestorer(rows)));
            }
            RestoreFormat::ChangeBuffer => {
                return Ok(Box::new(BufferRestorer::new(store, backend, keyspace)));
            }
        };
        let timed = match times {
            None => None,
            Some((retention_ms, time_of)) => {
                Some((Time::open(store, backend, keyspace, retention_ms, time_of, false)?, time_of))
            }
        };
        let recency = match *self {
            RestoreFormat::Lru { max_entries, .. } => Some(Recency::open(store, backend, max_entries)?),
            _ => None,
        };
        let (key, value) = (Vec::new(), Vec::new());
        Ok(Box::new(Restorer { store: store.to_owned(), keyspace, timed, timestamped, recency, key, value }))
    }
}

/// Puts each record again, as a put depends on the versions that are there.
struct VersionedRestorer(Rows);

impl Restore for VersionedRestorer {
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        _headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()> {
        if batch.is_empty() {
            // All batches are written in their order, so the ones before are by now.
            self.0.committed();
        }
        self.0.put(key, value.map(Into::into), timestamp)?;
        self.0.stage(batch)
    }
}

struct Restorer {
    store: String,
    keyspace: Keyspace,
    timed: Option<(Time, TimeOf)>,
    timestamped: bool,
    recency: Option<Recency>,
    /// Local key and value of the record at hand.
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Restore for Restorer {
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        _headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()> {
        self.key.clear();
        if let Some((time, time_of)) = &mut self.timed {
            let time_ms = time_of(key).ok_or_else(|| StoreError::ForeignChangelog {
                store: self.store.clone(),
                detail: format!("a key of {} bytes is too short to have a time", key.len()),
            })?;
            let segment = time.enter(time_ms);
            time.stage(self.keyspace, batch);
            // Expired already: the store would have dropped it, or deleted it since.
            let Some(segment) = segment else { return Ok(()) };
            self.key.extend_from_slice(&segment.to_be_bytes());
        }
        self.key.extend_from_slice(key);
        if let Some(recency) = &mut self.recency {
            match value {
                None => recency.remove(key),
                Some(_) => {
                    if let Some(forgotten) = recency.put(key) {
                        batch.delete(self.keyspace, &forgotten);
                    }
                }
            }
            recency.stage(batch);
        }
        let Some(value) = value else {
            batch.delete(self.keyspace, &self.key);
            return Ok(());
        };
        if !self.timestamped {
            batch.put(self.keyspace, &self.key, value);
            return Ok(());
        }
        self.value.clear();
        self.value.extend_from_slice(&timestamp.to_be_bytes());
        self.value.extend_from_slice(value);
        batch.put(self.keyspace, &self.key, &self.value);
        Ok(())
    }
}
