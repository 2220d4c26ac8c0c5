//! How each fault is made and undone. It is made on a thread of its own, so that several overlap.

mod broker;
mod disk;
mod network;
mod process;
mod topic;

use std::time::{Duration, Instant};

use lab::LabError;

use crate::schedule::{Event, Fault, ONLY_REPLICA};
use crate::world::World;

/// How long questions of faults are asked again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes it, lets it last and undoes it; what there is to tell of it.
pub(crate) fn pass(world: &World, event: &Event) -> Result<String, LabError> {
    let time = Duration::from_millis(event.for_ms);
    match &event.fault {
        Fault::KillProcess { process } => process::kill(world, &[*process], time),
        Fault::KillAllProcesses => process::kill(world, &[0, 1, 2], time),
        Fault::StopProcess { process } => process::stop(world, *process, time),
        Fault::RestartProcess { process } => process::restart(world, *process, time),
        Fault::DeleteState { process } => disk::delete(world, *process, time),
        Fault::DamageState { process, salt } => disk::damage(world, *process, *salt, time),
        Fault::FullDisk { process } => disk::fill(world, *process, time),
        Fault::KillBroker { node } => broker::kill(world, *node, time),
        Fault::StopBroker { node } => broker::stop(world, *node, time),
        Fault::FreezeBroker { node } => broker::freeze(world, *node, time),
        Fault::KillGroupCoordinator => broker::kill_leader(world, "__consumer_offsets", 0, time),
        Fault::KillTransactionCoordinator { partition } => {
            broker::kill_leader(world, "__transaction_state", *partition, time)
        }
        Fault::Leaderless => broker::kill(world, ONLY_REPLICA, time),
        Fault::AddPartitions { more } => topic::grow(world, *more),
        Fault::TrimInput => topic::trim_input(world),
        Fault::RefuseRecords => topic::refuse(world, time),
        Fault::Revoke { right } => topic::revoke(world, *right, time),
        Fault::Network { rule } => Ok(network::obey(world, *rule, time)),
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
