//! A null where the rows have none: the values of a table's stream are options.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, String>("words").group_by_key().count();
    counts.to_stream().map_values(|count: i64| count + 1).to("counts");
}
