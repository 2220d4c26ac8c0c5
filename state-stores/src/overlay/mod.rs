//! Typed entries in memory: everything not yet committed, and a bounded cache of committed ("clean") entries.
//!
//! An entry is keyed by its serialized local key and holds its value as an object, which is serialized when
//! it is staged and not before. `None` is known absence: after a delete, or after a read that found nothing.
//!
//! ```text
//!            update                stage                 batch written
//! (absent) ---------> dirty -------------------> staged ---------------> clean --- evicted
//!     \                 ^------------------------/  ^------ update ------/ ^
//!      \--- a read loads it from the backend ---------------------------- -/
//! ```

mod entry;
mod evict;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

pub(crate) use self::entry::{Entry, KeyBytes, NO_CHANGE, State};
use crate::headers::Headers;

/// A hash table slot of an entry, and what an ordered index adds for it.
const SLOT_BYTES: usize = 8;

/// The entries of one store.
pub(crate) struct Overlay<T> {
    /// Positions in `entries`, found by the hash that each entry keeps: growing the table hashes nothing
    /// again.
    table: HashTable<u32>,
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    hasher: RandomState,
    /// Keys in order; built by the first range read and kept up from then on.
    index: Option<BTreeMap<KeyBytes, u32>>,
    /// Entries that became dirty since the last stage, each once, and those staged since the last commit.
    dirty: Vec<u32>,
    staged: Vec<u32>,
    /// Numbers updates: entries are staged in the order of their last update.
    sequence: u64,
    /// Where the last entry was found: updates mostly follow a read of the same key.
    latest: usize,
    /// The position at which the clock's hand stands.
    hand: usize,
    clean: Held,
    uncommitted: Held,
    /// How many bytes a serialized value has, on average over those seen lately.
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
    /// Whether the entry was uncommitted already.
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
            dirty: Vec::new(),
            staged: Vec::new(),
            sequence: 0,
            latest: 0,
            hand: 0,
            clean: Held::default(),
            uncommitted: Held::default(),
            value_bytes: 0,
        }
    }

    /// Where the entry of a key is.
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<u32> {
        let latest = self.entries.get(self.latest);
        // A free entry has the empty key, which is one that may be looked for.
        if latest.is_some_and(|entry| *entry.key == *key && entry.state != State::Free) {
            return Some(self.latest as u32);
        }
        let hash = self.hash(key);
        let is_it = |position: &u32| {
            let entry = &self.entries[*position as usize];
            entry.hash == hash && *entry.key == *key
        };
        let found = self.table.find(hash, is_it).copied()?;
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
        self.insert(hash, key, value, State::Clean)
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
        let replaced = match self.find(key) {
            Some(position) => self.replace(position, value),
            None => {
                let hash = self.hash(key);
                let position = self.insert(hash, key, value, State::Dirty);
                self.entries[position as usize].fresh = is_absent();
                self.dirty.push(position);
                Replaced { position, old: None, uncommitted: false }
            }
        };
        self.sequence += 1;
        let entry = &mut self.entries[replaced.position as usize];
        entry.sequence = self.sequence;
        entry.timestamp = timestamp;
        entry.headers = headers;
        entry.touched = true;
        entry.came |= entry.value.is_some();
        replaced
    }

    fn replace(&mut self, position: u32, value: Option<T>) -> Replaced<T> {
        let entry = &mut self.entries[position as usize];
        let old = std::mem::replace(&mut entry.value, value);
        let state = std::mem::replace(&mut entry.state, State::Dirty);
        if state == State::Clean {
            entry.fresh = old.is_none();
            entry.came = false;
            self.clean.leave(entry.key.len());
            self.uncommitted.enter(entry.key.len());
        }
        if state != State::Dirty {
            self.dirty.push(position);
        }
        Replaced { position, old: Some(old), uncommitted: state != State::Clean }
    }

    /// Takes the positions that became dirty since the last call, in the order of their last updates. Some
    /// may not be dirty any more ([`Overlay::cancel`]).
    pub(crate) fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.sort_by_update(&mut dirty);
        dirty
    }

    /// Gives the list of [`Overlay::take_dirty`] back: to be kept if staging failed, else for its memory.
    pub(crate) fn restore_dirty(&mut self, dirty: Vec<u32>) {
        assert!(self.dirty.is_empty(), "updates while staging");
        self.dirty = dirty;
    }

    pub(crate) fn sort_by_update(&self, positions: &mut [u32]) {
        let entries = &self.entries;
        positions.sort_unstable_by_key(|position| entries[*position as usize].sequence);
    }

    /// Notes that a dirty entry is in the batch, with a value of that many bytes.
    pub(crate) fn stage(&mut self, position: u32, value_bytes: usize) {
        let entry = &mut self.entries[position as usize];
        assert!(entry.state == State::Dirty, "staged an entry that is not dirty");
        entry.state = State::Staged;
        (entry.fresh, entry.came) = (false, false);
        self.staged.push(position);
        self.note_value(value_bytes);
    }

    /// The staged entries are in the backend now. `is_needless` tells of which keys absence need not be remembered.
    pub(crate) fn committed(&mut self, is_needless: impl Fn(&[u8]) -> bool) {
        let mut staged = std::mem::take(&mut self.staged);
        for position in staged.drain(..) {
            if self.entries[position as usize].state == State::Staged {
                self.cancel(position, &is_needless);
            }
        }
        self.staged = staged;
    }

    /// An uncommitted entry holds what the backend holds: it is clean, and goes if it is a needless absence.
    pub(crate) fn cancel(&mut self, position: u32, is_needless: impl Fn(&[u8]) -> bool) {
        let entry = &mut self.entries[position as usize];
        entry.state = State::Clean;
        entry.headers = Headers::new();
        let needless = entry.value.is_none() && entry.is_evictable() && is_needless(&entry.key);
        self.uncommitted.leave(entry.key.len());
        self.clean.enter(entry.key.len());
        if needless {
            self.remove(position);
        }
    }

    /// Forgets a fresh entry, as if it had never been.
    pub(crate) fn discard(&mut self, position: u32) {
        assert!(self.entries[position as usize].fresh, "discarded an entry that others know of");
        // Its position stays in the list of dirty ones, which is read with that in mind.
        self.remove(position);
    }

    /// Forgets all uncommitted entries; tells `forgotten` the key of each.
    pub(crate) fn rollback(&mut self, mut forgotten: impl FnMut(&[u8])) {
        let mut positions = std::mem::take(&mut self.dirty);
        positions.append(&mut self.staged);
        for position in positions.drain(..) {
            let entry = &self.entries[position as usize];
            // A position may be in both lists, and an entry may have been cancelled.
            if matches!(entry.state, State::Dirty | State::Staged) {
                forgotten(&entry.key);
                self.remove(position);
            }
        }
        self.dirty = positions;
        assert!(self.uncommitted.entries == 0, "an uncommitted entry in no list");
    }

    /// Bytes held by dirty and staged entries.
    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.bytes(self.uncommitted)
    }

    /// Bytes held by clean entries.
    pub(crate) fn clean_bytes(&self) -> usize {
        self.bytes(self.clean)
    }

    /// Bytes taken by all places for entries, used or free.
    pub(crate) fn slab_bytes(&self) -> usize {
        self.entries.len() * size_of::<Entry<T>>()
    }

    /// Takes the size of a serialized value into the average.
    pub(crate) fn note_value(&mut self, bytes: usize) {
        // Moves an eighth of the way: cheap, and recent values count more.
        self.value_bytes =
            if self.value_bytes == 0 { bytes } else { (self.value_bytes * 7 + bytes).div_ceil(8) };
    }

    /// Keys in their order, with positions. Builds the index at first use.
    pub(crate) fn indexed(&mut self) -> &BTreeMap<KeyBytes, u32> {
        let entries = &self.entries;
        self.index.get_or_insert_with(|| {
            let present = entries.iter().enumerate().filter(|(_, entry)| entry.state != State::Free);
            present.map(|(position, entry)| (entry.key.clone(), position as u32)).collect()
        })
    }

    /// The index, if a range read has built it.
    pub(crate) fn index(&self) -> Option<&BTreeMap<KeyBytes, u32>> {
        self.index.as_ref()
    }

    fn bytes(&self, held: Held) -> usize {
        let index = if self.index.is_some() { size_of::<KeyBytes>() + SLOT_BYTES } else { 0 };
        let each = size_of::<Entry<T>>() + SLOT_BYTES + index + self.value_bytes;
        held.entries * each + held.key_bytes
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        hasher.finish()
    }

    fn insert(&mut self, hash: u64, key: &[u8], value: Option<T>, state: State) -> u32 {
        let key_bytes = KeyBytes::from_slice(key);
        let entry = Entry::new(key_bytes, hash, value, state);
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
        let held = if state == State::Clean { &mut self.clean } else { &mut self.uncommitted };
        held.enter(key.len());
        let entries = &self.entries;
        self.latest = position as usize;
        self.table.insert_unique(hash, position, |position| entries[*position as usize].hash);
        if let Some(index) = &mut self.index {
            index.insert(KeyBytes::from_slice(key), position);
        }
        position
    }

    fn remove(&mut self, position: u32) {
        let entry = &mut self.entries[position as usize];
        assert!(entry.state != State::Free, "removed an entry twice");
        let state = std::mem::replace(&mut entry.state, State::Free);
        let key = std::mem::take(&mut entry.key);
        entry.value = None;
        entry.headers = Headers::new();
        entry.change = NO_CHANGE;
        let held = if state == State::Clean { &mut self.clean } else { &mut self.uncommitted };
        held.leave(key.len());
        if let Ok(found) = self.table.find_entry(entry.hash, |at| *at == position) {
            found.remove();
        }
        if let Some(index) = &mut self.index {
            index.remove(&key);
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
