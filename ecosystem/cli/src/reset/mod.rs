//! `streams reset`: an application processes its input again (`kafka-streams-application-reset`).
//!
//! It sets the group's offsets of the input topics, deletes the application's internal topics, and deletes the local state on
//! this machine. Without `--execute` it only reports what it would do. Every instance must be stopped. What the application
//! has written to its output topics stays there.
//!
//! Internal topics are known by their names, which may be those of another application: `orders-eu-counts-changelog` is one
//! of `orders-eu`, and fits `orders`, too. While there is a group `orders-eu`, `orders` deletes it only if it is named.
//!
//! Each step may be repeated: after a failure, run the command again.

mod report;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicName, TopicPartition};
use streams_core::runtime::clean_up;
use streams_core::transport::{Admin, OffsetToCommit};

pub use report::Report;
pub use target::Target;

use crate::Connection;
use crate::error::CliError;
use crate::topology::facts;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes an application process its input again.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are.
    #[command(flatten)]
    pub connection: Connection,
    /// The application, whose group has the same name.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub application_id: String,
    /// Input topics; without any, those of which the group has committed offsets.
    #[arg(long = "input-topic", value_name = "TOPIC")]
    pub input_topics: Vec<String>,
    /// Internal topics to delete; without any, all whose names begin with the application's id and end like one.
    #[arg(long = "internal-topic", value_name = "TOPIC")]
    pub internal_topics: Vec<String>,
    /// Where to begin: `earliest`, `latest`, an offset, or a time such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    pub to: Target,
    /// The application's `state.dir`, whose folder of this application is deleted.
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Does it; without this, only reports what would be done.
    #[arg(long)]
    pub execute: bool,
}

/// Resets, or reports what a reset would do.
pub fn reset(arguments: &Arguments) -> Result<Report, CliError> {
    let group = &arguments.application_id;
    // An empty one, or `..`, would name the folder of another application.
    arguments.connection.config(group)?.validate()?;
    let transport = arguments.connection.open(group)?;
    let mut admin = transport.admin("streams-cli")?;
    let members = admin.members(group, TIMEOUT)?;
    if let Some(member) = members.first() {
        let who = format!("{} at {}", member.client_id, member.host);
        return Err(CliError::InUse { group: group.clone(), members: members.len(), who });
    }
    let topics = admin.topic_names(TIMEOUT)?;
    let internal = internal(arguments, &topics)?;
    let shared = if arguments.internal_topics.is_empty() {
        shared(group, &internal, &admin.group_names(TIMEOUT)?)
    } else {
        BTreeMap::new()
    };
    if let Some((topic, other)) = shared.iter().next().filter(|_| arguments.execute) {
        let (topic, other) = (topic.to_string(), other.clone());
        return Err(CliError::Shared { group: group.clone(), topics: shared.len(), topic, other });
    }
    let from = inputs(arguments, &mut *admin, &topics, &internal)?;
    let partitions: Vec<_> = from.keys().cloned().collect();
    let to = arguments.to.offsets(&mut *admin, &partitions, TIMEOUT)?;
    let folder =
        arguments.state_dir.as_ref().map(|folder| folder.join(group)).filter(|folder| folder.exists());
    let report = Report { executed: arguments.execute, from, to, internal, shared, folder };
    if arguments.execute {
        execute(arguments, &mut *admin, &report)?;
    }
    Ok(report)
}

/// State first, then offsets. An interrupted reset may leave an application without state that reads on where it was, which
/// the next run repairs; it never leaves one that adds its input to old state a second time.
fn execute(arguments: &Arguments, admin: &mut dyn Admin, report: &Report) -> Result<(), CliError> {
    if let Some(folder) = &arguments.state_dir {
        clean_up(&local(arguments, folder)?)?;
    }
    admin.delete_topics(&report.internal, TIMEOUT)?;
    wait_gone(admin, &report.internal)?;
    let offsets = report.to.iter().map(|(partition, offset)| OffsetToCommit {
        partition: partition.clone(),
        offset: *offset,
        metadata: String::new(),
    });
    Ok(admin.commit_for(&arguments.application_id, &offsets.collect::<Vec<_>>(), TIMEOUT)?)
}

/// Waits until no broker knows the topics any longer: an application that starts at once would take them for its own.
#[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
fn wait_gone(admin: &mut dyn Admin, topics: &[TopicName]) -> Result<(), CliError> {
    let begin = Instant::now();
    while let Some(left) = admin.topics(topics, TIMEOUT)?.into_keys().next() {
        if begin.elapsed() > TIMEOUT {
            return Err(CliError::NotDeleted(left.to_string()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// The application's settings with this state folder.
fn local(arguments: &Arguments, folder: &Path) -> Result<streams_core::config::StreamsConfig, CliError> {
    let mut config = arguments.connection.config(&arguments.application_id)?;
    config.set("state.dir", folder.display().to_string())?;
    Ok(config)
}

/// Whether a topic is an internal one of the application, by its name.
fn is_internal(topic: &str, application_id: &str) -> bool {
    let name = topic.strip_prefix(application_id).and_then(|rest| rest.strip_prefix('-'));
    name.is_some_and(facts::is_internal)
}

/// The internal topics to delete.
fn internal(arguments: &Arguments, topics: &[TopicName]) -> Result<Vec<TopicName>, CliError> {
    let is_ours = |topic: &&TopicName| is_internal(topic, &arguments.application_id);
    if arguments.internal_topics.is_empty() {
        return Ok(topics.iter().filter(is_ours).cloned().collect());
    }
    let named: Vec<TopicName> = arguments.internal_topics.iter().map(|topic| topic.as_str().into()).collect();
    match named.iter().find(|topic| !is_ours(topic)) {
        Some(other) => Err(CliError::NotInternal(other.to_string())),
        None => Ok(named),
    }
}

/// Those of the internal topics that fit another group, too, whose name is longer, with that group.
fn shared(group: &str, internal: &[TopicName], groups: &[String]) -> BTreeMap<TopicName, String> {
    let is_longer = |other: &&String| other.len() > group.len();
    let other = |topic: &TopicName| {
        let fitting = groups.iter().filter(is_longer).filter(|other| is_internal(topic, other));
        Some((topic.clone(), fitting.max_by_key(|other| other.len())?.clone()))
    };
    internal.iter().filter_map(other).collect()
}

/// The partitions of the input topics, with what the group has committed of each.
fn inputs(
    arguments: &Arguments,
    admin: &mut dyn Admin,
    topics: &[TopicName],
    internal: &[TopicName],
) -> Result<BTreeMap<TopicPartition, Option<Offset>>, CliError> {
    let named: BTreeSet<TopicName> =
        arguments.input_topics.iter().map(|topic| topic.as_str().into()).collect();
    if let Some(missing) = named.iter().find(|topic| !topics.contains(topic)) {
        return Err(CliError::NoTopic(missing.to_string()));
    }
    let is_input = |topic: &&TopicName| {
        if named.is_empty() {
            !internal.contains(topic) && !is_internal(topic, &arguments.application_id)
        } else {
            named.contains(*topic)
        }
    };
    let asked: Vec<TopicName> = topics.iter().filter(is_input).cloned().collect();
    let partitions: Vec<_> = admin
        .topics(&asked, TIMEOUT)?
        .into_values()
        .flat_map(|topic| {
            (0..topic.partitions).map(move |number| TopicPartition::new(Arc::clone(&topic.name), number))
        })
        .collect();
    let committed = admin.committed(&arguments.application_id, &partitions, TIMEOUT)?;
    let of = |partition: TopicPartition| {
        let offset = committed.get(&partition).map(|committed| committed.offset);
        (!named.is_empty() || offset.is_some()).then_some((partition, offset))
    };
    Ok(partitions.into_iter().filter_map(of).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use streams_core::transport::embedded::EmbeddedBroker;
    use streams_core::transport::{NewTopic, Transport};

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        of: Arguments,
    }

    /// Before: a reset of `orders` deleted the state of `orders-eu`, also while that was running.
    #[test]
    fn topics_of_an_application_with_a_longer_id_are_not_deleted() {
        let broker = EmbeddedBroker::of_servers("embedded:@reset-shared").expect("a broker");
        let mut admin = broker.transport().admin("test").expect("an admin");
        let names = ["orders-counts-changelog", "orders-eu-counts-changelog"];
        let topics = names.map(|name| NewTopic {
            name: name.into(),
            partitions: 1,
            replication_factor: 1,
            configs: BTreeMap::new(),
        });
        admin.create_topics(&topics, TIMEOUT).expect("topics");
        let reset = |more: &[&str]| {
            let given =
                ["reset", "--bootstrap-servers", "embedded:@reset-shared", "--application-id", "orders"];
            reset(&Command::parse_from(given.iter().chain(more)).of)
        };
        assert!(reset(&[]).expect("a report").shared.is_empty(), "there is no other application");

        let offset = OffsetToCommit {
            partition: TopicPartition::new("orders-counts-changelog", 0),
            offset: 0,
            metadata: String::new(),
        };
        admin.commit_for("orders-eu", &[offset], TIMEOUT).expect("committed");
        let dry = reset(&[]).expect("a report");
        assert_eq!(dry.shared.get(names[1]).map(String::as_str), Some("orders-eu"));
        assert!(dry.to_string().contains("--internal-topic"), "{dry}");
        let refused = reset(&["--execute"]).expect_err("refused").to_string();
        for part in ["orders-eu-counts-changelog", "application orders-eu", "--internal-topic"] {
            assert!(refused.contains(part), "{part}: {refused}");
        }
        assert_eq!(admin.topic_names(TIMEOUT).expect("topics").len(), 2, "nothing is deleted");

        reset(&["--execute", "--internal-topic", names[0]]).expect("a reset");
        let left = admin.topic_names(TIMEOUT).expect("topics");
        assert_eq!(left.iter().map(|topic| &**topic).collect::<Vec<_>>(), [names[1]]);
    }

    /// Before: local state of all applications was deleted, or of a folder next to them.
    #[test]
    fn an_application_has_a_name() {
        for id in ["", "..", "a/b"] {
            let given = ["reset", "--bootstrap-servers", "embedded:@reset-names", "--application-id", id];
            assert!(matches!(reset(&Command::parse_from(given).of), Err(CliError::Config(_))), "{id:?}");
        }
    }

    #[test]
    fn internal_topics_are_known_by_their_names() {
        for topic in [
            "app-counts-changelog",
            "app-KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition",
            "app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic",
            "app-KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000014-topic",
            "app-owners-subscription-registration-topic",
        ] {
            assert!(is_internal(topic, "app"), "{topic}");
        }
        for topic in
            ["app", "app-results", "app2-counts-changelog", "counts-changelog", "app-changelogs", "app-topic"]
        {
            assert!(!is_internal(topic, "app"), "{topic}");
        }
    }
}
