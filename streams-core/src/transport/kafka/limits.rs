//! The limits of topics, from their settings. A record that a topic can never take is not sent, and batches are not larger
//! than the smallest limit.
//!
//! A broker accepts or refuses whole batches. librdkafka neither splits a refused batch nor has a batch size for each topic.
//! So one refused record costs its whole batch, and under exactly-once its transaction. It is better to find it before. What
//! cannot be found out (the right DESCRIBE_CONFIGS is missing, the broker validates a schema) is learnt from refusals.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::is_unknown_topic;
use super::ffi::{AdminCall, Client};
use crate::record::Headers;
use crate::time::{Clock, SystemClock, Timestamp};
use crate::transport::{OutRecord, TransportErrorKind as Kind};

/// Limits older than this are requested again when a producer is made.
const STALE_MS: i64 = 300_000;

/// Limits older than this are requested again before a record is refused: the limit may have been raised.
const SURE_MS: i64 = 5_000;

/// How far the broker's clock may be from ours. The broker decides about times in between.
const SKEW_MS: i64 = 300_000;

/// librdkafka's default for `batch.size`.
const BATCH_BYTES_MAX: usize = 1_000_000;

/// A guessed limit below this means batches of one record.
const GUESS_MIN: usize = 2_000;

/// The limits of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TopicLimits {
    /// `max.message.bytes`: of a batch, after compression.
    bytes_max: usize,
    /// Takes no null keys.
    compacted: bool,
    /// `message.timestamp.after.max.ms` where times are the producer's.
    after_max_ms: Option<i64>,
    /// `message.timestamp.before.max.ms` where times are the producer's.
    before_max_ms: Option<i64>,
}

impl TopicLimits {
    fn of(settings: impl Fn(&str) -> Option<String>) -> TopicLimits {
        let number = |key: &str| settings(key).and_then(|value| value.parse::<i64>().ok());
        let by_producer = settings("message.timestamp.type").is_none_or(|kind| kind == "CreateTime");
        // Older brokers have one limit for both sides.
        let both = number("message.timestamp.difference.max.ms");
        let bound = |key| number(key).or(both).filter(|limit| by_producer && *limit < i64::MAX / 2);
        let policy = settings("cleanup.policy").unwrap_or_default();
        TopicLimits {
            bytes_max: number("max.message.bytes")
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(usize::MAX),
            compacted: policy.split(',').any(|one| one.trim() == "compact"),
            after_max_ms: bound("message.timestamp.after.max.ms"),
            before_max_ms: bound("message.timestamp.before.max.ms"),
        }
    }
}

/// The limits that a producer checks for each record, without reading a clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    limits: TopicLimits,
    /// Whether sizes are known: compressed batches are smaller than their records.
    sizes: bool,
    earliest: Timestamp,
    latest: Timestamp,
}

impl Checked {
    pub(super) fn new(limits: TopicLimits, compressed: bool) -> Checked {
        let mut checked =
            Checked { limits, sizes: !compressed, earliest: Timestamp::MIN, latest: Timestamp::MAX };
        checked.look_at_the_clock();
        checked
    }

    fn look_at_the_clock(&mut self) {
        let now = SystemClock.now_ms();
        let after = self.limits.after_max_ms.map(|limit| now.saturating_add(limit).saturating_add(SKEW_MS));
        let before = self.limits.before_max_ms.map(|limit| now.saturating_sub(limit).saturating_sub(SKEW_MS));
        self.latest = after.unwrap_or(Timestamp::MAX);
        self.earliest = before.unwrap_or(Timestamp::MIN);
    }

    /// Whether the record may have to be refused. Usually this costs only comparisons.
    #[inline]
    pub(super) fn doubts(&self, record: &OutRecord<'_>) -> bool {
        let rough = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        (self.sizes && (rough + 100 > self.limits.bytes_max || !record.headers.is_empty()))
            || (self.limits.compacted && record.key.is_none())
            || !(self.earliest..=self.latest).contains(&record.timestamp)
    }

    /// Why the topic can never take the record; `None` if it can.
    pub(super) fn refusal(&mut self, record: &OutRecord<'_>) -> Option<(Kind, String)> {
        let bytes = batch_bytes(record.key, record.value, record.headers);
        if self.sizes && bytes > self.limits.bytes_max {
            let limit = self.limits.bytes_max;
            return Some((Kind::MessageTooLarge, too_large(bytes, limit)));
        }
        if self.limits.compacted && record.key.is_none() {
            let reason = "the topic is compacted (cleanup.policy) and takes no null keys";
            return Some((Kind::InvalidRecord, reason.to_owned()));
        }
        if (self.earliest..=self.latest).contains(&record.timestamp) {
            return None;
        }
        self.look_at_the_clock();
        if (self.earliest..=self.latest).contains(&record.timestamp) {
            return None;
        }
        let (setting, limit) = if record.timestamp > self.latest {
            ("message.timestamp.after.max.ms", self.limits.after_max_ms)
        } else {
            ("message.timestamp.before.max.ms", self.limits.before_max_ms)
        };
        let reason = format!(
            "its timestamp {} lies outside of the topic's {setting} of {}; microseconds or nanoseconds taken for \
             milliseconds are the usual cause",
            record.timestamp,
            limit.unwrap_or_default()
        );
        Some((Kind::InvalidRecord, reason))
    }
}

fn too_large(bytes: usize, limit: usize) -> String {
    format!(
        "{bytes} bytes, where max.message.bytes of the topic is {limit}; raise that (and producer.message.max.bytes), or \
         send less"
    )
}

/// The bytes of a batch with that one record, uncompressed.
pub(super) fn batch_bytes(key: Option<&[u8]>, value: Option<&[u8]>, headers: &Headers) -> usize {
    let sized = |bytes: Option<&[u8]>| bytes.map_or(1, |bytes| varint_bytes(bytes.len()) + bytes.len());
    let header = |header: &crate::record::Header| {
        varint_bytes(header.key.len()) + header.key.len() + sized(header.value.as_deref())
    };
    // Attributes, the differences of time and offset (0), the key, the value, the headers.
    let body = 3
        + sized(key)
        + sized(value)
        + varint_bytes(headers.len())
        + headers.iter().map(header).sum::<usize>();
    61 + varint_bytes(body) + body
}

/// The bytes of a zigzag varint.
fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS - (value << 1 | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// `None` if the broker does not return them.
    limits: Option<TopicLimits>,
    asked_ms: i64,
    tried_ms: i64,
    /// If the broker does not return them and has refused batches: the size that batches must stay below.
    guess: Option<usize>,
}

/// Never requested.
const UNKNOWN: Known = Known { limits: None, asked_ms: i64::MIN / 2, tried_ms: i64::MIN / 2, guess: None };

/// The known limits of topics, shared by all producers of a transport.
#[derive(Debug, Default)]
pub(super) struct Limits {
    topics: Mutex<HashMap<String, Known>>,
    /// The smallest batch limit among them; 0 while none is known.
    least: AtomicUsize,
}

impl Limits {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests the limits of those topics whose limits are unknown or too old.
    pub(super) fn learn(&self, client: &Client, topics: &[&str], timeout: Duration) {
        self.learn_unless_younger(client, topics, STALE_MS, timeout);
    }

    /// As [`learn`](Self::learn), if the limits may have changed since a record was sent.
    pub(super) fn make_sure(&self, client: &Client, topic: &str, timeout: Duration) {
        self.learn_unless_younger(client, &[topic], SURE_MS, timeout);
    }

    fn learn_unless_younger(&self, client: &Client, topics: &[&str], age_ms: i64, timeout: Duration) {
        let now_ms = SystemClock.monotonic_ms();
        let is_young = |topic: &&str| {
            let known = self.known();
            let is_young =
                |known: &Known| now_ms - known.asked_ms < age_ms || now_ms - known.tried_ms < SURE_MS;
            known.get(*topic).is_some_and(is_young)
        };
        let asked: Vec<&str> = topics.iter().copied().filter(|topic| !is_young(topic)).collect();
        if asked.is_empty() {
            return;
        }
        let answers = AdminCall::new(client, timeout).describe_configs(&asked);
        let mut known = self.known();
        for topic in &asked {
            known.entry((*topic).to_owned()).or_insert(UNKNOWN).tried_ms = SystemClock.monotonic_ms();
        }
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => return tracing::debug!(%error, ?asked, "the limits of topics are not known"),
        };
        for (topic, answer) in answers {
            let entry = known.entry(topic).or_insert(UNKNOWN);
            match answer {
                Ok(settings) => entry.limits = Some(TopicLimits::of(|key| settings.get(key).cloned())),
                Err(error) if is_unknown_topic(error.code) => entry.limits = None,
                // What was known before is the best guess.
                Err(error) => tracing::debug!(%error, ?asked, "the limits of a topic are not known now"),
            }
            entry.asked_ms = now_ms;
        }
        self.note_least(&known);
    }

    /// The known limits of a topic.
    pub(super) fn of(&self, topic: &str) -> Option<TopicLimits> {
        self.known().get(topic).and_then(|known| known.limits)
    }

    /// `max.message.bytes` of a topic, if known.
    pub(super) fn bytes_max(&self, topic: &str) -> Option<usize> {
        self.of(topic).map(|limits| limits.bytes_max)
    }

    /// Records that a topic of unknown limit has refused batches of that size, so that the next ones are smaller. False
    /// once batches have one record each.
    pub(super) fn guess_less(&self, topic: &str, batch_bytes: usize) -> bool {
        if batch_bytes <= 1 {
            return false;
        }
        let less = if batch_bytes / 4 < GUESS_MIN { 1 } else { batch_bytes / 4 };
        tracing::warn!(
            topic,
            batch_bytes,
            less,
            "the topic has refused a batch, and its limit is not known: batches become smaller; grant \
             DESCRIBE_CONFIGS on the topic"
        );
        let mut known = self.known();
        let entry = known.entry(topic.to_owned()).or_insert(UNKNOWN);
        entry.guess = Some(entry.guess.map_or(less, |guess| guess.min(less)));
        self.note_least(&known);
        true
    }

    /// The size of batches that all known topics take, at most `wanted`.
    pub(super) fn batch_bytes(&self, wanted: Option<usize>) -> usize {
        let least = match self.least.load(Ordering::Relaxed) {
            0 => usize::MAX,
            least => least,
        };
        least.min(wanted.unwrap_or(BATCH_BYTES_MAX)).max(1)
    }

    fn note_least(&self, known: &HashMap<String, Known>) {
        let limit = |known: &Known| known.limits.map(|limits| limits.bytes_max).or(known.guess);
        let least = known.values().filter_map(limit).min().unwrap_or(0);
        self.least.store(least, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::TopicHandle;

    fn limits(settings: &[(&str, &str)]) -> TopicLimits {
        TopicLimits::of(|key| settings.iter().find(|(name, _)| *name == key).map(|(_, v)| (*v).to_owned()))
    }

    fn refusal(limits: TopicLimits, key: Option<&[u8]>, value: &[u8], timestamp: i64) -> Option<String> {
        let headers = Headers::new();
        let topic = TopicHandle(0);
        let record =
            OutRecord { topic, partition: 0, key, value: Some(value), timestamp, headers: &headers, tag: 0 };
        let mut checked = Checked::new(limits, false);
        let refusal = checked.refusal(&record).map(|(_, reason)| reason);
        assert!(refusal.is_none() || checked.doubts(&record), "what is refused is doubted first");
        refusal
    }

    #[test]
    fn what_a_topic_can_never_take_is_known_before() {
        let now = SystemClock.now_ms();
        let small = limits(&[("max.message.bytes", "200"), ("cleanup.policy", "delete")]);
        assert_eq!(refusal(small, None, &[1; 100], now), None);
        assert!(refusal(small, None, &[1; 201], now).is_some_and(|why| why.contains("271 bytes")));
        let compacted = limits(&[("cleanup.policy", "compact,delete")]);
        assert!(refusal(compacted, None, b"v", now).is_some_and(|why| why.contains("null keys")));
        assert_eq!(refusal(compacted, Some(b""), b"v", now), None);
        let times =
            [("message.timestamp.after.max.ms", "3600000"), ("message.timestamp.before.max.ms", "10000000")];
        let timed = limits(&times);
        assert!(
            refusal(timed, None, b"v", now * 1_000)
                .is_some_and(|why| why.contains("after.max.ms of 3600000"))
        );
        assert!(refusal(timed, None, b"v", 5).is_some_and(|why| why.contains("before.max.ms")));
        assert_eq!(refusal(timed, None, b"v", now + 3_000_000), None);
        let mut by_broker = times.to_vec();
        by_broker.push(("message.timestamp.type", "LogAppendTime"));
        assert_eq!(refusal(limits(&by_broker), None, b"v", now * 1_000), None);
    }

    #[test]
    fn batches_fit_into_every_topic() {
        let known = Limits::default();
        assert_eq!(known.batch_bytes(None), BATCH_BYTES_MAX);
        assert_eq!(known.batch_bytes(Some(20_000)), 20_000);
        let settings = limits(&[("max.message.bytes", "10000")]);
        known.known().insert("t".to_owned(), Known { limits: Some(settings), ..UNKNOWN });
        known.note_least(&known.known());
        assert_eq!(known.batch_bytes(None), 10_000);
        let mut size = known.batch_bytes(None);
        for less in [2_500, 1] {
            assert!(known.guess_less("denied", size));
            size = known.batch_bytes(None);
            assert_eq!(size, less);
        }
        assert!(!known.guess_less("denied", size));
    }

    /// The format of `DefaultRecordBatch` and `DefaultRecord`.
    #[test]
    fn a_batch_of_one_record_has_kafkas_size() {
        assert_eq!(batch_bytes(None, None, &Headers::new()), 61 + 1 + 3 + 1 + 1 + 1);
        assert_eq!(batch_bytes(Some(&[0; 63]), Some(&[0; 64]), &Headers::new()), 61 + 2 + 3 + 64 + 66 + 1);
        let mut headers = Headers::new();
        headers.add("ab", Some(bytes::Bytes::from_static(b"c")));
        assert_eq!(batch_bytes(None, Some(b""), &headers), 61 + 1 + 3 + 1 + 1 + 1 + 3 + 2);
    }
}
