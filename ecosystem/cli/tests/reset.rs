//! A counting application on a real broker is reset, and counts its input from the beginning.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kstreams::prelude::*;
use lab::{KafkaClient, TestRecord, shared};

const LIMIT: Duration = Duration::from_secs(300);

/// Runs the program; its standard output, or what it said when it failed.
fn reset(client: &KafkaClient, state: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_streams"))
        .args(["reset", "--application-id", "reset-app", "--json", "--state-dir"])
        .arg(state)
        .args(["--bootstrap-servers", client.bootstrap()])
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Counts records by key, one result for each record.
fn start(client: &KafkaClient, state: &Path) -> KafkaStreams {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("reset-in")
        .group_by_key()
        .count_with(Materialized::named("counts").with_caching_disabled())
        .to_stream()
        .map_values(|count| count.map(|count| count.to_string()))
        .to("reset-out");
    let config = StreamsConfig::new("reset-app", client.bootstrap()).with_state_dir(state);
    let app = KafkaStreams::new(builder.build_with(&config).expect("a topology"), config).expect("an app");
    app.start().expect("a start");
    app
}

/// The counts in the output, once there are this many.
#[expect(clippy::disallowed_methods, reason = "it waits for another thread, by the clock of the machine")]
fn counts(client: &KafkaClient, many: usize) -> Vec<String> {
    let begin = std::time::Instant::now();
    loop {
        let found = client.consume_all("reset-out", true).expect("read");
        if found.len() >= many || begin.elapsed() > LIMIT {
            return found.iter().map(lab::ConsumedRecord::value_text).collect();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_application_that_was_reset_counts_from_the_beginning() {
    let client = shared().expect("a broker").client();
    let state = tempfile::tempdir().expect("a folder");
    for topic in ["reset-in", "reset-out", "reset-app-notes"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    client.produce("reset-in", ["a", "b"].map(|value| TestRecord::new("k", value))).expect("sent");

    let app = start(&client, state.path());
    assert_eq!(counts(&client, 2), ["1", "2"]);
    let refused = reset(&client, state.path(), &["--execute"]).expect_err("it runs");
    assert!(refused.contains("group reset-app has 1 members") && refused.contains("stop every"), "{refused}");
    assert!(app.close(LIMIT));

    let dry = reset(&client, state.path(), &[]).expect("a report");
    assert!(dry.contains(r#""executed":false"#) && dry.contains(r#""topic":"reset-in""#), "{dry}");
    assert!(dry.contains(r#""internal_topics":["reset-app-counts-changelog"]"#), "{dry}");
    let topics = client.topics().expect("topics");
    assert!(topics.contains(&"reset-app-counts-changelog".to_owned()), "nothing was deleted: {topics:?}");

    let done = reset(&client, state.path(), &["--execute"]).expect("a reset");
    assert!(done.contains(r#""executed":true"#) && done.contains(r#""to":0"#), "{done}");
    let topics = client.topics().expect("topics");
    assert!(!topics.contains(&"reset-app-counts-changelog".to_owned()), "{topics:?}");
    assert!(
        topics.contains(&"reset-app-notes".to_owned()),
        "it has the prefix and is not internal: {topics:?}"
    );

    let app = start(&client, state.path());
    assert_eq!(counts(&client, 4), ["1", "2", "1", "2"]);
    assert!(app.close(LIMIT));
    let latest =
        reset(&client, state.path(), &["--to", "latest", "--input-topic", "reset-in"]).expect("a report");
    assert!(latest.contains(r#""to":2"#), "{latest}");
    let other = reset(&client, state.path(), &["--internal-topic", "reset-out"]).expect_err("not internal");
    assert!(other.contains("reset-out is not an internal topic"), "{other}");
}
