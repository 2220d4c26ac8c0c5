//! `JoinCases.java`, in Rust.

use kstreams::prelude::*;

use crate::Case;
use crate::stateless::texts;

type Texts = Materialized<String, String>;

pub const CASES: &[Case] = &[
    ("stream_table_join", |b| {
        let table = rows(b);
        texts(b, "in").join(&table, plus).to("out");
    }),
    ("stream_table_left_join", |b| {
        let table = nullable_rows(b);
        keyless(b).left_join(&table, plus_maybe).to("out");
    }),
    ("stream_table_join_named", |b| {
        let table = rows(b);
        texts(b, "in").join_with(&table, plus, Joined::named("enrich")).to("out");
    }),
    ("stream_table_join_after_key_change", |b| {
        let table = rows(b);
        changed(b).join(&table, plus).to("out");
    }),
    ("stream_table_join_after_key_change_named", |b| {
        let table = rows(b);
        changed(b).join_with(&table, plus, Joined::named("enrich")).to("out");
    }),
    ("stream_table_left_join_after_key_change", |b| {
        let table = nullable_rows(b);
        keyless(b)
            .select_key(|k, v| if v == "2" { Some("a".to_owned()) } else { k.clone() })
            .left_join(&table, plus_maybe)
            .to("out");
    }),
    ("stream_with_own_count_join", |b| {
        let stream = texts(b, "in");
        let counts = stream.group_by_key().count();
        stream.join(&counts, |s, n| format!("{s}#{n}")).to("out");
    }),
    ("stream_table_join_then_count", |b| {
        let table = nullable_rows(b);
        let joined = keyless(b).left_join(&table, |_, t| t.unwrap_or_else(|| "none".to_owned()));
        joined.group_by(|_, v| v.clone()).count().to_stream().to("out");
    }),
    ("stream_global_table_join", |b| {
        let table = b.global_table::<String, String>("table");
        texts(b, "in").join_global(&table, |k, _| k.clone(), plus).to("out");
    }),
    ("stream_global_table_left_join", |b| {
        let table = b.global_table::<String, String>("table");
        keyless(b).left_join_global(&table, |k, _| k.clone(), plus_maybe).to("out");
    }),
    ("stream_global_table_join_by_value", |b| {
        let table = b.global_table_with("table", Consumed::new(), Texts::named("globals"));
        let key = |_: &String, v: &String| (v == "2").then(|| "a".to_owned());
        texts(b, "in").named("enrich").join_global(&table, key, plus).to("out");
    }),
    ("stream_stream_join", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        left.join_stream(&right, plus_both, windows()).to("out");
    }),
    ("stream_stream_join_no_grace", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        left.join_stream(&right, plus_both, JoinWindows::of_time_difference_with_no_grace(millis(10)))
            .to("out");
    }),
    ("stream_stream_join_asymmetric", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        left.join_stream(&right, plus_both, windows().before(millis(1)).after(millis(11))).to("out");
    }),
    ("stream_stream_join_after_key_change", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        let left = left.select_key(|k, _| k.clone());
        left.join_stream(&right.select_key(|k, _| k.clone()), plus_both, windows()).to("out");
    }),
    ("stream_stream_join_named", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        left.join_stream_with(&right, plus_both, windows(), pair()).to("out");
    }),
    ("stream_stream_join_after_key_change_named", |b| {
        let (left, right) = (sides(b, "left"), sides(b, "right"));
        let left = left.select_key(|k, _| k.clone());
        left.join_stream_with(&right.select_key(|k, _| k.clone()), plus_both, windows(), pair()).to("out");
    }),
    ("stream_join_with_stream_as_table", |b| {
        let table = b.stream::<String, Option<String>>("table").to_table_optional();
        texts(b, "in").join(&table, plus).to("out");
    }),
    ("stream_global_table_join_after_key_change", |b| {
        let table = b.global_table::<String, String>("table");
        let key = |_: &String, v: &String| if v == "2" { "a".to_owned() } else { "b".to_owned() };
        texts(b, "in").select_key(|_, v| v.clone()).join_global(&table, key, plus).to("out");
    }),
];

fn windows() -> JoinWindows {
    JoinWindows::of_time_difference_and_grace(millis(10), millis(5))
}

fn pair() -> StreamJoined<String, Option<String>, Option<String>> {
    StreamJoined::new().with_store_name("stores").with_name("pair")
}

fn rows(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("table")
}

fn nullable_rows(b: &StreamsBuilder) -> KTable<Option<String>, String> {
    b.table("table")
}

/// The input has records with a null key, which left joins do not drop.
fn keyless(b: &StreamsBuilder) -> KStream<Option<String>, String> {
    b.stream("in")
}

/// The inputs have null values, which joins drop but stores keep.
fn sides(b: &StreamsBuilder, topic: &str) -> KStream<String, Option<String>> {
    b.stream(topic)
}

fn changed(b: &StreamsBuilder) -> KStream<String, String> {
    texts(b, "in").select_key(|k, v| if v == "2" { "a".to_owned() } else { k.clone() })
}

fn plus(left: String, right: String) -> String {
    format!("{left}+{right}")
}

fn plus_maybe(left: String, right: Option<String>) -> String {
    format!("{left}+{}", right.as_deref().unwrap_or("null"))
}

fn plus_both(left: Option<String>, right: Option<String>) -> Option<String> {
    Some(plus(left?, right?))
}
