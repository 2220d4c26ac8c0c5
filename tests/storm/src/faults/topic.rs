//! Topics that grow, are trimmed, refuse records, and whose rights are taken away.

use std::time::Duration;

use lab::{Acl, LabError, Operation, Resource};

use super::patiently;
use crate::schedule::Right;
use crate::world::{APP, USER, World};

/// A batch of one record of chains is longer, a transaction marker is not.
const TOO_SMALL: &str = "90";

/// The default.
const USUAL: &str = "1048588";

/// Topics of results grow: what is keyed goes elsewhere from then on, and nothing is lost.
pub(super) fn grow(world: &World, more: i32) -> Result<String, LabError> {
    let (client, topic) = (world.client(), &world.topics.chains);
    let ends = patiently(|| client.end_offsets(topic))?;
    let partitions = i32::try_from(ends.len()).unwrap_or(0) + more;
    client.add_partitions(topic, partitions)?;
    Ok(format!("{topic} has {partitions} partitions"))
}

/// Deletes what has been processed from the input.
pub(super) fn trim_input(world: &World) -> Result<String, LabError> {
    let (client, topic) = (world.client(), world.topics.input.as_str());
    let committed = patiently(|| client.committed_offsets(APP, &[topic]))?;
    let mut deleted = 0;
    for ((topic, partition), done) in &committed {
        patiently(|| client.delete_records(topic, *partition, Some(done.offset)))?;
        deleted += done.offset;
    }
    Ok(format!("the first {deleted} records are gone"))
}

/// The topic of chains takes no record.
pub(super) fn refuse(world: &World, time: Duration) -> Result<String, LabError> {
    let (client, topic) = (world.client(), &world.topics.chains);
    client.alter_topic(topic, &[("max.message.bytes", TOO_SMALL)])?;
    std::thread::sleep(time);
    patiently(|| client.alter_topic(topic, &[("max.message.bytes", USUAL)]))?;
    Ok(format!("{topic} takes records again"))
}

/// The application may not do something for a while.
pub(super) fn revoke(world: &World, right: Right, time: Duration) -> Result<String, LabError> {
    let (resource, operation) = match right {
        Right::WriteResults => (Resource::Topic(&world.topics.chains), Operation::Write),
        Right::ReadInput => (Resource::Topic(&world.topics.input), Operation::Read),
        Right::JoinGroup => (Resource::Group(APP), Operation::Read),
    };
    // As soon as something has a rule, whoever has none is refused.
    let rules = [Acl::allow("User:*", resource, Operation::All), Acl::deny(USER, resource, operation)];
    let client = world.client();
    client.create_acls(&rules)?;
    std::thread::sleep(time);
    // The refusal first, the others' right last.
    patiently(|| client.delete_acls(&rules[1..]))?;
    patiently(|| client.delete_acls(&rules[..1]))?;
    Ok(format!("{operation:?} of {resource:?} is granted again"))
}
