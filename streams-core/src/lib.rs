//! The engine of `kstreams`: topology, Processor API, transports, runtime and test driver.
//!
//! Programs depend on `kstreams`, which re-exports what they need. Items hidden from this documentation serve the other
//! crates of this workspace and may change in any version.
// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), deny(clippy::expect_used))]

pub mod config;
pub mod embedded;
mod embedded_topic;
pub mod error;
pub mod ids;
pub mod metrics;
pub mod partitioner;
pub mod processor;
pub mod record;
pub mod runtime;
pub mod serde;
mod stack;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
mod time_queue;
pub mod topology;
pub mod transport;
mod user_code;
pub mod window;
