//! A topic must be named.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(5).to("out");
}
