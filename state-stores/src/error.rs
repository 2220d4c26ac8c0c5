//! What can go wrong in a store, and what to do about it.

use std::error::Error;
use std::path::PathBuf;

use crate::causes::{Causes, Short};
use crate::codec::CodecError;
use crate::excerpt::Excerpt;

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A store operation that failed. The text names the store or directory, what was attempted and what to do; it holds the
/// causes, so `source` does not give them again.
#[non_exhaustive]
#[derive(thiserror::Error)]
pub enum StoreError {
    /// The directory of a database could not be opened or created.
    #[error(
        "cannot open the state database in {dir}: {}; check that the path exists and is writable", Causes(&**cause)
    )]
    Open {
        /// The directory of the database.
        dir: PathBuf,
        /// What the database said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// No database on disk is compiled in.
    #[error(
        "no database can be opened in {dir}: this program was built without the feature `rocksdb`; enable it, or keep \
         everything in memory"
    )]
    NoDatabase {
        /// The directory of the database.
        dir: PathBuf,
    },
    /// The directory is open already, in this process or in another one.
    #[error(
        "the state database in {dir} is in use by another task or process; close that or use another directory"
    )]
    Locked {
        /// The directory of the database.
        dir: PathBuf,
    },
    /// The database refused an operation.
    #[error(
        "cannot {attempted} in the state database {place}: {}; check the disk, then restart", Causes(&**cause)
    )]
    Backend {
        /// The directory of the database, or `memory`.
        place: String,
        /// What was attempted, as an infinitive.
        attempted: &'static str,
        /// What the database said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A custom database failed.
    #[error(
        "cannot {attempted} the database of supplier {supplier}: {}; fix the supplier, or what its databases need",
        Causes(&**cause)
    )]
    Custom {
        /// The supplier's name.
        supplier: String,
        /// What was attempted, as an infinitive.
        attempted: &'static str,
        /// What it said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// What is on disk is not what was written there.
    #[error(
        "the state database in {dir} is damaged: {reason}; what has a changelog is rebuilt from it, other stores have to be \
         given up: delete the directory"
    )]
    Damaged {
        /// The directory of the database.
        dir: PathBuf,
        /// What was found.
        reason: String,
    },
    /// There is no room.
    #[error(
        "the disk of the state database in {dir} is full ({reason}); make room, or move state.dir to a larger disk, and \
         start again"
    )]
    DiskFull {
        /// The directory of the database.
        dir: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The process may open no more files.
    #[error(
        "the state database in {dir} cannot open a file more ({reason}); raise the process's limit of open files \
         (`ulimit -n`, or LimitNOFILE= of systemd), or run fewer tasks with stores in a process"
    )]
    OpenFiles {
        /// The directory of the database.
        dir: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The directory went away while the database was open.
    #[error(
        "files of the state database in {dir} were deleted while it was open ({reason}); keep state.dir where nobody tidies \
         up (not in /tmp), and start again: what is missing is rebuilt from the changelogs"
    )]
    Deleted {
        /// The directory of the database.
        dir: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// Another version of this library wrote the database.
    #[error(
        "the state database has layout {found}, which this version does not know; use the version that wrote it, \
         or delete the directory: stores with a changelog are rebuilt"
    )]
    Layout {
        /// The version of the layout.
        found: String,
    },
    /// A key or value that was to be put, or looked for, is refused by its codec.
    #[error(
        "cannot serialize the {what}{} for store {store}: {}; fix what makes it, or give the store another serde",
        key.as_ref().map(|key| format!(" of key {key}")).unwrap_or_default(),
        Short(cause)
    )]
    Codec {
        /// The store.
        store: String,
        /// `"key"` or `"value"`.
        what: &'static str,
        /// The first bytes of the key; `None` if it is the key that is refused.
        key: Option<String>,
        /// What the codec said.
        cause: CodecError,
    },
    /// A row cannot be read back, its key or its value: it was written for another type.
    #[error(
        "the row of key {key} in store {store} cannot be read back: {}; if its type has changed, give new fields a \
         default (#[serde(default)]), or rename the store, or reset the application: delete its state and its changelog",
        Short(cause)
    )]
    Row {
        /// The store.
        store: String,
        /// The first bytes of the key.
        key: String,
        /// The whole key in the database, by which the store can delete the row.
        row: Box<[u8]>,
        /// What the codec said.
        cause: CodecError,
    },
    /// Stored bytes do not have the layout that this store writes.
    #[error(
        "store {store} holds {what} that is malformed ({detail}); wipe it and restore from the changelog"
    )]
    Corrupt {
        /// The store, or the directory of the database.
        store: String,
        /// What was read.
        what: &'static str,
        /// How it was malformed.
        detail: String,
    },
    /// A changelog has a record that this kind of store does not write.
    #[error(
        "the changelog of store {store} has a record of another kind of store ({detail}); rename the store, or delete the \
         changelog topic and the local state to begin with an empty one"
    )]
    ForeignChangelog {
        /// The store.
        store: String,
        /// What was found.
        detail: String,
    },
    /// A retention time with which a windowed store cannot work.
    #[error(
        "the retention of store {store} is {retention_ms} ms; give a retention of at least {minimum_ms} ms"
    )]
    Retention {
        /// The store.
        store: String,
        /// What was asked for.
        retention_ms: i64,
        /// The least that works.
        minimum_ms: i64,
    },
    /// A length of segments with which a versioned store cannot work.
    #[error("the segment interval of store {store} is {segment_interval_ms} ms; give one of at least 1 ms")]
    SegmentInterval {
        /// The store.
        store: String,
        /// What was asked for.
        segment_interval_ms: i64,
    },
    /// The caller's changelog refused a record.
    #[error(
        "cannot log a change of store {store}: {}; roll back and process the records again", Causes(&**cause)
    )]
    Log {
        /// The store.
        store: String,
        /// What the caller's log said.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A store is called by the closure that looks at one of its values.
    #[error(
        "store {store} is called by a closure that looks at one of its values (get_with, fetch_with); return what is needed \
         from the closure, and call the store after it"
    )]
    InUse {
        /// The store.
        store: String,
    },
    /// A keyspace that the database does not have.
    #[error("the state database {place} has no keyspace {keyspace}; open it with `keyspace(name)` first")]
    NoKeyspace {
        /// The directory of the database, or `memory`.
        place: String,
        /// The number that was used.
        keyspace: u32,
    },
}

crate::debug_as_display!(StoreError);

impl StoreError {
    /// A key is refused by its codec.
    pub(crate) fn of_key(store: &str, cause: CodecError) -> Self {
        StoreError::Codec { store: store.to_owned(), what: "key", key: None, cause }
    }

    /// The value of that key is refused by its codec.
    pub(crate) fn of_value(store: &str, key: &[u8], cause: CodecError) -> Self {
        let key = Some(Excerpt::of(key).to_string());
        StoreError::Codec { store: store.to_owned(), what: "value", key, cause }
    }

    /// The row of that key, or the key itself, cannot be read back.
    pub fn of_row(store: &str, key: &[u8], cause: CodecError) -> Self {
        StoreError::of_local_row(store, key, key, cause)
    }

    /// As [`of_row`](Self::of_row), for a row whose key in the database is `row`.
    pub(crate) fn of_local_row(store: &str, key: &[u8], row: &[u8], cause: CodecError) -> Self {
        StoreError::Row { store: store.to_owned(), key: Excerpt::of(key).to_string(), row: row.into(), cause }
    }

    /// Whether what was written cannot be read back, so that only a rebuilt database helps.
    pub fn is_damage(&self) -> bool {
        matches!(self, StoreError::Damaged { .. })
    }
}
