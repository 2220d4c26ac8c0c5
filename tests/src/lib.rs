//! What the cross-crate suites share: a real Apache Kafka to test against, applications under test with their checks,
//! the benchmark harness, and the random oracle.

pub mod apps;
pub mod bench;
pub mod checks;
pub mod oracle;

pub use lab;
