//! A closure that borrows what does not live as long as the topology.
use kstreams::prelude::*;

fn main() {
    let limit = 100;
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("payments").filter(|_, cents| *cents > limit).to("large");
}
