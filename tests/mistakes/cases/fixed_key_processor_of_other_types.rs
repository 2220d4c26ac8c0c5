//! A processor that may change the key where the key is fixed.
use kstreams::prelude::*;

struct Shout;

impl Processor<String, String, String, String> for Shout {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

fn main() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    lines.process_values::<_, String>(|_| Ok(Shout), &[]).to("loud");
}
