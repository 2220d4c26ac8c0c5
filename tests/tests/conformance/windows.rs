//! `WindowCases.java`, in Rust.

use kstreams::prelude::*;
use kstreams::serde::DefaultSerde;

use crate::Case;
use crate::aggregates::{list, sum};
use crate::stateless::texts;

type Counts = Materialized<String, i64>;

pub const CASES: &[Case] = &[
    ("tumbling_count", |b| groups(b).windowed_by(tumbling()).count().to_stream().to("out")),
    ("tumbling_count_null_values", |b| {
        let stream = b.stream::<String, Option<String>>("in");
        stream.group_by_key().windowed_by(tumbling()).count().to_stream().to("out");
    }),
    ("tumbling_count_no_grace", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        groups(b).windowed_by(windows).count().to_stream().to("out");
    }),
    ("tumbling_count_store_name", |b| {
        let counts = Counts::named("counts").with_retention(minutes(3));
        groups(b).windowed_by(tumbling()).named("counter").count_with(counts).to_stream().to("out");
    }),
    ("tumbling_count_materialized_without_name", |b| {
        groups(b).windowed_by(tumbling()).count_with(unnamed()).to_stream().to("out");
    }),
    ("tumbling_reduce", |b| groups(b).windowed_by(tumbling()).reduce(list).to_stream().to("out")),
    ("tumbling_aggregate", |b| {
        groups(b).windowed_by(tumbling()).aggregate_with(|| 0, sum, unnamed()).to_stream().to("out");
    }),
    ("tumbling_after_key_change", |b| changed(b).windowed_by(tumbling()).count().to_stream().to("out")),
    ("tumbling_grouped_name_store_name", |b| {
        let groups = keyless(b).group_by_with(|_, v| first_digit(v), Grouped::named("by-digit"));
        groups.windowed_by(tumbling()).count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("tumbling_key_to_text", |b| {
        let counts = groups(b).windowed_by(tumbling()).count().to_stream();
        let text = |w: &Windowed<String>, _: &Option<i64>| {
            format!("{}@{}-{}", w.key, w.window.start_ms, w.window.end_ms)
        };
        counts.select_key(text).to("out");
    }),
    ("tumbling_in_memory", |b| {
        let counts = Counts::named("counts").with_store_type(StoreType::InMemory);
        groups(b).windowed_by(tumbling()).count_with(counts).to_stream().to("out");
    }),
    ("hopping_count", |b| groups(b).windowed_by(hopping()).count().to_stream().to("out")),
    ("hopping_reduce_store_name", |b| {
        let lists = groups(b).windowed_by(hopping()).reduce_with(list, Materialized::named("texts"));
        lists.to_stream().to("out");
    }),
    ("hopping_after_key_change", |b| changed(b).windowed_by(hopping()).count().to_stream().to("out")),
    ("session_count", |b| groups(b).windowed_by(sessions()).count().to_stream().to("out")),
    ("session_count_null_values", |b| {
        let stream = b.stream::<String, Option<String>>("in");
        stream.group_by_key().windowed_by(sessions()).count().to_stream().to("out");
    }),
    ("session_count_store_name", |b| {
        let counts = Counts::named("sessions");
        groups(b).windowed_by(sessions()).named("counter").count_with(counts).to_stream().to("out");
    }),
    ("session_reduce", |b| groups(b).windowed_by(sessions()).reduce(list).to_stream().to("out")),
    ("session_aggregate", |b| {
        let sums = groups(b).windowed_by(sessions()).aggregate_with(|| 0, sum, |_, x, y| x + y, unnamed());
        sums.to_stream().to("out");
    }),
    ("session_after_key_change", |b| changed(b).windowed_by(sessions()).count().to_stream().to("out")),
];

fn tumbling() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

fn hopping() -> TimeWindows {
    tumbling().advance_by(millis(4))
}

fn sessions() -> SessionWindows {
    SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5))
}

fn unnamed() -> Counts {
    Counts::with(String::default_serde(), i64::default_serde())
}

fn groups(b: &StreamsBuilder) -> KGroupedStream<String, String> {
    texts(b, "in").group_by_key()
}

/// The input has records with a null key.
fn keyless(b: &StreamsBuilder) -> KStream<Option<String>, String> {
    b.stream("in")
}

fn first_digit(value: &str) -> String {
    value[..1].to_owned()
}

fn changed(b: &StreamsBuilder) -> KGroupedStream<String, String> {
    keyless(b).select_key(|_, v| first_digit(v)).group_by_key()
}
