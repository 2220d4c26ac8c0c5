//! Reliability on a real Apache Kafka: applications are killed, spread, cut off and fed with bad input.
//!
//! One scenario a file. They share one broker, so each has topics and an application id of its own; a few run at the
//! same time. `SEED=<n>` chooses other random moments than those of every run.
//!
//! Known ways of getting it wrong, and what shows that this is not one of them:
//! - times and headers are lost, uncommitted records are read, a tombstone does not arrive: `records`;
//! - a second instance fences the first: `processes`, which also looks at the transactional ids;
//! - a task that is revoked in the middle of a transaction leaves half of its work, a close does not commit, an idle
//!   application commits: `commits`;
//! - an abort costs restored state, a failing record applies the batch before it twice, null keys and bad bytes panic:
//!   `poison`;
//! - the broker forgets markers of a transaction: `broker_restart`, and on demand `doubt`;
//! - something follows a commit in doubt: `doubt`, and the state machine in `streams-core/src/runtime/commit.rs`;
//! - aborted stretches of a changelog end a restore: `changelogs`;
//! - stream time is shared, empty partitions delay others: `time`;
//! - expired windows stay on disk: `state-stores/tests/suite/expiry.rs`;
//! - a change of key is not followed by a repartition: `streams-dsl/tests/suite/stateful_describe.rs`;
//! - an unknown setting is taken for granted: `streams-core/src/config/tests.rs`.

#![allow(clippy::panic, reason = "tests fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "it waits for brokers and processes, by the clock of the machine"
)]

mod bad_input;
mod broker_restart;
mod changelogs;
mod commits;
mod doubt;
mod examples;
mod formats;
mod interop;
mod kill;
mod kill_embedded;
mod patterns;
mod poison;
mod processes;
mod records;
mod support;
mod time;
