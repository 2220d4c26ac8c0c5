//! A custom struct without a serde.
use kstreams::prelude::*;

#[derive(Clone)]
struct Payment {
    cents: i64,
}

fn main() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Payment>("payments").filter(|_, payment| payment.cents > 0);
}
