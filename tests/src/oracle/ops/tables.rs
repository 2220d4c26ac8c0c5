//! Operators on tables, and the ways between tables and streams.

use std::collections::BTreeMap;

use kstreams::prelude::*;

use super::{Build, Draw, Family, Kind, LONGS, NULLABLE_TABLE, Operator, STREAM, TABLE, materialized};
use crate::oracle::case::{Fault, Op};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, draw_null_if, draw_predicate, draw_row_mapper, mapper, predicate, shown};

/// A table as the oracle has them.
pub type TextTable = KTable<Text, String>;

const ONE: &[Kind] = &[TABLE];

/// Operators on tables.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "table_filter",
            inputs: ONE,
            outputs: ONE,
            weight: 4,
            draw: |draw| draw.stored_lambda(draw_predicate),
            apply: |build, op| filter(build, op, true),
        },
        Operator {
            name: "table_filter_not",
            inputs: ONE,
            outputs: ONE,
            weight: 2,
            draw: |draw| draw.stored_lambda(draw_predicate),
            apply: |build, op| filter(build, op, false),
        },
        Operator {
            name: "table_map_values",
            inputs: ONE,
            outputs: ONE,
            weight: 4,
            draw: |draw| draw.stored_lambda(draw_row_mapper),
            apply: |build, op| map_values(build, op, |row: String| Some(row)),
        },
        Operator {
            name: "deleting_map_values",
            inputs: ONE,
            outputs: &[NULLABLE_TABLE],
            weight: 2,
            draw: |draw| draw.stored_lambda(draw_null_if),
            apply: |build, op| {
                let table = named(build.get::<TextTable>(op, 0)?, op);
                let lambda = mapper(op.option("lambda"))?;
                let map = move |k: &Text, v: String| lambda(k, &Some(v));
                let table: KTable<Text, Text> = match materialized(op) {
                    Some(materialized) => table.map_values_with_key_with(map, materialized),
                    None => table.map_values_with_key(map).nullable(),
                };
                build.set(op, table)
            },
        },
        Operator {
            name: "nullable_map_values",
            inputs: &[NULLABLE_TABLE],
            outputs: ONE,
            weight: 2,
            draw: |draw| draw.stored_lambda(draw_row_mapper),
            apply: |build, op| map_values(build, op, |row: Text| row),
        },
        Operator {
            name: "longs_map_values",
            inputs: &[LONGS],
            outputs: ONE,
            weight: 3,
            draw: |draw| draw.stored_lambda(draw_row_mapper),
            apply: |build, op| map_values(build, op, |row: i64| Some(row.to_string())),
        },
        Operator {
            name: "table_to_stream",
            inputs: ONE,
            outputs: &[STREAM],
            weight: 4,
            draw: Draw::named,
            apply: |build, op| {
                let stream = named(build.get::<TextTable>(op, 0)?, op).to_stream();
                build.set(op, stream)
            },
        },
        Operator {
            name: "nullable_to_stream",
            inputs: &[NULLABLE_TABLE],
            outputs: &[STREAM],
            weight: 3,
            draw: Draw::named,
            apply: |build, op| {
                let table = named(build.get::<KTable<Text, Text>>(op, 0)?, op);
                let stream = table.to_stream().map_values(Option::flatten);
                build.set(op, stream)
            },
        },
        Operator {
            name: "longs_to_stream",
            inputs: &[LONGS],
            outputs: &[STREAM],
            weight: 3,
            draw: Draw::named,
            apply: |build, op| {
                let table = named(build.get::<KTable<Text, i64>>(op, 0)?, op);
                let stream = table.to_stream().map_values(|row| row.map(|row: i64| row.to_string()));
                build.set(op, stream)
            },
        },
        Operator {
            name: "to_table",
            inputs: &[STREAM],
            outputs: ONE,
            weight: 3,
            draw: Draw::stored,
            apply: to_table,
        },
        Operator {
            name: "deleting_to_table",
            inputs: &[STREAM],
            outputs: &[NULLABLE_TABLE],
            weight: 2,
            draw: Draw::stored,
            apply: |build, op| {
                let stream = build.stream(op)?;
                let table: KTable<Text, Text> = match materialized(op) {
                    Some(materialized) => stream.to_table_with(materialized),
                    None => stream.to_table(),
                };
                build.set(op, table)
            },
        },
    ],
    rules: &[
        Rule { name: "table tombstone", floor: 60, measure: tombstones },
        Rule { name: "out-of-order table update", floor: 50, measure: out_of_order },
        Rule { name: "reused source topic", floor: 10, measure: reused },
    ],
};

/// The table, under the name that the call gives its node.
fn named<K, V>(table: KTable<K, V>, op: &Op) -> KTable<K, V>
where
    K: Clone + 'static,
    V: Clone + 'static,
{
    op.text("name").map_or_else(|| table.clone(), |name| table.named(name))
}

fn filter(build: &mut Build, op: &Op, keep: bool) -> Result<(), Fault> {
    let table = named(build.get::<TextTable>(op, 0)?, op);
    let lambda = predicate(op.option("lambda"))?;
    let accepts = move |k: &Text, v: &String| lambda(k, &Some(v.clone()));
    let table = match (materialized(op), keep) {
        (Some(materialized), true) => table.filter_with(accepts, materialized),
        (Some(materialized), false) => table.filter_not_with(accepts, materialized),
        (None, true) => table.filter(accepts),
        (None, false) => table.filter_not(accepts),
    };
    build.set(op, table)
}

fn map_values<V>(build: &mut Build, op: &Op, text: fn(V) -> Text) -> Result<(), Fault>
where
    V: Clone + 'static,
{
    let table = named(build.get::<KTable<Text, V>>(op, 0)?, op);
    let lambda = mapper(op.option("lambda"))?;
    let map = move |k: &Text, v: V| shown(&lambda(k, &text(v))).to_owned();
    let table: TextTable = match materialized(op) {
        Some(materialized) => table.map_values_with_key_with(map, materialized),
        None => table.map_values_with_key(map),
    };
    build.set(op, table)
}

fn to_table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let stream = build.stream(op)?;
    let table: TextTable = match materialized(op) {
        Some(materialized) => stream.to_table_optional_with(materialized),
        None => stream.to_table_optional(),
    };
    build.set(op, table)
}

/// Topics that are read as tables.
fn table_topics(evidence: &Evidence<'_>) -> Vec<String> {
    let sources = evidence.case.ops.iter().filter(|op| matches!(&*op.op, "table" | "global_table"));
    sources.filter_map(|op| op.text("topic").map(str::to_owned)).collect()
}

/// Rows that a null deletes.
fn tombstones(evidence: &Evidence<'_>) -> u64 {
    let topics = table_topics(evidence);
    let (mut rows, mut deleted) = (BTreeMap::new(), 0);
    for record in evidence.case.records().filter(|record| topics.contains(&record.topic)) {
        let Some(key) = &record.key else { continue };
        let before = rows.insert((&record.topic, key), record.value.is_some());
        deleted += u64::from(before == Some(true) && record.value.is_none());
    }
    deleted
}

/// Updates of a row that are older than the one before.
fn out_of_order(evidence: &Evidence<'_>) -> u64 {
    let topics = table_topics(evidence);
    let (mut rows, mut late) = (BTreeMap::new(), 0);
    for record in evidence.case.records().filter(|record| topics.contains(&record.topic)) {
        let Some(key) = &record.key else { continue };
        let before = rows.insert((&record.topic, key), record.timestamp);
        late += u64::from(before.is_some_and(|before| before > record.timestamp));
    }
    late
}

/// Tables with content whose source topic is their changelog.
fn reused(evidence: &Evidence<'_>) -> u64 {
    let all = matches!(&*evidence.case.config.optimization, "all" | "reuse.ktable.source.topics");
    let topics = table_topics(evidence);
    let stored = |name: &str| {
        let changelog = format!("app-{name}-changelog");
        !evidence.outcome.steps.iter().any(|step| step.output.contains_key(&changelog))
    };
    let stores = evidence.outcome.stores.iter();
    let count = stores.filter(|(name, entries)| !entries.is_empty() && stored(name)).count();
    if all && !topics.is_empty() { count as u64 } else { 0 }
}
