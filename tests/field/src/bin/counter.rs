//! An application in a process of its own that counts by key, slowly, in a store on disk: `counter bootstrap app folder in
//! out ms key=value...`; see `field::process`.
#![expect(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::time::Duration;

use kstreams::prelude::*;

fn main() -> Result<(), field::process::AnyError> {
    field::process::run(|arguments| {
        let (input, output) = (arguments.next("in")?, arguments.next("out")?);
        let record_ms = arguments.next("ms")?.parse()?;
        let builder = StreamsBuilder::new();
        let slow = move |value: String| {
            std::thread::sleep(Duration::from_millis(record_ms));
            value
        };
        let counts = builder.stream::<String, String>(&input).map_values(slow).group_by_key();
        counts.count_with(Materialized::named("counts")).to_stream().to(&output);
        Ok(builder.build()?)
    })
}
