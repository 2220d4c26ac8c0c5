//! Runs a topology without threads, network or waiting (`org.apache.kafka.streams.TopologyTestDriver`).

mod driver;
mod pipeline;
mod topics;

pub use driver::{CommitPolicy, DriverBuilder, TopologyTestDriver};
pub use topics::{RawTestRecord, TestInputTopic, TestOutputTopic, TestRecord};
