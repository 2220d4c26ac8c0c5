//! `EmitCases.java`, in Rust.

use kstreams::prelude::*;
use kstreams::{SessionWindowedKStream, TimeWindowedKStream};

use crate::Case;
use crate::aggregates::list;
use crate::stateless::{Text, nullable};

type Counts = Materialized<Text, i64>;

const ON_CLOSE: EmitStrategy = EmitStrategy::OnWindowClose;

pub const CASES: &[Case] = &[
    ("tumbling_count_on_close", |b| closing(b, tumbling()).count().to_stream().to("out")),
    ("tumbling_count_on_close_no_grace", |b| {
        closing(b, TimeWindows::of_size_with_no_grace(millis(10))).count().to_stream().to("out");
    }),
    ("tumbling_count_on_update", |b| {
        closing(b, tumbling()).emit_strategy(EmitStrategy::OnWindowUpdate).count().to_stream().to("out");
    }),
    ("tumbling_reduce_on_close_store_name", |b| {
        let reduced = closing(b, tumbling()).named("lister").reduce_with(lists, Materialized::named("lists"));
        reduced.to_stream().to("out");
    }),
    ("tumbling_count_on_close_in_memory", |b| {
        let counts = Counts::named("counts").with_store_type(StoreType::InMemory);
        closing(b, tumbling()).count_with(counts).to_stream().to("out");
    }),
    ("tumbling_on_close_after_key_change", |b| {
        let present = nullable(b, "in").filter(|_, v| v.is_some());
        let changed = present.select_key(|_, v| v.as_ref().map(|text| text[..1].to_owned()));
        changed.group_by_key().windowed_by(tumbling()).emit_strategy(ON_CLOSE).count().to_stream().to("out");
    }),
    ("hopping_count_on_close", |b| {
        closing(b, tumbling().advance_by(millis(4))).count().to_stream().to("out");
    }),
    ("sliding_count_on_close", |b| sliding(b).count().to_stream().to("out")),
    ("sliding_reduce_on_close_in_memory", |b| {
        let in_memory = Materialized::named("lists").with_store_type(StoreType::InMemory);
        sliding(b).reduce_with(lists, in_memory).to_stream().to("out");
    }),
    ("session_count_on_close", |b| sessions(b).count().to_stream().to("out")),
    ("session_count_on_close_in_memory", |b| {
        let counts = Counts::named("counts").with_store_type(StoreType::InMemory);
        sessions(b).count_with(counts).to_stream().to("out");
    }),
    ("session_reduce_on_close_store_name", |b| {
        let reduced = sessions(b).named("lister").reduce_with(lists, Materialized::named("lists"));
        reduced.to_stream().to("out");
    }),
];

fn tumbling() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

fn closing(b: &StreamsBuilder, windows: TimeWindows) -> TimeWindowedKStream<Text, Text> {
    nullable(b, "in").group_by_key().windowed_by(windows).emit_strategy(ON_CLOSE)
}

fn sliding(b: &StreamsBuilder) -> TimeWindowedKStream<Text, Text, SlidingWindows> {
    let windows = SlidingWindows::of_time_difference_and_grace(millis(10), millis(5));
    nullable(b, "in").group_by_key().windowed_by(windows).emit_strategy(ON_CLOSE)
}

fn sessions(b: &StreamsBuilder) -> SessionWindowedKStream<Text, Text> {
    let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
    nullable(b, "in").group_by_key().windowed_by(windows).emit_strategy(ON_CLOSE)
}

fn lists(x: Text, y: Text) -> Text {
    let shown = |text: Text| text.unwrap_or_else(|| "null".to_owned());
    Some(list(shown(x), shown(y)))
}
