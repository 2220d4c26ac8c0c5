//! What a restart within the process waits for (`RestartWait`): an application that was running does not end because of what
//! passes. Brokers may be away for a moment, rights are revoked and granted again, a broker that has just started does not
//! know every topic, and a thread that hangs holds the state directory.

use super::refusals::REFUSED_MAX_MS;
use super::waits::Waiting;
use crate::error::{Error, TopologyError};
use crate::transport::TransportErrorKind;

/// What is behind an error in starting again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The brokers do not answer.
    Away,
    /// An earlier thread has not ended yet.
    Held,
    /// A right or a topic is missing.
    Refused,
    /// It does not pass.
    Final,
}

impl Cause {
    fn of(error: &Error) -> Self {
        use TopologyError::{MissingGlobalTopic, MissingSourceTopics, NothingMatches};
        use TransportErrorKind::{Denied, Retriable, TimedOut, UnknownTopic};
        match error {
            Error::Transport(error) => match error.kind() {
                Retriable | TimedOut => Cause::Away,
                Denied | UnknownTopic => Cause::Refused,
                _ => Cause::Final,
            },
            Error::Topology(
                MissingSourceTopics { .. } | MissingGlobalTopic { .. } | NothingMatches { .. },
            ) => Cause::Refused,
            Error::StateDirectoryInUse { owner, .. } if *owner == Some(std::process::id()) => Cause::Held,
            _ => Cause::Final,
        }
    }
}

/// The wait until an application can start again.
pub(crate) struct RestartWait {
    waiting: Waiting,
    /// Since when a right or a topic is missing. What else is waited for in between does not end that.
    refused_since: Option<i64>,
    /// `task.timeout.ms`.
    patience_ms: i64,
}

impl RestartWait {
    pub fn new(waiting: Waiting, patience_ms: i64) -> Self {
        RestartWait { waiting, refused_since: None, patience_ms }
    }

    /// Whether to try once more after that error: for `task.timeout.ms` if it is the brokers that are away or a thread that
    /// hangs, for seconds if a right or a topic is missing. `what` is what is tried.
    pub fn may_pass(&mut self, error: &Error, now_ms: i64, what: &str) -> bool {
        let cause = Cause::of(error);
        let reason = || match cause {
            Cause::Held => format!("a thread that has not ended, {what}: {error}"),
            _ => format!("the broker, {what}: {error}"),
        };
        match cause {
            Cause::Final => false,
            Cause::Away | Cause::Held => self.waiting.update(now_ms, reason) < self.patience_ms,
            Cause::Refused => {
                self.waiting.update(now_ms, reason);
                let since_ms = *self.refused_since.get_or_insert(now_ms);
                now_ms - since_ms < REFUSED_MAX_MS.min(self.patience_ms)
            }
        }
    }

    /// Continues to wait for something else.
    pub fn update(&mut self, now_ms: i64, what: impl FnOnce() -> String) {
        self.waiting.update(now_ms, what);
    }

    /// It is no longer waited.
    pub fn end(&mut self) {
        self.waiting.end();
        self.refused_since = None;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::error::TopicsError;
    use crate::runtime::waits::Waits;
    use crate::transport::TransportError;

    const PATIENCE_MS: i64 = 60_000;

    fn transport(kind: TransportErrorKind) -> Error {
        TransportError::new(kind, "asking", "no").into()
    }

    /// For how long an error is borne; a multiple of a second.
    fn borne_ms(error: &Error) -> i64 {
        let mut wait = RestartWait::new(Arc::new(Waits::default()).of("the application"), PATIENCE_MS);
        let mut times = (0..).step_by(1_000);
        times.find(|now_ms| !wait.may_pass(error, *now_ms, "to start")).unwrap_or(i64::MAX)
    }

    /// Showed before: a right or a topic that was missing for a second ended the application, and so did a thread that hung.
    #[test]
    fn what_passes_is_waited_for_according_to_what_it_is() {
        let missing =
            TopologyError::MissingSourceTopics { topics: vec!["in".into()], subtopologies: BTreeMap::new() };
        let in_use = |owner| Error::StateDirectoryInUse { path: "app".into(), owner };
        for (error, ms) in [
            (transport(TransportErrorKind::Retriable), PATIENCE_MS),
            (transport(TransportErrorKind::TimedOut), PATIENCE_MS),
            (transport(TransportErrorKind::Denied), REFUSED_MAX_MS),
            (Error::Topology(missing), REFUSED_MAX_MS),
            (in_use(Some(std::process::id())), PATIENCE_MS),
            (in_use(None), 0),
            (transport(TransportErrorKind::Config), 0),
            (TopicsError::NoPartitions { topic: "in".into(), partitions: 0 }.into(), 0),
        ] {
            assert_eq!(borne_ms(&error), ms, "{error}");
        }
    }

    #[test]
    fn a_right_that_is_missing_late_has_its_time_and_no_more() {
        let waits = Arc::new(Waits::default());
        let mut wait = RestartWait::new(waits.of("the application"), PATIENCE_MS);
        let (away, denied) =
            (transport(TransportErrorKind::Retriable), transport(TransportErrorKind::Denied));
        assert!(wait.may_pass(&away, 0, "to start"));
        assert!(wait.may_pass(&denied, 20_000, "to start"));
        assert!(wait.may_pass(&away, 30_000, "to start"));
        assert_eq!(waits.reasons()[0].what, "the broker, to start: asking: no (Retriable)");
        assert!(!wait.may_pass(&denied, 20_000 + REFUSED_MAX_MS, "to start"));
    }
}
