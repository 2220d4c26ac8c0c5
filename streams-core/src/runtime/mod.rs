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

mod application_plan;
mod assignment;
mod backends;
mod changelog_settings;
mod commit;
mod connect;
mod control;
mod dead_letters;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod engine;
mod global_thread;
mod holders;
mod instance;
mod joining;
mod kafka_streams;
mod left_out;
mod left_over;
mod lifecycle;
mod measures;
mod member;
mod memory;
mod observer;
mod pace;
mod partition_group;
mod quiet;
mod record_collector;
mod record_queue;
mod refusals;
mod renewal;
mod requests;
mod restart_wait;
mod restore;
mod restore_listener;
mod run;
mod said;
#[cfg(unix)]
mod shutdown;
mod state_cleaner;
mod state_directory;
mod state_place;
mod stats;
mod stream_thread;
mod task;
mod task_graph;
mod threads;
pub(crate) mod topic_setup;
mod topic_watch;
#[cfg(test)]
pub(crate) mod trial;
mod uncaught;
mod waits;

#[doc(hidden)]
pub use connect::{clean_up, connect};
pub use kafka_streams::{KafkaStreams, KafkaStreamsBuilder, StateListener};
pub use lifecycle::State;
pub use restore_listener::StateRestoreListener;
#[cfg(unix)]
pub use shutdown::shutdown_signal;
pub use stats::Totals;
pub use uncaught::{StreamThreadExceptionResponse, StreamsUncaughtExceptionHandler};
pub use waits::WaitReason;

pub use crate::transport::{OAuthToken, TokenProvider};
