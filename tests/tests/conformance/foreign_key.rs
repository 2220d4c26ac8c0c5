//! `ForeignKeyCases.java`, in Rust.

use kstreams::prelude::*;

use crate::Case;

type Table = KTable<String, String>;
type Texts = Materialized<String, String>;

pub const CASES: &[Case] = &[
    ("fk_join", |b| left(b).join_foreign_key(&right(b), key, plus).to_stream().to("out")),
    ("fk_left_join", |b| left(b).left_join_foreign_key(&right(b), key, plus_any).to_stream().to("out")),
    ("fk_join_named", |b| {
        let (left, right) = (left(b), right(b));
        left.join_foreign_key_with(&right, key, plus, TableJoined::named("shop"), Texts::new())
            .to_stream()
            .to("out");
    }),
    ("fk_left_join_named_materialized", |b| {
        let (left, right) = (left(b), right(b));
        let joined = Texts::named("joined");
        left.named("shop")
            .left_join_foreign_key_with(&right, key, plus_any, TableJoined::new(), joined)
            .to_stream()
            .to("out");
    }),
    ("fk_join_materialized", |b| stored(b).to_stream().to("out")),
    ("fk_join_materialized_without_name", |b| {
        let (left, right) = (left(b), right(b));
        let unnamed = Texts::with(String::default_serde(), String::default_serde());
        left.join_foreign_key_with(&right, key, plus, TableJoined::new(), unnamed).to_stream().to("out");
    }),
    ("fk_join_with_key", |b| {
        let (left, right) = (left(b), right(b));
        left.join_foreign_key_with_key_with(&right, key_or_own, plus, TableJoined::new(), Texts::new())
            .to_stream()
            .to("out");
    }),
    ("fk_left_join_with_key", |b| {
        let (left, right) = (left(b), right(b));
        let (own, joined) = (TableJoined::named("own"), Texts::named("joined"));
        left.left_join_foreign_key_with_key_with(&right, key_or_own, plus_any, own, joined)
            .to_stream()
            .to("out");
    }),
    ("fk_join_store_names", |b| {
        let left: Table = b.table_with("left", Consumed::new(), Texts::named("lefts"));
        let right: Table = b.table_with("right", Consumed::named("products"), Texts::named("rights"));
        left.join_foreign_key(&right, key, plus).named("changes").to_stream().to("out");
    }),
    ("fk_join_to_null", |b| {
        let (left, right) = (left(b), right(b));
        let joiner = |l: String, r: String| (r != "ra2" && l != "B:x2").then(|| plus(l, r));
        let joined = Materialized::named("joined");
        left.join_foreign_key_with(&right, key, joiner, TableJoined::new(), joined).to_stream().to("out");
    }),
    ("fk_join_same_table", |b| {
        let table = left(b);
        table.join_foreign_key(&table, key, plus).to_stream().to("out");
    }),
    ("fk_left_join_same_table", |b| {
        let table = left(b);
        table.left_join_foreign_key(&table, key, plus_any).to_stream().to("out");
    }),
    ("fk_join_unstored_tables", |b| {
        let left = left(b).filter(|k, _| k != "6").map_values(|v| v + "'");
        let right = right(b).map_values(|v| v + "!").filter_not(|_, v| v == "rb2!");
        left.join_foreign_key(&right, key, plus).to_stream().to("out");
    }),
    ("fk_left_join_tables_of_streams", |b| {
        let left = stream(b, "left").to_table_optional_with(Texts::named("lefts"));
        let right = stream(b, "right").to_table_optional();
        left.left_join_foreign_key(&right, key, plus_any).to_stream().to("out");
    }),
    ("fk_join_after_key_change", |b| {
        let left = b.stream::<String, String>("left").filter(|_, _| true).select_key(|k, _| format!("{k}'"));
        left.to_table().join_foreign_key(&right(b), key, plus).to_stream().to("out");
    }),
    ("fk_join_with_aggregate", |b| {
        let counts = b.stream::<String, String>("right").group_by_key().count();
        left(b).join_foreign_key(&counts, key, |l, n| format!("{l}+{n}")).to_stream().to("out");
    }),
    ("fk_join_chain", |b| {
        let (left, right) = (left(b), right(b));
        let first = left.left_join_foreign_key(&right, key, plus_any);
        first.join_foreign_key(&b.table("in"), key, plus).to_stream().to("out");
    }),
    ("fk_join_filtered", |b| {
        stored(b).filter(|_, v| !v.starts_with('A')).map_values(|v| v + "'").to_stream().to("out");
    }),
    ("fk_join_then_stream_join", |b| {
        let joined = left(b).join_foreign_key(&right(b), key, plus);
        b.stream::<String, String>("in").left_join(&joined, plus_any).to("out");
    }),
    ("fk_two_joins", |b| {
        let (left, right) = (left(b), right(b));
        left.join_foreign_key(&right, key, plus).to_stream().to("out");
        let length = |l: String, _: Option<String>| l.len() as i64;
        let second = TableJoined::named("second");
        left.left_join_foreign_key_with(&right, key, length, second, Materialized::new())
            .to_stream()
            .to("out2");
    }),
];

fn left(b: &StreamsBuilder) -> Table {
    b.table("left")
}

fn right(b: &StreamsBuilder) -> Table {
    b.table("right")
}

fn stream(b: &StreamsBuilder, topic: &str) -> KStream<String, Option<String>> {
    b.stream(topic)
}

fn stored(b: &StreamsBuilder) -> Table {
    let (left, right) = (left(b), right(b));
    left.join_foreign_key_with(&right, key, plus, TableJoined::new(), Texts::named("joined"))
}

#[allow(clippy::ptr_arg, reason = "an extractor gets a row")]
fn key(value: &String) -> Option<String> {
    value.split_once(':').map(|(key, _)| key.to_owned())
}

/// The key in the value; a row whose value is "none" names its own key.
#[allow(clippy::ptr_arg, reason = "an extractor gets a key and a row")]
fn key_or_own(own: &String, value: &String) -> Option<String> {
    if value == "none" { Some(own.clone()) } else { key(value) }
}

fn plus(left: String, right: String) -> String {
    format!("{left}+{right}")
}

/// As Java prints it.
fn plus_any(left: String, right: Option<String>) -> String {
    plus(left, right.unwrap_or_else(|| "null".to_owned()))
}
