//! User code may fail: a panic or an error of a closure goes to the processing exception handler with node, task and record.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use streams_core::error::{Error, Result};
use streams_core::partitioner::Partitions;
use streams_core::processor::DropReason;
use streams_core::processor::handlers::{ErrorContext, ProcessingExceptionHandler, Response};
use streams_core::serde::{FnSerde, SerdeError};
use streams_dsl::prelude::*;

fn number(text: &str) -> i64 {
    match text.parse() {
        Ok(number) => number,
        Err(_) => panic!("{text} is not a number"),
    }
}

fn driver(builder: StreamsBuilder, handler: &str) -> TopologyTestDriver {
    let config = StreamsConfig::new("test", "embedded:")
        .with("processing.exception.handler", handler)
        .and_then(|config| config.with("deserialization.exception.handler", handler))
        .and_then(|config| config.with("production.exception.handler", handler));
    TopologyTestDriver::new(builder.build().unwrap(), config.unwrap()).unwrap()
}

fn pipe(driver: &TopologyTestDriver, value: &str, timestamp: i64) -> Result<()> {
    driver.create_input_topic::<String, String>("in").pipe("k".to_owned(), value.to_owned(), timestamp)
}

fn out(driver: &TopologyTestDriver) -> Vec<i64> {
    driver.create_output_topic::<String, i64>("out").read_values().unwrap()
}

#[test]
fn a_panic_of_a_closure_is_an_error_that_names_node_and_record() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|text| number(&text)).to("out");
    let failing = driver(builder, "LogAndFail");
    pipe(&failing, "1", 0).unwrap();
    let error = pipe(&failing, "x", 1).unwrap_err();
    let text = error.to_string();
    for part in ["KSTREAM-MAPVALUES-0000000001", "task 0_0", "in-0 offset 1", "panicked: x is not a number"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    assert!(matches!(error, Error::Processing { .. }), "{error:?}");
}

#[test]
fn a_handler_that_continues_leaves_out_just_that_record() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").map_values(|text| number(&text)).to("out");
    let driver = driver(builder, "LogAndContinue");
    for (time, text) in (0..).zip(["1", "x", "3"]) {
        pipe(&driver, text, time).unwrap();
    }
    assert_eq!(out(&driver), [1, 3]);
    assert_eq!((driver.dropped_records(), driver.dropped().of(DropReason::Processing)), (1, 1));
}

/// In Java an exception is caught at the node that throws it: its parents and siblings continue.
#[test]
fn the_other_branches_and_the_rest_of_a_list_go_on() {
    let builder = StreamsBuilder::new();
    let words = builder
        .stream::<String, String>("in")
        .flat_map_values(|text| text.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.map_values(|text| number(&text)).to("out");
    words.map_values(|text| i64::try_from(text.len()).unwrap()).to("lengths");
    let driver = driver(builder, "LogAndContinue");
    pipe(&driver, "1 xx 3", 0).unwrap();
    assert_eq!(out(&driver), [1, 3]);
    let lengths = driver.create_output_topic::<String, i64>("lengths");
    assert_eq!(lengths.read_values().unwrap(), [1, 2, 1]);
}

/// The store is borrowed while the aggregator runs; the task must be able to use it afterwards, and the row must be the one
/// from before.
#[test]
fn a_panic_in_an_aggregator_leaves_its_store_usable() {
    for cache in [0, 1 << 20] {
        let builder = StreamsBuilder::new();
        builder
            .stream::<String, String>("in")
            .group_by_key()
            .aggregate_with(|| 0, |_, text, sum| sum + number(&text), Materialized::named("sums"))
            .to_stream()
            .to("out");
        let config = StreamsConfig::new("test", "embedded:")
            .with("processing.exception.handler", "LogAndContinue")
            .and_then(|config| config.with("statestore.cache.max.bytes", cache));
        let driver = TopologyTestDriver::new(builder.build().unwrap(), config.unwrap()).unwrap();
        for (time, text) in (0..).zip(["1", "x", "3"]) {
            pipe(&driver, text, time).unwrap();
        }
        assert_eq!(out(&driver), [1, 4], "cache of {cache} bytes");
        driver.restart().unwrap();
        pipe(&driver, "5", 9).unwrap();
        assert_eq!(out(&driver), [9]);
    }
}

/// Panics once for each `x`, while one of its stores is read.
struct Reader(KeyValueStore<String, i64>);

impl Processor<String, String, String, i64> for Reader {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        let store = &self.0;
        let before = store.get(&record.key)?.unwrap_or(0);
        store.put(&record.key, Some(before + 1))?;
        store.get_with(&record.key, |_| assert_ne!(record.value, "x", "within a read"))?;
        context.forward(record.with_value(before + 1))
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        time: Timestamp,
        _: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        assert_ne!(time, 20, "at twenty");
        Ok(())
    }
}

fn reading() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    builder.add_state_store(Stores::key_value_store::<String, i64>("seen"));
    let reader = |task: &mut InitContext<'_>| {
        task.schedule(millis(10), PunctuationType::StreamTime)?;
        Ok(Reader(task.state_store("seen")?))
    };
    builder.stream::<String, String>("in").process(reader, &["seen"]).to("out");
    builder
}

#[test]
fn a_store_that_is_borrowed_during_a_panic_can_be_used_again() {
    let driver = driver(reading(), "LogAndContinue");
    for (time, text) in (0..).zip(["a", "x", "b"]) {
        pipe(&driver, text, time).unwrap();
    }
    // What was put before the panic stays, as with an exception in Java.
    assert_eq!(out(&driver), [1, 3]);
}

#[test]
fn a_panic_of_a_punctuation_goes_to_the_handler_too() {
    let continuing = driver(reading(), "LogAndContinue");
    for time in [5, 20, 31] {
        pipe(&continuing, "a", time).unwrap();
    }
    assert_eq!((out(&continuing), continuing.dropped_records()), (vec![1, 2, 3], 1));
    let failing = driver(reading(), "LogAndFail");
    pipe(&failing, "a", 5).unwrap();
    let text = pipe(&failing, "a", 20).unwrap_err().to_string();
    assert!(text.contains("(punctuation)") && text.contains("at twenty"), "{text}");
}

#[test]
fn a_panic_in_a_supplier_names_the_node() {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .process(|_| -> ProcessorResult<Reader> { panic!("no connection") }, &[])
        .to("out");
    let started = TopologyTestDriver::of(builder.build().unwrap());
    let text = started.err().unwrap().to_string();
    assert!(text.contains("KSTREAM-PROCESSOR-0000000001") && text.contains("no connection"), "{text}");
}

fn fussy() -> SerdeRef<String> {
    let write = |text: &String, out: &mut Vec<u8>| {
        assert_ne!(text, "unwritable");
        out.extend_from_slice(text.as_bytes());
        Ok(())
    };
    let read = |bytes: &[u8]| {
        assert_ne!(bytes, b"unreadable");
        String::from_utf8(bytes.to_vec()).map_err(|error| SerdeError::invalid(error.to_string()))
    };
    Arc::new(FnSerde::new(write, read))
}

#[test]
fn serdes_that_panic_refuse_the_record() {
    let fussy_copy = || {
        let builder = StreamsBuilder::new();
        let read = Consumed::with(String::default_serde(), fussy());
        let write = Produced::with(String::default_serde(), fussy());
        builder.stream_with("in", read).to_with("out", write);
        builder
    };
    let continuing = driver(fussy_copy(), "LogAndContinue");
    for (time, text) in (0..).zip(["a", "unreadable", "unwritable", "b"]) {
        pipe(&continuing, text, time).unwrap();
    }
    let out = continuing.create_output_topic::<String, String>("out");
    assert_eq!(out.read_values().unwrap(), ["a", "b"]);
    let dropped = continuing.dropped();
    assert_eq!((dropped.of(DropReason::Deserialization), dropped.of(DropReason::Serialization)), (1, 1));
    let failing = driver(fussy_copy(), "LogAndFail");
    let text = pipe(&failing, "unreadable", 0).unwrap_err().to_string();
    assert!(text.contains("in-0 offset 0") && text.contains("panicked"), "{text}");
}

#[test]
fn partitioners_topic_names_and_extractors_that_panic_are_caught() {
    let builder = StreamsBuilder::new();
    let time = |_: &String, text: &String, timestamp: i64| {
        assert_ne!(text, "timeless");
        timestamp
    };
    let partitioner = |_: &str, _: &String, text: &String, _: i32| {
        assert_ne!(text, "nowhere");
        if text == "left out" { Partitions::Drop } else { Partitions::Default }
    };
    let input = builder.stream_with(
        "in",
        Consumed::default()
            .with_timestamp_extractor(streams_core::processor::timestamp_extractor::ExtractWith(time)),
    );
    input.to_with("out", Produced::default().with_stream_partitioner(partitioner));
    input.to_dynamic(|_: &String, text: &String, _: Option<&RecordMetadata>| {
        assert_ne!(text, "nameless");
        "other".into()
    });
    let driver = driver(builder, "LogAndContinue");
    driver.create_topic("other").unwrap();
    for (time, text) in (0..).zip(["a", "timeless", "nowhere", "left out", "nameless", "b"]) {
        pipe(&driver, text, time).unwrap();
    }
    let read = |topic| driver.create_output_topic::<String, String>(topic).read_values().unwrap();
    assert_eq!(read("out"), ["a", "nameless", "b"]);
    assert_eq!(read("other"), ["a", "nowhere", "left out", "b"]);
    let dropped = driver.dropped();
    assert_eq!((dropped.of(DropReason::Processing), dropped.of(DropReason::Partitioner)), (3, 1));
}

/// Forwards each record to the child that its value names.
struct Router;

impl Processor<String, String, String, String> for Router {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        if record.value == "never" {
            context.schedule(millis(0), PunctuationType::StreamTime)?;
        }
        match record.value.strip_prefix("to ").map(str::to_owned) {
            Some(child) => context.forward_to(&child, record),
            None => context.forward(record),
        }
    }
}

/// Before: such an error ended the application, although the handler was to continue.
#[test]
fn what_a_record_asks_for_and_is_not_there_goes_to_the_handler() {
    let program = || {
        let builder = StreamsBuilder::new();
        let partitioner = |_: &str, _: &String, text: &String, _: i32| match text.as_str() {
            "far" => Partitions::One(99),
            "half" => Partitions::from(vec![0, 99]),
            "twice" => Partitions::from(vec![0, 0]),
            "refused" => Partitions::Refuse("no place"),
            _ => Partitions::Default,
        };
        let routed = builder.stream::<String, String>("in").process(|_| Ok(Router), &[]);
        routed.to_with("out", Produced::default().with_stream_partitioner(partitioner));
        builder
    };
    let continuing = driver(program(), "LogAndContinue");
    let values = ["a", "to nobody", "far", "half", "refused", "never", "twice", "b"];
    for (time, text) in (0..).zip(values) {
        pipe(&continuing, text, time).unwrap();
    }
    let out = continuing.create_output_topic::<String, String>("out");
    assert_eq!(out.read_values().unwrap(), ["a", "twice", "b"]);
    assert_eq!(continuing.dropped().of(DropReason::Processing), 5);
    for (text, said) in [("to nobody", "no child node 'nobody'"), ("far", "chose partition 99")] {
        let error = pipe(&driver(program(), "LogAndFail"), text, 0).unwrap_err().to_string();
        assert!(error.contains(said) && error.contains("in-0 offset 0"), "{error}");
    }
}

/// Panics when it is dropped.
struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        panic!("a bug in a drop");
    }
}

impl Processor<String, String, String, String> for Dropped {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

/// Before: the drop of the second one ended the process.
#[test]
fn processors_whose_drops_panic_end_no_process() {
    let builder = StreamsBuilder::new();
    let once = builder.stream::<String, String>("in").process(|_| Ok(Dropped), &[]);
    once.process(|_| Ok(Dropped), &[]).to("out");
    let ending = driver(builder, "LogAndFail");
    pipe(&ending, "a", 0).unwrap();
    assert_eq!(ending.create_output_topic::<String, String>("out").read_values().unwrap(), ["a"]);
    drop(ending);
}

/// Forwards each record at the time that its value says.
struct At;

impl Processor<String, String, String, String> for At {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let time = number(&record.value);
        context.forward(record.with_timestamp(time))
    }
}

#[test]
fn a_negative_time_is_refused_where_it_is_forwarded() {
    let timed = || {
        let builder = StreamsBuilder::new();
        let timed = builder.stream::<String, String>("in").process(|_| Ok(At), &[]);
        timed.to("out");
        timed
            .group_by_key()
            .windowed_by(TimeWindows::of_size_with_no_grace(millis(10)))
            .count()
            .to_stream()
            .to("counts");
        timed.group_by(|_, value| value.clone()).count().to_stream().to("totals");
        builder
    };
    let failing = driver(timed(), "LogAndFail");
    let text = pipe(&failing, "-5", 3).unwrap_err().to_string();
    for part in ["KSTREAM-PROCESSOR-0000000001", "in-0 offset 0", "negative timestamp -5"] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    let driver = driver(timed(), "LogAndContinue");
    for (time, text) in (0..).zip(["1", "-5", "3"]) {
        pipe(&driver, text, time).unwrap();
    }
    let topics = driver.produced_topic_names().unwrap();
    for topic in &topics {
        let times: Vec<_> = driver.read_raw(topic).unwrap().iter().map(|record| record.timestamp).collect();
        assert!(times.iter().all(|time| *time >= 0), "{topic}: {times:?}");
    }
    assert!(topics.len() >= 4, "{topics:?}");
    assert_eq!((driver.dropped_records(), driver.dropped().of(DropReason::Processing)), (1, 1));
}

/// Takes notes, and panics when it is asked about `y`.
struct Notes(Arc<Mutex<Vec<String>>>);

impl ProcessingExceptionHandler for Notes {
    fn handle(&self, context: &ErrorContext<'_>, error: &streams_core::error::UserError) -> Response {
        let text = format!("{} {:?} {error}", context.node, context.offset);
        self.0.lock().unwrap().push(text.clone());
        assert!(!text.contains("y is not a number"), "a broken handler");
        Response::resume()
    }
}

#[test]
fn a_handler_is_asked_once_and_its_own_panic_stops_the_application() {
    let builder = StreamsBuilder::new();
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    builder
        .stream::<String, String>("in")
        .peek(move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .map_values(|text| number(&text))
        .to("out");
    let notes = Arc::new(Mutex::new(Vec::new()));
    let config = StreamsConfig::new("test", "embedded:");
    let driver = TopologyTestDriver::builder(builder.build().unwrap(), config)
        .with_processing_handler(Notes(Arc::clone(&notes)))
        .build()
        .unwrap();
    pipe(&driver, "x", 0).unwrap();
    let text = pipe(&driver, "y", 1).unwrap_err().to_string();
    assert!(
        text.contains("processing exception handler panicked") && text.contains("a broken handler"),
        "{text}"
    );
    assert!(text.contains("KSTREAM-MAPVALUES-0000000002") && text.contains("in-0 offset 1"), "{text}");
    let asked = notes.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "KSTREAM-MAPVALUES-0000000002 Some(0) panicked: x is not a number",
            "KSTREAM-MAPVALUES-0000000002 Some(1) panicked: y is not a number",
        ]
    );
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}
