//! What a case really exercised, measured on its script and on what Kafka Streams made of it.

use std::collections::BTreeMap;

use streams_core::config::StreamsConfig;

use super::case::{Case, Input, Step};
use super::ops::Build;
use super::outcome::Outcome;

/// Something that must really happen in a run.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What it is called in the report.
    pub name: &'static str,
    /// How often at least in 500 cases.
    pub floor: u64,
    /// How often in a case.
    pub measure: fn(&Evidence<'_>) -> u64,
}

/// A case and what Kafka Streams made of it.
pub struct Evidence<'a> {
    /// The case.
    pub case: &'a Case,
    /// The outcome.
    pub outcome: &'a Outcome,
}

impl Evidence<'_> {
    /// Records of the script that are such.
    pub fn count_records(&self, such: impl Fn(&Input) -> bool) -> u64 {
        self.case.records().filter(|record| such(record)).count() as u64
    }

    /// Records whose time is such, compared with the record before on the same topic.
    pub fn count_pairs(&self, such: impl Fn(i64, i64) -> bool) -> u64 {
        let (mut before, mut count) = (BTreeMap::new(), 0);
        for record in self.case.records() {
            let earlier = before.insert(&record.topic, record.timestamp);
            count += u64::from(earlier.is_some_and(|earlier| such(record.timestamp, earlier)));
        }
        count
    }

    /// Steps whose record is such and led to a drop.
    pub fn count_drops(&self, such: impl Fn(&Input) -> bool) -> u64 {
        let mut before = 0;
        let steps = self.case.input.iter().zip(&self.outcome.steps);
        let dropped = steps.filter(|(step, done)| {
            let dropped = done.dropped > before;
            before = done.dropped;
            dropped && matches!(step, Step::Record(record) if such(record))
        });
        dropped.count() as u64
    }

    /// Records written to topics whose names end so.
    pub fn count_topics(&self, suffix: &str) -> u64 {
        let outputs = self.outcome.steps.iter().flat_map(|step| &step.output);
        outputs.filter(|(topic, _)| topic.ends_with(suffix)).map(|(_, records)| records.len() as u64).sum()
    }

    /// Records outside of changelogs whose values end so.
    pub fn count_values(&self, suffix: &str) -> u64 {
        let outputs = self.outcome.steps.iter().flat_map(|step| &step.output);
        let records = outputs.filter(|(topic, _)| !topic.ends_with("-changelog")).flat_map(|(_, all)| all);
        let ends =
            |value: &Option<bytes::Bytes>| value.as_ref().is_some_and(|v| v.ends_with(suffix.as_bytes()));
        records.filter(|record| ends(&record.value)).count() as u64
    }

    /// Whether the description has fewer such lines than the one with that optimization.
    pub fn fewer_lines(&self, optimization: &str, with: &str) -> u64 {
        if self.case.config.optimization == optimization {
            return 0;
        }
        let lines = |text: &str| text.lines().filter(|line| line.contains(with)).count();
        let other = Build::of(&self.case.ops).ok().and_then(|build| {
            let config = config(optimization).ok()?;
            build.builder.build_with(config.topology_optimization()).ok()
        });
        let (Some(other), Some(this)) = (other, &self.outcome.describe) else { return 0 };
        u64::from(lines(this) < lines(&other.describe().to_string()))
    }

    /// Whether a call of the operator led to a record on the topic of a sink below it.
    pub fn reached(&self, op: usize) -> bool {
        let mut below: Vec<u32> = self.case.ops[op].outputs.clone();
        let mut sinks: Vec<&str> = Vec::new();
        for next in &self.case.ops[op..] {
            let sink = next.text("topic").filter(|_| next.outputs.is_empty());
            let reads = std::ptr::eq(next, &self.case.ops[op]);
            if reads || next.inputs.iter().any(|input| below.contains(input)) {
                below.extend(&next.outputs);
                sinks.extend(sink);
            }
        }
        // A sink that chooses its topics puts something behind the name.
        let is_of = |topic: &str, sink: &str| {
            topic.strip_prefix(sink).is_some_and(|rest| rest.is_empty() || rest.starts_with("-part"))
        };
        let mut topics = self.outcome.steps.iter().flat_map(|step| step.output.keys());
        topics.any(|topic| sinks.iter().any(|sink| is_of(topic, sink)))
    }

    /// Calls of the operator that led to a record.
    pub fn joined(&self, name: &str) -> u64 {
        let calls = self.case.ops.iter().enumerate().filter(|(_, op)| op.op == name);
        calls.filter(|(at, _)| self.reached(*at)).count() as u64
    }
}

/// A configuration with that optimization.
pub fn config(optimization: &str) -> Result<StreamsConfig, super::case::Fault> {
    let mut config = StreamsConfig::new("app", "embedded:");
    config.set("topology.optimization", optimization)?;
    // Kafka's driver has no transaction markers, which would count as offsets.
    config.set("processing.guarantee", "at_least_once")?;
    Ok(config)
}
