//! Names and numbers of topics, partitions, nodes, stores and tasks; `Display` prints them as Kafka does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A topic's name; cheap to clone.
pub type TopicName = Arc<str>;

/// A node's name; unique within a topology.
pub type NodeName = Arc<str>;

/// A state store's name; unique within a topology.
pub type StoreName = Arc<str>;

/// A partition's number within its topic.
pub type PartitionId = i32;

/// A record's position in its partition.
pub type Offset = i64;

/// One partition of one topic. Prints as `topic-partition`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition, from 0.
    pub partition: PartitionId,
}

impl TopicPartition {
    /// Pairs a topic with a partition number.
    pub fn new(topic: impl Into<TopicName>, partition: PartitionId) -> Self {
        TopicPartition { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// The name of a store's changelog, unless a source topic serves as it.
pub(crate) fn changelog_topic(application_id: &str, store: &str) -> TopicName {
    format!("{application_id}-{store}-changelog").into()
}

/// The store whose changelog has that name.
pub(crate) fn store_of_changelog<'a>(application_id: &str, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(application_id)?.strip_prefix('-')?.strip_suffix("-changelog")
}

/// A task: one partition number of one sub-topology. Prints as `0_1`
/// (`org.apache.kafka.streams.processor.TaskId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    /// The sub-topology's number.
    pub subtopology: u32,
    /// The partition number that the task reads of each of its source topics.
    pub partition: PartitionId,
}

impl TaskId {
    /// What stands for the processors of a global store, which belong to no task; Kafka Streams prints it so, too.
    pub(crate) const fn global(subtopology: u32) -> Self {
        TaskId { subtopology, partition: -1 }
    }

    /// That partition of that sub-topology.
    pub const fn new(subtopology: u32, partition: PartitionId) -> Self {
        TaskId { subtopology, partition }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

impl FromStr for TaskId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a task id; it looks like '0_1'");
        let (subtopology, partition) = text.split_once('_').ok_or_else(wrong)?;
        Ok(TaskId {
            subtopology: subtopology.parse().map_err(|_| wrong())?,
            partition: partition.parse().map_err(|_| wrong())?,
        })
    }
}

/// What the name of a repartition topic ends with (`KStreamImpl.REPARTITION_TOPIC_SUFFIX`).
#[doc(hidden)]
pub const REPARTITION_SUFFIX: &str = "-repartition";

/// Why a name cannot be a topic's, or a part of one, if it cannot (`org.apache.kafka.common.internals.Topic.validate`).
#[doc(hidden)]
pub fn invalid_topic_name(name: &str) -> Option<String> {
    const LENGTH_MAX: usize = 249;
    if name.is_empty() {
        return Some("the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Some("\".\" and \"..\" are not allowed".to_owned());
    }
    if name.len() > LENGTH_MAX {
        return Some(format!("its length is {} and the maximum is {LENGTH_MAX}", name.len()));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let illegal = name.chars().find(|&c| !legal(c))?;
    Some(format!("it contains {illegal:?}, and only ASCII alphanumerics, '.', '_' and '-' are allowed"))
}

/// Topics that brokers keep for themselves. The first three refuse other writers (`Topic.isInternal`).
const OF_KAFKA: [&str; 5] = [
    "__consumer_offsets",
    "__transaction_state",
    "__share_group_state",
    "__cluster_metadata",
    "__remote_log_metadata",
];

/// Whether a topic is one of those that brokers keep for themselves, and that a program must not write to.
pub(crate) fn is_topic_of_kafka(name: &str) -> bool {
    OF_KAFKA.contains(&name)
}

/// Why nothing can be written to a topic of that name, whether or not it exists.
pub(crate) fn unwritable(name: &str) -> Option<String> {
    match invalid_topic_name(name) {
        Some(reason) => Some(format!("no topic can have that name: {reason}; name another one")),
        None => is_topic_of_kafka(name).then(|| {
            "it is a topic of Kafka's own, which only brokers write to; name another one".to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_and_parse_as_in_kafka() {
        assert_eq!(TaskId::new(1, 12).to_string(), "1_12");
        assert_eq!("1_12".parse(), Ok(TaskId::new(1, 12)));
        assert!("1-12".parse::<TaskId>().is_err());
        assert_eq!(TopicPartition::new("a-b", 3).to_string(), "a-b-3");
    }

    #[test]
    fn names_are_checked_as_kafka_checks_them() {
        for name in ["a", "A.b_c-9", &"x".repeat(249)] {
            assert_eq!((invalid_topic_name(name), unwritable(name)), (None, None));
        }
        for name in ["", ".", "..", "a/b", "ä", &"x".repeat(250)] {
            assert!(invalid_topic_name(name).is_some() && unwritable(name).is_some(), "{name}");
        }
        for name in OF_KAFKA {
            assert!(invalid_topic_name(name).is_none() && unwritable(name).is_some(), "{name}");
        }
    }
}
