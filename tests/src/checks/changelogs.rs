//! Brings what Kafka Streams and this library have written in a step to the same form, before it is compared exactly.
//!
//! Only changelogs are touched:
//!
//! 1. Of a key's records in one step the last one stays, in its place: a commit here writes each key once, in the order
//!    of last updates. A step has several commits if records come back on internal topics, and what comes and goes within
//!    one of them leaves no trace here: where Kafka Streams deletes a key, has it again and deletes it again, either
//!    tombstone may be the last one here.
//! 2. A tombstone for a key that the changelog does not hold is left out if the key had a value in the same step, on
//!    either side, or if only Kafka Streams wrote it: what comes and goes within a commit leaves no trace here, and
//!    deleting nothing neither. Caches hide such values from Kafka Streams' changelog, and not the tombstones.
//! 3. In the changelogs of a stream-stream join, nulls are left out: Kafka Streams writes a tombstone there for a
//!    record with a null value, but under a sequence number of its own, so that it deletes what never was there.
//! 4. In the same changelogs, records that are too late for the store itself are left out: Kafka Streams logs them, the
//!    store drops them, live and restoring. So with the windows of a cogroup ([`Changelogs::with_windows`]): each of
//!    its streams has a time of its own, and what is not late for one can be too late for the store of all.
//! 5. In the changelogs of suppression, records of one step are sorted by key: Kafka Streams logs them in the order of
//!    its hash table. (They have no timestamp there; here they have the wall clock's, which the producer would give
//!    them.)
//! 6. In the changelog of a grace join's buffer, offsets of repartition topics are left out: here they count transaction
//!    markers. (It has no timestamps there either.)
//! 7. With record caches ([`Changelogs::without_places`]), it is left out where a suppressed row was read: Kafka
//!    Streams' caches keep the place of each update, here it is that of the last record.
//! 8. In the changelog of an LRU map, tombstones are left out: Kafka Streams writes none for what a timestamped map
//!    forgets, so that a restored one may hold other keys than the one that was lost. So is what Kafka Streams alone
//!    writes there: what is forgotten within the commit leaves no trace here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

/// The time that one segment of a window store covers, if its retention is short.
const SEGMENT_MS: i64 = 60_000;

/// How much the time of a store may be off what is known of it here: extractors add to times of records.
const SLACK_MS: i64 = 1_000;

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
    window_retention_ms: i64,
    placeless: bool,
    /// The keys that each changelog holds.
    live: BTreeMap<String, BTreeSet<Option<Bytes>>>,
}

impl Changelogs {
    /// Nothing written yet. The stores of stream-stream joins keep records for `join_retention_ms`, at most.
    pub fn new(join_retention_ms: i64) -> Self {
        Changelogs {
            join_retention_ms,
            window_retention_ms: i64::MAX,
            placeless: false,
            live: BTreeMap::new(),
        }
    }

    /// Leaves windows out that a store drops which keeps them for `retention_ms`.
    #[must_use]
    pub fn with_windows(mut self, retention_ms: i64) -> Self {
        self.window_retention_ms = retention_ms;
        self
    }

    /// Leaves topic, partition and offset of suppressed rows out.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        self.placeless = true;
        self
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
        let first_window_segment = (stream_time + SLACK_MS - self.window_retention_ms).max(0) / SEGMENT_MS;
        let both = ours.keys().chain(java.keys()).filter(|topic| topic.ends_with("-changelog"));
        let topics: BTreeSet<String> = both.cloned().collect();
        for topic in topics {
            let mut sides = [ours.remove(&topic), java.remove(&topic)].map(Option::unwrap_or_default);
            if topic.ends_with("-Buffer-changelog") {
                sides.iter_mut().flatten().for_each(offsetless);
            }
            if self.placeless && is_buffer(&topic) {
                sides.iter_mut().flatten().for_each(placeless);
            }
            let values = sides.iter().flatten().filter(|record| record.value.is_some());
            let came: BTreeSet<Option<Bytes>> = values.map(|record| record.key.clone()).collect();
            let live = self.live.entry(topic.clone()).or_default();
            let leaves_no_trace = |record: &Written| {
                record.value.is_none() && came.contains(&record.key) && !live.contains(&record.key)
            };
            let is_too_late =
                |record: &Written| record.value.is_none() || record.timestamp / SEGMENT_MS < first_segment;
            let our_keys: BTreeSet<Option<Bytes>> =
                sides[0].iter().map(|record| record.key.clone()).collect();
            let deletes_nothing = |record: &Written| {
                record.value.is_none() && !live.contains(&record.key) && !our_keys.contains(&record.key)
            };
            let [our, their] = sides;
            let our = last_of_each_key(our);
            let their = last_or_equal(their, &our);
            let kept = our.iter().filter(|record| record.value.is_some());
            let kept: BTreeSet<Option<Bytes>> = kept.map(|record| record.key.clone()).collect();
            let [our, mut their] = [our, their].map(|mut records| {
                records.retain(|record| !leaves_no_trace(record));
                if is_join_store(&topic) {
                    records.retain(|record| !is_too_late(record));
                }
                if is_buffer(&topic) {
                    records.sort();
                }
                if is_lru(&topic) {
                    records.retain(|record| record.value.is_some() && kept.contains(&record.key));
                }
                records.retain(|record| {
                    window_times(record).iter().all(|time| time / SEGMENT_MS >= first_window_segment)
                });
                records
            });
            their.retain(|record| !deletes_nothing(record));
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

/// When the window that a record is about begins, if its key is one of a window store, and when it ends, if it is one of
/// a session store. Text in their place makes times that are far off.
fn window_times(record: &Written) -> Vec<i64> {
    let key = record.key.as_deref().unwrap_or_default();
    let at = |end: usize| {
        let from = key.len().checked_sub(end)?;
        Some(i64::from_be_bytes(key.get(from..from + 8)?.try_into().ok()?))
    };
    [at(12), at(16)].into_iter().flatten().filter(|time| *time >= 0).collect()
}

/// A buffered record without its offset if it was read from a repartition topic: the topic's name with its length
/// follows the offset.
fn offsetless(record: &mut Written) {
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

/// A suppressed row without the place that it was read at: offset, topic with its length, and partition, behind the
/// time.
fn placeless(record: &mut Written) {
    let Some(value) = &record.value else { return };
    let length = value.get(16..20).and_then(|length| Some(i32::from_be_bytes(length.try_into().ok()?)));
    let end = length.map_or(20, |length| 24 + usize::try_from(length).unwrap_or_default());
    record.value = Some([&value[..8], value.get(end..).unwrap_or_default()].concat().into());
}

/// Of each key's records the last one; or, if that is a tombstone, another tombstone with nothing behind it but what came
/// and went, if ours is that one. The order is kept.
fn last_or_equal(records: Vec<Written>, ours: &[Written]) -> Vec<Written> {
    let mut ends: BTreeMap<&Option<Bytes>, Vec<usize>> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        let ends = ends.entry(&record.key).or_default();
        // What another value or another tombstone follows at once was not the end of anything.
        let is_overtaken = |before: &usize| records[*before].value.is_some() || record.value.is_none();
        if ends.last().is_some_and(is_overtaken) {
            ends.pop();
        }
        ends.push(at);
    }
    let mut places: BTreeMap<&Option<Bytes>, usize> = BTreeMap::new();
    let mut from = 0;
    for our in ours {
        let Some(ends) = ends.get(&our.key) else { continue };
        let is_deleted = ends.last().is_some_and(|last| records[*last].value.is_none());
        let mut possible =
            ends.iter().copied().filter(|at| is_deleted && *at >= from && records[*at] == *our);
        let place = possible.next().or(ends.last().copied()).unwrap_or_default();
        places.insert(&our.key, place);
        from = place + 1;
    }
    let is_end = |(at, record): (usize, &Written)| {
        let last = ends.get(&record.key).and_then(|ends| ends.last());
        let place = places.get(&record.key).or(last);
        (place == Some(&at)).then(|| record.clone())
    };
    records.iter().enumerate().filter_map(is_end).collect()
}

fn last_of_each_key(records: Vec<Written>) -> Vec<Written> {
    let is_last = |at: usize| records[at + 1..].iter().all(|later| later.key != records[at].key);
    (0..records.len()).filter(|at| is_last(*at)).map(|at| records[at].clone()).collect()
}
