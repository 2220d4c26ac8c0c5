//! Custom processors: with a store, and with punctuations of both clocks.

use bytes::Bytes;
use kstreams::prelude::*;
use serde_json::json;
use streams_core::error::Result;

use super::{Build, Draw, Family, Kind, Operator, STREAM};
use crate::oracle::case::{Fault, Op, Options};
use crate::oracle::evidence::Rule;
use crate::oracle::lambdas::{Text, shown, tail};

const ONE: &[Kind] = &[STREAM];

/// Processors.
pub const FAMILY: Family = Family {
    operators: &[
        Operator {
            name: "process",
            inputs: ONE,
            outputs: ONE,
            weight: 3,
            draw: draw_process,
            apply: process,
        },
        Operator {
            name: "process_values",
            inputs: ONE,
            outputs: ONE,
            weight: 3,
            draw: draw_process,
            apply: process_values,
        },
    ],
    rules: &[
        Rule { name: "punctuation by wall clock", floor: 10, measure: |e| e.count_values("@wall") },
        Rule { name: "punctuation by stream time", floor: 50, measure: |e| e.count_values("@stream") },
    ],
};

fn draw_process(draw: &mut Draw) -> Options {
    let mut options = draw.named();
    if draw.rng.chance(65) {
        let mut store = Options::new();
        store.insert("name".into(), format!("store{}", draw.unique()).into());
        for (option, percent) in [("caching", 30), ("unlogged", 15), ("memory", 40)] {
            if draw.rng.chance(percent) {
                store.insert(option.into(), json!(true));
            }
        }
        options.insert("store".into(), store.into());
    }
    if draw.rng.chance(45) {
        // Longer than what a chain of processors adds to a time: a record of a punctuation that comes back on a
        // repartition topic would advance stream time to the next one, forever.
        let interval = *draw.rng.pick(&[10, 15, 20, 100, 1000]);
        draw.mark(interval);
        options.insert("stream".into(), json!(interval));
    }
    if draw.rng.chance(45) {
        draw.wall_clock = true;
        options.insert("wall".into(), json!(draw.rng.pick(&[1, 10, 100, 500])));
    }
    for (option, percent) in [("clear", 30), ("again", 25)] {
        if draw.rng.chance(percent) {
            options.insert(option.into(), json!(true));
        }
    }
    options
}

/// What a call says.
#[derive(Clone)]
struct Keeping {
    store_name: Option<String>,
    stream_ms: Option<i64>,
    wall_ms: Option<i64>,
    clear: bool,
    again: bool,
    cached: bool,
}

/// Keeps the values of each key.
struct Keeper {
    how: Keeping,
    store: Option<KeyValueStore<String, String>>,
    wall: Option<Punctuation>,
}

impl Keeping {
    fn of(build: &mut Build, op: &Op) -> Self {
        let is = |option: &str| op.option(option).as_bool() == Some(true);
        let store_name = op.option("store")["name"].as_str().map(str::to_owned);
        if let Some(name) = &store_name {
            let with = |option: &str| op.option("store")[option].as_bool() == Some(true);
            let mut store = Stores::key_value_store::<String, String>(name);
            if with("caching") {
                store = store.with_caching_enabled();
            }
            if with("unlogged") {
                store = store.with_logging_disabled();
            }
            if with("memory") {
                store = store.in_memory();
            }
            build.builder.add_state_store(store);
        }
        Keeping {
            store_name,
            stream_ms: op.number("stream"),
            wall_ms: op.number("wall"),
            clear: is("clear"),
            again: is("again"),
            cached: op.option("store")["caching"].as_bool() == Some(true),
        }
    }

    fn keeper(&self, context: &mut InitContext<'_>) -> ProcessorResult<Keeper> {
        let store = self.store_name.as_ref().map(|name| context.state_store(name)).transpose()?;
        if let Some(interval) = self.stream_ms {
            context.schedule(millis(interval.unsigned_abs()), PunctuationType::StreamTime)?;
        }
        let wall = self.wall_ms.map(|interval| {
            context.schedule(millis(interval.unsigned_abs()), PunctuationType::WallClockTime)
        });
        Ok(Keeper { how: self.clone(), store, wall: wall.transpose()? })
    }

    fn stores(&self) -> Vec<&str> {
        self.store_name.iter().map(String::as_str).collect()
    }
}

impl Keeper {
    /// The list of the key's values so far; a null ends it.
    fn next(&self, key: &Text, value: Text) -> Result<Text> {
        let Some(store) = &self.store else { return Ok(value) };
        let key = shown(key).to_owned();
        let before = store.get(&key)?.unwrap_or_default();
        let next = value.map(|value| tail(before + &value));
        store.put(&key, next.clone())?;
        Ok(next)
    }

    fn clock(&self, punctuation: Punctuation) -> &'static str {
        if Some(punctuation) == self.wall { "@wall" } else { "@stream" }
    }
}

impl Processor<Text, Text, Text, Text> for Keeper {
    fn process(
        &mut self,
        record: Record<Text, Text>,
        context: &mut ProcessorContext<'_, Text, Text>,
    ) -> ProcessorResult {
        let value = self.next(&record.key, record.value.clone())?;
        let record = record.with_value(value);
        context.forward(record.clone())?;
        if !self.how.again {
            return Ok(());
        }
        let mut headers = record.headers.clone();
        headers.add("again", Some(Bytes::from_static(b"yes")));
        let (key, timestamp) = (format!("{}+", shown(&record.key)), record.timestamp + 1);
        context.forward(record.with_key(Some(key)).with_timestamp(timestamp).with_headers(headers))
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, Text, Text>,
    ) -> ProcessorResult {
        let clock = self.clock(punctuation);
        let Some(store) = &self.store else {
            return context.forward(Record::new(Some("tick".to_owned()), Some(clock.to_owned()), timestamp));
        };
        for row in store.all()? {
            let (key, value) = row?;
            if self.how.clear {
                store.delete(&key)?;
            }
            context.forward(Record::new(Some(key), Some(value + clock), timestamp))?;
        }
        Ok(())
    }
}

impl FixedKeyProcessor<Text, Text, Text> for Keeper {
    fn process(
        &mut self,
        record: FixedKeyRecord<Text, Text>,
        context: &mut FixedKeyContext<'_, Text, Text>,
    ) -> ProcessorResult {
        let value = self.next(record.key(), record.value().clone())?;
        let timestamp = record.timestamp() + i64::from(self.how.again);
        context.forward(record.with_value(value).with_timestamp(timestamp))
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        _: Timestamp,
        _: &mut FixedKeyContext<'_, Text, Text>,
    ) -> ProcessorResult {
        let Some(store) = &self.store else { return Ok(()) };
        // Backwards, Kafka's caches show deleted keys.
        let mut rows = store.all()?;
        while let Some(row) = if self.how.cached { rows.next() } else { rows.next_back() } {
            let (key, value) = row?;
            let value = Some(tail(value + self.clock(punctuation))).filter(|_| !self.how.clear);
            store.put(&key, value)?;
        }
        Ok(())
    }
}

fn process(build: &mut Build, op: &Op) -> std::result::Result<(), Fault> {
    let keeping = Keeping::of(build, op);
    let supplier = keeping.clone();
    let stream = build.stream(op)?;
    let stream: super::TextStream =
        stream.process(move |context| supplier.keeper(context), &keeping.stores());
    build.set(op, stream)
}

fn process_values(build: &mut Build, op: &Op) -> std::result::Result<(), Fault> {
    let keeping = Keeping::of(build, op);
    let supplier = keeping.clone();
    let stream = build.stream(op)?;
    let stream: super::TextStream =
        stream.process_values(move |context| supplier.keeper(context), &keeping.stores());
    build.set(op, stream)
}
