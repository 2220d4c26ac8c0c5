//! How each fault is made and undone. It is made on a thread of its own, so that several overlap.

mod broker;
mod disk;
mod network;
mod offsets;
mod process;
mod topic;

use std::time::{Duration, Instant};

use lab::LabError;

use crate::schedule::{Event, Fault, ONLY_REPLICA, PROCESSES};
use crate::world::World;

/// All processes.
const ALL: [usize; PROCESSES] = [0, 1, 2];

/// How long questions of faults are asked again, and faults tried to be undone: one that stays would be blamed on the
/// application.
const PATIENCE: Duration = Duration::from_secs(180);

/// What to report of a fault.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) text: String,
    /// Processes that did not end in order when they were closed, and what they said.
    pub(crate) ends: Vec<(usize, String)>,
    pub(crate) wrong: Vec<String>,
    /// How many messages of the network it was done to.
    pub(crate) touched: u64,
}

impl From<Result<String, LabError>> for Told {
    fn from(outcome: Result<String, LabError>) -> Self {
        match outcome {
            Ok(text) => Told { text, ..Told::default() },
            Err(error) => Told { wrong: vec![error.to_string()], ..Told::default() },
        }
    }
}

/// Makes it, lets it last and undoes it.
pub(crate) fn pass(world: &World, event: &Event) -> Told {
    let time = Duration::from_millis(event.for_ms);
    match &event.fault {
        Fault::KillProcess { process } => process::kill(world, &[*process], time).into(),
        Fault::KillAllProcesses => process::kill(world, &ALL, time).into(),
        Fault::StopProcess { process } => process::stop(world, *process, time).into(),
        Fault::RestartProcess { process } => process::restart(world, *process, time),
        Fault::DeleteState { process } => disk::delete(world, *process, time).into(),
        Fault::DamageState { process, salt } => disk::damage(world, *process, *salt, time).into(),
        Fault::FullDisk { process } => disk::fill(world, *process, time).into(),
        Fault::KillBroker { node } => broker::kill(world, *node, time).into(),
        Fault::StopBroker { node } => broker::stop(world, *node, time).into(),
        Fault::FreezeBroker { node } => broker::freeze(world, *node, time).into(),
        Fault::KillGroupCoordinator => broker::kill_leader(world, "__consumer_offsets", 0, time).into(),
        Fault::KillTransactionCoordinator { partition } => {
            broker::kill_leader(world, "__transaction_state", *partition, time).into()
        }
        Fault::Leaderless => broker::kill(world, ONLY_REPLICA, time).into(),
        Fault::AddPartitions { more } => topic::grow(world, *more).into(),
        Fault::TrimInput => topic::trim_input(world).into(),
        Fault::TrimUnread => process::closed_meanwhile(world, &ALL, || offsets::trim_unread(world, time)),
        Fault::DeleteOffsets => process::closed_meanwhile(world, &ALL, || offsets::delete(world, time)),
        Fault::RefuseRecords => topic::refuse(world, time).into(),
        Fault::Revoke { right } => topic::revoke(world, *right, time).into(),
        Fault::Network { rule } => network::apply(world, *rule, time),
    }
}

/// Asks until there is an answer: other faults are at work meanwhile.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, LabError>) -> Result<T, LabError> {
    let begin = Instant::now();
    loop {
        match ask() {
            Err(_passing) if begin.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(500)),
            other => return other,
        }
    }
}
