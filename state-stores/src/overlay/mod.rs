//! Typed entries in memory: everything that the backend does not hold yet, and a bounded cache of what it holds
//! ("clean" entries).
//!
//! An entry is keyed by its serialized local key and holds its value as an object, which is serialized when
//! it is staged and not before. `None` is known absence: after a delete, or after a read that found nothing.
//!
//! ```text
//!            update                stage                 batch written
//! (absent) ---------> dirty -------------------> staged ---------------> clean --- evicted
//!     \               |  ^-----------------------/^ ^------ update ------/ ^
//!      \              |  |--- update ---\         |                        |
//!       \             \-------------> logged -----/ stage                  |
//!        \              stage_log                                          |
//!         \--- a read loads it from the backend ---------------------------/
//! ```
//!
//! A logged entry is in the changelog, and its write to the backend is pending: it stays in memory until a batch
//! has it. [`EntryState::may_become`] is the table of these arrows, with those that the picture leaves out.

mod entry;
mod evict;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::mem::needs_drop;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use self::entry::Birth;
pub(crate) use self::entry::{Entry, EntryState, KeyBytes, NO_CHANGE};
use crate::headers::Headers;

/// A hash table slot of an entry, and what an ordered index adds for it.
const SLOT_BYTES: usize = 8;

/// The form in which the table takes a hash: it wants the upper bits as well as the lower ones.
fn wide(hash: u32) -> u64 {
    u64::from(hash) << u32::BITS | u64::from(hash)
}

/// The entries of one store.
pub(crate) struct Overlay<T> {
    /// Positions in `entries`, found by the hash that each entry keeps: growing the table hashes nothing
    /// again.
    table: HashTable<u32>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    hasher: RandomState,
    /// Keys in order; built by the first scan and kept up from then on.
    index: Option<BTreeMap<KeyBytes, u32>>,
    epoch: u64,
    /// Entries that became dirty since the last stage, each once, and those staged since the last commit.
    dirty: Vec<u32>,
    staged: Vec<u32>,
    /// Entries that were logged and are in no batch yet, each once; some are dirty again.
    deferred: Vec<u32>,
    /// Numbers updates: entries are staged in the order of their last update.
    sequence: u32,
    /// Where the last entry was found: updates mostly follow a read of the same key.
    latest: usize,
    /// The position at which the clock's hand stands.
    hand: usize,
    clean: Held,
    uncommitted: Held,
    logged: Held,
    /// How many bytes a serialized value has, on average over those seen lately: an estimate of what a value takes
    /// beyond the entry itself. Not kept for types that own nothing.
    value_bytes: usize,
}

/// How many entries of a state there are.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    entries: usize,
    key_bytes: usize,
}

/// What an update replaced.
pub(crate) struct Replaced<T> {
    pub(crate) position: u32,
    /// The value before; outer `None` if the overlay did not know the key.
    pub(crate) old: Option<Option<T>>,
    /// Whether the entry was changed or staged already, so that a batch or the log may be about to get another state.
    pub(crate) uncommitted: bool,
}

impl<T> Overlay<T> {
    pub(crate) fn new() -> Self {
        Overlay {
            table: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hasher: RandomState::default(),
            index: None,
            epoch: 0,
            dirty: Vec::new(),
            staged: Vec::new(),
            deferred: Vec::new(),
            sequence: 0,
            latest: 0,
            hand: 0,
            clean: Held::default(),
            uncommitted: Held::default(),
            logged: Held::default(),
            value_bytes: 0,
        }
    }

    /// Where the entry of a key is.
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<u32> {
        let latest = self.entries.get(self.latest);
        // A free entry has the empty key, which is one that may be looked for.
        if latest.is_some_and(|entry| *entry.key == *key && entry.state != EntryState::Free) {
            return Some(self.latest as u32);
        }
        let hash = self.hash(key);
        let is_it = |position: &u32| {
            let entry = &self.entries[*position as usize];
            entry.hash == hash && *entry.key == *key
        };
        let found = self.table.find(wide(hash), is_it).copied()?;
        self.latest = found as usize;
        Some(found)
    }

    pub(crate) fn entry(&self, position: u32) -> &Entry<T> {
        &self.entries[position as usize]
    }

    pub(crate) fn entry_mut(&mut self, position: u32) -> &mut Entry<T> {
        &mut self.entries[position as usize]
    }

    /// Adds what a read found. The key must not be there yet.
    pub(crate) fn load(&mut self, key: &[u8], value: Option<T>) -> u32 {
        let hash = self.hash(key);
        self.insert(hash, key, value, EntryState::Clean)
    }

    /// Gives a key a new value, or with `None` deletes it. `is_absent` tells, if the overlay does not know the key,
    /// whether the backend has nothing under it for certain.
    pub(crate) fn update(
        &mut self,
        key: &[u8],
        value: Option<T>,
        timestamp: i64,
        headers: Headers,
        is_absent: impl FnOnce() -> bool,
    ) -> Replaced<T> {
        self.sequence = self.sequence.wrapping_add(1);
        let replaced = match self.find(key) {
            Some(position) => self.replace(position, value),
            None => {
                let hash = self.hash(key);
                let position = self.insert(hash, key, value, EntryState::Dirty);
                let entry = &mut self.entries[position as usize];
                entry.is_new = is_absent();
                entry.birth = Birth::Unknown;
                entry.born = self.sequence;
                self.dirty.push(position);
                Replaced { position, old: None, uncommitted: false }
            }
        };
        let entry = &mut self.entries[replaced.position as usize];
        entry.sequence = self.sequence;
        entry.timestamp = timestamp;
        entry.headers = headers;
        entry.referenced = true;
        entry.had_value |= entry.value.is_some();
        replaced
    }

    fn replace(&mut self, position: u32, value: Option<T>) -> Replaced<T> {
        let entry = &mut self.entries[position as usize];
        let old = std::mem::replace(&mut entry.value, value);
        let in_log = matches!(entry.state, EntryState::Clean | EntryState::Logged);
        if in_log {
            entry.is_new = old.is_none();
            entry.had_value = false;
        }
        if old.is_none() {
            entry.birth = Birth::New;
            entry.born = self.sequence;
        }
        if entry.state != EntryState::Dirty {
            self.dirty.push(position);
            self.enter(position, EntryState::Dirty);
        }
        Replaced { position, old: Some(old), uncommitted: !in_log }
    }

    /// Takes the positions that became dirty since the last call, in the order of their last updates. Some
    /// may no longer be dirty ([`Overlay::cancel`]).
    pub(crate) fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.sort_by_update(&mut dirty);
        dirty
    }

    /// Gives the list of [`Overlay::take_dirty`] back: to be kept if staging failed, else for its memory.
    pub(crate) fn restore_dirty(&mut self, dirty: Vec<u32>) {
        assert!(self.dirty.is_empty(), "{} updates while staging", self.dirty.len());
        self.dirty = dirty;
    }

    fn sort_by_update(&self, positions: &mut [u32]) {
        // A sort of numbers: looking at the entries for each comparison would miss the processor's caches each time.
        let numbered = positions.iter().map(|at| u64::from(self.order(*at)) << u32::BITS | u64::from(*at));
        let mut numbered: Vec<_> = numbered.collect();
        numbered.sort_unstable();
        for (position, numbered) in positions.iter_mut().zip(numbered) {
            *position = numbered as u32;
        }
    }

    /// Orders entries by their last updates, of which there are fewer than 2^32 between two commits.
    pub(crate) fn order(&self, position: u32) -> u32 {
        let next = self.sequence.wrapping_add(1);
        self.entries[position as usize].sequence.wrapping_sub(next)
    }

    /// Notes that a dirty entry is in the batch, with a value of that many bytes.
    pub(crate) fn stage(&mut self, position: u32, value_bytes: usize) {
        let entry = &mut self.entries[position as usize];
        assert!(entry.state == EntryState::Dirty, "staged a {:?} entry", entry.state);
        entry.is_new = false;
        entry.had_value = false;
        entry.birth = Birth::Old;
        self.enter_batch(position);
        self.note_value(value_bytes);
    }

    /// Records that a dirty entry has been logged, with a value of this many bytes, and that its write is pending.
    pub(crate) fn log(&mut self, position: u32, value_bytes: usize) {
        let entry = &mut self.entries[position as usize];
        assert!(entry.state == EntryState::Dirty, "logged a {:?} entry", entry.state);
        entry.is_new = false;
        entry.had_value = false;
        entry.birth = Birth::Old;
        if !entry.deferred {
            entry.deferred = true;
            self.deferred.push(position);
        }
        self.enter(position, EntryState::Logged);
        self.note_value(value_bytes);
    }

    /// Takes the positions of entries whose write is pending. Only those that are [`EntryState::Logged`] are to be put
    /// into the batch; the others are in it already. Nothing may be dirty.
    pub(crate) fn take_deferred(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.deferred)
    }

    /// Gives the list of [`Overlay::take_deferred`] back, for its memory. What it named is in the batch.
    pub(crate) fn put_back_deferred(&mut self, mut deferred: Vec<u32>) {
        for position in deferred.drain(..) {
            if self.entries[position as usize].state == EntryState::Logged {
                self.enter_batch(position);
            }
        }
        self.deferred = deferred;
    }

    fn enter_batch(&mut self, position: u32) {
        self.enter(position, EntryState::Staged);
        self.entries[position as usize].deferred = false;
        self.staged.push(position);
    }

    /// The staged entries are in the backend now. `is_needless` says of which keys absence need not be remembered.
    pub(crate) fn committed(&mut self, is_needless: impl Fn(&[u8]) -> bool) {
        let mut staged = std::mem::take(&mut self.staged);
        for position in staged.drain(..) {
            if self.entries[position as usize].state == EntryState::Staged {
                self.make_clean(position, &is_needless);
            }
        }
        self.staged = staged;
    }

    /// A dirty entry is again what it was when it was staged last, or when it was loaded.
    pub(crate) fn cancel(&mut self, position: u32, is_needless: impl Fn(&[u8]) -> bool) {
        if self.entries[position as usize].deferred {
            self.enter(position, EntryState::Logged);
        } else {
            self.make_clean(position, is_needless);
        }
    }

    /// An entry holds what the backend holds: it is clean, and goes if it is a needless absence.
    fn make_clean(&mut self, position: u32, is_needless: impl Fn(&[u8]) -> bool) {
        self.enter(position, EntryState::Clean);
        let entry = &mut self.entries[position as usize];
        entry.headers = Headers::new();
        if entry.value.is_none() && entry.is_evictable() && is_needless(&entry.key) {
            self.remove(position);
        }
    }

    /// Forgets a new entry, as if it had never been.
    pub(crate) fn discard(&mut self, position: u32) {
        assert!(self.entries[position as usize].is_new, "discarded an entry that others know of");
        if self.entries[position as usize].deferred {
            return self.enter(position, EntryState::Logged);
        }
        // Its position stays in the list of dirty ones, which is read with that in mind.
        self.remove(position);
    }

    /// Forgets everything that the backend does not hold; tells `forgotten` the key of each entry.
    pub(crate) fn rollback(&mut self, mut forgotten: impl FnMut(&[u8])) {
        let mut positions = std::mem::take(&mut self.dirty);
        positions.append(&mut self.staged);
        positions.append(&mut self.deferred);
        for position in positions.drain(..) {
            let entry = &self.entries[position as usize];
            // A position may be in several lists, and an entry may have been cancelled.
            if matches!(entry.state, EntryState::Dirty | EntryState::Logged | EntryState::Staged) {
                forgotten(&entry.key);
                self.remove(position);
            }
        }
        self.dirty = positions;
        let left = self.uncommitted.entries + self.logged.entries;
        assert!(left == 0, "{left} uncommitted entries in no list");
    }

    /// Bytes held by dirty and staged entries.
    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.bytes(self.uncommitted)
    }

    /// Bytes held by entries that are logged and whose write is pending.
    pub(crate) fn deferred_bytes(&self) -> usize {
        self.bytes(self.logged)
    }

    /// Whether the log has changes that neither the backend nor a batch has.
    pub(crate) fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// Bytes held by clean entries.
    pub(crate) fn clean_bytes(&self) -> usize {
        self.bytes(self.clean)
    }

    /// Bytes taken by all places for entries, used or free.
    pub(crate) fn slab_bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry<T>>()
    }

    /// Changes whenever a key comes into the index or leaves it.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the last update.
    pub(crate) fn updates(&self) -> u32 {
        self.sequence
    }

    /// Whether a key has come into being after the update of the number `since`, and was not staged since. `was_stored`
    /// tells whether the backend has a value for it, which counts if the overlay did not know the key before. Between two
    /// commits there are fewer than 2^31 updates.
    pub(crate) fn is_new(&self, position: u32, since: u32, was_stored: bool) -> bool {
        let entry = &self.entries[position as usize];
        let is_later = || entry.born.wrapping_sub(since).cast_signed() > 0;
        match entry.birth {
            Birth::Old => false,
            Birth::Unknown => is_later() && !was_stored,
            Birth::New => is_later(),
        }
    }

    /// Takes the size of a serialized value into the average.
    pub(crate) fn note_value(&mut self, bytes: usize) {
        if needs_drop::<T>() {
            // Moves an eighth of the way: cheap, and recent values count more.
            self.value_bytes =
                if self.value_bytes == 0 { bytes } else { (self.value_bytes * 7 + bytes).div_ceil(8) };
        }
    }

    /// Builds the index of keys, unless there is one.
    pub(crate) fn build_index(&mut self) {
        let entries = &self.entries;
        self.index.get_or_insert_with(|| {
            let present = entries.iter().enumerate().filter(|(_, entry)| entry.state != EntryState::Free);
            present.map(|(position, entry)| (entry.key.clone(), position as u32)).collect()
        });
    }

    /// Keys in their order, with positions, if a scan has built the index.
    pub(crate) fn index(&self) -> Option<&BTreeMap<KeyBytes, u32>> {
        self.index.as_ref()
    }

    fn bytes(&self, held: Held) -> usize {
        let index = if self.index.is_some() { size_of::<KeyBytes>() + SLOT_BYTES } else { 0 };
        let each = size_of::<Entry<T>>() + SLOT_BYTES + index + self.value_bytes;
        held.entries * each + held.key_bytes
    }

    fn held(&mut self, state: EntryState) -> &mut Held {
        match state {
            EntryState::Clean => &mut self.clean,
            EntryState::Logged => &mut self.logged,
            EntryState::Free | EntryState::Dirty | EntryState::Staged => &mut self.uncommitted,
        }
    }

    fn enter(&mut self, position: u32, state: EntryState) {
        let entry = &mut self.entries[position as usize];
        let key_bytes = entry.key_bytes();
        let before = std::mem::replace(&mut entry.state, state);
        debug_assert!(before.may_become(state), "an entry went from {before:?} to {state:?}");
        self.held(before).leave(key_bytes);
        self.held(state).enter(key_bytes);
    }

    fn hash(&self, key: &[u8]) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish() as u32
    }

    fn insert(&mut self, hash: u32, key: &[u8], value: Option<T>, state: EntryState) -> u32 {
        let key_bytes = KeyBytes::from_slice(key);
        let entry = Entry::new(key_bytes, hash, value, state);
        let key_bytes = entry.key_bytes();
        let position = match self.free.pop() {
            Some(position) => {
                self.entries[position as usize] = entry;
                position
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.held(state).enter(key_bytes);
        let entries = &self.entries;
        self.latest = position as usize;
        self.table.insert_unique(wide(hash), position, |position| wide(entries[*position as usize].hash));
        if let Some(index) = &mut self.index {
            index.insert(KeyBytes::from_slice(key), position);
            self.epoch += 1;
        }
        position
    }

    fn remove(&mut self, position: u32) {
        let entry = &mut self.entries[position as usize];
        assert!(entry.state != EntryState::Free, "removed an entry twice");
        let state = std::mem::replace(&mut entry.state, EntryState::Free);
        let key_bytes = entry.key_bytes();
        let key = std::mem::take(&mut entry.key);
        entry.value = None;
        entry.headers = Headers::new();
        entry.change = NO_CHANGE;
        let hash = entry.hash;
        self.held(state).leave(key_bytes);
        if let Ok(found) = self.table.find_entry(wide(hash), |at| *at == position) {
            found.remove();
        }
        if let Some(index) = &mut self.index {
            index.remove(&key);
            self.epoch += 1;
        }
        self.free.push(position);
    }
}

impl Held {
    fn enter(&mut self, key_bytes: usize) {
        self.entries += 1;
        self.key_bytes += key_bytes;
    }

    fn leave(&mut self, key_bytes: usize) {
        self.entries -= 1;
        self.key_bytes -= key_bytes;
    }
}

#[cfg(test)]
mod tests;
