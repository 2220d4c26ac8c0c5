//! Stores of the user's choice: versioned ones and joins as of a record's time, LRU maps, places, retentions.

use std::collections::{BTreeMap, BTreeSet};

use kstreams::prelude::*;
use kstreams::store::{KeyValueSupplier, StoreSupplier};
use serde_json::json;

use super::aggregates::next;
use super::tables::TextTable;
use super::windows::{draw_length, span};
use super::{
    Build, Draw, Family, GROUPED, Kind, LONGS, NULLABLE_TABLE, Operator, STREAM, TABLE, TextStream,
    WINDOWED_LONGS, WINDOWED_TABLE,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{
    Text, draw_joiner, draw_predicate, draw_row_mapper, joiner, mapper, predicate, shown, tail,
};

/// `KTable<Text, String>` whose rows are known over time.
const VERSIONED: Kind = "versioned table";

const fn operator(
    name: &'static str,
    inputs: &'static [Kind],
    outputs: &'static [Kind],
    weight: u32,
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs, outputs, weight, draw, apply }
}

/// Stores of the user's choice.
pub const FAMILY: Family = Family {
    operators: &[
        operator("versioned_table", &[], &[VERSIONED], 2, draw_versioned_table, |build, op| {
            let consumed = op.text("name").map_or_else(Consumed::new, Consumed::named);
            let table: TextTable = build.builder.table_with(op.topic()?, consumed, stored(op)?);
            build.set(op, table)
        }),
        operator("lru_table", &[], &[TABLE], 1, draw_lru_table, |build, op| {
            let consumed = op.text("name").map_or_else(Consumed::new, Consumed::named);
            let table: TextTable = build.builder.table_with(op.topic()?, consumed, stored(op)?);
            build.set(op, table)
        }),
        operator("stored_to_table", &[STREAM], &[TABLE], 2, draw_stored, to_table),
        operator("versioned_to_table", &[STREAM], &[VERSIONED], 3, draw_versioned, to_table),
        operator(
            "as_table",
            &[VERSIONED],
            &[TABLE],
            2,
            |_| Options::new(),
            |build, op| {
                let table: TextTable = build.get(op, 0)?;
                build.set(op, table)
            },
        ),
        operator("versioned_to_stream", &[VERSIONED], &[STREAM], 2, Draw::named, |build, op| {
            let stream = table(build, op)?.to_stream();
            build.set(op, stream)
        }),
        operator("versioned_filter", &[VERSIONED], &[VERSIONED], 3, draw_filter, |build, op| {
            let lambda = predicate(op.option("lambda"))?;
            let table = table(build, op)?.filter(move |k, v| lambda(k, &Some(v.clone())));
            build.set(op, table)
        }),
        operator("versioned_map_values", &[VERSIONED], &[VERSIONED], 2, draw_map, |build, op| {
            let lambda = mapper(op.option("lambda"))?;
            let map = move |k: &Text, v: String| shown(&lambda(k, &Some(v))).to_owned();
            let table: TextTable = table(build, op)?.map_values_with_key(map);
            build.set(op, table)
        }),
        operator("stored_filter", &[TABLE], &[TABLE], 2, draw_stored_filter, |build, op| {
            let lambda = predicate(op.option("lambda"))?;
            let table = table(build, op)?.filter_with(move |k, v| lambda(k, &Some(v.clone())), stored(op)?);
            build.set(op, table)
        }),
        operator("stored_map_values", &[TABLE], &[TABLE], 2, draw_stored_map, |build, op| {
            let lambda = mapper(op.option("lambda"))?;
            let map = move |k: &Text, v: String| shown(&lambda(k, &Some(v))).to_owned();
            let table: TextTable = table(build, op)?.map_values_with_key_with(map, stored(op)?);
            build.set(op, table)
        }),
        operator("stored_count", &[GROUPED], &[LONGS], 3, draw_stored, |build, op| {
            let table = grouped(build, op)?.count_with(stored(op)?);
            build.set(op, table)
        }),
        operator("stored_reduce", &[GROUPED], &[NULLABLE_TABLE], 3, draw_stored_reduce, |build, op| {
            let lambda = joiner(op.option("lambda"))?;
            let reducer = move |before: Text, value: Text| lambda(&before, &value);
            let table = grouped(build, op)?.reduce_with(reducer, stored(op)?);
            build.set(op, table)
        }),
        operator("stored_aggregate", &[GROUPED], &[TABLE], 3, draw_stored, |build, op| {
            let table = grouped(build, op)?.aggregate_with(initial, add, stored(op)?);
            build.set(op, table)
        }),
        operator("versioned_aggregate", &[GROUPED], &[VERSIONED], 3, draw_versioned, |build, op| {
            let table = grouped(build, op)?.aggregate_with(initial, add, stored(op)?);
            build.set(op, table)
        }),
        operator("as_of_join", &[STREAM, VERSIONED], &[STREAM], 6, draw_as_of, |build, op| {
            let (stream, table, joined): (TextStream, TextTable, _) =
                (build.get(op, 0)?, build.get(op, 1)?, joined(op)?);
            let lambda = joiner(op.option("lambda"))?;
            let join = move |value: Text, row: String| lambda(&value, &Some(row));
            build.set(op, stream.join_with(&table, join, joined))
        }),
        operator("as_of_left_join", &[STREAM, VERSIONED], &[STREAM], 6, draw_as_of, |build, op| {
            let (stream, table, joined): (TextStream, TextTable, _) =
                (build.get(op, 0)?, build.get(op, 1)?, joined(op)?);
            let lambda = joiner(op.option("lambda"))?;
            let join = move |value: Text, row: Option<String>| lambda(&value, &row);
            // With a grace period Java cannot take a null key (docs/GLOSSARY.md).
            let waits = op.number("join_grace").is_some();
            let stream = if waits { stream.filter(|key, _| key.is_some()) } else { stream };
            build.set(op, stream.left_join_with(&table, join, joined))
        }),
        operator("stored_window_count", &[GROUPED], &[WINDOWED_LONGS], 2, draw_window, |build, op| {
            let windows = TimeWindows::of_size_and_grace(span(op, "size")?, span(op, "grace")?);
            let table = grouped(build, op)?.windowed_by(windows).count_with(stored(op)?);
            build.set(op, table)
        }),
        operator("stored_sliding_aggregate", &[GROUPED], &[WINDOWED_TABLE], 2, draw_sliding, |build, op| {
            let windows = SlidingWindows::of_time_difference_and_grace(span(op, "size")?, span(op, "grace")?);
            let table = grouped(build, op)?.windowed_by(windows).aggregate_with(initial, add, stored(op)?);
            build.set(op, table)
        }),
        operator("stored_session_aggregate", &[GROUPED], &[WINDOWED_TABLE], 2, draw_session, |build, op| {
            let windows = SessionWindows::of_inactivity_gap_and_grace(span(op, "gap")?, span(op, "grace")?);
            let merger = |_: &Text, one: String, two: String| tail(format!("{one}|{two}"));
            let windowed = grouped(build, op)?.windowed_by(windows);
            build.set(op, windowed.aggregate_with(initial, add, merger, stored(op)?))
        }),
    ],
    rules: &[
        Rule { name: "expired version", floor: 10, measure: expired_versions },
        Rule { name: "earlier version of a row", floor: 10, measure: earlier_versions },
        Rule { name: "record older than the row", floor: 12, measure: older_than_row },
        Rule { name: "wait for late rows", floor: 20, measure: |e| e.count_topics("-Buffer-changelog") },
        Rule { name: "LRU eviction", floor: 10, measure: evictions },
    ],
};

fn initial() -> String {
    "i".to_owned()
}

fn add(key: &Text, value: Text, before: String) -> String {
    next(key, &value, &before)
}

fn grouped(build: &Build, op: &Op) -> Result<KGroupedStream<Text, Text>, Fault> {
    let grouped: KGroupedStream<Text, Text> = build.get(op, 0)?;
    Ok(op.text("name").map_or_else(|| grouped.clone(), |name| grouped.named(name)))
}

/// The table of the first input, under the name that the call gives its node.
fn table(build: &Build, op: &Op) -> Result<TextTable, Fault> {
    let table: TextTable = build.get(op, 0)?;
    Ok(op.text("name").map_or_else(|| table.clone(), |name| table.named(name)))
}

fn to_table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let table: TextTable = build.stream(op)?.to_table_optional_with(stored(op)?);
    build.set(op, table)
}

fn joined(op: &Op) -> Result<Joined<Text, Text>, Fault> {
    let joined = op.text("name").map_or_else(Joined::new, Joined::named);
    Ok(match op.number("join_grace") {
        Some(_) => joined.with_grace_period(span(op, "join_grace")?),
        None => joined,
    })
}

/// `Materialized` of a call, in the store that it asks for.
fn stored<V: DefaultSerde>(op: &Op) -> Result<Materialized<Text, V>, Fault> {
    let options = op.option("stored");
    let name = options["name"].as_str().ok_or("a store without its name")?;
    let number = |option: &str| options[option].as_i64().unwrap_or_default().unsigned_abs();
    let retention = millis(number("retention"));
    let size = millis(op.number("size").unwrap_or_default().unsigned_abs());
    let supplier: StoreSupplier = match options["kind"].as_str().unwrap_or_default() {
        "disk" => Stores::persistent_key_value_store(name).into(),
        "memory" => Stores::in_memory_key_value_store(name).into(),
        "lru" => Stores::lru_map(name, usize::try_from(number("max"))?).into(),
        "versioned" => versioned(op, name).into(),
        "window" => Stores::persistent_window_store(name, retention, size, false).into(),
        "window in memory" => Stores::in_memory_window_store(name, retention, size, false).into(),
        "session" => Stores::persistent_session_store(name, retention).into(),
        "session in memory" => Stores::in_memory_session_store(name, retention).into(),
        // No supplier, but a retention of the user's.
        _ => return Ok(settled(op, Materialized::named(name).with_retention(retention))),
    };
    Ok(settled(op, Materialized::as_store(supplier)))
}

fn versioned(op: &Op, name: &str) -> KeyValueSupplier {
    let options = op.option("stored");
    let ms = |option: &str| options[option].as_u64().map(millis);
    let history = ms("history").unwrap_or_default();
    match ms("segment") {
        Some(segment) => Stores::persistent_versioned_key_value_store_with_segments(name, history, segment),
        None => Stores::persistent_versioned_key_value_store(name, history),
    }
}

fn settled<V>(op: &Op, mut materialized: Materialized<Text, V>) -> Materialized<Text, V> {
    let options = op.option("stored");
    materialized = match options["caching"].as_bool() {
        Some(false) => materialized.with_caching_disabled(),
        Some(true) => materialized.with_caching_enabled(),
        None => materialized,
    };
    if options["logging"] == json!(false) {
        materialized = materialized.with_logging_disabled();
    }
    materialized
}

/// Options with a store of that kind.
fn with_store(draw: &mut Draw, mut options: Options, kind: &str) -> Options {
    let mut store = Options::new();
    let prefix = if kind == "lru" { "lru" } else { "store" };
    store.insert("kind".into(), kind.into());
    store.insert("name".into(), format!("{prefix}{}", draw.unique()).into());
    match kind {
        "lru" => {
            store.insert("max".into(), json!(draw.rng.between(1, 3)));
            // It is never cached here.
            store.insert("caching".into(), json!(false));
        }
        "versioned" => {
            let history = *draw.rng.pick(&[0, 5, 10, 20, 50, 1000]);
            draw.mark(history);
            store.insert("history".into(), json!(history));
            if draw.rng.chance(35) {
                store.insert("segment".into(), json!(draw.rng.pick(&[1, 3, 10, 100])));
            }
        }
        _ => {}
    }
    if kind != "lru" && draw.rng.chance(40) {
        store.insert("caching".into(), json!(draw.rng.chance(50)));
    }
    if draw.rng.chance(15) {
        store.insert("logging".into(), json!(false));
    }
    options.insert("stored".into(), store.into());
    options
}

fn draw_kind(draw: &mut Draw) -> &'static str {
    const KINDS: &[&str] = &["disk", "memory", "lru", "lru", "versioned", "versioned"];
    draw.rng.pick::<&str>(KINDS)
}

fn draw_stored(draw: &mut Draw) -> Options {
    let (options, kind) = (draw.named(), draw_kind(draw));
    with_store(draw, options, kind)
}

fn draw_versioned(draw: &mut Draw) -> Options {
    let options = draw.named();
    with_store(draw, options, "versioned")
}

fn draw_versioned_table(draw: &mut Draw) -> Options {
    let mut options = draw_versioned(draw);
    options.insert("topic".into(), draw.topic("v").into());
    options
}

fn draw_lru_table(draw: &mut Draw) -> Options {
    let options = draw.named();
    let mut options = with_store(draw, options, "lru");
    options.insert("topic".into(), draw.topic("l").into());
    options
}

fn draw_filter(draw: &mut Draw) -> Options {
    draw.lambda(draw_predicate)
}

fn draw_map(draw: &mut Draw) -> Options {
    draw.lambda(draw_row_mapper)
}

fn draw_stored_filter(draw: &mut Draw) -> Options {
    let (options, kind) = (draw_filter(draw), draw_kind(draw));
    with_store(draw, options, kind)
}

fn draw_stored_map(draw: &mut Draw) -> Options {
    let (options, kind) = (draw_map(draw), draw_kind(draw));
    with_store(draw, options, kind)
}

fn draw_stored_reduce(draw: &mut Draw) -> Options {
    let (options, kind) = (draw.lambda(draw_joiner), draw_kind(draw));
    with_store(draw, options, kind)
}

fn draw_as_of(draw: &mut Draw) -> Options {
    let mut options = draw.lambda(draw_joiner);
    if draw.rng.chance(50) {
        let grace = *draw.rng.pick(&[0, 1, 5, 10, 20]);
        draw.mark(grace);
        options.insert("join_grace".into(), json!(grace));
    }
    options
}

/// Windows in a store of the user's: kept by a supplier for as long as it says, else for as long as they need, at least.
fn draw_kept(draw: &mut Draw, (length_name, kinds): (&str, [&'static str; 2]), lengths: i64) -> Options {
    let options = draw.named();
    let options = draw_length(draw, options, length_name);
    let [length, grace] = [length_name, "grace"].map(|name| options[name].as_i64().unwrap_or_default());
    let needed = lengths * length + grace;
    let kind = *draw.rng.pick(&[kinds[0], kinds[1], "retention"]);
    let retention = match draw.rng.below(10) {
        // A supplier may keep them for less.
        0..=2 => length + draw.rng.between(0, grace),
        3..=5 => needed,
        _ => needed + *draw.rng.pick(&[1, 10, 100, 100_000]),
    };
    draw.mark(retention);
    let mut options = with_store(draw, options, kind);
    options["stored"]["retention"] = json!(retention);
    options
}

const WINDOW: [&str; 2] = ["window", "window in memory"];

fn draw_window(draw: &mut Draw) -> Options {
    draw_kept(draw, ("size", WINDOW), 1)
}

fn draw_sliding(draw: &mut Draw) -> Options {
    draw_kept(draw, ("size", WINDOW), 2)
}

fn draw_session(draw: &mut Draw) -> Options {
    draw_kept(draw, ("gap", ["session", "session in memory"]), 1)
}

/// The versioned tables that are read from topics: topic and history.
fn versioned_topics<'a>(evidence: &'a Evidence<'_>) -> BTreeMap<&'a str, i64> {
    let tables = evidence.case.ops.iter().filter(|op| op.op == "versioned_table");
    let history = |op: &Op| op.option("stored")["history"].as_i64().unwrap_or_default();
    tables.filter_map(|op| Some((op.text("topic")?, history(op)))).collect()
}

/// Rows that come when their time is no longer in the table's history.
fn expired_versions(evidence: &Evidence<'_>) -> u64 {
    let topics = versioned_topics(evidence);
    let (mut latest, mut expired) = (BTreeMap::new(), 0);
    for record in evidence.case.records().filter(|record| record.key.is_some()) {
        let Some(history) = topics.get(&*record.topic) else { continue };
        let latest = latest.entry(&record.topic).or_insert(record.timestamp);
        expired += u64::from(record.timestamp < *latest - history);
        *latest = record.timestamp.max(*latest);
    }
    expired
}

/// Rows that come after a later one of their key, while their time is part of the history.
fn earlier_versions(evidence: &Evidence<'_>) -> u64 {
    let topics = versioned_topics(evidence);
    let (mut latest, mut rows, mut earlier) = (BTreeMap::new(), BTreeMap::new(), 0);
    for record in evidence.case.records() {
        let (Some(history), Some(key)) = (topics.get(&*record.topic), &record.key) else { continue };
        let latest = latest.entry(&record.topic).or_insert(record.timestamp);
        let row = rows.entry((&record.topic, key)).or_insert(record.timestamp);
        earlier += u64::from(record.timestamp < *row && record.timestamp >= *latest - history);
        (*latest, *row) = (record.timestamp.max(*latest), record.timestamp.max(*row));
    }
    earlier
}

/// Records of streams that are older than the row that a versioned table has for their key, in cases that join as of a
/// record's time.
fn older_than_row(evidence: &Evidence<'_>) -> u64 {
    if !evidence.case.has("as_of_join") && !evidence.case.has("as_of_left_join") {
        return 0;
    }
    let topics = versioned_topics(evidence);
    let (mut rows, mut older) = (BTreeMap::new(), 0);
    for record in evidence.case.records() {
        let Some(key) = &record.key else { continue };
        if topics.contains_key(&*record.topic) {
            let row = rows.entry(key).or_insert(record.timestamp);
            *row = record.timestamp.max(*row);
        } else {
            older += u64::from(rows.get(key).is_some_and(|row| record.timestamp < *row));
        }
    }
    older
}

/// Keys that an LRU map's changelog has got and the map has not: in Java's changelog they stay.
fn evictions(evidence: &Evidence<'_>) -> u64 {
    let of_store = |(name, entries): (&String, &Vec<_>)| {
        let changelog = format!("app-{name}-changelog");
        let written = evidence.outcome.steps.iter().filter_map(|step| step.output.get(&changelog)).flatten();
        let mut live = BTreeSet::new();
        for record in written {
            match record.value {
                Some(_) => live.insert(&record.key),
                None => live.remove(&record.key),
            };
        }
        live.len().saturating_sub(entries.len()) as u64
    };
    evidence.outcome.stores.iter().filter(|(name, _)| name.starts_with("lru")).map(of_store).sum()
}
