//! `join` is for tables; two streams are joined by `join_stream`, in windows.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, i64>("left");
    let right = builder.stream::<String, i64>("right");
    let windows = JoinWindows::of_time_difference_with_no_grace(minutes(5));
    left.join(&right, |left, right| left + right, windows).to("sums");
}
