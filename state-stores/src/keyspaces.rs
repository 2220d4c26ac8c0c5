//! The names of a store's keyspaces.
//!
//! A store's rows are in `store/<name>`; other data of a store is in a keyspace of its kind, such as
//! `recency/<name>`; keyspaces of the whole database begin with `state/`. So no store's name can collide with another
//! store's keyspaces or with those of the database.

use crate::backend::{Backend, Keyspace};
use crate::error::Result;

/// Separates the kind of a keyspace from the store's name. A layout without it is of an earlier version.
pub const KIND_END: char = '/';

/// The name of the keyspace of a store's rows.
pub fn store_keyspace_name(store: &str) -> String {
    format!("store{KIND_END}{store}")
}

/// The keyspace of a store's rows.
pub fn store_keyspace(backend: &dyn Backend, store: &str) -> Result<Keyspace> {
    backend.keyspace(&store_keyspace_name(store))
}

/// The keyspace with the order of an LRU map's keys.
pub(crate) fn recency_keyspace(backend: &dyn Backend, store: &str) -> Result<Keyspace> {
    backend.keyspace(&format!("recency{KIND_END}{store}"))
}
