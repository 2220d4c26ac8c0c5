//! Changelogs and stores of an application on a real broker, while it runs and afterwards.

use std::path::Path;
use std::time::Duration;

use kstreams::prelude::*;
use lab::{KafkaClient, TestRecord, shared};
use serde_json::{Value, json};

use super::{Run, streams};

const LIMIT: Duration = Duration::from_secs(300);
const MINUTE_MS: i64 = 60_000;

/// Counts by key: ever, by minute, and by session.
fn topology(config: &StreamsConfig) -> Topology {
    let builder = StreamsBuilder::new();
    let clicks = builder.stream::<String, String>("du-clicks").group_by_key();
    clicks.count_with(Materialized::named("ever"));
    let minute = Duration::from_secs(60);
    let minutes = TimeWindows::of_size_with_no_grace(minute);
    clicks.windowed_by(minutes).count_with(Materialized::named("minutes"));
    let sessions = SessionWindows::of_inactivity_gap_with_no_grace(minute);
    clicks.windowed_by(sessions).count_with(Materialized::named("visits"));
    builder.build_with(config).expect("a topology")
}

#[expect(clippy::disallowed_methods, reason = "it waits for another thread, by the clock of the machine")]
fn wait_committed(client: &KafkaClient, offset: i64) {
    let begin = std::time::Instant::now();
    let committed = || {
        let found = client.committed_offsets("du-app", &["du-clicks"]).expect("offsets");
        found.get(&("du-clicks".to_owned(), 0)).map_or(0, |committed| committed.offset)
    };
    while committed() < offset {
        assert!(begin.elapsed() < LIMIT, "it has not processed everything");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn topic(client: &KafkaClient, topic: &str, more: &[&str]) -> Run {
    let of =
        ["dump", "topic", "--bootstrap-servers", client.bootstrap(), "--topic", topic, "--value", "long"];
    streams(&[&of[..], &["--json"], more].concat())
}

fn store(folder: &Path, more: &[&str]) -> Run {
    let of = ["dump", "store", "--application-id", "du-app", "--value", "long", "--json", "--state-dir"];
    streams(&[&of[..], &[folder.to_str().expect("a path")], more].concat())
}

/// Keys and values, without where and when.
fn rows(run: &Run) -> Vec<(Value, Value)> {
    run.lines().iter().map(|line| (line["key"].clone(), line["value"].clone())).collect()
}

fn start(client: &KafkaClient, folder: &Path) -> KafkaStreams {
    let config = StreamsConfig::new("du-app", client.bootstrap()).with_state_dir(folder);
    // Each update reaches the changelog.
    let config = config.with("statestore.cache.max.bytes", 0).expect("a setting");
    let app = KafkaStreams::new(topology(&config), config).expect("an app");
    app.start().expect("a start");
    app
}

fn check_changelogs(client: &KafkaClient) {
    let ever = rows(&topic(client, "du-app-ever-changelog", &["--latest"]));
    assert_eq!(ever, [(json!("a"), json!(3)), (json!("b"), json!(1))]);
    let limited = topic(client, "du-app-ever-changelog", &["--max", "1"]).lines();
    assert_eq!(limited.len(), 1, "{limited:?}");
    let only = rows(&topic(client, "du-app-ever-changelog", &["--grep", "b"]));
    assert_eq!(only, [(json!("b"), json!(1))]);
    let minutes = topic(client, "du-app-minutes-changelog", &["--latest", "--key-form", "window"]);
    let window = |key: &str, start: i64| json!({"key": key, "start": start});
    let expected =
        [(window("a", 0), json!(2)), (window("a", MINUTE_MS * 5), json!(1)), (window("b", 0), json!(1))];
    assert_eq!(rows(&minutes), expected);
    let visits = rows(&topic(client, "du-app-visits-changelog", &["--latest", "--key-form", "session"]));
    assert!(visits.contains(&(json!({"key": "a", "start": 1_000, "end": 2_000}), json!(2))), "{visits:?}");
    let text = streams(&[
        "dump",
        "topic",
        "--bootstrap-servers",
        client.bootstrap(),
        "--topic",
        "du-clicks",
        "--max",
        "1",
    ]);
    let line = "topic=du-clicks partition=0 offset=0 timestamp=1000  a = click\n";
    assert_eq!(text.out, line, "{text:?}");
}

fn check_stores(folder: &Path) {
    let ever = store(folder, &["--store", "ever"]);
    assert_eq!(rows(&ever), [(json!("a"), json!(3)), (json!("b"), json!(1))]);
    assert_eq!(ever.lines()[0]["timestamp"], json!(MINUTE_MS * 5));
    let minutes = rows(&store(folder, &["--store", "minutes", "--kind", "timestamped-window"]));
    assert!(minutes.contains(&(json!({"key": "a", "start": MINUTE_MS * 5}), json!(1))), "{minutes:?}");
    let visits = rows(&store(folder, &["--store", "visits", "--kind", "session", "--task", "0_0"]));
    let last = MINUTE_MS * 5;
    assert!(visits.contains(&(json!({"key": "a", "start": last, "end": last}), json!(1))), "{visits:?}");
    let listed = store(folder, &[]).lines();
    assert!(listed.contains(&json!({"task": "0_0", "store": "ever", "rows": 2})), "{listed:?}");
    assert!(listed.iter().any(|line| line["partition"] == "du-app-ever-changelog-0"), "{listed:?}");
}

#[test]
fn changelogs_and_stores_are_readable() {
    let client = shared().expect("a broker").client();
    client.create_topic("du-clicks", 1, &[]).expect("topic");
    let click = |key: &str, at_ms: i64| {
        let mut record = TestRecord::new(key, "click");
        record.timestamp = Some(at_ms);
        record
    };
    let clicks = [click("a", 1_000), click("a", 2_000), click("b", 3_000), click("a", MINUTE_MS * 5)];
    client.produce("du-clicks", clicks).expect("sent");
    let folder = tempfile::tempdir().expect("a folder");
    let app = start(&client, folder.path());
    wait_committed(&client, 4);
    check_changelogs(&client);
    // While it runs, its database may be looked at, and has what it has.
    let running = store(folder.path(), &["--store", "ever"]);
    assert_eq!(running.code, 0, "{running:?}");
    assert!(app.close(LIMIT));
    check_stores(folder.path());

    // Nothing was changed by looking: it continues where it was, with its local state.
    let app = start(&client, folder.path());
    client.produce("du-clicks", [click("a", MINUTE_MS * 5)]).expect("sent");
    wait_committed(&client, 5);
    assert_eq!(app.totals().wiped_tasks, 0);
    assert!(app.close(LIMIT));
    let after = rows(&store(folder.path(), &["--store", "ever", "--grep", "a"]));
    assert_eq!(after, [(json!("a"), json!(4))]);
}

#[test]
fn what_is_not_there_is_named() {
    let client = shared().expect("a broker").client();
    client.create_topic("du-few", 2, &[]).expect("topic");
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |run: Run, words: &str| assert!(run.code == 1 && run.err.contains(words), "{run:?}");
    refused(topic(&client, "du-none", &[]), "topic du-none does not exist");
    refused(topic(&client, "du-few", &["--partition", "2"]), "has 2 partitions");
    refused(store(folder.path(), &[]), "cannot read");
    std::fs::create_dir_all(folder.path().join("du-app/0_0")).expect("a folder");
    refused(store(folder.path(), &[]), "no task's database is in");
    assert_eq!(topic(&client, "du-few", &[]).lines(), Vec::<Value>::new());
}
