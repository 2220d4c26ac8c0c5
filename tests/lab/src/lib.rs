//! The Kafka lab: starts real Kafka brokers (4.3.1, or the version that `KAFKA_VERSION` names) and the Java programs of
//! `tests/java`, and talks to them.
#![expect(clippy::disallowed_methods, reason = "it waits for other processes, by the clock of the machine")]

mod acl;
mod broker;
mod change;
mod client;
mod cluster;
mod consume;
mod error;
mod golden;
mod java;
mod offsets;
mod passing;
mod ports;
mod process;
mod produce;
mod raw;
mod secure;
mod shared;
mod sys;
mod transaction;
mod watchdog;

pub use acl::{Acl, Operation, Resource};
pub use client::KafkaClient;
pub use cluster::{ClusterOptions, KafkaCluster, ProxiedListener};
pub use consume::ConsumedRecord;
pub use error::LabError;
pub use golden::{GoldenFile, golden_files};
pub use java::{JavaLab, KAFKA_VERSION, broker_version, target_directory};
pub use offsets::{CommittedOffset, GroupOffsets, PartitionOffsets};
pub use ports::free_port;
pub use process::{LabProcess, ProcessUsage};
pub use produce::{FirstFailure, LabProducer, TestRecord};
pub use secure::{Certificate, Secured, USERS};
pub use shared::{shared, shared_secured};
pub use sys::on_terminate;
pub use transaction::TestTransaction;
