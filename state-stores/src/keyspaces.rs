//! Which keyspaces a store has, by name.
//!
//! A store's rows are in `store/<name>`; what it keeps beside them is in a keyspace of its kind, such as
//! `recency/<name>`; what belongs to the whole database begins with `state/`. So no store, whatever it is called, meets
//! another's keyspace or one that is not a store's.

use crate::backend::{Backend, Keyspace};
use crate::error::Result;

/// What lies between the kind of a keyspace and the store's name. A layout without it is of an earlier version.
pub const KIND_END: char = '/';

/// The name of the keyspace of a store's rows.
pub fn store_keyspace_name(store: &str) -> String {
    format!("store{KIND_END}{store}")
}

/// The keyspace of a store's rows.
pub fn store_keyspace(backend: &dyn Backend, store: &str) -> Result<Keyspace> {
    backend.keyspace(&store_keyspace_name(store))
}

/// Where an LRU map keeps the order of its keys.
pub(crate) fn recency_keyspace(backend: &dyn Backend, store: &str) -> Result<Keyspace> {
    backend.keyspace(&format!("recency{KIND_END}{store}"))
}
