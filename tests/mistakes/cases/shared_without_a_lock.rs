//! What several threads would share, without a lock.
use std::cell::Cell;
use std::rc::Rc;

use kstreams::prelude::*;

fn main() {
    let count = Rc::new(Cell::new(0));
    let builder = StreamsBuilder::new();
    let payments = builder.stream::<String, i64>("payments");
    payments.peek(move |_, _| count.set(count.get() + 1)).to("seen");
}
