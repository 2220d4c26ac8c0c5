//! Operators on streams that keep no state, and sinks.

use kstreams::prelude::*;
use streams_core::ids::TopicName;
use streams_core::processor::TopicNameExtractor;
use streams_core::record::RecordMetadata;

use super::{Build, Draw, Family, GROUPED, Kind, Operator, STREAM};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::Rule;
use crate::oracle::lambdas::{
    Text, draw_flat_mapper, draw_mapper, draw_predicate, draw_selector, flat_mapper, mapper, predicate, sum,
};

const ONE: &[Kind] = &[STREAM];

/// An operator from stream to stream.
const fn step(
    name: &'static str,
    weight: u32,
    draw: fn(&mut Draw) -> Options,
    apply: fn(&mut Build, &Op) -> Result<(), Fault>,
) -> Operator {
    Operator { name, inputs: ONE, outputs: ONE, weight, draw, apply }
}

/// Stateless operators.
pub const FAMILY: Family = Family {
    operators: &[
        step(
            "filter",
            3,
            |draw| draw.lambda(draw_predicate),
            |build, op| {
                let keep = predicate(op.option("lambda"))?;
                let stream = build.stream(op)?.filter(move |k, v| keep(k, v));
                build.set(op, stream)
            },
        ),
        step(
            "filter_not",
            2,
            |draw| draw.lambda(draw_predicate),
            |build, op| {
                let drop = predicate(op.option("lambda"))?;
                let stream = build.stream(op)?.filter_not(move |k, v| drop(k, v));
                build.set(op, stream)
            },
        ),
        step("map", 2, draw_map, |build, op| {
            let (key, value) = (mapper(op.option("key"))?, mapper(op.option("value"))?);
            let stream = build.stream(op)?.map(move |k, v| (key(&k, &v), value(&k, &v)));
            build.set(op, stream)
        }),
        step(
            "map_values",
            3,
            |draw| draw.lambda(draw_mapper),
            |build, op| {
                let map = mapper(op.option("lambda"))?;
                let stream = build.stream(op)?.map_values_with_key(move |k, v| map(k, &v));
                build.set(op, stream)
            },
        ),
        step(
            "flat_map",
            2,
            |draw| draw.lambda(draw_flat_mapper),
            |build, op| {
                let map = flat_mapper(op.option("lambda"))?;
                let stream = build.stream(op)?.flat_map(move |k, v| map(&k, &v));
                build.set(op, stream)
            },
        ),
        step(
            "flat_map_values",
            2,
            |draw| draw.lambda(draw_flat_mapper),
            |build, op| {
                let map = flat_mapper(op.option("lambda"))?;
                let values =
                    move |k: &_, v| map(k, &v).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
                let stream = build.stream(op)?.flat_map_values_with_key(values);
                build.set(op, stream)
            },
        ),
        step(
            "select_key",
            4,
            |draw| draw.lambda(draw_selector),
            |build, op| {
                let select = mapper(op.option("lambda"))?;
                let stream = build.stream(op)?.select_key(move |k, v| select(k, v));
                build.set(op, stream)
            },
        ),
        step("peek", 1, Draw::named, |build, op| {
            let stream = build.stream(op)?.peek(|_, _| {});
            build.set(op, stream)
        }),
        step("repartition", 2, draw_repartition, |build, op| {
            let stream: super::TextStream = build.get(op, 0)?;
            let mut how = op.text("name").map_or_else(Repartitioned::new, Repartitioned::named);
            if let Some(partitions) = op.number("partitions") {
                how = how.with_number_of_partitions(i32::try_from(partitions)?);
            }
            let stream = stream.repartition_with(how);
            build.set(op, stream)
        }),
        Operator {
            name: "merge",
            inputs: &[STREAM, STREAM],
            outputs: ONE,
            weight: 3,
            draw: Draw::named,
            apply: |build, op| {
                let other = build.get(op, 1)?;
                let stream = build.stream(op)?.merge(&other);
                build.set(op, stream)
            },
        },
        Operator {
            name: "split",
            inputs: ONE,
            outputs: &[STREAM, STREAM],
            weight: 2,
            draw: |draw| draw.lambda(draw_predicate),
            apply: split,
        },
        Operator {
            name: "group_by_key",
            inputs: ONE,
            outputs: &[GROUPED],
            weight: 6,
            draw: Draw::named,
            apply: |build, op| {
                let stream: super::TextStream = build.get(op, 0)?;
                let grouped = match op.text("name") {
                    Some(name) => stream.group_by_key_with(Grouped::named(name)),
                    None => stream.group_by_key(),
                };
                build.set(op, grouped)
            },
        },
        Operator {
            name: "group_by",
            inputs: ONE,
            outputs: &[GROUPED],
            weight: 4,
            draw: |draw| draw.lambda(draw_selector),
            apply: |build, op| {
                let stream: super::TextStream = build.get(op, 0)?;
                let select = mapper(op.option("lambda"))?;
                let grouped = match op.text("name") {
                    Some(name) => stream.group_by_with(move |k, v| select(k, v), Grouped::named(name)),
                    None => stream.group_by(move |k, v| select(k, v)),
                };
                build.set(op, grouped)
            },
        },
        Operator {
            name: "to_dynamic",
            inputs: ONE,
            outputs: &[],
            weight: 2,
            draw: draw_sink,
            apply: |build, op| {
                let stream: super::TextStream = build.get(op, 0)?;
                let topic = op.topic()?.to_owned();
                build.topics.extend((0..2).map(|part| format!("{topic}-part{part}")));
                match op.text("name") {
                    Some(name) => stream.to_dynamic_with(Parts(topic), Produced::named(name)),
                    None => stream.to_dynamic(Parts(topic)),
                }
                Ok(())
            },
        },
        Operator {
            name: "for_each",
            inputs: ONE,
            outputs: &[],
            weight: 1,
            draw: Draw::named,
            apply: |build, op| {
                build.stream(op)?.for_each(|_, _| {});
                Ok(())
            },
        },
        Operator {
            name: "to",
            inputs: ONE,
            outputs: &[],
            weight: 15,
            draw: draw_sink,
            apply: |build, op| {
                let stream: super::TextStream = build.get(op, 0)?;
                match op.text("name") {
                    Some(name) => stream.to_with(op.topic()?, Produced::named(name)),
                    None => stream.to(op.topic()?),
                }
                Ok(())
            },
        },
    ],
    rules: &[
        Rule { name: "repartition", floor: 300, measure: |e| e.count_topics("-repartition") },
        Rule {
            name: "merged repartition topics",
            floor: 5,
            measure: |e| e.fewer_lines("none", "-repartition"),
        },
        Rule { name: "null key dropped", floor: 30, measure: |e| e.count_drops(|r| r.key.is_none()) },
    ],
};

fn draw_sink(draw: &mut Draw) -> Options {
    let mut options = draw.named();
    options.insert("topic".into(), format!("out-{}", draw.unique()).into());
    options
}

fn draw_repartition(draw: &mut Draw) -> Options {
    let mut options = draw.named();
    if draw.rng.chance(30) {
        options.insert("partitions".into(), 1.into());
    }
    options
}

/// Chooses one of two topics by the value.
struct Parts(String);

impl TopicNameExtractor<Text, Text> for Parts {
    fn extract(&self, _: &Text, value: &Text, _: Option<&RecordMetadata>) -> TopicName {
        format!("{}-part{}", self.0, sum(value) % 2).into()
    }

    fn describe(&self) -> String {
        "parts".to_owned()
    }
}

fn draw_map(draw: &mut Draw) -> Options {
    let mut options = draw.named();
    options.insert("key".into(), draw_selector(&mut draw.rng));
    options.insert("value".into(), draw_mapper(&mut draw.rng));
    options
}

/// The first branch takes what the predicate accepts, the default branch the rest. Names tell them apart: they end in 1
/// and in 0.
fn split(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let first = predicate(op.option("lambda"))?;
    let branches = build.stream(op)?.split().branch(move |k, v| first(k, v)).default_branch();
    let mut branches = branches.into_values();
    let (rest, first) = (branches.next(), branches.next());
    build.set_nth(op, 0, first.ok_or("a split without its branch")?)?;
    build.set_nth(op, 1, rest.ok_or("a split without its default branch")?)
}
