//! `streams group`: members, committed offsets and lag of an application's group.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{Admin, GroupMember, Isolation, OffsetQuery, TransportError};

use crate::Connection;
use crate::error::CliError;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time for transactions to end that are committing offsets, and the pause between two requests for them.
const DECIDED: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(10);

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
    /// The next offset that the group reads; `None` if it has committed none, or if a transaction that does so does not end.
    pub committed: Option<Offset>,
    /// The end of the partition, committed records alone; `None` if its leader does not answer.
    pub end: Option<Offset>,
}

impl Progress {
    /// Records (and markers of transactions) that the group has still to read.
    pub fn lag(self) -> Option<Offset> {
        Some((self.end? - self.committed?).max(0))
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
    let (offsets, undecided) = committed(&mut *admin, &arguments.group, &partitions)?;
    let shown: Vec<_> = if arguments.topics.is_empty() {
        offsets.keys().cloned().chain(undecided).collect()
    } else {
        partitions
    };
    let ends = admin.offsets_each(&shown, OffsetQuery::Latest(Isolation::ReadCommitted), TIMEOUT)?;
    let progress = |(partition, end): (TopicPartition, Result<Offset, TransportError>)| {
        let committed = offsets.get(&partition).copied();
        (partition, Progress { committed, end: end.ok() })
    };
    Ok(Description { members, partitions: ends.into_iter().map(progress).collect() })
}

/// The group's committed offsets, and the partitions of which a transaction is still committing one. An application that
/// commits all the time is always about to commit some, so each partition is asked for until it is decided.
#[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
fn committed(
    admin: &mut dyn Admin,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<(BTreeMap<TopicPartition, Offset>, Vec<TopicPartition>), CliError> {
    let (mut found, mut asked, begin) = (BTreeMap::new(), partitions.to_vec(), Instant::now());
    loop {
        let answer = admin.group_offsets(group, &asked, TIMEOUT)?;
        found.extend(answer.committed.into_iter().map(|(at, committed)| (at, committed.offset)));
        asked = answer.undecided.into_iter().collect();
        if asked.is_empty() || begin.elapsed() > DECIDED {
            return Ok((found, asked));
        }
        std::thread::sleep(ASK_AGAIN);
    }
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
            let [committed, end, lag] = [progress.committed, progress.end, progress.lag()].map(text);
            writeln!(f, "{:<40} {:>9} {committed:>12} {end:>12} {lag:>10}", at.topic, at.partition)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use streams_core::transport::embedded::{EmbeddedBroker, Fault, Operation};
    use streams_core::transport::{
        Fence, NewTopic, OffsetToCommit, ProducerSpec, Transport, TransportErrorKind,
    };

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        of: Arguments,
    }

    /// Before: partitions of which a transaction was committing an offset were left out, and one without a leader failed the
    /// command.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "another program that takes a moment")]
    fn partitions_in_the_middle_of_a_commit_or_without_a_leader_are_shown() {
        let broker = EmbeddedBroker::of_servers("embedded:@group").expect("a broker");
        let mut admin = broker.transport().admin("test").expect("an admin");
        let topic =
            NewTopic { name: "in".into(), partitions: 3, replication_factor: 1, configs: BTreeMap::new() };
        admin.create_topics(&[topic], TIMEOUT).expect("a topic");
        let offset = |number, offset| OffsetToCommit {
            partition: TopicPartition::new("in", number),
            offset,
            metadata: String::new(),
        };
        admin.commit_for("app", &[offset(0, 0), offset(1, 0)], TIMEOUT).expect("committed");
        broker.faults().inject(Fault::before(Operation::Offsets, TransportErrorKind::TimedOut).on("in-1"));
        let spec = ProducerSpec {
            client_id: "test".to_owned(),
            transactional_id: Some("test".to_owned()),
            transaction_timeout_ms: 60_000,
            properties: BTreeMap::new(),
        };
        let mut producer = broker.transport().producer(&spec).expect("a producer");
        producer.init_transactions(TIMEOUT).and_then(|()| producer.begin()).expect("begun");
        let fence = Fence { group: "app".into(), member: "".into(), generation: -1, instance: None };
        producer.send_offsets(&[offset(2, 0)], &fence, TIMEOUT).expect("added");
        let ends = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            producer.commit(TIMEOUT).expect("committed");
        });
        let given = ["group", "--bootstrap-servers", "embedded:@group", "--group", "app"];
        let found = describe(&Command::parse_from(given).of).expect("described").partitions;
        ends.join().expect("it ends");
        let found: Vec<_> = found.values().map(|one| (one.committed, one.end)).collect();
        assert_eq!(found, [(Some(0), Some(0)), (Some(0), None), (Some(0), Some(0))]);
    }
}
