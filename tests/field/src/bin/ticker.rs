//! An application in a process of its own that writes without reading: each of its tasks counts in a store, every 50 ms by
//! the clock, and forwards the count. `ticker bootstrap app folder in out key=value...`; see `field::process`.

use std::time::Duration;

use kstreams::prelude::*;

struct Tick {
    count: KeyValueStore<String, i64>,
}

impl Processor<String, String, String, String> for Tick {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        Ok(())
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        now: Timestamp,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let (task, name) = (context.task_id().to_string(), "count".to_owned());
        let count = self.count.get(&name)?.unwrap_or(0) + 1;
        self.count.put(&name, Some(count))?;
        context.forward(Record::new(task, count.to_string(), now))
    }
}

fn main() -> Result<(), field::process::AnyError> {
    field::process::run(|arguments| {
        let (input, output) = (arguments.next("in")?, arguments.next("out")?);
        let builder = StreamsBuilder::new();
        builder.add_state_store(Stores::key_value_store::<String, i64>("count"));
        let tick = |task: &mut InitContext<'_>| {
            task.schedule(Duration::from_millis(50), PunctuationType::WallClockTime)?;
            Ok(Tick { count: task.state_store("count")? })
        };
        builder.stream::<String, String>(&input).process(tick, &["count"]).to(&output);
        Ok(builder.build()?)
    })
}
