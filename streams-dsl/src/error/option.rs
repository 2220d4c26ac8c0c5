//! Options that do not fit their operator or each other.

use std::time::Duration;

use streams_core::time::to_ms;

/// What is wrong with an option, and what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// A definition of windows is refused, by its own `check` or by the rules for windows.
    #[error("{reason}")]
    Windows {
        /// What is wrong with it.
        reason: String,
    },
    /// Results are to be emitted when windows close that never do.
    #[error(
        "ON_WINDOW_CLOSE emit strategy cannot be used for {windows}, which never close; emit each update"
    )]
    NeverClose {
        /// The kind of windows.
        windows: String,
    },
    /// The store that is named for an aggregation in windows keeps several rows for one window.
    #[error("store {store} must not retain duplicates: a window has one row")]
    Duplicates {
        /// The store.
        store: String,
    },
    /// The store that is named for a join of streams keeps one row for each key and time.
    #[error("store {store} must retain duplicates, as records of the same key and time are joined each")]
    NoDuplicates {
        /// The store.
        store: String,
    },
    /// A key-value store is named where one for windows is needed.
    #[error("store {store} is not for windows; name a window or session store")]
    NotForWindows {
        /// The store.
        store: String,
    },
    /// A store for windows is named where a key-value store is needed.
    #[error("store {store} is for windows; name a key-value store")]
    ForWindows {
        /// The store.
        store: String,
    },
    /// A store forgets windows that still take records.
    #[error(
        "store {store} keeps windows for {} ms, but they take records for {} ms (size or gap, and grace); raise \
         Materialized::with_retention",
        to_ms(*retention), to_ms(*needed)
    )]
    Retention {
        /// The store.
        store: String,
        /// For how long it keeps windows.
        retention: Duration,
        /// For how long windows take records.
        needed: Duration,
    },
    /// The store that is named for a join of streams has other times than the join.
    #[error(
        "store {store} has windows of {} ms and keeps them for {} ms, but the join needs {} ms and {} ms",
        to_ms(*window_size), to_ms(*retention), to_ms(*needed_size), to_ms(*needed_retention)
    )]
    JoinStore {
        /// The store.
        store: String,
        /// How long its windows are.
        window_size: Duration,
        /// For how long it keeps them.
        retention: Duration,
        /// How long the join's windows are.
        needed_size: Duration,
        /// For how long the join needs records.
        needed_retention: Duration,
    },
    /// Both stores of a join of streams have the same name.
    #[error("both of its stores are called {store}; give them different names")]
    SameStores {
        /// The name.
        store: String,
    },
    /// A repartition topic without partitions.
    #[error("a topic has at least one partition, but {partitions} were asked for")]
    NoPartitions {
        /// What was asked for.
        partitions: i32,
    },
    /// A global table in a versioned store.
    #[error("a global table cannot be versioned; name another store")]
    VersionedGlobalTable,
    /// Updates of a versioned table are to be held back.
    #[error(
        "suppress() is only supported for non-versioned KTables (note that version semantics might be inherited from \
         upstream)"
    )]
    VersionedSuppress,
    /// Updates are to be held back until windows close, but the table has no windows.
    #[error(
        "Window close time is only defined for windowed computations. Got [{chain}]; suppress until a time limit, or \
         aggregate in windows"
    )]
    NoWindowsToClose {
        /// The operators above the table.
        chain: String,
    },
    /// A join with a grace period whose table keeps no history.
    #[error(
        "a join with a grace period needs a versioned table; store the table with \
         Materialized::as_store(Stores::persistent_versioned_key_value_store(..))"
    )]
    NotVersioned,
    /// A join with a grace period whose table forgets its history sooner.
    #[error(
        "records wait for {} ms, but store {store} keeps its history for {} ms only; raise its history retention",
        to_ms(*grace), to_ms(*history_retention)
    )]
    HistoryTooShort {
        /// The table's store.
        store: String,
        /// How long records wait.
        grace: Duration,
        /// For how long the store keeps its history.
        history_retention: Duration,
    },
    /// The optimization `merge.repartition.topics` does not find its place.
    #[error("merge.repartition.topics cannot move it up to {node}; give the repartition its own operator")]
    MergeRepartitions {
        /// The node that changes the key.
        node: String,
    },
    /// The optimization `single.store.self.join` does not find the sides of the join.
    #[error(
        "single.store.self.join cannot find both sides of the join below its stream; leave the optimization out"
    )]
    SelfJoin,
}

state_stores::debug_as_display!(OptionError);
