//! Committed offsets that are deleted, and records that are deleted before they are read. All processes are closed
//! meanwhile, so that it is known what they have read.
//!
//! In both cases no offset is committed that exists, and the reset policy decides (`auto.offset.reset`, earliest): the
//! application reads on where the topics begin.

use std::time::Duration;

use lab::LabError;
use tests::apps::SoakTopics;
use tests::checks::InputRange;

use super::patiently;
use crate::world::{APP, World};

/// Deletes what has been processed from all topics that are read but the table, and then the group with its offsets, those
/// of the table as well: where the topics begin is where the application was.
pub(super) fn delete(world: &World, time: Duration) -> Result<String, LabError> {
    let (client, between) = (world.client(), SoakTopics::repartition(APP));
    let topics = [world.topics.input.as_str(), &between, &world.topics.table];
    let committed = client.settled_offsets(APP, &topics)?;
    for ((topic, partition), done) in &committed {
        if *topic != world.topics.table {
            client.delete_records(topic, *partition, Some(done.offset))?;
        }
    }
    // Members that could not say that they leave are in the group until their session ends.
    patiently(|| client.delete_groups(&[APP]))?;
    std::thread::sleep(time);
    Ok(format!("{} committed offsets are gone", committed.len()))
}

/// Lets the input grow for a while, and deletes from it what is there then: that is lost, and nothing else may be.
pub(super) fn trim_unread(world: &World, time: Duration) -> Result<String, LabError> {
    std::thread::sleep(time);
    let (client, topic) = (world.client(), world.topics.input.as_str());
    let committed = client.settled_offsets(APP, &[topic])?;
    let mut deleted = 0;
    for (partition, there) in (0..).zip(client.offsets(topic, false)?) {
        let read = committed.get(&(topic.to_owned(), partition)).map_or(0, |done| done.offset);
        let offsets = read.max(there.begin)..there.end;
        client.delete_records(topic, partition, Some(there.end))?;
        deleted += offsets.end - offsets.start;
        world.lost().push(InputRange { partition, offsets });
    }
    Ok(format!("{deleted} records are gone unread"))
}
