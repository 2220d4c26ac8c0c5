//! Where a topology begins: streams, tables and global tables read from topics.

use serde_json::json;
use streams_dsl::prelude::*;

use super::{Build, Draw, Family, GLOBAL, Operator, STREAM, TABLE, materialized};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::Text;

/// Sources.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "stream",
            inputs: &[],
            outputs: &[STREAM],
            weight: 3,
            draw: |draw| source(draw, &["s0", "s0", "s1", "s2"]),
            apply: stream,
        },
        Operator {
            name: "table",
            inputs: &[],
            outputs: &[TABLE],
            weight: 3,
            draw: |draw| {
                let options = source(draw, &["t0", "t1"]);
                draw.materialized(options)
            },
            apply: table,
        },
        Operator {
            name: "global_table",
            inputs: &[],
            outputs: &[GLOBAL],
            weight: 2,
            draw: |draw| {
                let mut options = source(draw, &["g0", "g1"]);
                options.remove("name");
                if draw.rng.chance(30) {
                    options.insert("materialized".into(), json!({"name": format!("store{}", draw.unique())}));
                }
                options
            },
            apply: global_table,
        },
    ],
    rules: &[
        Rule {
            name: "record with headers",
            floor: 300,
            measure: |e| e.count_records(|r| !r.headers.is_empty()),
        },
        Rule { name: "wall clock advance", floor: 100, measure: advances },
        Rule {
            name: "equal timestamps",
            floor: 300,
            measure: |e| e.count_pairs(|now, before| now == before),
        },
        Rule {
            name: "earlier than before",
            floor: 300,
            measure: |e| e.count_pairs(|now, before| now < before),
        },
        Rule { name: "null key", floor: 200, measure: |e| e.count_records(|r| r.key.is_none()) },
        Rule { name: "null value", floor: 200, measure: |e| e.count_records(|r| r.value.is_none()) },
        Rule { name: "empty input", floor: 2, measure: |e| u64::from(e.case.input.is_empty()) },
    ],
};

fn advances(evidence: &Evidence<'_>) -> u64 {
    (evidence.case.input.len() - evidence.case.records().count()) as u64
}

fn source(draw: &mut Draw, topics: &[&str]) -> Options {
    let mut options = draw.named();
    options.insert("topic".into(), json!(draw.rng.pick(topics)));
    options
}

fn stream(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let topic = op.topic()?;
    let stream: KStream<Text, Text> = match op.text("name") {
        Some(name) => build.builder.stream_with(topic, Consumed::named(name)),
        None => build.builder.stream(topic),
    };
    build.set(op, stream)
}

fn table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let consumed = op.text("name").map_or_else(Consumed::new, Consumed::named);
    let table: KTable<Text, String> = match materialized(op) {
        Some(materialized) => build.builder.table_with(op.topic()?, consumed, materialized),
        None => build.builder.table_with(op.topic()?, consumed, Materialized::inherit()),
    };
    build.set(op, table)
}

fn global_table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let table: GlobalKTable<String, String> = match materialized(op) {
        Some(materialized) => build.builder.global_table_with(op.topic()?, Consumed::new(), materialized),
        None => build.builder.global_table(op.topic()?),
    };
    build.set(op, table)
}
