//! `StreamJoinCases.java`, in Rust. Keys and values may be null, as in Java.

use kstreams::prelude::*;
use streams_core::store::WindowSupplier;

use crate::Case;
use crate::stateless::{Text, nullable};

type Joined3 = StreamJoined<Text, Text, Text>;

pub const CASES: &[Case] = &[
    ("stream_stream_left_join", |b| left(b, windows(), Joined3::new())),
    ("stream_stream_left_join_throttled", |b| left(b, windows(), Joined3::new())),
    ("stream_stream_left_join_no_grace", |b| left(b, no_grace(), Joined3::new())),
    ("stream_stream_left_join_asymmetric", |b| left(b, asymmetric(), Joined3::new())),
    ("stream_stream_left_join_later", |b| left(b, later(), Joined3::new())),
    ("stream_stream_left_join_earlier", |b| left(b, earlier(), Joined3::new())),
    ("stream_stream_left_join_old", |b| left(b, old(), Joined3::new())),
    ("stream_stream_left_join_with_key", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let joiner = |k: &Text, l, r: Option<Text>| keyed(k, plus(l, r.flatten()));
        one.left_join_stream_with_key_with(&other, joiner, windows(), Joined3::new()).to("out");
    }),
    ("stream_stream_left_join_named", |b| left(b, windows(), pair())),
    ("stream_stream_left_join_after_key_change", |b| {
        let (one, other) = (changed(b, "left"), changed(b, "right"));
        one.left_join_stream(&other, left_plus, windows()).to("out");
    }),
    ("stream_stream_left_join_after_key_change_named", |b| {
        let (one, other) = (changed(b, "left"), changed(b, "right"));
        one.left_join_stream_with(&other, left_plus, windows(), pair()).to("out");
    }),
    ("stream_stream_outer_join", |b| outer(b, windows(), Joined3::new())),
    ("stream_stream_outer_join_throttled", |b| outer(b, windows(), Joined3::new())),
    ("stream_stream_outer_join_throttled_later", |b| outer(b, later(), Joined3::new())),
    ("stream_stream_outer_join_no_grace", |b| outer(b, no_grace(), Joined3::new())),
    ("stream_stream_outer_join_asymmetric", |b| outer(b, asymmetric(), Joined3::new())),
    ("stream_stream_outer_join_later", |b| outer(b, later(), Joined3::new())),
    ("stream_stream_outer_join_earlier", |b| outer(b, earlier(), Joined3::new())),
    ("stream_stream_outer_join_old", |b| outer(b, old(), Joined3::new())),
    ("stream_stream_outer_join_with_key", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let joiner = |k: &Text, l, r| keyed(k, outer_plus(l, r));
        one.outer_join_stream_with_key_with(&other, joiner, windows(), Joined3::new()).to("out");
    }),
    ("stream_stream_outer_join_named", |b| outer(b, windows(), pair())),
    ("stream_stream_outer_join_after_key_change", |b| {
        let (one, other) = (changed(b, "left"), changed(b, "right"));
        one.outer_join_stream(&other, outer_plus, windows()).to("out");
    }),
    ("stream_stream_outer_join_after_key_change_named", |b| {
        let (one, other) = (changed(b, "left"), changed(b, "right"));
        one.outer_join_stream_with(&other, outer_plus, windows(), pair()).to("out");
    }),
    ("stream_stream_join_suppliers", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let joined = Joined3::new()
            .with_this_store_supplier(on_disk("this-win"))
            .with_other_store_supplier(on_disk("other-win"));
        one.join_stream_with(&other, plus, windows(), joined).to("out");
    }),
    ("stream_stream_left_join_this_supplier", |b| {
        left(b, windows(), pair().with_this_store_supplier(in_memory("this-win")));
    }),
    ("stream_stream_outer_join_other_supplier", |b| {
        outer(b, windows(), pair().with_other_store_supplier(in_memory("other-win")));
    }),
    ("stream_stream_outer_join_unlogged_suppliers", |b| {
        let joined = Joined3::new()
            .with_this_store_supplier(on_disk("this-win"))
            .with_other_store_supplier(in_memory("other-win"));
        outer(b, windows(), joined.with_logging_disabled());
    }),
    ("stream_stream_outer_join_unlogged", |b| {
        outer(b, windows(), Joined3::new().with_store_name("stores").with_logging_disabled());
    }),
    ("stream_stream_outer_join_in_memory", |b| {
        outer(b, windows(), Joined3::new().with_store_type(StoreType::InMemory));
    }),
    ("self_join", |b| itself(&nullable(b, "in"), windows(), Joined3::new())),
    ("self_join_one_store", |b| itself(&nullable(b, "in"), windows(), Joined3::new())),
    ("self_join_one_store_asymmetric", |b| {
        let stream = nullable(b, "in");
        let joiner = |k: &Text, l, r| keyed(k, plus(l, r));
        stream.join_stream_with_key_with(&stream, joiner, asymmetric(), Joined3::new()).to("out");
    }),
    ("self_join_one_store_later", |b| itself(&nullable(b, "in"), later(), Joined3::new())),
    ("self_join_one_store_named", |b| itself(&nullable(b, "in"), no_grace(), pair())),
    ("self_left_join_one_store", |b| {
        let stream = nullable(b, "in");
        stream.left_join_stream(&stream, left_plus, windows()).to("out");
    }),
    ("self_outer_join_one_store", |b| {
        let stream = nullable(b, "in");
        stream.outer_join_stream_with(&stream, outer_plus, windows(), pair()).to("out");
    }),
    ("self_outer_join", |b| {
        let stream = nullable(b, "in");
        stream.outer_join_stream(&stream, outer_plus, windows()).to("out");
    }),
    ("self_join_one_store_read_twice", |b| {
        nullable(b, "in").join_stream(&nullable(b, "in"), plus, windows()).to("out");
    }),
    ("self_join_one_store_after_key_change", |b| itself(&changed(b, "in"), windows(), Joined3::new())),
    ("self_join_after_key_change_named", |b| itself(&changed(b, "in"), windows(), pair())),
    ("self_join_after_key_change_named_merged", |b| itself(&changed(b, "in"), windows(), pair())),
    ("self_join_of_filtered", |b| {
        let stream = nullable(b, "in");
        stream.filter(|_, _| true).join_stream(&stream, plus, windows()).to("out");
    }),
    ("stream_stream_join_of_join", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let both = one.join_stream(&other, plus, windows());
        both.join_stream(&nullable(b, "left"), plus, windows()).to("out");
    }),
    ("stream_stream_outer_join_of_left_join", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let both = one.left_join_stream(&other, left_plus, windows());
        both.outer_join_stream(&nullable(b, "right"), outer_plus, windows()).to("out");
    }),
    ("stream_table_join_with_key", |b| {
        let rows = b.table_with::<Text, String>("table", Consumed::new(), Materialized::named("rows"));
        let joiner = |k: &Text, v, row| keyed(k, plus(v, Some(row)));
        nullable(b, "in").join_with_key_with(&rows, joiner, Joined::new()).to("out");
    }),
    ("stream_table_left_join_with_key", |b| {
        let rows = b.table::<Text, String>("table");
        let joiner = |k: &Text, v, row| keyed(k, plus(v, row));
        nullable(b, "in").left_join_with_key_with(&rows, joiner, Joined::new()).to("out");
    }),
    ("stream_table_left_join_with_key_named", |b| {
        let rows = b.table::<Text, String>("table");
        let joiner = |k: &Text, v, row| keyed(k, plus(v, row));
        changed(b, "in").left_join_with_key_with(&rows, joiner, Joined::named("enrich")).to("out");
    }),
    ("stream_stream_join_with_key", |b| {
        let (one, other) = (nullable(b, "left"), nullable(b, "right"));
        let joiner = |k: &Text, l, r| keyed(k, plus(l, r));
        one.join_stream_with_key_with(&other, joiner, windows(), Joined3::new()).to("out");
    }),
    ("stream_global_table_join_with_key", |b| {
        let rows = b.global_table::<String, String>("table");
        let joiner = |k: &Text, v, row| keyed(k, plus(v, Some(row)));
        nullable(b, "in").join_global_with_key(&rows, |k, _| k.clone(), joiner).to("out");
    }),
    ("stream_global_table_left_join_with_key", |b| {
        let rows = b.global_table::<String, String>("table");
        let joiner = |k: &Text, v, row| keyed(k, plus(v, row));
        nullable(b, "in").left_join_global_with_key(&rows, |_, _| "a".to_owned(), joiner).to("out");
    }),
    ("merged_repartition_of_joins", |b| {
        let rows = b.table::<Text, String>("table");
        let stream = changed(b, "in");
        stream.join_with(&rows, |v, row| plus(v, Some(row)), Joined::named("one")).to("out");
        stream.left_join_with(&rows, minus, Joined::named("two")).to("out");
        stream.group_by_key().count().to_stream().to("counts");
    }),
    ("merged_repartition_of_inner_joins", |b| {
        let rows = b.table::<Text, String>("table");
        let stream = changed(b, "in");
        stream.join_with(&rows, |v, row| plus(v, Some(row)), Joined::named("one")).to("out");
        let filtered = stream.filter(|_, _| true);
        filtered.join_with(&rows, |v, row| minus(v, Some(row)), Joined::named("two")).to("out");
    }),
    ("merged_repartition_of_stream_joins", |b| {
        let (one, other) = (changed(b, "left"), nullable(b, "right"));
        let joined = Joined3::new().with_store_name("s").with_name("n");
        one.join_stream_with(&other, plus, windows(), joined).to("out");
        one.left_join_stream_with(&other, |l, r| minus(l, r.flatten()), windows(), pair()).to("out");
    }),
    ("joins_share_a_repartition", |b| {
        let rows = b.table::<Text, String>("table");
        let stream = changed(b, "in");
        stream.join(&rows, |v, row| plus(v, Some(row))).to("out");
        stream.left_join(&rows, minus).to("out");
    }),
];

fn left(b: &StreamsBuilder, windows: JoinWindows, joined: Joined3) {
    nullable(b, "left").left_join_stream_with(&nullable(b, "right"), left_plus, windows, joined).to("out");
}

fn outer(b: &StreamsBuilder, windows: JoinWindows, joined: Joined3) {
    nullable(b, "left").outer_join_stream_with(&nullable(b, "right"), outer_plus, windows, joined).to("out");
}

fn itself(stream: &KStream<Text, Text>, windows: JoinWindows, joined: Joined3) {
    stream.join_stream_with(stream, plus, windows, joined).to("out");
}

fn changed(b: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    nullable(b, topic).select_key(|k, _| k.clone())
}

fn windows() -> JoinWindows {
    JoinWindows::of_time_difference_and_grace(millis(10), millis(5))
}

fn no_grace() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(millis(10))
}

fn asymmetric() -> JoinWindows {
    windows().before(millis(1)).after(millis(11))
}

fn later() -> JoinWindows {
    windows().starts_after(millis(2)).after(millis(8))
}

fn earlier() -> JoinWindows {
    windows().ends_before(millis(2)).before(millis(8))
}

#[allow(deprecated, reason = "what is deprecated is Kafka Streams' as well")]
fn old() -> JoinWindows {
    JoinWindows::of(millis(10)).grace(millis(5))
}

fn pair() -> Joined3 {
    Joined3::new().with_store_name("stores").with_name("pair")
}

fn on_disk(name: &str) -> WindowSupplier {
    Stores::persistent_window_store(name, millis(25), millis(20), true)
}

fn in_memory(name: &str) -> WindowSupplier {
    Stores::in_memory_window_store(name, millis(25), millis(20), true)
}

/// As Java prints it.
fn shown(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

fn plus(left: Text, right: Text) -> Text {
    Some(format!("{}+{}", shown(&left), shown(&right)))
}

fn minus(left: Text, right: Text) -> Text {
    Some(format!("{}-{}", shown(&left), shown(&right)))
}

fn left_plus(left: Text, right: Option<Text>) -> Text {
    plus(left, right.flatten())
}

fn outer_plus(left: Option<Text>, right: Option<Text>) -> Text {
    plus(left.flatten(), right.flatten())
}

fn keyed(key: &Text, joined: Text) -> Text {
    Some(format!("{}:{}", shown(key), shown(&joined)))
}
