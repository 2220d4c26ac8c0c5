//! The DSL as programs use it, on the test driver: one binary, as each links the C libraries. Apart from it are `run`, which
//! sends its own process a signal, and `without_features`, which is built in another way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod calendar_windows;
mod chains;
mod dead_letters;
mod driver;
mod end_of_time;
mod fallible;
mod fan_out;
mod foreign_key_partitions;
mod join_edges;
mod left_out;
mod mistakes;
mod stateful_behaviour;
mod stateful_describe;
mod store_refs;
mod support;
mod two_things;
mod unreadable_rows;
mod unserializable;
mod unstable_serdes;
mod user_code;
mod windows;
