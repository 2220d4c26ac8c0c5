//! What cannot work fails at the start, within bounded time, with an error that says what to do.

use std::time::{Duration, Instant};

use kstreams::prelude::*;
use streams_core::config::StreamsConfig;
use streams_core::runtime::KafkaStreams;
use streams_core::topology::Topology;
use tests::lab::shared;

use crate::support::{App, config, turn};

fn copy(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(input).to(output);
    builder.build().expect("a topology")
}

/// Counts, and so has a store on disk: without one, nobody needs a directory of their own.
fn counted(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(input).group_by_key().count().to_stream().to(output);
    builder.build().expect("a topology")
}

/// Many times what a start takes that has to fail, and less than the five minutes of `task.timeout.ms`.
const LIMIT: Duration = Duration::from_secs(90);

/// The error of a start that has to fail in time.
fn refused(topology: Topology, config: StreamsConfig) -> String {
    let streams = KafkaStreams::new(topology, config).expect("settings and topology are fine");
    let begin = Instant::now();
    let error = streams.start().expect_err("it cannot start").to_string();
    println!("after {:?}: {error}", begin.elapsed());
    assert!(begin.elapsed() < LIMIT, "{:?}: {error}", begin.elapsed());
    error
}

#[test]
fn an_unknown_source_topic_is_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&client, "unknown-topic", folder.path());
    let error = refused(copy("nobody-made-this", "nor-this"), config);
    assert!(error.contains("nobody-made-this"), "{error}");
}

#[test]
fn topics_of_a_join_with_unequal_partitions_are_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    client.create_topic("unequal-stream", 3, &[]).expect("topic");
    client.create_topic("unequal-table", 2, &[]).expect("topic");
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("unequal-table");
    let stream = builder.stream::<String, String>("unequal-stream");
    stream.join(&table, |value, row| format!("{value}{row}")).to("unequal-out");
    let config = config(&client, "unequal", folder.path());
    let error = refused(builder.build().expect("a topology"), config);
    for part in ["unequal-stream", "unequal-table", "3", "2"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_state_directory_in_use_is_named() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["directory-in", "directory-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let config = || config(&client, "directory", folder.path());
    let first = App::run(counted("directory-in", "directory-out"), config());
    let error = refused(counted("directory-in", "directory-out"), config());
    let path = folder.path().display().to_string();
    for part in ["in use by another KafkaStreams of this process", "state.dir", &path] {
        assert!(error.contains(part), "{part}: {error}");
    }
    first.close();
    App::run(counted("directory-in", "directory-out"), config()).close();
}

#[test]
fn a_broker_that_is_away_is_named() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    // Nobody listens on port 1.
    let config = StreamsConfig::new("away", "127.0.0.1:1").with_state_dir(folder.path());
    let error = refused(copy("in", "out"), config);
    assert!(error.contains("127.0.0.1:1"), "{error}");
}
