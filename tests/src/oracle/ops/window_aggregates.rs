//! Aggregations in windows of every kind, with results on update and on close.

use kstreams::prelude::*;
use kstreams::{SessionWindowedKStream, TimeWindowedKStream};
use serde_json::json;

use super::aggregates::{next, nullable_next};
use super::windows::{self, draw_length, session_merges_of, several_windows, span};
use super::{
    Build, Draw, Family, GROUPED, Kind, Operator, WINDOWED_LONGS, WINDOWED_NULLABLE, WINDOWED_TABLE,
    materialized,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, draw_joiner, draw_null_if, joiner, tail};

const ONE: &[Kind] = &[GROUPED];

type Grouped = KGroupedStream<Text, Text>;

/// A call with a store of its own or without.
macro_rules! call {
    ($windowed:expr, $op:expr, $plain:ident, $with:ident ( $($argument:expr),* )) => {{
        let (windowed, op) = ($windowed, $op);
        match materialized(op) {
            Some(materialized) => windowed.$with($($argument,)* materialized),
            None => windowed.$plain($($argument),*),
        }
    }};
}

macro_rules! counted {
    ($weight:literal, $name:literal, $draw:ident, $windows:ident) => {
        operator($weight, $name, &[WINDOWED_LONGS], $draw, |build, op| {
            let table = call!($windows(build, op)?, op, count, count_with());
            build.set(op, table)
        })
    };
}

macro_rules! reduced {
    ($weight:literal, $name:literal, $draw:ident, $windows:ident) => {
        operator(
            $weight,
            $name,
            &[WINDOWED_NULLABLE],
            |draw| {
                let options = $draw(draw);
                draw.with_lambda(options, draw_joiner)
            },
            |build, op| {
                let lambda = joiner(op.option("lambda"))?;
                let reducer = move |before: Text, value: Text| lambda(&before, &value);
                let table = call!($windows(build, op)?, op, reduce, reduce_with(reducer));
                build.set(op, table)
            },
        )
    };
}

/// The four aggregations of streams in windows of a fixed length, under names that begin alike.
macro_rules! aggregations {
    (
        $weight:literal, $windows:ident, $draw:ident,
        $count:literal, $reduce:literal, $aggregate:literal, $nullable:literal
    ) => {
        [
            counted!($weight, $count, $draw, $windows),
            reduced!($weight, $reduce, $draw, $windows),
            operator($weight, $aggregate, &[WINDOWED_TABLE], $draw, |build, op| {
                let table = call!($windows(build, op)?, op, aggregate, aggregate_with(initial, add));
                build.set(op, table)
            }),
            operator(
                $weight,
                $nullable,
                &[WINDOWED_NULLABLE],
                |draw| {
                    let options = $draw(draw);
                    draw.with_lambda(options, draw_null_if)
                },
                |build, op| {
                    let adder = nullable_next(&joiner(op.option("lambda"))?);
                    let windowed = $windows(build, op)?;
                    let table = call!(windowed, op, aggregate, aggregate_with(|| Some(initial()), adder));
                    build.set(op, table)
                },
            ),
        ]
    };
}

const SLIDING: [Operator; 4] = aggregations!(
    2,
    sliding,
    draw_sliding,
    "sliding_count",
    "sliding_reduce",
    "sliding_aggregate",
    "sliding_aggregate_nullable"
);

const UNLIMITED: [Operator; 4] = aggregations!(
    2,
    unlimited,
    draw_unlimited,
    "unlimited_count",
    "unlimited_reduce",
    "unlimited_aggregate",
    "unlimited_aggregate_nullable"
);

const EMITTING: [Operator; 4] = aggregations!(
    2,
    time,
    draw_emitting,
    "emitting_count",
    "emitting_reduce",
    "emitting_aggregate",
    "emitting_aggregate_nullable"
);

const TIME: [Operator; 4] = aggregations!(
    4,
    time,
    draw_time,
    "window_count",
    "window_reduce",
    "window_aggregate",
    "window_aggregate_nullable"
);

/// The three aggregations in sessions, under names that begin alike.
macro_rules! session_aggregations {
    ($weight:literal, $draw:ident, $count:literal, $reduce:literal, $aggregate:literal) => {
        [
            counted!($weight, $count, $draw, sessions),
            reduced!($weight, $reduce, $draw, sessions),
            operator($weight, $aggregate, &[WINDOWED_TABLE], $draw, |build, op| {
                let merger = |_: &Text, one: String, two: String| tail(format!("{one}|{two}"));
                let windowed = sessions(build, op)?;
                let table = call!(windowed, op, aggregate, aggregate_with(initial, add, merger));
                build.set(op, table)
            }),
        ]
    };
}

const SESSIONS: [Operator; 3] =
    session_aggregations!(4, draw_sessions, "session_count", "session_reduce", "session_aggregate");

const EMITTING_SESSIONS: [Operator; 3] = session_aggregations!(
    2,
    draw_emitting_sessions,
    "emitting_session_count",
    "emitting_session_reduce",
    "emitting_session_aggregate"
);

/// Aggregations in windows.
pub const FAMILY: Family = Family {
    operators: &{
        let ([a, b, c, d], [e, f, g]) = (TIME, SESSIONS);
        let ([h, i, j, k], [l, m, n, o]) = (SLIDING, UNLIMITED);
        let ([p, q, r, s], [t, u, v]) = (EMITTING, EMITTING_SESSIONS);
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v]
    },
    rules: &[
        Rule { name: "session merge", floor: 20, measure: |e| session_merges_of(e, "session_") },
        Rule { name: "several sliding windows", floor: 20, measure: |e| several_windows(e, "sliding_") },
        Rule {
            name: "sliding: late drop",
            floor: 20,
            measure: |e| if has(e, "sliding_") { e.count_drops(|record| record.key.is_some()) } else { 0 },
        },
        Rule { name: "before an unlimited window", floor: 20, measure: before_unlimited },
        Rule {
            name: "windows emitted on close",
            floor: 10,
            measure: |e| emitted(e, |op| !op.starts_with("emitting_session")),
        },
        Rule {
            name: "sessions emitted on close",
            floor: 5,
            measure: |e| emitted(e, |op| op.starts_with("emitting_session")),
        },
    ],
};

const fn operator(
    weight: u32,
    name: &'static str,
    outputs: &'static [Kind],
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs: ONE, outputs, weight, draw, apply }
}

fn initial() -> String {
    "i".to_owned()
}

fn add(key: &Text, value: Text, before: String) -> String {
    next(key, &value, &before)
}

/// What `emitStrategy` is given, if it is called.
fn emit(op: &Op) -> Option<EmitStrategy> {
    op.text("emit").map(|emit| match emit {
        "close" => EmitStrategy::OnWindowClose,
        _ => EmitStrategy::OnWindowUpdate,
    })
}

macro_rules! emitting {
    ($windowed:expr, $op:expr) => {{
        let (mut windowed, op) = ($windowed, $op);
        if let Some(emit) = emit(op) {
            windowed = windowed.emit_strategy(emit);
        }
        Ok(op.text("name").map_or_else(|| windowed.clone(), |name| windowed.named(name)))
    }};
}

type In<W> = TimeWindowedKStream<Text, Text, W>;

fn sliding(build: &Build, op: &Op) -> Result<In<SlidingWindows>, Fault> {
    let windows = SlidingWindows::of_time_difference_and_grace(span(op, "size")?, span(op, "grace")?);
    emitting!(build.get::<Grouped>(op, 0)?.windowed_by(windows), op)
}

fn unlimited(build: &Build, op: &Op) -> Result<In<UnlimitedWindows>, Fault> {
    let mut windows = UnlimitedWindows::of();
    if let Some(start_ms) = op.number("start") {
        windows = windows.start_on(start_ms);
    }
    emitting!(build.get::<Grouped>(op, 0)?.windowed_by(windows), op)
}

fn time(build: &Build, op: &Op) -> Result<In<TimeWindows>, Fault> {
    let mut windows = TimeWindows::of_size_and_grace(span(op, "size")?, span(op, "grace")?);
    if op.number("advance").is_some() {
        windows = windows.advance_by(span(op, "advance")?);
    }
    emitting!(build.get::<Grouped>(op, 0)?.windowed_by(windows), op)
}

fn sessions(build: &Build, op: &Op) -> Result<SessionWindowedKStream<Text, Text>, Fault> {
    let windows = SessionWindows::of_inactivity_gap_and_grace(span(op, "gap")?, span(op, "grace")?);
    emitting!(build.get::<Grouped>(op, 0)?.windowed_by(windows), op)
}

/// With an emit strategy, which is to emit on close in this many cases of 100.
fn with_emit(draw: &mut Draw, mut options: Options, on_close: usize) -> Options {
    if draw.rng.chance(on_close) {
        draw.wall_clock = true;
        options.insert("emit".into(), json!("close"));
    } else if draw.rng.chance(10) {
        options.insert("emit".into(), json!("update"));
    }
    options
}

fn draw_time(draw: &mut Draw) -> Options {
    let options = draw.stored();
    windows::draw_time(draw, options)
}

fn draw_emitting(draw: &mut Draw) -> Options {
    let options = draw_time(draw);
    with_emit(draw, options, 85)
}

fn draw_sliding(draw: &mut Draw) -> Options {
    let options = draw.stored();
    let options = draw_length(draw, options, "size");
    with_emit(draw, options, 35)
}

fn draw_sessions(draw: &mut Draw) -> Options {
    let options = draw.stored();
    draw_length(draw, options, "gap")
}

fn draw_emitting_sessions(draw: &mut Draw) -> Options {
    let options = draw_sessions(draw);
    with_emit(draw, options, 85)
}

fn draw_unlimited(draw: &mut Draw) -> Options {
    let options = draw.stored();
    let mut options = with_emit(draw, options, 2);
    if draw.rng.chance(70) {
        let start = draw.rng.between(0, 40);
        draw.mark(start);
        options.insert("start".into(), json!(start));
    }
    options
}

fn has(evidence: &Evidence<'_>, prefix: &str) -> bool {
    evidence.case.ops.iter().any(|op| op.op.starts_with(prefix))
}

/// Records that come before an unlimited window begins.
fn before_unlimited(evidence: &Evidence<'_>) -> u64 {
    let unlimited = evidence.case.ops.iter().filter(|op| op.op.starts_with("unlimited_"));
    let start = unlimited.filter_map(|op| op.number("start")).max();
    start.map_or(0, |start| evidence.count_records(|record| record.key.is_some() && record.timestamp < start))
}

/// Calls of such operators that have emitted on close, as far as a sink has got it.
fn emitted(evidence: &Evidence<'_>, such: impl Fn(&str) -> bool) -> u64 {
    let calls = evidence.case.ops.iter().enumerate();
    let closing = calls.filter(|(_, op)| op.text("emit") == Some("close") && such(&op.op));
    closing.filter(|(at, _)| evidence.reached(*at)).count() as u64
}
