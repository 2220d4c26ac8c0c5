//! `CogroupCases.java`, in Rust.

use kstreams::prelude::*;

use crate::Case;
use crate::stateless::{Text, texts};

type Lists = Materialized<String, String>;
type Groups = KGroupedStream<String, String>;
type Both = CogroupedKStream<String, String>;

pub const CASES: &[Case] = &[
    ("cogroup_one", |b| groups(b, "in").cogroup(mark("1")).aggregate(String::new).to_stream().to("out")),
    ("cogroup", |b| both(b).aggregate(String::new).to_stream().to("out")),
    ("cogroup_named", |b| both(b).named("lists").aggregate(String::new).to_stream().to("out")),
    ("cogroup_store_name", |b| {
        both(b).aggregate_with(String::new, Lists::named("lists")).to_stream().to("out");
    }),
    ("cogroup_named_store_name", |b| {
        both(b).named("both").aggregate_with(String::new, Lists::named("lists")).to_stream().to("out");
    }),
    ("cogroup_materialized_without_name", |b| {
        let unnamed = Lists::with(String::default_serde(), String::default_serde());
        both(b).aggregate_with(String::new, unnamed).to_stream().to("out");
    }),
    ("cogroup_logging_off", |b| {
        let unlogged = Lists::named("lists").with_logging_disabled();
        both(b).aggregate_with(String::new, unlogged).to_stream().to("out");
    }),
    ("cogroup_to_null", |b| {
        let lists = Materialized::named("lists");
        both_or_null(b).aggregate_with(|| Some(String::new()), lists).to_stream().to("out");
    }),
    ("cogroup_same_group", |b| {
        let first = groups(b, "in");
        let both = first.cogroup(mark("1")).cogroup(&groups(b, "in2"), mark("2"));
        both.cogroup(&first, mark("3")).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_same_stream", |b| {
        let stream = present(b, "in");
        let second = stream.map_values(|v| v + "'").group_by_key();
        let both = stream.group_by_key().cogroup(mark("1")).cogroup(&second, mark("2"));
        both.aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_types", |b| {
        let lengths = present(b, "in2").map_values(|v| v.len() as i32).group_by_key();
        groups(b, "in")
            .cogroup(|_, v, sum: i64| sum + v.len() as i64)
            .cogroup(&lengths, |_, n, sum| sum + 100 * i64::from(n))
            .aggregate(|| 1)
            .to_stream()
            .to("out");
    }),
    ("cogroup_three", |b| {
        let third = |both: Both, b| both.cogroup(&groups(b, "in3"), mark("3"));
        third(both(b), b).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_after_key_change", |b| {
        let first = swapped(b, "in").group_by_key().cogroup(mark("1"));
        first.cogroup(&groups(b, "in2"), mark("2")).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_after_key_change_store_name", |b| {
        let first = groups(b, "in").cogroup(mark("1"));
        let both = first.cogroup(&swapped(b, "in2").group_by_key(), mark("2"));
        both.named("both").aggregate_with(String::new, Lists::named("lists")).to_stream().to("out");
    }),
    ("cogroup_after_key_changes_named", |b| {
        let first = swapped(b, "in").group_by_key_with(Grouped::named("one")).cogroup(mark("1"));
        let second = swapped(b, "in2").group_by_key_with(Grouped::named("two"));
        first.cogroup(&second, mark("2")).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_aggregated_twice", |b| {
        let first = swapped(b, "in").group_by_key().cogroup(mark("1"));
        let both = first.cogroup(&groups(b, "in2"), mark("2"));
        both.aggregate(String::new).to_stream().to("out");
        both.aggregate_with(|| "#".to_owned(), Lists::named("second")).to_stream().to("out2");
    }),
    ("cogroup_group_by", |b| {
        let by_letter = Grouped::named("by-letter");
        let first = present(b, "in").group_by_with(|_, v| v.chars().take(1).collect::<String>(), by_letter);
        let both = first.cogroup(mark("1")).cogroup(&groups(b, "in2"), mark("2"));
        both.aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_and_count", |b| {
        let first = swapped(b, "in").group_by_key();
        first.count().to_stream().to("out2");
        let both = first.cogroup(mark("1")).cogroup(&groups(b, "in2"), mark("2"));
        both.aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_one_key_change_optimized", |b| {
        let changed = swapped(b, "in");
        let second = changed.filter(|k, _| k != "1").group_by_key();
        let both = changed.group_by_key().cogroup(mark("1")).cogroup(&second, mark("2"));
        both.aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_and_count_optimized", |b| {
        let changed = swapped(b, "in");
        let first = changed.group_by_key_with(Grouped::named("first")).cogroup(mark("1"));
        first.cogroup(&groups(b, "in2"), mark("2")).aggregate(String::new).to_stream().to("out");
        changed.group_by_key().count().to_stream().to("out2");
    }),
    ("cogroup_then_filter", |b| {
        let lists = both(b).aggregate_with(String::new, Lists::named("lists"));
        lists.filter(|_, v| v.len() > 2).map_values(|v| v + "'").to_stream().to("out");
    }),
    ("cogroup_then_count", |b| {
        let lists = both(b).aggregate(String::new).to_stream();
        let length = |_: &String, v: &Text| format!("n{}", v.as_ref().map_or(0, String::len));
        lists.group_by(length).count().to_stream().to("out");
    }),
    ("cogroup_then_stream_join", |b| {
        let lists = both(b).aggregate(String::new);
        let joiner = |v, list: Text| format!("{v}+{}", list.as_deref().unwrap_or("null"));
        present(b, "in").left_join(&lists, joiner).to("out");
    }),
    ("cogroup_tumbling", |b| both(b).windowed_by(tumbling()).aggregate(String::new).to_stream().to("out")),
    ("cogroup_tumbling_named_store_name", |b| {
        let lists = Lists::named("lists").with_retention(minutes(3));
        let windowed = both(b).windowed_by(tumbling()).named("both");
        windowed.aggregate_with(String::new, lists).to_stream().to("out");
    }),
    ("cogroup_tumbling_to_null", |b| {
        let windowed = both_or_null(b).windowed_by(tumbling());
        windowed.aggregate(|| Some(String::new())).to_stream().to("out");
    }),
    ("cogroup_hopping", |b| {
        let hopping = both(b).windowed_by(tumbling().advance_by(millis(4)));
        hopping.named("both").aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_tumbling_after_key_change", |b| {
        let first = primed(b, "in").group_by_key().cogroup(mark("1"));
        let both = first.cogroup(&groups(b, "in2"), mark("2"));
        both.windowed_by(tumbling()).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_sliding", |b| both(b).windowed_by(sliding()).aggregate(String::new).to_stream().to("out")),
    ("cogroup_sliding_named_store_name", |b| {
        let lists = Lists::named("lists").with_retention(minutes(3));
        let windowed = both(b).windowed_by(sliding()).named("both");
        windowed.aggregate_with(String::new, lists).to_stream().to("out");
    }),
    ("cogroup_sliding_to_null", |b| {
        let windowed = both_or_null(b).windowed_by(sliding());
        windowed.aggregate(|| Some(String::new())).to_stream().to("out");
    }),
    ("cogroup_sliding_after_key_change", |b| {
        let first = primed(b, "in").group_by_key().cogroup(mark("1"));
        let both = first.cogroup(&groups(b, "in2"), mark("2"));
        both.windowed_by(sliding()).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup_session", |b| {
        both(b).windowed_by(sessions()).aggregate(String::new, merge).to_stream().to("out");
    }),
    ("cogroup_session_named_store_name", |b| {
        let windowed = both(b).windowed_by(sessions()).named("both");
        windowed.aggregate_with(String::new, merge, Lists::named("lists")).to_stream().to("out");
    }),
    ("cogroup_session_after_key_change", |b| {
        let first = groups(b, "in").cogroup(mark("1"));
        let second = primed(b, "in2").group_by_key_with(Grouped::named("changed"));
        let windowed = first.cogroup(&second, mark("2")).windowed_by(sessions());
        windowed.aggregate(String::new, merge).to_stream().to("out");
    }),
];

fn tumbling() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

fn sliding() -> SlidingWindows {
    SlidingWindows::of_time_difference_and_grace(millis(10), millis(5))
}

fn sessions() -> SessionWindows {
    SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5))
}

fn groups(b: &StreamsBuilder, topic: &str) -> Groups {
    texts(b, topic).group_by_key()
}

fn both(b: &StreamsBuilder) -> Both {
    groups(b, "in").cogroup(mark("1")).cogroup(&groups(b, "in2"), mark("2"))
}

fn both_or_null(b: &StreamsBuilder) -> CogroupedKStream<String, Text> {
    groups(b, "in").cogroup(mark_or_null("1")).cogroup(&groups(b, "in2"), mark_or_null("2"))
}

fn swapped(b: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    present(b, topic).map(|k, v| (v, k))
}

/// Java drops nulls here; these types have none.
fn present(b: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    texts(b, topic).filter(|_, _| true)
}

fn primed(b: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    present(b, topic).map(|k, v| (k + "'", v))
}

fn mark(mark: &'static str) -> impl Fn(&String, String, String) -> String + Send + Sync {
    move |_, value, list| list + mark + &value + ";"
}

/// A null state starts from scratch.
fn mark_or_null(with: &'static str) -> impl Fn(&String, String, Text) -> Text + Send + Sync {
    move |key, value, list| (value != "-").then(|| mark(with)(key, value, list.unwrap_or_default()))
}

fn merge(_: &String, one: String, other: String) -> String {
    one + &other
}
