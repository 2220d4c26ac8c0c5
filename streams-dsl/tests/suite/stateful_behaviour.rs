//! Aggregations and joins give the results that Kafka Streams gives: keys, values, timestamps, headers, drops.
//!
//! `java/stateful_behaviour.txt` is what `TopologyTestDriver` of Kafka Streams 4.3.1 printed for the same programs, one
//! line for each record piped in: `topic key value timestamp -> (key value timestamp headers) ...`, `-` being null. The
//! n-th record of a program has a header `h` with the value n. The sections called random have inputs that Java's
//! `Random` made from the seed in their name. "Uncached" ones run with `statestore.cache.max.bytes=0`.

use std::collections::BTreeMap;
use std::fmt::Write;

use streams_dsl::KGroupedStream;
use streams_dsl::core::config::StreamsConfig;
use streams_dsl::core::testing::{TestInputTopic, TopologyTestDriver};
use streams_dsl::prelude::*;

/// A key or value as Kafka has it: maybe null.
type Text = Option<String>;

fn show(text: &Text) -> &str {
    text.as_deref().unwrap_or("null")
}

fn text(word: &str) -> Text {
    (word != "-").then(|| word.to_owned())
}

/// Java's `x + y`.
fn concat(one: Text, other: Text) -> Text {
    Some(format!("{}{}", show(&one), show(&other)))
}

fn join_text(value: Text, row: Text) -> Text {
    Some(format!("{}+{}", show(&value), show(&row)))
}

fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    builder.stream(topic)
}

fn by_key(builder: &StreamsBuilder) -> KGroupedStream<Text, Text> {
    stream(builder, "in").group_by_key()
}

/// Writes a windowed table as `[key@start/end]` and text.
fn windowed_out<V: Clone + 'static>(
    table: &KTable<Windowed<Text>, V>,
    show_value: impl Fn(V) -> Text + Send + Sync + 'static,
) {
    let window = |key: &Windowed<Text>| {
        Some(format!("[{}@{}/{}]", show(&key.key), key.window.start_ms, key.window.end_ms))
    };
    table
        .to_stream()
        .map(move |key, value| (window(&key), value.and_then(&show_value)))
        .to_with("out", Produced::new());
}

fn run(section: &str, text_of: &str, driver: &TopologyTestDriver) {
    let output = driver.create_output_topic::<Text, Text>("out");
    let mut inputs: BTreeMap<&str, TestInputTopic<Text, Text>> = BTreeMap::new();
    for (number, line) in (1..).zip(text_of.lines()) {
        if let Some(dropped) = line.strip_prefix("dropped ") {
            assert_eq!(format!("{}.0", driver.dropped_records()), dropped, "{section}: dropped records");
            break;
        }
        let (input, expected) = line.split_once(" ->").expect("a recorded line has an arrow");
        let mut words = input.split(' ');
        let mut word = || words.next().expect("a recorded input is topic, key, value and timestamp");
        let (topic, key, value, timestamp) = (word(), word(), word(), word());
        let mut headers = Headers::new();
        headers.add("h", Some(number.to_string().into_bytes()));
        let input = inputs.entry(topic).or_insert_with(|| driver.create_input_topic(topic));
        let timestamp: Timestamp = timestamp.parse().expect("a recorded timestamp is a number");
        input.pipe_with_headers(text(key), text(value), timestamp, headers).expect("piped");
        let mut results = String::new();
        for record in output.read_records().expect("read") {
            let headers: String = record
                .headers
                .iter()
                .map(|header| {
                    let value = header.value.as_deref().unwrap_or_default();
                    format!("{}{}", header.key, String::from_utf8_lossy(value))
                })
                .collect();
            let (key, value) = (show(&record.key), show(&record.value));
            write!(results, " ({key} {value} {} {headers})", record.timestamp).expect("written");
        }
        assert_eq!(results, expected, "{section}: record {number}, {line}");
    }
}

/// Adds a program's steps to a builder.
type Program<'a> = &'a dyn Fn(&StreamsBuilder);

fn check(programs: &[(&str, Program<'_>)]) {
    let recorded = include_str!("java/stateful_behaviour.txt").split("### ").filter(|text| !text.is_empty());
    let recorded: BTreeMap<_, _> = recorded.filter_map(|section| section.split_once('\n')).collect();
    for (section, program) in programs {
        let builder = StreamsBuilder::new();
        program(&builder);
        let topology = builder.build().expect(section);
        let mut config = StreamsConfig::new("test", "embedded:");
        if section.contains("_uncached") {
            config = config.with_statestore_cache_max_bytes(0);
        }
        let driver = TopologyTestDriver::new(topology, config).expect("a driver");
        run(section, recorded[section], &driver);
    }
}

fn count(b: &StreamsBuilder) {
    by_key(b).count().to_stream().map_values(|count| count.map(|n| n.to_string())).to("out");
}

fn reduce(b: &StreamsBuilder) {
    let reducer = |one: Text, other: Text| if show(&other) == "del" { None } else { concat(one, other) };
    by_key(b).reduce(reducer).to_stream().map_values(Option::flatten).to("out");
}

fn aggregate(b: &StreamsBuilder) {
    let aggregator =
        |_: &Text, value: Text, all: Text| if show(&value) == "del" { None } else { concat(all, value) };
    by_key(b).aggregate(|| text("i"), aggregator).to_stream().map_values(Option::flatten).to("out");
}

#[test]
fn unwindowed_aggregations() {
    check(&[
        ("count", &count),
        ("count_uncached", &count),
        ("reduce", &reduce),
        ("reduce_uncached", &reduce),
        ("aggregate", &aggregate),
        ("aggregate_uncached", &aggregate),
        ("count_repartition", &|b| {
            let counts = stream(b, "in").group_by(|_, value| value.clone()).count();
            counts.to_stream().map_values(|count| count.map(|n| n.to_string())).to("out");
        }),
    ]);
}

fn tumbling(b: &StreamsBuilder) {
    let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
    windowed_out(&by_key(b).windowed_by(windows).count(), |n| Some(n.to_string()));
}

fn hopping(b: &StreamsBuilder) {
    let windows = TimeWindows::of_size_with_no_grace(millis(10)).advance_by(millis(4));
    let all = by_key(b).windowed_by(windows).aggregate(|| text("i"), |_, value, all| concat(all, value));
    windowed_out(&all, |all| all);
}

fn windowed_reduce(b: &StreamsBuilder) {
    let windows = TimeWindows::of_size_with_no_grace(millis(10));
    // A null aggregate is none: Java's reducer is not called with it either.
    windowed_out(&by_key(b).windowed_by(windows).reduce(concat), |all| all);
}

#[test]
fn windowed_aggregations() {
    check(&[
        ("tumbling", &tumbling),
        ("tumbling_uncached", &tumbling),
        ("hopping", &hopping),
        ("hopping_uncached", &hopping),
        ("windowed_reduce", &windowed_reduce),
        ("windowed_reduce_uncached", &windowed_reduce),
        ("random_hopping_uncached seed 1", &|b| {
            let windows = TimeWindows::of_size_and_grace(millis(20), millis(10)).advance_by(millis(7));
            windowed_out(&by_key(b).windowed_by(windows).count(), |n| Some(n.to_string()));
        }),
    ]);
}

fn sessions() -> SessionWindows {
    SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(1000))
}

fn session_count(b: &StreamsBuilder) {
    windowed_out(&by_key(b).windowed_by(sessions()).count(), |n| Some(n.to_string()));
}

fn session_reduce(b: &StreamsBuilder) {
    windowed_out(&by_key(b).windowed_by(sessions()).reduce(concat), |all| all);
}

fn session_aggregate(b: &StreamsBuilder) {
    let merger = |_: &Text, one: Text, other: Text| Some(format!("({}|{})", show(&one), show(&other)));
    let all =
        by_key(b).windowed_by(sessions()).aggregate(|| text("i"), |_, value, all| concat(all, value), merger);
    windowed_out(&all, |all| all);
}

/// Lists values, as the random programs do.
fn list(one: Text, other: Text) -> Text {
    Some(format!("{},{}", show(&one), show(&other)))
}

#[test]
fn session_aggregations() {
    check(&[
        ("session_count", &session_count),
        ("session_count_uncached", &session_count),
        ("session_reduce", &session_reduce),
        ("session_reduce_uncached", &session_reduce),
        ("session_aggregate", &session_aggregate),
        ("session_aggregate_uncached", &session_aggregate),
    ]);
}

#[test]
fn late_and_random_sessions() {
    check(&[
        ("session_late_uncached", &|b| {
            let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
            windowed_out(&by_key(b).windowed_by(windows).count(), |n| Some(n.to_string()));
        }),
        ("random_session_uncached seed 2", &|b| {
            let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(20));
            windowed_out(&by_key(b).windowed_by(windows).reduce(list), |all| all);
        }),
        ("random_session_gap0_uncached seed 3", &|b| {
            let windows = SessionWindows::of_inactivity_gap_with_no_grace(millis(0));
            windowed_out(&by_key(b).windowed_by(windows).reduce(list), |all| all);
        }),
    ]);
}

#[test]
fn joins_with_tables() {
    check(&[
        ("stream_table_inner", &|b| {
            let table = b.table::<Text, String>("t");
            stream(b, "in").join(&table, |value, row| join_text(value, Some(row))).to("out");
        }),
        ("stream_table_left", &|b| {
            let table = b.table::<Text, String>("t");
            stream(b, "in").left_join(&table, join_text).to("out");
        }),
        ("stream_table_repartition", &|b| {
            let table = b.table::<Text, String>("t");
            let keyed = stream(b, "in").select_key(|_, value| value.clone());
            keyed.join(&table, |value, row| join_text(value, Some(row))).to("out");
        }),
        ("stream_table_left_null_key_repartition", &|b| {
            let table = b.table::<Text, String>("t");
            let keyed = stream(b, "in").select_key(|_, value| value.clone().filter(|value| value != "n"));
            keyed.left_join(&table, join_text).to("out");
        }),
        ("stream_table_aggregated", &|b| {
            let counts = stream(b, "t").group_by_key().count();
            stream(b, "in").join(&counts, |value, n| join_text(value, Some(n.to_string()))).to("out");
        }),
        ("stream_table_filtered", &|b| {
            let table = b.table::<Text, String>("t").filter(|_, row| row != "no");
            let table = table.map_values(|row| format!("{row}{row}"));
            stream(b, "in").join(&table, |value, row| join_text(value, Some(row))).to("out");
        }),
        ("random_stream_table seed 5", &|b| {
            let table = b.table::<Text, String>("t");
            stream(b, "in").left_join(&table, join_text).to("out");
        }),
    ]);
}

#[test]
fn joins_with_global_tables() {
    let selector = |_: &Text, value: &Text| match show(value) {
        "none" => None,
        value => Some(value.to_owned()),
    };
    check(&[
        ("stream_global_inner", &|b| {
            let table = b.global_table::<String, String>("t");
            let stream = stream(b, "in");
            stream.join_global(&table, selector, |value, row| join_text(value, Some(row))).to("out");
        }),
        ("stream_global_left", &|b| {
            let table = b.global_table::<String, String>("t");
            stream(b, "in").left_join_global(&table, selector, join_text).to("out");
        }),
    ]);
}

#[test]
fn joins_of_streams() {
    check(&[
        ("stream_stream", &|b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(5));
            left.join_stream(&right, concat, windows).to("out");
        }),
        ("stream_stream_asym", &|b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            let windows = JoinWindows::of_time_difference_with_no_grace(millis(0));
            left.join_stream(&right, concat, windows.after(millis(10)).starts_after(millis(2))).to("out");
        }),
        ("random_stream_stream seed 4", &|b| {
            let (left, right) = (stream(b, "left"), stream(b, "right"));
            let windows = JoinWindows::of_time_difference_and_grace(millis(10), millis(20)).after(millis(4));
            let joiner = |one: Text, other: Text| Some(format!("{}/{}", show(&one), show(&other)));
            left.join_stream(&right, joiner, windows).to("out");
        }),
    ]);
}

#[test]
fn every_recorded_program_is_checked() {
    let covered = include_str!("stateful_behaviour.rs");
    let recorded =
        include_str!("java/stateful_behaviour.txt").lines().filter_map(|line| line.strip_prefix("### "));
    let missing: Vec<_> = recorded.filter(|name| !covered.contains(&format!("(\"{name}\""))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
