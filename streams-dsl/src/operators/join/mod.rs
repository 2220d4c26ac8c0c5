//! Joins: a stream with a table, with a global table, and with another stream.
//!
//! | file | methods | partner | triggered by |
//! |---|---|---|---|
//! | `stream_table` | `join`, `left_join` | `KTable` | records of the stream |
//! | `stream_global_table` | `join_global`, `left_join_global` | `GlobalKTable` | records of the stream |
//! | `stream_stream` | `join_stream` | `KStream`, within `JoinWindows` | records of both |
//!
//! The methods have names of their own for each kind of partner: one name for all would need a trait in the signature,
//! and with it the types of a joiner's arguments could no longer be inferred.

mod stream_global_table;
mod stream_stream;
mod stream_stream_processor;
mod stream_table;
mod stream_table_grace;
