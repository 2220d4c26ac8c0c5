//! What a serde refuses to write is the error of its record, with node, store or topic, key and source: in a store it is the
//! processing handler's, at a sink or a repartition topic the production handler's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use streams_core::error::{Error, TransportError};
use streams_core::processor::DropReason;
use streams_core::processor::handlers::{
    DeserializationExceptionHandler, ErrorContext, ProducerRecord, ProductionExceptionHandler, Response,
};
use streams_core::serde::{FnSerde, SerdeError};
use streams_core::store::KeyValueStoreBuilder;
use streams_core::testing::CommitPolicy;
use streams_dsl::prelude::*;

/// A serde that refuses 13, in every way there is for a value.
fn fussy() -> SerdeRef<i64> {
    let write = |value: &i64, out: &mut Vec<u8>| {
        out.extend_from_slice(&value.to_be_bytes());
        if *value == 13 { Err(SerdeError::invalid("thirteen is unlucky")) } else { Ok(()) }
    };
    let read = |bytes: &[u8]| match bytes.try_into() {
        Ok(bytes) => Ok(i64::from_be_bytes(bytes)),
        Err(_) => Err(SerdeError::invalid("no eight bytes")),
    };
    Arc::new(FnSerde::new(write, read))
}

fn text() -> SerdeRef<String> {
    String::default_serde()
}

fn config(handler: &str) -> StreamsConfig {
    StreamsConfig::new("test", "embedded:")
        .with("processing.exception.handler", handler)
        .and_then(|config| config.with("production.exception.handler", handler))
        .unwrap()
}

/// Keeps the value of each key, and gives out what was there before.
struct Keep(KeyValueStore<String, i64>);

impl Processor<String, i64, String, i64> for Keep {
    fn process(
        &mut self,
        record: Record<String, i64>,
        _: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        Ok(self.0.put(&record.key, Some(record.value))?)
    }
}

type Program = fn(&StreamsBuilder);

fn rows() -> Materialized<String, i64> {
    Materialized::named("rows").with_value_serde(fussy())
}

fn latest(_: &String, value: i64, _: i64) -> i64 {
    value
}

/// Each kind of store, filled by each kind of operator that fills one, and the node that does.
const PROGRAMS: &[(&str, Program)] = &[
    ("KSTREAM-PROCESSOR-", |builder| {
        builder.add_state_store(KeyValueStoreBuilder::new("rows", text(), fussy()));
        builder.stream::<String, i64>("in").process(|task| Ok(Keep(task.state_store("rows")?)), &["rows"]);
    }),
    ("KSTREAM-AGGREGATE-", |builder| {
        builder.stream::<String, i64>("in").group_by_key().aggregate_with(|| 0, latest, rows());
    }),
    ("KSTREAM-AGGREGATE-", |builder| {
        let uncached = rows().with_caching_disabled();
        builder.stream::<String, i64>("in").group_by_key().aggregate_with(|| 0, latest, uncached);
    }),
    ("KSTREAM-AGGREGATE-", |builder| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(windows).aggregate_with(|| 0, latest, rows());
    }),
    ("KSTREAM-AGGREGATE-", |builder| {
        let windows = SlidingWindows::of_time_difference_with_no_grace(millis(10));
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(windows).aggregate_with(|| 0, latest, rows());
    }),
    ("KSTREAM-AGGREGATE-", |builder| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(millis(1));
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(windows).aggregate_with(|| 0, latest, |_, one, other| one.max(other), rows());
    }),
    ("KTABLE-SOURCE-", |builder| {
        // As in Kafka Streams, a table is kept by the serdes with which it is read.
        builder.table_with("in", Consumed::with(text(), fussy()), rows());
    }),
    ("KTABLE-SOURCE-", |builder| {
        let history = Stores::persistent_versioned_key_value_store("rows", minutes(1));
        builder.table_with("in", Consumed::with(text(), fussy()), Materialized::as_store(history));
    }),
    ("KSTREAM-WINDOWED-", |builder| {
        let (left, right) = (builder.stream::<String, i64>("in"), builder.stream::<String, i64>("other"));
        let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(0));
        let joined = StreamJoined::with(text(), fussy(), i64::default_serde()).with_store_name("rows");
        left.join_stream_with(&right, |left, right| left + right, windows, joined);
    }),
    ("KSTREAM-OUTERTHIS-", |builder| {
        let (left, right) = (builder.stream::<String, i64>("in"), builder.stream::<String, i64>("other"));
        let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(0));
        let joined = StreamJoined::with(text(), fussy(), i64::default_serde()).with_store_name("rows");
        left.outer_join_stream_with(&right, |left, right| left.or(right).unwrap_or(0), windows, joined);
    }),
];

fn built(program: Program) -> Topology {
    let builder = StreamsBuilder::new();
    program(&builder);
    builder.build().unwrap()
}

/// Showed before: the application ended at the commit, with neither node nor key nor record, and no handler was asked.
#[test]
fn a_value_that_a_store_cannot_write_is_the_error_of_its_record() {
    for (number, (node, program)) in PROGRAMS.iter().enumerate() {
        for policy in [CommitPolicy::EveryRecord, CommitPolicy::OnDemand] {
            let builder = TopologyTestDriver::builder(built(*program), config("LogAndContinue"));
            let driver = builder.with_commit_policy(policy).build().unwrap();
            let input = driver.create_input_topic::<String, i64>("in");
            for (time, value) in [(0, 1), (5, 13), (20, 2)] {
                input.pipe("alice".to_owned(), value, time).unwrap();
            }
            driver.commit().unwrap();
            assert!(driver.dropped().of(DropReason::Processing) >= 1, "{number}: {:?}", driver.dropped());
            driver.restart().unwrap();
            input.pipe("alice".to_owned(), 3, 40).unwrap();
            driver.commit().unwrap();
        }
        let driver = TopologyTestDriver::new(built(*program), config("LogAndFail")).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        input.pipe("alice".to_owned(), 1, 0).unwrap();
        let error = input.pipe("alice".to_owned(), 13, 5).unwrap_err();
        assert!(matches!(error, Error::Processing { .. }), "{number}: {error}");
        let said = error.to_string();
        let parts = [
            *node,
            "task 0_0",
            "in-0 offset 1",
            "cannot serialize the value of key",
            "for store rows",
            "unlucky",
        ];
        for part in parts {
            assert!(said.contains(part), "{number}: {said} lacks {part}");
        }
        // As text, or in hexadecimal where a window's time follows it.
        assert!(said.contains("alice") || said.contains("616c696365"), "{number}: {said}");
    }
}

/// What JSON cannot write, though Rust can make it: maps with keys that are not text.
#[test]
fn json_that_cannot_be_written_is_named() {
    type Pairs = Json<BTreeMap<(i64, i64), i64>>;
    let topology = || {
        let builder = StreamsBuilder::new();
        let add = |_: &String, value: i64, mut pairs: Pairs| {
            // The first record leaves the map empty, which can be written.
            pairs.0.extend((value > 0).then_some(((value, value), value)));
            pairs
        };
        let rows = Materialized::<String, Pairs>::named("rows");
        builder.stream::<String, i64>("in").group_by_key().aggregate_with(Pairs::default, add, rows);
        builder.build().unwrap()
    };
    let driver = TopologyTestDriver::new(topology(), config("LogAndFail")).unwrap();
    let input = driver.create_input_topic::<String, i64>("in");
    input.pipe("alice".to_owned(), 0, 0).unwrap();
    let said = input.pipe("alice".to_owned(), 7, 1).unwrap_err().to_string();
    for part in ["KSTREAM-AGGREGATE-", "\"alice\"", "store rows", "in-0 offset 1", "key must be a string"] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
    let driver = TopologyTestDriver::new(topology(), config("LogAndContinue")).unwrap();
    let input = driver.create_input_topic::<String, i64>("in");
    input.pipe_key_values([("alice".to_owned(), 7), ("alice".to_owned(), 0)], 0, millis(1)).unwrap();
    assert_eq!(driver.dropped().of(DropReason::Processing), 1);
}

/// As in Kafka Streams, the handler may leave out records for repartition topics too.
#[test]
fn what_a_sink_or_a_repartition_topic_cannot_write_is_the_production_handlers() {
    let sink: Program = |builder| {
        builder.stream::<String, i64>("in").to_with("out", Produced::with(text(), fussy()));
    };
    let repartition: Program = |builder| {
        let through = Repartitioned::named("moved").with_value_serde(fussy());
        builder.stream::<String, i64>("in").repartition_with(through).to("out");
    };
    let keys: Program = |builder| {
        let stream = builder.stream::<String, i64>("in").map(|key, value| (value, key));
        stream.map_values(|_| 1_i64).to_with("out", Produced::with(fussy(), i64::default_serde()));
    };
    for (program, part, topic) in [
        (sink, "the value", "topic out"),
        (repartition, "the value", "topic test-moved-repartition"),
        (keys, "the key", "topic out"),
    ] {
        let driver = TopologyTestDriver::new(built(program), config("LogAndContinue")).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        let values = [1, 13, 2].map(|value| ("alice".to_owned(), value));
        input.pipe_key_values(values.clone(), 0, millis(1)).unwrap();
        assert_eq!(driver.read_raw("out").unwrap().len(), 2, "{topic}");
        assert_eq!(driver.dropped().of(DropReason::Serialization), 1, "{topic}");

        let driver = TopologyTestDriver::new(built(program), config("LogAndFail")).unwrap();
        let input = driver.create_input_topic::<String, i64>("in");
        let error = input.pipe_key_values(values, 0, millis(1)).unwrap_err();
        assert!(matches!(error, Error::Serialization { .. }), "{error}");
        let said = error.to_string();
        for part in [
            "task 0_0",
            "cannot serialize",
            part,
            topic,
            "in-0 offset 1",
            "\"alice\"",
            "unlucky",
            "LogAndContinue",
        ] {
            assert!(said.contains(part), "{said} lacks {part}");
        }
    }
}

/// The test reads, so the error is about reading.
#[test]
fn a_test_that_reads_another_type_is_told_so() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    driver.create_input_topic::<String, String>("in").pipe("k".to_owned(), "text".to_owned(), 0).unwrap();
    let said = driver.create_output_topic::<String, i64>("out").read_values().unwrap_err().to_string();
    assert!(
        said.starts_with("cannot deserialize the value of the record at out-0 offset 0: i64 is 8 bytes"),
        "{said}"
    );
    let unlucky = driver.create_input_topic_with("in", text(), fussy()).pipe("k".to_owned(), 13, 1);
    let said = unlucky.unwrap_err().to_string();
    assert!(said.starts_with("cannot serialize the value of a record for topic in: thirteen"), "{said}");
}

/// Handlers of a program's own, which note what they are asked about and leave it out.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn note(&self, context: &ErrorContext<'_>, part: &str) -> Response {
        self.0.lock().unwrap().push(format!("{part} at {}", context.node));
        Response::resume()
    }
}

impl DeserializationExceptionHandler for Notes {
    fn handle(&self, context: &ErrorContext<'_>, part: &'static str, _: &SerdeError) -> Response {
        self.note(context, part)
    }
}

impl ProductionExceptionHandler for Notes {
    fn handle(&self, context: &ErrorContext<'_>, _: &ProducerRecord<'_>, _: &TransportError) -> Response {
        self.note(context, "record")
    }

    fn handle_serialization_error(
        &self,
        context: &ErrorContext<'_>,
        _: &str,
        part: &'static str,
        _: &SerdeError,
    ) -> Response {
        self.note(context, part)
    }
}

#[test]
fn handlers_of_the_program_are_asked_instead_of_those_of_the_settings() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").to_with("out", Produced::with(text(), fussy()));
    let notes = Notes::default();
    let driver = TopologyTestDriver::builder(builder.build().unwrap(), config("LogAndFail"))
        .with_deserialization_handler(notes.clone())
        .with_production_handler(notes.clone())
        .build()
        .unwrap();
    let unreadable = driver.create_input_topic::<String, String>("in");
    unreadable.pipe("k".to_owned(), "no eight bytes".to_owned(), 0).unwrap();
    let numbers = driver.create_input_topic::<String, i64>("in");
    for (value, time) in [(12, 1), (13, 2), (14, 3)] {
        numbers.pipe("k".to_owned(), value, time).unwrap();
    }
    assert_eq!(driver.create_output_topic::<String, i64>("out").read_values().unwrap(), [12, 14]);
    let asked = notes.0.lock().unwrap().clone();
    assert_eq!(asked, ["value at KSTREAM-SOURCE-0000000000", "value at KSTREAM-SINK-0000000001"]);
}
