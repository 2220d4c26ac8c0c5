//! A closure that may fail, in the operator for those that cannot: `try_map_values` is the other one.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("texts").map_values(|text| text.parse::<i64>()?).to("numbers");
}
