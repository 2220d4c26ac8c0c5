//! Updates of tables that are held back.

use std::collections::BTreeMap;

use kstreams::options::{EagerBufferConfig, StrictBufferConfig};
use kstreams::prelude::*;
use serde_json::json;

use super::windows::span;
use super::{
    Build, Draw, Family, Kind, LONGS, NULLABLE_TABLE, Operator, TABLE, WINDOWED_LONGS, WINDOWED_NULLABLE,
    WINDOWED_TABLE,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::Text;

type Key = Windowed<Text>;

/// What names of suppressions end in, by which their changelogs are known.
const NAME_END: &str = "-later";

/// Suppressions.
pub const FAMILY: Family = Family {
    operators: &[
        held("table_suppress", &[TABLE], 3, draw_limit, limited::<Text, String>),
        held("nullable_suppress", &[NULLABLE_TABLE], 3, draw_limit, |build, op| {
            limited::<Text, Text>(build, op)
        }),
        held("longs_suppress", &[LONGS], 3, draw_limit, limited::<Text, i64>),
        held("windowed_suppress", &[WINDOWED_TABLE], 2, draw_limit, |build, op| {
            limited::<Key, String>(build, op)
        }),
        held("windowed_nullable_suppress", &[WINDOWED_NULLABLE], 2, draw_limit, |build, op| {
            limited::<Key, Text>(build, op)
        }),
        held("windowed_longs_suppress", &[WINDOWED_LONGS], 2, draw_limit, |build, op| {
            limited::<Key, i64>(build, op)
        }),
        held("windowed_final", &[WINDOWED_TABLE], 3, draw_final, last::<String>),
        held("windowed_nullable_final", &[WINDOWED_NULLABLE], 3, draw_final, |build, op| {
            last::<Text>(build, op)
        }),
        held("windowed_longs_final", &[WINDOWED_LONGS], 3, draw_final, last::<i64>),
    ],
    rules: &[
        Rule { name: "update held back", floor: 60, measure: |e| buffered(e, true) },
        Rule { name: "update let go later", floor: 20, measure: |e| buffered(e, false) },
        Rule { name: "update let go early by a full buffer", floor: 3, measure: evicted },
        Rule { name: "shutdown by a full buffer", floor: 3, measure: full },
        Rule { name: "final result of a window", floor: 5, measure: finals },
    ],
};

const fn held(
    name: &'static str,
    kinds: &'static [Kind],
    weight: u32,
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs: kinds, outputs: kinds, weight, draw, apply }
}

/// Whether the table knows how its values are written. One that is made without options does not, and a suppression has
/// none to say it (docs/GLOSSARY.md).
pub fn fits(operator: &Operator, inputs: &[u32], calls: &[Op]) -> bool {
    let is_suppression = FAMILY.operators.iter().any(|one| one.name == operator.name);
    !is_suppression || inputs.iter().all(|input| knows_serde(*input, calls))
}

/// Whether caches change nothing in what a bounded buffer holds. Its bytes count the place at which a row was read, which a
/// cache here does not keep with an update (docs/GLOSSARY.md): behind another suppression or a punctuation it is not that
/// of the last record.
pub fn caches_fit(calls: &[Op]) -> bool {
    let counts_bytes = calls.iter().any(|call| has(call, "max_bytes"));
    let places = calls.iter().filter(|call| is_suppression(call) || call.op.starts_with("process")).count();
    !counts_bytes || places < 2
}

fn knows_serde(table: u32, calls: &[Op]) -> bool {
    let Some(call) = calls.iter().find(|call| call.outputs.contains(&table)) else { return true };
    let inherits = ["as_table", "table_filter", "table_filter_not", "versioned_filter", "windowed_filter"];
    if (inherits.contains(&&*call.op) && !has(call, "materialized")) || is_suppression(call) {
        return call.inputs.iter().all(|input| knows_serde(*input, calls));
    }
    let is_made = call.op.contains("map_values")
        || call.op.contains("transform_values")
        || call.op.starts_with("tables_")
        || call.op.contains("_with_");
    !is_made || call.op.starts_with("stored_") || has(call, "materialized")
}

fn draw_limit(draw: &mut Draw) -> Options {
    let mut options = draw_buffer(draw, 60);
    let limit = *draw.rng.pick(&[0, 1, 5, 10, 20, 100, 100_000, 100_000, 100_000]);
    draw.mark(limit.min(100));
    options.insert("limit".into(), json!(limit));
    let bounded = options.contains_key("max_records") || options.contains_key("max_bytes");
    if draw.rng.chance(if bounded { 70 } else { 15 }) {
        options.insert("early".into(), json!(true));
    }
    options
}

fn draw_final(draw: &mut Draw) -> Options {
    draw_buffer(draw, 15)
}

fn draw_buffer(draw: &mut Draw, bounded: usize) -> Options {
    let mut options = Options::new();
    if draw.rng.chance(25) {
        options.insert("name".into(), format!("n{}{NAME_END}", draw.unique()).into());
        if draw.rng.chance(50) {
            options.insert("before".into(), json!(true));
        }
    }
    if draw.rng.chance(bounded) {
        let which = draw.rng.below(3);
        if which != 0 {
            options.insert("max_records".into(), json!(draw.rng.pick(&[0, 1, 1, 2, 2, 3])));
        }
        if which != 1 {
            options.insert("max_bytes".into(), json!(draw.rng.pick(&[0, 60, 100, 150, 250, 1000])));
        }
    }
    if draw.rng.chance(40) {
        options.insert("converted".into(), json!(true));
    }
    match draw.rng.below(6) {
        0 => options.insert("unlogged".into(), json!(true)),
        1 => options.insert("logged".into(), json!(true)),
        _ => None,
    };
    options
}

fn number(op: &Op, option: &str) -> Option<u64> {
    op.number(option).and_then(|number| number.try_into().ok())
}

fn has(op: &Op, option: &str) -> bool {
    op.options.contains_key(option)
}

fn logging<R>(buffer: BufferConfig<R>, op: &Op) -> BufferConfig<R> {
    match (has(op, "unlogged"), has(op, "logged")) {
        (true, _) => buffer.with_logging_disabled(),
        (false, true) => buffer.with_logging_enabled(BTreeMap::new()),
        (false, false) => buffer,
    }
}

/// The strict buffer with the bounds that the call gives.
fn bounded(op: &Op) -> StrictBufferConfig {
    let mut buffer = BufferConfig::unbounded();
    if let Some(records) = number(op, "max_records") {
        buffer = buffer.with_max_records(records);
    }
    if let Some(bytes) = number(op, "max_bytes") {
        buffer = buffer.with_max_bytes(bytes);
    }
    buffer
}

fn eager(op: &Op) -> EagerBufferConfig {
    let (records, bytes) = (number(op, "max_records"), number(op, "max_bytes"));
    let buffer = match (has(op, "converted"), records, bytes) {
        (true, _, _) => bounded(op).emit_early_when_full(),
        (false, Some(records), None) => BufferConfig::max_records(records),
        (false, Some(records), Some(bytes)) => BufferConfig::max_records(records).with_max_bytes(bytes),
        (false, None, bytes) => BufferConfig::max_bytes(bytes.unwrap_or(i64::MAX as u64)),
    };
    logging(buffer, op)
}

fn strict(op: &Op) -> StrictBufferConfig {
    let mut buffer = bounded(op);
    if has(op, "converted") {
        buffer = match number(op, "max_records") {
            Some(records) => BufferConfig::max_records(records).shut_down_when_full(),
            None => BufferConfig::max_records(i64::MAX as u64).with_no_bound(),
        };
        if let Some(bytes) = number(op, "max_bytes") {
            buffer = buffer.with_max_bytes(bytes);
        }
    }
    logging(buffer, op)
}

fn limited<K, V>(build: &mut Build, op: &Op) -> Result<(), Fault>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    let limit = span(op, "limit")?;
    let suppressed = if has(op, "early") {
        Suppressed::until_time_limit(limit, eager(op))
    } else {
        Suppressed::until_time_limit(limit, strict(op))
    };
    suppress::<K, V>(build, op, suppressed)
}

fn last<V: Clone + Send + 'static>(build: &mut Build, op: &Op) -> Result<(), Fault> {
    suppress::<Key, V>(build, op, Suppressed::until_window_closes(strict(op)))
}

fn suppress<K, V>(build: &mut Build, op: &Op, suppressed: Suppressed<K>) -> Result<(), Fault>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    let table: KTable<K, V> = build.get(op, 0)?;
    let table = match (op.text("name"), has(op, "before")) {
        (Some(name), true) => table.named(name).suppress(suppressed),
        (Some(name), false) => table.suppress(suppressed.with_name(name)),
        (None, _) => table.suppress(suppressed),
    };
    build.set(op, table)
}

fn is_suppression(op: &Op) -> bool {
    op.op.ends_with("_suppress") || op.op.ends_with("_final")
}

/// Rows in the changelogs of buffers, or tombstones there: rows that were released in a later step.
fn buffered(evidence: &Evidence<'_>, came: bool) -> u64 {
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let buffers = outputs.filter(|(topic, _)| {
        topic.ends_with("-changelog") && (topic.contains("-KTABLE-SUPPRESS-") || topic.contains(NAME_END))
    });
    let records = buffers.flat_map(|(_, records)| records);
    records.filter(|record| record.value.is_some() == came).count() as u64
}

/// Rows that were released although their time had not come, in cases whose only suppression waits for longer than the
/// whole input takes.
fn evicted(evidence: &Evidence<'_>) -> u64 {
    let mut suppressions = evidence.case.ops.iter().filter(|op| is_suppression(op));
    let (Some(only), None) = (suppressions.next(), suppressions.next()) else { return 0 };
    let latest = evidence.case.records().map(|record| record.timestamp).max().unwrap_or_default();
    let is_longer = only.number("limit").is_some_and(|limit| limit > latest + 1000);
    if is_longer && has(only, "early") { buffered(evidence, false) } else { 0 }
}

/// Cases that ended because a buffer was full.
fn full(evidence: &Evidence<'_>) -> u64 {
    let failure = evidence.outcome.failure.as_deref().unwrap_or_default();
    u64::from(failure.contains("buffer exceeded its max capacity"))
}

/// Windows that were released, in cases that suppress nothing else.
fn finals(evidence: &Evidence<'_>) -> u64 {
    let is_final = |op: &Op| op.op.ends_with("_final");
    let mut suppressions = evidence.case.ops.iter().filter(|op| is_suppression(op)).peekable();
    let only = suppressions.peek().is_some() && suppressions.all(is_final);
    if only { buffered(evidence, false) } else { 0 }
}
