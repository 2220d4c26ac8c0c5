//! Where results leave a task. The runtime's record collector implements it.

use std::sync::Arc;

use super::dead_letter::DeadLetter;
use crate::error::Result;
use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::record::Headers;
use crate::time::Timestamp;
use crate::transport::RawRecord;

/// A collector's number for a topic; stays valid when the producer behind it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutTopic(pub u32);

/// What a record is sent for, which decides what happens when it cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A result for a topic that the topology names.
    Sink,
    /// A result for a topic that was chosen for the record.
    DynamicSink,
    /// A record of a repartition topic: never left out.
    Repartition,
    /// A record for a dead letter queue.
    DeadLetter,
    /// A store's change: never left out.
    Changelog {
        /// The store.
        store: Arc<str>,
    },
}

/// Who sends records, and which partition is being read meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The task.
    pub task: TaskId,
    /// The node; for a change, the store.
    pub node: Arc<str>,
    /// The purpose of the record.
    pub purpose: Purpose,
    /// Where the current record was read; `None` during a punctuation and for changes.
    pub source: Option<TopicPartition>,
}

/// A collector's number for an [`Origin`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OriginId(pub u32);

/// A record to send, with its origin.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The topic.
    pub topic: OutTopic,
    /// The partition.
    pub partition: PartitionId,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null.
    pub value: Option<&'a [u8]>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: &'a Headers,
    /// Who sends it.
    pub origin: OriginId,
    /// The offset of the current record, if there is one.
    pub offset: Option<Offset>,
    /// That record as it was read, where it is known.
    pub source: Option<&'a RawRecord>,
}

/// Sends serialized records (`org.apache.kafka.streams.processor.internals.RecordCollector`).
pub trait Collector {
    /// The number of a topic.
    fn topic(&self, name: &TopicName) -> Result<OutTopic>;

    /// The number of an origin.
    fn origin(&self, origin: &Origin) -> OriginId;

    /// How many partitions it has.
    fn partitions(&self, topic: OutTopic) -> Result<PartitionId>;

    /// A partition for a record without a key. Spreads records over all partitions, but stays at one for a while so that
    /// batches fill.
    fn any_partition(&self, topic: OutTopic) -> Result<PartitionId>;

    /// Sends a record; waits for room where the client's queue is full. One that its topic can never take goes to the
    /// production exception handler.
    fn send(&self, record: &Outgoing<'_>) -> Result<()>;

    /// Sends a dead letter about the record at that offset, if there is one.
    fn send_dead_letter(&self, origin: OriginId, offset: Option<Offset>, letter: &DeadLetter) -> Result<()>;

    /// Reports a record for which there is no partition. If `error` blames the record, the production exception handler
    /// decides; otherwise it is returned.
    fn unsendable(&self, record: &Outgoing<'_>, error: crate::error::Error) -> Result<()>;
}
