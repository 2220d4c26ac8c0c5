//! Runs a case on this library's test driver.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;
use kstreams::prelude::*;
use streams_core::record::Headers;
use streams_core::testing::RawTestRecord;

use super::case::{Case, Fault, Input, Step};
use super::evidence::config;
use super::ops::Build;
use super::outcome::{Outcome, StepOutcome};
use crate::checks::changelogs::Written;

/// What this library makes of the case.
pub fn run(case: &Case) -> Result<Outcome, Fault> {
    match catch_unwind(AssertUnwindSafe(|| try_run(case))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let failure = Some(text.unwrap_or_default());
            Ok(Outcome { failure, panicked: true, ..Outcome::default() })
        }
    }
}

fn try_run(case: &Case) -> Result<Outcome, Fault> {
    let mut config = config(&case.config.optimization)?;
    config = config.with_statestore_cache_max_bytes(usize::try_from(case.config.cache_bytes)?);
    let interval = case.config.emit_interval_ms.to_string();
    for of in ["windowed.aggregation", "outer.join.spurious.results.fix"] {
        config.set(&format!("__emit.interval.ms.kstreams.{of}__"), &interval)?;
    }
    let build = Build::of(&case.ops)?;
    let topics = build.topics;
    let mut outcome = Outcome::default();
    let topology = match build.builder.build_with(config.topology_optimization()) {
        Ok(topology) => topology,
        Err(error) => {
            outcome.failure = Some(error.to_string());
            return Ok(outcome);
        }
    };
    let describe = topology.describe().to_string();
    let driver = match TopologyTestDriver::new(topology, config) {
        Ok(driver) => driver,
        Err(error) => {
            outcome.failure = Some(error.to_string());
            return Ok(outcome);
        }
    };
    outcome.describe = Some(describe);
    for topic in &topics {
        driver.create_topic(topic)?;
    }
    for step in &case.input {
        if let Err(error) = feed(&driver, step) {
            outcome.failure = Some(error.to_string());
            return Ok(outcome);
        }
        outcome.steps.push(written(&driver)?);
    }
    for (store, mut entries) in driver.all_store_entries()? {
        entries.sort_by(|one, two| one.0.cmp(&two.0));
        outcome.stores.insert(store, entries);
    }
    Ok(outcome)
}

fn feed(driver: &TopologyTestDriver, step: &Step) -> Result<(), streams_core::error::Error> {
    match step {
        Step::Advance { advance_ms } => {
            driver.advance_wall_clock_time(Duration::from_millis(advance_ms.unsigned_abs()))
        }
        Step::Record(record) => driver.pipe_raw(&record.topic, &raw(record)),
    }
}

fn raw(record: &Input) -> RawTestRecord {
    let bytes = |text: &Option<String>| text.as_ref().map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let mut headers = Headers::new();
    for (name, value) in &record.headers {
        headers.add(name.clone(), Some(Bytes::copy_from_slice(value.as_bytes())));
    }
    RawTestRecord {
        partition: 0,
        offset: 0,
        key: bytes(&record.key),
        value: bytes(&record.value),
        timestamp: record.timestamp,
        headers,
    }
}

fn written(driver: &TopologyTestDriver) -> Result<StepOutcome, Fault> {
    let mut outcome = StepOutcome { dropped: driver.dropped_records(), ..StepOutcome::default() };
    for topic in driver.produced_topic_names()? {
        for record in driver.read_raw(&topic)? {
            let headers = record.headers.iter().map(|h| (h.key.to_string(), h.value.clone())).collect();
            let RawTestRecord { key, value, timestamp, .. } = record;
            let records = outcome.output.entry(topic.to_string()).or_default();
            records.push(Written { key, value, timestamp, headers });
        }
    }
    Ok(outcome)
}
