//! An application in a process of its own that copies a topic, slowly: `slow_copy bootstrap app folder in out ms
//! key=value...`; see `field::process`.

use kstreams::prelude::StreamsBuilder;

fn main() -> Result<(), field::process::AnyError> {
    field::process::run(|arguments| {
        let (input, output) = (arguments.next("in")?, arguments.next("out")?);
        let slow = field::process::slow(arguments)?;
        let builder = StreamsBuilder::new();
        builder.stream::<String, String>(&input).map_values(slow).to(&output);
        Ok(builder.build()?)
    })
}
