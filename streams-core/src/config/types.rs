//! The values of settings that are choices, as types.

use std::path::PathBuf;
use std::time::Duration;

/// What a crash may do to results (`processing.guarantee`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProcessingGuarantee {
    /// Results, state and consumed offsets are committed in one transaction.
    ExactlyOnceV2,
    /// After a crash, records may be processed again.
    AtLeastOnce,
}

impl ProcessingGuarantee {
    /// Its name as a setting.
    pub const fn name(self) -> &'static str {
        match self {
            ProcessingGuarantee::ExactlyOnceV2 => "exactly_once_v2",
            ProcessingGuarantee::AtLeastOnce => "at_least_once",
        }
    }
}

/// Where the broker is (`bootstrap.servers`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bootstrap {
    /// `embedded:`: inside this process, in memory.
    EmbeddedInMemory,
    /// `embedded:PATH`: inside this process, durable in that directory.
    EmbeddedIn(PathBuf),
    /// Kafka, at these `host:port` pairs with commas between them.
    Kafka(String),
}

impl Bootstrap {
    pub(super) fn of(text: &str) -> Self {
        match text.strip_prefix("embedded:") {
            Some("") => Bootstrap::EmbeddedInMemory,
            Some(path) => Bootstrap::EmbeddedIn(PathBuf::from(path)),
            None => Bootstrap::Kafka(text.to_owned()),
        }
    }
}

/// A built-in timestamp extractor (`default.timestamp.extractor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuiltInTimestampExtractor {
    /// The record's timestamp; a negative one stops the application.
    FailOnInvalidTimestamp,
    /// The record's timestamp; a record with a negative one is dropped.
    LogAndSkipOnInvalidTimestamp,
    /// The record's timestamp, or the highest one of its partition so far in place of a negative one.
    UsePartitionTimeOnInvalidTimestamp,
    /// The time of processing.
    WallclockTimestamp,
}

/// A built-in exception handler (`*.exception.handler`). Others are set where `KafkaStreams` is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuiltInExceptionHandler {
    /// Logs the record and stops.
    LogAndFail,
    /// Logs the record and continues with the next.
    LogAndContinue,
}

/// Where a store keeps its rows (`Materialized.StoreType`, `dsl.store.suppliers.class`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StoreType {
    /// On disk, in RocksDB.
    #[default]
    RocksDb,
    /// In memory; restored from its changelog after a restart.
    InMemory,
}

/// Which optimisations of the topology are made (`topology.optimization`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TopologyOptimization {
    /// A table that is read from a topic uses it as its changelog.
    pub reuse_ktable_source_topics: bool,
    /// Repartitions of the same stream share a topic.
    pub merge_repartition_topics: bool,
    /// A stream that is joined with itself is stored once.
    pub single_store_self_join: bool,
}

impl TopologyOptimization {
    pub(super) fn of(text: &str) -> Self {
        let on = |name: &str| text == "all" || text.split(',').any(|item| item == name);
        TopologyOptimization {
            reuse_ktable_source_topics: on("reuse.ktable.source.topics"),
            merge_repartition_topics: on("merge.repartition.topics"),
            single_store_self_join: on("single.store.self.join"),
        }
    }
}

/// Where a partition without a committed offset is read from: for the topics of a source, and for all others the setting
/// `consumer.auto.offset.reset` (`org.apache.kafka.streams.AutoOffsetReset`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AutoOffsetReset {
    /// From its first record.
    Earliest,
    /// From its next record.
    Latest,
    /// From the first record that is at most that old; of a source only.
    ByDuration(Duration),
    /// It is an error.
    None,
}

/// How detailed metrics are (`metrics.recording.level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetricsRecordingLevel {
    /// Per thread and task.
    Info,
    /// Also per node and store.
    Debug,
    /// Also end-to-end latencies of stores.
    Trace,
}
