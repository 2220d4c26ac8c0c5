//! `ProcessorCases.java`, in Rust.

use bytes::Bytes;
use kstreams::prelude::*;

use crate::Case;
use crate::stateless::texts;

pub const CASES: &[Case] = &[
    ("process", |b| texts(b, "in").process(|_| Ok(Twice), &[]).to("out")),
    ("process_then_count", |b| {
        let twice = texts(b, "in").named("twice").process(|_| Ok(Twice), &[]);
        twice.group_by_key().count().to_stream().to("out");
    }),
    ("process_values", |b| texts(b, "in").process_values(|_| Ok(Where), &[]).to("out")),
    ("process_with_store", |b| {
        b.add_state_store(Stores::key_value_store::<String, i64>("lengths"));
        texts(b, "in").process(|task| Ok(Lengths(task.state_store("lengths")?)), &["lengths"]).to("out");
    }),
    ("process_punctuators", |b| {
        let ticks = |task: &mut InitContext<'_>| {
            task.schedule(millis(10), PunctuationType::StreamTime)?;
            Ok(Ticks { wall: task.schedule(millis(100), PunctuationType::WallClockTime)? })
        };
        texts(b, "in").process(ticks, &[]).to("out");
    }),
];

/// Forwards each record twice: unchanged, and with another timestamp and a header more.
struct Twice;

impl Processor<String, String, String, String> for Twice {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
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
        context: &mut FixedKeyContext<'_, String, String>,
    ) -> ProcessorResult {
        let at = context.record_metadata();
        let place = at.map_or("nowhere".into(), |at| format!("{}/{}/{}", at.topic, at.partition, at.offset));
        context.forward(record.with_value(place))
    }
}

/// Sums the lengths of the values by key; an empty value deletes the sum and forwards a null.
struct Lengths(KeyValueStore<String, i64>);

impl Processor<String, String, String, Option<i64>> for Lengths {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, Option<i64>>,
    ) -> ProcessorResult {
        let store = &self.0;
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
    wall: Punctuation,
}

impl Processor<String, String, String, String> for Ticks {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Ok(())
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        timestamp: Timestamp,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let clock = if punctuation == self.wall { "wall" } else { "stream" };
        context.forward(Record::new(clock.to_owned(), "tick".to_owned(), timestamp))
    }
}
