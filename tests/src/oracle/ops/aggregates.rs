//! Aggregations of grouped streams without windows.

use std::sync::Arc;

use kstreams::prelude::*;

use super::{Build, Draw, Family, GROUPED, Kind, LONGS, NULLABLE_TABLE, Operator, TABLE, materialized};
use crate::oracle::case::{Fault, Op};
use crate::oracle::lambdas::{Joiner, Text, draw_joiner, draw_null_if, joiner, shown, tail};

const ONE: &[Kind] = &[GROUPED];

/// Aggregations.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "count",
            inputs: ONE,
            outputs: &[LONGS],
            weight: 3,
            draw: Draw::stored,
            apply: count,
        },
        Operator {
            name: "reduce",
            inputs: ONE,
            outputs: &[NULLABLE_TABLE],
            weight: 3,
            draw: |draw| draw.stored_lambda(draw_joiner),
            apply: reduce,
        },
        Operator {
            name: "aggregate",
            inputs: ONE,
            outputs: &[TABLE],
            weight: 3,
            draw: Draw::stored,
            apply: aggregate,
        },
        Operator {
            name: "aggregate_nullable",
            inputs: ONE,
            outputs: &[NULLABLE_TABLE],
            weight: 2,
            draw: |draw| {
                let options = draw.stored();
                draw.with_lambda(options, draw_null_if)
            },
            apply: aggregate_nullable,
        },
    ],
    rules: &[],
};

/// The aggregator of texts: a list of values behind the first one, with the key in front.
pub fn next(key: &Text, value: &Text, before: &str) -> String {
    tail(format!("{before}{}{}", shown(key), shown(value)))
}

/// The same, except that the joiner may say null; from null it starts again.
pub fn nullable_next(joiner: &Joiner) -> impl Fn(&Text, Text, Text) -> Text + Send + Sync + use<> {
    let joiner = Arc::clone(joiner);
    move |_, value, before| joiner(&before, &value)
}

fn grouped(build: &Build, op: &Op) -> Result<KGroupedStream<Text, Text>, Fault> {
    let grouped: KGroupedStream<Text, Text> = build.get(op, 0)?;
    Ok(op.text("name").map_or_else(|| grouped.clone(), |name| grouped.named(name)))
}

/// With a name for the node alone, Java wants a Materialized too.
fn stored<V: DefaultSerde>(op: &Op) -> Option<Materialized<Text, V>> {
    materialized(op).or_else(|| op.text("name").map(|_| Materialized::new()))
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
    let lambda = joiner(op.option("lambda"))?;
    let reducer = move |before: Text, value: Text| lambda(&before, &value);
    let table = match stored(op) {
        Some(materialized) => grouped.reduce_with(reducer, materialized),
        None => grouped.reduce(reducer),
    };
    build.set(op, table)
}

fn aggregate(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let adder = |key: &Text, value: Text, before: String| next(key, &value, &before);
    let table = match stored(op) {
        Some(materialized) => grouped.aggregate_with(|| "i".to_owned(), adder, materialized),
        None => grouped.aggregate(|| "i".to_owned(), adder),
    };
    build.set(op, table)
}

fn aggregate_nullable(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let grouped = grouped(build, op)?;
    let adder = nullable_next(&joiner(op.option("lambda"))?);
    let table = match stored(op) {
        Some(materialized) => grouped.aggregate_with(|| Some("i".to_owned()), adder, materialized),
        None => grouped.aggregate(|| Some("i".to_owned()), adder),
    };
    build.set(op, table)
}
