//! A cluster that asks who comes and what they may: log-ins, certificates and rights, given, wrong, missing and taken away;
//! and a broker whose bytes are damaged.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

mod damage;
mod entrance;
mod rights;
mod support;
