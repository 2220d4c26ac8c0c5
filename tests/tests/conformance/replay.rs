//! Runs a case's program on its recorded input, and compares with what Kafka Streams wrote.
//!
//! The text of `describe()` is compared exactly. So is what each step writes to each topic, in order: key, value,
//! timestamp and headers. Changelogs are brought to the same form on both sides before:
//!
//! 1. Of a key's records in one step the last one stays, in its place: each step is one commit here, and a commit
//!    writes each key once, in the order of last updates.
//! 2. In the changelogs of a stream-stream join, nulls are left out: Kafka Streams writes a tombstone there for a
//!    record with a null value, but under a sequence number of its own, so that it deletes what never was there.
//! 3. In the changelogs of suppression, records of one step are sorted by key: Kafka Streams logs them in the order of
//!    its hash table. They have no timestamp there; here they have the wall clock's, which the producer would give them.
//! 4. In the changelogs of joins, records that are too late for the store itself are left out: Kafka Streams logs them, the
//!    store drops them, live and restoring.
//! 5. In the changelog of what waits for a partner in an outer join, the tombstone of a key is left out if its first value
//!    came in the same step: what comes and goes between two commits leaves no trace here.
//! 6. In changelogs, tombstones of rows that do not exist are left out: where the store knows that
//!    there is no row, it logs nothing (as Kafka Streams' cache does); a reader sees the same table.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use streams_core::record::Headers;
use streams_core::testing::RawTestRecord;
use streams_dsl::options::BuildOptions;
use streams_dsl::prelude::*;

use crate::{Case, Program};

/// The time that one segment of a window store covers, if its retention is short.
const SEGMENT_MS: i64 = 60_000;

/// How long the stores of the recorded joins keep records, at most: the window and 5 ms of grace.
const JOIN_RETENTION_MS: i64 = 25;

/// A record as it is compared: key, value, timestamp, headers.
type Output = (Option<Bytes>, Option<Bytes>, i64, Vec<(String, Option<Bytes>)>);

/// What one step wrote to each topic.
type StepOutput = BTreeMap<String, Vec<Output>>;

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

/// What this library has written in a step.
fn written(driver: &TopologyTestDriver) -> StepOutput {
    let mut output = StepOutput::new();
    for topic in driver.produced_topic_names().unwrap() {
        for record in driver.read_raw(&topic).unwrap() {
            let headers = record.headers.iter().map(|h| (h.key.to_string(), h.value.clone())).collect();
            let record = (record.key, record.value, record.timestamp, headers);
            output.entry(topic.to_string()).or_default().push(record);
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
        output.entry(topic).or_default().push((key, value, timestamp, headers(&record["headers"])));
    }
    output
}

fn is_join_changelog(topic: &str) -> bool {
    let parts = [
        "-KSTREAM-JOINTHIS-",
        "-KSTREAM-JOINOTHER-",
        "-KSTREAM-OUTERTHIS-",
        "-KSTREAM-OUTEROTHER-",
        "-this-join-store-",
        "-other-join-store-",
        "-this-win-changelog",
        "-other-win-changelog",
    ];
    topic.ends_with("-changelog") && parts.iter().any(|part| topic.contains(part))
}

/// Whether a record of what waits for a partner is a list of one value: the first of its key.
fn is_first_waiting(topic: &str, record: &Output) -> bool {
    let waiting = topic.contains("-KSTREAM-OUTERSHARED-") || topic.ends_with("-shared-join-store-changelog");
    waiting && record.1.as_ref().is_some_and(|list| list.starts_with(&[1, 0, 0, 0, 1]))
}

fn is_buffer_changelog(topic: &str) -> bool {
    let parts = ["-KTABLE-SUPPRESS-", "-final-store-", "-later-store-"];
    topic.ends_with("-changelog") && parts.iter().any(|part| topic.contains(part))
}

/// The keys that each changelog has, as far as it was read.

/// Changelogs as the module says, when the largest timestamp so far is `stream_time`.
fn normalised(mut output: StepOutput, stream_time: i64) -> StepOutput {
    let first_segment = (stream_time - JOIN_RETENTION_MS).max(0) / SEGMENT_MS;
    for (topic, records) in &mut output {
        if topic.ends_with("-changelog") {
            let all = std::mem::take(records);
            let is_last = |at: usize| all[at + 1..].iter().all(|later| later.0 != all[at].0);
            let came = |at: usize| all[..at].iter().any(|r| r.0 == all[at].0 && is_first_waiting(topic, r));
            let is_trace = |at: &usize| is_last(*at) && !(all[*at].1.is_none() && came(*at));
            *records = (0..all.len()).filter(is_trace).map(|at| all[at].clone()).collect();
        }
        if is_buffer_changelog(topic) {
            records.sort();
        }
        if is_join_changelog(topic) {
            records.retain(|(_, value, timestamp, _)| {
                value.is_some() && timestamp / SEGMENT_MS >= first_segment
            });
        }
    }
    output.retain(|_, records| !records.is_empty());
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

/// Leaves out tombstones of rows that do not exist, in changelogs; `rows` are those that do.
fn without_empty_tombstones(output: &mut StepOutput, rows: &mut BTreeSet<(String, Option<Bytes>)>) {
    for (topic, records) in output.iter_mut().filter(|(topic, _)| topic.ends_with("-changelog")) {
        records.retain(|(key, value, ..)| {
            let row = (topic.clone(), key.clone());
            if value.is_some() {
                rows.insert(row);
                return true;
            }
            rows.remove(&row)
        });
    }
    output.retain(|_, records| !records.is_empty());
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
    let (mut our_rows, mut java_rows) = (BTreeSet::new(), BTreeSet::new());
    for (at, step) in case["input"].as_array().unwrap().iter().enumerate() {
        run_step(&driver, step);
        stream_time = stream_time.max(step["timestamp"].as_i64().unwrap_or(0));
        let mut ours = normalised(written(&driver), stream_time);
        let mut java = normalised(recorded(case, at, driver.now_ms()), stream_time);
        without_empty_tombstones(&mut ours, &mut our_rows);
        without_empty_tombstones(&mut java, &mut java_rows);
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
        let options = BuildOptions { optimization, explicit_names: true };
        let refused = builder.build_with(options).err().map(|error| error.to_string());
        match (golden[*name]["unnamed"].as_str(), refused) {
            (None, None) => {}
            (Some(java), Some(ours)) if ours.starts_with(java) => {}
            (java, ours) => panic!("{name}: this library: {ours:?}, Kafka Streams: {java:?}"),
        }
    }
}
