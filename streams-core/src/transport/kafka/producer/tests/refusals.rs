//! Each row of the table of produce errors, as librdkafka's mock cluster gives it, at each request of a producer.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::super::produce_errors::Row;
use super::*;

/// Retries without end are given up after this many milliseconds.
const IMPATIENT: u64 = 1_000;
/// What is answered is waited for.
const PATIENT: u64 = 30_000;
/// So often that no repetition helps.
const ALWAYS: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// Records without a transaction.
    Record,
    /// Records of a transaction.
    Sent,
    Register,
    Partition,
    Offsets,
    Group,
    End,
}

impl At {
    fn request(self) -> i16 {
        match self {
            At::Record | At::Sent => requests::PRODUCE,
            At::Register => requests::INIT_PRODUCER_ID,
            At::Partition => requests::ADD_PARTITIONS,
            At::Offsets => requests::ADD_OFFSETS,
            At::Group => requests::COMMIT_OFFSETS,
            At::End => requests::END,
        }
    }
}

/// The result for a record if this many of the first requests are refused, within that many milliseconds.
fn outcome(at: At, number: Code, times: usize, patience: u64) -> Result<()> {
    let mut producer = made((at != At::Record).then_some("id"), patience);
    let call = Duration::from_millis(patience);
    let refuse = |producer: &KafkaProducer| {
        producer.client.mock_refusals(at.request(), &vec![number; times]);
    };
    if at == At::Register {
        refuse(&producer);
        return producer.init_transactions(call);
    }
    if at != At::Record {
        producer.init_transactions(TIMEOUT)?;
        producer.begin()?;
    }
    refuse(&producer);
    send(&mut producer, 0, 9)?;
    if at == At::Record {
        return producer.flush(TIMEOUT);
    }
    if matches!(at, At::Offsets | At::Group) {
        let partition = TopicPartition::new("t", 0);
        let offset = OffsetToCommit { partition, offset: 1, metadata: String::new() };
        let fence = Fence { group: "g".into(), member: "m".into(), generation: 1, instance: None };
        producer.send_offsets(&[offset], &fence, call)?;
    }
    producer.commit(if at == At::Sent { TIMEOUT } else { call })
}

/// Runs a check for each code of a broker, and for a lost connection, and for each place, many at a time: they wait more
/// than they compute. The other codes of librdkafka are in `own.rs`.
fn each(places: &[At], check: impl Fn(At, &Row) + Sync) {
    let mock = |row: &&Row| code(row.code) >= -1 || row.code == E::RD_KAFKA_RESP_ERR__TRANSPORT;
    let rows = || PRODUCE_ERRORS.iter().filter(mock);
    let cases: Vec<_> = rows().flat_map(|row| places.iter().map(move |at| (*at, row))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((at, row)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(*at, row);
                }
            });
        }
    });
}

fn ends_the_application(kind: Kind) -> bool {
    matches!(kind, Kind::Denied | Kind::Config | Kind::Refused)
}

const MSG_TIMED_OUT: Code = E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT as Code;

/// Codes that librdkafka does not report: it sends the records again, until their time is up.
const REPEATED: [E; 14] = [
    E::RD_KAFKA_RESP_ERR__TRANSPORT,
    E::RD_KAFKA_RESP_ERR_INVALID_MSG,
    E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
    E::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
    E::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
    E::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    E::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
    E::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
    E::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    E::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
    E::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
    E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
    E::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    E::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
];

/// The kind and code with which a record fails that is refused with a row's code each time; none if it is taken for written.
fn expected(at: At, row: &Row) -> Option<(Kind, Code)> {
    let transactional = at == At::Sent;
    let time_is_up = (Kind::TimedOut, MSG_TIMED_OUT);
    let (kind, number) = match row.code {
        // The record was written at an earlier attempt.
        E::RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER => return None,
        // Without a transaction librdkafka takes a new producer id.
        E::RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID if !transactional => time_is_up,
        E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH if transactional => {
            (Kind::Fenced, code(E::RD_KAFKA_RESP_ERR__FENCED))
        }
        repeated if REPEATED.contains(&repeated) => time_is_up,
        // It is not known what the topic takes: the batch is to blame first.
        told if row.kind == Kind::MessageTooLarge => (Kind::Retriable, code(told)),
        told => (row.kind, code(told)),
    };
    match kind {
        Kind::Retriable | Kind::TimedOut if transactional => Some((Kind::AbortTransaction, number)),
        kind => Some((kind, number)),
    }
}

#[test]
fn a_refused_record_is_what_its_row_says() {
    each(&[At::Record, At::Sent], |at, row| {
        let time_is_up = expected(at, row).is_some_and(|(_, number)| number == MSG_TIMED_OUT);
        let told = outcome(at, code(row.code), ALWAYS, if time_is_up { IMPATIENT } else { PATIENT }).err();
        let found = told.as_ref().map(|error| (error.kind(), error.code().map_or(0, |code| code.number)));
        assert_eq!(found, expected(at, row), "{:?} at {at:?}: {told:?}", row.code);
        for failed in told.iter().flat_map(|error| error.failed()) {
            assert_eq!(failed.tag, 9);
            assert_eq!(failed.record.is_some(), failed.kind.blames_the_record(), "{:?} at {at:?}", row.code);
            let value = failed.record.as_ref().map(|record| (record.key.clone(), record.value.clone()));
            assert!(value.is_none_or(|value| value == (Some(b"key".to_vec()), Some(b"value".to_vec()))));
        }
    });
}

#[test]
fn what_librdkafka_repeats_arrives() {
    each(&[At::Record, At::Sent], |at, row| {
        if REPEATED.contains(&row.code) {
            let told = outcome(at, code(row.code), 1, PATIENT);
            assert!(told.is_ok(), "{:?} at {at:?}: {told:?}", row.code);
        }
    });
}

/// Whatever librdkafka makes of it. What was only given up with the transaction ("purged") is never the reason.
#[test]
fn a_refused_request_of_a_transaction_ends_the_application_where_its_row_says_so() {
    let purged = [E::RD_KAFKA_RESP_ERR__PURGE_QUEUE, E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT].map(code);
    each(&[At::Register, At::Partition, At::Offsets, At::Group, At::End], |at, row| {
        let patience = if ends_the_application(row.kind) { PATIENT } else { IMPATIENT };
        let error = outcome(at, code(row.code), ALWAYS, patience).expect_err("it is refused");
        let number = error.code().map(|code| code.number);
        assert!(number.is_none_or(|number| !purged.contains(&number)), "{:?} at {at:?}: {error}", row.code);
        if ends_the_application(row.kind) {
            assert_eq!((error.kind(), number), (row.kind, Some(code(row.code))), "at {at:?}: {error}");
        } else {
            assert!(!ends_the_application(error.kind()), "{:?} at {at:?}: {error}", row.code);
        }
    });
}

#[test]
fn a_producer_that_is_fenced_says_so_at_each_request() {
    for number in [E::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, E::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH] {
        for at in [At::Sent, At::Register, At::Partition, At::End] {
            let error = outcome(at, code(number), ALWAYS, PATIENT).expect_err("it is fenced");
            assert_eq!(error.kind(), Kind::Fenced, "{number:?} at {at:?}: {error}");
        }
    }
}
