//! The engine: topology, Processor API, transports, runtime and test driver.

pub mod config;
pub mod embedded_topic;
pub mod error;
pub mod ids;
pub mod metrics;
pub mod partitioner;
pub mod processor;
pub mod record;
pub mod runtime;
pub mod serde;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
mod time_queue;
pub mod topology;
pub mod transport;
mod user_code;
pub mod window;
