//! Joins: a stream with a table, with a global table, and with another stream.
//!
//! | file | join | triggered by |
//! |---|---|---|
//! | `stream_table` | `join`, `left_join` with a [`KTable`](crate::KTable) | records of the stream |
//! | `stream_global_table` | `join_global`, `left_join_global` with a [`GlobalKTable`](crate::GlobalKTable) | records of the stream |
//! | `stream_stream` | `join_stream` with a [`KStream`](crate::KStream), within [`JoinWindows`](crate::windows::JoinWindows) | records of both |
//!
//! The methods have names of their own for each kind of partner: one name for all would need a trait in the signature,
//! and with it the types of a joiner's arguments could no longer be inferred.

mod stream_global_table;
mod stream_stream;
mod stream_stream_processor;
mod stream_table;
