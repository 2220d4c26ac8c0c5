//! Refusals by librdkafka's mock cluster are reported, and no failed delivery is lost.

use super::super::KafkaOptions;
use super::super::error::TRANSACTION_ABORTABLE;
use super::super::ffi::Code;
use super::super::ffi::mock::requests;
use super::super::produce_errors::PRODUCE_ERRORS;
use super::*;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

mod own;
mod refusals;

const TIMEOUT: Duration = Duration::from_secs(120);

/// A producer that gives up records and transactions after this many milliseconds.
fn made(transactional_id: Option<&str>, patience: u64) -> KafkaProducer {
    made_with(transactional_id, patience, &[])
}

/// The same with more settings.
fn made_with(transactional_id: Option<&str>, patience: u64, more: &[(&str, &str)]) -> KafkaProducer {
    let common = Common::new("localhost:1", KafkaOptions::default()).expect("are settings");
    let ms = patience.to_string();
    let properties = [("test.mock.num.brokers", "1"), ("linger.ms", "0"), ("message.timeout.ms", &ms)];
    let spec = ProducerSpec {
        client_id: "p".to_owned(),
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout_ms: patience,
        properties: properties
            .iter()
            .chain(more)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
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

/// Blamed the record before, which a handler could then leave out.
#[test]
fn what_passes_elsewhere_blames_no_record() {
    let retriable = [E::RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, E::RD_KAFKA_RESP_ERR_REBOOTSTRAP_REQUIRED];
    let retriable = retriable.map(|error| (code(error), Kind::Retriable));
    for (number, kind) in retriable.into_iter().chain([(TRANSACTION_ABORTABLE, Kind::Fatal)]) {
        let (outcome, _producer) = refused(number);
        let error = outcome.expect_err("is refused");
        assert_eq!((error.kind(), error.failed()[0].record.is_none()), (kind, true), "{number}: {error}");
    }
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

/// Took two seconds for each topic before.
#[test]
fn topics_are_looked_up_within_one_time_out_when_no_broker_answers() {
    const TOPICS: usize = 40;
    let mut producer = made(None, 5_000);
    let names: Vec<String> = (0..TOPICS).map(|number| format!("t{number}")).collect();
    let send_to_all = |producer: &mut KafkaProducer| {
        let headers = Headers::new();
        for name in &names {
            let topic = producer.topic(name).expect("is known");
            let (key, value) = (None, Some(&b"value"[..]));
            let record =
                OutRecord { topic, partition: 0, key, value, timestamp: 7, headers: &headers, tag: 0 };
            producer.send(record).expect("is queued");
        }
    };
    names.iter().for_each(|name| producer.client.mock_topic(name, 1));
    send_to_all(&mut producer);
    producer.flush(TIMEOUT).expect("all topics are known");
    producer.client.mock_round_trip(Duration::from_secs(600));
    send_to_all(&mut producer);
    assert!(producer.drain(&Deadline::after(TIMEOUT)), "all have timed out");
    let deadline = Deadline::after(TIMEOUT);
    let error = producer.flush(TIMEOUT).expect_err("nothing was acknowledged");
    assert_eq!((error.kind(), error.failed().len()), (Kind::TimedOut, TOPICS), "{error}");
    assert!(!deadline.left().is_zero());
}

/// Took up to six seconds for each topic before, with that for its limits.
#[test]
fn known_topics_are_counted_with_one_question() {
    const TOPICS: i32 = 30;
    let mut producer = made(None, 5_000);
    let mut handles = Vec::new();
    for number in 1..=TOPICS {
        let name = format!("t{number}");
        producer.client.mock_topic(&name, number);
        handles.push(producer.topic(&name).expect("is known"));
    }
    // The mock cluster does not answer for settings.
    let timeout = Duration::from_secs(5);
    let counts = producer.partition_counts(&handles, timeout);
    let counts: Vec<_> = counts.into_iter().map(|count| count.expect("is counted")).collect();
    assert_eq!(counts, (1..=TOPICS).collect::<Vec<_>>());

    let unknown = E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    producer.client.mock_topic_error("t2", unknown);
    let counts = producer.partition_counts(&handles, timeout);
    let kinds: Vec<_> = counts.iter().map(|count| count.as_ref().err().map(TransportError::kind)).collect();
    assert_eq!(kinds[..3], [None, Some(Kind::UnknownTopic), None]);

    producer.client.mock_round_trip(Duration::from_secs(600));
    let deadline = Deadline::after(Duration::from_secs(25));
    let counts = producer.partition_counts(&handles, Duration::from_secs(1));
    assert!(counts.iter().all(Result::is_err), "{counts:?}");
    assert!(!deadline.left().is_zero());
}

/// Asked the broker for each partition before, so that there was no time for a thousand of them.
#[test]
fn partitions_are_touched_with_one_question_a_topic() {
    const PARTITIONS: i32 = 1_000;
    let mut producer = producer(Some("id"));
    producer.client.mock_topic("many", PARTITIONS);
    producer.client.mock_round_trip(Duration::from_millis(50));
    let all: Vec<_> = (0..PARTITIONS).map(|partition| TopicPartition::new("many", partition)).collect();
    producer.begin().expect("begins");
    producer.touch(&all, TIMEOUT).expect("takes one question");
    producer.abort(TIMEOUT).expect("is answered");
}
