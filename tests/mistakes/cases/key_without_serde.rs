//! Grouped by a key that has no serde.
use kstreams::prelude::*;

#[derive(Clone, PartialEq, Eq)]
struct Pair(String, String);

fn main() {
    let builder = StreamsBuilder::new();
    let payments = builder.stream::<String, String>("payments");
    payments.group_by(|from, to| Pair(from.clone(), to.clone())).count();
}
