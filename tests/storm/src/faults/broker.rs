//! Brokers that are killed, stopped and frozen, coordinators among them.

use std::time::Duration;

use lab::LabError;
use rdkafka::consumer::Consumer;

use super::patiently;
use crate::world::World;

const METADATA_LIMIT: Duration = Duration::from_secs(20);

pub(super) fn kill(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    world.cluster.kill_broker(node)?;
    std::thread::sleep(time);
    world.cluster.start_broker(node)?;
    Ok(format!("broker {node} is back"))
}

pub(super) fn stop(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    world.cluster.stop_broker(node)?;
    std::thread::sleep(time);
    world.cluster.start_broker(node)?;
    Ok(format!("broker {node} is back"))
}

pub(super) fn freeze(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    world.cluster.pause_broker(node)?;
    std::thread::sleep(time);
    world.cluster.resume_broker(node)?;
    Ok(format!("broker {node} goes on"))
}

/// Of the partition of an internal topic: its leader is the coordinator.
pub(super) fn kill_leader(
    world: &World,
    topic: &str,
    partition: i32,
    time: Duration,
) -> Result<String, LabError> {
    let what = || format!("looking for the leader of {topic}-{partition}");
    let consumer = world.client().consumer(&[])?;
    let ask = || consumer.fetch_metadata(Some(topic), METADATA_LIMIT).map_err(LabError::kafka(what()));
    let metadata = patiently(ask)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let leader = partitions.filter(|found| found.id() == partition).map(|found| found.leader()).next();
    match leader.and_then(|leader| usize::try_from(leader).ok()) {
        Some(node) => kill(world, node, time).map(|told| format!("{told}, it led {topic}-{partition}")),
        None => Ok(format!("{topic}-{partition} has no leader")),
    }
}
