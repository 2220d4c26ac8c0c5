//! What processors, partitioners and tests ask for that there is not.

use std::time::Duration;

use crate::ids::{NodeName, PartitionId, StoreName, TopicName};

/// A call that asks for something that there is not. Each says what there is.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// A processor forwards to a child that it does not have.
    #[error("there is no child node '{child}' to forward to; the children are [{}]", children.join(", "))]
    UnknownChild {
        /// What was asked for.
        child: String,
        /// The children there are.
        children: Vec<NodeName>,
    },
    /// A custom partitioner chose a partition that the topic does not have.
    #[error(
        "the partitioner of sink {sink} chose partition {partition} of topic {topic}, which has partitions 0 to {}",
        partitions - 1
    )]
    UnknownPartition {
        /// The sink.
        sink: NodeName,
        /// The topic.
        topic: TopicName,
        /// What was chosen.
        partition: PartitionId,
        /// How many there are.
        partitions: PartitionId,
    },
    /// A custom partitioner cannot say where a record goes.
    #[error("the partitioner of sink {sink} refuses a record for topic {topic}: {why}")]
    PartitionRefused {
        /// The sink.
        sink: NodeName,
        /// The topic.
        topic: TopicName,
        /// What the partitioner said.
        why: &'static str,
    },
    /// A processor asks for a store that it is not connected to.
    #[error(
        "processor {node} has no access to state store {store}, as the store is not connected to it; name it where the \
         processor is added (process(.., &[\"{store}\"]) in the DSL), or in add_state_store or \
         connect_processor_and_state_stores of a Topology (it is connected to: [{}])",
        connected.join(", ")
    )]
    StoreNotConnected {
        /// The processor's node.
        node: NodeName,
        /// What was asked for.
        store: StoreName,
        /// The stores that it is connected to.
        connected: Vec<StoreName>,
    },
    /// A processor asks for a store as one of another kind or of other types.
    #[error(
        "processor {node} asks for state store {store} as {asked}, but its builder makes it {is}; ask for that type"
    )]
    StoreType {
        /// The processor's node.
        node: NodeName,
        /// The store.
        store: StoreName,
        /// The type that was asked for.
        asked: &'static str,
        /// The type that it has.
        is: &'static str,
    },
    /// A processor asks for a global store as something else than a reader of its types.
    #[error("global store {store} is read through a GlobalKeyValueStore of its types, not as {asked}")]
    GlobalStoreType {
        /// The store.
        store: StoreName,
        /// The type that was asked for.
        asked: &'static str,
    },
    /// A punctuation without a length of time between its calls, or with one that has no end.
    #[error("a punctuation interval must be at least 1 ms and fit 64 bits of ms, but is {0:?}")]
    PunctuationInterval(Duration),
    /// A test writes to a topic that the topology does not read.
    #[error("the topology reads no topic {topic}; it reads [{}]", read.join(", "))]
    TopicNotRead {
        /// What the test wrote to.
        topic: TopicName,
        /// The topics that the topology reads.
        read: Vec<TopicName>,
    },
    /// A test reads a topic that the topology does not write.
    #[error(
        "the topology writes no topic {topic}; it writes [{}] and internal topics, which are read by their full name \
         <application.id>-<name>",
        written.join(", ")
    )]
    TopicNotWritten {
        /// What the test reads.
        topic: TopicName,
        /// The topics that the topology writes, as far as that can be known.
        written: Vec<TopicName>,
    },
}

state_stores::debug_as_display!(UsageError);
