//! Runs a case's program on its recorded input, and compares with what Kafka Streams wrote.
//!
//! The text of `describe()` is compared exactly. So is what each step writes to each topic, in order: key, value,
//! timestamp and headers. Changelogs are brought to the same form on both sides before, as `tests::checks::changelogs`
//! says.

use std::collections::BTreeMap;

use bytes::Bytes;
use kstreams::prelude::*;
use serde_json::Value;
use streams_core::record::Headers;
use streams_core::testing::RawTestRecord;
use tests::checks::changelogs::{Changelogs, StepOutput, Written};

use crate::{Case, Program};

/// How long the stores of the recorded joins keep records, at most: the window and 5 ms of grace.
const JOIN_RETENTION_MS: i64 = 25;

/// The recorded cases by name.
pub fn golden() -> BTreeMap<String, Value> {
    let cases = include_str!("../../golden/conformance.jsonl").lines().map(|line| {
        let case: Value = serde_json::from_str(line).unwrap();
        (case["name"].as_str().unwrap().to_owned(), case)
    });
    cases.collect()
}

/// Bytes that are written in hexadecimal, or null.
pub fn bytes_of_hex(hex: &Value) -> Option<Bytes> {
    let hex = hex.as_str()?;
    let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Some((0..hex.len()).step_by(2).map(digits).collect())
}

fn bytes_of_text(text: &Value) -> Option<Bytes> {
    text.as_str().map(|text| Bytes::copy_from_slice(text.as_bytes()))
}

pub fn headers(of: &Value) -> Vec<(String, Option<Bytes>)> {
    let pair = |header: &Value| (header[0].as_str().unwrap().to_owned(), bytes_of_hex(&header[1]));
    of.as_array().unwrap().iter().map(pair).collect()
}

fn run_step(driver: &TopologyTestDriver, step: &Value) {
    if let Some(by_ms) = step["advance_ms"].as_u64() {
        return driver.advance_wall_clock_time(millis(by_ms)).unwrap();
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

/// What this library has written in a step.
fn written(driver: &TopologyTestDriver) -> StepOutput {
    let mut output = StepOutput::new();
    for topic in driver.produced_topic_names().unwrap() {
        for record in driver.read_raw(&topic).unwrap() {
            let headers = record.headers.iter().map(|h| (h.key.to_string(), h.value.clone())).collect();
            let RawTestRecord { key, value, timestamp, .. } = record;
            output.entry(topic.to_string()).or_default().push(Written { key, value, timestamp, headers });
        }
    }
    output
}

/// What Kafka Streams has written in a step, at that time of the wall clock.
fn recorded(case: &Value, step: usize, now: i64) -> StepOutput {
    let mut output = StepOutput::new();
    for record in case["output"].as_array().unwrap() {
        if record["step"].as_u64() != Some(step as u64) {
            continue;
        }
        let topic = record["topic"].as_str().unwrap().to_owned();
        let (key, value) = (bytes_of_hex(&record["key"]), bytes_of_hex(&record["value"]));
        let timestamp = record["timestamp"].as_i64().unwrap_or(now);
        let headers = headers(&record["headers"]);
        output.entry(topic).or_default().push(Written { key, value, timestamp, headers });
    }
    output
}

/// The settings of all cases, and the case's own.
fn config(case: &Value) -> StreamsConfig {
    let mut config = StreamsConfig::new("app", "embedded:").with_statestore_cache_max_bytes(0);
    // At least once, so that no transaction markers take offsets up: Kafka's driver has none, and buffers log offsets.
    config.set("processing.guarantee", "at_least_once").unwrap();
    config.set("__emit.interval.ms.kstreams.windowed.aggregation__", "1000").unwrap();
    for (key, value) in case["config"].as_object().into_iter().flatten() {
        config.set(key, value.as_str().unwrap()).unwrap();
    }
    config
}

fn check(name: &str, program: Program, case: &Value) {
    let builder = StreamsBuilder::new();
    program(&builder);
    let config = config(case);
    let topology = builder.build_with(config.topology_optimization()).unwrap();
    assert_eq!(topology.describe().to_string(), case["describe"].as_str().unwrap(), "{name}");

    let driver = TopologyTestDriver::new(topology, config).unwrap();
    for record in case["output"].as_array().unwrap() {
        // A topic that only a topic-name extractor names must exist before.
        let topic = record["topic"].as_str().unwrap();
        if !topic.starts_with("app-") {
            driver.create_topic(topic).unwrap();
        }
    }
    let mut stream_time = 0;
    let mut changelogs = Changelogs::new(JOIN_RETENTION_MS);
    for (at, step) in case["input"].as_array().unwrap().iter().enumerate() {
        run_step(&driver, step);
        stream_time = stream_time.max(step["timestamp"].as_i64().unwrap_or(0));
        let (ours, java) = (written(&driver), recorded(case, at, driver.now_ms()));
        let (ours, java) = changelogs.normalised(ours, java, stream_time);
        assert_eq!(ours, java, "{name}: step {at}, {step} (left: this library, right: Kafka Streams)");
    }
}

/// Runs every case; all that fail are named at the end.
pub fn check_all(cases: &[Case]) {
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

/// Builds every case with explicit names demanded. Java's message comes first in ours.
pub fn check_names(families: &[&[Case]]) {
    let golden = golden();
    for (name, program) in families.iter().copied().flatten() {
        let builder = StreamsBuilder::new();
        program(&builder);
        let optimization = config(&golden[*name]).topology_optimization();
        let options = TopologySettings::new().with_optimization(optimization).with_explicit_names();
        let refused = builder.build_with(options).err().map(|error| error.to_string());
        match (golden[*name]["unnamed"].as_str(), refused) {
            (None, None) => {}
            (Some(java), Some(ours)) if ours.starts_with(java) => {}
            (java, ours) => panic!("{name}: this library: {ours:?}, Kafka Streams: {java:?}"),
        }
    }
}
