//! What an example is made of: data that a runner, a test driver or a test suite can execute.

use std::collections::BTreeMap;

use kstreams::ids::PartitionId;
use kstreams::partitioner::partition_for_key;
use kstreams::prelude::{Headers, Timestamp, Topology};
use kstreams::serde::{DefaultSerde, Payload};

use crate::Result;

/// An example: a topology, its topics, and its whole input.
///
/// Running it twice, on whatever broker, gives the same [`final_records`]: input is in the order of event time within
/// each partition, tables are filled before the streams that they are joined with, and no result hangs on how
/// partitions interleave.
pub struct ExampleApp {
    /// Its name and `application.id`.
    pub name: &'static str,
    /// All topics that must exist: input and output.
    pub topics: Vec<Topic>,
    /// What is done.
    pub topology: Topology,
    /// What it is done to, in the order of writing.
    pub input: Vec<InputRecord>,
    /// The topics that hold the results.
    pub outputs: Vec<&'static str>,
}

impl ExampleApp {
    /// The partition that a record of the input belongs to: that of its key, as Kafka Streams has it.
    pub fn partition_of(&self, record: &InputRecord) -> PartitionId {
        let partitions = self.topics.iter().find(|topic| topic.name == record.topic);
        partition_for_key(&record.key, partitions.map_or(1, |topic| topic.partitions))
    }

    /// How many records of the input are for that topic.
    pub fn input_of(&self, topic: &str) -> usize {
        self.input.iter().filter(|record| record.topic == topic).count()
    }
}

/// A topic of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: &'static str,
    /// How many partitions it has.
    pub partitions: PartitionId,
}

impl Topic {
    /// A topic with this many partitions.
    pub const fn new(name: &'static str, partitions: PartitionId) -> Self {
        Topic { name, partitions }
    }
}

/// A record to write, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRecord {
    /// Its topic.
    pub topic: &'static str,
    /// Key bytes.
    pub key: Vec<u8>,
    /// Value bytes, or null.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
}

impl InputRecord {
    /// A record with the default serdes of its types.
    pub fn new<K, V>(topic: &'static str, key: &K, value: &V, timestamp: Timestamp) -> Result<Self>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        let key = to_bytes(topic, key)?.ok_or("examples have no null keys")?;
        Ok(InputRecord { topic, key, value: to_bytes(topic, value)?, timestamp })
    }
}

fn to_bytes<T: DefaultSerde>(topic: &str, value: &T) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    Ok(match T::default_serde().serialize(topic, &Headers::new(), value, &mut bytes)? {
        Payload::Null => None,
        Payload::Bytes => Some(bytes),
    })
}

/// A record that an example has written, as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecord {
    /// Its topic.
    pub topic: &'static str,
    /// Its partition.
    pub partition: PartitionId,
    /// Key bytes, or null.
    pub key: Option<Vec<u8>>,
    /// Value bytes, or null.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
}

impl OutputRecord {
    /// The key, by the default serde of its type.
    pub fn key<K: DefaultSerde>(&self) -> Result<K> {
        Ok(K::default_serde().deserialize(self.topic, &Headers::new(), self.key.as_deref())?)
    }

    /// The value, by the default serde of its type.
    pub fn value<V: DefaultSerde>(&self) -> Result<V> {
        Ok(V::default_serde().deserialize(self.topic, &Headers::new(), self.value.as_deref())?)
    }
}

/// The last record of each topic and key, in the order of keys. How many updates came before it depends on when commits
/// happened; the last one does not.
pub fn final_records(records: &[OutputRecord]) -> Vec<&OutputRecord> {
    let by_key: BTreeMap<_, _> =
        records.iter().map(|record| ((record.topic, record.key.as_deref()), record)).collect();
    by_key.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_a_key_is_final() {
        let record = |key: &str, value: i64| OutputRecord {
            topic: "t",
            partition: 0,
            key: Some(key.into()),
            value: to_bytes("t", &value).unwrap(),
            timestamp: 0,
        };
        let records = [record("b", 1), record("a", 2), record("b", 3)];
        let values: Vec<i64> =
            final_records(&records).into_iter().map(|record| record.value().unwrap()).collect();
        assert_eq!(values, [2, 3]);
    }
}
