//! Joins of a stream with a table, a global table and another stream.

use kstreams::prelude::*;
use serde_json::json;

use super::tables::TextTable;
use super::windows::{draw_grace, span};
use super::{Build, Draw, Family, GLOBAL, Kind, LONGS, Operator, STREAM, TABLE, TextStream};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::Rule;
use crate::oracle::lambdas::{Text, draw_joiner, draw_selector, joiner, mapper};

const ONE: &[Kind] = &[STREAM];

/// Joins.
pub const FAMILY: Family = Family {
    operators: &[
        join(
            "join_table",
            &[STREAM, TABLE],
            6,
            |draw| draw.lambda(draw_joiner),
            |build, op| {
                let (table, lambda): (TextTable, _) = (build.get(op, 1)?, joiner(op.option("lambda"))?);
                let join = move |value: Text, row: String| lambda(&value, &Some(row));
                let stream: TextStream = build.get(op, 0)?;
                let stream = match joined(op) {
                    Some(joined) => stream.join_with(&table, join, joined),
                    None => stream.join(&table, join),
                };
                build.set(op, stream)
            },
        ),
        join(
            "left_join_table",
            &[STREAM, TABLE],
            5,
            |draw| draw.lambda(draw_joiner),
            |build, op| {
                let (table, lambda): (TextTable, _) = (build.get(op, 1)?, joiner(op.option("lambda"))?);
                let join = move |value: Text, row: Option<String>| lambda(&value, &row);
                let stream: TextStream = build.get(op, 0)?;
                let stream = match joined(op) {
                    Some(joined) => stream.left_join_with(&table, join, joined),
                    None => stream.left_join(&table, join),
                };
                build.set(op, stream)
            },
        ),
        join(
            "join_longs",
            &[STREAM, LONGS],
            3,
            |draw| draw.lambda(draw_joiner),
            |build, op| {
                let (table, lambda): (KTable<Text, i64>, _) =
                    (build.get(op, 1)?, joiner(op.option("lambda"))?);
                let join = move |value: Text, row: i64| lambda(&value, &Some(row.to_string()));
                let stream: TextStream = build.get(op, 0)?;
                let stream = match joined(op) {
                    Some(joined) => stream.join_with(&table, join, joined),
                    None => stream.join(&table, join),
                };
                build.set(op, stream)
            },
        ),
        join("join_global", &[STREAM, GLOBAL], 6, draw_global, |build, op| {
            let table: GlobalKTable<String, String> = build.get(op, 1)?;
            let (select, lambda) = (mapper(op.option("key"))?, joiner(op.option("lambda"))?);
            let key = move |k: &Text, v: &Text| select(k, v);
            let join = move |value: Text, row: String| lambda(&value, &Some(row));
            let stream = build.stream(op)?.nullable().join_global(&table, key, join);
            build.set(op, stream)
        }),
        join("left_join_global", &[STREAM, GLOBAL], 5, draw_global, |build, op| {
            let table: GlobalKTable<String, String> = build.get(op, 1)?;
            let (select, lambda) = (mapper(op.option("key"))?, joiner(op.option("lambda"))?);
            let key = move |k: &Text, v: &Text| select(k, v);
            let join = move |value: Text, row: Option<String>| lambda(&value, &row);
            let stream = build.stream(op)?.nullable().left_join_global(&table, key, join);
            build.set(op, stream)
        }),
        join("join_stream", &[STREAM, STREAM], 6, draw_stream_stream, |build, op| {
            let (other, lambda): (TextStream, _) = (build.get(op, 1)?, joiner(op.option("lambda"))?);
            let join = move |left: Text, right: Text| lambda(&left, &right);
            let stream: TextStream = build.get(op, 0)?;
            let stream = match stream_joined(op) {
                Some(joined) => stream.join_stream_with(&other, join, join_windows(op)?, joined),
                None => stream.join_stream(&other, join, join_windows(op)?),
            };
            build.set(op, stream)
        }),
    ],
    rules: &[
        Rule { name: "stream-stream join result", floor: 12, measure: |e| e.joined("join_stream") },
        Rule { name: "stream-table join result", floor: 10, measure: |e| e.joined("join_table") },
    ],
};

const fn join(
    name: &'static str,
    inputs: &'static [Kind],
    weight: u32,
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs: ONE, weight, draw, apply }
}

fn draw_global(draw: &mut Draw) -> Options {
    let mut options = draw.lambda(draw_joiner);
    let key = if draw.rng.chance(50) { json!({"f": "key"}) } else { draw_selector(&mut draw.rng) };
    options.insert("key".into(), key);
    options
}

/// Options of a join of two streams.
pub fn draw_stream_stream(draw: &mut Draw) -> Options {
    let mut options = draw.lambda(draw_joiner);
    let (difference, grace) = (*draw.rng.pick(&[0, 1, 5, 10, 20]), draw_grace(draw));
    [difference, grace, difference + grace].into_iter().for_each(|ms| draw.mark(ms));
    options.insert("difference".into(), json!(difference));
    options.insert("grace".into(), json!(grace));
    for side in ["before", "after"] {
        if draw.rng.chance(20) {
            let ms = draw.rng.between(0, 15);
            draw.mark(ms);
            options.insert(side.into(), json!(ms));
        }
    }
    if draw.rng.chance(15) {
        options.insert("store".into(), format!("store{}", draw.unique()).into());
    }
    options
}

/// `JoinWindows` of a call.
pub fn join_windows(op: &Op) -> Result<JoinWindows, Fault> {
    let mut windows = JoinWindows::of_time_difference_and_grace(span(op, "difference")?, span(op, "grace")?);
    if op.number("before").is_some() {
        windows = windows.before(span(op, "before")?);
    }
    if op.number("after").is_some() {
        windows = windows.after(span(op, "after")?);
    }
    Ok(windows)
}

fn joined(op: &Op) -> Option<Joined<Text, Text>> {
    op.text("name").map(Joined::named)
}

/// `StreamJoined` of a call, if it has a name for the node or the stores.
pub fn stream_joined(op: &Op) -> Option<StreamJoined<Text, Text, Text>> {
    let (name, store) = (op.text("name"), op.text("store"));
    let mut joined = StreamJoined::new();
    if let Some(name) = name {
        joined = joined.with_name(name);
    }
    if let Some(store) = store {
        joined = joined.with_store_name(store);
    }
    (name.is_some() || store.is_some()).then_some(joined)
}
