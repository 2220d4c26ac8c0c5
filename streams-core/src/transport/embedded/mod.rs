//! A broker inside this process, in memory or durable in a directory: topics, transactions, groups, and faults on
//! demand.
//!
//! It keeps Kafka's semantics where a client can see them: a transaction's end takes an offset in each of its
//! partitions, read-committed readers stop at the oldest open transaction, a newer producer of a transactional id
//! fences the older one, and a commit with the fence of a past generation is refused.
//!
//! Invariants:
//! 1. A change is on disk before anybody can see it in memory, and is one atomic batch there. After a write that
//!    failed, no other one is attempted: the broker reports errors until it is opened again.
//! 2. No thread reads the disk while it holds the lock.
//! 3. The part of a durable log in memory is bounded ([`EmbeddedOptions::tail_bytes`]), except for open transactions,
//!    which exist only there and die with the process. A broker in memory holds everything.
//!
//! Differences from Kafka: topics are never created by use; a dead group member is gone at once, without a session
//! time-out; `retention.ms` and compaction are applied when enough has been written since the last time, never by time alone,
//! and without a `retention.ms` nothing is deleted; of a topic's settings, those of the clean-up and `max.message.bytes` have
//! an effect, and the others are only checked; replication factors, client properties and authentication are ignored.

mod admin;
mod assignment;
mod broker;
mod chunk;
mod cleaning;
mod consumer;
mod core;
mod faults;
mod groups;
mod log;
mod membership;
mod producer;
mod registry;
mod storage;
#[cfg(test)]
mod tests;
mod topic_settings;
mod transactions;
mod transport;

pub use broker::{EmbeddedBroker, EmbeddedOptions};
#[doc(hidden)]
pub use faults::{Fault, Faults, Operation, When};
pub use storage::Durability;
#[doc(hidden)]
pub use transport::EmbeddedTransport;
