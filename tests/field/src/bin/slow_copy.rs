//! An application in a process of its own that copies a topic, slowly: `slow_copy bootstrap app folder in out ms
//! key=value...`; see `field::process`.
#![expect(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::time::Duration;

use kstreams::prelude::StreamsBuilder;

fn main() -> Result<(), field::process::AnyError> {
    field::process::run(|arguments| {
        let (input, output) = (arguments.next("in")?, arguments.next("out")?);
        let record_ms = arguments.next("ms")?.parse()?;
        let builder = StreamsBuilder::new();
        let slow = move |value: String| {
            std::thread::sleep(Duration::from_millis(record_ms));
            value
        };
        builder.stream::<String, String>(&input).map_values(slow).to(&output);
        Ok(builder.build()?)
    })
}
