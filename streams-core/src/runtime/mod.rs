//! The runtime: threads own tasks, tasks own stores, and all of a thread's work is committed together.
//!
//! ```text
//! KafkaStreams ── control thread ── Membership        who runs which task
//!      │              │ commands
//!      │              ▼
//!      ├── StreamThread × n ── StreamTask × m         fetch, process, punctuate, commit
//!      │        │ OpenRequest        ▲ OpenedTask
//!      │        ▼                    │
//!      ├── Restorer ─────────────────┘                rebuilds stores off the record path
//!      └── GlobalThread                               keeps global stores current
//! ```

mod assignment;
mod backends;
mod changelog_settings;
mod commit;
mod connect;
mod control;
mod dead_letters;
mod global_thread;
mod graph;
mod joining;
mod kafka_streams;
mod launch;
mod left_out;
mod left_over;
mod lifecycle;
mod measures;
mod member;
mod memory;
mod observer;
mod pace;
mod partition_group;
mod plan;
mod quiet;
mod record_collector;
mod record_queue;
mod refusals;
mod renewal;
mod restore;
mod run;
pub(crate) mod setup;
#[cfg(unix)]
mod shutdown;
mod state_cleaner;
mod state_directory;
mod state_place;
mod stats;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod steps;
mod stream_thread;
mod task;
mod threads;
mod topic_watch;
#[cfg(test)]
mod trial;
mod waits;

#[doc(hidden)]
pub use connect::connect;
pub use kafka_streams::{KafkaStreams, KafkaStreamsBuilder, StateListener};
pub use lifecycle::State;
#[cfg(unix)]
pub use shutdown::shutdown_signal;
pub use stats::StreamsMetrics;
pub use waits::WaitReason;

pub use crate::transport::{OAuthToken, TokenProvider};
