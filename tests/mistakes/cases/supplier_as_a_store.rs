//! The supplier of a table's store, as in Java, where the builder of a processor's store belongs.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    builder.add_state_store(Stores::persistent_key_value_store("seen"));
}
