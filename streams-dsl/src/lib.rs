//! A stream-processing library for Rust: the counterpart of Apache Kafka Streams.
//!
//! A program describes its processing as steps on streams and tables with a [`StreamsBuilder`]; `build` turns the steps
//! into a topology, which the runtime executes against topics. Names, semantics and formats are those of Kafka Streams
//! 4.3.1. `use streams_dsl::prelude::*` brings everything that a program needs.
//!
//! The crate has three layers, one way: the *surface* ([`StreamsBuilder`], [`KStream`], [`KTable`] and their options)
//! adds nodes to the *logical plan* (`graph`), which is optimised and written into a topology; the *processors* stand
//! with their operators, one file each (`operators`).

mod cogrouped;
pub mod error;
mod global_table;
mod graph;
mod grouped;
mod grouped_table;
mod naming;
pub mod operators;
pub mod options;
pub mod prelude;
mod row_store;
mod stream;
mod streams_builder;
mod table;
mod table_store;
mod value_getter;
mod value_transformer;
mod windowed;
pub mod windows;

pub use cogrouped::{
    CogroupedBy, CogroupedKStream, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream,
};
pub use error::DslError;
pub use global_table::GlobalKTable;
pub use grouped::KGroupedStream;
pub use grouped_table::KGroupedTable;
pub use stream::KStream;
pub use streams_builder::{StreamsBuilder, Topics};
pub use table::KTable;
pub use value_transformer::{TransformContext, ValueTransformer};
pub use windowed::{SessionWindowedKStream, TimeWindowedKStream, WindowedBy};

pub use streams_core as core;
