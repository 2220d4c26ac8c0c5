//! `ProcessorCases.java`, in Rust.

use bytes::Bytes;
use streams_core::error::Result;
use streams_dsl::prelude::*;

use crate::Case;
use crate::stateless::texts;

pub const CASES: &[Case] = &[
    ("process", |b| texts(b, "in").process(|| Twice, &[]).to("out")),
    ("process_then_count", |b| {
        let twice = texts(b, "in").named("twice").process(|| Twice, &[]);
        twice.group_by_key().count().to_stream().to("out");
    }),
    ("process_values", |b| texts(b, "in").process_values(|| Where, &[]).to("out")),
    ("process_with_store", |b| {
        b.add_state_store(Stores::key_value_store::<String, i64>("lengths"));
        texts(b, "in").process(|| Lengths(None), &["lengths"]).to("out");
    }),
    ("process_punctuators", |b| texts(b, "in").process(|| Ticks { wall: None }, &[]).to("out")),
];

/// Forwards each record twice: unchanged, and with another timestamp and a header more.
struct Twice;

impl Processor<String, String, String, String> for Twice {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> Result<()> {
        context.forward(record.clone())?;
        let mut headers = record.headers.clone();
        headers.add("second", Some(Bytes::from_static(b"yes")));
        let (key, timestamp) = (format!("{}+", record.key), record.timestamp + 7);
        context.forward(record.with_key(key).with_timestamp(timestamp).with_headers(headers))
    }
}

/// Replaces the value by topic/partition/offset of the record.
pub struct Where;

impl FixedKeyProcessor<String, String, String> for Where {
    fn process(
        &mut self,
        record: FixedKeyRecord<String, String>,
        context: &mut FixedKeyContext<'_, '_, String, String>,
    ) -> Result<()> {
        let at = context.record_metadata();
        let place = at.map_or("nowhere".into(), |at| format!("{}/{}/{}", at.topic, at.partition, at.offset));
        context.forward(record.with_value(place))
    }
}

/// Sums the lengths of the values by key; an empty value deletes the sum and forwards a null.
struct Lengths(Option<KeyValueStore<String, i64>>);

impl Processor<String, String, String, Option<i64>> for Lengths {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, Option<i64>>) -> Result<()> {
        self.0 = Some(context.state_store("lengths")?);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, Option<i64>>,
    ) -> Result<()> {
        let store = self.0.as_ref().expect("init comes first");
        if record.value.is_empty() {
            store.delete(&record.key)?;
            return context.forward(record.with_value(None));
        }
        let sum = store.get(&record.key)?.unwrap_or(0) + record.value.len() as i64;
        store.put(&record.key, Some(sum))?;
        context.forward(record.with_value(Some(sum)))
    }
}

/// Forwards nothing but the ticks: by stream time every 10 ms, by wall-clock time every 100 ms.
struct Ticks {
    wall: Option<Punctuation>,
}

impl Processor<String, String, String, String> for Ticks {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> Result<()> {
        context.schedule(10, PunctuationType::StreamTime)?;
        self.wall = Some(context.schedule(100, PunctuationType::WallClockTime)?);
        Ok(())
    }

    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> Result<()> {
        Ok(())
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> Result<()> {
        let clock = if Some(punctuation) == self.wall { "wall" } else { "stream" };
        context.forward(Record::new(clock.to_owned(), "tick".to_owned(), timestamp))
    }
}
