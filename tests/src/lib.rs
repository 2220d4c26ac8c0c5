//! What the cross-crate suites share: a real Apache Kafka to test against, and the benchmark harness.

pub mod bench;
pub mod lab;
