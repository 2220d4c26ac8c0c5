//! Refusals by librdkafka's mock cluster are reported, and no failed delivery is lost.

use super::super::KafkaOptions;
use super::super::ffi::Code;
use super::super::ffi::mock::requests;
use super::super::produce_errors::PRODUCE_ERRORS;
use super::*;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

mod refusals;

const TIMEOUT: Duration = Duration::from_secs(120);

/// A producer that gives up records and transactions after this many milliseconds.
fn made(transactional_id: Option<&str>, patience: u64) -> KafkaProducer {
    let common = Common::new("localhost:1", KafkaOptions::default()).expect("are settings");
    let ms = patience.to_string();
    let properties = [("test.mock.num.brokers", "1"), ("linger.ms", "0"), ("message.timeout.ms", &ms)];
    let spec = ProducerSpec {
        client_id: "p".to_owned(),
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout_ms: patience,
        properties: properties.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    let producer = KafkaProducer::new(&common, &spec).expect("is made");
    producer.client.mock_topic("t", 4);
    producer
}

fn producer(transactional_id: Option<&str>) -> KafkaProducer {
    let mut producer = made(transactional_id, 5_000);
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
    producer.client.mock_refusals(requests::PRODUCE, &[number]);
    send(&mut producer, 0, 9).expect("is queued");
    (producer.flush(TIMEOUT), producer)
}

/// A code that is not listed is never sent again without end.
#[test]
fn an_unknown_code_about_a_record_blames_the_record() {
    let (outcome, _producer) = refused(2_000);
    let error = outcome.expect_err("is refused");
    assert_eq!((error.kind(), error.failed().len()), (Kind::InvalidRecord, 1), "{error}");
}

/// Before, the first one was reported and the other one lost.
#[test]
fn every_failed_delivery_is_told_and_the_gravest_decides() {
    let mut producer = producer(None);
    let codes = [E::RD_KAFKA_RESP_ERR_INVALID_RECORD, E::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    producer.client.mock_refusals(requests::PRODUCE, &codes.map(code));
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
    producer.client.mock_refusals(requests::PRODUCE, &[code(E::RD_KAFKA_RESP_ERR_INVALID_RECORD)]);
    send(&mut producer, 0, 1).expect("is queued");
    let error = producer.commit(TIMEOUT).expect_err("is refused");
    assert_eq!((error.kind(), error.failed()[0].tag), (Kind::InvalidRecord, 1), "{error}");
    producer.abort(TIMEOUT).expect("is answered");
    // The next transaction of the same producer would be refused for its sequence numbers.
    assert!(producer.is_worn_out());
}

/// In a transaction that must be aborted nothing can be sent: the caller gets the cause, not this consequence.
#[test]
fn what_is_sent_after_a_failed_delivery_tells_of_that_delivery() {
    let mut producer = producer(Some("id"));
    producer.begin().expect("begins");
    producer.client.mock_refusals(requests::PRODUCE, &[code(E::RD_KAFKA_RESP_ERR_INVALID_RECORD)]);
    send(&mut producer, 0, 1).expect("is queued");
    producer.client.flush(TIMEOUT);
    let error = send(&mut producer, 1, 2).expect_err("cannot be sent");
    assert_eq!((error.kind(), error.failed()[0].tag), (Kind::InvalidRecord, 1), "{error}");
    producer.abort(TIMEOUT).expect("is answered");
}
