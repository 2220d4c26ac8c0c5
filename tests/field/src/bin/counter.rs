//! An application in a process of its own that counts by key, slowly, in a store on disk: `counter bootstrap app folder in
//! out ms key=value...`; see `field::process`.

use kstreams::prelude::*;

fn main() -> Result<(), field::process::AnyError> {
    field::process::run(|arguments| {
        let (input, output) = (arguments.next("in")?, arguments.next("out")?);
        let slow = field::process::slow(arguments)?;
        let builder = StreamsBuilder::new();
        let counts = builder.stream::<String, String>(&input).map_values(slow).group_by_key();
        counts.count_with(Materialized::named("counts")).to_stream().to(&output);
        Ok(builder.build()?)
    })
}
