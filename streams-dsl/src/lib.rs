//! A stream-processing library for Rust: the counterpart of Apache Kafka Streams.
//!
//! A program describes its processing as steps on streams and tables with a [`StreamsBuilder`]; `build` turns the steps
//! into a topology, which the runtime executes against topics. Names, semantics and formats are those of Kafka Streams
//! 4.3.1. Programs depend on `kstreams`, which re-exports this crate; `use kstreams::prelude::*` brings what they need.
//!
//! The crate stands on floors, of which each uses those below it only; `tests/tests/tidy/modules.rs` holds the table.
//!
//! | floor | what it holds |
//! |---|---|
//! | `prelude` | what a program needs |
//! | `operators` | one operator a file: its method, what it adds to the plan, its processor |
//! | `handles` | [`StreamsBuilder`], [`KStream`], [`KTable`] and the other handles on a plan |
//! | `rows` | how the rows of tables are stored, looked up and forwarded |
//! | `graph` | the logical plan, its optimization, and its writing into a topology |
//! | `options` | serdes, names and stores of operators |
//! | `windows`, `naming`, `error` | window definitions, generated names, what can be wrong with a plan |
// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), deny(clippy::expect_used))]

pub mod error;
mod graph;
mod handles;
mod naming;
mod nulls;
pub mod operators;
pub mod options;
pub mod prelude;
mod rows;
pub mod windows;

pub use error::{DslError, OptionError};
pub use graph::Topics;
pub use handles::{
    GlobalKTable, KGroupedStream, KGroupedTable, KStream, KTable, SessionWindowedKStream, StreamsBuilder,
    TimeWindowedKStream,
};
pub use operators::aggregate::{
    CogroupedKStream, Layout, SessionWindowedCogroupedKStream, TimeWindowedCogroupedKStream, Unmerged,
};
pub use operators::join::JoinedTable;
pub use operators::stateless::{Branched, BranchedKStream};
pub use operators::table::{TransformContext, ValueTransformer};

pub use streams_core as core;
