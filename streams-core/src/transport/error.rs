//! What can go wrong between the runtime and a broker, and what is known about it.

use std::fmt;

/// What a transport error means to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// Nothing happened or it may safely be done again (broker away, leader moved).
    Retriable,
    /// The call did not finish in its time. For `commit`, `abort` and `send_offsets` the outcome is unknown.
    TimedOut,
    /// The producer's queue is full: poll and send again.
    QueueFull,
    /// The open transaction must be aborted; the producer may go on afterwards.
    AbortTransaction,
    /// A newer producer or member took over: this one must stop touching the task.
    Fenced,
    /// The offset to read does not exist any more (or not yet).
    OffsetOutOfRange,
    /// The topic or partition does not exist.
    UnknownTopic,
    /// The record is larger than the broker or the client takes.
    MessageTooLarge,
    /// Not allowed, or not authenticated.
    Denied,
    /// A setting the client refuses.
    Config,
    /// Anything after which this client cannot go on; a new one may.
    Fatal,
}

/// A transport error: what was attempted, on what, and what the client said.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    attempted: String,
    reason: String,
}

impl TransportError {
    /// An error of that kind; `attempted` names the action and its object ("commit of group fraud"), `reason` is the
    /// client's or broker's own word.
    pub fn new(kind: TransportErrorKind, attempted: impl Into<String>, reason: impl Into<String>) -> Self {
        TransportError { kind, attempted: attempted.into(), reason: reason.into() }
    }

    /// The same for a caller who knows how to go on.
    pub(crate) fn into_retriable(self) -> Self {
        TransportError { kind: TransportErrorKind::Retriable, ..self }
    }

    /// What it means to the caller.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({:?})", self.attempted, self.reason, self.kind)
    }
}

impl std::error::Error for TransportError {}
