//! Reliability on a real Apache Kafka: applications are killed, spread, cut off and fed with bad input.
//!
//! One scenario a file. They share one broker, so each has topics and an application id of its own; a few run at the
//! same time. `SEED=<n>` repeats the random moments of a run.
//!
//! Some ways of getting it wrong are tested nearer to the code:
//! - expired windows leave the disk: `state-stores/tests/suite/expiry.rs`;
//! - a change of key before an aggregation or join always repartitions: `streams-dsl/tests/stateful_describe.rs`, and
//!   `conformance` beside this suite;
//! - an unknown configuration key is refused with the nearest: `streams-core/src/config/tests.rs`.

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
mod kill;
mod kill_embedded;
mod poison;
mod processes;
mod records;
mod support;
mod time;
