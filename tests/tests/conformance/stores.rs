//! `StoreCases.java`, in Rust.

use kstreams::prelude::*;

use crate::Case;
use crate::stateless::texts;

type Rows = Materialized<String, String>;
type Counts = Materialized<String, i64>;
type Maybe = Option<String>;

pub const CASES: &[Case] = &[
    ("versioned_table", |b| rows(b, "in").to_stream().to("out")),
    ("versioned_table_with_segments", |b| {
        let (history, segment) = (millis(1000), millis(300));
        let store = Stores::persistent_versioned_key_value_store_with_segments("rows", history, segment);
        let table: KTable<String, String> =
            b.table_with("in", Consumed::new(), Materialized::as_store(store));
        table.to_stream().to("out");
    }),
    ("versioned_table_not_logged", |b| {
        let rows = versioned("rows").with_logging_disabled();
        b.table_with("in", Consumed::new(), rows).to_stream().to("out");
    }),
    ("versioned_table_filter", |b| rows(b, "in").filter(is_long).to_stream().to("out")),
    ("versioned_table_filter_stored", |b| {
        rows(b, "in").filter_with(is_long, Rows::named("kept")).to_stream().to("out");
    }),
    ("versioned_table_filter_versioned", |b| {
        rows(b, "in").filter_with(is_long, versioned("filtered")).to_stream().to("out");
    }),
    ("versioned_table_filter_twice", |b| {
        rows(b, "in").named("long").filter(is_long).filter_not(is_late).to_stream().to("out");
    }),
    ("versioned_table_filter_stored_filter", |b| {
        let filtered = rows(b, "in").filter_with(is_long, Rows::named("kept"));
        filtered.filter_not(is_late).to_stream().to("out");
    }),
    ("table_filter_versioned_filter", |b| {
        let filtered = b.table("in").filter_with(is_long, versioned("filtered"));
        filtered.filter_not(is_late).to_stream().to("out");
    }),
    ("versioned_table_map_values", |b| {
        rows(b, "in").map_values(|v| v + "!").to_stream().to("out");
    }),
    ("versioned_table_map_values_versioned", |b| {
        rows(b, "in").map_values_with(|v| v + "!", versioned("mapped")).to_stream().to("out");
    }),
    ("versioned_to_table", |b| {
        let stream = b.stream::<String, Maybe>("in");
        stream.to_table_optional_with(versioned("rows")).to_stream().to("out");
    }),
    ("versioned_to_table_after_key_change", |b| {
        let changed = keyless(b).filter(|_, _| true).select_key(|_, v| v[..1].to_owned());
        changed.named("last").to_table_with(versioned("rows")).to_stream().to("out");
    }),
    ("versioned_count", |b| {
        texts(b, "in").group_by_key().count_with(versioned_counts("counts")).to_stream().to("out");
    }),
    ("versioned_reduce", |b| {
        texts(b, "in").group_by_key().reduce_with(|a, v| a + &v, versioned("sums")).to_stream().to("out");
    }),
    ("versioned_aggregate_filter", |b| {
        let groups = b.stream::<Maybe, String>("in").group_by(|k, _| k.clone().unwrap_or_default());
        let sums = groups.aggregate_with(String::new, |_, v, a| a + &v, versioned("sums"));
        sums.filter(is_long).to_stream().to("out");
    }),
    ("versioned_table_join", |b| {
        let table = rows(b, "table");
        texts(b, "in").join(&table, plus).to("out");
    }),
    ("versioned_table_left_join", |b| {
        let table = keyless_rows(b);
        keyless(b).left_join(&table, plus_maybe).to("out");
    }),
    ("versioned_table_filter_map_join", |b| {
        let table = keyless_rows(b).filter(|_, v| v != "A1600").map_values(|v| v.to_lowercase());
        keyless(b).left_join(&table, plus_maybe).to("out");
    }),
    ("versioned_table_stored_filter_join", |b| {
        let kept = Materialized::named("kept");
        let table = keyless_rows(b).filter_with(|_, v| v != "A1600", kept);
        keyless(b).left_join(&table, plus_maybe).to("out");
    }),
    ("versioned_to_table_join", |b| {
        let table = b.stream::<String, Maybe>("table").to_table_optional_with(versioned("rows"));
        texts(b, "in").join(&table, plus).to("out");
    }),
    ("grace_join", |b| {
        let table = rows(b, "table");
        texts(b, "in").join_with(&table, plus, grace(500)).to("out");
    }),
    ("grace_left_join", |b| {
        let table = rows(b, "table");
        texts(b, "in").left_join_with(&table, plus_maybe, grace(500)).to("out");
    }),
    ("grace_join_named", |b| {
        let table = rows(b, "table");
        texts(b, "in").join_with(&table, plus, grace(500).with_name("enrich")).to("out");
    }),
    ("grace_join_no_wait", |b| {
        let table = rows(b, "table");
        texts(b, "in").left_join_with(&table, plus_maybe, grace(0)).to("out");
    }),
    ("grace_join_after_key_change", |b| {
        let table = rows(b, "table");
        let changed = b.stream::<String, Maybe>("in");
        let changed =
            changed.select_key(|k, v| if v.as_deref() == Some("7") { "b".into() } else { k.clone() });
        let joiner = |s: Maybe, t: String| plus(s.unwrap_or_default(), t);
        changed.join_with(&table, joiner, Joined::new().with_grace_period(millis(500))).to("out");
    }),
    ("grace_join_filter", |b| {
        let table = rows(b, "table").filter(|_, v| v != "A950");
        texts(b, "in").left_join_with(&table, plus_maybe, grace(1000)).to("out");
    }),
    ("lru_count", |b| {
        let counts = Counts::as_store(Stores::lru_map("lru-counts", 2));
        texts(b, "in").group_by_key().count_with(counts).to_stream().to("out");
    }),
    ("lru_table_join", |b| {
        let rows = Materialized::as_store(Stores::lru_map("lru-rows", 1));
        let table: KTable<Maybe, String> = b.table_with("table", Consumed::new(), rows);
        keyless(b).left_join(&table, plus_maybe).to("out");
    }),
    ("in_memory_count", |b| {
        let counts = Counts::as_store(Stores::in_memory_key_value_store("counts"));
        texts(b, "in").group_by_key().count_with(counts).to_stream().to("out");
    }),
    ("in_memory_window_count", |b| {
        let counts =
            Counts::as_store(Stores::in_memory_window_store("counts", millis(15), millis(10), false));
        let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
        let counts = texts(b, "in").group_by_key().windowed_by(windows).count_with(counts).to_stream();
        counts.select_key(|w, _| format!("{}@{}", w.key, w.window.start_ms)).to("out");
    }),
    ("persistent_session_count", |b| {
        let counts = Counts::as_store(Stores::persistent_session_store("counts", millis(40)));
        let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        let counts = texts(b, "in").group_by_key().windowed_by(windows).count_with(counts).to_stream();
        counts.select_key(|w, _| format!("{}@{}", w.key, w.window.start_ms)).to("out");
    }),
];

fn versioned(name: &str) -> Rows {
    Materialized::as_store(Stores::persistent_versioned_key_value_store(name, millis(1000)))
}

fn versioned_counts(name: &str) -> Counts {
    Materialized::as_store(Stores::persistent_versioned_key_value_store(name, millis(1000)))
}

fn rows(b: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    b.table_with(topic, Consumed::new(), versioned("rows"))
}

/// The input has records with a null key, which left joins do not drop.
fn keyless(b: &StreamsBuilder) -> KStream<Maybe, String> {
    b.stream("in")
}

fn keyless_rows(b: &StreamsBuilder) -> KTable<Maybe, String> {
    let rows = Stores::persistent_versioned_key_value_store("rows", millis(1000));
    b.table_with("table", Consumed::new(), Materialized::as_store(rows))
}

fn grace(ms: u64) -> Joined<String, String> {
    Joined::new().with_grace_period(millis(ms))
}

#[expect(clippy::ptr_arg, reason = "predicates get references to keys and values of the declared types")]
fn is_long(_: &String, value: &String) -> bool {
    value.len() > 1
}

#[expect(clippy::ptr_arg, reason = "predicates get references to keys and values of the declared types")]
fn is_late(_: &String, value: &String) -> bool {
    value.starts_with('l')
}

fn plus(left: String, right: String) -> String {
    format!("{left}+{right}")
}

fn plus_maybe(left: String, right: Maybe) -> String {
    format!("{left}+{}", right.as_deref().unwrap_or("null"))
}
