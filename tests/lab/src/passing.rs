//! Which errors pass by themselves, so that a test must not fail of them.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::LabError;

/// An error that says whether it may be gone at the next attempt.
pub(crate) trait Passing {
    /// Whether it may be gone at the next attempt.
    fn passes(&self) -> bool;

    /// The lab's own error of it.
    fn into_lab(self, what: String) -> LabError;
}

/// What a broker that starts, stops, moves its leaders or is overloaded makes of requests. `BrokerDestroy` is
/// librdkafka's word for a connection that it gave up while a request waited for it.
const PASSING: &[Code] = &[
    Code::BrokerDestroy,
    Code::BrokerTransportFailure,
    Code::AllBrokersDown,
    Code::Resolve,
    Code::OperationTimedOut,
    Code::TimedOutQueue,
    Code::MessageTimedOut,
    Code::WaitingForCoordinator,
    Code::WaitCache,
    Code::InProgress,
    Code::PreviousInProgress,
    Code::Retry,
    Code::LeaderNotAvailable,
    Code::NotLeaderForPartition,
    // A new leader does not know yet what is committed.
    Code::OffsetNotAvailable,
    Code::RequestTimedOut,
    Code::BrokerNotAvailable,
    Code::ReplicaNotAvailable,
    Code::NetworkException,
    Code::CoordinatorLoadInProgress,
    Code::CoordinatorNotAvailable,
    Code::NotCoordinator,
    Code::NotController,
    Code::ConcurrentTransactions,
    // librdkafka's own word: of a partition that was there a moment ago, it says that nobody leads it now.
    Code::UnknownPartition,
    // Of a cluster whose brokers are up but not registered (yet, or again).
    Code::InvalidReplicationFactor,
];

/// Whether an error of this code may be gone at the next attempt.
pub(crate) fn passes(code: Code) -> bool {
    PASSING.contains(&code)
}

impl Passing for KafkaError {
    fn passes(&self) -> bool {
        let code = match self {
            // The crate's own function leaves these out.
            KafkaError::AdminOp(code) => Some(*code),
            other => other.rdkafka_error_code(),
        };
        code.is_some_and(passes)
    }

    fn into_lab(self, what: String) -> LabError {
        match self {
            KafkaError::AdminOp(code) => LabError::Refused { what, answer: code.to_string() },
            source => LabError::Kafka { what, source },
        }
    }
}
