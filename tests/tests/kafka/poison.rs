//! A record that does not parse: the application stops and names it, or skips and counts it; what was done before it in
//! the same transaction happens once, and restored state outlives the abort.

use std::path::Path;

use kstreams::prelude::*;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use tests::lab::{TestRecord, shared};

use crate::support::{App, committed, config, texts, turn};

/// Counts by value, through a repartition topic.
fn topology(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, i64>(input)
        .select_key(|key, _| key.clone())
        .repartition_with(Repartitioned::named("between"))
        .group_by_key()
        .count_with(Materialized::named("counts"))
        .to_stream()
        .to(output);
    builder.build().expect("a topology")
}

fn good(n: i64) -> TestRecord {
    TestRecord::new("k", n.to_be_bytes()).at(1_700_000_000_000 + n).to_partition(1)
}

fn bad() -> TestRecord {
    TestRecord::new("k", "bad").at(1_700_000_000_100).to_partition(1)
}

fn expected(counts: std::ops::RangeInclusive<i64>) -> Vec<String> {
    counts.map(|n| format!("k={n}")).collect()
}

/// Runs until it fails; the records before the bad one are in its one transaction.
fn fail(input: &str, output: &str, folder: &Path) -> String {
    let client = shared().expect("a broker").client();
    let config = config(&client, "poison", folder).with_commit_interval(seconds(8));
    let streams = KafkaStreams::new(topology(input, output), config).expect("fine");
    streams.start().expect("it starts");
    assert!(streams.wait_for(std::time::Duration::from_secs(120), |state| state == State::Error));
    streams.error().expect("an error").to_string()
}

#[test]
fn a_record_that_does_not_parse_follows_the_handler() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["poison-in", "poison-out"] {
        client.create_topic(topic, 2, &[]).expect("topic");
    }
    client.produce("poison-in", (0..5).map(good)).expect("produced");
    let first = App::run(topology("poison-in", "poison-out"), config(&client, "poison", folder.path()));
    assert_eq!(texts(&committed(&client, "poison-out", 5)), expected(1..=5));
    first.close();

    // Five good records, the bad one at offset 10, one good record.
    client.produce("poison-in", (5..10).map(good).chain([bad(), good(10)])).expect("produced");
    let error = fail("poison-in", "poison-out", folder.path());
    assert!(error.contains("poison-in-1 offset 10"), "{error}");
    assert!(error.contains("LogAndContinue"), "{error}");
    assert_eq!(
        texts(&committed(&client, "poison-out", 5)),
        expected(1..=5),
        "nothing of the failed work is seen"
    );

    let skipping = config(&client, "poison", folder.path())
        .with("deserialization.exception.handler", "LogAndContinue")
        .expect("known");
    let second = App::run(topology("poison-in", "poison-out"), skipping);
    assert_eq!(texts(&committed(&client, "poison-out", 11)), expected(1..=11), "each record once");
    let metrics = second.streams.totals();
    assert_eq!(metrics.dropped_records, 1, "{metrics:?}");
    assert_eq!((metrics.wiped_tasks, metrics.restored_records), (0, 0), "state outlives an abort");
    second.close();
}

#[test]
fn nulls_and_bad_bytes_are_dropped_and_counted() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["nulls-in", "nulls-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let number = 7_i64.to_be_bytes();
    let records = [
        TestRecord::new("a", number),
        TestRecord::new([0xff, 0xfe], number),
        TestRecord::new("a", [1, 2, 3]),
        TestRecord::new("a", number).without_key(),
        TestRecord::tombstone("a"),
        TestRecord::tombstone("a").without_key(),
        TestRecord::new("", []),
        TestRecord::new("a", number).header("h", [0xff]).header("", ""),
    ];
    client.produce("nulls-in", records.into_iter().map(|record| record.at(1_700_000_000_000))).expect("sent");
    let config = config(&client, "nulls", folder.path())
        .with("deserialization.exception.handler", "LogAndContinue")
        .expect("known");
    let app = App::run(topology("nulls-in", "nulls-out"), config);
    assert_eq!(texts(&committed(&client, "nulls-out", 2)), ["a=1", "a=2"]);
    assert_eq!(app.streams.totals().dropped_records, 6);
    app.close();
}
