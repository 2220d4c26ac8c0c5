//! Tables grouped by another key, and the aggregations of groups.

use kstreams::prelude::*;
use serde_json::json;

use super::aggregates::{next, nullable_next};
use super::{Build, Draw, Family, GROUPED_TABLE, Kind, LONGS, NULLABLE_TABLE, Operator, TABLE, materialized};
use crate::checks::changelogs::Written;
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{
    Text, draw_joiner, draw_mapper, draw_null_if, draw_selector, joiner, mapper, shown, tail,
};

const ONE: &[Kind] = &[GROUPED_TABLE];

/// What a row was, alone on its way to its group: the last byte of a change.
const OLD: u8 = 0;
/// What a row is now, alone.
const NEW: u8 = 1;
/// Both, as the row stays in its group.
const BOTH: u8 = 2;

/// Groups of tables.
pub const FAMILY: Family = Family {
    operators: &[
        group_by("table_group_by", TABLE, 5, |build, op| {
            add_groups(build, op, Some, |build, op| build.get(op, 0))
        }),
        group_by("nullable_group_by", NULLABLE_TABLE, 3, |build, op| {
            add_groups(build, op, |row: Text| row, |build, op| build.get(op, 0))
        }),
        group_by("longs_group_by", LONGS, 3, |build, op| {
            add_groups(build, op, |row: i64| Some(row.to_string()), |build, op| build.get(op, 0))
        }),
        Operator {
            name: "group_count",
            inputs: ONE,
            outputs: &[LONGS],
            weight: 3,
            draw: Draw::stored,
            apply: count,
        },
        Operator {
            name: "group_reduce",
            inputs: ONE,
            outputs: &[NULLABLE_TABLE],
            weight: 3,
            draw: |draw| {
                let options = draw.stored();
                let mut options = draw.with_lambda(options, draw_joiner);
                options.insert("subtract".into(), draw_joiner(&mut draw.rng));
                options
            },
            apply: reduce,
        },
        Operator {
            name: "group_aggregate",
            inputs: ONE,
            outputs: &[TABLE],
            weight: 3,
            draw: Draw::stored,
            apply: aggregate,
        },
        Operator {
            name: "group_aggregate_nullable",
            inputs: ONE,
            outputs: &[NULLABLE_TABLE],
            weight: 3,
            draw: |draw| {
                let mut options = draw.stored();
                for option in ["lambda", "subtract"] {
                    options.insert(option.into(), draw_null_if(&mut draw.rng));
                }
                options
            },
            apply: aggregate_nullable,
        },
    ],
    rules: &[
        Rule { name: "row that comes to a group", floor: 60, measure: |e| changes(e, NEW) },
        Rule { name: "row that leaves its group", floor: 30, measure: |e| changes(e, OLD) },
        Rule { name: "row that stays in its group", floor: 20, measure: |e| changes(e, BOTH) },
        Rule { name: "row that moves between groups", floor: 8, measure: moves },
        Rule { name: "tombstone of a group", floor: 5, measure: tombstones },
    ],
};

const fn group_by(
    name: &'static str,
    input: Kind,
    weight: u32,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    let inputs: &'static [Kind] = match input.as_bytes() {
        b"table" => &[TABLE],
        b"nullable table" => &[NULLABLE_TABLE],
        _ => &[LONGS],
    };
    Operator { name, inputs, outputs: ONE, weight, draw: draw_group_by, apply }
}

/// Options of a grouping.
pub fn draw_group_by(draw: &mut Draw) -> Options {
    let mut options = draw.lambda(draw_mapper);
    options.insert("key".into(), draw_selector(&mut draw.rng));
    if draw.rng.chance(25) {
        options.insert("serdes".into(), json!(true));
    }
    if draw.rng.chance(30) {
        options.insert("before".into(), json!(true));
    }
    options
}

/// Finds the table that a call reads.
type Tabled<V> = fn(&Build, &Op) -> Result<KTable<Text, V>, Fault>;

/// Groups a table; a name is given before the operator, or in the options.
pub fn add_groups<V: Clone + Send + 'static>(
    build: &mut Build,
    op: &Op,
    text: fn(V) -> Text,
    table: Tabled<V>,
) -> Result<(), Fault> {
    let table = table(build, op)?;
    let (key, value) = (mapper(op.option("key"))?, mapper(op.option("lambda"))?);
    let select = move |k: &Text, row: V| {
        let row = text(row);
        (key(k, &row), value(k, &row))
    };
    let mut grouped = Grouped::new();
    if op.options.contains_key("serdes") {
        grouped = Grouped::with(Text::default_serde(), Text::default_serde());
    }
    let grouped = match (op.text("name"), op.options.contains_key("before")) {
        (None, _) if op.options.contains_key("serdes") => table.group_by_with(select, grouped),
        (None, _) => table.group_by(select),
        (Some(name), true) => table.named(name).group_by_with(select, grouped),
        (Some(name), false) => table.group_by_with(select, grouped.with_name(name)),
    };
    build.set(op, grouped)
}

fn grouped(build: &Build, op: &Op) -> Result<KGroupedTable<Text, Text>, Fault> {
    let grouped: KGroupedTable<Text, Text> = build.get(op, 0)?;
    Ok(op.text("name").map_or_else(|| grouped.clone(), |name| grouped.named(name)))
}

fn count(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let table = match materialized(op) {
        Some(materialized) => grouped.count_with(materialized),
        None => grouped.count(),
    };
    build.set(op, table)
}

fn reduce(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let (add, subtract) = (joiner(op.option("lambda"))?, joiner(op.option("subtract"))?);
    let add = move |before: Text, value: Text| add(&before, &value);
    let subtract = move |before: Text, value: Text| subtract(&before, &value);
    let table = match materialized(op) {
        Some(materialized) => grouped.reduce_with(add, subtract, materialized),
        None => grouped.reduce(add, subtract),
    };
    build.set(op, table)
}

fn aggregate(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let add = |key: &Text, value: Text, before: String| next(key, &value, &before);
    let subtract =
        |key: &Text, value: Text, before: String| tail(format!("{before}-{}{}", shown(key), shown(&value)));
    let table = match materialized(op) {
        Some(materialized) => grouped.aggregate_with(|| "i".to_owned(), add, subtract, materialized),
        None => grouped.aggregate(|| "i".to_owned(), add, subtract),
    };
    build.set(op, table)
}

fn aggregate_nullable(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let add = nullable_next(&joiner(op.option("lambda"))?);
    let subtract = nullable_next(&joiner(op.option("subtract"))?);
    let initial = || Some("i".to_owned());
    let table = match materialized(op) {
        Some(materialized) => grouped.aggregate_with(initial, add, subtract, materialized),
        None => grouped.aggregate(initial, add, subtract),
    };
    build.set(op, table)
}

/// What each step wrote to a topic through which groups of a table go.
fn repartitioned<'a>(evidence: &Evidence<'a>) -> Vec<&'a Vec<Written>> {
    let named = |op: &Op| {
        let store = op.option("materialized")["name"].as_str().filter(|_| op.op.starts_with("group_"));
        let group = op.text("name").filter(|_| op.op.ends_with("_group_by"));
        [store, group].into_iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    let named: Vec<String> = evidence.case.ops.iter().flat_map(named).collect();
    let is_one = |topic: &str| {
        let name = topic.strip_prefix("app-").and_then(|rest| rest.strip_suffix("-repartition"));
        name.is_some_and(|name| {
            name.starts_with("KTABLE-AGGREGATE-STATE-STORE-") || named.iter().any(|one| one == name)
        })
    };
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    outputs.filter(|(topic, _)| is_one(topic)).map(|(_, records)| records).collect()
}

fn is_of(record: &Written, kind: u8) -> bool {
    record.value.as_ref().is_some_and(|value| value.last() == Some(&kind))
}

/// Changes of that kind on their way to a group.
fn changes(evidence: &Evidence<'_>, kind: u8) -> u64 {
    let records = repartitioned(evidence).into_iter().flatten();
    records.filter(|record| is_of(record, kind)).count() as u64
}

/// Updates of which one group gets what the row was, and the next one what it is.
fn moves(evidence: &Evidence<'_>) -> u64 {
    let moved = |pair: &[Written]| is_of(&pair[0], OLD) && is_of(&pair[1], NEW) && pair[0].key != pair[1].key;
    let steps = repartitioned(evidence);
    steps.iter().map(|records| records.windows(2).filter(|pair| moved(pair)).count() as u64).sum()
}

/// Groups whose aggregate became null.
fn tombstones(evidence: &Evidence<'_>) -> u64 {
    if !evidence.case.ops.iter().any(|op| op.op.starts_with("group_")) {
        return 0;
    }
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let changelogs = outputs.filter(|(topic, _)| {
        topic.starts_with("app-KTABLE-AGGREGATE-STATE-STORE-") && topic.ends_with("-changelog")
    });
    changelogs.flat_map(|(_, records)| records).filter(|record| record.value.is_none()).count() as u64
}
