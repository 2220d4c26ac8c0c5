//! What can go wrong between the runtime and a broker, and what is known about it.

use std::fmt;

use crate::ids::PartitionId;
use crate::record::Headers;
use crate::time::Timestamp;

/// What a transport error means to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// Nothing happened, or the call may safely be repeated (broker away, leader moved).
    Retriable,
    /// The call did not finish in its time. For `commit`, `abort` and `send_offsets` the outcome is unknown.
    TimedOut,
    /// The producer's queue is full: poll and send again.
    QueueFull,
    /// The open transaction must be aborted; the producer can be used afterwards.
    AbortTransaction,
    /// A newer producer or member took over: this one must stop touching the task.
    Fenced,
    /// The offset to read no longer exists, or does not exist yet.
    OffsetOutOfRange,
    /// The topic or partition does not exist.
    UnknownTopic,
    /// The record is larger than the broker or the client takes.
    MessageTooLarge,
    /// The record itself is refused, and would be again: its time, a missing key, a schema, a policy.
    InvalidRecord,
    /// What the broker keeps is damaged: bytes that fail their checksum or cannot be unpacked.
    Corrupt,
    /// Not allowed, or not authenticated.
    Denied,
    /// A setting the client or the broker refuses.
    Config,
    /// Refused for a reason that neither a retry nor a new client cures, or that is unknown here.
    Refused,
    /// This client cannot continue; a new one may.
    Fatal,
}

impl TransportErrorKind {
    /// Whether the record itself is to blame, so that it can never be sent as it is.
    pub fn blames_the_record(self) -> bool {
        use TransportErrorKind::{InvalidRecord, MessageTooLarge, UnknownTopic};
        matches!(self, MessageTooLarge | InvalidRecord | UnknownTopic)
    }

    /// Which of several failures decides. First those that stop the application, then those that cost the producer, then
    /// those that a retry cures, and last those that blame a record.
    fn weight(self) -> u8 {
        use TransportErrorKind as K;
        match self {
            K::Denied | K::Config | K::Refused => 4,
            K::Fenced => 3,
            K::Fatal => 2,
            K::MessageTooLarge | K::InvalidRecord | K::UnknownTopic => 0,
            _ => 1,
        }
    }
}

/// The code by which a broker (positive) or the client (negative) names an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// Kafka's number (`org.apache.kafka.common.protocol.Errors`), or librdkafka's own below 0.
    pub number: i32,
    /// Its name, such as `MSG_SIZE_TOO_LARGE`.
    pub name: String,
}

/// A record that was accepted for sending and then not delivered.
#[derive(Clone, Debug)]
pub struct FailedDelivery {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionId,
    /// What it means: either it [`blames_the_record`](TransportErrorKind::blames_the_record), or what has to follow.
    pub kind: TransportErrorKind,
    /// The broker's or client's code.
    pub code: Option<ErrorCode>,
    /// The broker's or client's words.
    pub reason: String,
    /// The sender's tag ([`OutRecord::tag`](super::OutRecord::tag)).
    #[doc(hidden)]
    pub tag: u64,
    /// The record, if it is itself to blame. Without one, and if the topic is unknown, its records are to be sent again, as
    /// each is refused then.
    #[doc(hidden)]
    pub record: Option<Box<FailedRecord>>,
}

/// What was to be sent.
#[derive(Clone, Debug, Default)]
pub struct FailedRecord {
    /// Key bytes, or null.
    pub key: Option<Vec<u8>>,
    /// Value bytes, or null.
    pub value: Option<Vec<u8>>,
    /// Event time in milliseconds, where the client gives it back; librdkafka does not.
    pub timestamp: Option<Timestamp>,
    /// Headers.
    pub headers: Headers,
}

/// A transport error: what was attempted, on what, and what the client said.
pub struct TransportError {
    kind: TransportErrorKind,
    attempted: String,
    reason: String,
    code: Option<ErrorCode>,
    failed: Vec<FailedDelivery>,
}

state_stores::debug_as_display!(TransportError);

impl TransportError {
    /// An error of that kind; `attempted` names the action and its object ("commit of group fraud"), `reason` is the
    /// client's or broker's own word.
    #[doc(hidden)]
    pub fn new(kind: TransportErrorKind, attempted: impl Into<String>, reason: impl Into<String>) -> Self {
        let (attempted, reason) = (attempted.into(), reason.into());
        TransportError { kind, attempted, reason, code: None, failed: Vec::new() }
    }

    /// The same with the code by which the broker or the client names it.
    #[doc(hidden)]
    pub fn with_code(self, code: ErrorCode) -> Self {
        TransportError { code: Some(code), ..self }
    }

    /// All records found undelivered since the last such error. The gravest failure decides what follows.
    #[doc(hidden)]
    pub fn undelivered(attempted: impl Into<String>, failed: Vec<FailedDelivery>) -> Self {
        let gravest = failed.iter().max_by_key(|one| one.kind.weight());
        let Some(FailedDelivery { topic, partition, kind, code, reason, .. }) = gravest else {
            return TransportError::new(TransportErrorKind::Fatal, attempted, "nothing failed");
        };
        let more = match failed.len() {
            1 => String::new(),
            all => format!(" (the gravest of {all} failed deliveries)"),
        };
        TransportError {
            kind: *kind,
            attempted: format!("delivery to {topic}-{partition} {}", attempted.into()),
            reason: format!("{reason}{more}"),
            code: code.clone(),
            failed,
        }
    }

    /// The same error with another kind, for a caller who knows better.
    pub(crate) fn into_retriable(self) -> Self {
        TransportError { kind: TransportErrorKind::Retriable, ..self }
    }

    /// The same with records that were not delivered.
    pub(crate) fn with_failed(self, failed: Vec<FailedDelivery>) -> Self {
        TransportError { failed, ..self }
    }

    /// What it means to the caller.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The broker's or client's code, where there is one.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// The broker's or client's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The records that were not delivered, if that is what went wrong.
    pub fn failed(&self) -> &[FailedDelivery] {
        &self.failed
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({:?}", self.attempted, self.reason, self.kind)?;
        if let Some(ErrorCode { number, name }) = &self.code {
            write!(f, ", {name} {number}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for TransportError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: TransportErrorKind, topic: &str) -> FailedDelivery {
        FailedDelivery {
            topic: topic.to_owned(),
            partition: 3,
            kind,
            code: Some(ErrorCode { number: 7, name: "X".to_owned() }),
            reason: "why".to_owned(),
            tag: 0,
            record: None,
        }
    }

    #[test]
    fn the_gravest_of_several_failures_decides_and_none_is_lost() {
        use TransportErrorKind::{Denied, InvalidRecord, TimedOut};
        let error =
            TransportError::undelivered("by p", vec![failure(InvalidRecord, "a"), failure(TimedOut, "b")]);
        assert_eq!((error.kind(), error.failed().len()), (TimedOut, 2));
        let text = "delivery to b-3 by p: why (the gravest of 2 failed deliveries) (TimedOut, X 7)";
        assert_eq!(error.to_string(), text);
        let error = TransportError::undelivered("by p", vec![failure(Denied, "a"), failure(TimedOut, "b")]);
        assert_eq!(error.kind(), Denied);
    }
}
