//! Dead letters on a real broker: one for each record that is left out, with the record that was read, visible with the other
//! results of its transaction, also where the broker refuses a result later.
#![expect(clippy::disallowed_methods, reason = "event times are compared with the clock of the machine")]

use std::time::{SystemTime, UNIX_EPOCH};

use field::{Chance, LIMIT, committed, config, turn, wait_committed};
use kstreams::prelude::*;
use lab::{ConsumedRecord, KafkaClient, TestRecord, shared};

const GUARANTEES: [&str; 2] = ["exactly_once_v2", "at_least_once"];

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("a time")
}

/// Runs a copy of one topic to another until all of it is committed; returns what the queue, which takes records of this
/// size, got.
fn letters(
    client: &KafkaClient,
    app: &str,
    guarantee: &str,
    bytes_max: &str,
    letters: usize,
) -> Vec<ConsumedRecord> {
    let (input, output, queue) = (format!("{app}-in"), format!("{app}-out"), format!("{app}-letters"));
    client.create_topic(&queue, 1, &[("max.message.bytes", bytes_max)]).expect("topic");
    let builder = StreamsBuilder::new();
    // Large results are turned round, so that a compressed letter is as large as both.
    let result = |value: String| match value.len() {
        0..1_000 => value,
        _ => value.chars().rev().collect(),
    };
    builder.stream::<String, String>(&*input).map_values(result).to(&output);
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(client, app, folder.path()).with("processing.guarantee", guarantee).expect("set");
    config.set("production.exception.handler", "LogAndContinue").expect("set");
    config.set("errors.dead.letter.queue.topic.name", &*queue).expect("set");
    // Only the broker knows how large a compressed batch is.
    config.set("producer.compression.type", "lz4").expect("set");
    let topology = builder.build().expect("a topology");
    let streams = KafkaStreams::new(topology, config).expect("settings and topology are fine");
    streams.start().expect("it starts");
    wait_committed(client, app, &[&input], LIMIT);
    assert_eq!(streams.state(), State::Running, "{:?}", streams.error());
    let found = committed(client, &queue, letters);
    assert!(streams.close(LIMIT));
    found
}

fn header(letter: &ConsumedRecord, name: &str) -> String {
    let found = letter.headers.iter().find(|(key, _)| key == name);
    let value = found.and_then(|(_, value)| value.clone()).unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

#[test]
fn a_result_that_the_broker_refuses_later_is_told_with_the_record_that_led_to_it() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in GUARANTEES {
        let app = format!("letters-{}", &guarantee[..2]);
        client.create_topic(&format!("{app}-in"), 1, &[]).expect("topic");
        let refuses = [("message.timestamp.after.max.ms", "3600000")];
        client.create_topic(&format!("{app}-out"), 1, &refuses).expect("topic");
        let now = now_ms();
        let at = |n: usize| if [50, 70].contains(&n) { now + 3_600_000 + 120_000 } else { now };
        let record = |n| TestRecord::new(format!("k{n}"), format!("v{n}")).at(at(n));
        client.produce(&format!("{app}-in"), (0..100).map(record)).expect("sent");
        let mut found = letters(&client, &app, guarantee, "1000000", 2);
        found.sort_by_key(|letter| header(letter, "__streams.errors.offset"));
        for (letter, n) in found.iter().zip([50, 70]) {
            let (key, value) = (format!("k{n}"), format!("v{n}"));
            assert_eq!(letter.key.as_deref(), Some(key.as_bytes()), "{guarantee}");
            assert_eq!(letter.value.as_deref(), Some(value.as_bytes()), "{guarantee}");
            assert_eq!(header(letter, "__streams.errors.topic"), format!("{app}-in"));
            assert_eq!(header(letter, "__streams.errors.offset"), n.to_string());
            assert_eq!(header(letter, "__streams.errors.result.topic"), format!("{app}-out"));
            assert_eq!(header(letter, "__streams.errors.result.value"), value);
            assert_eq!(header(letter, "__streams.errors.exception"), "TransportError");
        }
    }
}

/// Showed before: no letter about them.
#[test]
fn a_letter_that_the_broker_finds_too_large_is_sent_without_what_makes_it_large() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let mut chance = Chance::new("letters that are too large");
    // Nothing that lz4 makes smaller.
    let mut random = || (0..20_000).map(|_| char::from(b' ' + (chance.below(90) as u8))).collect::<String>();
    let values = [random(), random()];
    for guarantee in GUARANTEES {
        for (size, bytes_max, lacks) in
            [("large", "30000", "result.value"), ("small", "9000", "value,headers,result.key,result.value")]
        {
            let app = format!("letters-{size}-{}", &guarantee[..2]);
            client.create_topic(&format!("{app}-in"), 1, &[]).expect("topic");
            client.create_topic(&format!("{app}-out"), 1, &[("max.message.bytes", "1000")]).expect("topic");
            let record = |(n, value): (usize, &String)| TestRecord::new(format!("k{n}"), value.clone());
            client.produce(&format!("{app}-in"), values.iter().enumerate().map(record)).expect("sent");
            let mut found = letters(&client, &app, guarantee, bytes_max, values.len());
            found.sort_by_key(|letter| header(letter, "__streams.errors.offset"));
            for (n, (letter, value)) in found.iter().zip(&values).enumerate() {
                assert_eq!(header(letter, "__streams.errors.left.out"), lacks, "{guarantee}");
                assert_eq!(header(letter, "__streams.errors.topic"), format!("{app}-in"));
                assert_eq!(header(letter, "__streams.errors.offset"), n.to_string());
                assert_eq!(letter.key.as_deref(), Some(format!("k{n}").as_bytes()));
                assert_eq!(letter.value.as_deref(), (size == "large").then_some(value.as_bytes()));
            }
        }
    }
}

#[test]
fn a_queue_that_does_not_exist_is_named_at_the_start() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("letters-none-in", 1, &[]).expect("topic");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("letters-none-in").to("letters-none-in-copy");
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&client, "letters-none", folder.path())
        .with("errors.dead.letter.queue.topic.name", "letters-of-nobody")
        .expect("set");
    let streams = KafkaStreams::new(builder.build().expect("a topology"), config).expect("fine so far");
    let error = streams.start().expect_err("there is no queue").to_string();
    assert!(error.contains("letters-of-nobody") && error.contains("create it"), "{error}");
}
