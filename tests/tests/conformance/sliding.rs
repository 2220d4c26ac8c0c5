//! `SlidingCases.java`, in Rust.

use kstreams::prelude::*;
use kstreams::serde::DefaultSerde;

use crate::Case;
use crate::aggregates::{list, sum};
use crate::stateless::{Text, nullable};

type Counts = Materialized<Text, i64>;

pub const CASES: &[Case] = &[
    ("sliding_count", |b| groups(b).windowed_by(sliding()).count().to_stream().to("out")),
    ("sliding_count_out_of_order", |b| groups(b).windowed_by(wide()).count().to_stream().to("out")),
    ("sliding_count_no_grace", |b| {
        let windows = SlidingWindows::of_time_difference_with_no_grace(millis(10));
        groups(b).windowed_by(windows).count().to_stream().to("out");
    }),
    ("sliding_reduce", |b| groups(b).windowed_by(sliding()).reduce(lists).to_stream().to("out")),
    ("sliding_reduce_out_of_order", |b| groups(b).windowed_by(wide()).reduce(lists).to_stream().to("out")),
    ("sliding_aggregate", |b| {
        let add = |_: &Text, v: Text, before: i64| sum(&String::new(), v.unwrap_or_default(), before);
        groups(b).windowed_by(wide()).aggregate_with(|| 100, add, unnamed()).to_stream().to("out");
    }),
    ("sliding_aggregate_to_null", |b| {
        let next = |_: &Text, v: Text, before: Option<i64>| match v.as_deref() {
            Some("3" | "9") => None,
            _ => Some(before.unwrap_or(0) + 1),
        };
        groups(b).windowed_by(wide()).aggregate(|| Some(0), next).to_stream().to("out");
    }),
    ("sliding_after_key_change", |b| {
        let changed = nullable(b, "in").select_key(|_, v| v.as_ref().map(|text| text[..1].to_owned()));
        changed.group_by_key().windowed_by(sliding()).count().to_stream().to("out");
    }),
    ("sliding_count_store_name", |b| {
        let counts = Counts::named("counts").with_retention(minutes(3));
        groups(b).windowed_by(sliding()).named("counter").count_with(counts).to_stream().to("out");
    }),
    ("sliding_count_materialized_without_name", |b| {
        groups(b).windowed_by(sliding()).count_with(unnamed()).to_stream().to("out");
    }),
    ("sliding_in_memory", |b| {
        let counts = Counts::named("counts").with_store_type(StoreType::InMemory);
        groups(b).windowed_by(sliding()).count_with(counts).to_stream().to("out");
    }),
    ("unlimited_count", |b| {
        groups(b).windowed_by(UnlimitedWindows::of()).count().to_stream().to("out");
    }),
    ("unlimited_count_start", |b| {
        let windows = groups(b).windowed_by(UnlimitedWindows::of().start_on(10));
        windows.named("counter").count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("unlimited_reduce_in_memory", |b| {
        let windows = groups(b).windowed_by(UnlimitedWindows::of().start_on(10));
        let lists_in_memory = Materialized::named("lists").with_store_type(StoreType::InMemory);
        windows.reduce_with(lists, lists_in_memory).to_stream().to("out");
    }),
];

fn sliding() -> SlidingWindows {
    SlidingWindows::of_time_difference_and_grace(millis(10), millis(5))
}

fn wide() -> SlidingWindows {
    SlidingWindows::of_time_difference_and_grace(millis(10), millis(100))
}

fn unnamed() -> Counts {
    Counts::with(Text::default_serde(), i64::default_serde())
}

fn groups(b: &StreamsBuilder) -> KGroupedStream<Text, Text> {
    nullable(b, "in").group_by_key()
}

fn lists(x: Text, y: Text) -> Text {
    let shown = |text: Text| text.unwrap_or_else(|| "null".to_owned());
    Some(list(shown(x), shown(y)))
}
