//! One entry of an overlay.

use smallvec::SmallVec;

use crate::headers::Headers;

/// The serialized key of an entry. Most keys fit without an allocation of their own.
pub(crate) type KeyBytes = SmallVec<[u8; 24]>;

/// No place in the list of changes to forward.
pub(crate) const NO_CHANGE: u32 = u32::MAX;

/// How an entry relates to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryState {
    /// No entry: the place waits for its next use.
    Free,
    /// The backend holds the same.
    Clean,
    /// Changed since the last stage.
    Dirty,
    /// Logged, but in no batch: its write is pending, and it has not changed since.
    Logged,
    /// In a batch that is not known to be written yet, and unchanged since.
    Staged,
}

impl EntryState {
    /// Whether an entry may go from this state to `next`. Updates make it dirty, a stage puts it into a batch or into the log
    /// alone, a written batch cleans it, and a cancelled update leaves what was there before. Each state but `Free` may be
    /// forgotten: by eviction, a rollback, or because there is nothing left to know.
    pub(super) fn may_become(self, next: EntryState) -> bool {
        use EntryState::{Clean, Dirty, Free, Logged, Staged};
        matches!(
            (self, next),
            (Free, Clean | Dirty)
                | (Clean, Dirty | Free)
                | (Dirty, Staged | Logged | Clean | Free)
                | (Logged, Dirty | Staged | Free)
                | (Staged, Dirty | Clean | Free)
        )
    }
}

/// What is known of a key before the update that last gave it a value where the overlay had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// There is no such update, or it was staged or logged.
    Old,
    /// The overlay did not know the key: the backend may have had it.
    Unknown,
    /// There was no such key.
    New,
}

/// A key with its value, if it has one.
pub(crate) struct Entry<T> {
    pub(crate) key: KeyBytes,
    /// Of the key; [`super::wide`] is what the table takes.
    pub(crate) hash: u32,
    /// The number of the last update. It wraps; [`super::Overlay::order`] compares.
    pub(crate) sequence: u32,
    pub(crate) value: Option<T>,
    /// The time of the record whose processing made the last update, in ms.
    pub(crate) timestamp: i64,
    /// The headers of that record, until the entry is clean.
    pub(crate) headers: Headers,
    /// The place in the list of changes to forward, or [`NO_CHANGE`].
    pub(crate) change: u32,
    /// The number of the update by which the key came into being, unless `birth` is old.
    pub(super) born: u32,
    pub(super) birth: Birth,
    pub(crate) state: EntryState,
    /// Used since the clock's hand passed.
    pub(crate) referenced: bool,
    /// Dirty, and nothing that was staged or committed before has anything under the key.
    pub(crate) is_new: bool,
    /// Dirty or logged, and in the list of pending writes: it may differ from the log.
    pub(crate) deferred: bool,
    /// Dirty, and has had a value since it became so.
    pub(crate) had_value: bool,
}

impl<T> Entry<T> {
    pub(super) fn new(key: KeyBytes, hash: u32, value: Option<T>, state: EntryState) -> Self {
        let headers = Headers::new();
        Entry {
            key,
            hash,
            value,
            sequence: 0,
            timestamp: 0,
            headers,
            change: NO_CHANGE,
            born: 0,
            birth: Birth::Old,
            state,
            referenced: false,
            is_new: false,
            deferred: false,
            had_value: false,
        }
    }

    /// Bytes of the key beyond the entry itself.
    pub(super) fn key_bytes(&self) -> usize {
        if self.key.spilled() { self.key.len() } else { 0 }
    }

    /// Whether nothing but the cache bound keeps the entry in memory.
    pub(super) fn is_evictable(&self) -> bool {
        self.state == EntryState::Clean && self.change == NO_CHANGE
    }
}
