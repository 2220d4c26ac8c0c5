//! Source partitions that the broker refuses to let read for now.
//!
//! Rights may be taken away for a moment, and a broker that has just started may not know a topic that exists. Only the
//! tasks that read such a partition wait, and say so; the partition is asked for again each second. After
//! `task.timeout.ms` the refusal is an error that ends the application. A named topic that is really gone is found by the
//! watch over topics (`topic_watch.rs`) before that.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::waits::{Waiting, Waits};
use crate::ids::TopicPartition;
use crate::transport::{TransportError, TransportErrorKind};

/// Pause before a partition is asked for again.
const AGAIN_MS: i64 = 1_000;

struct Refusal {
    waiting: Waiting,
    error: TransportError,
    again_at: i64,
    /// Whether it was said not to exist: what exists later may be another topic of that name.
    was_unknown: bool,
}

/// What to do about a partition that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Wait,
    /// Assign it anew, where it was.
    AskAgain,
}

/// The partitions of one thread that are refused now.
pub(crate) struct Refusals {
    thread: String,
    waits: Arc<Waits>,
    patience_ms: i64,
    partitions: BTreeMap<TopicPartition, Refusal>,
}

impl Refusals {
    /// None yet. They are waited for up to `patience_ms`.
    pub fn new(thread: &str, waits: &Arc<Waits>, patience_ms: i64) -> Self {
        Refusals {
            thread: thread.to_owned(),
            waits: Arc::clone(waits),
            patience_ms,
            partitions: BTreeMap::new(),
        }
    }

    /// Whether an error of a fetch may pass.
    pub fn may_pass(error: &TransportError) -> bool {
        matches!(error.kind(), TransportErrorKind::UnknownTopic | TransportErrorKind::Denied)
    }

    /// A fetch was refused, with an error that may pass. Kafka's client says so once, and then nothing.
    pub fn refused(&mut self, partition: &TopicPartition, error: TransportError, now_ms: i64) -> Next {
        let is_unknown = error.kind() == TransportErrorKind::UnknownTopic;
        match self.partitions.get_mut(partition) {
            Some(refusal) => {
                refusal.was_unknown |= is_unknown;
                refusal.error = error;
                if now_ms < refusal.again_at {
                    return Next::Wait;
                }
                refusal.again_at = now_ms + AGAIN_MS;
                Next::AskAgain
            }
            None => {
                let waiting = self.waits.of(format!("thread {}", self.thread));
                let again_at = now_ms + AGAIN_MS;
                let refusal = Refusal { waiting, error, again_at, was_unknown: is_unknown };
                self.partitions.insert(partition.clone(), refusal);
                Next::Wait
            }
        }
    }

    /// Goes on waiting. The error is what a partition was refused with that has been so for too long.
    pub fn go_on(&mut self, now_ms: i64) -> Result<(), TransportError> {
        let mut too_long = None;
        for (partition, Refusal { waiting, error, .. }) in &mut self.partitions {
            let waited = waiting.go_on(now_ms, || format!("{partition} to be readable again: {error}"));
            if waited >= self.patience_ms {
                too_long = Some(partition.clone());
            }
        }
        match too_long.and_then(|partition| self.partitions.remove(&partition)) {
            Some(refusal) => Err(refusal.error),
            None => Ok(()),
        }
    }

    /// A fetch went well. Whether the partition was said not to exist before: then it has to be read as its committed
    /// offset says, which goes with a topic that is deleted.
    pub fn readable(&mut self, partition: &TopicPartition) -> bool {
        self.partitions.remove(partition).is_some_and(|refusal| refusal.was_unknown)
    }

    /// Whether nothing is refused.
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Forgets one that the thread does not read any more.
    pub fn forget(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
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
        let mut refusals = Refusals::new("t", &waits, 10_000);
        let partition = TopicPartition::new("in", 0);
        let denied = || error(TransportErrorKind::Denied);
        assert!(Refusals::may_pass(&denied()));
        assert!(!Refusals::may_pass(&error(TransportErrorKind::Fatal)));
        assert_eq!(refusals.refused(&partition, denied(), 0), Next::Wait);
        refusals.go_on(0).unwrap();
        assert_eq!(refusals.refused(&partition, denied(), 1_000), Next::AskAgain);
        assert_eq!(refusals.refused(&partition, denied(), 1_500), Next::Wait);
        assert!(waits.reasons()[0].what.starts_with("in-0 to be readable again"));
        assert!(!refusals.readable(&partition), "it existed all the time");
        assert!(refusals.is_empty() && waits.reasons().is_empty());
        assert_eq!(refusals.refused(&partition, denied(), 20_000), Next::Wait, "a new wait");
        refusals.go_on(20_000).unwrap();
        refusals.go_on(29_000).unwrap();
        // Also if nothing more is heard of it.
        assert!(refusals.go_on(30_000).is_err(), "for too long");
    }

    #[test]
    fn a_topic_that_was_gone_may_be_another_one_now() {
        let mut refusals = Refusals::new("t", &Arc::default(), 10_000);
        let partition = TopicPartition::new("in", 0);
        refusals.refused(&partition, error(TransportErrorKind::UnknownTopic), 0);
        refusals.refused(&partition, error(TransportErrorKind::Denied), 1);
        assert!(refusals.readable(&partition));
        assert!(!refusals.readable(&partition), "said once");
    }
}
