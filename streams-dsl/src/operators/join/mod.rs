//! Joins: a stream with a table, with a global table, and with another stream; a table with another.
//!
//! | file | methods | partner | triggered by |
//! |---|---|---|---|
//! | `stream_table` | `join`, `left_join` | `KTable` | records of the stream |
//! | `stream_global_table` | `join_global`, `left_join_global` | `GlobalKTable` | records of the stream |
//! | `stream_stream` | `join_stream` | `KStream`, within `JoinWindows` | records of both |
//! | `stream_stream_left` | `left_join_stream` | the same | the same |
//! | `stream_stream_outer` | `outer_join_stream` | the same | the same |
//! | `table_table` | `join`, `left_join`, `outer_join` of a table | `KTable` | updates of both |
//! | `foreign_key` | `join_foreign_key`, `left_join_foreign_key` | `KTable` with another key, of a `KTable` | rows of both |
//!
//! Joins of two streams have much in common: `stream_stream_plan` adds their nodes, which `stream_stream_names` names;
//! `stream_stream_processor` has their processors, whose two sides differ by `stream_stream_side`;
//! `stream_stream_waiting` keeps what has found no partner yet, and `self_join_processor` joins a stream with itself.
//!
//! The methods have names of their own for each kind of partner: with one name for all, the types of a joiner's arguments
//! could no longer be inferred. `joined_table` is what says so to those who look for Kafka Streams' one name.

mod foreign_key;
mod joined_table;
mod self_join_processor;
mod stream_global_table;
mod stream_stream;
mod stream_stream_left;
mod stream_stream_names;
mod stream_stream_outer;
mod stream_stream_plan;
mod stream_stream_processor;
mod stream_stream_side;
mod stream_stream_waiting;
mod stream_table;
mod stream_table_grace;
mod table_table;
mod table_table_processor;

pub use joined_table::JoinedTable;
