//! Joins of tables by their keys.

use kstreams::prelude::*;
use serde_json::json;

use super::{
    Build, Draw, Family, Kind, LONGS, NULLABLE_TABLE, Operator, TABLE, WINDOWED_TABLE, materialized,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, draw_joiner, draw_row_joiner, joiner, shown};

const TWO: &[Kind] = &[TABLE, TABLE];
const ROWS: &[Kind] = &[TABLE];
const NULLABLE: &[Kind] = &[NULLABLE_TABLE];

/// Joins of tables.
pub const FAMILY: Family = Family {
    operators: &[
        join("tables_inner", TWO, ROWS, rows, |build, op| {
            add(build, op, "inner", row, row, not_null, |rows| rows)
        }),
        join("tables_left", TWO, ROWS, rows, |build, op| {
            add(build, op, "left", row, row, not_null, |rows| rows)
        }),
        join("tables_outer", TWO, ROWS, rows, |build, op| {
            add(build, op, "outer", row, row, not_null, |rows| rows)
        }),
        join("tables_inner_nullable", TWO, NULLABLE, nullable, |build, op| {
            add(build, op, "inner", row, row, |text| text, |rows| rows.nullable())
        }),
        join("tables_left_nullable", TWO, NULLABLE, nullable, |build, op| {
            add(build, op, "left", row, row, |text| text, |rows| rows.nullable())
        }),
        join("tables_outer_nullable", TWO, NULLABLE, nullable, |build, op| {
            add(build, op, "outer", row, row, |text| text, |rows| rows.nullable())
        }),
        join("table_with_longs", &[TABLE, LONGS], ROWS, any_kind, |build, op| {
            add(build, op, kind(op), row, number, not_null, |rows| rows)
        }),
        join("longs_with_table", &[LONGS, TABLE], ROWS, any_kind, |build, op| {
            add(build, op, kind(op), number, row, not_null, |rows| rows)
        }),
        join("nullable_with_nullable", &[NULLABLE_TABLE, NULLABLE_TABLE], ROWS, any_kind, |build, op| {
            add(build, op, kind(op), Option::flatten, Option::flatten, not_null, |rows| rows)
        }),
        Operator {
            name: "windowed_with_windowed",
            inputs: &[WINDOWED_TABLE, WINDOWED_TABLE],
            outputs: &[WINDOWED_TABLE],
            weight: 3,
            draw: |draw| {
                let mut options = draw.lambda(draw_row_joiner);
                options.insert("kind".into(), draw_kind(draw));
                options
            },
            apply: windowed,
        },
    ],
    rules: &[
        Rule { name: "row of joined tables", floor: 40, measure: |e| stored(e, true) },
        Rule { name: "tombstone of joined tables", floor: 8, measure: |e| stored(e, false) },
        Rule { name: "join of a table that is not stored", floor: 5, measure: unstored },
    ],
};

const fn join(
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs, weight: 3, draw, apply }
}

fn rows(draw: &mut Draw) -> Options {
    let options = draw.lambda(draw_row_joiner);
    draw.materialized(options)
}

fn nullable(draw: &mut Draw) -> Options {
    let options = draw.lambda(draw_joiner);
    draw.materialized(options)
}

fn draw_kind(draw: &mut Draw) -> serde_json::Value {
    json!(draw.rng.pick(&["inner", "left", "outer"]))
}

fn any_kind(draw: &mut Draw) -> Options {
    let mut options = rows(draw);
    options.insert("kind".into(), draw_kind(draw));
    options
}

fn kind(op: &Op) -> &str {
    op.text("kind").unwrap_or_default()
}

fn row(row: Option<String>) -> Text {
    row
}

fn number(row: Option<i64>) -> Text {
    row.map(|row| row.to_string())
}

/// The joiners of rows give no null.
fn not_null(text: Text) -> String {
    shown(&text).to_owned()
}

fn add<V, VO, VR>(
    build: &mut Build,
    op: &Op,
    kind: &str,
    text: fn(Option<V>) -> Text,
    other_text: fn(Option<VO>) -> Text,
    result: fn(Text) -> VR,
    say: fn(KTable<Text, VR>) -> KTable<Text, VR>,
) -> Result<(), Fault>
where
    V: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + DefaultSerde + 'static,
{
    let (table, other): (KTable<Text, V>, KTable<Text, VO>) = (build.get(op, 0)?, build.get(op, 1)?);
    let table = op.text("name").map_or_else(|| table.clone(), |name| table.named(name));
    let lambda = joiner(op.option("lambda"))?;
    let join = move |one: Option<V>, two: Option<VO>| result(lambda(&text(one), &other_text(two)));
    let inner = {
        let join = join.clone();
        move |one, two| join(Some(one), Some(two))
    };
    let left = {
        let join = join.clone();
        move |one, two| join(Some(one), two)
    };
    let table: KTable<Text, VR> = match (kind, materialized(op)) {
        ("inner", None) => table.join(&other, inner),
        ("inner", Some(materialized)) => table.join_with(&other, inner, materialized),
        ("left", None) => table.left_join(&other, left),
        ("left", Some(materialized)) => table.left_join_with(&other, left, materialized),
        (_, None) => table.outer_join(&other, join),
        (_, Some(materialized)) => table.outer_join_with(&other, join, materialized),
    };
    build.set(op, say(table))
}

fn windowed(build: &mut Build, op: &Op) -> Result<(), Fault> {
    type Table = KTable<Windowed<Text>, String>;
    let (table, other): (Table, Table) = (build.get(op, 0)?, build.get(op, 1)?);
    let table = op.text("name").map_or_else(|| table.clone(), |name| table.named(name));
    let lambda = joiner(op.option("lambda"))?;
    let join = move |one: Option<String>, two: Option<String>| not_null(lambda(&one, &two));
    let table: Table = match kind(op) {
        "inner" => table.join(&other, move |one, two| join(Some(one), Some(two))),
        "left" => table.left_join(&other, move |one, two| join(Some(one), two)),
        _ => table.outer_join(&other, join),
    };
    build.set(op, table)
}

/// Joins of two tables by their keys.
fn joins<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = (usize, &'a Op)> {
    let is_join = |op: &Op| op.op.starts_with("tables_") || op.op.contains("_with_");
    evidence.case.ops.iter().enumerate().filter(move |(_, op)| is_join(op))
}

/// Rows, or tombstones, in the changelogs of stored results.
fn stored(evidence: &Evidence<'_>, row: bool) -> u64 {
    let names = joins(evidence).filter_map(|(_, op)| op.option("materialized")["name"].as_str());
    let changelogs: Vec<String> = names.map(|name| format!("app-{name}-changelog")).collect();
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let records = outputs.filter(|(topic, _)| changelogs.contains(topic)).flat_map(|(_, records)| records);
    records.filter(|record| record.value.is_some() == row).count() as u64
}

/// Joins with results of a table that is looked up through the function that makes it.
fn unstored(evidence: &Evidence<'_>) -> u64 {
    let makes = |register: &u32| evidence.case.ops.iter().find(|op| op.outputs.contains(register));
    let computed = |op: &Op| {
        let is_computed =
            op.op.contains("filter") || op.op.contains("map_values") || op.op.contains("tables_");
        is_computed && op.option("materialized")["name"].is_null()
    };
    let such = joins(evidence).filter(|(_, op)| op.inputs.iter().filter_map(makes).any(computed));
    such.filter(|(at, _)| evidence.reached(*at)).count() as u64
}

/// Whether no table of windows comes from a cogroup: Kafka Streams cannot join those (docs/GLOSSARY.md).
pub fn fits(operator: &Operator, inputs: &[u32], calls: &[Op]) -> bool {
    operator.name != "windowed_with_windowed" || !inputs.iter().any(|input| is_of_cogroup(*input, calls))
}

fn is_of_cogroup(table: u32, calls: &[Op]) -> bool {
    calls.iter().find(|call| call.outputs.contains(&table)).is_some_and(|call| {
        call.op.starts_with("cogroup")
            || (call.op.starts_with("windowed_")
                && call.inputs.iter().any(|input| is_of_cogroup(*input, calls)))
    })
}
