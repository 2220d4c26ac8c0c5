//! `AggregateCases.java`, in Rust.

use kstreams::prelude::*;
use kstreams::serde::DefaultSerde;

use crate::Case;
use crate::processors::Where;
use crate::stateless::{texts, words};

type Counts = Materialized<String, i64>;

pub const CASES: &[Case] = &[
    ("count", |b| texts(b, "in").group_by_key().count().to_stream().to("out")),
    ("count_store_name", |b| {
        texts(b, "in").group_by_key().count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("count_materialized_without_name", |b| {
        let unnamed = Counts::with(String::default_serde(), i64::default_serde());
        texts(b, "in").group_by_key().count_with(unnamed).to_stream().to("out");
    }),
    ("count_named", |b| texts(b, "in").group_by_key().named("counter").count().to_stream().to("out")),
    ("count_in_memory", |b| {
        let in_memory = Counts::named("counts").with_store_type(StoreType::InMemory);
        texts(b, "in").group_by_key().count_with(in_memory).to_stream().to("out");
    }),
    ("count_logging_off", |b| {
        let unlogged = Counts::named("counts").with_logging_disabled();
        texts(b, "in").group_by_key().count_with(unlogged).to_stream().to("out");
    }),
    ("reduce", |b| texts(b, "in").group_by_key().reduce(list).to_stream().to("out")),
    ("reduce_store_name", |b| {
        let groups = texts(b, "in").group_by_key().named("joiner");
        groups.reduce_with(list, Materialized::named("texts")).to_stream().to("out");
    }),
    ("aggregate", |b| {
        let unnamed = Counts::with(String::default_serde(), i64::default_serde());
        texts(b, "in").group_by_key().aggregate_with(|| 0, sum, unnamed).to_stream().to("out");
    }),
    ("aggregate_store_name", |b| {
        let groups = texts(b, "in").group_by_key();
        groups.aggregate_with(|| 0, sum, Counts::named("sums")).to_stream().to("out");
    }),
    ("group_by_count", |b| by_value(b).count().to_stream().to("out")),
    ("group_by_named_count", |b| {
        let groups = texts(b, "in").group_by_with(|_, v| v.clone(), Grouped::named("by-value"));
        groups.count().to_stream().to("out");
    }),
    ("group_by_count_store_name", |b| {
        by_value(b).count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("map_count", |b| {
        let changed = texts(b, "in").select_key(|_, v| v.clone()).map_values(|v| v + "!");
        let groups = changed.group_by_key_with(Grouped::named("by-value"));
        groups.named("counter").count_with(Counts::named("counts")).to_stream().to("out");
    }),
    ("key_change_to_null_count", |b| {
        let changed = texts(b, "in").select_key(|_, v| (!v.is_empty()).then(|| v.clone()));
        changed.group_by_key().count().to_stream().to("out");
    }),
    ("one_group_two_aggregations", |b| {
        let groups = by_value(b);
        groups.count().to_stream().to("out");
        groups.reduce(list).to_stream().to("out2");
    }),
    ("key_change_two_groups", |b| {
        let changed = texts(b, "in").select_key(|_, v| v.clone());
        changed.group_by_key().count().to_stream().to("out");
        changed.group_by_key().reduce(list).to_stream().to("out2");
    }),
    ("group_by_reduce", |b| by_value(b).reduce(list).to_stream().to("out")),
    ("group_by_aggregate", |b| {
        let unnamed = Counts::with(String::default_serde(), i64::default_serde());
        let lengths = |_: &String, v: String, sum: i64| sum + v.len() as i64;
        by_value(b).aggregate_with(|| 0, lengths, unnamed).to_stream().to("out");
    }),
    ("map_values_count", |b| {
        texts(b, "in").map_values(|v| v + "!").group_by_key().count().to_stream().to("out");
    }),
    ("flat_map_count", |b| {
        let pairs = |k: String, v| words(v).into_iter().map(|word| (word, k.clone())).collect::<Vec<_>>();
        texts(b, "in").flat_map(pairs).group_by_key().count().to_stream().to("out");
    }),
    ("key_change_chain_count", |b| {
        texts(b, "in")
            .map(|k, v| (v, k))
            .filter(|k, _| !k.is_empty())
            .peek(|_, _| {})
            .map_values(|v| v + "!")
            .group_by_key()
            .count()
            .to_stream()
            .to("out");
    }),
    ("key_change_process_values_count", |b| {
        let changed = texts(b, "in").select_key(|_, v| v.clone());
        changed.process_values(|_| Ok(Where), &[]).group_by_key().count().to_stream().to("out");
    }),
    ("key_change_split_count", |b| {
        let count_to = |topic: &'static str| {
            Branched::with_consumer(move |s: KStream<String, String>| {
                s.group_by_key().count().to_stream().to(topic);
            })
        };
        texts(b, "in")
            .select_key(|_, v| v.clone())
            .named("split-")
            .split()
            .branch_with(|k, _| k.len() > 1, count_to("out-long"))
            .default_branch_with(count_to("out-short"));
    }),
    ("key_change_merge_count", |b| {
        let stream = texts(b, "in");
        let merged = stream.merge(&stream.select_key(|_, v| v.clone()));
        merged.group_by_key().count().to_stream().to("out");
    }),
    ("key_change_repartition_count", |b| {
        let settled = texts(b, "in").select_key(|_, v| v.clone()).repartition();
        settled.group_by_key().count().to_stream().to("out");
    }),
    ("word_count", |b| {
        let groups = texts(b, "in").flat_map_values(words).group_by(|_, word| word.clone());
        groups.count_with(Counts::named("words")).to_stream().to("out");
    }),
    ("count_then_count", |b| {
        let counts = texts(b, "in").group_by_key().count().to_stream();
        let groups = counts.group_by(|_, n| format!("n{}", n.unwrap_or_default()));
        groups.count().to_stream().to("out");
    }),
];

/// Texts with a comma between them.
pub fn list(x: String, y: String) -> String {
    x + "," + &y
}

/// The sum of numbers that are written as text.
pub fn sum(_: &String, value: String, sum: i64) -> i64 {
    sum + value.parse::<i64>().unwrap()
}

fn by_value(b: &StreamsBuilder) -> KGroupedStream<String, String> {
    texts(b, "in").group_by(|_, v| v.clone())
}
