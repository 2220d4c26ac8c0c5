//! A supplier as in Java, which takes nothing.
use kstreams::prelude::*;

struct Same;

impl Processor<String, String, String, String> for Same {
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
    builder.stream::<String, String>("texts").process(|| Same, &[]).to("same");
}
