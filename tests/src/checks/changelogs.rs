//! Brings what Kafka Streams and this library have written in a step to the same form, before it is compared exactly.
//!
//! Only changelogs are touched:
//!
//! 1. Of a key's records in one step the last one stays, in its place: each step is one commit here, and a commit
//!    writes each key once, in the order of last updates.
//! 2. In the changelogs of a stream-stream join, nulls are left out: Kafka Streams writes a tombstone there for a
//!    record with a null value, but under a sequence number of its own, so that it deletes what never was there.
//! 3. In the same changelogs, records that are too late for the store itself are left out: Kafka Streams logs them, the
//!    store drops them, live and restoring.
//! 4. A tombstone for a key that the changelog does not hold, after a value of the key in the same step, is left out:
//!    what came and went within one commit is not logged.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

/// The time that one segment of a window store covers, if its retention is short.
const SEGMENT_MS: i64 = 60_000;

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The changelogs of one engine as they grow.
#[derive(Clone, Debug)]
pub struct Changelogs {
    join_retention_ms: i64,
    live: BTreeMap<String, BTreeSet<Option<Bytes>>>,
}

/// Whether a store, or the changelog of a store, of that name holds the records of a stream-stream join.
pub fn is_join_store(name: &str) -> bool {
    let parts = [
        "KSTREAM-JOINTHIS-",
        "KSTREAM-JOINOTHER-",
        "KSTREAM-OUTERTHIS-",
        "KSTREAM-OUTEROTHER-",
        "-this-join-store",
        "-other-join-store",
    ];
    parts.iter().any(|part| name.contains(part))
}

impl Changelogs {
    /// Nothing written yet. The stores of stream-stream joins keep records for `join_retention_ms`, at most.
    pub fn new(join_retention_ms: i64) -> Self {
        Changelogs { join_retention_ms, live: BTreeMap::new() }
    }

    /// What was written in the next step, when the largest timestamp so far is `stream_time`.
    pub fn normalised(&mut self, mut output: StepOutput, stream_time: i64) -> StepOutput {
        let first_segment = (stream_time - self.join_retention_ms).max(0) / SEGMENT_MS;
        for (topic, records) in output.iter_mut().filter(|(topic, _)| topic.ends_with("-changelog")) {
            self.last_of_each_key(topic, records);
            if is_join_store(topic) {
                records.retain(|record| {
                    record.value.is_some() && record.timestamp / SEGMENT_MS >= first_segment
                });
            }
        }
        output.retain(|_, records| !records.is_empty());
        output
    }

    fn last_of_each_key(&mut self, topic: &str, records: &mut Vec<Written>) {
        let live = self.live.entry(topic.to_owned()).or_default();
        let all = std::mem::take(records);
        for (at, record) in all.iter().enumerate() {
            if all[at + 1..].iter().any(|later| later.key == record.key) {
                continue;
            }
            let came = |earlier: &Written| earlier.key == record.key && earlier.value.is_some();
            let updated = all[..at].iter().any(came);
            let held = live.contains(&record.key);
            match &record.value {
                Some(_) => live.insert(record.key.clone()),
                None => live.remove(&record.key),
            };
            if record.value.is_some() || held || !updated {
                records.push(record.clone());
            }
        }
    }
}
