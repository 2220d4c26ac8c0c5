//! Changes that wait to be forwarded downstream: Kafka Streams' record cache, seen from its flush.

use crate::headers::Headers;
use crate::overlay::KeyBytes;

/// What a store records about updates for `take_changes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracking {
    /// Nothing: `take_changes` returns nothing. For stores whose updates are forwarded at once.
    #[default]
    Off,
    /// Which keys changed. Every `old` is `None`.
    New,
    /// Which keys changed, and the value before the first change since the last flush.
    NewAndOld,
}

/// An entry that was updated since the last flush, however often.
#[derive(Clone, Debug, PartialEq)]
pub struct FlushedChange<K, T> {
    /// The key.
    pub key: K,
    /// The value now; `None` if it was deleted.
    pub new: Option<T>,
    /// The value at the last flush; `None` if there was none, or if the tracking is not
    /// [`Tracking::NewAndOld`].
    pub old: Option<T>,
    /// The time of the record that made the last update, in ms.
    pub timestamp: i64,
    /// The headers given with the last update.
    pub headers: Headers,
}

impl<K, T> FlushedChange<K, T> {
    /// The same change under another key.
    pub(crate) fn with_key<L>(self, key: L) -> FlushedChange<L, T> {
        let FlushedChange { new, old, timestamp, headers, .. } = self;
        FlushedChange { key, new, old, timestamp, headers }
    }
}

/// A change under its serialized local key.
pub(crate) type RawChange<T> = FlushedChange<KeyBytes, T>;

/// What is known about the value before the first change.
pub(crate) enum Old<T> {
    /// Unknown: the overlay did not have the key, and the backend was not read.
    Unknown,
    Absent,
    /// There was one; the value itself is kept if old values are tracked.
    Present(Option<T>),
}

/// One changed entry.
pub(crate) struct PendingChange<T> {
    pub(crate) position: u32,
    pub(crate) old: Old<T>,
    /// The entry was uncommitted before its first change, or was staged after it. Then something outside the
    /// overlay may hold another state, so its update must be staged even if downstream sees no
    /// change.
    pub(crate) pinned: bool,
}

/// The changed entries of a store, each once.
pub(crate) struct PendingChanges<T> {
    pub(crate) tracking: Tracking,
    pub(crate) list: Vec<PendingChange<T>>,
}

impl<T> PendingChanges<T> {
    pub(crate) fn new(tracking: Tracking) -> Self {
        PendingChanges { tracking, list: Vec::new() }
    }

    /// The old value in the form that is kept.
    pub(crate) fn old(&self, known: Option<T>) -> Old<T> {
        match (known, self.tracking) {
            (None, _) => Old::Absent,
            (Some(value), Tracking::NewAndOld) => Old::Present(Some(value)),
            (Some(_), _) => Old::Present(None),
        }
    }
}
