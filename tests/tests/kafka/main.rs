//! Reliability on a real Apache Kafka: applications are killed, spread, cut off and fed with bad input.
//!
//! One scenario a file. They share one broker, so each has topics and an application id of its own; a few run at the
//! same time. `SEED=<n>` repeats the random moments of a run.

#![allow(clippy::panic, reason = "tests fail by panicking")]
#![expect(
    clippy::disallowed_methods,
    reason = "it waits for brokers and processes, by the clock of the machine"
)]

mod broker_restart;
mod kill;
mod processes;
mod support;
