//! `TableGroupCases.java`, in Rust.

use kstreams::prelude::*;
use kstreams::serde::DefaultSerde;

use crate::Case;
use crate::stateless::{Text, texts};

type Counts = Materialized<Text, i64>;

pub const CASES: &[Case] = &[
    ("table_group_count", |b| groups(b).count().to_stream().to("out")),
    ("table_group_count_cached", |b| groups(b).count().to_stream().to("out")),
    ("table_group_count_store_name", |b| {
        groups(b).count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("table_group_count_materialized_without_name", |b| {
        groups(b).count_with(Counts::new()).to_stream().to("out");
    }),
    ("table_group_count_named", |b| {
        named(b).named("counter").count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("table_group_twice", |b| twice(&groups(b))),
    ("table_group_twice_named", |b| twice(&named(b))),
    ("table_group_reduce", |b| groups(b).reduce(add, subtract).to_stream().to("out")),
    ("table_group_reduce_named_cached", |b| {
        let groups = groups(b).named("texts");
        groups.reduce_with(add, subtract, Materialized::named("texts-store")).to_stream().to("out");
    }),
    ("table_group_aggregate", |b| {
        let sums = groups(b).aggregate(|| 100, |_, v, sum| sum + number(v), |_, v, sum| sum - number(v));
        sums.to_stream().to("out");
    }),
    ("table_group_aggregate_to_null", |b| {
        let not_zero = |sum: i64| Some(sum).filter(|sum| *sum != 0);
        let sums = groups(b).named("sums").aggregate(
            || Some(0_i64),
            move |_, v, sum| not_zero(sum.unwrap() + number(v)),
            move |_, v, sum| not_zero(sum.unwrap() - number(v)),
        );
        sums.to_stream().to("out");
    }),
    ("table_group_after_filter", |b| {
        let rows = b.table::<String, String>("in").filter(|_, v| !v.ends_with('2'));
        rows.map_values(|v| v + "0").group_by(select).count().to_stream().to("out");
    }),
    ("table_group_then_filter", |b| {
        let many = groups(b).count().filter_with(|_, n| *n > 1, Counts::named("many"));
        let tens = many.map_values(|n| n * 10);
        tens.group_by(|k, n| (n.to_string(), k.clone())).count().to_stream().to("out");
    }),
    ("table_group_of_count", |b| {
        let counts = texts(b, "in").group_by_key().count();
        counts.group_by(|k, n| (n.to_string(), k.clone())).count().to_stream().to("out");
    }),
];

fn select(_: &String, row: String) -> (Text, Text) {
    (row.get(..1).map(str::to_owned), row.get(1..).filter(|rest| !rest.is_empty()).map(str::to_owned))
}

fn groups(b: &StreamsBuilder) -> KGroupedTable<Text, Text> {
    b.table("in").group_by(select)
}

fn named(b: &StreamsBuilder) -> KGroupedTable<Text, Text> {
    let serdes = Grouped::with(Text::default_serde(), Text::default_serde());
    b.table("in").group_by_with(select, serdes.with_name("groups"))
}

fn twice(groups: &KGroupedTable<Text, Text>) {
    groups.count().to_stream().to("out");
    groups.reduce(add, subtract).to_stream().to("out2");
}

fn add(x: Text, y: Text) -> Text {
    Some(format!("{}+{}", x.unwrap(), y.unwrap()))
}

fn subtract(x: Text, y: Text) -> Text {
    Some(format!("{}-{}", x.unwrap(), y.unwrap()))
}

fn number(text: Text) -> i64 {
    text.unwrap().parse().unwrap()
}
