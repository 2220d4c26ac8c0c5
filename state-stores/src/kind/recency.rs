//! The order in which the keys of an LRU map were used, which decides what it evicts (`MemoryLRUCache`).
//!
//! The order is stored in the keyspace `recency/<store>`: RK → int64 number of the last committed use. A restored map has
//! the order of its changelog.

use std::collections::BTreeMap;
use std::ops::Bound;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::backend::batch::Batch;
use crate::backend::{BackendRef, Direction, Keyspace};
use crate::error::{Result, StoreError};
use crate::keyspaces::recency_keyspace;
use crate::overlay::KeyBytes;

/// The keys of a store in the order of their last use.
pub(crate) struct Recency {
    store: String,
    backend: BackendRef,
    keyspace: Keyspace,
    max_entries: usize,
    order: BTreeMap<u64, KeyBytes>,
    uses: HashMap<KeyBytes, u64, RandomState>,
    next: u64,
    /// Keys put or deleted since the last stage.
    changed: Vec<KeyBytes>,
}

impl Recency {
    /// Loads the committed order. A map has room for at least one key.
    pub(crate) fn open(store: &str, backend: &BackendRef, max_entries: usize) -> Result<Self> {
        let mut recency = Recency {
            store: store.to_owned(),
            backend: backend.clone(),
            keyspace: recency_keyspace(&**backend, store)?,
            max_entries: max_entries.max(1),
            order: BTreeMap::new(),
            uses: HashMap::default(),
            next: 0,
            changed: Vec::new(),
        };
        recency.load()?;
        Ok(recency)
    }

    /// Records that a key was read.
    pub(crate) fn used(&mut self, key: &[u8]) {
        let Some(number) = self.uses.get_mut(key) else { return };
        if let Some(key) = self.order.remove(number) {
            *number = self.next;
            self.order.insert(self.next, key);
            self.next += 1;
        }
    }

    /// Records that a key is put. Returns the key to evict for it.
    pub(crate) fn put(&mut self, key: &[u8]) -> Option<KeyBytes> {
        let bytes = KeyBytes::from_slice(key);
        self.changed.push(bytes.clone());
        if self.uses.contains_key(key) {
            self.used(key);
            return None;
        }
        self.order.insert(self.next, bytes.clone());
        self.uses.insert(bytes, self.next);
        self.next += 1;
        if self.uses.len() <= self.max_entries {
            return None;
        }
        let (_, eldest) = self.order.pop_first()?;
        self.uses.remove(&eldest);
        self.changed.push(eldest.clone());
        Some(eldest)
    }

    /// Records that a key is deleted.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Some(number) = self.uses.remove(key) {
            self.order.remove(&number);
            self.changed.push(KeyBytes::from_slice(key));
        }
    }

    pub(crate) fn stage(&mut self, batch: &mut Batch) {
        self.changed.sort_unstable();
        self.changed.dedup();
        for key in self.changed.drain(..) {
            match self.uses.get(&key) {
                Some(number) => batch.put(self.keyspace, &key, &number.to_be_bytes()),
                None => batch.delete(self.keyspace, &key),
            }
        }
    }

    /// Rolls back what was not committed.
    pub(crate) fn rollback(&mut self) -> Result<()> {
        self.changed.clear();
        self.load()
    }

    fn load(&mut self) -> Result<()> {
        self.order.clear();
        self.uses.clear();
        let all = (Bound::Unbounded, Bound::Unbounded);
        for row in self.backend.scan(self.keyspace, all, Direction::Forward)? {
            let (key, number) = row?;
            let number: std::result::Result<[u8; 8], _> = (&*number).try_into();
            let number = number.map(u64::from_be_bytes).map_err(|_| StoreError::Corrupt {
                store: self.store.clone(),
                what: "the number of a key's last use",
                detail: "it has not eight bytes".to_owned(),
            })?;
            self.order.insert(number, KeyBytes::from_slice(&key));
            self.uses.insert(KeyBytes::from_slice(&key), number);
            self.next = self.next.max(number + 1);
        }
        Ok(())
    }
}
