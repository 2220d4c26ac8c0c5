//! The iteration orders of Java's `HashSet` and `TreeSet`, on which some results of Kafka Streams depend.
//!
//! `Topology.describe()` keeps topics and stores in hash sets, and nodes in tree sets whose comparator
//! reads a size that still changes after a node was put in. To print the same text, the same orders are
//! needed; so they are to derive the same numbers of partitions (see `derive`).

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// `String.hashCode`.
pub(super) fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `String.compareTo`, which compares UTF-16 units.
pub(super) fn compare_strings(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

/// `Map<String, String>.hashCode`.
pub(super) fn string_map_hash(map: &BTreeMap<String, String>) -> u32 {
    let entry = |(key, value): (&String, &String)| string_hash(key) ^ string_hash(value);
    map.iter().map(entry).fold(0, u32::wrapping_add)
}

/// `Objects.hash` of values with those hashes.
pub(super) fn objects_hash(hashes: &[u32]) -> u32 {
    hashes.iter().fold(1, |hash, &value| hash.wrapping_mul(31).wrapping_add(value))
}

/// `Long.hashCode`.
pub(super) fn long_hash(value: i64) -> u32 {
    let [high, low] = [value >> 32, value].map(|half| half as u32);
    high ^ low
}

/// The iteration order of `new HashSet<String>()` after adding those different strings one by one.
pub(super) fn hash_set_order<T: AsRef<str>>(added: &mut [T]) {
    hash_order(added, |text| string_hash(text.as_ref()));
}

/// The iteration order of `new HashSet<>()` or `new HashMap<>()` after adding those different keys one by
/// one.
pub(super) fn hash_order<T>(added: &mut [T], hash: impl Fn(&T) -> u32) {
    let mut table = 16;
    while added.len() > table / 4 * 3 {
        table *= 2;
    }
    sort_by_bucket(added, table, hash);
}

/// The iteration order of `new HashSet<String>(collection)` for a collection that iterates over those
/// strings.
pub(super) fn hash_set_copy_order<T: AsRef<str>>(copied: &mut [T]) {
    // The constructor asks for room for `max((int) (size / .75f) + 1, 16)` and gets the next power of two.
    let table = (copied.len() * 4 / 3 + 1).max(16).next_power_of_two();
    sort_by_bucket(copied, table, |text| string_hash(text.as_ref()));
}

/// Keys of one bucket stay in the order they were added, through every enlargement of the table. (A bucket
/// of more than eight would become a tree; names do not collide like that.)
fn sort_by_bucket<T>(keys: &mut [T], table: usize, hash: impl Fn(&T) -> u32) {
    keys.sort_by_key(|key| {
        let hash = hash(key);
        (hash ^ (hash >> 16)) as usize & (table - 1)
    });
}

/// A `java.util.TreeSet`: a red-black tree whose shape, and so whose order, is Java's even if the
/// comparison changes between two insertions.
#[derive(Clone, Debug, Default)]
pub(super) struct TreeSet {
    entries: Vec<Entry>,
    root: Option<usize>,
}

#[derive(Clone, Debug)]
struct Entry {
    value: usize,
    parent: Option<usize>,
    /// The children: the lesser, the greater.
    child: [Option<usize>; 2],
    red: bool,
}

impl TreeSet {
    /// Inserts a value, unless the comparison leads to an equal one.
    pub(super) fn insert(&mut self, value: usize, compare: impl Fn(usize, usize) -> Ordering) {
        let (mut parent, mut side) = (None, 0);
        let mut at = self.root;
        while let Some(entry) = at.and_then(|index| self.entries.get(index)) {
            side = match compare(value, entry.value) {
                Ordering::Less => 0,
                Ordering::Equal => return,
                Ordering::Greater => 1,
            };
            parent = at;
            at = child(entry, side);
        }
        let new = self.entries.len();
        self.entries.push(Entry { value, parent, child: [None, None], red: true });
        match parent {
            Some(parent) => self.set_child(parent, side, Some(new)),
            None => self.root = Some(new),
        }
        self.rebalance(new);
    }

    /// The values in the tree's order.
    pub(super) fn values(&self) -> Vec<usize> {
        let mut values = Vec::with_capacity(self.entries.len());
        let (mut open, mut at) = (Vec::new(), self.root);
        loop {
            while let Some(entry) = at.and_then(|index| self.entries.get(index)) {
                open.push(entry);
                at = child(entry, 0);
            }
            let Some(entry) = open.pop() else { return values };
            values.push(entry.value);
            at = child(entry, 1);
        }
    }

    /// `TreeMap.fixAfterInsertion`.
    fn rebalance(&mut self, new: usize) {
        let mut at = new;
        while let Some(parent) = self.parent(at).filter(|&parent| self.is_red(Some(parent))) {
            let Some(grandparent) = self.parent(parent) else { break };
            let side = self.side_of(grandparent, parent);
            let uncle = self.child(grandparent, 1 - side);
            if self.is_red(uncle) {
                self.set_red(Some(parent), false);
                self.set_red(uncle, false);
                self.set_red(Some(grandparent), true);
                at = grandparent;
                continue;
            }
            let mut top = parent;
            if self.child(parent, 1 - side) == Some(at) {
                self.rotate(parent, side);
                top = at;
                at = parent;
            }
            self.set_red(Some(top), false);
            self.set_red(Some(grandparent), true);
            self.rotate(grandparent, 1 - side);
        }
        self.set_red(self.root, false);
    }

    /// Moves an entry down to that side; its child on the other side takes its place.
    fn rotate(&mut self, at: usize, side: usize) {
        let Some(up) = self.child(at, 1 - side) else { return };
        let inner = self.child(up, side);
        let parent = self.parent(at);
        self.set_child(at, 1 - side, inner);
        match parent {
            Some(parent) => {
                let side = self.side_of(parent, at);
                self.set_child(parent, side, Some(up));
            }
            None => {
                self.root = Some(up);
                self.set_parent(up, None);
            }
        }
        self.set_child(up, side, Some(at));
    }

    fn parent(&self, at: usize) -> Option<usize> {
        self.entries.get(at)?.parent
    }

    fn child(&self, at: usize, side: usize) -> Option<usize> {
        child(self.entries.get(at)?, side)
    }

    fn side_of(&self, parent: usize, of: usize) -> usize {
        usize::from(self.child(parent, 0) != Some(of))
    }

    fn is_red(&self, at: Option<usize>) -> bool {
        at.and_then(|at| self.entries.get(at)).is_some_and(|entry| entry.red)
    }

    fn set_red(&mut self, at: Option<usize>, red: bool) {
        if let Some(entry) = at.and_then(|at| self.entries.get_mut(at)) {
            entry.red = red;
        }
    }

    fn set_parent(&mut self, at: usize, parent: Option<usize>) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.parent = parent;
        }
    }

    fn set_child(&mut self, at: usize, side: usize, new: Option<usize>) {
        if let Some(slot) = self.entries.get_mut(at).and_then(|entry| entry.child.get_mut(side)) {
            *slot = new;
        }
        if let Some(new) = new {
            self.set_parent(new, Some(at));
        }
    }
}

fn child(entry: &Entry, side: usize) -> Option<usize> {
    entry.child.get(side).copied().flatten()
}

#[cfg(test)]
mod tests;
