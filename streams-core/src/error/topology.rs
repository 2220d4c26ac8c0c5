//! Why a topology is refused, when it is built and when it meets the topics that exist.

use std::collections::BTreeMap;

use crate::ids::{NodeName, PartitionId, StoreName, TopicName};

/// A refused topology. Each message begins with Kafka Streams' own text and continues with what to do.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// Two nodes have one name.
    #[error("Invalid topology: Processor {0} is already added. Give each node its own name.")]
    DuplicateNode(NodeName),
    /// A source names no topic.
    #[error("Invalid topology: topics cannot be empty. Name at least one topic for source {0}.")]
    NoTopics(NodeName),
    /// A pattern that is not a regular expression.
    #[error("Invalid topology: {pattern} is not a valid topic pattern: {reason}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern matches a topic that another source names.
    #[error(
        "Invalid topology: Pattern {pattern} will match a topic that has already been registered by another source. \
         That is {topic}; make the pattern narrower, or leave the topic to it."
    )]
    PatternMatchesRead {
        /// The pattern.
        pattern: String,
        /// The topic.
        topic: TopicName,
    },
    /// A source names a topic that another source's pattern matches.
    #[error(
        "Invalid topology: Topic {topic} matches a Pattern already registered by another source. \
         That is {pattern}; make it narrower, or leave the topic to it."
    )]
    ReadMatchesPattern {
        /// The topic.
        topic: TopicName,
        /// The pattern.
        pattern: String,
    },
    /// A topic that exists matches the patterns of two sources.
    #[error(
        "Invalid topology: Topic {topic} is already matched for another regex pattern {first} and hence cannot be \
         matched to this regex pattern {second} any more. Make the patterns exclude each other."
    )]
    MatchedTwice {
        /// The topic.
        topic: TopicName,
        /// The pattern that was added first.
        first: String,
        /// The other.
        second: String,
    },
    /// Two sources, or a source and a global store, read one topic.
    #[error(
        "Invalid topology: Topic {0} has already been registered by another source. \
         Read it once and connect every consumer of it to that source."
    )]
    TopicAlreadyRegistered(TopicName),
    /// A processor or sink has no parent.
    #[error("Invalid topology: predecessorNames cannot be empty. Name at least one parent for node {0}.")]
    NoParents(NodeName),
    /// A parent is not part of the topology.
    #[error("Invalid topology: Parent node {parent} is unknown. Add it before its child {node}.")]
    UnknownParent {
        /// The node that names the parent.
        node: NodeName,
        /// The unknown parent.
        parent: NodeName,
    },
    /// A node is its own parent.
    #[error(
        "Invalid topology: Parent node {0} is unknown (self-reference). Name a node that was added before it."
    )]
    SelfParent(NodeName),
    /// A sink is named as a parent.
    #[error(
        "Invalid topology: Sink {sink} cannot be used a parent. Connect {node} to the sink's own parent."
    )]
    SinkAsParent {
        /// The node that names the sink.
        node: NodeName,
        /// The sink.
        sink: NodeName,
    },
    /// A node outside a global store's own group is connected to it.
    #[error(
        "Invalid topology: node {parent} maintains a global store and cannot be used as a parent. \
         Read the store from {node} instead, without connecting them."
    )]
    GlobalNodeAsParent {
        /// The node that names the parent.
        node: NodeName,
        /// The global store's source or processor.
        parent: NodeName,
    },
    /// Two different stores have one name.
    #[error(
        "Invalid topology: A different StateStore has already been added with the name {0}. \
         Give each store its own name."
    )]
    DuplicateStore(StoreName),
    /// A store has the name of a global store.
    #[error(
        "Invalid topology: A different GlobalStateStore has already been added with the name {0}. \
         Give each store its own name."
    )]
    DuplicateGlobalStore(StoreName),
    /// A global store's two nodes have one name.
    #[error("Invalid topology: sourceName and processorName must be different. Both are {0}.")]
    GlobalNamesEqual(NodeName),
    /// A connection names no store.
    #[error("Invalid topology: stateStoreNames cannot be empty. Name the stores that processor {0} uses.")]
    NoStores(NodeName),
    /// A connection names a store that is not part of the topology.
    #[error(
        "Invalid topology: StateStore {store} is not added yet. Add it before connecting processor {processor}."
    )]
    UnknownStore {
        /// The processor to connect.
        processor: NodeName,
        /// The unknown store.
        store: StoreName,
    },
    /// A connection names a processor that is not part of the topology.
    #[error(
        "Invalid topology: Processor {processor} is not added yet. Add it before connecting store {store}."
    )]
    UnknownProcessor {
        /// The unknown processor.
        processor: NodeName,
        /// The store to connect.
        store: StoreName,
    },
    /// A connection names a global store.
    #[error(
        "Invalid topology: Global StateStore {store} can be used by a Processor without being specified; \
         it should not be explicitly passed. Remove it from the stores of {processor}."
    )]
    GlobalStoreConnected {
        /// The processor to connect.
        processor: NodeName,
        /// The global store.
        store: StoreName,
    },
    /// A store is connected to a source or a sink.
    #[error(
        "Invalid topology: State stores cannot be connect to sources or sinks. \
         Connect store {store} to a processor instead of {node}."
    )]
    StoreOnSourceOrSink {
        /// The source or sink.
        node: NodeName,
        /// The store.
        store: StoreName,
    },
    /// A store is connected to the processor that maintains a global store.
    #[error(
        "Invalid topology: processor {processor} maintains a global store and cannot use store {store}. \
         Connect the store to a processor of its own."
    )]
    StoreOnGlobalProcessor {
        /// The global store's processor.
        processor: NodeName,
        /// The store.
        store: StoreName,
    },
    /// A store has two source topics as its changelog.
    #[error("Invalid topology: Source store {0} is already added. A store has one source topic.")]
    SourceStoreTwice(StoreName),
    /// An internal topic was given no partition.
    #[error("Number of partitions must be at least 1. Internal topic {topic} was given {partitions}.")]
    InvalidPartitionCount {
        /// The topic.
        topic: TopicName,
        /// The number that it was given.
        partitions: PartitionId,
    },
    /// The topology reads nothing.
    #[error(
        "Invalid topology: Topology has no stream threads and no global threads, must subscribe to \
         at least one source topic or global table. Add a source."
    )]
    Empty,
    /// Internal topics that are read together have different fixed numbers of partitions.
    #[error(
        "Invalid topology: Following topics do not have the same number of partitions: [{}]. \
         Give them one number of partitions, or leave all but one to be derived.",
        java_map(topics)
    )]
    RepartitionCountsDiffer {
        /// Each topic with its partitions.
        topics: BTreeMap<TopicName, PartitionId>,
    },
    /// Source topics that are read together have different numbers of partitions.
    #[error(
        "Invalid topology: Topics not co-partitioned: [{}]. \
         Use repartition() on all but one of the joined streams, or give the topics one number of partitions.",
        java_map(topics)
    )]
    NotCopartitioned {
        /// Each topic with its partitions.
        topics: BTreeMap<TopicName, PartitionId>,
    },
    /// An internal topic's fixed number of partitions is not that of a source topic it is read with.
    #[error(
        "Invalid topology: Number of partitions [{partitions}] of repartition topic [{topic}] doesn't \
         match number of partitions [{expected}] of the source topic. Use repartition() with {expected} \
         partitions or without a number; co-partitioned source topics: [{}].",
        java_map(sources)
    )]
    RepartitionCountMismatch {
        /// The internal topic.
        topic: TopicName,
        /// Its fixed number of partitions.
        partitions: PartitionId,
        /// The partitions of the source topics.
        expected: PartitionId,
        /// Each source topic with its partitions.
        sources: BTreeMap<TopicName, PartitionId>,
    },
    /// Source topics do not exist.
    #[error(
        "Missing source topics [{}] for {}. Create them before starting the application; it creates only its \
         internal topics.",
        topics.join(", "),
        for_subtopologies(subtopologies)
    )]
    MissingSourceTopics {
        /// Every missing topic, sorted.
        topics: Vec<TopicName>,
        /// Which sub-topology misses which topics.
        subtopologies: BTreeMap<u32, Vec<TopicName>>,
    },
    /// A global store's topic does not exist.
    #[error(
        "There are no partitions available for topic {topic} when initializing global store {store}. \
         Create the topic before starting the application."
    )]
    MissingGlobalTopic {
        /// The topic.
        topic: TopicName,
        /// The store that it fills.
        store: StoreName,
    },
    /// An internal topic's partitions follow from no other topic.
    #[error(
        "Failed to compute number of partitions for all repartition topics, make sure all user input \
         topics are created and that a node writes to each of [{}].",
        topics.join(", ")
    )]
    UnknownPartitionCount {
        /// The topics, sorted.
        topics: Vec<TopicName>,
    },
    /// Internal topics exist with another number of partitions than the topology needs.
    #[error(
        "{}Reset the application, or restore the number of partitions of its source topics.",
        wrong_counts(topics)
    )]
    InternalTopicCount {
        /// Each topic with the expected and the actual number of partitions.
        topics: BTreeMap<TopicName, (PartitionId, PartitionId)>,
    },
    /// A source or sink names a topic that cannot exist.
    #[error(
        "Invalid topology: node {node} names the topic {topic:?}, which cannot exist: {reason}. Name another one."
    )]
    ImpossibleTopic {
        /// The source or sink.
        node: NodeName,
        /// The name.
        topic: TopicName,
        /// What is wrong with it.
        reason: String,
    },
    /// A node and its parent do not agree about the types of records between them.
    #[error(
        "Invalid topology: node {node} takes records of {takes}, but its parent {parent} forwards {forwards}. \
         Give both the same types."
    )]
    EdgeTypes {
        /// The node.
        node: NodeName,
        /// Its types of key and value, as `<K, V>`.
        takes: String,
        /// Its parent.
        parent: NodeName,
        /// The parent's types.
        forwards: String,
    },
    /// A store that is not a key-value store was declared global.
    #[error(
        "Invalid topology: store {0} cannot be global: a global store is a key-value store. Use one of those."
    )]
    NotGlobal(StoreName),
    /// A global store was given a supplier of databases, which opens them for tasks.
    #[error(
        "Invalid topology: global store {store} is placed with supplier {supplier}, which has databases for tasks. \
         Keep it on disk or in memory."
    )]
    GlobalStorePlace {
        /// The store.
        store: StoreName,
        /// The supplier's name.
        supplier: String,
    },
    /// A source's pattern matches none of the topics that exist.
    #[error(
        "no topic matches the pattern {pattern} of source {node}; create one before the application starts"
    )]
    NothingMatches {
        /// The source.
        node: NodeName,
        /// Its pattern.
        pattern: String,
    },
    /// A sink names one of the application's own topics.
    #[error(
        "a sink writes to {0}, an internal topic of this application, whose stores would take its records for their own; \
         write to another topic"
    )]
    SinkToInternalTopic(TopicName),
    /// A sink names a topic that brokers keep for themselves.
    #[error(
        "Invalid topology: sink {node} writes to {topic}, a topic of Kafka's own, which only brokers write to. Name another \
         one."
    )]
    SinkToTopicOfKafka {
        /// The sink.
        node: NodeName,
        /// The topic.
        topic: TopicName,
    },
    /// An internal topic's name cannot be a topic's name.
    #[error(
        "Invalid name for internal topic {topic}: {reason}. \
         It is made of the application.id and the name of a store or operator; change those."
    )]
    InvalidTopicName {
        /// The name.
        topic: TopicName,
        /// What is wrong with it.
        reason: String,
    },
    /// A record would pass more nodes, each within the call of the one before, than a thread's stack carries.
    #[error(
        "Invalid topology: a record passes {nodes} nodes, from {first} to {last}, and a thread's stack carries at most \
         {most}. Merge nodes, or divide the chain by a repartition topic."
    )]
    ChainTooLong {
        /// The first node of the chain.
        first: NodeName,
        /// The last one.
        last: NodeName,
        /// How many nodes there are.
        nodes: usize,
        /// How many there may be.
        most: usize,
    },
}

state_stores::debug_as_display!(TopologyError);

/// `{a=1, b=2}`, as Java prints a map.
fn java_map(counts: &BTreeMap<TopicName, PartitionId>) -> String {
    let entries: Vec<String> = counts.iter().map(|(topic, count)| format!("{topic}={count}")).collect();
    format!("{{{}}}", entries.join(", "))
}

fn for_subtopologies(missing: &BTreeMap<u32, Vec<TopicName>>) -> String {
    let one = |(id, topics): (&u32, &Vec<TopicName>)| format!("subtopology {id} ({})", topics.join(", "));
    missing.iter().map(one).collect::<Vec<_>>().join(" and ")
}

fn wrong_counts(topics: &BTreeMap<TopicName, (PartitionId, PartitionId)>) -> String {
    let one = |(topic, (expected, actual)): (&TopicName, &(PartitionId, PartitionId))| {
        format!(
            "Existing internal topic {topic} has invalid partitions: expected: {expected}; actual: {actual}. "
        )
    };
    topics.iter().map(one).collect()
}
