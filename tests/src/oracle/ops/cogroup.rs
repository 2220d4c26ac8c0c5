//! One to three grouped streams folded into one table: whole, in windows, in sliding windows, in sessions.

use kstreams::prelude::*;

use super::windows::{self, draw_length, session_merges_of, several_windows, span};
use super::{
    Build, Draw, Family, GROUPED, Kind, NULLABLE_TABLE, Operator, TABLE, WINDOWED_NULLABLE, WINDOWED_TABLE,
    materialized,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Joiner, Text, draw_null_if, joiner, shown, tail};

const ONE: &[Kind] = &[GROUPED];
const TWO: &[Kind] = &[GROUPED, GROUPED];
const THREE: &[Kind] = &[GROUPED, GROUPED, GROUPED];

type Texts = CogroupedKStream<Text, String>;
type Nullables = CogroupedKStream<Text, Text>;

const fn operator(
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs, weight: 2, draw, apply }
}

/// Cogrouped streams.
pub const FAMILY: Family = Family {
    operators: &[
        operator("cogroup_one", ONE, &[TABLE], Draw::stored, whole),
        operator("cogroup_two", TWO, &[TABLE], Draw::stored, whole),
        operator("cogroup_three", THREE, &[TABLE], Draw::stored, whole),
        operator("cogroup_nullable", TWO, &[NULLABLE_TABLE], draw_nullable, |build, op| {
            let cogrouped = nullables(build, op)?;
            let table = match materialized(op) {
                Some(materialized) => cogrouped.aggregate_with(|| Some(initial()), materialized),
                None => cogrouped.aggregate(|| Some(initial())),
            };
            build.set(op, table)
        }),
        operator("cogroup_twice", TWO, &[TABLE, WINDOWED_TABLE], draw_time, |build, op| {
            // Both aggregations share the repartition topics; only one has a name.
            let cogrouped = texts(build, op, false)?;
            build.set(op, cogrouped.aggregate(initial))?;
            let windowed = named(cogrouped, op).windowed_by(time(op)?);
            let table = match materialized(op) {
                Some(materialized) => windowed.aggregate_with(initial, materialized),
                None => windowed.aggregate(initial),
            };
            build.set_nth(op, 1, table)
        }),
        operator("cogroup_window_one", ONE, &[WINDOWED_TABLE], draw_time, windowed),
        operator("cogroup_window_two", TWO, &[WINDOWED_TABLE], draw_time, windowed),
        operator("cogroup_window_three", THREE, &[WINDOWED_TABLE], draw_time, windowed),
        operator("cogroup_window_nullable", TWO, &[WINDOWED_NULLABLE], draw_time_nullable, |build, op| {
            let windowed = nullables(build, op)?.windowed_by(time(op)?);
            let table = match materialized(op) {
                Some(materialized) => windowed.aggregate_with(|| Some(initial()), materialized),
                None => windowed.aggregate(|| Some(initial())),
            };
            build.set(op, table)
        }),
        operator("cogroup_sliding_one", ONE, &[WINDOWED_TABLE], draw_sliding, sliding),
        operator("cogroup_sliding_two", TWO, &[WINDOWED_TABLE], draw_sliding, sliding),
        operator("cogroup_sliding_three", THREE, &[WINDOWED_TABLE], draw_sliding, sliding),
        operator(
            "cogroup_sliding_nullable",
            TWO,
            &[WINDOWED_NULLABLE],
            draw_sliding_nullable,
            |build, op| {
                let windows =
                    SlidingWindows::of_time_difference_and_grace(span(op, "size")?, span(op, "grace")?);
                let windowed = nullables(build, op)?.windowed_by(windows);
                let table = match materialized(op) {
                    Some(materialized) => windowed.aggregate_with(|| Some(initial()), materialized),
                    None => windowed.aggregate(|| Some(initial())),
                };
                build.set(op, table)
            },
        ),
        operator("cogroup_session_one", ONE, &[WINDOWED_TABLE], draw_sessions, sessions),
        operator("cogroup_session_two", TWO, &[WINDOWED_TABLE], draw_sessions, sessions),
        operator("cogroup_session_three", THREE, &[WINDOWED_TABLE], draw_sessions, sessions),
    ],
    rules: &[
        Rule { name: "cogroup: update by the second", floor: 20, measure: |e| e.count_values(";2") },
        Rule { name: "cogroup: update by the third", floor: 5, measure: |e| e.count_values(";3") },
        Rule {
            name: "cogroup: late drop",
            floor: 20,
            measure: |e| if has(e, "grace") { e.count_drops(|record| record.key.is_some()) } else { 0 },
        },
        Rule {
            name: "cogroup: session merge",
            floor: 5,
            measure: |e| session_merges_of(e, "cogroup_session"),
        },
        Rule {
            name: "cogroup: several sliding windows",
            floor: 20,
            measure: |e| several_windows(e, "cogroup_sliding"),
        },
    ],
};

/// Whether the case has a cogrouped stream with that option.
fn has(evidence: &Evidence<'_>, option: &str) -> bool {
    let cogroups = evidence.case.ops.iter().filter(|op| op.op.starts_with("cogroup_"));
    cogroups.into_iter().any(|op| op.options.contains_key(option))
}

fn initial() -> String {
    "i".to_owned()
}

/// The aggregator of a stream: what `next` of plain aggregations does, with the stream's number.
fn marked(number: usize) -> impl Fn(&Text, Text, String) -> String + Send + Sync {
    move |key, value, before| tail(format!("{before}{}{};{number}", shown(key), shown(&value)))
}

/// The same, except that the joiner may say null; from null it starts again.
fn nullable(number: usize, joiner: &Joiner) -> impl Fn(&Text, Text, Text) -> Text + Send + Sync + use<> {
    let joiner = Joiner::clone(joiner);
    move |_, value, before| Some(tail(format!("{};{number}", joiner(&before, &value)?)))
}

fn named<A: Clone + Send + 'static>(
    cogrouped: CogroupedKStream<Text, A>,
    op: &Op,
) -> CogroupedKStream<Text, A> {
    op.text("name").map_or_else(|| cogrouped.clone(), |name| cogrouped.named(name))
}

fn texts(build: &Build, op: &Op, with_name: bool) -> Result<Texts, Fault> {
    let first: KGroupedStream<Text, Text> = build.get(op, 0)?;
    let mut cogrouped = first.cogroup(marked(1));
    for at in 1..op.inputs.len() {
        let further: KGroupedStream<Text, Text> = build.get(op, at)?;
        cogrouped = cogrouped.cogroup(&further, marked(at + 1));
    }
    Ok(if with_name { named(cogrouped, op) } else { cogrouped })
}

fn nullables(build: &Build, op: &Op) -> Result<Nullables, Fault> {
    let joiner = joiner(op.option("lambda"))?;
    let first: KGroupedStream<Text, Text> = build.get(op, 0)?;
    let second: KGroupedStream<Text, Text> = build.get(op, 1)?;
    Ok(named(first.cogroup(nullable(1, &joiner)).cogroup(&second, nullable(2, &joiner)), op))
}

fn time(op: &Op) -> Result<TimeWindows, Fault> {
    let windows = TimeWindows::of_size_and_grace(span(op, "size")?, span(op, "grace")?);
    Ok(match op.number("advance") {
        Some(_) => windows.advance_by(span(op, "advance")?),
        None => windows,
    })
}

fn whole(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let cogrouped = texts(build, op, true)?;
    let table = match materialized(op) {
        Some(materialized) => cogrouped.aggregate_with(initial, materialized),
        None => cogrouped.aggregate(initial),
    };
    build.set(op, table)
}

fn windowed(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let windowed = texts(build, op, true)?.windowed_by(time(op)?);
    let table = match materialized(op) {
        Some(materialized) => windowed.aggregate_with(initial, materialized),
        None => windowed.aggregate(initial),
    };
    build.set(op, table)
}

fn sliding(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let windows = SlidingWindows::of_time_difference_and_grace(span(op, "size")?, span(op, "grace")?);
    let windowed = texts(build, op, true)?.windowed_by(windows);
    let table = match materialized(op) {
        Some(materialized) => windowed.aggregate_with(initial, materialized),
        None => windowed.aggregate(initial),
    };
    build.set(op, table)
}

fn sessions(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let windows = SessionWindows::of_inactivity_gap_and_grace(span(op, "gap")?, span(op, "grace")?);
    let windowed = texts(build, op, true)?.windowed_by(windows);
    let merger = |_: &Text, one: String, two: String| tail(format!("{one}|{two}"));
    let table = match materialized(op) {
        Some(materialized) => windowed.aggregate_with(initial, merger, materialized),
        None => windowed.aggregate(initial, merger),
    };
    build.set(op, table)
}

fn draw_nullable(draw: &mut Draw) -> Options {
    let options = draw.stored();
    draw.with_lambda(options, draw_null_if)
}

fn draw_time(draw: &mut Draw) -> Options {
    let options = draw.stored();
    windows::draw_time(draw, options)
}

fn draw_time_nullable(draw: &mut Draw) -> Options {
    let options = draw_time(draw);
    draw.with_lambda(options, draw_null_if)
}

fn draw_sliding(draw: &mut Draw) -> Options {
    let options = draw.stored();
    draw_length(draw, options, "size")
}

fn draw_sliding_nullable(draw: &mut Draw) -> Options {
    let options = draw_sliding(draw);
    draw.with_lambda(options, draw_null_if)
}

fn draw_sessions(draw: &mut Draw) -> Options {
    let options = draw.stored();
    draw_length(draw, options, "gap")
}
