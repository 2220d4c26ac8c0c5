//! From librdkafka's error codes to what they mean to the runtime.

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::ffi::{Code, KafkaError};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What each code means outside of a transaction; a code that is not listed is [`Kind::Fatal`].
const KINDS: &[(Kind, &[E])] = &[
    (
        Kind::TimedOut,
        &[
            E::RD_KAFKA_RESP_ERR__TIMED_OUT,
            E::RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
            E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
            E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        ],
    ),
    (Kind::QueueFull, &[E::RD_KAFKA_RESP_ERR__QUEUE_FULL]),
    (
        Kind::Fenced,
        &[
            E::RD_KAFKA_RESP_ERR__FENCED,
            E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            E::RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED,
            E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            E::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
            E::RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH,
            E::RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH,
        ],
    ),
    (
        Kind::OffsetOutOfRange,
        &[E::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, E::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET],
    ),
    (
        Kind::UnknownTopic,
        &[
            E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            E::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            E::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            E::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID,
        ],
    ),
    (
        Kind::MessageTooLarge,
        &[E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, E::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE],
    ),
    (
        Kind::Denied,
        &[
            E::RD_KAFKA_RESP_ERR__AUTHENTICATION,
            E::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
            E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
            E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        ],
    ),
    (Kind::Config, &[E::RD_KAFKA_RESP_ERR__INVALID_ARG, E::RD_KAFKA_RESP_ERR_INVALID_CONFIG]),
    (
        Kind::Retriable,
        &[
            E::RD_KAFKA_RESP_ERR__TRANSPORT,
            E::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
            E::RD_KAFKA_RESP_ERR__RESOLVE,
            E::RD_KAFKA_RESP_ERR__WAIT_COORD,
            E::RD_KAFKA_RESP_ERR__WAIT_CACHE,
            E::RD_KAFKA_RESP_ERR__IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR__CONFLICT,
            E::RD_KAFKA_RESP_ERR__PARTITION_EOF,
            E::RD_KAFKA_RESP_ERR__RETRY,
            E::RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
            E::RD_KAFKA_RESP_ERR__BAD_MSG,
            E::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            E::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            E::RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
            E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS,
            E::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
            E::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
            E::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
            E::RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
        ],
    ),
];

/// What a code means outside of a transaction.
pub(super) fn kind_of(code: Code) -> Kind {
    KINDS
        .iter()
        .find(|(_, codes)| codes.iter().any(|&known| known as Code == code))
        .map_or(Kind::Fatal, |&(kind, _)| kind)
}

/// A call outside of a transaction failed.
pub(super) fn failed(attempted: impl Into<String>, error: &KafkaError) -> TransportError {
    let kind = match kind_of(error.code) {
        // A fatal code stays fatal unless it says that somebody else took over.
        kind if error.fatal && kind != Kind::Fenced => Kind::Fatal,
        kind => kind,
    };
    TransportError::new(kind, attempted, error.reason.clone())
}

/// A call of a transactional producer failed. librdkafka says itself what has to follow; only fencing is told by code.
pub(super) fn transaction_failed(attempted: impl Into<String>, error: &KafkaError) -> TransportError {
    let by_code = kind_of(error.code);
    let kind = if error.fatal {
        if by_code == Kind::Fenced { Kind::Fenced } else { Kind::Fatal }
    } else if error.requires_abort {
        Kind::AbortTransaction
    } else if by_code == Kind::TimedOut {
        Kind::TimedOut
    } else if error.retriable {
        Kind::Retriable
    } else if matches!(by_code, Kind::Fenced | Kind::Denied | Kind::Config) {
        by_code
    } else {
        Kind::Fatal
    };
    TransportError::new(kind, attempted, error.reason.clone())
}

/// Whether a code says that the topic or partition does not exist.
pub(super) fn is_unknown_topic(code: Code) -> bool {
    kind_of(code) == Kind::UnknownTopic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: E, fatal: bool, retriable: bool, requires_abort: bool) -> KafkaError {
        KafkaError { code: code as Code, reason: String::new(), fatal, retriable, requires_abort }
    }

    #[test]
    fn no_code_has_two_meanings() {
        let mut codes: Vec<_> =
            KINDS.iter().flat_map(|(_, codes)| codes.iter().map(|&e| e as Code)).collect();
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
        assert_eq!(kind_of(12_345), Kind::Fatal);
    }

    #[test]
    fn a_transaction_error_means_what_librdkafka_says() {
        let kind = |error: KafkaError| transaction_failed("x", &error).kind();
        assert_eq!(kind(error(E::RD_KAFKA_RESP_ERR__FENCED, true, false, false)), Kind::Fenced);
        assert_eq!(kind(error(E::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, true, false, false)), Kind::Fatal);
        let stale = error(E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, false, false, true);
        assert_eq!(kind(stale), Kind::AbortTransaction);
        assert_eq!(kind(error(E::RD_KAFKA_RESP_ERR__TIMED_OUT, false, true, false)), Kind::TimedOut);
        assert_eq!(kind(error(E::RD_KAFKA_RESP_ERR__TRANSPORT, false, true, false)), Kind::Retriable);
        assert_eq!(kind(error(E::RD_KAFKA_RESP_ERR__STATE, false, false, false)), Kind::Fatal);
    }
}
