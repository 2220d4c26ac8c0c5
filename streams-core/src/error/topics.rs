//! Topics that are gone, have changed or never were.

use std::path::PathBuf;

use crate::ids::{PartitionId, StoreName, TopicName, TopicPartition};
use crate::transport::TransportError;

/// Topics that the application needs are gone or have changed, or a program asks for one that does not exist.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum TopicsError {
    /// A source topic was deleted while the application ran.
    #[error(
        "source topic {topic} was deleted while the application ran; create it again and start the application: it then \
         reads it as auto.offset.reset says"
    )]
    SourceDeleted {
        /// The topic.
        topic: TopicName,
    },
    /// A repartition topic was deleted while the application ran.
    #[error(
        "repartition topic {topic} was deleted while the application ran; what was in it and not read yet is lost: start the \
         application again, which creates it again, or reset it and let it read its input again"
    )]
    RepartitionDeleted {
        /// The topic.
        topic: TopicName,
    },
    /// A changelog was deleted while the application ran.
    #[error(
        "changelog topic {topic} of store {store} was deleted while the application ran; what the instances have of the \
         store under state.dir ({}) is all that is left of it. Bring the topic back from a copy; or delete the application's \
         local state and start it again: the topic is created again and the store begins empty; or reset the application and \
         let it read its input again",
        state_dir.display()
    )]
    ChangelogDeleted {
        /// The topic.
        topic: TopicName,
        /// The store.
        store: StoreName,
        /// Where this instance has local state.
        state_dir: PathBuf,
    },
    /// Another application made an internal topic at the same time.
    #[error(
        "internal topic {topic} has {partitions} partitions, but {needed} are needed; another application created it: \
         choose another application.id, or delete the topic"
    )]
    InternalPartitions {
        /// The topic.
        topic: TopicName,
        /// How many it has.
        partitions: PartitionId,
        /// How many it must have.
        needed: PartitionId,
    },
    /// The brokers do not show internal topics that the application created.
    #[error(
        "the internal topics [{}] were created but did not become visible; check the brokers' logs", topics.join(", ")
    )]
    NotVisible {
        /// The topics, in the order in which they were created.
        topics: Vec<TopicName>,
    },
    /// Nothing says where to begin in a partition.
    #[error(
        "no offset that exists is committed for {partition} and its reset policy is 'none'; commit one, or set the policy to \
         earliest or latest"
    )]
    NoOffset {
        /// The partition.
        partition: TopicPartition,
    },
    /// Records of a global store's topic were deleted before they were read, again and again.
    #[error(
        "{why}; it had to be filled again {times} times in ten minutes: let the topic keep its records for longer \
         (retention.ms, retention.bytes), or compact it"
    )]
    FilledTooOften {
        /// Why it had to be filled the last time; names the topic.
        why: String,
        /// How often.
        times: usize,
    },
    /// The dead letter queue is a topic of Kafka's own, or cannot be the name of a topic.
    #[error("the dead letter queue {topic} (errors.dead.letter.queue.topic.name) cannot be used: {reason}")]
    UnwritableDeadLetterQueue {
        /// The topic.
        topic: TopicName,
        /// Why.
        reason: String,
    },
    /// The topic of `errors.dead.letter.queue.topic.name` does not exist.
    #[error(
        "the dead letter queue {topic} (errors.dead.letter.queue.topic.name) does not exist; create it, as the application \
         creates only its internal topics"
    )]
    NoDeadLetterQueue {
        /// The topic.
        topic: TopicName,
    },
    /// The topic of `errors.dead.letter.queue.topic.name` is read by the application itself.
    #[error(
        "the dead letter queue {topic} (errors.dead.letter.queue.topic.name) is a source of this application, so that a \
         letter which fails would come back without end; name another topic, and read this one with another application"
    )]
    DeadLetterQueueIsSource {
        /// The topic.
        topic: TopicName,
    },
    /// A handler names a topic for dead letters that does not exist.
    #[error(
        "the dead letter queue {topic} does not exist; create it, as the application creates only its internal topics \
         ({cause})"
    )]
    UnknownDeadLetterQueue {
        /// The topic.
        topic: TopicName,
        /// What the client said.
        cause: Box<TransportError>,
    },
    /// A program opens a topic of an embedded broker that does not exist.
    #[error("there is no topic {topic}; create it (EmbeddedTopic::create)")]
    Unknown {
        /// The topic.
        topic: TopicName,
    },
    /// A program asks for a topic without partitions.
    #[error("topic {topic} cannot have {partitions} partitions; give it one at least")]
    NoPartitions {
        /// The topic.
        topic: TopicName,
        /// What was asked for.
        partitions: PartitionId,
    },
    /// A program creates a topic that exists with another number of partitions.
    #[error("topic {topic} has {partitions} partitions, not {asked}; open it as it is, or use another name")]
    OtherPartitions {
        /// The topic.
        topic: TopicName,
        /// How many it has.
        partitions: PartitionId,
        /// What was asked for.
        asked: PartitionId,
    },
}

state_stores::debug_as_display!(TopicsError);
