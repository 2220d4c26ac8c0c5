//! Cases once more, with keys and values that may be null, as all of Java's may: then the operators drop the nulls, not
//! the sources, and the recorded results are the same.

use kstreams::prelude::*;
use kstreams::{SessionWindowedKStream, TimeWindowedKStream};

use crate::Case;
use crate::stateless::{Text, nullable};

pub const CASES: &[Case] = &[
    ("count", |b| groups(b).count().to_stream().to("out")),
    ("count_named", |b| groups(b).named("counter").count().to_stream().to("out")),
    ("reduce", |b| groups(b).reduce(list).to_stream().to("out")),
    ("aggregate", |b| groups(b).aggregate(|| 0, sum).to_stream().to("out")),
    ("aggregate_to_null", |b| {
        let next = |key: &Text, value: Text, before: Option<i64>| {
            Some(sum(key, value, before.unwrap_or_default())).filter(|sum| *sum != 0)
        };
        groups(b).aggregate(|| Some(0), next).to_stream().to("out");
    }),
    ("tumbling_count", |b| tumbling(b).count().to_stream().to("out")),
    ("tumbling_count_null_values", |b| tumbling(b).count().to_stream().to("out")),
    ("tumbling_reduce", |b| tumbling(b).reduce(list).to_stream().to("out")),
    ("tumbling_aggregate", |b| tumbling(b).aggregate(|| 0, sum).to_stream().to("out")),
    ("tumbling_after_key_change", |b| {
        by_digit(b).group_by_key().windowed_by(ten_ms()).count().to_stream().to("out");
    }),
    ("session_count", |b| sessions(b).count().to_stream().to("out")),
    ("session_count_null_values", |b| sessions(b).count().to_stream().to("out")),
    ("session_reduce", |b| sessions(b).reduce(list).to_stream().to("out")),
    ("session_aggregate", |b| sessions(b).aggregate(|| 0, sum, |_, x, y| x + y).to_stream().to("out")),
    ("session_after_key_change", |b| {
        by_digit(b).group_by_key().windowed_by(gap_of_ten_ms()).count().to_stream().to("out");
    }),
    ("stream_table_join", |b| {
        let rows = b.table::<Text, String>("table");
        nullable(b, "in").join(&rows, |value, row| plus(value, Some(row))).to("out");
    }),
    ("stream_table_left_join", |b| {
        let rows = b.table::<Text, String>("table");
        nullable(b, "in").left_join(&rows, plus).to("out");
    }),
    ("stream_table_join_after_key_change", |b| {
        let rows = b.table::<Text, String>("table");
        let two_to_a = |k: &Text, v: &Text| if *v == text("2") { text("a") } else { k.clone() };
        nullable(b, "in").select_key(two_to_a).join(&rows, |value, row| plus(value, Some(row))).to("out");
    }),
    ("stream_join_with_stream_as_table", |b| {
        let rows = nullable(b, "table").to_table_optional();
        nullable(b, "in").join(&rows, |value, row| plus(value, Some(row))).to("out");
    }),
    ("stream_global_table_join", |b| {
        let rows = b.global_table::<String, String>("table");
        let joined = nullable(b, "in").join_global(&rows, |k, _| k.clone(), |v, row| plus(v, Some(row)));
        joined.to("out");
    }),
    ("stream_global_table_left_join", |b| {
        let rows = b.global_table::<String, String>("table");
        nullable(b, "in").left_join_global(&rows, |k, _| k.clone(), plus).to("out");
    }),
    ("stream_stream_join", |b| {
        let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(5));
        nullable(b, "left").join_stream(&nullable(b, "right"), plus, windows).to("out");
    }),
    ("stream_stream_join_after_key_change", |b| {
        let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(5));
        let (left, right) = (nullable(b, "left"), nullable(b, "right"));
        let left = left.select_key(|k, _| k.clone());
        left.join_stream(&right.select_key(|k, _| k.clone()), plus, windows).to("out");
    }),
];

fn ten_ms() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

fn gap_of_ten_ms() -> SessionWindows {
    SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5))
}

fn groups(b: &StreamsBuilder) -> KGroupedStream<Text, Text> {
    nullable(b, "in").group_by_key()
}

fn tumbling(b: &StreamsBuilder) -> TimeWindowedKStream<Text, Text> {
    groups(b).windowed_by(ten_ms())
}

fn sessions(b: &StreamsBuilder) -> SessionWindowedKStream<Text, Text> {
    groups(b).windowed_by(gap_of_ten_ms())
}

fn by_digit(b: &StreamsBuilder) -> KStream<Text, Text> {
    nullable(b, "in").select_key(|_, v| v.as_ref().map(|text| text[..1].to_owned()))
}

fn text(text: &str) -> Text {
    Some(text.to_owned())
}

/// As Java prints it.
fn shown(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

fn list(x: Text, y: Text) -> Text {
    Some(format!("{},{}", shown(&x), shown(&y)))
}

fn plus(value: Text, row: Text) -> Text {
    Some(format!("{}+{}", shown(&value), shown(&row)))
}

fn sum(_: &Text, value: Text, before: i64) -> i64 {
    before + shown(&value).parse::<i64>().unwrap()
}
