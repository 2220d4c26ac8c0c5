//! `SuppressCases.java`, in Rust.

use std::collections::BTreeMap;

use kstreams::prelude::*;

use crate::Case;
use crate::aggregates::list;
use crate::stateless::{Text, nullable};

pub const CASES: &[Case] = &[
    ("suppress_tumbling_count", |b| {
        let counts = groups(b).windowed_by(tumbling()).count();
        counts.suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_tumbling_named", |b| {
        let counts = groups(b).windowed_by(tumbling()).count_with(Materialized::named("counts"));
        let buffer = BufferConfig::unbounded().with_logging_enabled(BTreeMap::new());
        let finals = counts.suppress(Suppressed::until_window_closes(buffer).with_name("final"));
        finals.to_stream().to("out");
    }),
    ("suppress_tumbling_without_log", |b| {
        let counts = groups(b).windowed_by(tumbling()).count();
        let buffer = BufferConfig::unbounded().with_logging_disabled();
        counts.suppress(Suppressed::until_window_closes(buffer)).to_stream().to("out");
    }),
    ("suppress_hopping_reduce", |b| {
        let reduced = groups(b).windowed_by(tumbling().advance_by(millis(4))).reduce(lists);
        reduced.suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_sliding_count", |b| {
        let windows = SlidingWindows::of_time_difference_and_grace(millis(10), millis(5));
        groups(b).windowed_by(windows).count().suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_session_count", |b| {
        let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        groups(b).windowed_by(windows).count().suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_tumbling_after_filter", |b| {
        let counts = groups(b).windowed_by(tumbling()).count().filter(|_, n| *n > 1);
        counts.suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_tumbling_after_key_change", |b| {
        let present = nullable(b, "in").filter(|_, v| v.is_some());
        let groups = present.group_by(|_, v| v.as_ref().map(|text| text[..1].to_owned()));
        groups.windowed_by(tumbling()).count().suppress(until_closed()).to_stream().to("out");
    }),
    ("suppress_tumbling_time_limit", |b| {
        let counts = groups(b).windowed_by(tumbling()).count();
        let two = Suppressed::until_time_limit(millis(10), BufferConfig::max_records(2));
        counts.suppress(two).to_stream().to("out");
    }),
    ("suppress_time_limit", |b| rows(b).suppress(until_limit()).to_stream().to("out")),
    ("suppress_time_limit_zero", |b| {
        let at_once = Suppressed::until_time_limit(millis(0), BufferConfig::unbounded());
        rows(b).suppress(at_once).to_stream().to("out");
    }),
    ("suppress_time_limit_named", |b| {
        let rows = b.table_with::<String, String>("in", Consumed::new(), Materialized::named("rows"));
        rows.suppress(until_limit().with_name("later")).to_stream().to("out");
    }),
    ("suppress_count", |b| groups(b).count().suppress(until_limit()).to_stream().to("out")),
    ("suppress_max_records", |b| {
        let one = Suppressed::until_time_limit(millis(20), BufferConfig::max_records(1));
        rows(b).suppress(one).to_stream().to("out");
    }),
    ("suppress_max_records_zero", |b| {
        let none = Suppressed::until_time_limit(millis(10), BufferConfig::max_records(0));
        rows(b).suppress(none).to_stream().to("out");
    }),
    ("suppress_max_bytes", |b| rows(b).suppress(long(BufferConfig::max_bytes(100))).to_stream().to("out")),
    ("suppress_max_bytes_tight", |b| {
        rows(b).suppress(long(BufferConfig::max_bytes(43))).to_stream().to("out");
    }),
    ("suppress_both_bounds", |b| {
        let buffer = BufferConfig::max_records(2).with_max_bytes(90);
        rows(b).suppress(long(buffer)).to_stream().to("out");
    }),
    ("suppress_emit_early", |b| {
        let buffer = BufferConfig::unbounded().with_max_records(2).emit_early_when_full();
        rows(b).suppress(long(buffer)).to_stream().to("out");
    }),
    ("suppress_strict_never_full", |b| {
        let buffer = BufferConfig::max_records(9).shut_down_when_full();
        rows(b).suppress(Suppressed::until_time_limit(millis(10), buffer)).to_stream().to("out");
    }),
    ("suppress_then_map_values", |b| {
        let mapped = rows(b).suppress(until_limit());
        let mapped = mapped.map_values_with(|v| v + "!", Materialized::named("mapped"));
        mapped.to_stream().to("out");
    }),
    ("suppress_then_stream_join", |b| {
        let texts = b.stream::<String, String>("in");
        let rows = b.table::<String, String>("table").suppress(until_limit());
        let joined = texts.left_join(&rows, |l, r| format!("{l}+{}", r.unwrap_or_else(|| "null".to_owned())));
        joined.to("out");
    }),
    ("suppress_twice", |b| {
        let later = Suppressed::until_time_limit(millis(5), BufferConfig::unbounded());
        rows(b).suppress(until_limit()).suppress(later).to_stream().to("out");
    }),
];

fn tumbling() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

fn until_closed<K>() -> Suppressed<Windowed<K>> {
    Suppressed::until_window_closes(BufferConfig::unbounded())
}

fn until_limit<K>() -> Suppressed<K> {
    Suppressed::until_time_limit(millis(10), BufferConfig::unbounded())
}

/// Longer than the input lasts, up to its last step.
fn long<K, R>(buffer: BufferConfig<R>) -> Suppressed<K> {
    Suppressed::until_time_limit(millis(500), buffer)
}

fn rows(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("in")
}

fn groups(b: &StreamsBuilder) -> KGroupedStream<Text, Text> {
    nullable(b, "in").group_by_key()
}

fn lists(x: Text, y: Text) -> Text {
    let shown = |text: Text| text.unwrap_or_else(|| "null".to_owned());
    Some(list(shown(x), shown(y)))
}
