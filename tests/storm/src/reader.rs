//! Reads the results with read_committed while they are written: what it has seen must stay.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab::{ConsumedRecord, KafkaClient, LabError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// What was read: topic, partition and offset, and a hash of key and value.
type Seen = BTreeMap<(String, i32, i64), u64>;

/// How often it looks for new partitions.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A consumer at work in a thread of its own.
pub(crate) struct Reader {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Result<Seen, LabError>>,
}

impl Reader {
    /// Begins to read these topics from their beginnings.
    pub(crate) fn start(client: KafkaClient, topics: &[&str]) -> Self {
        let done = Arc::<AtomicBool>::default();
        let (ends, topics) = (Arc::clone(&done), topics.iter().map(|topic| (*topic).to_owned()).collect());
        Self { done, thread: std::thread::spawn(move || follow(&client, topics, &ends)) }
    }

    /// Ends it and compares what it has seen with what is there now. How many records it has seen.
    pub(crate) fn finish(
        self,
        read: impl Fn(&str) -> Result<Vec<ConsumedRecord>, LabError>,
    ) -> Result<usize, String> {
        self.done.store(true, Ordering::Release);
        let seen = self.thread.join().map_err(|_| "the reader panicked".to_owned())?;
        let seen = seen.map_err(|error| error.to_string())?;
        let topics: std::collections::BTreeSet<&str> =
            seen.keys().map(|(topic, ..)| topic.as_str()).collect();
        for topic in topics {
            let there = read(topic).map_err(|error| error.to_string())?;
            let there: BTreeMap<(i32, i64), u64> = there
                .iter()
                .map(|record| ((record.partition, record.offset), hash(&record.key, &record.value)))
                .collect();
            for ((_, partition, offset), hash) in seen.iter().filter(|((of, ..), _)| of == topic) {
                if there.get(&(*partition, *offset)) != Some(hash) {
                    return Err(format!("{topic}-{partition}@{offset} was read as committed and is gone"));
                }
            }
        }
        Ok(seen.len())
    }
}

fn hash(key: &Option<Vec<u8>>, value: &Option<Vec<u8>>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, value).hash(&mut hasher);
    hasher.finish()
}

fn follow(client: &KafkaClient, topics: Vec<String>, done: &AtomicBool) -> Result<Seen, LabError> {
    let consumer = client.consumer(&[("isolation.level", "read_committed")])?;
    let (mut seen, mut positions) = (Seen::new(), BTreeMap::new());
    let mut looked: Option<Instant> = None;
    while !done.load(Ordering::Acquire) {
        if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            looked = Some(Instant::now());
            assign_new(&consumer, &topics, &mut positions)?;
        }
        // A broker that is away passes.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let place = (message.topic().to_owned(), message.partition(), message.offset());
        positions.insert((place.0.clone(), place.1), place.2 + 1);
        let (key, value) = (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec));
        seen.insert(place, hash(&key, &value));
    }
    Ok(seen)
}

/// Continues with the partitions that it has and begins new ones.
fn assign_new(
    consumer: &BaseConsumer,
    topics: &[String],
    positions: &mut BTreeMap<(String, i32), i64>,
) -> Result<(), LabError> {
    let before = positions.len();
    for topic in topics {
        // Unknown for a while, when brokers are away.
        let Ok(metadata) = consumer.fetch_metadata(Some(topic), Duration::from_secs(2)) else {
            return Ok(());
        };
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            positions.entry((topic.clone(), partition.id())).or_insert(0);
        }
    }
    if positions.len() == before {
        return Ok(());
    }
    let mut list = TopicPartitionList::new();
    let what = || "assigning the results to the reader".to_owned();
    for ((topic, partition), position) in &*positions {
        list.add_partition_offset(topic, *partition, Offset::Offset(*position))
            .map_err(LabError::kafka(what()))?;
    }
    consumer.assign(&list).map_err(LabError::kafka(what()))
}
