//! Where a topology begins: streams, tables and global tables read from topics.

use kstreams::prelude::*;
use serde_json::{Value, json};
use streams_core::error::UserError;
use streams_core::processor::timestamp_extractor::{ConsumedRecord, TimestampExtractor};

use super::{Build, Draw, Family, GLOBAL, Operator, STREAM, TABLE, materialized};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::{Evidence, Rule};
use crate::oracle::lambdas::{Text, divides, sum};

/// Sources.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "stream",
            inputs: &[],
            outputs: &[STREAM],
            weight: 3,
            draw: |draw| {
                let topic = (*draw.rng.pick(&["s0", "s0", "s1", "s2"])).to_owned();
                source_of(draw, topic)
            },
            apply: stream,
        },
        Operator {
            name: "stream_of_topics",
            inputs: &[],
            outputs: &[STREAM],
            weight: 1,
            draw: |draw| {
                let mut options = source(draw);
                let topics = if draw.rng.chance(90) { ["m0", "m1"] } else { ["m1", "s0"] };
                options.insert("topics".into(), json!(topics));
                options
            },
            apply: stream,
        },
        Operator {
            name: "stream_of_pattern",
            inputs: &[],
            outputs: &[STREAM],
            weight: 1,
            draw: |draw| {
                let mut options = source(draw);
                // Kafka's driver has one partition for all topics of a pattern, with one time and one count of offsets.
                options.remove("extractor");
                let (pattern, topics) = match draw.rng.below(10) {
                    // Seldom it is one that matches what others name.
                    0 if draw.rng.chance(20) => ("s[0-9]", ["s0", "s8"]),
                    1..=3 => ("q.*", ["q-one", "q-two"]),
                    _ => ("p[0-9]+|x", ["p0", "p17"]),
                };
                options.insert("pattern".into(), json!(pattern));
                options.insert("topics".into(), json!(topics));
                options
            },
            apply: |build, op| {
                build.topics.extend(op.topics());
                let pattern = TopicPattern::new(op.text("pattern").ok_or("no pattern")?)?;
                let stream: KStream<Text, Text> = build.builder.stream_with(pattern, consumed(op));
                build.set(op, stream)
            },
        },
        Operator {
            name: "table",
            inputs: &[],
            outputs: &[TABLE],
            weight: 3,
            draw: |draw| {
                let topic = draw.topic("t");
                let options = source_of(draw, topic);
                draw.materialized(options)
            },
            apply: table,
        },
        Operator {
            name: "global_table",
            inputs: &[],
            outputs: &[GLOBAL],
            weight: 2,
            draw: |draw| {
                let topic = draw.topic("g");
                let options = source_of(draw, topic);
                let mut options = draw.materialized(options);
                if let Some(materialized) = options.get_mut("materialized") {
                    // Java refuses a global store without a name.
                    materialized["name"] = format!("store{}", draw.unique()).into();
                }
                options
            },
            apply: global_table,
        },
    ],
    rules: &[
        Rule {
            name: "record with headers",
            floor: 300,
            measure: |e| e.count_records(|r| !r.headers.is_empty()),
        },
        Rule { name: "wall clock advance", floor: 100, measure: advances },
        Rule {
            name: "equal timestamps",
            floor: 300,
            measure: |e| e.count_pairs(|now, before| now == before),
        },
        Rule {
            name: "earlier than before",
            floor: 300,
            measure: |e| e.count_pairs(|now, before| now < before),
        },
        Rule { name: "null key", floor: 100, measure: |e| e.count_records(|r| r.key.is_none()) },
        Rule { name: "null value", floor: 200, measure: |e| e.count_records(|r| r.value.is_none()) },
        Rule { name: "empty input", floor: 2, measure: |e| u64::from(e.case.input.is_empty()) },
    ],
};

fn advances(evidence: &Evidence<'_>) -> u64 {
    (evidence.case.input.len() - evidence.case.records().count()) as u64
}

fn source_of(draw: &mut Draw, topic: String) -> Options {
    let mut options = source(draw);
    options.insert("topic".into(), topic.into());
    options
}

/// The options of a source but for what it reads.
fn source(draw: &mut Draw) -> Options {
    let mut options = draw.named();
    if draw.rng.chance(12) {
        let n = draw.rng.between(2, 9);
        let extractor = match draw.rng.below(4) {
            0 => json!({"f": "partition_time"}),
            1 => json!({"f": "skip", "n": n, "r": 0}),
            _ => json!({"f": "shift", "n": n}),
        };
        options.insert("extractor".into(), extractor);
    }
    options
}

/// Event time from the record's own time and its value, or from that of the partition.
struct Extractor(Value);

impl<K> TimestampExtractor<K, Text> for Extractor {
    fn extract(
        &self,
        record: &ConsumedRecord<'_, K, Text>,
        partition_time: Timestamp,
    ) -> Result<Timestamp, UserError> {
        let Extractor(lambda) = self;
        Ok(match lambda["f"].as_str() {
            Some("partition_time") => partition_time.max(0),
            Some("skip") if divides(lambda, sum(record.value)) => -1,
            Some("skip") => record.timestamp,
            _ => record.timestamp + sum(record.value) % lambda["n"].as_i64().unwrap_or(2),
        })
    }
}

/// `Consumed` of a stream.
fn consumed(op: &Op) -> Consumed<Text, Text> {
    let consumed = op.text("name").map_or_else(Consumed::new, Consumed::named);
    match op.options.get("extractor") {
        Some(extractor) => consumed.with_timestamp_extractor(Extractor(extractor.clone())),
        None => consumed,
    }
}

/// `Consumed` of a table.
fn consumed_rows<K: DefaultSerde>(op: &Op) -> Consumed<K, String> {
    let consumed = op.text("name").map_or_else(Consumed::new, Consumed::named);
    match op.options.get("extractor") {
        Some(extractor) => consumed.with_row_timestamp_extractor(Extractor(extractor.clone())),
        None => consumed,
    }
}

fn stream(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let topics = op.topics();
    let stream: KStream<Text, Text> =
        match (&topics[..], op.options.contains_key("name") || op.options.contains_key("extractor")) {
            ([topic], false) => build.builder.stream(topic.as_str()),
            ([topic], true) => build.builder.stream_with(topic.as_str(), consumed(op)),
            (several, _) => build.builder.stream_with(several.to_vec(), consumed(op)),
        };
    build.set(op, stream)
}

fn table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let materialized = materialized(op).unwrap_or_else(Materialized::inherit);
    let table: KTable<Text, String> = build.builder.table_with(op.topic()?, consumed_rows(op), materialized);
    build.set(op, table)
}

fn global_table(build: &mut Build, op: &Op) -> Result<(), Fault> {
    let materialized = materialized(op).unwrap_or_else(Materialized::inherit);
    let table: GlobalKTable<String, String> =
        build.builder.global_table_with(op.topic()?, consumed_rows(op), materialized);
    build.set(op, table)
}
