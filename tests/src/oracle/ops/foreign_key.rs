//! Joins of tables by a foreign key.

use kstreams::prelude::*;
use serde_json::json;
use streams_core::ids::PartitionId;
use streams_core::partitioner::{Partitions, StreamPartitioner};

use super::{Build, Draw, Family, Kind, LONGS, NULLABLE_TABLE, Operator, TABLE, materialized};
use crate::checks::changelogs::Written;
use crate::oracle::case::{Fault, Op, Options, Step};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, draw_joiner, draw_row_joiner, draw_selector, joiner, mapper, shown};

const TWO: &[Kind] = &[TABLE, TABLE];
const ROWS: &[Kind] = &[TABLE];

/// The instruction of a subscription that another one follows, as the row names another key: its second byte.
const DELETE_NO_PROPAGATE: u8 = 0;
/// The instruction of a subscription whose row is gone, or no longer names a key.
const DELETE_AND_PROPAGATE: u8 = 1;

/// Joins by a foreign key.
pub const FAMILY: Family = Family {
    operators: &[
        join("fk_join", TWO, ROWS, rows, |build, op| add(build, op, false, some, some, not_null)),
        join("fk_left_join", TWO, ROWS, rows, |build, op| add(build, op, true, some, some, not_null)),
        join("fk_join_nullable", TWO, &[NULLABLE_TABLE], nullable, |build, op| {
            add(build, op, false, some, some, |text| text)
        }),
        join("fk_left_join_nullable", TWO, &[NULLABLE_TABLE], nullable, |build, op| {
            add(build, op, true, some, some, |text| text)
        }),
        join("fk_join_longs", &[TABLE, LONGS], ROWS, rows, |build, op| {
            add(build, op, false, some, number, not_null)
        }),
        join("longs_fk_left_join", &[LONGS, TABLE], ROWS, rows, |build, op| {
            add(build, op, true, number, some, not_null)
        }),
    ],
    rules: &[
        Rule {
            name: "foreign key changed",
            floor: 8,
            measure: |e| subscriptions(e, |record| instruction(record) == Some(DELETE_NO_PROPAGATE)),
        },
        Rule {
            name: "subscription ended",
            floor: 8,
            measure: |e| subscriptions(e, |record| instruction(record) == Some(DELETE_AND_PROPAGATE)),
        },
        Rule {
            name: "row without foreign key",
            floor: 5,
            measure: |e| subscriptions(e, |record| record.key.is_none()) + dropped(e),
        },
        Rule { name: "foreign row updated", floor: 6, measure: |e| answers(e, true) },
        Rule { name: "foreign row deleted", floor: 2, measure: |e| answers(e, false) },
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

/// Whether the other table is not joined by a foreign key on the way to this one, too: of one of its updates then
/// several messages go different ways, and Kafka Streams takes them in no certain order.
pub fn fits(operator: &Operator, inputs: &[u32], calls: &[Op]) -> bool {
    if !is_join(operator.name) {
        return true;
    }
    let others: Vec<u32> = inputs.iter().flat_map(|input| joined_tables(*input, calls)).collect();
    let sources = |tables: &[u32]| -> Vec<u32> {
        tables.iter().flat_map(|table| upstream(*table, calls)).filter(|at| is_source(*at, calls)).collect()
    };
    let of_others = sources(&others);
    !sources(inputs).iter().any(|source| of_others.contains(source))
}

fn is_join(name: &str) -> bool {
    FAMILY.operators.iter().any(|one| one.name == name)
}

fn is_source(register: u32, calls: &[Op]) -> bool {
    calls.iter().any(|call| call.inputs.is_empty() && call.outputs.contains(&register))
}

/// The register and all that it is made of.
fn upstream(register: u32, calls: &[Op]) -> Vec<u32> {
    let made = calls.iter().find(|call| call.outputs.contains(&register));
    let inputs = made.into_iter().flat_map(|call| &call.inputs);
    std::iter::once(register).chain(inputs.flat_map(|input| upstream(*input, calls))).collect()
}

/// The other tables of all joins by a foreign key that the register is made of.
fn joined_tables(register: u32, calls: &[Op]) -> Vec<u32> {
    let registers = upstream(register, calls);
    let made = |call: &&Op| is_join(&call.op) && call.outputs.iter().any(|output| registers.contains(output));
    calls.iter().filter(made).filter_map(|call| call.inputs.get(1).copied()).collect()
}

fn rows(draw: &mut Draw) -> Options {
    let options = draw.lambda(draw_row_joiner);
    draw_options(draw, options)
}

fn nullable(draw: &mut Draw) -> Options {
    let options = draw.lambda(draw_joiner);
    draw_options(draw, options)
}

fn draw_options(draw: &mut Draw, options: Options) -> Options {
    let mut options = draw.materialized(options);
    options.insert("key".into(), draw_selector(&mut draw.rng));
    for (option, percent) in [("with_key", 40), ("before", 30)] {
        if draw.rng.chance(percent) {
            options.insert(option.into(), json!(true));
        }
    }
    for option in ["partitioner", "other_partitioner"] {
        if draw.rng.chance(10) {
            options.insert(option.into(), json!(draw.rng.pick(&["first", "default"])));
        }
    }
    options
}

fn some(row: Option<String>) -> Text {
    row
}

fn number(row: Option<i64>) -> Text {
    row.map(|row| row.to_string())
}

/// The joiners of rows give no null.
fn not_null(text: Text) -> String {
    shown(&text).to_owned()
}

/// To the one partition there is, or where the key belongs; which is the same.
struct First(bool);

impl StreamPartitioner<Text, ()> for First {
    fn partitions(&self, _: &str, _: &Text, (): &(), _: PartitionId) -> Partitions {
        if self.0 { Partitions::One(0) } else { Partitions::Default }
    }
}

fn joined<V: DefaultSerde, VO: DefaultSerde>(op: &Op) -> Option<TableJoined<Text, V, Text, VO>> {
    let mut joined = TableJoined::new();
    let name = op.text("name").filter(|_| !op.options.contains_key("before"));
    if let Some(name) = name {
        joined = joined.with_name(name);
    }
    if let Some(which) = op.text("partitioner") {
        joined = joined.with_partitioner(First(which == "first"));
    }
    if let Some(which) = op.text("other_partitioner") {
        joined = joined.with_other_partitioner(First(which == "first"));
    }
    let options = ["partitioner", "other_partitioner"].iter().any(|option| op.options.contains_key(*option));
    (options || name.is_some()).then_some(joined)
}

fn add<V, VO, VR>(
    build: &mut Build,
    op: &Op,
    is_left: bool,
    text: fn(Option<V>) -> Text,
    other_text: fn(Option<VO>) -> Text,
    result: fn(Text) -> VR,
) -> Result<(), Fault>
where
    V: Clone + Send + DefaultSerde + 'static,
    VO: Clone + Send + DefaultSerde + 'static,
    VR: Clone + Send + DefaultSerde + 'static,
{
    let (table, other): (KTable<Text, V>, KTable<Text, VO>) = (build.get(op, 0)?, build.get(op, 1)?);
    let before = op.text("name").filter(|_| op.options.contains_key("before"));
    let table = before.map_or_else(|| table.clone(), |name| table.named(name));
    let (key, lambda) = (mapper(op.option("key"))?, joiner(op.option("lambda"))?);
    // A foreign key that is null is none.
    let extract = move |k: &Text, v: &V| Some(key(k, &text(Some(v.clone())))).filter(Option::is_some);
    let by_row = {
        let extract = extract.clone();
        move |v: &V| extract(&None, v)
    };
    let left = move |one: V, two: Option<VO>| result(lambda(&text(Some(one)), &other_text(two)));
    let inner = {
        let left = left.clone();
        move |one, two| left(one, Some(two))
    };
    let with_key = op.options.contains_key("with_key");
    let (joined, materialized) = (joined(op), materialized(op));
    let is_plain = joined.is_none() && materialized.is_none() && !with_key;
    let (joined, stored) = (joined.unwrap_or_default(), materialized.unwrap_or_default());
    let table: KTable<Text, VR> = match (is_left, with_key) {
        (false, _) if is_plain => table.join_foreign_key(&other, by_row, inner),
        (true, _) if is_plain => table.left_join_foreign_key(&other, by_row, left),
        (false, false) => table.join_foreign_key_with(&other, by_row, inner, joined, stored),
        (true, false) => table.left_join_foreign_key_with(&other, by_row, left, joined, stored),
        (false, true) => table.join_foreign_key_with_key_with(&other, extract, inner, joined, stored),
        (true, true) => table.left_join_foreign_key_with_key_with(&other, extract, left, joined, stored),
    };
    build.set(op, table)
}

/// The instruction in a subscription: its second byte.
fn instruction(record: &Written) -> Option<u8> {
    record.value.as_ref()?.get(1).copied()
}

/// Whether a topic is that part of a join.
fn is_part(topic: &str, part: &str) -> bool {
    topic.ends_with("-topic") && topic.to_lowercase().contains(&format!("-subscription{part}"))
}

/// Subscriptions that are such.
fn subscriptions(evidence: &Evidence<'_>, such: impl Fn(&Written) -> bool) -> u64 {
    let outputs = evidence.outcome.steps.iter().flat_map(|step| &step.output);
    let topics = outputs.filter(|(topic, _)| is_part(topic, "-registration-"));
    topics.flat_map(|(_, records)| records).filter(|record| such(record)).count() as u64
}

/// Rows that an inner join drops, as they have a key of their own and no foreign key.
fn dropped(evidence: &Evidence<'_>) -> u64 {
    let joins = |op: &Op| op.op == "fk_join" || op.op == "fk_join_nullable" || op.op == "fk_join_longs";
    if !evidence.case.ops.iter().any(joins) {
        return 0;
    }
    evidence.count_drops(|record| record.key.is_some() && record.value.is_some())
}

/// Answers that no subscription of the step asked for: a foreign row was updated, or deleted by a null.
fn answers(evidence: &Evidence<'_>, updated: bool) -> u64 {
    let steps = evidence.case.input.iter().zip(&evidence.outcome.steps);
    let unasked = steps.filter(|(step, done)| {
        let has = |part: &str| done.output.keys().any(|topic| is_part(topic, part));
        let is_update = matches!(step, Step::Record(record) if record.value.is_some());
        is_update == updated && has("-response-") && !has("-registration-")
    });
    unasked.count() as u64
}
