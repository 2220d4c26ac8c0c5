//! Where results leave a task; the runtime's record collector stands behind it.

use crate::error::Result;
use crate::ids::{PartitionId, TopicName};
use crate::record::Headers;
use crate::time::Timestamp;

/// A collector's number for a topic; stays valid when the producer behind it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutTopic(pub u32);

/// Sends serialized records (`org.apache.kafka.streams.processor.internals.RecordCollector`).
pub trait Collector {
    /// The number of a topic.
    fn topic(&self, name: &TopicName) -> Result<OutTopic>;

    /// How many partitions it has.
    fn partitions(&self, topic: OutTopic) -> Result<PartitionId>;

    /// A partition for a record without a key: spreads over all partitions, the same one for a while so that batches fill.
    fn any_partition(&self, topic: OutTopic) -> Result<PartitionId>;

    /// Sends a record; waits for room where the client's queue is full.
    fn send(
        &self,
        topic: OutTopic,
        partition: PartitionId,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()>;
}
