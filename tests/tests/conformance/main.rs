//! The same programs as in `tests/golden/conformance.jsonl`, whose topologies, results and changelogs must be those that
//! Kafka Streams 4.3.1 recorded there.
//!
//! Changelogs are compared after each step by the last record of each key, as the overlay writes each key once a
//! commit; everything else is compared record by record.

mod aggregates;
mod joins;
mod processors;
mod stateless;
mod tables;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use streams_core::record::Headers;
use streams_core::testing::RawTestRecord;
use streams_dsl::prelude::*;

/// Builds one case's program.
pub type Program = fn(&StreamsBuilder);

/// The case's name and its program.
pub type Case = (&'static str, Program);

/// A record as it is compared: key, value, timestamp, headers.
type Output = (Option<Bytes>, Option<Bytes>, i64, Vec<(String, Option<Bytes>)>);

/// What one step wrote to each topic.
type StepOutput = BTreeMap<String, Vec<Output>>;

fn golden() -> BTreeMap<String, Value> {
    let cases = include_str!("../../golden/conformance.jsonl").lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        (case["name"].as_str().unwrap().to_owned(), case)
    });
    cases.collect()
}

fn bytes_of_hex(hex: &Value) -> Option<Bytes> {
    let hex = hex.as_str()?;
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Some((0..hex.len()).step_by(2).map(digits).collect())
}

fn bytes_of_text(text: &Value) -> Option<Bytes> {
    text.as_str().map(|text| Bytes::copy_from_slice(text.as_bytes()))
}

fn headers(of: &Value) -> Vec<(String, Option<Bytes>)> {
    let pair = |header: &Value| (header[0].as_str().unwrap().to_owned(), bytes_of_hex(&header[1]));
    of.as_array().unwrap().iter().map(pair).collect()
}

fn run_step(driver: &TopologyTestDriver, step: &Value) {
    if let Some(by_ms) = step["advance_ms"].as_i64() {
        return driver.advance_wall_clock_time(by_ms).unwrap();
    }
    let mut with = Headers::new();
    headers(&step["headers"]).into_iter().for_each(|(name, value)| with.add(name, value));
    let record = RawTestRecord {
        partition: 0,
        offset: 0,
        key: bytes_of_text(&step["key"]),
        value: bytes_of_text(&step["value"]),
        timestamp: step["timestamp"].as_i64().unwrap(),
        headers: with,
    };
    driver.pipe_raw(step["topic"].as_str().unwrap(), &record).unwrap();
}

/// What the step has written. Every input topic is left out: some programs read what they write.
fn written(driver: &TopologyTestDriver, inputs: &BTreeSet<String>) -> StepOutput {
    let mut output = StepOutput::new();
    for topic in driver.produced_topic_names().unwrap() {
        if inputs.contains(&*topic) {
            continue;
        }
        let records = driver.read_raw(&topic).unwrap();
        let records: Vec<Output> = records
            .into_iter()
            .map(|record| {
                let headers = record.headers.iter().map(|h| (h.key.to_string(), h.value.clone())).collect();
                (record.key, record.value, record.timestamp, headers)
            })
            .collect();
        if !records.is_empty() {
            output.insert(topic.to_string(), records);
        }
    }
    output
}

fn expected(case: &Value, step: usize) -> StepOutput {
    let mut output = StepOutput::new();
    for record in case["output"].as_array().unwrap() {
        if record["step"].as_u64() != Some(step as u64) {
            continue;
        }
        let topic = record["topic"].as_str().unwrap().to_owned();
        let (key, value) = (bytes_of_hex(&record["key"]), bytes_of_hex(&record["value"]));
        let timestamp = record["timestamp"].as_i64().unwrap();
        output.entry(topic).or_default().push((key, value, timestamp, headers(&record["headers"])));
    }
    output
}

/// Keeps the last record of each key of changelogs, in the order of the keys.
fn compacted(mut output: StepOutput) -> StepOutput {
    for (topic, records) in &mut output {
        if topic.ends_with("-changelog") {
            let last: BTreeMap<_, _> = records.drain(..).map(|record| (record.0.clone(), record)).collect();
            records.extend(last.into_values());
        }
    }
    output
}

fn check(name: &str, program: Program, case: &Value) {
    let builder = StreamsBuilder::new();
    program(&builder);
    let topology = builder.build().unwrap();
    assert_eq!(topology.describe().to_string(), case["describe"].as_str().unwrap(), "{name}");

    let config = StreamsConfig::new("app", "embedded:").with_statestore_cache_max_bytes(0);
    let driver = TopologyTestDriver::new(topology, config).unwrap();
    let steps = case["input"].as_array().unwrap();
    let inputs = steps.iter().filter_map(|step| Some(step["topic"].as_str()?.to_owned())).collect();
    for (at, step) in steps.iter().enumerate() {
        run_step(&driver, step);
        let (ours, java) = (compacted(written(&driver, &inputs)), compacted(expected(case, at)));
        assert_eq!(ours, java, "{name}: step {at}, {step} (left: this library, right: Kafka Streams)");
    }
}

/// Runs every case; all that fail are named at the end.
fn check_all(cases: &[Case]) {
    let golden = golden();
    let failed: Vec<&str> = cases
        .iter()
        .filter(|(name, program)| {
            let case = golden.get(*name).unwrap_or_else(|| panic!("there is no golden case {name}"));
            std::panic::catch_unwind(|| check(name, *program, case)).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "{} of {} cases differ: {failed:?}", failed.len(), cases.len());
}

#[test]
fn stateless_operators_do_what_kafka_streams_does() {
    check_all(stateless::CASES);
}

#[test]
fn processors_do_what_kafka_streams_does() {
    check_all(processors::CASES);
}

#[test]
fn tables_do_what_kafka_streams_does() {
    check_all(tables::CASES);
}

#[test]
fn aggregations_do_what_kafka_streams_does() {
    check_all(aggregates::CASES);
}

#[test]
fn windows_do_what_kafka_streams_does() {
    check_all(windows::CASES);
}

#[test]
fn joins_do_what_kafka_streams_does() {
    check_all(joins::CASES);
}

/// Programs that cannot be written yet.
const MISSING: &[&str] = &["aggregate_to_null", "stream_stream_join_with_key", "stream_table_join_with_key"];

#[test]
fn every_recorded_case_is_run() {
    let suites =
        [stateless::CASES, processors::CASES, tables::CASES, aggregates::CASES, windows::CASES, joins::CASES];
    let run: BTreeSet<&str> = suites.into_iter().flatten().map(|(name, _)| *name).collect();
    let missing: Vec<String> = golden().into_keys().filter(|name| !run.contains(&**name)).collect();
    assert_eq!(missing, MISSING);
}
