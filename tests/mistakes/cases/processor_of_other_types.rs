//! A processor of text on a stream of numbers.
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
    let numbers = builder.stream::<String, i64>("numbers");
    numbers.process::<_, String, String>(|_| Ok(Shout), &[]).to("loud");
}
