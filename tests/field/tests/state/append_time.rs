//! Brokers whose default is to stamp records with the time at which they come.

use std::time::Duration;

use field::{App, committed, config, texts, turn};
use kstreams::prelude::*;
use lab::{ClusterOptions, KafkaCluster, TestRecord};

use crate::world::TIME;

/// Internal topics keep the times of events, so that windows behind a repartition topic, and those that are restored from a
/// changelog, are the ones of the events.
#[test]
fn event_times_outlast_a_default_of_append_time() {
    let _turn = turn();
    let settings = vec![("log.message.timestamp.type".to_owned(), "LogAppendTime".to_owned())];
    let cluster = KafkaCluster::start_with(&ClusterOptions { settings, ..ClusterOptions::default() })
        .expect("a broker");
    let client = cluster.client();
    client.create_topic("events", 1, &[("message.timestamp.type", "CreateTime")]).expect("created");
    client.create_topic("appended", 1, &[]).expect("created");
    client.create_topic("results", 1, &[]).expect("created");
    let topology = || {
        let builder = StreamsBuilder::new();
        let counts = builder
            .stream::<String, String>(["events", "appended"].as_slice())
            .group_by(|_, word| word.clone())
            .windowed_by(TimeWindows::of_size_with_no_grace(Duration::from_millis(10)))
            .count_with(Materialized::named("counts"));
        let started = |key: Windowed<String>, count: Option<i64>| {
            (format!("{}@{}", key.key, key.window.start_ms), count.unwrap_or(0).to_string())
        };
        counts.to_stream().map(started).to("results");
        builder.build().expect("a topology")
    };
    let at =
        |times: &[i64]| times.iter().map(|time| TestRecord::new("k", "word").at(*time)).collect::<Vec<_>>();
    let lost = tempfile::tempdir().expect("a folder");
    let app = App::run(topology(), config(&client, "append", lost.path()));
    client.produce("events", at(&[TIME, TIME + 1, TIME + 1_000])).expect("produced");
    let first = format!("word@{TIME}");
    let second = format!("word@{}", TIME + 1_000);
    let results = texts(&committed(&client, "results", 3));
    assert_eq!(results, [format!("{first}=1"), format!("{first}=2"), format!("{second}=1")]);
    app.close();

    let folder = tempfile::tempdir().expect("a folder");
    let app = App::run(topology(), config(&client, "append", folder.path()));
    client.produce("events", at(&[TIME + 1_001])).expect("produced");
    assert_eq!(texts(&committed(&client, "results", 4))[3], format!("{second}=2"), "it was restored");
    // A source topic of that kind has the times that it says.
    client.produce("appended", at(&[TIME])).expect("produced");
    let result = texts(&committed(&client, "results", 5)).pop().expect("a result");
    let start = result.split(['@', '=']).nth(1).and_then(|start| start.parse::<i64>().ok()).expect("a start");
    assert!(start > TIME + 1_001, "{result}");
    app.close();
}
