//! The operators that cases are made of, one file a family, each with its generator and its interpreter.
//!
//! To add an operator:
//!
//! 1. Write it in its family's file (or a new one): an [`Operator`] with its name, the kinds of the registers it reads and
//!    fills, a weight, `draw` (its options by chance) and `apply` (the call). Report with [`Draw::mark`] every span of
//!    time that matters to it: the input script is then full of records at that distance, one less and one more.
//! 2. Write the same call under the same name in `tests/java/src/main/java/lab/oracle/<Family>.java`.
//! 3. A new family has one line in [`FAMILIES`] here, and one in `Families.java` there.
//! 4. Add rules to the family's `rules`: what must really happen how often, measured on a case's script and results.
//!
//! Registers have kinds, which are names with a Rust type behind (see the constants here); a family may have kinds of
//! its own. For every kind there must be an operator that leads on to a stream, and so to a sink.

mod aggregates;
mod cogroup;
mod foreign_key;
mod joins;
mod processors;
mod sources;
mod stateless;
mod stores;
mod stream_joins;
mod suppressions;
mod table_aggregates;
mod table_joins;
mod table_values;
mod tables;
mod window_aggregates;
mod windows;

use std::any::Any;
use std::collections::BTreeMap;

use kstreams::prelude::*;
use serde_json::{Value, json};

use super::case::{Fault, Op, Options};
use super::evidence::Rule;
use super::lambdas::Text;
use super::rng::Rng;

/// What a register holds.
pub type Kind = &'static str;

/// `KStream<Text, Text>`.
pub const STREAM: Kind = "stream";
/// `KTable<Text, String>`.
pub const TABLE: Kind = "table";
/// `KTable<Text, Text>`: what a reducer of nullable values gives.
pub const NULLABLE_TABLE: Kind = "nullable table";
/// `KTable<Text, i64>`.
pub const LONGS: Kind = "table of longs";
/// `GlobalKTable<String, String>`.
pub const GLOBAL: Kind = "global table";
/// `KGroupedStream<Text, Text>`.
pub const GROUPED: Kind = "grouped stream";
/// `KGroupedTable<Text, Text>`.
pub const GROUPED_TABLE: Kind = "grouped table";
/// `KTable<Windowed<Text>, String>`.
pub const WINDOWED_TABLE: Kind = "windowed table";
/// `KTable<Windowed<Text>, Text>`.
pub const WINDOWED_NULLABLE: Kind = "windowed nullable table";
/// `KTable<Windowed<Text>, i64>`.
pub const WINDOWED_LONGS: Kind = "windowed table of longs";
/// `KStream<Windowed<Text>, Text>`.
pub const WINDOWED_STREAM: Kind = "windowed stream";

/// A stream as the oracle has them.
pub type TextStream = KStream<Text, Text>;

/// One family of operators.
pub struct Family {
    /// Its operators.
    pub operators: &'static [Operator],
    /// What its operators must really do in a run.
    pub rules: &'static [Rule],
}

/// All families.
pub const FAMILIES: &[Family] = &[
    sources::FAMILY,
    stateless::FAMILY,
    processors::FAMILY,
    tables::FAMILY,
    aggregates::FAMILY,
    windows::FAMILY,
    joins::FAMILY,
    cogroup::FAMILY,
    window_aggregates::FAMILY,
    stream_joins::FAMILY,
    stores::FAMILY,
    table_aggregates::FAMILY,
    table_joins::FAMILY,
    table_values::FAMILY,
    suppressions::FAMILY,
    foreign_key::FAMILY,
];

/// One operator: how to draw a call of it, and how to make the call.
pub struct Operator {
    /// Its name in cases and reports.
    pub name: &'static str,
    /// The kinds of the registers it reads.
    pub inputs: &'static [Kind],
    /// The kinds of the registers it fills; a sink fills none.
    pub outputs: &'static [Kind],
    /// How often it is drawn, among all that could be.
    pub weight: u32,
    /// Its options, by chance.
    pub draw: fn(&mut Draw) -> Options,
    /// The call.
    pub apply: fn(&mut Build, &Op) -> Result<(), Fault>,
}

/// Every operator.
pub fn operators() -> impl Iterator<Item = &'static Operator> {
    FAMILIES.iter().flat_map(|family| family.operators)
}

/// The operator of that name.
pub fn operator(name: &str) -> Result<&'static Operator, Fault> {
    Ok(operators().find(|one| one.name == name).ok_or_else(|| format!("no operator is called {name}"))?)
}

/// Whether an operator can be called on these registers, which are of the right kinds, after those calls.
pub fn fits(operator: &Operator, inputs: &[u32], calls: &[Op]) -> bool {
    suppressions::fits(operator, inputs, calls)
        && foreign_key::fits(operator, inputs, calls)
        && table_joins::fits(operator, inputs, calls)
}

/// Whether a case of these calls may have record caches.
pub fn caches_fit(calls: &[Op]) -> bool {
    suppressions::caches_fit(calls)
}

/// A topology that is being drawn.
pub struct Draw {
    /// Chance.
    pub rng: Rng,
    /// Spans of time that matter to the topology, in milliseconds.
    pub marks: Vec<i64>,
    /// Whether the wall clock matters to it.
    pub wall_clock: bool,
    names: u32,
}

impl Draw {
    /// Nothing drawn yet.
    pub fn new(rng: Rng) -> Self {
        Draw { rng, marks: Vec::new(), wall_clock: false, names: 0 }
    }

    /// Notes a span of time that matters: a size, a grace, their sum.
    pub fn mark(&mut self, ms: i64) {
        self.marks.push(ms);
    }

    /// A number that no other call has drawn.
    pub fn unique(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// A topic to read, in most cases another one than all before.
    pub fn topic(&mut self, begin: &str) -> String {
        let number = if self.rng.chance(3) { 1 } else { self.unique() };
        format!("{begin}{number}")
    }

    /// Options with a name for the node in some of the cases.
    pub fn named(&mut self) -> Options {
        let mut options = Options::new();
        if self.rng.chance(15) {
            // Now and then a name is there already.
            let number = if self.rng.chance(1) { 1 } else { self.unique() };
            options.insert("name".into(), format!("n{number}").into());
        }
        options
    }

    /// Options with a name for the node and a lambda.
    pub fn lambda(&mut self, draw: fn(&mut Rng) -> Value) -> Options {
        let options = self.named();
        self.with_lambda(options, draw)
    }

    /// Adds a lambda.
    pub fn with_lambda(&mut self, mut options: Options, draw: fn(&mut Rng) -> Value) -> Options {
        options.insert("lambda".into(), draw(&mut self.rng));
        options
    }

    /// Options with a name for the node and `Materialized`, each in some of the cases.
    pub fn stored(&mut self) -> Options {
        let options = self.named();
        self.materialized(options)
    }

    /// The same with a lambda.
    pub fn stored_lambda(&mut self, draw: fn(&mut Rng) -> Value) -> Options {
        let options = self.lambda(draw);
        self.materialized(options)
    }

    /// Adds `Materialized` in some of the cases.
    pub fn materialized(&mut self, mut options: Options) -> Options {
        if self.rng.chance(50) {
            return options;
        }
        let mut materialized = Options::new();
        if self.rng.chance(60) {
            materialized.insert("name".into(), format!("store{}", self.unique()).into());
        }
        if self.rng.chance(20) {
            materialized.insert("caching".into(), json!(false));
        }
        if self.rng.chance(15) {
            materialized.insert("logging".into(), json!(false));
        }
        if self.rng.chance(20) {
            materialized.insert("memory".into(), json!(true));
        }
        options.insert("materialized".into(), materialized.into());
        options
    }
}

/// A topology that is being built from a case.
#[derive(Default)]
pub struct Build {
    /// Where it is built.
    pub builder: StreamsBuilder,
    /// Topics that must exist before a record is sent there.
    pub topics: Vec<String>,
    registers: BTreeMap<u32, Box<dyn Any>>,
}

impl Build {
    /// Makes every call.
    pub fn of(ops: &[Op]) -> Result<Self, Fault> {
        let mut build = Build::default();
        for op in ops {
            (operator(&op.op)?.apply)(&mut build, op)?;
        }
        Ok(build)
    }

    /// What a register holds.
    pub fn get<T: Clone + 'static>(&self, op: &Op, input: usize) -> Result<T, Fault> {
        let number = op.inputs.get(input).ok_or_else(|| format!("{} lacks an input", op.op))?;
        let held = self.registers.get(number).and_then(|held| held.downcast_ref::<T>());
        Ok(held.cloned().ok_or_else(|| format!("{}: register {number} holds something else", op.op))?)
    }

    /// The stream of the first input, under the name that the call gives its node.
    pub fn stream(&self, op: &Op) -> Result<KStream<Text, Text>, Fault> {
        let stream: KStream<Text, Text> = self.get(op, 0)?;
        Ok(op.text("name").map_or_else(|| stream.clone(), |name| stream.named(name)))
    }

    /// Fills the first register that the call fills.
    pub fn set<T: 'static>(&mut self, op: &Op, value: T) -> Result<(), Fault> {
        self.set_nth(op, 0, value)
    }

    /// Fills a register.
    pub fn set_nth<T: 'static>(&mut self, op: &Op, output: usize, value: T) -> Result<(), Fault> {
        let number = op.outputs.get(output).ok_or_else(|| format!("{} lacks an output", op.op))?;
        self.registers.insert(*number, Box::new(value));
        Ok(())
    }
}

/// `Materialized` of a call, if it has one.
pub fn materialized<K, V>(op: &Op) -> Option<Materialized<K, V>>
where
    K: DefaultSerde,
    V: DefaultSerde,
{
    let options = op.options.get("materialized")?;
    let mut materialized = match options["name"].as_str() {
        Some(name) => Materialized::named(name),
        None => Materialized::new(),
    };
    if options["caching"] == json!(false) {
        materialized = materialized.with_caching_disabled();
    }
    if options["logging"] == json!(false) {
        materialized = materialized.with_logging_disabled();
    }
    if options["memory"] == json!(true) {
        materialized = materialized.with_store_type(StoreType::InMemory);
    }
    if let Some(retention) = options["retention"].as_u64() {
        materialized = materialized.with_retention(millis(retention));
    }
    Some(materialized)
}
