//! The engine: topology, Processor API, transports, runtime and test driver.

pub mod ids;
pub mod record;
pub mod serde;
pub mod time;
pub mod topology;
pub mod transport;
