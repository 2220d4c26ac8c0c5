//! Suppliers: which store the DSL is to make for a table or a windowed aggregation (`KeyValueBytesStoreSupplier`,
//! `VersionedBytesStoreSupplier`, `WindowBytesStoreSupplier`, `SessionBytesStoreSupplier`).
//!
//! A supplier names the store and says of which kind it is, without the types that it holds.

use std::sync::Arc;
use std::time::Duration;

use super::{StorePlace, Stores};

/// A store that the DSL is to make.
#[derive(Clone, Debug)]
pub enum StoreSupplier {
    /// For a table, or an aggregation without windows.
    KeyValue(KeyValueSupplier),
    /// For an aggregation over windows.
    Window(WindowSupplier),
    /// For an aggregation over sessions.
    Session(SessionSupplier),
}

/// A key-value store that the DSL is to make.
#[derive(Clone, Debug)]
pub struct KeyValueSupplier {
    /// The store's name.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: KeyValueKind,
}

/// The kinds of key-value stores.
#[derive(Clone, Debug)]
pub enum KeyValueKind {
    /// The latest value of each key, and its time.
    Timestamped(StorePlace),
    /// The same of the keys used last, in memory.
    Lru {
        /// How many keys.
        max_entries: usize,
    },
    /// The values of each key over time, on disk.
    Versioned {
        /// How long versions are kept, and taken.
        history_retention: Duration,
        /// The length of the slices of time in which they go; `None` derives it from the history retention.
        segment_interval: Option<Duration>,
    },
}

impl KeyValueSupplier {
    /// Whether the store is versioned.
    pub fn is_versioned(&self) -> bool {
        matches!(self.kind, KeyValueKind::Versioned { .. })
    }
}

/// A window store that the DSL is to make: for an aggregation over windows, or one side of a join of streams.
#[derive(Clone, Debug)]
pub struct WindowSupplier {
    /// The store's name.
    pub name: Arc<str>,
    /// How long windows are kept after their start.
    pub retention: Duration,
    /// How long windows are. A join's store is as long as the join's windows, before and after together.
    pub window_size: Duration,
    /// Whether records of the same key and time are kept each, as a join needs them; an aggregation has one row a window.
    pub retain_duplicates: bool,
    /// Where.
    pub place: StorePlace,
}

/// A session store that the DSL is to make.
#[derive(Clone, Debug)]
pub struct SessionSupplier {
    /// The store's name.
    pub name: Arc<str>,
    /// How long sessions are kept after their end.
    pub retention: Duration,
    /// Where.
    pub place: StorePlace,
}

impl StoreSupplier {
    /// The store's name.
    pub fn name(&self) -> &Arc<str> {
        match self {
            StoreSupplier::KeyValue(supplier) => &supplier.name,
            StoreSupplier::Window(supplier) => &supplier.name,
            StoreSupplier::Session(supplier) => &supplier.name,
        }
    }

    /// Where the store is kept; `None` if its kind has only one place.
    pub fn place(&self) -> Option<&StorePlace> {
        match self {
            StoreSupplier::KeyValue(KeyValueSupplier { kind: KeyValueKind::Timestamped(place), .. }) => {
                Some(place)
            }
            StoreSupplier::KeyValue(_) => None,
            StoreSupplier::Window(supplier) => Some(&supplier.place),
            StoreSupplier::Session(supplier) => Some(&supplier.place),
        }
    }

    /// Whether the store is versioned.
    pub fn is_versioned(&self) -> bool {
        matches!(self, StoreSupplier::KeyValue(supplier) if supplier.is_versioned())
    }
}

impl From<KeyValueSupplier> for StoreSupplier {
    fn from(supplier: KeyValueSupplier) -> Self {
        StoreSupplier::KeyValue(supplier)
    }
}

impl From<WindowSupplier> for StoreSupplier {
    fn from(supplier: WindowSupplier) -> Self {
        StoreSupplier::Window(supplier)
    }
}

impl From<SessionSupplier> for StoreSupplier {
    fn from(supplier: SessionSupplier) -> Self {
        StoreSupplier::Session(supplier)
    }
}

impl Stores {
    /// A key-value store with timestamps on disk (`persistentTimestampedKeyValueStore`).
    pub fn persistent_key_value_store(name: &str) -> KeyValueSupplier {
        Self::key_value_store_in(name, StorePlace::Disk)
    }

    /// A key-value store with timestamps in memory (`inMemoryKeyValueStore`).
    pub fn in_memory_key_value_store(name: &str) -> KeyValueSupplier {
        Self::key_value_store_in(name, StorePlace::Memory)
    }

    /// A key-value store with timestamps at a place of your choice.
    pub fn key_value_store_in(name: &str, place: StorePlace) -> KeyValueSupplier {
        KeyValueSupplier { name: name.into(), kind: KeyValueKind::Timestamped(place) }
    }

    /// A key-value store in memory that forgets the key unused for longest when it has more than `max_entries`
    /// (`lruMap`). What it forgets is deleted from its changelog, too.
    pub fn lru_map(name: &str, max_entries: usize) -> KeyValueSupplier {
        KeyValueSupplier { name: name.into(), kind: KeyValueKind::Lru { max_entries } }
    }

    /// A versioned key-value store (`persistentVersionedKeyValueStore`). It keeps each key's versions for
    /// `history_retention` of stream time, and takes late ones that long.
    pub fn persistent_versioned_key_value_store(name: &str, history_retention: Duration) -> KeyValueSupplier {
        Self::versioned(name, history_retention, None)
    }

    /// As [`persistent_versioned_key_value_store`](Self::persistent_versioned_key_value_store), where old versions go
    /// in slices of time of that length. It must not change over an application's life.
    pub fn persistent_versioned_key_value_store_with_segments(
        name: &str,
        history_retention: Duration,
        segment_interval: Duration,
    ) -> KeyValueSupplier {
        Self::versioned(name, history_retention, Some(segment_interval))
    }

    fn versioned(
        name: &str,
        history_retention: Duration,
        segment_interval: Option<Duration>,
    ) -> KeyValueSupplier {
        let kind = KeyValueKind::Versioned { history_retention, segment_interval };
        KeyValueSupplier { name: name.into(), kind }
    }

    /// A window store on disk that keeps windows for `retention` after their start (`persistentTimestampedWindowStore`;
    /// with duplicates, for a join, `persistentWindowStore`).
    pub fn persistent_window_store(
        name: &str,
        retention: Duration,
        window_size: Duration,
        retain_duplicates: bool,
    ) -> WindowSupplier {
        Self::window_store_in(name, retention, window_size, retain_duplicates, StorePlace::Disk)
    }

    /// The same in memory (`inMemoryWindowStore`).
    pub fn in_memory_window_store(
        name: &str,
        retention: Duration,
        window_size: Duration,
        retain_duplicates: bool,
    ) -> WindowSupplier {
        Self::window_store_in(name, retention, window_size, retain_duplicates, StorePlace::Memory)
    }

    /// The same at a place of your choice.
    pub fn window_store_in(
        name: &str,
        retention: Duration,
        window_size: Duration,
        retain_duplicates: bool,
        place: StorePlace,
    ) -> WindowSupplier {
        WindowSupplier { name: name.into(), retention, window_size, retain_duplicates, place }
    }

    /// A session store on disk that keeps sessions for `retention` after their end (`persistentSessionStore`).
    pub fn persistent_session_store(name: &str, retention: Duration) -> SessionSupplier {
        Self::session_store_in(name, retention, StorePlace::Disk)
    }

    /// The same in memory (`inMemorySessionStore`).
    pub fn in_memory_session_store(name: &str, retention: Duration) -> SessionSupplier {
        Self::session_store_in(name, retention, StorePlace::Memory)
    }

    /// The same at a place of your choice.
    pub fn session_store_in(name: &str, retention: Duration, place: StorePlace) -> SessionSupplier {
        SessionSupplier { name: name.into(), retention, place }
    }
}
