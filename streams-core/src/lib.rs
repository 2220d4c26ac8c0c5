//! The engine: topology, Processor API, transports, runtime and test driver.

pub mod config;
pub mod ids;
pub mod partitioner;
pub mod record;
pub mod serde;
pub mod time;
pub mod transport;
pub mod window;
