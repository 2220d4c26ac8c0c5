//! Members of one group that come, go, and stop for longer than the group waits.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

mod barred;
mod loops;
mod stopped;
mod unassigned;
