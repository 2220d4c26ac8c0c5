//! Which sensors have fallen silent? Operators react to records that arrive. A processor with a store remembers when each
//! sensor was last heard, and a punctuation checks every minute.
//!
//! ```text
//! attic: silent since minute 0
//! ```

use std::error::Error;
use std::time::Duration;

use kstreams::prelude::*;

const MINUTE_MS: i64 = 60_000;
const SILENT_AFTER_MS: i64 = 5 * MINUTE_MS;

struct Silence {
    last_heard: KeyValueStore<String, i64>,
}

impl Silence {
    fn new(last_heard: KeyValueStore<String, i64>, task: &mut InitContext<'_>) -> ProcessorResult<Self> {
        // By event time, so that a replay of last week's records gives last week's results.
        task.schedule(minutes(1), PunctuationType::StreamTime)?;
        Ok(Silence { last_heard })
    }
}

impl Processor<String, i64, String, i64> for Silence {
    fn process(
        &mut self,
        record: Record<String, i64>,
        _: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        self.last_heard.put(&record.key, Some(record.timestamp))?;
        Ok(())
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        now: Timestamp,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        for row in self.last_heard.all()? {
            let (sensor, heard) = row?;
            if now - heard >= SILENT_AFTER_MS {
                self.last_heard.put(&sensor, None)?; // reported once
                context.forward(Record::new(sensor, heard / MINUTE_MS, now))?;
            }
        }
        Ok(())
    }
}

fn topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let last_heard = builder.add_state_store(Stores::key_value_store("last-heard"));
    builder.stream::<String, i64>("readings").process_with_stores(&last_heard, Silence::new).to("silent");
    builder.build()
}

fn main() -> Result<(), Box<dyn Error>> {
    let broker = EmbeddedBroker::of_servers("embedded:")?;
    let mut readings = EmbeddedTopic::<String, i64>::create(&broker, "readings", 1)?;
    let mut silent = EmbeddedTopic::<String, i64>::create(&broker, "silent", 1)?;
    let app = KafkaStreams::new(topology()?, StreamsConfig::new("silence", "embedded:"))?;
    app.start()?;

    let read = [("attic", 0), ("cellar", 1), ("cellar", 4), ("cellar", 6)];
    readings.send_all(read.map(|(sensor, minute)| Record::new(sensor.to_owned(), 21, minute * MINUTE_MS)))?;
    for record in silent.read_within(1, Duration::from_secs(30))? {
        println!("{}: silent since minute {}", record.key, record.value);
    }
    app.close(Duration::from_secs(10));
    Ok(())
}
