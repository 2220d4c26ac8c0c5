//! A value that cannot be cloned.
use kstreams::prelude::*;

struct Payment(i64);

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("cents").map_values(Payment);
}
