//! A join of a stream with a table by another type of key.
//!
//! An order is joined with the name of its customer, but names are kept by number.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, i64>("orders");
    let names = builder.table::<i64, String>("names");
    orders.join(&names, |order, name| format!("{order} {name}")).to("named-orders");
}
