//! A storm over a cluster and an application: faults of many kinds by a schedule that a seed makes, and what must hold
//! afterwards (`make storm`, docs/storm.md).
#![expect(clippy::disallowed_methods, reason = "it waits for other processes, by the clock of the machine")]

mod app;
mod databases;
mod faults;
mod proxy;
mod reader;
mod run;
mod schedule;
mod verdict;
mod wire;
mod world;

pub use proxy::{Act, Proxy, Rule, Rules, Way};
pub use run::{Storm, Weather};
pub use schedule::{Chance, Event, Fault, Right, schedule};
pub use wire::Api;
