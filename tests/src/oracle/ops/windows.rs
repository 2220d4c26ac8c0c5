//! What can be done with windowed tables and streams.

use std::collections::{BTreeMap, BTreeSet};

use kstreams::prelude::*;
use serde_json::json;

use super::{
    Build, Draw, Family, Kind, Operator, STREAM, WINDOWED_LONGS, WINDOWED_NULLABLE, WINDOWED_STREAM,
    WINDOWED_TABLE,
};
use crate::checks::changelogs::Written;
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, draw_predicate, draw_row_mapper, mapper, predicate, shown};

type Key = Windowed<Text>;

/// Windowed tables and streams.
pub const FAMILY: Family = Family {
    operators: &[
        windowed("windowed_filter", &[WINDOWED_TABLE], &[WINDOWED_TABLE], filter_options, |build, op| {
            let table = named(build.get::<KTable<Key, String>>(op, 0)?, op);
            let lambda = predicate(op.option("lambda"))?;
            let table = table.filter(move |k, v| lambda(&Some(shown_key(k)), &Some(v.clone())));
            build.set(op, table)
        }),
        windowed("windowed_map_values", &[WINDOWED_TABLE], &[WINDOWED_TABLE], mapper_options, |build, op| {
            let table = named(build.get::<KTable<Key, String>>(op, 0)?, op);
            let lambda = mapper(op.option("lambda"))?;
            let map = move |k: &Key, v| shown(&lambda(&Some(shown_key(k)), &Some(v))).to_owned();
            let table: KTable<Key, String> = table.map_values_with_key(map);
            build.set(op, table)
        }),
        windowed("windowed_to_stream", &[WINDOWED_TABLE], &[WINDOWED_STREAM], Draw::named, |build, op| {
            let stream = named(build.get::<KTable<Key, String>>(op, 0)?, op).to_stream();
            build.set(op, stream)
        }),
        windowed(
            "windowed_nullable_to_stream",
            &[WINDOWED_NULLABLE],
            &[WINDOWED_STREAM],
            Draw::named,
            |build, op| {
                let table = named(build.get::<KTable<Key, Text>>(op, 0)?, op);
                let stream = table.to_stream().map_values(Option::flatten);
                build.set(op, stream)
            },
        ),
        windowed(
            "windowed_longs_to_stream",
            &[WINDOWED_LONGS],
            &[WINDOWED_STREAM],
            Draw::named,
            |build, op| {
                let table = named(build.get::<KTable<Key, i64>>(op, 0)?, op);
                let stream = table.to_stream().map_values(|row| row.map(|row: i64| row.to_string()));
                build.set(op, stream)
            },
        ),
        windowed("windowed_select_key", &[WINDOWED_STREAM], &[STREAM], Draw::named, |build, op| {
            let stream: KStream<Key, Text> = build.get(op, 0)?;
            let stream = op.text("name").map_or_else(|| stream.clone(), |name| stream.named(name));
            let stream = stream.select_key(|k, _| Some(shown_key(k)));
            build.set(op, stream)
        }),
        windowed("windowed_base_key", &[WINDOWED_STREAM], &[STREAM], Draw::named, |build, op| {
            let stream: KStream<Key, Text> = build.get(op, 0)?;
            let stream = op.text("name").map_or_else(|| stream.clone(), |name| stream.named(name));
            let stream = stream.select_key(|k, _| k.key.clone());
            build.set(op, stream)
        }),
        Operator {
            name: "windowed_to",
            inputs: &[WINDOWED_STREAM],
            outputs: &[],
            weight: 2,
            draw: |draw| {
                let topic = format!("out-{}", draw.unique());
                Options::from_iter([("topic".to_owned(), topic.into())])
            },
            apply: |build, op| {
                let stream: KStream<Key, Text> = build.get(op, 0)?;
                let values = Text::default_serde();
                stream.to_with(op.topic()?, Produced::inherit().with_value_serde(values));
                Ok(())
            },
        },
    ],
    rules: &[
        Rule {
            name: "late drop",
            floor: 40,
            measure: |e| if has_windows(e) { e.count_drops(|r| r.key.is_some()) } else { 0 },
        },
        Rule { name: "window edge", floor: 200, measure: edges },
    ],
};

const fn windowed(
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs, weight: 3, draw, apply }
}

/// A window as text: key, start and end.
fn shown_key(key: &Key) -> String {
    format!("{}@{}-{}", shown(&key.key), key.window.start_ms, key.window.end_ms)
}

fn named<V: Clone + Send + 'static>(table: KTable<Key, V>, op: &Op) -> KTable<Key, V> {
    op.text("name").map_or_else(|| table.clone(), |name| table.named(name))
}

fn filter_options(draw: &mut Draw) -> Options {
    draw.lambda(draw_predicate)
}

fn mapper_options(draw: &mut Draw) -> Options {
    draw.lambda(draw_row_mapper)
}

/// Options with the length of windows under that name, and a grace period.
pub fn draw_length(draw: &mut Draw, mut options: Options, name: &str) -> Options {
    let (length, grace) = (*draw.rng.pick(&[1, 5, 10, 10, 20, 100]), draw_grace(draw));
    [length, grace, length + grace].into_iter().for_each(|ms| draw.mark(ms));
    options.insert(name.into(), json!(length));
    options.insert("grace".into(), json!(grace));
    options
}

/// The same for tumbling windows, and in some cases hopping ones.
pub fn draw_time(draw: &mut Draw, options: Options) -> Options {
    let mut options = draw_length(draw, options, "size");
    if draw.rng.chance(35) {
        let size = options["size"].as_i64().unwrap_or(1);
        let advance = draw.rng.between(1, size);
        draw.mark(advance);
        options.insert("advance".into(), json!(advance));
    }
    options
}

/// A grace period, in milliseconds.
pub fn draw_grace(draw: &mut Draw) -> i64 {
    *draw.rng.pick(&[0, 0, 1, 5, 10, 50, 1000])
}

/// A span that an option gives.
pub fn span(op: &Op, option: &str) -> Result<std::time::Duration, Fault> {
    let ms = op.number(option).ok_or_else(|| format!("{} lacks {option}", op.op))?;
    Ok(std::time::Duration::from_millis(ms.try_into()?))
}

fn has_windows(evidence: &Evidence<'_>) -> bool {
    evidence.case.ops.iter().any(|op| op.options.contains_key("grace"))
}

/// Steps in which a session's changelog has a tombstone and a new session, in cases with such an operator: two sessions
/// became one.
pub fn session_merges_of(evidence: &Evidence<'_>, prefix: &str) -> u64 {
    steps_of(evidence, prefix, |records| records.len() >= 2 && records.iter().any(|one| one.value.is_none()))
}

/// Steps in which a changelog gets several windows, in cases with such an operator.
pub fn several_windows(evidence: &Evidence<'_>, prefix: &str) -> u64 {
    let is_value = |one: &&Written| one.value.is_some();
    steps_of(evidence, prefix, |records| {
        records.iter().filter(is_value).map(|one| &one.key).collect::<BTreeSet<_>>().len() >= 2
    })
}

/// Steps that write such records to a changelog, in cases with an operator whose name begins so.
fn steps_of(evidence: &Evidence<'_>, prefix: &str, such: impl Fn(&[Written]) -> bool) -> u64 {
    if !evidence.case.ops.iter().any(|op| op.op.starts_with(prefix)) {
        return 0;
    }
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let changelogs = outputs.filter(|(topic, _)| topic.ends_with("-changelog"));
    changelogs.filter(|(_, records)| such(records)).count() as u64
}

/// Records of a key that lie exactly a span that matters, or one less or more, from an earlier one.
fn edges(evidence: &Evidence<'_>) -> u64 {
    let spans = ["size", "gap", "grace", "advance", "difference", "before", "after"];
    let spans: Vec<i64> =
        evidence.case.ops.iter().flat_map(|op| spans.iter().filter_map(|name| op.number(name))).collect();
    let (mut earlier, mut found): (BTreeMap<&Option<String>, Vec<i64>>, u64) = (BTreeMap::new(), 0);
    for record in evidence.case.records() {
        let times = earlier.entry(&record.key).or_default();
        let edge =
            |before: &i64| spans.iter().any(|span| ((record.timestamp - before).abs() - span).abs() <= 1);
        found += u64::from(times.iter().any(edge));
        times.push(record.timestamp);
    }
    found
}
