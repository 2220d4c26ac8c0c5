//! What a topology must know of a store: its name, and what its changelog keeps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::StoreName;

/// What a store's changelog topic must keep, which decides its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangelogKind {
    /// The latest value of each key.
    KeyValue,
    /// The latest value of each windowed key, for that long; also session stores.
    Window {
        /// The store's retention.
        retention_ms: i64,
    },
    /// Every record of a stream-stream join's window, for that long; never compacted, as keys repeat.
    JoinWindow {
        /// The store's retention.
        retention_ms: i64,
    },
    /// Each key's versions, for that long.
    Versioned {
        /// The store's history retention.
        history_retention_ms: i64,
    },
}

/// Tells one declaration of a store from another: two stores of one name, kind and type are still two, unless one is a clone
/// of the other's builder, as it is with `StoreBuilder`s and `Materialized`s in Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration(u64);

impl Declaration {
    /// One that equals no other.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Declaration(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A state store, as far as the topology knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreDef {
    /// The store's name.
    pub name: StoreName,
    /// Whether its changes are logged to a changelog topic of its own.
    pub logged: bool,
    /// What that topic must keep.
    pub changelog: ChangelogKind,
    /// Settings of that topic that override the defaults and the configuration's `topic.` settings.
    pub log_configs: BTreeMap<String, String>,
}

impl StoreDef {
    /// A logged store of that name and kind, without settings of its own.
    pub fn new(name: impl Into<StoreName>, changelog: ChangelogKind) -> Self {
        StoreDef { name: name.into(), logged: true, changelog, log_configs: BTreeMap::new() }
    }

    /// The same store without a changelog.
    #[must_use]
    pub fn without_logging(mut self) -> Self {
        self.logged = false;
        self
    }
}
