//! `streams group`: members, committed offsets and lag of an application's group.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{Admin, GroupMember, Isolation, OffsetQuery};

use crate::Connection;
use crate::error::CliError;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Describes an application's group.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are.
    #[command(flatten)]
    pub connection: Connection,
    /// The group, which is `application.id`.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub group: String,
    /// Topics whose partitions are shown; without any, all in which the group has committed something.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub topics: Vec<String>,
}

/// What one partition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The next offset that the group reads; `None` if it has committed none.
    pub committed: Option<Offset>,
    /// The end of the partition, committed records alone.
    pub end: Offset,
}

impl Progress {
    /// Records (and markers of transactions) that the group has still to read.
    pub fn lag(self) -> Option<Offset> {
        self.committed.map(|committed| (self.end - committed).max(0))
    }
}

/// A group as it is now.
#[derive(Clone, Debug)]
pub struct Description {
    /// Who is in it.
    pub members: Vec<GroupMember>,
    /// How far it is.
    pub partitions: BTreeMap<TopicPartition, Progress>,
}

/// Asks the brokers.
pub fn describe(arguments: &Arguments) -> Result<Description, CliError> {
    let transport = arguments.connection.open(&arguments.group)?;
    let mut admin = transport.admin("streams-cli")?;
    let members = admin.members(&arguments.group, TIMEOUT)?;
    let partitions = partitions(&mut *admin, &arguments.topics)?;
    let offsets = admin.group_offsets(&arguments.group, &partitions, TIMEOUT)?.committed;
    let shown: Vec<_> =
        if arguments.topics.is_empty() { offsets.keys().cloned().collect() } else { partitions };
    let ends = admin.offsets(&shown, OffsetQuery::Latest(Isolation::ReadCommitted), TIMEOUT)?;
    let progress = |(partition, end): (TopicPartition, Offset)| {
        let committed = offsets.get(&partition).map(|committed| committed.offset);
        (partition, Progress { committed, end })
    };
    Ok(Description { members, partitions: ends.into_iter().map(progress).collect() })
}

/// All partitions of these topics, or of all topics.
fn partitions(admin: &mut dyn Admin, topics: &[String]) -> Result<Vec<TopicPartition>, CliError> {
    let names = if topics.is_empty() {
        admin.topic_names(TIMEOUT)?
    } else {
        topics.iter().map(|topic| topic.as_str().into()).collect()
    };
    let found = admin.topics(&names, TIMEOUT)?;
    if let Some(missing) = names.iter().find(|name| !topics.is_empty() && !found.contains_key(*name)) {
        return Err(CliError::NoTopic(missing.to_string()));
    }
    let of = |(name, count): (_, i32)| {
        (0..count).map(move |number| TopicPartition::new(std::sync::Arc::clone(name), number))
    };
    Ok(found.iter().map(|(name, info)| (name, info.partitions)).flat_map(of).collect())
}

impl Description {
    /// For programs.
    pub fn to_json(&self) -> Value {
        let members = self.members.iter().map(|member| {
            json!({"id": member.id, "client_id": member.client_id, "host": member.host, "instance": member.instance})
        });
        let partitions = self.partitions.iter().map(|(at, progress)| {
            json!({
                "topic": &*at.topic, "partition": at.partition, "committed": progress.committed, "end": progress.end,
                "lag": progress.lag()
            })
        });
        json!({"members": members.collect::<Vec<_>>(), "partitions": partitions.collect::<Vec<_>>()})
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.members.is_empty() {
            writeln!(f, "no members: no process of the application runs")?;
        }
        for member in &self.members {
            writeln!(f, "member {} at {}", member.client_id, member.host)?;
        }
        writeln!(f, "{:<40} {:>9} {:>12} {:>12} {:>10}", "topic", "partition", "committed", "end", "lag")?;
        let text =
            |number: Option<Offset>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        for (at, progress) in &self.partitions {
            let (committed, lag) = (text(progress.committed), text(progress.lag()));
            writeln!(
                f,
                "{:<40} {:>9} {committed:>12} {:>12} {lag:>10}",
                at.topic, at.partition, progress.end
            )?;
        }
        Ok(())
    }
}
