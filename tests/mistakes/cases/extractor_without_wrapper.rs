//! A closure as a timestamp extractor.
use kstreams::prelude::*;

fn main() {
    let builder = StreamsBuilder::new();
    let by_value = Consumed::new().with_timestamp_extractor(|_: &String, seconds: &i64, _: Timestamp| *seconds);
    builder.stream_with::<String, i64>("ticks", by_value).to("times");
}
