//! The meaning of librdkafka's error codes to the runtime.

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::ffi::{Code, KafkaError, name_of};
use super::produce_errors::row_of;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The meaning of codes outside of records and transactions (for those: [`PRODUCE_ERRORS`]).
const KINDS: &[(Kind, &[E])] = &[
    (Kind::QueueFull, &[E::RD_KAFKA_RESP_ERR__QUEUE_FULL]),
    (
        Kind::Fenced,
        &[
            E::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
            E::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
            E::RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH,
            E::RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH,
            E::RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID,
            E::RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST,
        ],
    ),
    (
        Kind::OffsetOutOfRange,
        &[E::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, E::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET],
    ),
    (
        Kind::Config,
        &[
            E::RD_KAFKA_RESP_ERR_INVALID_CONFIG,
            E::RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT,
            E::RD_KAFKA_RESP_ERR_INVALID_GROUP_ID,
            E::RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL,
            E::RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED,
            E::RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM,
            E::RD_KAFKA_RESP_ERR__NOT_CONFIGURED,
        ],
    ),
    (
        Kind::Retriable,
        &[
            E::RD_KAFKA_RESP_ERR__WAIT_CACHE,
            E::RD_KAFKA_RESP_ERR__IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS,
            E::RD_KAFKA_RESP_ERR__CONFLICT,
            E::RD_KAFKA_RESP_ERR__PARTITION_EOF,
            E::RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED,
            E::RD_KAFKA_RESP_ERR_NOT_CONTROLLER,
            E::RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
            E::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH,
            E::RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE,
            E::RD_KAFKA_RESP_ERR_MEMBER_ID_REQUIRED,
            E::RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND,
            E::RD_KAFKA_RESP_ERR_REBOOTSTRAP_REQUIRED,
        ],
    ),
    // A new client replaces this one.
    (
        Kind::Fatal,
        &[
            E::RD_KAFKA_RESP_ERR__NO_OFFSET,
            E::RD_KAFKA_RESP_ERR__UNKNOWN_GROUP,
            E::RD_KAFKA_RESP_ERR__LOG_TRUNCATION,
        ],
    ),
];

/// TRANSACTION_ABORTABLE (KIP-890), which librdkafka 2.12.1 has no name for: a new producer repeats the work.
pub(super) const TRANSACTION_ABORTABLE: Code = 120;

/// The meaning of a code outside of a transaction. An unknown one stops the application, so it is never retried without end.
pub(super) fn kind_of(code: Code) -> Kind {
    if let Some(row) = row_of(code) {
        return row.kind;
    }
    if code == TRANSACTION_ABORTABLE {
        return Kind::Fatal;
    }
    KINDS
        .iter()
        .find(|(_, codes)| codes.iter().any(|&known| known as Code == code))
        .map_or(Kind::Refused, |&(kind, _)| kind)
}

/// An error of that kind, with librdkafka's code and words, and with advice if there is any.
fn error_of(kind: Kind, attempted: impl Into<String>, error: &KafkaError) -> TransportError {
    TransportError::new(kind, attempted, advised(error.code, &error.reason)).with_code(name_of(error.code))
}

/// Adds advice to the words of a broker or client.
pub(super) fn advised(code: Code, reason: &str) -> String {
    match row_of(code).map(|row| row.advice) {
        None | Some("") => reason.to_owned(),
        // The reason says so already, and better.
        Some(_) if reason.contains(GRANT) => reason.to_owned(),
        Some(advice) => format!("{reason}; {advice}"),
    }
}

/// A call outside of a transaction failed.
pub(super) fn failed(attempted: impl Into<String>, error: &KafkaError) -> TransportError {
    let kind = match kind_of(error.code) {
        kind if error.fatal => fatal_kind(kind),
        kind => kind,
    };
    error_of(kind, attempted, error)
}

/// A fatal code stays fatal, unless it says that another client took over, or that a new client would fail as well.
fn fatal_kind(by_code: Kind) -> Kind {
    match by_code {
        Kind::Fenced | Kind::Denied | Kind::Config | Kind::Refused => by_code,
        _ => Kind::Fatal,
    }
}

/// A call of a transactional producer failed. librdkafka says what has to follow, but not whether that helps.
pub(super) fn transaction_failed(attempted: impl Into<String>, error: &KafkaError) -> TransportError {
    let by_code = kind_of(error.code);
    let kind = if error.fatal {
        fatal_kind(by_code)
    } else if matches!(by_code, Kind::Denied | Kind::Config | Kind::Refused) {
        by_code
    } else if error.requires_abort {
        Kind::AbortTransaction
    } else if by_code == Kind::TimedOut {
        Kind::TimedOut
    } else if error.retriable {
        Kind::Retriable
    } else if by_code == Kind::Fenced {
        by_code
    } else {
        Kind::Fatal
    };
    error_of(kind, attempted, error)
}

/// No broker lets the client in.
pub(super) fn shut_out(attempted: impl Into<String>, refusal: &KafkaError) -> TransportError {
    TransportError::new(Kind::Denied, attempted, format!("the brokers let nobody in: {}", refusal.reason))
}

const GRANT: &str = "grant the application's principal";

/// Adds the right to grant, if one is missing. `resource` is type and name: "topic 'x'".
pub(super) fn with_right(mut error: KafkaError, operation: &str, resource: &str) -> KafkaError {
    const RIGHTS: &[E] = &[
        E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ];
    if RIGHTS.iter().any(|&code| code as Code == error.code) {
        error.reason = format!("{}; {GRANT} {operation} on {resource}", error.reason);
    }
    error
}

/// Whether a code says that the topic or partition does not exist.
pub(super) fn is_unknown_topic(code: Code) -> bool {
    kind_of(code) == Kind::UnknownTopic
}

#[cfg(test)]
mod tests {
    use super::super::produce_errors::{PRODUCE_ERRORS, kind_of_delivery};
    use super::*;

    fn error(code: E, fatal: bool, retriable: bool, requires_abort: bool) -> KafkaError {
        KafkaError { code: code as Code, reason: String::new(), fatal, retriable, requires_abort }
    }

    #[test]
    fn no_code_has_two_meanings() {
        let mut codes: Vec<_> =
            KINDS.iter().flat_map(|(_, codes)| codes.iter().map(|&e| e as Code)).collect();
        codes.extend(PRODUCE_ERRORS.iter().map(|row| row.code as Code));
        let listed = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), listed);
        assert_eq!(kind_of(12_345), Kind::Refused);
        assert_eq!(kind_of_delivery(12_345), Kind::InvalidRecord);
    }

    #[test]
    fn a_missing_right_is_named_and_nothing_else_is() {
        let of = |code: E| with_right(KafkaError::from_code(code as Code), "READ", "group 'app'").reason;
        let denied = of(E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
        assert!(denied.contains("Group authorization failed"), "{denied}");
        assert!(denied.ends_with("grant the application's principal READ on group 'app'"), "{denied}");
        assert!(!of(E::RD_KAFKA_RESP_ERR__TRANSPORT).contains("grant"));
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

    /// Before: two instances with copies of one state directory took each other's place without a word about it.
    #[test]
    fn a_producer_whose_place_was_taken_says_who_may_have_it() {
        for code in [
            E::RD_KAFKA_RESP_ERR__FENCED,
            E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED,
            E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        ] {
            let fenced = transaction_failed("commit", &error(code, true, false, false));
            assert_eq!(fenced.kind(), Kind::Fenced);
            assert!(fenced.to_string().contains("copies of one state.dir"), "{fenced}");
        }
    }

    /// An error that no replay cures ends the application, whatever librdkafka demands of the transaction.
    #[test]
    fn what_a_replay_does_not_cure_is_not_replayed() {
        let kind = |error: KafkaError| transaction_failed("x", &error).kind();
        let timeout = error(E::RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, true, false, false);
        assert_eq!(kind(timeout), Kind::Config);
        let id = error(E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, true, false, false);
        assert_eq!(kind(id), Kind::Denied);
        let topic = error(E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, false, false, true);
        assert_eq!(kind(topic), Kind::Denied);
        let metadata = error(E::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, false, false, true);
        let metadata = transaction_failed("x", &metadata);
        assert_eq!(metadata.kind(), Kind::Refused);
        assert!(metadata.to_string().contains("offset.metadata.max.bytes"), "{metadata}");
        let record = error(E::RD_KAFKA_RESP_ERR_INVALID_RECORD, false, false, true);
        assert_eq!(kind(record), Kind::AbortTransaction, "the failed delivery decides");
    }
}
