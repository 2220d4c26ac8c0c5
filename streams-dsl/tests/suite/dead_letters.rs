//! What is written to the dead letter queue when the handlers that come with the library are asked about a record.

use streams_core::processor::dead_letter::headers as names;
use streams_core::record::Headers;
use streams_core::testing::{RawTestRecord, TopologyTestDriver};
use streams_dsl::prelude::*;

const QUEUE: &str = "letters";

/// A driver of that topology that continues after every error.
fn driver(builder: StreamsBuilder) -> TopologyTestDriver {
    let mut config =
        StreamsConfig::new("app", "embedded:").with("errors.dead.letter.queue.topic.name", QUEUE).unwrap();
    for handler in ["deserialization", "processing", "production"] {
        config.set(&format!("{handler}.exception.handler"), "LogAndContinue").unwrap();
    }
    TopologyTestDriver::builder(builder.build_with(&config).unwrap(), config).build().unwrap()
}

/// A record of bytes with one header.
fn raw(key: &str, value: &str, timestamp: i64) -> RawTestRecord {
    let mut headers = Headers::new();
    headers.add("trace", Some("7"));
    RawTestRecord {
        key: Some(key.as_bytes().to_vec().into()),
        value: Some(value.as_bytes().to_vec().into()),
        timestamp,
        headers,
        partition: 0,
        offset: 0,
    }
}

fn header(letter: &RawTestRecord, name: &str) -> String {
    let value = letter.headers.last(name).and_then(|header| header.value.clone()).unwrap_or_default();
    String::from_utf8(value.to_vec()).unwrap()
}

/// The only letter.
fn letter(driver: &TopologyTestDriver) -> RawTestRecord {
    let mut letters = driver.read_raw(QUEUE).unwrap();
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

#[test]
fn bytes_that_do_not_parse_are_there_as_they_were_read() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").to("out");
    let driver = driver(builder);
    driver.pipe_raw("in", &raw("key", "no number", 5)).unwrap();
    let letter = letter(&driver);
    assert_eq!(letter.key.as_deref(), Some(&b"key"[..]));
    assert_eq!(letter.value.as_deref(), Some(&b"no number"[..]));
    assert_eq!(letter.timestamp, 5);
    let found: Vec<_> = letter.headers.iter().map(|header| &*header.key).collect();
    assert_eq!(
        found,
        [
            "trace",
            "__streams.errors.exception",
            "__streams.errors.message",
            "__streams.errors.stacktrace",
            "__streams.errors.topic",
            "__streams.errors.partition",
            "__streams.errors.offset",
            names::APPLICATION,
            names::TASK,
            names::NODE,
        ]
    );
    assert_eq!(header(&letter, names::EXCEPTION), "SerdeError");
    let at = [names::TOPIC, names::PARTITION, names::OFFSET].map(|name| header(&letter, name));
    assert_eq!(at, ["in", "0", "0"]);
    assert_eq!(header(&letter, names::NODE), "KSTREAM-SOURCE-0000000000");
    assert!(driver.read_raw("out").unwrap().is_empty());
}

#[test]
fn a_failing_closure_leaves_the_record_that_was_read_not_what_it_was_made_into() {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .map_values(|value| format!("{value}!"))
        .try_map_values(|value| value.parse::<i64>())
        .to("out");
    let driver = driver(builder);
    driver.pipe_raw("in", &raw("a", "1x", 3)).unwrap();
    driver.pipe_raw("in", &raw("b", "2x", 4)).unwrap();
    let letters = driver.read_raw(QUEUE).unwrap();
    let values: Vec<_> = letters.iter().map(|letter| letter.value.as_deref().unwrap_or_default()).collect();
    assert_eq!(values, [b"1x", b"2x"]);
    let offsets: Vec<_> = letters.iter().map(|letter| header(letter, names::OFFSET)).collect();
    assert_eq!(offsets, ["0", "1"]);
    assert_eq!(header(&letters[0], names::MESSAGE), "invalid digit found in string");
    assert_eq!(driver.dropped_records(), 2);
}

#[test]
fn the_record_is_still_there_after_results_of_it_were_sent() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("in");
    lines.to("copies");
    lines.try_map_values(|value| value.parse::<i64>()).to("out");
    let driver = driver(builder);
    driver.pipe_raw("in", &raw("a", "x", 3)).unwrap();
    assert_eq!(driver.read_raw("copies").unwrap().len(), 1);
    assert_eq!(letter(&driver).value.as_deref(), Some(&b"x"[..]));
}

#[test]
fn a_result_that_its_serde_refuses_is_told_with_the_record_that_led_to_it() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|_| Json(f64::NAN)).to("out");
    let driver = driver(builder);
    driver.pipe_raw("in", &raw("a", "x", 3)).unwrap();
    let letter = letter(&driver);
    assert_eq!(letter.value.as_deref(), Some(&b"x"[..]));
    assert_eq!(header(&letter, names::NODE), "KSTREAM-SINK-0000000002");
}

#[test]
fn without_the_setting_nothing_is_written() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").to("out");
    let config = StreamsConfig::new("app", "embedded:")
        .with("deserialization.exception.handler", "LogAndContinue")
        .unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
    driver.pipe_raw("in", &raw("key", "no number", 5)).unwrap();
    assert_eq!(driver.produced_topic_names().unwrap(), Vec::<std::sync::Arc<str>>::new());
}

#[test]
fn letters_are_counted_as_what_the_node_writes() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").to("out");
    let driver = driver(builder);
    driver.pipe_raw("in", &raw("key", "no number", 5)).unwrap();
    let metrics = driver.metrics();
    let written = metrics
        .iter()
        .find(|metric| metric.name == "records-produced-total" && metric.tag("topic") == Some(QUEUE));
    assert_eq!(written.and_then(|metric| metric.number()), Some(1.0));
}
