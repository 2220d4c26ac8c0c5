//! Source partitions that the broker refuses to serve for now.
//!
//! Rights may be taken away for a moment, and a broker that has just started may not know a topic that exists. Only the
//! tasks that read such a partition wait, and say so; the partition is asked for again each second. After
//! `task.timeout.ms` the refusal is an error that ends the application; after seconds, if this process has never been allowed
//! to read the topic. A named topic that is really gone is found by the watch over topics (`topic_watch.rs`) before that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::kafka_streams::lock;
use super::waits::{Waiting, Waits};
use crate::ids::{PartitionId, TopicName, TopicPartition};
use crate::transport::{TransportError, TransportErrorKind};

/// The pause before a partition is requested again.
const AGAIN_MS: i64 = 1_000;

/// How long something may be refused that was never allowed: that is to be said soon.
pub(super) const REFUSED_MAX_MS: i64 = 15_000;

/// The topics that this process has been allowed to read, whichever thread it was.
#[derive(Debug, Default)]
pub(crate) struct ReadTopics(Mutex<BTreeSet<TopicName>>);

impl ReadTopics {
    /// A partition of that one was read.
    pub fn note(&self, topic: &TopicName) {
        lock(&self.0).insert(Arc::clone(topic));
    }

    fn has(&self, topic: &TopicName) -> bool {
        lock(&self.0).contains(topic)
    }
}

/// A partition that is refused.
struct Refusal {
    again_at: i64,
    /// Whether it was reported missing: a later topic of that name may be another one.
    was_unknown: bool,
}

/// A topic of which partitions are refused: they are waited for together.
struct RefusedTopic {
    waiting: Waiting,
    /// The last one.
    error: TransportError,
    partitions: BTreeMap<PartitionId, Refusal>,
}

/// What to do about a partition that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Wait,
    /// Assign it again, where it was.
    AskAgain,
}

/// The partitions of one thread that are refused now. Known beyond resets of the thread: their time keeps running.
pub(crate) struct Refusals {
    thread: String,
    waits: Arc<Waits>,
    read: Arc<ReadTopics>,
    patience_ms: i64,
    topics: BTreeMap<TopicName, RefusedTopic>,
}

impl Refusals {
    /// None yet. They are waited for up to `patience_ms`.
    pub fn new(thread: &str, waits: &Arc<Waits>, read: Arc<ReadTopics>, patience_ms: i64) -> Self {
        let (thread, waits) = (thread.to_owned(), Arc::clone(waits));
        Refusals { thread, waits, read, patience_ms, topics: BTreeMap::new() }
    }

    /// From now on they are waited for up to `patience_ms`.
    pub fn set_patience(&mut self, patience_ms: i64) {
        self.patience_ms = patience_ms;
    }

    /// Whether an error of a fetch may pass.
    pub fn may_pass(error: &TransportError) -> bool {
        matches!(error.kind(), TransportErrorKind::UnknownTopic | TransportErrorKind::Denied)
    }

    /// A fetch was refused, with an error that may pass. Kafka's client says so once, and then nothing.
    pub fn refused(&mut self, partition: &TopicPartition, error: TransportError, now_ms: i64) -> Next {
        let is_unknown = error.kind() == TransportErrorKind::UnknownTopic;
        let again_at = now_ms + AGAIN_MS;
        let new = Refusal { again_at, was_unknown: is_unknown };
        let Some(topic) = self.topics.get_mut(&partition.topic) else {
            let waiting = self.waits.of(format!("thread {}", self.thread));
            let partitions = BTreeMap::from([(partition.partition, new)]);
            self.topics.insert(Arc::clone(&partition.topic), RefusedTopic { waiting, error, partitions });
            return Next::Wait;
        };
        topic.error = error;
        let Some(refusal) = topic.partitions.get_mut(&partition.partition) else {
            topic.partitions.insert(partition.partition, new);
            return Next::Wait;
        };
        refusal.was_unknown |= is_unknown;
        if now_ms < refusal.again_at {
            return Next::Wait;
        }
        refusal.again_at = again_at;
        Next::AskAgain
    }

    /// Continues to wait. The error is the refusal of a topic that has lasted for too long.
    pub fn check(&mut self, now_ms: i64) -> Result<(), TransportError> {
        let mut too_long = None;
        for (topic, RefusedTopic { waiting, error, partitions }) in &mut self.topics {
            let waited = waiting.update(now_ms, || {
                let (count, first) = (partitions.len(), partitions.keys().next().copied().unwrap_or(0));
                match count {
                    1 => format!("{topic}-{first} to be readable again: {error}"),
                    _ => format!(
                        "{count} partitions of {topic}, from {first} on, to be readable again: {error}"
                    ),
                }
            });
            let is_new = error.kind() == TransportErrorKind::Denied && !self.read.has(topic);
            let patience_ms = if is_new { REFUSED_MAX_MS } else { i64::MAX }.min(self.patience_ms);
            if waited >= patience_ms {
                too_long = Some(Arc::clone(topic));
            }
        }
        match too_long.and_then(|topic| self.topics.remove(&topic)) {
            Some(refused) => Err(refused.error),
            None => Ok(()),
        }
    }

    /// A partition is read for the first time.
    pub fn is_read(&self, partition: &TopicPartition) {
        self.read.note(&partition.topic);
    }

    /// A fetch went well. Whether the partition was said not to exist before: then it has to be read as its committed
    /// offset says, which goes with a topic that is deleted.
    pub fn readable(&mut self, partition: &TopicPartition) -> bool {
        self.remove(partition).is_some_and(|refusal| refusal.was_unknown)
    }

    /// Whether nothing is refused.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// Whether that one is refused.
    pub fn has(&self, partition: &TopicPartition) -> bool {
        let topic = self.topics.get(&partition.topic);
        topic.is_some_and(|topic| topic.partitions.contains_key(&partition.partition))
    }

    /// Forgets a partition that the thread no longer reads.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.remove(partition);
    }

    fn remove(&mut self, partition: &TopicPartition) -> Option<Refusal> {
        let topic = self.topics.get_mut(&partition.topic)?;
        let refusal = topic.partitions.remove(&partition.partition);
        if topic.partitions.is_empty() {
            self.topics.remove(&partition.topic);
        }
        refusal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: TransportErrorKind) -> TransportError {
        TransportError::new(kind, "fetching", "no")
    }

    #[test]
    fn a_refusal_is_asked_about_each_second_and_ends_the_application_in_the_end() {
        let waits = Arc::new(Waits::default());
        let mut refusals = Refusals::new("t", &waits, Arc::default(), 10_000);
        let partition = TopicPartition::new("in", 0);
        let denied = || error(TransportErrorKind::Denied);
        assert!(Refusals::may_pass(&denied()));
        assert!(!Refusals::may_pass(&error(TransportErrorKind::Fatal)));
        assert_eq!(refusals.refused(&partition, denied(), 0), Next::Wait);
        refusals.check(0).unwrap();
        assert_eq!(refusals.refused(&partition, denied(), 1_000), Next::AskAgain);
        assert_eq!(refusals.refused(&partition, denied(), 1_500), Next::Wait);
        assert!(waits.reasons()[0].what.starts_with("in-0 to be readable again"));
        assert!(!refusals.readable(&partition), "it existed all the time");
        assert!(refusals.is_empty() && waits.reasons().is_empty());
        assert_eq!(refusals.refused(&partition, denied(), 20_000), Next::Wait, "a new wait");
        refusals.check(20_000).unwrap();
        refusals.check(29_000).unwrap();
        // Also if no further event reports it.
        assert!(refusals.check(30_000).is_err(), "for too long");
    }

    /// Showed before: as long as what is taken away for a moment.
    #[test]
    fn what_was_never_allowed_is_waited_for_for_seconds() {
        let read: Arc<ReadTopics> = Arc::default();
        let mut refusals = Refusals::new("t", &Arc::default(), Arc::clone(&read), 300_000);
        let [new, known] = ["new", "known"].map(|topic| TopicPartition::new(topic, 0));
        Refusals::new("u", &Arc::default(), read, 300_000).is_read(&known);
        for partition in [&new, &known] {
            refusals.refused(partition, error(TransportErrorKind::Denied), 0);
        }
        refusals.check(0).unwrap();
        refusals.check(REFUSED_MAX_MS - 1).unwrap();
        assert!(refusals.check(REFUSED_MAX_MS).is_err());
        assert!(refusals.has(&known) && !refusals.has(&new), "another thread has read it");
        refusals.refused(&new, error(TransportErrorKind::UnknownTopic), REFUSED_MAX_MS);
        refusals.check(REFUSED_MAX_MS).unwrap();
        refusals.check(299_999).unwrap();
    }

    #[test]
    fn a_topic_that_was_gone_may_be_another_one_now() {
        let mut refusals = Refusals::new("t", &Arc::default(), Arc::default(), 10_000);
        let partition = TopicPartition::new("in", 0);
        refusals.refused(&partition, error(TransportErrorKind::UnknownTopic), 0);
        refusals.refused(&partition, error(TransportErrorKind::Denied), 1);
        assert!(refusals.readable(&partition));
        assert!(!refusals.readable(&partition), "said once");
    }

    #[test]
    fn the_partitions_of_a_topic_are_waited_for_together() {
        let waits = Arc::new(Waits::default());
        let mut refusals = Refusals::new("t", &waits, Arc::default(), 10_000);
        let all: Vec<_> = (3..9).map(|partition| TopicPartition::new("in", partition)).collect();
        for (at, partition) in (0i64..).zip(&all) {
            refusals.refused(partition, error(TransportErrorKind::Denied), at * 1_000);
            refusals.check(at * 1_000).unwrap();
        }
        let reasons = waits.reasons();
        assert_eq!(reasons.len(), 1);
        assert!(reasons[0].what.starts_with("6 partitions of in, from 3 on, to be readable"), "{reasons:?}");
        all[..5].iter().for_each(|partition| refusals.forget(partition));
        assert!(refusals.has(&all[5]) && !refusals.has(&all[0]));
        assert!(refusals.check(10_000).is_err(), "the topic has been refused for so long");
        assert!(refusals.is_empty());
    }
}
