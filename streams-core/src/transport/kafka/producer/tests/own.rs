//! librdkafka's own codes, as it gives them without a broker that says so.

use super::*;

/// The rows of the table that tests make librdkafka report, here and in `refusals.rs`.
const MADE: [E; 9] = [
    E::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
    E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT,
    E::RD_KAFKA_RESP_ERR__TIMED_OUT,
    E::RD_KAFKA_RESP_ERR__TRANSPORT,
    E::RD_KAFKA_RESP_ERR__FENCED,
    E::RD_KAFKA_RESP_ERR__STATE,
    E::RD_KAFKA_RESP_ERR__PURGE_QUEUE,
    E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT,
    // By a broker that refuses one record of a batch (`tests/field`, `produce`).
    E::RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD,
];

/// The page for readers says which rows are not tested.
#[test]
fn the_codes_that_nothing_makes_here_are_named() {
    let page = include_str!("../../../../../../docs/error-table.md");
    let (_, named) = page.split_once("Not tested are").expect("a paragraph");
    for row in PRODUCE_ERRORS.iter().filter(|row| code(row.code) < -1) {
        let name = format!("`{}`", name_of(code(row.code)).name);
        assert_ne!(MADE.contains(&row.code), named.contains(&name), "{name}");
    }
}

/// Kind and number of an error.
fn told<T>(outcome: Result<T>) -> (Kind, Code) {
    let error = outcome.err().expect("it fails");
    (error.kind(), error.code().map_or(0, |code| code.number))
}

fn in_time() -> Deadline {
    Deadline::after(TIMEOUT)
}

const HUNG: Duration = Duration::from_secs(600);

#[test]
fn a_broker_that_does_not_answer_costs_time_and_no_record() {
    let mut producer = made(None, 1_000);
    send(&mut producer, 0, 1).and_then(|()| producer.flush(TIMEOUT)).expect("is written");
    producer.client.mock_round_trip(HUNG);
    send(&mut producer, 0, 9).expect("is queued");
    let error = producer.flush(TIMEOUT).expect_err("no answer");
    assert!(error.failed()[0].record.is_none(), "{error}");
    assert_eq!(told(Err::<(), _>(error)), (Kind::TimedOut, code(E::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT)));

    let mut producer = made(None, 30_000);
    let topic = producer.topic("t").expect("is known");
    producer.partition_count(topic, TIMEOUT).expect("is answered");
    producer.client.mock_round_trip(HUNG);
    let asked = producer.partition_count(topic, Duration::from_millis(300));
    assert_eq!(told(asked), (Kind::TimedOut, code(E::RD_KAFKA_RESP_ERR__TIMED_OUT)));

    let mut producer = made(Some("id"), 1_000);
    producer.init_transactions(TIMEOUT).expect("registers");
    producer.begin().expect("begins");
    producer.client.mock_round_trip(HUNG);
    send(&mut producer, 0, 9).expect("is queued");
    let (kind, _) = told(producer.commit(TIMEOUT));
    assert!(matches!(kind, Kind::AbortTransaction | Kind::TimedOut), "{kind:?}");
}

/// With the broker's code: the client's `_UNKNOWN_TOPIC` stands in where there is none.
#[test]
fn a_topic_that_a_broker_does_not_know_is_for_the_handler() {
    for id in [None, Some("id")] {
        let mut producer = made_with(id, 30_000, &[("topic.metadata.propagation.max.ms", "0")]);
        producer.client.mock_topic_error("t", E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
        if id.is_some() {
            producer.init_transactions(TIMEOUT).expect("registers");
            producer.begin().expect("begins");
        }
        let sent = send(&mut producer, 0, 9).and_then(|()| match id {
            Some(_) => producer.commit(TIMEOUT),
            None => producer.flush(TIMEOUT),
        });
        let error = sent.expect_err("there is no such topic");
        assert!(error.failed().iter().all(|failed| failed.record.is_some()), "{error}");
        assert_eq!(
            told(Err::<(), _>(error)),
            (Kind::UnknownTopic, code(E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART))
        );
    }
}

#[test]
fn a_partition_that_a_topic_does_not_have_is_for_the_handler() {
    const MISSING: PartitionId = 99;
    let unknown = (Kind::UnknownTopic, code(E::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION));
    let mut producer = producer(None);
    // Nothing is known of the topic yet.
    let sent = send(&mut producer, MISSING, 9).and_then(|()| producer.flush(TIMEOUT));
    assert_eq!(told(sent), unknown);
    send(&mut producer, 0, 1).and_then(|()| producer.flush(TIMEOUT)).expect("is written");
    assert_eq!(told(send(&mut producer, MISSING, 9)), unknown);
}

#[test]
fn a_full_queue_is_waited_for() {
    let mut producer = made_with(None, 30_000, &[("queue.buffering.max.messages", "1")]);
    producer.client.mock_round_trip(HUNG);
    send(&mut producer, 0, 1).expect("is queued");
    assert_eq!(told(send(&mut producer, 0, 2)), (Kind::QueueFull, code(E::RD_KAFKA_RESP_ERR__QUEUE_FULL)));
}

#[test]
fn what_is_given_up_with_its_producer_blames_no_record() {
    let limit = in_time();
    let mut found = BTreeSet::new();
    while found.len() < 2 {
        assert!(!limit.left().is_zero(), "{found:?}");
        let mut producer = made_with(None, 30_000, &[("max.in.flight", "1"), ("batch.num.messages", "1")]);
        send(&mut producer, 0, 1).and_then(|()| producer.flush(TIMEOUT)).expect("is written");
        producer.client.mock_round_trip(HUNG);
        (2..5).for_each(|tag| send(&mut producer, 0, tag).expect("is queued"));
        producer.client.flush(SLICE);
        producer.client.purge();
        let given_up = in_time();
        while producer.client.outstanding() > 0 && !given_up.left().is_zero() {
            producer.client.poll(SLICE);
        }
        let error = producer.poll(Duration::ZERO).expect_err("they are given up");
        assert_eq!(error.kind(), Kind::Fatal, "{error}");
        assert!(error.failed().iter().all(|failed| failed.record.is_none()), "{error}");
        found.extend(error.failed().iter().filter_map(|failed| Some(failed.code.as_ref()?.number)));
    }
    let purged = [E::RD_KAFKA_RESP_ERR__PURGE_QUEUE, E::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT].map(code);
    assert_eq!(found, purged.into());
}

/// The code of the fatal error is reported, not `_FATAL`, which says that there was one.
#[test]
fn a_producer_that_has_failed_says_why() {
    for id in [None, Some("id")] {
        let mut producer = producer(id);
        if id.is_some() {
            producer.begin().expect("begins");
        }
        producer.client.mock_fatal(E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        let limit = in_time();
        while producer.client.fatal().is_none() && !limit.left().is_zero() {
            producer.client.poll(SLICE);
        }
        let fatal = (Kind::Fatal, code(E::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER));
        assert_eq!(told(send(&mut producer, 0, 9)), fatal);
    }
}

#[test]
fn a_call_out_of_order_costs_the_producer() {
    let mut producer = producer(Some("id"));
    assert_eq!(told(producer.commit(TIMEOUT)), (Kind::Fatal, code(E::RD_KAFKA_RESP_ERR__STATE)));
}

#[test]
fn without_a_broker_a_question_may_be_asked_again() {
    let common = Common::new("localhost:1", KafkaOptions::default()).expect("are settings");
    let spec = ProducerSpec {
        client_id: "p".to_owned(),
        transactional_id: None,
        transaction_timeout_ms: 1_000,
        properties: Default::default(),
    };
    let mut producer = KafkaProducer::new(&common, &spec).expect("is made");
    let topic = producer.topic("t").expect("is known");
    let asked = producer.partition_count(topic, Duration::from_millis(300));
    assert_eq!(told(asked), (Kind::Retriable, code(E::RD_KAFKA_RESP_ERR__TRANSPORT)));
}
