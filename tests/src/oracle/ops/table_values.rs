//! Tables of values that a transformer makes.

use kstreams::prelude::*;
use kstreams::{TransformContext, ValueTransformer};
use serde_json::json;
use streams_core::processor::StoreAccess;

use super::table_aggregates::{add_groups, draw_group_by};
use super::{
    Build, Draw, Family, GROUPED_TABLE, Kind, LONGS, NULLABLE_TABLE, Operator, STREAM, TABLE, materialized,
};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Mapper, Text, draw_mapper, mapper, shown, tail};

/// `KTable<Text, String>` that no operator looks rows up in: it is made with a store that only its own node has in Kafka
/// Streams (docs/GLOSSARY.md).
const APART: Kind = "table apart";

const ROWS: &[Kind] = &[TABLE];

/// Transformers of tables.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "transform_values",
            inputs: ROWS,
            outputs: ROWS,
            weight: 3,
            draw: draw_stored,
            apply: |build, op| {
                let table = transformed::<String>(build, op, |row| row)?;
                build.set(op, table)
            },
        },
        Operator {
            name: "nullable_transform_values",
            inputs: &[NULLABLE_TABLE],
            outputs: ROWS,
            weight: 3,
            draw: draw_stored,
            apply: |build, op| {
                let table = transformed::<Text>(build, op, Option::flatten)?;
                build.set(op, table)
            },
        },
        Operator {
            name: "longs_transform_values",
            inputs: &[LONGS],
            outputs: ROWS,
            weight: 3,
            draw: draw_stored,
            apply: |build, op| {
                let table = transformed::<i64>(build, op, |row| row.map(|row| row.to_string()))?;
                build.set(op, table)
            },
        },
        Operator {
            name: "transform_values_apart",
            inputs: ROWS,
            outputs: &[APART],
            weight: 2,
            draw: |draw| {
                let options = draw_transformer(draw);
                draw_own_store(draw, options)
            },
            apply: |build, op| {
                let table = transformed::<String>(build, op, |row| row)?;
                build.set(op, table)
            },
        },
        Operator {
            name: "apart_to_stream",
            inputs: &[APART],
            outputs: &[STREAM],
            weight: 2,
            draw: Draw::named,
            apply: |build, op| {
                let table: KTable<Text, String> = build.get(op, 0)?;
                let table = op.text("name").map_or_else(|| table.clone(), |name| table.named(name));
                build.set(op, table.to_stream())
            },
        },
        Operator {
            name: "apart_group_by",
            inputs: &[APART],
            outputs: &[GROUPED_TABLE],
            weight: 2,
            draw: draw_group_by,
            apply: |build, op| add_groups(build, op, Some, |build, op| build.get(op, 0)),
        },
    ],
    rules: &[
        Rule { name: "row of a transformer with a store", floor: 10, measure: kept },
        Rule { name: "row of a transformer that tells time", floor: 10, measure: |e| told(e, b'@') },
        Rule { name: "row of a transformer that counts headers", floor: 10, measure: |e| told(e, b'#') },
    ],
};

fn draw_transformer(draw: &mut Draw) -> Options {
    let mut options = draw.lambda(draw_mapper);
    for (option, percent) in [("timed", 35), ("headed", 25)] {
        if draw.rng.chance(percent) {
            options.insert(option.into(), json!(true));
        }
    }
    options
}

fn draw_own_store(draw: &mut Draw, mut options: Options) -> Options {
    let mut store = Options::new();
    store.insert("name".into(), format!("store{}", draw.unique()).into());
    for (option, percent) in [("caching", 30), ("memory", 40)] {
        if draw.rng.chance(percent) {
            store.insert(option.into(), json!(true));
        }
    }
    options.insert("store".into(), store.into());
    options
}

/// With a store of its own, the result is stored, so that looking rows up does not need the transformer.
fn draw_stored(draw: &mut Draw) -> Options {
    let options = draw_transformer(draw);
    let options = draw.materialized(options);
    let has_name = options.get("materialized").is_some_and(|materialized| materialized["name"].is_string());
    if has_name { draw_own_store(draw, options) } else { options }
}

/// What a call says.
#[derive(Clone)]
struct Transforming {
    lambda: Mapper,
    store_name: Option<String>,
    timed: bool,
    headed: bool,
}

struct Transformer<V> {
    how: Transforming,
    text: fn(Option<V>) -> Text,
    store: Option<KeyValueStore<String, String>>,
}

impl<V: 'static> ValueTransformer<Text, V, String> for Transformer<V> {
    fn transform(
        &mut self,
        key: &Text,
        value: Option<V>,
        context: &TransformContext<'_>,
    ) -> ProcessorResult<Option<String>> {
        let mut next = (self.how.lambda)(key, &(self.text)(value));
        if let Some(store) = &self.store {
            let key = shown(key).to_owned();
            let before = store.get(&key)?.unwrap_or_default();
            store.put(&key, Some(tail(before.clone() + shown(&next))))?;
            next = next.map(|next| tail(before + &next));
        }
        if self.how.timed {
            next = next.map(|next| format!("{next}@{}", context.timestamp()));
        }
        if self.how.headed {
            next = next.map(|next| format!("{next}#{}", context.headers().iter().count()));
        }
        Ok(next)
    }
}

fn transformed<V: Clone + Send + 'static>(
    build: &mut Build,
    op: &Op,
    text: fn(Option<V>) -> Text,
) -> std::result::Result<KTable<Text, String>, Fault> {
    let table: KTable<Text, V> = build.get(op, 0)?;
    let table = op.text("name").map_or_else(|| table.clone(), |name| table.named(name));
    let store_name = op.option("store")["name"].as_str().map(str::to_owned);
    if let Some(name) = &store_name {
        let with = |option: &str| op.option("store")[option].as_bool() == Some(true);
        let mut store = Stores::key_value_store::<String, String>(name);
        if with("caching") {
            store = store.with_caching_enabled();
        }
        if with("memory") {
            store = store.in_memory();
        }
        build.builder.add_state_store(store);
    }
    let is = |option: &str| op.options.contains_key(option);
    let lambda = mapper(op.option("lambda"))?;
    let how = Transforming { lambda, store_name, timed: is("timed"), headed: is("headed") };
    let names: Vec<String> = how.store_name.iter().cloned().collect();
    let stores: Vec<&str> = names.iter().map(String::as_str).collect();
    let supplier = move |stores: &StoreAccess<'_>| {
        let store = how.store_name.as_ref().map(|name| stores.get(name)).transpose()?;
        Ok(Transformer { how: how.clone(), text, store })
    };
    Ok(match materialized(op) {
        Some(materialized) => table.transform_values_with(supplier, &stores, materialized),
        None => table.transform_values(supplier, &stores),
    })
}

/// Calls that transform a table.
fn calls<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = (usize, &'a Op)> {
    let calls = evidence.case.ops.iter().enumerate();
    calls.filter(|(_, op)| op.op.contains("transform_values"))
}

/// What transformers have written to their own stores.
fn kept(evidence: &Evidence<'_>) -> u64 {
    let names = calls(evidence).filter_map(|(_, op)| op.option("store")["name"].as_str());
    names.map(|name| evidence.count_topics(&format!("app-{name}-changelog"))).sum()
}

/// Values that end in that mark and a number.
fn told(evidence: &Evidence<'_>, mark: u8) -> u64 {
    let option = if mark == b'@' { "timed" } else { "headed" };
    if !calls(evidence).any(|(_, op)| op.options.contains_key(option)) {
        return 0;
    }
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let values = outputs.flat_map(|(_, records)| records).filter_map(|record| record.value.as_ref());
    values.filter(|value| value.contains(&mark)).count() as u64
}
