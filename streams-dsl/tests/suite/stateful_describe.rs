//! Aggregations and joins make the topologies that Kafka Streams makes: names, numbers, stores, internal topics.
//!
//! `java/stateful_describe.txt` is what `Topology.describe()` of Kafka Streams 4.3.1 printed for the same programs.

use std::collections::BTreeMap;

use streams_dsl::KGroupedStream;
use streams_dsl::prelude::*;

type Program = fn(&StreamsBuilder);

/// The expected texts by program name.
fn expected() -> BTreeMap<&'static str, &'static str> {
    let sections = include_str!("java/stateful_describe.txt").split("### ").filter(|text| !text.is_empty());
    sections.filter_map(|section| section.split_once('\n')).collect()
}

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    builder.stream(topic)
}

fn by_key(builder: &StreamsBuilder) -> KGroupedStream<String, String> {
    stream(builder, "in").group_by_key()
}

fn by_value(builder: &StreamsBuilder) -> KGroupedStream<String, String> {
    stream(builder, "in").group_by(|_, value| value.clone())
}

fn by_value_named(builder: &StreamsBuilder) -> KGroupedStream<String, String> {
    stream(builder, "in").group_by_with(|_, value| value.clone(), Grouped::named("grp"))
}

fn keyed_by_value(builder: &StreamsBuilder, topic: &str) -> KStream<String, String> {
    stream(builder, topic).select_key(|_, value| value.clone())
}

fn concat(one: String, other: String) -> String {
    one + &other
}

fn windows() -> TimeWindows {
    TimeWindows::of_size_and_grace(minutes(5), seconds(30))
}

fn sessions() -> SessionWindows {
    SessionWindows::of_inactivity_gap_and_grace(minutes(5), seconds(30))
}

fn join_windows() -> JoinWindows {
    JoinWindows::of_time_difference_and_grace(seconds(10), seconds(5))
}

fn check(programs: &[(&str, Program)]) {
    let expected = expected();
    for (name, program) in programs {
        let builder = StreamsBuilder::new();
        program(&builder);
        let topology = builder.build().expect(name);
        assert_eq!(topology.describe().to_string(), expected[name], "{name}");
    }
}

#[test]
fn counts_are_named_as_in_kafka_streams() {
    check(&[
        ("count", |b| by_key(b).count().to_stream().to("out")),
        ("count_with_serdes", |b| by_key(b).count_with(Materialized::new()).to_stream().to("out")),
        ("count_named_store", |b| by_key(b).count_with(Materialized::named("store")).to_stream().to("out")),
        ("count_named", |b| {
            by_key(b).named("counter").count_with(Materialized::named("store")).to_stream().to("out");
        }),
        ("count_repartition", |b| by_value(b).count().to_stream().to("out")),
        ("count_repartition_with_serdes", |b| {
            by_value(b).count_with(Materialized::new()).to_stream().to("out")
        }),
        ("count_repartition_store", |b| {
            by_value(b).count_with(Materialized::named("store")).to_stream().to("out");
        }),
        ("count_repartition_grouped_name", |b| {
            by_value_named(b).count_with(Materialized::named("store")).to_stream().to("out");
        }),
        ("count_twice_on_named_group", |b| {
            let grouped = by_value_named(b);
            grouped.count().to_stream().to("out");
            grouped.reduce(concat).to_stream().to("out2");
        }),
        ("count_twice_on_unnamed_group", |b| {
            let grouped = by_value(b);
            grouped.count().to_stream().to("out");
            grouped.reduce(concat).to_stream().to("out2");
        }),
        ("select_key_group_by_key", |b| {
            keyed_by_value(b, "in").group_by_key().count().to_stream().to("out");
        }),
    ]);
}

#[test]
fn reductions_and_aggregations_are_named_as_in_kafka_streams() {
    check(&[
        ("reduce", |b| by_key(b).reduce(concat).to_stream().to("out")),
        ("reduce_with_serdes", |b| by_key(b).reduce_with(concat, Materialized::new()).to_stream().to("out")),
        ("aggregate", |b| {
            by_key(b).aggregate(String::new, |_, value, all| all + &value).to_stream().to("out");
        }),
        ("aggregate_with_serdes", |b| {
            let all =
                by_key(b).aggregate_with(String::new, |_, value, all| all + &value, Materialized::new());
            all.to_stream().to("out");
        }),
    ]);
}

#[test]
fn windowed_aggregations_are_named_as_in_kafka_streams() {
    check(&[
        ("time_count", |b| by_key(b).windowed_by(windows()).count().to_stream().to("out")),
        ("time_count_with_serdes", |b| {
            by_key(b).windowed_by(windows()).count_with(Materialized::new()).to_stream().to("out");
        }),
        ("time_count_store_repartition", |b| {
            let grouped = by_value(b).windowed_by(windows());
            grouped.count_with(Materialized::named("store")).to_stream().to("out");
        }),
        ("time_reduce", |b| by_key(b).windowed_by(windows()).reduce(concat).to_stream().to("out")),
        ("time_aggregate", |b| {
            let grouped = by_key(b).windowed_by(windows());
            grouped.aggregate(String::new, |_, value, all| all + &value).to_stream().to("out");
        }),
        ("session_count", |b| by_key(b).windowed_by(sessions()).count().to_stream().to("out")),
        ("session_count_with_serdes", |b| {
            by_key(b).windowed_by(sessions()).count_with(Materialized::new()).to_stream().to("out");
        }),
        ("session_reduce", |b| by_key(b).windowed_by(sessions()).reduce(concat).to_stream().to("out")),
        ("session_aggregate_repartition", |b| {
            let grouped = by_value(b).windowed_by(sessions());
            let merger = |_: &String, one: String, other: String| one + &other;
            grouped.aggregate(String::new, |_, value, all| all + &value, merger).to_stream().to("out");
        }),
    ]);
}

#[test]
fn joins_with_tables_are_named_as_in_kafka_streams() {
    check(&[
        ("stream_table", |b| stream(b, "in").join(&b.table::<String, String>("t"), concat).to("out")),
        ("stream_table_left", |b| {
            stream(b, "in").left_join(&b.table::<String, String>("t"), |value, _| value).to("out");
        }),
        ("stream_table_named", |b| {
            let stream = stream(b, "in");
            stream.join_with(&b.table::<String, String>("t"), concat, Joined::named("enrich")).to("out");
        }),
        ("stream_table_repartition", |b| {
            let table = b.table::<String, String>("t");
            keyed_by_value(b, "in").join(&table, concat).to("out");
        }),
        ("stream_table_repartition_named", |b| {
            let table = b.table::<String, String>("t");
            keyed_by_value(b, "in").named("enrich").left_join(&table, |value, _| value).to("out");
        }),
        ("stream_table_filtered", |b| {
            let table = b.table::<String, String>("t").filter(|_, _| true);
            stream(b, "in").join(&table, concat).to("out");
        }),
        ("stream_table_aggregated", |b| {
            let counts = stream(b, "t").group_by_key().count();
            stream(b, "in").join(&counts, |value, count| format!("{value}{count}")).to("out");
        }),
        ("stream_table_stream_first", |b| {
            let stream = stream(b, "in");
            let table = b.table::<String, String>("t");
            stream.join(&table, concat).group_by_key().count().to_stream().to("out");
        }),
        ("repartition_then_table_join_twice", |b| {
            let table = b.table::<String, String>("t");
            let stream = keyed_by_value(b, "in");
            stream.join(&table, concat).to("out");
            stream.left_join(&table, |value, _| value).to("out2");
        }),
    ]);
}

#[test]
fn joins_with_global_tables_are_named_as_in_kafka_streams() {
    check(&[
        ("stream_global", |b| {
            let stream = stream(b, "in");
            stream.join_global(&b.global_table("g"), |_, value| value.clone(), concat).to("out");
        }),
        ("stream_global_left", |b| {
            let stream = stream(b, "in");
            let table = b.global_table::<String, String>("g");
            stream.left_join_global(&table, |_, value| value.clone(), |value, _| value).to("out");
        }),
        ("stream_global_named", |b| {
            let stream = stream(b, "in");
            let table = b.global_table("g");
            stream.named("lookup").join_global(&table, |_, value| value.clone(), concat).to("out");
        }),
    ]);
}

#[test]
fn joins_of_streams_are_named_as_in_kafka_streams() {
    check(&[
        ("stream_stream", |b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            left.join_stream(&right, concat, join_windows()).to("out");
        }),
        ("stream_stream_named", |b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            left.named("match").join_stream(&right, concat, join_windows()).to("out");
        }),
        ("stream_stream_store_name", |b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            let joined = StreamJoined::new().with_store_name("buf");
            left.join_stream_with(&right, concat, join_windows(), joined).to("out");
        }),
        ("stream_stream_name_and_store", |b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            let joined = StreamJoined::new().with_name("match").with_store_name("buf");
            left.join_stream_with(&right, concat, join_windows(), joined).to("out");
        }),
        ("stream_stream_repartition", |b| {
            let (left, right) = (keyed_by_value(b, "left"), keyed_by_value(b, "right"));
            left.join_stream(&right, concat, join_windows()).to("out");
        }),
        ("stream_stream_repartition_named", |b| {
            let (left, right) = (keyed_by_value(b, "left"), keyed_by_value(b, "right"));
            let joined = StreamJoined::new().with_name("match");
            left.join_stream_with(&right, concat, join_windows(), joined).to("out");
        }),
        ("stream_stream_right_repartition", |b| {
            let (left, right) = (stream(b, "left"), keyed_by_value(b, "right"));
            left.join_stream(&right, concat, join_windows()).to("out");
        }),
        ("stream_stream_self", |b| {
            let stream = stream(b, "left");
            stream.join_stream(&stream, concat, join_windows()).to("out");
        }),
        ("stream_stream_chained_repartition", |b| {
            let (left, right) = (keyed_by_value(b, "left"), stream(b, "right"));
            left.join_stream(&right, concat, join_windows()).to("out");
            left.join_stream(&right, concat, join_windows()).to("out2");
        }),
    ]);
}

#[test]
fn every_recorded_topology_is_checked() {
    let covered = include_str!("stateful_describe.rs");
    let missing: Vec<_> =
        expected().into_keys().filter(|name| !covered.contains(&format!("(\"{name}\""))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
