//! Each row of the table of produce errors, as librdkafka's mock cluster gives it; and that no failed delivery is lost.

use std::collections::BTreeMap;

use super::super::KafkaOptions;
use super::super::ffi::Code;
use super::super::produce_errors::PRODUCE_ERRORS;
use super::*;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

const TIMEOUT: Duration = Duration::from_secs(30);

fn producer(transactional_id: Option<&str>) -> KafkaProducer {
    let common = Common::new("localhost:1", KafkaOptions::default()).expect("are settings");
    let mut properties = BTreeMap::new();
    for (key, value) in [("test.mock.num.brokers", "1"), ("linger.ms", "0"), ("message.timeout.ms", "5000")] {
        properties.insert(key.to_owned(), value.to_owned());
    }
    let spec = ProducerSpec {
        client_id: "p".to_owned(),
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout_ms: 5_000,
        properties,
    };
    let mut producer = KafkaProducer::new(&common, &spec).expect("is made");
    producer.client.mock_topic("t", 4);
    if transactional_id.is_some() {
        producer.init_transactions(TIMEOUT).expect("registers");
    }
    producer
}

fn send(producer: &mut KafkaProducer, partition: PartitionId, tag: u64) -> Result<()> {
    let topic = producer.topic("t")?;
    let (key, value, headers) = (Some(&b"key"[..]), Some(&b"value"[..]), Headers::new());
    producer.send(OutRecord { topic, partition, key, value, timestamp: 7, headers: &headers, tag })
}

fn code(error: E) -> Code {
    error as Code
}

/// Sends a record that is refused with that code, once.
fn refused(number: Code) -> (Result<()>, KafkaProducer) {
    let mut producer = producer(None);
    producer.client.mock_refusals(&[number]);
    send(&mut producer, 0, 9).expect("is queued");
    (producer.flush(TIMEOUT), producer)
}

#[test]
fn every_code_of_a_broker_means_what_its_row_says() {
    let rows: Vec<_> = PRODUCE_ERRORS.iter().filter(|row| code(row.code) > 0).collect();
    std::thread::scope(|scope| {
        for rows in rows.chunks(rows.len().div_ceil(8)) {
            scope.spawn(|| rows.iter().for_each(|row| check(code(row.code), row.kind)));
        }
    });
}

fn check(number: Code, kind: Kind) {
    let (outcome, producer) = refused(number);
    match kind {
        Kind::MessageTooLarge => {
            // It is not known what the topic takes: the batch is to blame first.
            let error = outcome.expect_err("is refused");
            assert_eq!((error.kind(), producer.is_worn_out()), (Kind::Retriable, true), "{error}");
        }
        Kind::InvalidRecord => {
            let Err(error) = outcome else {
                // It sends again what a broker may have got damaged.
                assert_eq!(number, code(E::RD_KAFKA_RESP_ERR_INVALID_MSG));
                return;
            };
            let failed = &error.failed()[0];
            assert_eq!((error.kind(), failed.tag), (kind, 9), "{error}");
            let record = failed.record.as_ref().expect("the record");
            assert_eq!(record.key.as_deref(), Some(&b"key"[..]));
            assert_eq!(record.value.as_deref(), Some(&b"value"[..]));
        }
        Kind::Denied | Kind::Config | Kind::Refused => {
            let error = outcome.expect_err("is refused");
            assert_eq!((error.kind(), error.code().map(|code| code.number)), (kind, Some(number)), "{error}");
        }
        // librdkafka may have dealt with it by itself.
        _ => {
            if let Err(error) = outcome {
                let cured = [Kind::Retriable, Kind::TimedOut, Kind::Fatal, Kind::Fenced];
                assert!(error.kind() == kind || cured.contains(&error.kind()), "{number}: {error}");
            }
        }
    }
}

/// A code that is not listed is never sent again without end.
#[test]
fn an_unknown_code_about_a_record_blames_the_record() {
    let (outcome, _producer) = refused(2_000);
    let error = outcome.expect_err("is refused");
    assert_eq!((error.kind(), error.failed().len()), (Kind::InvalidRecord, 1), "{error}");
}

/// Before, the first one was told and the other thrown away.
#[test]
fn every_failed_delivery_is_told_and_the_gravest_decides() {
    let mut producer = producer(None);
    let codes = [E::RD_KAFKA_RESP_ERR_INVALID_RECORD, E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    producer.client.mock_refusals(&codes.map(code));
    send(&mut producer, 0, 1).expect("is queued");
    send(&mut producer, 1, 2).expect("is queued");
    let error = producer.flush(TIMEOUT).expect_err("both are refused");
    let mut kinds: Vec<_> = error.failed().iter().map(|failed| format!("{:?}", failed.kind)).collect();
    kinds.sort();
    assert_eq!(kinds, ["Denied", "InvalidRecord"]);
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.to_string().contains("grant DESCRIBE and WRITE on the topic"), "{error}");
}

#[test]
fn a_refused_record_costs_its_transaction_and_no_more() {
    let mut producer = producer(Some("id"));
    producer.begin().expect("begins");
    producer.client.mock_refusals(&[code(E::RD_KAFKA_RESP_ERR_INVALID_RECORD)]);
    send(&mut producer, 0, 1).expect("is queued");
    let error = producer.commit(TIMEOUT).expect_err("is refused");
    assert_eq!((error.kind(), error.failed()[0].tag), (Kind::InvalidRecord, 1), "{error}");
    producer.abort(TIMEOUT).expect("is answered");
    // The next transaction of the same producer would be refused for its sequence numbers.
    assert!(producer.is_worn_out());
}

/// In a transaction that has to be aborted nothing can be sent: the caller is told why, not that.
#[test]
fn what_is_sent_after_a_failed_delivery_tells_of_that_delivery() {
    let mut producer = producer(Some("id"));
    producer.begin().expect("begins");
    producer.client.mock_refusals(&[code(E::RD_KAFKA_RESP_ERR_INVALID_RECORD)]);
    send(&mut producer, 0, 1).expect("is queued");
    producer.client.flush(TIMEOUT);
    let error = send(&mut producer, 1, 2).expect_err("cannot be sent");
    assert_eq!((error.kind(), error.failed()[0].tag), (Kind::InvalidRecord, 1), "{error}");
    producer.abort(TIMEOUT).expect("is answered");
}
