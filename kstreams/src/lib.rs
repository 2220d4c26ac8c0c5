//! A stream-processing library for Rust: the counterpart of Apache Kafka Streams.
//!
//! [`prelude`] brings what a program needs; the modules hold the rest.
#![doc = include_str!("../README.md")]
// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), deny(clippy::expect_used))]

// A macro stands at the root of the crate that defines it.
pub use streams_dsl::core::json_serde;
#[cfg(feature = "testing")]
#[doc(inline)]
pub use streams_dsl::core::testing;
#[doc(inline)]
pub use streams_dsl::core::{
    config, embedded, error, ids, metrics, partitioner, processor, record, runtime, serde, store, time,
    topology, window,
};
#[doc(inline)]
pub use streams_dsl::{
    Branched, BranchedKStream, CogroupedKStream, DslError, GlobalKTable, JoinedTable, KGroupedStream,
    KGroupedTable, KStream, KTable, Layout, OptionError, SessionWindowedCogroupedKStream,
    SessionWindowedKStream, StreamsBuilder, TimeWindowedCogroupedKStream, TimeWindowedKStream, Topics,
    TransformContext, Unmerged, ValueTransformer,
};
#[doc(inline)]
pub use streams_dsl::{options, prelude, windows};
