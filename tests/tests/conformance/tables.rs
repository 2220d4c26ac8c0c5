//! `TableCases.java`, in Rust.

use kstreams::prelude::*;

use crate::Case;
use crate::stateless::texts;

type Texts = Materialized<String, String>;

pub const CASES: &[Case] = &[
    ("table_to_stream", |b| table(b, "in").to_stream().to("out")),
    ("table_consumed_name", |b| {
        let prices = b.table_with::<String, String>("in", Consumed::named("prices"), Materialized::new());
        prices.named("changes").to_stream().to("out");
    }),
    ("table_store_name", |b| {
        let prices = b.table_with("in", Consumed::new(), Texts::named("prices-store"));
        prices.to_stream().to("out");
    }),
    ("table_to_stream_with_key", |b| {
        let stream = table(b, "in").to_stream();
        stream.select_key(|k, v| format!("{k}={}", v.as_deref().unwrap_or("null"))).to("out");
    }),
    ("to_table", |b| optional(b).to_table_optional().to_stream().to("out")),
    ("to_table_named", |b| {
        let latest = optional(b).named("latest").to_table_optional_with(Texts::named("latest-store"));
        latest.to_stream().to("out");
    }),
    ("to_table_after_key_change", |b| {
        texts(b, "in").select_key(|_, v| v.clone()).to_table().to_stream().to("out");
    }),
    ("to_table_after_key_change_named", |b| {
        let changed = texts(b, "in").select_key(|_, v| v.clone());
        changed.named("latest").to_table_with(Texts::named("latest-store")).to_stream().to("out");
    }),
    ("global_table_alone", |b| {
        b.global_table_with("table", Consumed::new(), Texts::named("globals"));
        b.stream::<Option<String>, Option<String>>("in").to("out");
    }),
];

fn table(b: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    b.table(topic)
}

fn optional(b: &StreamsBuilder) -> KStream<String, Option<String>> {
    b.stream("in")
}
