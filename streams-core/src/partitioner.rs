//! Which partition a record goes to: Kafka's hash of the key, or what the application says.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::ids::PartitionId;

/// The 32-bit MurmurHash2 that Kafka's clients partition by (`org.apache.kafka.common.utils.Utils.murmur2`).
pub fn murmur2(bytes: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // Java's arrays are at most i32::MAX long, so the length always fits.
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    (hash ^ hash >> 15).cast_signed()
}

/// The partition that Kafka Streams and Java's producer send such a key to, of `partitions` (at least one). librdkafka's own
/// choice is another one; docs/guide/partitioning.md says how to make it the same.
pub fn partition_for_key(key: &[u8], partitions: PartitionId) -> PartitionId {
    (murmur2(key) & i32::MAX) % partitions.max(1)
}

/// The part of a serialized key that decides its partition: all of it, but without the window of a windowed key
/// (see [`Serde::partitioning_suffix_bytes`](crate::serde::Serde::partitioning_suffix_bytes)), so that all windows of
/// a key stay together (`WindowedStreamPartitioner`).
#[doc(hidden)]
pub fn partitioning_bytes(key: &[u8], suffix_bytes: usize) -> &[u8] {
    key.get(..key.len().saturating_sub(suffix_bytes)).unwrap_or(key)
}

/// Where a [`StreamPartitioner`] sends a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// Where it would go without a partitioner: by the hash of its key.
    Default,
    /// Nowhere.
    Drop,
    /// One partition.
    One(PartitionId),
    /// A copy to each of these: `Partitions::from(vec![0, 2])`.
    Many(SmallVec<[PartitionId; 4]>),
    /// Nowhere, and that is an error of this record, for that reason.
    Refuse(&'static str),
}

impl From<PartitionId> for Partitions {
    fn from(partition: PartitionId) -> Self {
        Partitions::One(partition)
    }
}

/// A copy to each.
impl From<Vec<PartitionId>> for Partitions {
    fn from(partitions: Vec<PartitionId>) -> Self {
        Partitions::Many(partitions.into())
    }
}

/// A copy to each.
impl FromIterator<PartitionId> for Partitions {
    fn from_iter<I: IntoIterator<Item = PartitionId>>(partitions: I) -> Self {
        Partitions::Many(partitions.into_iter().collect())
    }
}

impl Partitions {
    /// A copy to each partition of the topic.
    pub fn all(partitions: PartitionId) -> Self {
        Partitions::Many((0..partitions).collect())
    }
}

/// Chooses the partitions of a sink's records (`org.apache.kafka.streams.processor.StreamPartitioner`). A closure
/// `|topic, key, value, partitions| Partitions` is one:
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::partitioner::{Partitions, StreamPartitioner};
///
/// // Large payments have a partition of their own.
/// let by_size = |_: &str, _: &String, cents: &i64, partitions| match *cents > 100_000 {
///     true => Partitions::One(partitions - 1),
///     false => Partitions::Default,
/// };
/// assert_eq!(by_size.partitions("payments", &"ann".into(), &500_000, 4), Partitions::One(3));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not partition records with key `{K}` and value `{V}`",
    label = "not a partitioner of these records",
    note = "give a closure `|topic: &str, key: &K, value: &V, partitions: i32|` that returns `Partitions`, such as \
            `Partitions::One(0)`"
)]
pub trait StreamPartitioner<K, V>: Send + Sync {
    /// Where a record goes, on a topic of that many partitions.
    fn partitions(&self, topic: &str, key: &K, value: &V, partitions: PartitionId) -> Partitions;
}

/// A shared partitioner, as topologies hold it.
pub type StreamPartitionerRef<K, V> = Arc<dyn StreamPartitioner<K, V>>;

impl<K, V, F> StreamPartitioner<K, V> for F
where
    F: Fn(&str, &K, &V, PartitionId) -> Partitions + Send + Sync,
{
    fn partitions(&self, topic: &str, key: &K, value: &V, partitions: PartitionId) -> Partitions {
        self(topic, key, value, partitions)
    }
}

/// Spreads records without a key: a run of them to one partition, then to the next, so that a producer's batches fill
/// up as they do with Kafka's sticky choice. One per topic and thread.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct StickyPartitioner {
    sent: u32,
}

impl StickyPartitioner {
    /// How many records go to a partition before it is the next one's turn: enough to fill a batch, few enough to
    /// spread a slow stream within seconds.
    pub const RUN_RECORDS: u32 = 100;

    /// Starts at that partition; instances should differ, lest all start with partition 0.
    pub fn new(first: u32) -> Self {
        StickyPartitioner { sent: first.wrapping_mul(Self::RUN_RECORDS) }
    }

    /// The partition of the next record, of `partitions` (at least one).
    pub fn next(&mut self, partitions: PartitionId) -> PartitionId {
        let run = self.sent / Self::RUN_RECORDS;
        self.sent = self.sent.wrapping_add(1);
        let partitions = partitions.max(1).unsigned_abs();
        (run % partitions).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_kafka() {
        // The cases of Kafka's UtilsTest.
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn a_key_has_one_of_the_partitions() {
        assert_eq!(partition_for_key(b"21", 10), (-973_932_308 & i32::MAX) % 10);
        assert_eq!(partition_for_key(b"21", 1), 0);
        assert_eq!(partition_for_key(b"21", 0), 0, "no division by zero");
    }

    #[test]
    fn a_window_does_not_count_for_the_partition() {
        assert_eq!(partitioning_bytes(b"key12345678", 8), b"key");
        assert_eq!(partitioning_bytes(b"key", 0), b"key");
        assert_eq!(partitioning_bytes(b"key", 8), b"");
    }

    #[test]
    fn a_closure_is_a_partitioner() {
        let by_length: StreamPartitionerRef<String, i64> =
            Arc::new(|_topic: &str, key: &String, _value: &i64, n: i32| {
                Partitions::One(key.len() as i32 % n)
            });
        assert_eq!(by_length.partitions("t", &"abcd".to_owned(), &1, 3), Partitions::One(1));
    }

    #[test]
    fn records_without_a_key_reach_every_partition() {
        let mut sticky = StickyPartitioner::new(1);
        let chosen: Vec<_> = (0..300).map(|_| sticky.next(3)).collect();
        assert!(chosen[..100].iter().all(|p| *p == 1));
        assert!(chosen[100..200].iter().all(|p| *p == 2));
        assert!(chosen[200..].iter().all(|p| *p == 0));
    }
}
