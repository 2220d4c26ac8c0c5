//! The broker in the process: for one machine without Kafka, for first steps and for tests.

pub use crate::embedded_topic::EmbeddedTopic;
pub use crate::transport::embedded::{Durability, EmbeddedBroker, EmbeddedOptions};
