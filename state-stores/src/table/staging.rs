//! Entries on their way into a batch, which has another order than the changelog.
//!
//! Changes are logged in the order of their updates. The backend gets them in the order of their keys: RocksDB's
//! memtable is a skip list, where an insert next to the previous one is much cheaper than a random one.

use crate::backend::Keyspace;
use crate::backend::batch::Batch;
use crate::overlay::Overlay;

/// How many bytes of a key are compared without looking at the entry.
const PREFIX_BYTES: usize = size_of::<u128>();

/// Staged entries and their serialized values. Kept for its memory.
#[derive(Default)]
pub(super) struct Staging {
    /// Serialized values, one after the other.
    pub(super) values: Vec<u8>,
    entries: Vec<Staged>,
}

struct Staged {
    /// The first bytes of the key after those that all keys share.
    prefix: u128,
    position: u32,
    /// The position of the value in `values`.
    start: usize,
    end: usize,
}

impl Staging {
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.entries.clear();
    }

    /// Adds an entry, whose value is what follows `start` in `values`.
    pub(super) fn add(&mut self, position: u32, start: usize) {
        self.entries.push(Staged { prefix: 0, position, start, end: self.values.len() });
    }

    /// Appends the entries to a batch.
    pub(super) fn write<T>(&mut self, overlay: &Overlay<T>, keyspace: Keyspace, batch: &mut Batch) {
        self.sort(overlay);
        for staged in &self.entries {
            let entry = overlay.entry(staged.position);
            match &entry.value {
                Some(_) => batch.put(keyspace, &entry.key, &self.values[staged.start..staged.end]),
                None => batch.delete(keyspace, &entry.key),
            }
        }
    }

    fn sort<T>(&mut self, overlay: &Overlay<T>) {
        let Some(first) = self.entries.first() else { return };
        let key = |position: u32| &overlay.entry(position).key[..];
        let (first, mut shared) = (key(first.position), usize::MAX);
        for staged in &self.entries {
            let same = first.iter().zip(key(staged.position)).take(shared);
            shared = same.take_while(|(one, other)| one == other).count();
        }
        for staged in &mut self.entries {
            let mut prefix = [0; PREFIX_BYTES];
            let rest = &key(staged.position)[shared..];
            let known = rest.len().min(PREFIX_BYTES);
            prefix[..known].copy_from_slice(&rest[..known]);
            staged.prefix = u128::from_be_bytes(prefix);
        }
        // Equal prefixes (long keys, or zero bytes at the end of short ones) are rare; then the whole keys are compared.
        self.entries.sort_unstable_by(|one, other| {
            one.prefix.cmp(&other.prefix).then_with(|| key(one.position).cmp(key(other.position)))
        });
    }
}
