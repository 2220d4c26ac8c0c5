//! `TableJoinCases.java`, in Rust.

use kstreams::prelude::*;
use streams_core::processor::StoreAccess;

use crate::Case;
use crate::stateless::{Text, nullable};

type Texts = Materialized<String, String>;

pub const CASES: &[Case] = &[
    ("table_table_join", |b| left(b).join(&right(b), both).to_stream().to("out")),
    ("table_table_left_join", |b| left(b).left_join(&right(b), maybe).to_stream().to("out")),
    ("table_table_outer_join", |b| left(b).outer_join(&right(b), plus).to_stream().to("out")),
    ("table_table_join_named", |b| left(b).named("pair").join(&right(b), both).to_stream().to("out")),
    ("table_table_join_materialized", |b| {
        left(b).join_with(&right(b), both, Texts::named("pairs")).to_stream().to("out");
    }),
    ("table_table_left_join_materialized_without_name", |b| {
        left(b).left_join_with(&right(b), maybe, Texts::new()).to_stream().to("out");
    }),
    ("table_table_outer_join_named_materialized", |b| {
        let left = left(b).named("pair");
        left.outer_join_with(&right(b), plus, Texts::named("pairs")).to_stream().to("out");
    }),
    ("table_table_join_cached", |b| {
        left(b).join_with(&right(b), both, Texts::named("pairs")).to_stream().to("out");
    }),
    ("table_table_left_join_cached", |b| left(b).left_join(&right(b), maybe).to_stream().to("out")),
    ("table_table_outer_join_cached", |b| {
        let pairs = left(b).outer_join_with(&right(b), plus, Texts::named("pairs"));
        pairs.group_by(|k, v| (v, k.clone())).count().to_stream().to("out");
    }),
    ("table_table_join_of_named_stores", |b| {
        let left = b.table_with("left", Consumed::new(), Texts::named("left-rows"));
        let right = b.table_with("right", Consumed::new(), Texts::named("right-rows"));
        left.join(&right, both).to_stream().to("out");
    }),
    ("table_table_join_after_key_change", |b| {
        let left = nullable(b, "left").filter(|_, v| v.is_some()).select_key(|_, _| "a".to_owned());
        left.to_table_optional().join(&right(b), both).to_stream().to("out");
    }),
    ("table_table_join_self", |b| {
        let rows = rows(b);
        rows.join(&rows, both).to_stream().to("out");
    }),
    ("table_table_join_of_join", |b| {
        let left = left(b);
        left.join(&right(b), both).join(&left, both).to_stream().to("out");
    }),
    ("table_table_outer_join_of_outer_join", |b| {
        let right = right(b);
        left(b).outer_join(&right, plus).outer_join(&right, plus).to_stream().to("out");
    }),
    ("table_table_left_join_of_left_join", |b| {
        let right = right(b);
        right.left_join(&left(b).left_join(&right, maybe), maybe).to_stream().to("out");
    }),
    ("table_table_left_join_of_filtered", |b| {
        let left = left(b).filter(|_, v| v != "L2");
        left.left_join(&right(b).map_values(|v| v + "!"), maybe).to_stream().to("out");
    }),
    ("table_table_join_then_group", |b| {
        let pairs = left(b).join(&right(b), both);
        pairs.group_by(|k, v| (v[..2].to_owned(), k.clone())).count().to_stream().to("out");
    }),
    ("table_table_left_join_then_filter", |b| {
        let pairs = left(b).left_join_with(&right(b), maybe, Texts::named("pairs")).named("complete");
        let complete = pairs.filter_not_with(|_, v| v.ends_with("null"), Texts::named("complete-store"));
        complete.to_stream().to("out");
    }),
    ("transform_values", |b| rows(b).transform_values(|_| Ok(Stamp), &[]).to_stream().to("out")),
    ("transform_values_named", |b| {
        let stamped = Texts::named("stamped");
        rows(b).named("stamp").transform_values_with(|_| Ok(Stamp), &[], stamped).to_stream().to("out");
    }),
    ("transform_values_materialized_without_name", |b| {
        let stamped = rows(b).transform_values_with(|_| Ok(Stamp), &[], Texts::new());
        stamped.filter(|_, v| !v.starts_with('b')).to_stream().to("out");
    }),
    ("transform_values_with_store", |b| numbered(b).to_stream().to("out")),
    ("transform_values_with_store_cached", |b| {
        numbered(b).filter(|_, v| !v.starts_with('2')).to_stream().to("out");
    }),
    ("transform_values_then_join", |b| {
        let left = left(b).transform_values(|_| Ok(Stamp), &[]);
        let right = right(b).named("stamp").transform_values(|_| Ok(Stamp), &[]);
        left.outer_join(&right, plus).to_stream().to("out");
    }),
    ("transform_values_then_group", |b| {
        let groups = rows(b).transform_values(|_| Ok(Stamp), &[]).group_by(|_, v| (v[..1].to_owned(), v));
        groups.reduce(|x, y| x + "+" + &y, |x, y| x + "-" + &y).to_stream().to("out");
    }),
];

fn rows(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("in")
}

fn left(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("left")
}

fn right(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("right")
}

fn plus(left: Text, right: Text) -> String {
    let text = |text: Text| text.unwrap_or_else(|| "null".to_owned());
    text(left) + "+" + &text(right)
}

fn maybe(left: String, right: Text) -> String {
    plus(Some(left), right)
}

fn both(left: String, right: String) -> String {
    plus(Some(left), Some(right))
}

fn numbered(b: &StreamsBuilder) -> KTable<String, String> {
    b.add_state_store(Stores::key_value_store::<String, i64>("seen"));
    let seen = |stores: &StoreAccess<'_>| Ok(Seen { seen: stores.get("seen")? });
    rows(b).transform_values_with(seen, &["seen"], Texts::named("numbered"))
}

/// Key, value and time of a row; of a deleted row only if its time is odd in hundreds.
struct Stamp;

impl ValueTransformer<String, String, String> for Stamp {
    fn transform(
        &mut self,
        key: &String,
        value: Text,
        context: &TransformContext<'_>,
    ) -> ProcessorResult<Text> {
        let time = context.timestamp();
        Ok(match value {
            None if time / 100 % 2 == 0 => None,
            None => Some(format!("{key}=null@{time}")),
            Some(value) => Some(format!("{key}={value}@{time}")),
        })
    }
}

/// Numbers the updates of each key; a deletion stays one.
struct Seen {
    seen: KeyValueStore<String, i64>,
}

impl ValueTransformer<String, String, String> for Seen {
    fn transform(&mut self, key: &String, value: Text, _: &TransformContext<'_>) -> ProcessorResult<Text> {
        let number = self.seen.get(key)?.unwrap_or(0) + 1;
        self.seen.put(key, Some(number))?;
        Ok(value.map(|value| format!("{number}:{value}")))
    }
}
