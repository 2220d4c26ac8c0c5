//! A record that cannot be written: all that is known of it.

use std::fmt;

use crate::ids::{NodeName, Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::time::Timestamp;
use crate::transport::TransportError;

/// A record that its topic does not take: what it is, where it comes from, and what the broker or the client said.
pub struct ProductionError {
    /// The task.
    pub task: TaskId,
    /// The node that sent it; for a change, the store.
    pub node: NodeName,
    /// What it was sent for.
    pub produced: ProducedFor,
    /// The topic it was for.
    pub topic: TopicName,
    /// The partition; -1 if none could be found.
    pub partition: PartitionId,
    /// Where the record was read that led to it; `None` for punctuations and changes of stores.
    pub source: Option<(TopicPartition, Offset)>,
    /// The first bytes of its key.
    pub key: String,
    /// The bytes of its key; 0 of a null key.
    pub key_bytes: usize,
    /// The bytes of its value; `None` of a tombstone.
    pub value_bytes: Option<usize>,
    /// Its time, where the client gives it back.
    pub timestamp: Option<Timestamp>,
    /// What the broker or the client said.
    pub cause: TransportError,
}

/// What a record was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducedFor {
    /// A result.
    Result,
    /// A record of a repartition topic.
    Repartition,
    /// A store's change.
    Change,
}

impl fmt::Display for ProductionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProductionError { task, node, produced, topic, partition, key, timestamp, cause, .. } = self;
        match (produced, self.value_bytes) {
            (ProducedFor::Result, _) => write!(f, "node {node} of task {task} cannot write its result ")?,
            (ProducedFor::Repartition, _) => {
                write!(f, "node {node} of task {task} cannot repartition its record ")?;
            }
            (ProducedFor::Change, Some(_)) => write!(f, "store {node} of task {task} cannot log its row ")?,
            (ProducedFor::Change, None) => {
                write!(f, "store {node} of task {task} cannot log that a row is deleted, ")?;
            }
        }
        write!(f, "with key {key} (key of {} bytes, ", self.key_bytes)?;
        match self.value_bytes {
            Some(bytes) => write!(f, "value of {bytes} bytes")?,
            None => f.write_str("no value")?,
        }
        if let Some(timestamp) = timestamp {
            write!(f, ", timestamp {timestamp}")?;
        }
        write!(f, ") to {topic}")?;
        if *partition >= 0 {
            write!(f, "-{partition}")?;
        }
        if let Some((source, offset)) = &self.source {
            write!(f, ", which comes from the record at {source} offset {offset}")?;
        }
        write!(f, ": {cause}; ")?;
        f.write_str(match produced {
            ProducedFor::Result => {
                "fix the code or the topic, or set production.exception.handler to LogAndContinue to skip such results"
            }
            ProducedFor::Repartition => {
                "it cannot be left out, as it would be missing in every result; send less, or raise the topic's limit \
                 (topic.max.message.bytes for new topics) and producer.message.max.bytes"
            }
            ProducedFor::Change => {
                "it cannot be left out, as the store could not be restored then; keep less in a row and its key, or \
                 raise max.message.bytes of the changelog (Materialized::with_logging_enabled, or \
                 topic.max.message.bytes, for new ones) and producer.message.max.bytes"
            }
        })
    }
}

state_stores::debug_as_display!(ProductionError);

impl std::error::Error for ProductionError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Recovery};
    use crate::transport::TransportErrorKind;

    #[test]
    fn a_refused_row_is_named_with_what_to_do() {
        let error = Error::Production(Box::new(ProductionError {
            task: TaskId { subtopology: 1, partition: 2 },
            node: "rows".into(),
            produced: ProducedFor::Change,
            topic: "app-rows-changelog".into(),
            partition: 2,
            source: None,
            key: "\"big\"".to_owned(),
            key_bytes: 3,
            value_bytes: Some(1_200_000),
            timestamp: Some(5),
            cause: TransportError::new(TransportErrorKind::MessageTooLarge, "send", "too large"),
        }));
        assert_eq!(
            error.to_string(),
            "store rows of task 1_2 cannot log its row with key \"big\" (key of 3 bytes, value of 1200000 bytes, timestamp \
             5) to app-rows-changelog-2: send: too large (MessageTooLarge); it cannot be left out, as the store could not be \
             restored then; keep less in a row and its key, or raise max.message.bytes of the changelog \
             (Materialized::with_logging_enabled, or topic.max.message.bytes, for new ones) and \
             producer.message.max.bytes"
        );
        assert_eq!(error.recovery(), Recovery::Stop);
    }

    /// Before: "to a/b--1".
    #[test]
    fn a_result_without_a_partition_is_named_by_its_topic_alone() {
        let error = ProductionError {
            task: TaskId { subtopology: 0, partition: 0 },
            node: "sink".into(),
            produced: ProducedFor::Result,
            topic: "a/b".into(),
            partition: -1,
            source: None,
            key: "null".to_owned(),
            key_bytes: 0,
            value_bytes: None,
            timestamp: None,
            cause: TransportError::new(TransportErrorKind::UnknownTopic, "use", "no such topic"),
        };
        assert!(error.to_string().contains(", no value) to a/b: use: no such topic"), "{error}");
    }
}
