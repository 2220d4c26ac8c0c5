//! Brokers that are killed, stopped and frozen, coordinators among them.

use std::time::{Duration, Instant};

use lab::LabError;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::patiently;
use crate::world::World;

const METADATA_LIMIT: Duration = Duration::from_secs(20);

/// How long replicas are given to follow again after a broker is back.
const SYNC_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn kill(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    let _turn = world.broker_turn();
    kill_in_turn(world, node, time)
}

fn kill_in_turn(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    world.cluster.kill_broker(node)?;
    std::thread::sleep(time);
    world.cluster.start_broker(node)?;
    Ok(format!("broker {node} is back{}", in_sync(world)))
}

pub(super) fn stop(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    let _turn = world.broker_turn();
    world.cluster.stop_broker(node)?;
    std::thread::sleep(time);
    world.cluster.start_broker(node)?;
    Ok(format!("broker {node} is back{}", in_sync(world)))
}

pub(super) fn freeze(world: &World, node: usize, time: Duration) -> Result<String, LabError> {
    let _turn = world.broker_turn();
    world.cluster.pause_broker(node)?;
    std::thread::sleep(time);
    world.cluster.resume_broker(node)?;
    Ok(format!("broker {node} continues{}", in_sync(world)))
}

/// Waits until all replicas follow again, so that the next broker can be taken away. Returns what to report.
fn in_sync(world: &World) -> String {
    let begin = Instant::now();
    let is_whole = |consumer: &BaseConsumer| {
        let metadata = consumer.fetch_metadata(None, METADATA_LIMIT);
        metadata.is_ok_and(|metadata| {
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            partitions.all(|partition| partition.isr().len() == partition.replicas().len())
        })
    };
    while begin.elapsed() < SYNC_LIMIT {
        // A new client: one that has lost its broker may not find another in time.
        if world.client().consumer(&[]).is_ok_and(|consumer| is_whole(&consumer)) {
            return String::new();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    format!(", but its replicas do not follow after {SYNC_LIMIT:?}")
}

/// Of the partition of an internal topic: its leader is the coordinator.
pub(super) fn kill_leader(
    world: &World,
    topic: &str,
    partition: i32,
    time: Duration,
) -> Result<String, LabError> {
    let _turn = world.broker_turn();
    let what = || format!("looking for the leader of {topic}-{partition}");
    let consumer = world.client().consumer(&[])?;
    let ask = || consumer.fetch_metadata(Some(topic), METADATA_LIMIT).map_err(LabError::kafka(what()));
    let metadata = patiently(ask)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let leader = partitions.filter(|found| found.id() == partition).map(|found| found.leader()).next();
    match leader.and_then(|leader| usize::try_from(leader).ok()) {
        Some(node) => {
            kill_in_turn(world, node, time).map(|told| format!("{told}, it led {topic}-{partition}"))
        }
        None => Ok(format!("{topic}-{partition} has no leader")),
    }
}
