//! Joins of two streams of all kinds, with all their options; and joiners that see the key, of tables too.

use std::time::Duration;

use kstreams::prelude::*;
use serde_json::{Value, json};
use streams_core::store::WindowSupplier;

use super::tables::TextTable;
use super::windows::{draw_grace, span};
use super::{Build, Draw, Family, GLOBAL, Kind, Operator, STREAM, TABLE, TextStream};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Joiner, Text, draw_joiner, draw_selector, joiner, mapper, shown, tail};

const ONE: &[Kind] = &[STREAM];
const TWO: &[Kind] = &[STREAM, STREAM];

/// What `JoinWindows.of` waits for late records, with the window.
const GRACE_OF_OLD_MS: i64 = 86_400_000;

const fn join(
    name: &'static str,
    inputs: &'static [Kind],
    weight: u32,
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs: ONE, weight, draw, apply }
}

/// Joins of streams.
pub const FAMILY: Family = Family {
    operators: &[
        join("stream_join", TWO, 4, draw_join, |build, op| {
            let other = build.get(op, 1)?;
            inner(build, op, &other)
        }),
        join("stream_left_join", TWO, 6, draw_join, |build, op| {
            let other = build.get(op, 1)?;
            left(build, op, &other)
        }),
        join("stream_outer_join", TWO, 6, draw_join, |build, op| {
            let other = build.get(op, 1)?;
            outer(build, op, &other)
        }),
        join("self_join", ONE, 4, draw_join, |build, op| {
            let other = build.get(op, 0)?;
            inner(build, op, &other)
        }),
        join("self_left_join", ONE, 1, draw_join, |build, op| {
            let other = build.get(op, 0)?;
            left(build, op, &other)
        }),
        join("self_outer_join", ONE, 1, draw_join, |build, op| {
            let other = build.get(op, 0)?;
            outer(build, op, &other)
        }),
        join("join_table_keyed", &[STREAM, TABLE], 3, draw_lambda, |build, op| {
            let (stream, table): (TextStream, TextTable) = (build.get(op, 0)?, build.get(op, 1)?);
            let lambda = joiner(op.option("lambda"))?;
            let join = move |key: &Text, value: Text, row: String| keyed(&lambda, key, &value, &Some(row));
            build.set(op, stream.join_with_key_with(&table, join, joined(op)))
        }),
        join("left_join_table_keyed", &[STREAM, TABLE], 3, draw_lambda, |build, op| {
            let (stream, table): (TextStream, TextTable) = (build.get(op, 0)?, build.get(op, 1)?);
            let lambda = joiner(op.option("lambda"))?;
            let join = move |key: &Text, value: Text, row: Text| keyed(&lambda, key, &value, &row);
            build.set(op, stream.left_join_with_key_with(&table, join, joined(op)))
        }),
        join("join_global_keyed", &[STREAM, GLOBAL], 3, draw_global, |build, op| {
            let table: GlobalKTable<String, String> = build.get(op, 1)?;
            let (select, lambda) = (mapper(op.option("key"))?, joiner(op.option("lambda"))?);
            let selector = move |key: &Text, value: &Text| select(key, value);
            let join = move |key: &Text, value: Text, row: String| keyed(&lambda, key, &value, &Some(row));
            let stream = build.stream(op)?.nullable().join_global_with_key(&table, selector, join);
            build.set(op, stream)
        }),
        join("left_join_global_keyed", &[STREAM, GLOBAL], 3, draw_global, |build, op| {
            let table: GlobalKTable<String, String> = build.get(op, 1)?;
            let (select, lambda) = (mapper(op.option("key"))?, joiner(op.option("lambda"))?);
            let selector = move |key: &Text, value: &Text| select(key, value);
            let join = move |key: &Text, value: Text, row: Text| keyed(&lambda, key, &value, &row);
            let stream = build.stream(op)?.nullable().left_join_global_with_key(&table, selector, join);
            build.set(op, stream)
        }),
    ],
    rules: &[
        Rule {
            name: "left join: no partner",
            floor: 20,
            measure: |e| unpaired(e, "left_join", None, "+null"),
        },
        Rule {
            name: "outer join: no partner",
            floor: 20,
            measure: |e| unpaired(e, "outer_join", None, "+null") + unpaired(e, "outer_join", None, "null+"),
        },
        Rule {
            name: "spurious result without a partner",
            floor: 5,
            measure: |e| unpaired(e, "left_join", Some("old"), "+null"),
        },
        Rule { name: "partner after all", floor: 5, measure: partner_after_all },
        Rule { name: "self join in one store", floor: 3, measure: one_store },
    ],
};

/// The joiner's result, behind the key; what is null stays so.
fn keyed(lambda: &Joiner, key: &Text, left: &Text, right: &Text) -> Text {
    lambda(left, right).map(|joined| tail(format!("{}:{joined}", shown(key))))
}

fn is_keyed(op: &Op) -> bool {
    op.option("keyed") == &json!(true)
}

fn joined(op: &Op) -> Joined<Text, Text> {
    op.text("name").map_or_else(Joined::new, Joined::named)
}

type Both = StreamJoined<Text, Text, Text>;

fn inner(build: &mut Build, op: &Op, other: &TextStream) -> Result<(), Fault> {
    let (stream, lambda): (TextStream, _) = (build.get(op, 0)?, joiner(op.option("lambda"))?);
    let stream = match (is_keyed(op), both(op)?) {
        (true, both) => {
            let join = move |key: &Text, l: Text, r: Text| keyed(&lambda, key, &l, &r);
            stream.join_stream_with_key_with(other, join, windows(op)?, both.unwrap_or_default())
        }
        (false, Some(both)) => stream.join_stream_with(other, move |l, r| lambda(&l, &r), windows(op)?, both),
        (false, None) => stream.join_stream(other, move |l, r| lambda(&l, &r), windows(op)?),
    };
    build.set(op, stream)
}

fn left(build: &mut Build, op: &Op, other: &TextStream) -> Result<(), Fault> {
    let (stream, lambda): (TextStream, _) = (build.get(op, 0)?, joiner(op.option("lambda"))?);
    let stream = match (is_keyed(op), both(op)?) {
        (true, both) => {
            let join = move |key: &Text, l: Text, r: Option<Text>| keyed(&lambda, key, &l, &r.flatten());
            stream.left_join_stream_with_key_with(other, join, windows(op)?, both.unwrap_or_default())
        }
        (false, both) => {
            let join = move |l: Text, r: Option<Text>| lambda(&l, &r.flatten());
            match both {
                Some(both) => stream.left_join_stream_with(other, join, windows(op)?, both),
                None => stream.left_join_stream(other, join, windows(op)?),
            }
        }
    };
    build.set(op, stream)
}

fn outer(build: &mut Build, op: &Op, other: &TextStream) -> Result<(), Fault> {
    let (stream, lambda): (TextStream, _) = (build.get(op, 0)?, joiner(op.option("lambda"))?);
    let stream = match (is_keyed(op), both(op)?) {
        (true, both) => {
            let join = move |key: &Text, l: Option<Text>, r: Option<Text>| {
                keyed(&lambda, key, &l.flatten(), &r.flatten())
            };
            stream.outer_join_stream_with_key_with(other, join, windows(op)?, both.unwrap_or_default())
        }
        (false, both) => {
            let join = move |l: Option<Text>, r: Option<Text>| lambda(&l.flatten(), &r.flatten());
            match both {
                Some(both) => stream.outer_join_stream_with(other, join, windows(op)?, both),
                None => stream.outer_join_stream(other, join, windows(op)?),
            }
        }
    };
    build.set(op, stream)
}

/// `JoinWindows` of a call. Of two sides, the one that cannot be refused comes first: Java looks at each.
#[expect(deprecated, reason = "the old windows have rules of their own, which are compared too")]
fn windows(op: &Op) -> Result<JoinWindows, Fault> {
    let mut windows = match op.text("old") {
        Some("grace") => JoinWindows::of(span(op, "difference")?).grace(span(op, "grace")?),
        Some(_) => JoinWindows::of(span(op, "difference")?),
        None => JoinWindows::of_time_difference_and_grace(span(op, "difference")?, span(op, "grace")?),
    };
    let millis = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let before = |windows: JoinWindows| match op.number("before") {
        Some(before_ms @ ..0) => windows.starts_after(millis(before_ms)),
        Some(before_ms) => windows.before(millis(before_ms)),
        None => windows,
    };
    if op.number("before").is_some_and(|ms| ms >= 0) {
        windows = before(windows);
    }
    windows = match op.number("after") {
        Some(after_ms @ ..0) => windows.ends_before(millis(after_ms)),
        Some(after_ms) => windows.after(millis(after_ms)),
        None => windows,
    };
    Ok(before(windows))
}

/// `StreamJoined` of a call, if it has any options.
fn both(op: &Op) -> Result<Option<Both>, Fault> {
    let mut both = Both::new();
    if let Some(name) = op.text("name") {
        both = both.with_name(name);
    }
    let options = op.option("joined");
    if let Some(store) = options["store"].as_str() {
        both = both.with_store_name(store);
    }
    if options["logging"] == json!(false) {
        both = both.with_logging_disabled();
    }
    if options["memory"] == json!(true) {
        both = both.with_store_type(StoreType::InMemory);
    }
    if let Some(this) = supplier(&options["this"])? {
        both = both.with_this_store_supplier(this);
    }
    if let Some(other) = supplier(&options["other"])? {
        both = both.with_other_store_supplier(other);
    }
    Ok((op.text("name").is_some() || options.is_object()).then_some(both))
}

fn supplier(options: &Value) -> Result<Option<WindowSupplier>, Fault> {
    let Some(name) = options["name"].as_str() else { return Ok(None) };
    let ms = |option: &str| -> Result<Duration, Fault> {
        Ok(Duration::from_millis(options[option].as_i64().unwrap_or_default().try_into()?))
    };
    let (retention, size) = (ms("retention")?, ms("size")?);
    let make = if options["memory"] == json!(true) {
        Stores::in_memory_window_store
    } else {
        Stores::persistent_window_store
    };
    Ok(Some(make(name, retention, size, options["duplicates"] != json!(false))))
}

fn draw_lambda(draw: &mut Draw) -> Options {
    draw.lambda(draw_joiner)
}

fn draw_global(draw: &mut Draw) -> Options {
    let mut options = draw_lambda(draw);
    let key = if draw.rng.chance(50) { json!({"f": "key"}) } else { draw_selector(&mut draw.rng) };
    options.insert("key".into(), key);
    options
}

fn draw_join(draw: &mut Draw) -> Options {
    // Results without a partner are searched for once an interval of the wall clock.
    draw.wall_clock = true;
    let mut options = draw_lambda(draw);
    if draw.rng.chance(50) {
        options.insert("lambda".into(), json!({"f": "list"}));
    }
    if draw.rng.chance(30) {
        options.insert("keyed".into(), json!(true));
    }
    let (difference, mut grace) = (*draw.rng.pick(&[0, 1, 5, 10, 20]), draw_grace(draw));
    if draw.rng.chance(12) {
        let waits = draw.rng.chance(50);
        options.insert("old".into(), json!(if waits { "grace" } else { "plain" }));
        if !waits {
            grace = GRACE_OF_OLD_MS - 2 * difference;
        }
    }
    options.insert("difference".into(), json!(difference));
    options.insert("grace".into(), json!(grace));
    let (mut before, mut after) = (difference, difference);
    for (name, ms) in [("before", &mut before), ("after", &mut after)] {
        if draw.rng.chance(25) {
            let least = if draw.rng.chance(30) { -6 } else { 0 };
            *ms = draw.rng.between(least, 15);
            options.insert(name.into(), json!(*ms));
        }
    }
    let marks = [before, after, before + grace, after + grace];
    marks.into_iter().filter(|ms| *ms < GRACE_OF_OLD_MS / 2).for_each(|ms| draw.mark(ms.abs()));
    if let Some(joined) = draw_joined(draw, before + after, grace) {
        options.insert("joined".into(), joined);
    }
    options
}

/// Options of `StreamJoined` besides the name.
fn draw_joined(draw: &mut Draw, size: i64, grace: i64) -> Option<Value> {
    let mut options = Options::new();
    if draw.rng.chance(20) {
        options.insert("store".into(), format!("store{}", draw.unique()).into());
    }
    if draw.rng.chance(12) {
        options.insert("logging".into(), json!(false));
    }
    if draw.rng.chance(15) {
        options.insert("memory".into(), json!(true));
    }
    for side in ["this", "other"] {
        if !draw.rng.chance(12) {
            continue;
        }
        // Now and then one that does not fit.
        let retention = size + grace + i64::from(draw.rng.chance(4));
        let supplier = json!({
            "name": format!("w{}-{side}-join-store", draw.unique()),
            "memory": draw.rng.chance(40),
            "duplicates": !draw.rng.chance(3),
            "retention": retention.max(0),
            "size": size.max(0),
        });
        options.insert(side.into(), supplier);
    }
    (!options.is_empty()).then_some(options.into())
}

/// Results of such joins that have one side alone: values outside of changelogs with such a part.
fn unpaired(evidence: &Evidence<'_>, ends: &str, option: Option<&str>, part: &str) -> u64 {
    let is_such = |op: &Op| {
        let streams = op.option("difference").is_number() && op.op.ends_with(ends);
        streams && option.is_none_or(|option| op.options.contains_key(option))
    };
    if !evidence.case.ops.iter().any(is_such) {
        return 0;
    }
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let records = outputs.filter(|(topic, _)| !topic.ends_with("-changelog")).flat_map(|(_, all)| all);
    let values = records.filter_map(|record| record.value.as_ref());
    values.filter(|value| value.windows(part.len()).any(|at| at == part.as_bytes())).count() as u64
}

/// Records that waited for a partner and got one: the store of waiting records forgets them without a result.
fn partner_after_all(evidence: &Evidence<'_>) -> u64 {
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let waiting =
        outputs.filter(|(topic, _)| topic.contains("OUTERSHARED") || topic.contains("-shared-join-store"));
    waiting.flat_map(|(_, records)| records).filter(|record| record.value.is_none()).count() as u64
}

/// Self joins whose description has fewer processors than without optimization.
fn one_store(evidence: &Evidence<'_>) -> u64 {
    let joins = |op: &Op| op.op == "self_join" && op.option("difference").is_number();
    if !evidence.case.ops.iter().any(joins) {
        return 0;
    }
    evidence.fewer_lines("none", "-JOINOTHER-").max(evidence.fewer_lines("none", "-other-join"))
}
