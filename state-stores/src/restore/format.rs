//! Which layout a store has, and the restorer for it.

use super::Restore;
use super::buffer::BufferRestorer;
use super::table::TableRestorer;
use super::versioned::VersionedRestorer;
use crate::backend::BackendRef;
use crate::backend::batch::Batch;
use crate::error::Result;
use crate::keyspaces::{recency_keyspace, store_keyspace};
use crate::schema::segments::segment_interval_ms;
use crate::schema::{session_key, window_key};

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

    /// Which kind of changelog the store has: changelogs of different kinds are incompatible.
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
        let of_table = |timestamped| TableRestorer::open(store, backend, timestamped);
        Ok(match *self {
            RestoreFormat::KeyValue => Box::new(of_table(false)?),
            RestoreFormat::TimestampedKeyValue => Box::new(of_table(true)?),
            RestoreFormat::Lru { timestamped, max_entries } => {
                Box::new(of_table(timestamped)?.with_max_entries(max_entries)?)
            }
            RestoreFormat::Window { retention_ms, timestamped } => {
                Box::new(of_table(timestamped)?.with_retention(retention_ms, window_key::start_ms)?)
            }
            RestoreFormat::Session { retention_ms } => {
                Box::new(of_table(false)?.with_retention(retention_ms, session_key::end_ms)?)
            }
            RestoreFormat::Versioned { history_retention_ms, segment_interval_ms } => {
                let (history_ms, interval_ms) = (history_retention_ms, segment_interval_ms);
                Box::new(VersionedRestorer::open(store, backend, history_ms, interval_ms)?)
            }
            RestoreFormat::ChangeBuffer => Box::new(BufferRestorer::open(store, backend)?),
        })
    }
}
