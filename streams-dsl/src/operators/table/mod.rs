//! Operators of tables.

mod forwarder;

pub(crate) use forwarder::TableForwarder;
