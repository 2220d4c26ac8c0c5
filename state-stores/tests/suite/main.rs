//! Scenarios over whole stores, each on both backends. One binary, because RocksDB is linked into each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod backends;
mod changes;
mod counting;
mod crash;
mod deferred;
mod expiry;
mod layout;
mod limits;
mod lru;
mod model_key_value;
mod model_list_value;
mod model_session;
mod model_versioned;
mod model_window;
mod restoring;
mod scans;
mod support;
