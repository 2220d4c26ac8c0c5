//! The windows of a join for an aggregation.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let clicks = builder.stream::<String, String>("clicks");
    clicks.group_by_key().windowed_by(JoinWindows::of_time_difference_with_no_grace(minutes(5))).count();
}
