//! A processor whose store is not of the type that was added.
use kstreams::prelude::*;

struct Rises {
    last: KeyValueStore<String, i64>,
}

impl Processor<String, i64, String, i64> for Rises {
    fn process(&mut self, record: Record<String, i64>, _: &mut ProcessorContext<'_, String, i64>) -> ProcessorResult {
        Ok(self.last.put(&record.key, Some(record.value))?)
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    let last = builder.add_state_store(Stores::key_value_store::<String, String>("last"));
    let prices = builder.stream::<String, i64>("prices");
    prices.process_with_stores(&last, |last, _| Ok(Rises { last })).to("rises");
}
