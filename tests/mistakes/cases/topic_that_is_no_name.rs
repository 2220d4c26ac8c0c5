//! A topic must be named.
use streams_dsl::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(5).to("out");
}
