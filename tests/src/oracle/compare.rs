//! The first difference between two outcomes, as a reader needs it.

use bytes::Bytes;

use super::case::{Case, Op, Step};
use super::outcome::{Entries, Outcome};
use crate::checks::changelogs::{Changelogs, Written, is_join_store, without_offset};

/// The bytes of a sequence number at the end of a window store's keys.
const SEQUENCE_BYTES: usize = 4;

/// The first difference between this library's outcome and Kafka Streams', if there is one.
pub fn difference(case: &Case, ours: &Outcome, java: &Outcome) -> Option<String> {
    if ours.panicked {
        return Some(format!("panic: {}", ours.failure.as_deref().unwrap_or_default()));
    }
    let failures = || {
        let text = |outcome: &Outcome| outcome.failure.clone().unwrap_or_else(|| "no failure".to_owned());
        format!("  this library: {}\n  Kafka Streams: {}", text(ours), text(java))
    };
    match (&ours.describe, &java.describe) {
        (None, None) => return None,
        (Some(ours), Some(java)) if ours != java => {
            return Some(format!("describe()\n{}", lines(ours.lines(), java.lines())));
        }
        (Some(_), Some(_)) => {}
        (Some(_), None) if is_optimizer_fault(java) || is_windowed_cogroup_fault(java) => return None,
        _ => return Some(format!("building\n{}", failures())),
    }
    if let Some(found) = outputs(case, ours, java) {
        return Some(found);
    }
    if ours.failure.is_none() && is_null_fault(java) {
        return None;
    }
    if ours.steps.len() != java.steps.len() || ours.failure.is_some() != java.failure.is_some() {
        let step = ours.steps.len().min(java.steps.len());
        return Some(format!("step {step} fails on one side\n{}", failures()));
    }
    stores(ours, java)
}

/// Kafka Streams cannot merge some repartition topics although they could be, and gives the topology up; this library
/// merges them (docs/GLOSSARY.md).
fn is_optimizer_fault(java: &Outcome) -> bool {
    java.failure.as_deref().is_some_and(|failure| failure.contains("Found a null keyChangingChild node"))
}

/// Kafka Streams takes the store of every cogrouped aggregation for one without windows when another operator looks a row
/// up in it; here windows are found (docs/GLOSSARY.md).
fn is_windowed_cogroup_fault(java: &Outcome) -> bool {
    let mistaken = |failure: &str| {
        failure.contains("KTable source state store must implement either")
            && (failure.contains("WindowStore") || failure.contains("SessionStore"))
    };
    java.failure.as_deref().is_some_and(mistaken)
}

/// Kafka Streams fails on a sliding window that an aggregator has deleted while a cache still holds it, and on a record of a
/// punctuation that waits for a table's rows, as it comes from no topic; here both work (docs/GLOSSARY.md).
fn is_null_fault(java: &Outcome) -> bool {
    let nulls = ["because \"next.value\" is null", "because \"this.topic\" is null"];
    java.failure.as_deref().is_some_and(|failure| nulls.iter().any(|null| failure.contains(null)))
}

fn outputs(case: &Case, ours: &Outcome, java: &Outcome) -> Option<String> {
    let mut changelogs = Changelogs::new(join_retention_ms(case)).with_windows(cogroup_retention_ms(case));
    if case.config.cache_bytes > 0 {
        changelogs = changelogs.without_places();
    }
    let (mut stream_time, mut now) = (0, 0);
    let steps = case.input.iter().zip(ours.steps.iter().zip(&java.steps));
    for (at, (step, (ours, java))) in steps.enumerate() {
        match step {
            Step::Record(record) => stream_time = stream_time.max(record.timestamp),
            // What a punctuation forwards has the time of the wall clock.
            Step::Advance { advance_ms } => now += advance_ms,
        }
        stream_time = stream_time.max(now);
        let (ours, java) = changelogs.normalised(ours.output.clone(), java.output.clone(), stream_time);
        let nothing = Vec::new();
        for topic in ours.keys().chain(java.keys()) {
            let of = |output: &crate::checks::changelogs::StepOutput| -> Vec<Written> {
                output.get(topic).unwrap_or(&nothing).clone()
            };
            let (ours, java) = (of(&ours), of(&java));
            if ours != java {
                let step = serde_json::to_string(step).unwrap_or_default();
                let (ours, java) = (ours.iter().map(shown), java.iter().map(shown));
                return Some(format!("step {at} {step}, topic {topic}\n{}", lines(ours, java)));
            }
        }
    }
    None
}

/// How long the stores of the case's stream-stream joins keep records: the shortest of them.
fn join_retention_ms(case: &Case) -> i64 {
    let joins = case.ops.iter().filter(|op| op.options.contains_key("difference"));
    let retention = joins.map(|op| {
        let difference = op.number("difference").unwrap_or_default();
        let side = |name| op.number(name).unwrap_or(difference);
        side("before") + side("after") + op.number("grace").unwrap_or_default()
    });
    retention.min().unwrap_or(i64::MAX)
}

/// How long the stores of the case's windowed cogroups keep windows, at least.
fn cogroup_retention_ms(case: &Case) -> i64 {
    let cogroups = case.ops.iter().filter(|op| op.op.starts_with("cogroup_"));
    let length = |op: &Op| Some(op.number("size").or(op.number("gap"))? + op.number("grace")?);
    cogroups.filter_map(length).min().unwrap_or(i64::MAX)
}

/// Records of stream-stream joins without the numbers that tell those of one key and time apart: in Kafka Streams a store
/// numbers what it keeps, but its changelog numbers nulls too. The order stays. And records that wait for a table's rows
/// without the offsets that are not compared.
fn numberless(store: &str, entries: Option<&Entries>) -> Option<Entries> {
    let mut entries = entries?.clone();
    if is_join_store(store) {
        for (key, _) in &mut entries {
            let key_bytes = key.len().saturating_sub(SEQUENCE_BYTES);
            *key = [&key[..key_bytes], &[0; SEQUENCE_BYTES]].concat().into();
        }
    }
    if store.ends_with("-Buffer") {
        entries.iter_mut().for_each(|(_, value)| *value = without_offset(value));
    }
    Some(entries)
}

fn stores(ours: &Outcome, java: &Outcome) -> Option<String> {
    if ours.failure.is_some() {
        return None;
    }
    for name in ours.stores.keys().chain(java.stores.keys()) {
        let of = |outcome: &Outcome| numberless(name, outcome.stores.get(name));
        let (our, their) = (of(ours), of(java));
        if our != their {
            let entries = |of: Option<Entries>| -> Vec<String> {
                let text = |(key, value): &(Bytes, Bytes)| format!("{} = {}", text(key), text(value));
                of.map_or_else(|| vec!["no such store".into()], |all| all.iter().map(text).collect())
            };
            let (our, their) = (entries(our), entries(their));
            return Some(format!("store {name} at the end\n{}", lines(our.into_iter(), their.into_iter())));
        }
    }
    None
}

/// Bytes, with everything except plain characters in hexadecimal.
fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn shown(record: &Written) -> String {
    let part = |bytes: &Option<Bytes>| bytes.as_ref().map_or_else(|| "null".to_owned(), |bytes| text(bytes));
    let headers: Vec<String> =
        record.headers.iter().map(|(name, value)| format!("{name}:{}", part(value))).collect();
    format!("{} = {} @{} [{}]", part(&record.key), part(&record.value), record.timestamp, headers.join(" "))
}

/// Both sides, line by line: `=` on both, `-` Kafka Streams' alone, `+` this library's alone.
fn lines<S: AsRef<str>>(ours: impl Iterator<Item = S>, java: impl Iterator<Item = S>) -> String {
    let (ours, java): (Vec<S>, Vec<S>) = (ours.collect(), java.collect());
    let mut text = String::from("  (= both, - Kafka Streams, + this library)\n");
    for at in 0..ours.len().max(java.len()) {
        match (ours.get(at).map(AsRef::as_ref), java.get(at).map(AsRef::as_ref)) {
            (Some(our), Some(their)) if our == their => text.push_str(&format!("  = {our}\n")),
            (our, their) => {
                their.into_iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
                our.into_iter().for_each(|line| text.push_str(&format!("  + {line}\n")));
            }
        }
    }
    text
}
