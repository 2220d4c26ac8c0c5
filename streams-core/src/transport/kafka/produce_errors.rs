//! The table of produce errors: what each code means that a broker or librdkafka gives for a record, a transaction or a
//! producer, and what a user can do about it.
//!
//! 1. *The record* itself is to blame ([`Kind::MessageTooLarge`], [`Kind::InvalidRecord`], [`Kind::UnknownTopic`]): it goes
//!    to the production exception handler, unless it belongs to a changelog or a repartition topic.
//! 2. *Retriable*: time-outs, leadership, coordinators, the network. This list is closed.
//! 3. *Fatal to the producer*: a new one is made and the uncommitted work is repeated.
//! 4. *Fatal to the application*: rights, settings, versions, and every code that is not listed. If such a code is about
//!    one record, it blames the record, which is then never sent again without end.
//!
//! `docs/error-table.md` is this table for readers; a test keeps them the same.

use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::error::kind_of;
use super::ffi::Code;
use crate::transport::TransportErrorKind as Kind;

/// A code, what it means, and what to do about it (empty where the runtime does it).
pub(super) struct Row {
    pub(super) code: E,
    pub(super) kind: Kind,
    pub(super) advice: &'static str,
}

const fn row(code: E, kind: Kind, advice: &'static str) -> Row {
    Row { code, kind, advice }
}

/// Advice for a producer that another one has taken the place of.
const TWO_PRODUCERS: &str = "another producer with its transactional.id has started: if that comes again and again, two \
                             instances have copies of one state.dir; delete kafka-streams-process-metadata in one of them";

/// See the module.
pub(super) const PRODUCE_ERRORS: &[Row] = &[
    // The record.
    row(
        E::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
        Kind::MessageTooLarge,
        "raise the topic's max.message.bytes (and producer.message.max.bytes), or send less",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
        Kind::MessageTooLarge,
        "raise the topic's segment.bytes, or send less",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE,
        Kind::MessageTooLarge,
        "raise the topic's max.message.bytes, or send less",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_RECORD,
        Kind::InvalidRecord,
        "a compacted topic takes no null keys; else the broker's words say which rule of the topic is broken",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
        Kind::InvalidRecord,
        "the time must lie within message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic; \
         microseconds taken for milliseconds are the usual cause",
    ),
    row(E::RD_KAFKA_RESP_ERR_INVALID_MSG, Kind::InvalidRecord, "the broker finds the record malformed"),
    row(
        E::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
        Kind::InvalidRecord,
        "a policy of the broker forbids the record",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT,
        Kind::InvalidRecord,
        "the topic's message format is older than headers and transactions",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE,
        Kind::Config,
        "set producer.compression.type to one that the broker knows",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_UNKNOWN,
        Kind::InvalidRecord,
        "the broker's log says why it failed on the record",
    ),
    row(E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, Kind::UnknownTopic, "create the topic"),
    row(E::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, Kind::UnknownTopic, "create the topic"),
    row(
        E::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        Kind::UnknownTopic,
        "the topic was deleted, or created again with fewer partitions",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
        Kind::UnknownTopic,
        "a topic's name has up to 249 letters, digits, '.', '_' and '-'",
    ),
    row(E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID, Kind::UnknownTopic, "the topic was deleted; create it"),
    // Retriable.
    row(
        E::RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD,
        Kind::Retriable,
        "another record of its batch was refused",
    ),
    row(E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, Kind::TimedOut, ""),
    row(E::RD_KAFKA_RESP_ERR__TIMED_OUT, Kind::TimedOut, ""),
    row(E::RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, Kind::TimedOut, ""),
    row(E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Kind::TimedOut, ""),
    row(E::RD_KAFKA_RESP_ERR__TRANSPORT, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR__DESTROY_BROKER, Kind::Retriable, ""),
    row(
        E::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        Kind::Retriable,
        "see that the brokers run, and can be reached",
    ),
    row(
        E::RD_KAFKA_RESP_ERR__RESOLVE,
        Kind::Retriable,
        "see that this machine can look up the brokers' advertised.listeners",
    ),
    // While certificates are renewed, as with `_AUTHENTICATION`.
    row(E::RD_KAFKA_RESP_ERR__SSL, Kind::Retriable, "check ssl.* and when the certificates expire"),
    row(E::RD_KAFKA_RESP_ERR__RETRY, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR__WAIT_COORD, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, Kind::Retriable, ""),
    row(
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        Kind::Retriable,
        "bring brokers back, or lower min.insync.replicas",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        Kind::Retriable,
        "bring brokers back, or lower min.insync.replicas",
    ),
    row(E::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, Kind::Retriable, "look at the broker's disks"),
    row(E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Kind::Retriable, ""),
    row(
        E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        Kind::Retriable,
        "if it stays so, transaction.state.log.replication.factor or offsets.topic.replication.factor of the brokers is \
         larger than their number",
    ),
    row(E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, Kind::Retriable, ""),
    row(E::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, Kind::Retriable, ""),
    // Fatal to the producer.
    row(E::RD_KAFKA_RESP_ERR__FENCED, Kind::Fenced, TWO_PRODUCERS),
    row(E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Kind::Fenced, TWO_PRODUCERS),
    row(E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Kind::Fenced, TWO_PRODUCERS),
    row(E::RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, Kind::Fenced, ""),
    row(E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__STATE, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__FATAL, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__FAIL, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__INCONSISTENT, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__OUTDATED, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__PURGE_QUEUE, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, Kind::Fatal, ""),
    row(E::RD_KAFKA_RESP_ERR__DESTROY, Kind::Fatal, ""),
    row(
        E::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
        Kind::Fatal,
        "the machine has no memory, threads or open files left for the client",
    ),
    // Fatal to the application.
    row(
        E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        Kind::Denied,
        "grant DESCRIBE and WRITE on the topic",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        Kind::Denied,
        "grant READ on the group that is named like the application.id",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
        Kind::Denied,
        "grant IDEMPOTENT_WRITE on the cluster (and CREATE for internal topics)",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        Kind::Denied,
        "grant DESCRIBE and WRITE on transactional ids that begin with the application.id",
    ),
    // While passwords are renewed. When to stop waiting is decided elsewhere (decision 0021).
    row(E::RD_KAFKA_RESP_ERR__AUTHENTICATION, Kind::Retriable, "look at sasl.* and the credentials"),
    row(E::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, Kind::Denied, "look at sasl.* and the credentials"),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT,
        Kind::Config,
        "producer.transaction.timeout.ms is larger than the brokers' transaction.max.timeout.ms",
    ),
    row(E::RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, Kind::Config, "set producer.acks to all"),
    row(
        E::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
        Kind::Refused,
        "what a task commits with its offsets (stream times of windows that emit on close) is larger than the brokers' \
         offset.metadata.max.bytes: raise it, or have fewer such operators in one sub-topology",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE,
        Kind::Refused,
        "raise the brokers' message.max.bytes or offset.metadata.max.bytes",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION,
        Kind::Refused,
        "the broker is too old; 2.5 is the oldest possible",
    ),
    row(
        E::RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE,
        Kind::Refused,
        "the broker is too old; 2.5 is the oldest possible",
    ),
    row(
        E::RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR,
        Kind::Config,
        "there are fewer brokers than copies are asked for",
    ),
    row(E::RD_KAFKA_RESP_ERR_SECURITY_DISABLED, Kind::Config, "the broker has no authorizer"),
    row(E::RD_KAFKA_RESP_ERR_INVALID_REQUEST, Kind::Refused, ""),
    row(E::RD_KAFKA_RESP_ERR__INVALID_ARG, Kind::Config, ""),
    row(E::RD_KAFKA_RESP_ERR__BAD_MSG, Kind::Corrupt, CORRUPT),
    row(E::RD_KAFKA_RESP_ERR__UNDERFLOW, Kind::Corrupt, CORRUPT),
    row(E::RD_KAFKA_RESP_ERR__BAD_COMPRESSION, Kind::Corrupt, CORRUPT),
];

/// Advice about bytes that are not Kafka's.
const CORRUPT: &str = "the broker's answer cannot be read: check its disks, and the network between";

/// The row of a code.
pub(super) fn row_of(code: Code) -> Option<&'static Row> {
    PRODUCE_ERRORS.iter().find(|row| row.code as Code == code)
}

/// What a code means that was given for one record. What is retriable elsewhere, or fatal to a client, blames no record.
pub(super) fn kind_of_delivery(code: Code) -> Kind {
    match (row_of(code), kind_of(code)) {
        (Some(row), _) => row.kind,
        (None, kind @ (Kind::Retriable | Kind::Fatal)) => kind,
        (None, _) => Kind::InvalidRecord,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::super::ffi::name_of;
    use super::*;

    fn meaning(kind: Kind) -> &'static str {
        match kind {
            Kind::MessageTooLarge | Kind::InvalidRecord | Kind::UnknownTopic => "the record: handler",
            Kind::Retriable | Kind::TimedOut => "retriable",
            Kind::Fenced | Kind::Fatal => "the producer: a new one",
            _ => "the application ends",
        }
    }

    #[test]
    fn the_page_for_readers_is_this_table() {
        let page = include_str!("../../../../docs/error-table.md");
        let mut rows = String::new();
        for Row { code, kind, advice } in PRODUCE_ERRORS {
            let name = name_of(*code as Code);
            let advice = advice.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(rows, "| `{}` | {} | {} | {advice} |", name.name, name.number, meaning(*kind))
                .expect("text");
        }
        assert!(page.contains(&rows), "docs/error-table.md has to contain:\n{rows}");
    }

    /// librdkafka's own codes with which it ends deliveries (2.12.1: `rd_kafka_dr_msgq`, `rd_kafka_handle_Produce`, and what
    /// ends a request or a connection below them) and that do not blame the record.
    const OF_DELIVERIES: [E; 22] = [
        E::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN,
        E::RD_KAFKA_RESP_ERR__AUTHENTICATION,
        E::RD_KAFKA_RESP_ERR__BAD_COMPRESSION,
        E::RD_KAFKA_RESP_ERR__BAD_MSG,
        E::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE,
        E::RD_KAFKA_RESP_ERR__DESTROY,
        E::RD_KAFKA_RESP_ERR__DESTROY_BROKER,
        E::RD_KAFKA_RESP_ERR__FAIL,
        E::RD_KAFKA_RESP_ERR__FATAL,
        E::RD_KAFKA_RESP_ERR__FENCED,
        E::RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE,
        E::RD_KAFKA_RESP_ERR__INCONSISTENT,
        E::RD_KAFKA_RESP_ERR__INVALID_ARG,
        E::RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD,
        E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
        E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
        E::RD_KAFKA_RESP_ERR__RESOLVE,
        E::RD_KAFKA_RESP_ERR__RETRY,
        E::RD_KAFKA_RESP_ERR__SSL,
        E::RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
        E::RD_KAFKA_RESP_ERR__TRANSPORT,
        E::RD_KAFKA_RESP_ERR__UNDERFLOW,
    ];

    /// Before the fix, the handler was asked about records for a broker whose name could not be resolved.
    #[test]
    fn no_trouble_of_the_client_is_blamed_on_a_record() {
        for code in OF_DELIVERIES {
            assert!(!kind_of_delivery(code as Code).blames_the_record(), "{code:?}");
        }
    }

    /// The codes of the table whose exceptions are retriable in Kafka (`Errors`, 4.3.1: `RetriableException`).
    const RETRIABLE_IN_KAFKA: [i32; 17] = [2, 3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 51, 56, 74, 89, 100];

    /// Codes that are classified otherwise here, and why.
    const OTHERWISE: [(E, &str); 5] = [
        (E::RD_KAFKA_RESP_ERR_INVALID_MSG, "librdkafka has retried before it reports it"),
        (E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "librdkafka has asked again before it reports it"),
        (E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID, "the same"),
        (E::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, "said of a broker that is about to come or go"),
        (E::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, "the commit is repeated when the rebalance is over"),
    ];

    #[test]
    fn what_kafka_does_again_is_done_again() {
        for Row { code, kind, .. } in PRODUCE_ERRORS.iter().filter(|row| row.code as Code >= -1) {
            let in_kafka = RETRIABLE_IN_KAFKA.contains(&(*code as Code));
            let here = matches!(kind, Kind::Retriable | Kind::TimedOut);
            let otherwise = OTHERWISE.iter().any(|(other, _)| other == code);
            assert_eq!(in_kafka == here, !otherwise, "{code:?} is {kind:?}");
        }
    }
}
