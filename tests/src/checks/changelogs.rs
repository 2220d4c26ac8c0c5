//! Brings what Kafka Streams and this library have written in a step to the same form, before it is compared exactly.
//!
//! Only changelogs are touched:
//!
//! 1. Of a key's records in one step the last one stays, in its place: a commit here writes each key once, in the order
//!    of last updates.
//! 2. A tombstone for a key that the changelog does not hold is left out if the key had a value in the same step, on
//!    either side: what comes and goes within a commit leaves no trace here.
//! 3. In the changelogs of a stream-stream join, nulls are left out: Kafka Streams writes a tombstone there for a
//!    record with a null value, but under a sequence number of its own, so that it deletes what never was there.
//! 4. In the same changelogs, records that are too late for the store itself are left out: Kafka Streams logs them, the
//!    store drops them, live and restoring.
//! 5. In the changelogs of suppression, records of one step are sorted by key: Kafka Streams logs them in the order of
//!    its hash table. (They have no timestamp there; here they have the wall clock's, which the producer would give
//!    them.)
//! 6. The changelog of a grace join's buffer has no times: Kafka Streams leaves them to the producer's clock. Offsets of
//!    repartition topics in it are left out: here they count transaction markers.
//! 7. In the changelog of an LRU map, tombstones are left out: Kafka Streams writes none for what a timestamped map
//!    forgets, so that a restored one may hold other keys than the one that was lost.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

/// The time that one segment of a window store covers, if its retention is short.
const SEGMENT_MS: i64 = 60_000;

/// In place of a time that is not compared.
const UNTIMED: i64 = -1;

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written {
    /// Key bytes, or null.
    pub key: Option<Bytes>,
    /// Value bytes, or null.
    pub value: Option<Bytes>,
    /// Event time in milliseconds.
    pub timestamp: i64,
    /// Names and values of headers.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// What one step wrote to each topic.
pub type StepOutput = BTreeMap<String, Vec<Written>>;

/// Whether a store, or the changelog of a store, of that name holds the records of a stream-stream join.
pub fn is_join_store(name: &str) -> bool {
    let parts = [
        "KSTREAM-JOINTHIS-",
        "KSTREAM-JOINOTHER-",
        "KSTREAM-OUTERTHIS-",
        "KSTREAM-OUTEROTHER-",
        "-this-join-store",
        "-other-join-store",
        "-this-win-changelog",
        "-other-win-changelog",
    ];
    parts.iter().any(|part| name.contains(part))
}

/// LRU maps in tests are called so.
fn is_lru(changelog: &str) -> bool {
    changelog.starts_with("app-lru")
}

fn is_buffer(changelog: &str) -> bool {
    let parts = ["-KTABLE-SUPPRESS-", "-final-store-", "-later-store-"];
    parts.iter().any(|part| changelog.contains(part))
}

/// The changelogs of both engines as they grow.
#[derive(Clone, Debug)]
pub struct Changelogs {
    join_retention_ms: i64,
    /// The keys that each changelog holds.
    live: BTreeMap<String, BTreeSet<Option<Bytes>>>,
}

impl Changelogs {
    /// Nothing written yet. The stores of stream-stream joins keep records for `join_retention_ms`, at most.
    pub fn new(join_retention_ms: i64) -> Self {
        Changelogs { join_retention_ms, live: BTreeMap::new() }
    }

    /// What this library and Kafka Streams have written in the next step, when the largest timestamp so far is
    /// `stream_time`.
    pub fn normalised(
        &mut self,
        mut ours: StepOutput,
        mut java: StepOutput,
        stream_time: i64,
    ) -> (StepOutput, StepOutput) {
        let first_segment = (stream_time - self.join_retention_ms).max(0) / SEGMENT_MS;
        let both = ours.keys().chain(java.keys()).filter(|topic| topic.ends_with("-changelog"));
        let topics: BTreeSet<String> = both.cloned().collect();
        for topic in topics {
            let mut sides = [ours.remove(&topic), java.remove(&topic)].map(Option::unwrap_or_default);
            if topic.ends_with("-Buffer-changelog") {
                sides.iter_mut().flatten().for_each(untimed);
            }
            let values = sides.iter().flatten().filter(|record| record.value.is_some());
            let came: BTreeSet<Option<Bytes>> = values.map(|record| record.key.clone()).collect();
            let live = self.live.entry(topic.clone()).or_default();
            let leaves_no_trace = |record: &Written| {
                record.value.is_none() && came.contains(&record.key) && !live.contains(&record.key)
            };
            let is_too_late =
                |record: &Written| record.value.is_none() || record.timestamp / SEGMENT_MS < first_segment;
            let [our, their] = sides.map(|records| {
                let mut records = last_of_each_key(records);
                records.retain(|record| !leaves_no_trace(record));
                if is_join_store(&topic) {
                    records.retain(|record| !is_too_late(record));
                }
                if is_buffer(&topic) {
                    records.sort();
                }
                if is_lru(&topic) {
                    records.retain(|record| record.value.is_some());
                }
                records
            });
            for record in &their {
                match &record.value {
                    Some(_) => live.insert(record.key.clone()),
                    None => live.remove(&record.key),
                };
            }
            ours.insert(topic.clone(), our);
            java.insert(topic, their);
        }
        ours.retain(|_, records| !records.is_empty());
        java.retain(|_, records| !records.is_empty());
        (ours, java)
    }
}

/// A buffered record without its time, and without its offset if it was read from a repartition topic: the offset
/// follows the time, and the topic's name with its length follows the offset.
fn untimed(record: &mut Written) {
    record.timestamp = UNTIMED;
    record.value = record.value.as_ref().map(without_offset);
}

/// What a buffer of records has written down of one, without its offset if it was read from a repartition topic.
pub fn without_offset(value: &Bytes) -> Bytes {
    let length = value.get(16..20).and_then(|length| Some(u32::from_be_bytes(length.try_into().ok()?)));
    let topic = length.and_then(|length| value.get(20..20 + length as usize));
    match topic {
        Some(topic) if topic.ends_with(b"-repartition") => {
            [&value[..8], &[0; 8], &value[16..]].concat().into()
        }
        _ => value.clone(),
    }
}

fn last_of_each_key(records: Vec<Written>) -> Vec<Written> {
    let is_last = |at: usize| records[at + 1..].iter().all(|later| later.key != records[at].key);
    (0..records.len()).filter(|at| is_last(*at)).map(|at| records[at].clone()).collect()
}
