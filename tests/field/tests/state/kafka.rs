//! What a real broker does to changelogs and topics.

use std::time::Duration;

use field::{App, LIMIT, committed, config, texts, turn};
use kstreams::prelude::*;
use lab::{KafkaClient, KafkaCluster, TestRecord, shared};
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;

use crate::world::{TIME, wait};

fn counts(name: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>(&format!("{name}-in")).group_by_key();
    stream.count_with(Materialized::named("counts")).to_stream().to(&format!("{name}-out"));
    builder.build().expect("a topology")
}

fn topics(client: &KafkaClient, name: &str) {
    for topic in ["in", "out"] {
        client.create_topic(&format!("{name}-{topic}"), 1, &[]).expect("created");
    }
}

fn ask(client: &KafkaClient, name: &str, keys: &[&str]) -> Vec<String> {
    let output = format!("{name}-out");
    let before = client.consume_all(&output, true).expect("read").len();
    let records = keys.iter().map(|key| TestRecord::new(key, "v").at(TIME));
    client.produce(&format!("{name}-in"), records).expect("produced");
    texts(&committed(client, &output, before + keys.len())).split_off(before)
}

fn fails(topology: Topology, config: StreamsConfig) -> String {
    let app = KafkaStreams::new(topology, config).expect("an application");
    if let Err(error) = app.start() {
        return error.to_string();
    }
    let ended = app.wait_for(LIMIT, |state| state == State::Error);
    assert!(ended, "{} instead of ERROR: {:?}", app.state(), app.reasons());
    app.error().expect("an error").to_string()
}

#[test]
fn a_changelog_that_was_created_again_is_refused() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    topics(&client, "again");
    let run = || App::run(counts("again"), config(&client, "again", folder.path()));
    let app = run();
    assert_eq!(ask(&client, "again", &["a", "a", "b"]), ["a=1", "a=2", "b=1"]);
    app.close();
    let changelog = "again-counts-changelog";
    client.delete_topics(&[changelog]).expect("deleted");
    let gone = || !client.topics().expect("topics").iter().any(|topic| topic == changelog);
    wait(gone, || "the topic to be gone".to_owned());
    // It grows beyond what the local state has come to.
    client.create_topic(changelog, 1, &[("cleanup.policy", "compact")]).expect("created");
    let rows = (0..50_i64).map(|row| TestRecord::new("stranger", row.to_be_bytes()).at(TIME));
    client.produce(changelog, rows).expect("produced");
    let error = fails(counts("again"), config(&client, "again", folder.path()));
    for named in ["counts", changelog, "created again", "topic id", "0_0"] {
        assert!(error.contains(named), "{named}: {error}");
    }
    std::fs::remove_dir_all(folder.path().join("again").join("0_0")).expect("deleted");
    let app = run();
    assert_eq!(ask(&client, "again", &["a"]), ["a=1"]);
    app.close();
}

#[test]
fn a_changelog_of_another_kind_of_store_is_refused() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    topics(&client, "kind");
    let lost = tempfile::tempdir().expect("a folder");
    let app = App::run(counts("kind"), config(&client, "kind", lost.path()));
    assert_eq!(ask(&client, "kind", &["a"]), ["a=1"]);
    app.close();
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("kind-in").group_by_key();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    stream.windowed_by(windows).count_with(Materialized::named("counts"));
    let folder = tempfile::tempdir().expect("a folder");
    let error = fails(builder.build().expect("a topology"), config(&client, "kind", folder.path()));
    for named in ["counts", "kind-counts-changelog", "cleanup.policy=compact", "ename the store"] {
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn a_changelog_that_loses_rows_before_its_store_is_refused() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    topics(&client, "short");
    let settings = [("cleanup.policy", "compact,delete"), ("retention.ms", "59999")];
    client.create_topic("short-counts-changelog", 1, &settings).expect("created");
    let topology = || {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("short-in").group_by_key();
        let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
        stream.windowed_by(windows).count_with(Materialized::named("counts"));
        builder.build().expect("a topology")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let error = fails(topology(), config(&client, "short", folder.path()));
    for named in ["store counts", "short-counts-changelog", "retention.ms=59999", "60000"] {
        assert!(error.contains(named), "{named}: {error}");
    }
    client.alter_topic("short-counts-changelog", &[("retention.ms", "60000")]).expect("a setting");
    App::run(topology(), config(&client, "short", folder.path())).close();
}

/// The task is elsewhere while a row is deleted and the cleaner forgets that it was.
#[test]
fn a_row_that_was_deleted_elsewhere_stays_deleted() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    // In each of its partitions the cleaner works often, and forgets at once.
    client.alter_broker("0", &[("log.cleaner.backoff.ms", "100")]).expect("a setting");
    topics(&client, "moved");
    let topology = || {
        let builder = StreamsBuilder::new();
        let table =
            builder.table_with::<String, String>("moved-in", Consumed::new(), Materialized::named("rows"));
        let stream = builder.stream::<String, String>("moved-ask");
        let row = |_: String, row: Option<String>| row.unwrap_or_else(|| "-".to_owned());
        stream.left_join(&table, row).to("moved-out");
        builder.build().expect("a topology")
    };
    client.create_topic("moved-ask", 1, &[]).expect("created");
    let settings = [
        ("cleanup.policy", "compact"),
        ("delete.retention.ms", "100"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
    ];
    let changelog = "moved-rows-changelog";
    client.create_topic(changelog, 1, &settings).expect("created");
    let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let put = |key: &str, value: Option<&str>| {
        let record = match value {
            Some(value) => TestRecord::new(key, value),
            None => TestRecord::tombstone(key),
        };
        client.produce("moved-in", [record.at(TIME)]).expect("produced");
    };
    let ask = |key: &str| {
        let before = client.consume_all("moved-out", true).expect("read").len();
        client.produce("moved-ask", [TestRecord::new(key, "?").at(TIME + 1)]).expect("produced");
        texts(&committed(&client, "moved-out", before + 1)).pop().expect("an answer")
    };
    let run = |folder: &std::path::Path| App::run(topology(), config(&client, "moved", folder));
    let app = run(here.path());
    put("x", Some("1"));
    put("y", Some("2"));
    wait(|| ask("y") == "y=2", || "the rows to be read".to_owned());
    assert_eq!(ask("x"), "x=1");
    app.close();
    let app = run(there.path());
    put("x", None);
    wait(|| ask("x") == "x=-", || "the row to be deleted".to_owned());
    // The cleaner leaves the last segment alone, so others are begun until it has come to the deletion.
    let mut round = 0;
    let forgotten = || {
        round += 1;
        put("y", Some(&format!("{round}")));
        std::thread::sleep(Duration::from_millis(200));
        client.consume_all(changelog, true).expect("read").iter().all(|record| record.key_text() != "x")
    };
    wait(forgotten, || "the cleaner to forget the deletion".to_owned());
    wait(|| ask("y") == format!("y={round}"), || "the last row".to_owned());
    app.close();
    let app = run(here.path());
    assert_eq!(ask("x"), "x=-", "it had been deleted");
    assert_eq!(ask("y"), format!("y={round}"));
    assert_eq!(app.streams.totals().wiped_tasks, 1);
    app.close();
}

/// What was first is aborted and trimmed, so that the log begins with a marker: nothing to read before the first row.
#[test]
fn a_global_topic_that_begins_with_a_marker_fills_its_store() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["marker-rows", "marker-in", "marker-out"] {
        client.create_topic(topic, 1, &[]).expect("created");
    }
    let foreign = client.transactional("marker-foreign", Duration::from_secs(60)).expect("a producer");
    foreign.begin().expect("begun");
    foreign.send("marker-rows", [TestRecord::new("a", "aborted")]).expect("sent");
    foreign.abort().expect("aborted");
    client.delete_records("marker-rows", 0, Some(1)).expect("deleted");
    let topology = || {
        let builder = StreamsBuilder::new();
        let rows = builder.global_table::<String, String>("marker-rows");
        let row = |_: String, row: Option<String>| row.unwrap_or_else(|| "-".to_owned());
        builder
            .stream::<String, String>("marker-in")
            .left_join_global(&rows, |key, _| key.clone(), row)
            .to("marker-out");
        builder.build().expect("a topology")
    };
    let folder = tempfile::tempdir().expect("a folder");
    // With nothing but the marker, and then with a row behind it.
    for expected in ["a=-", "a=1"] {
        let app = App::run(topology(), config(&client, "marker", folder.path()));
        assert_eq!(ask(&client, "marker", &["a"]), [expected]);
        app.close();
        client.produce("marker-rows", [TestRecord::new("a", "1")]).expect("produced");
    }
}

/// One of two changelog partitions has no leader: the task of the other one is restored and runs.
#[test]
fn a_changelog_without_a_leader_holds_up_its_task_only() {
    let _turn = turn();
    let cluster = KafkaCluster::start(3).expect("brokers");
    let client = cluster.client();
    for topic in ["held-in", "held-out"] {
        client.create_topic(topic, 2, &[]).expect("created");
    }
    let compacted = [("cleanup.policy", "compact")];
    client.create_topic_on("held-counts-changelog", &[&[1], &[2]], &compacted).expect("created");
    let lost = tempfile::tempdir().expect("a folder");
    let app = App::run(counts("held"), config(&client, "held", lost.path()));
    let ask = |partition: i32, expected: usize| {
        let record = TestRecord::new(format!("key-{partition}"), "v").at(TIME).to_partition(partition);
        client.produce("held-in", [record]).expect("produced");
        texts(&committed(&client, "held-out", expected)).pop().expect("a count")
    };
    ask(0, 1);
    ask(1, 2);
    app.close();

    cluster.kill_broker(2).expect("killed");
    let folder = tempfile::tempdir().expect("a folder");
    let app =
        KafkaStreams::new(counts("held"), config(&client, "held", folder.path())).expect("an application");
    app.start().expect("it starts");
    wait(|| app.totals().running_tasks == 1, || format!("the other task to run: {:?}", app.reasons()));
    let found = |app: &KafkaStreams| {
        app.reasons()
            .iter()
            .any(|reason| reason.who == "task 0_1" && reason.what.contains("held-counts-changelog-1"))
    };
    wait(|| found(&app), || format!("the reason of the wait: {:?}", app.reasons()));
    client.produce("held-in", [TestRecord::new("key-0", "v").at(TIME).to_partition(0)]).expect("produced");
    let counted =
        || texts(&client.consume_all("held-out", true).expect("read")).contains(&"key-0=2".to_owned());
    wait(counted, || "the count of the task that runs".to_owned());

    cluster.start_broker(2).expect("started");
    wait(|| app.totals().running_tasks == 2, || format!("both tasks to run: {:?}", app.reasons()));
    assert!(app.close(LIMIT));
}

/// The other guarantee continues from what one has written, killed or not.
#[test]
fn local_state_fits_both_guarantees() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    topics(&client, "both");
    let folder = tempfile::tempdir().expect("a folder");
    for (round, guarantee) in
        (1..).zip(["at_least_once", "exactly_once_v2", "at_least_once", "exactly_once_v2"])
    {
        let with = config(&client, "both", folder.path())
            .with("processing.guarantee", guarantee)
            .expect("a setting");
        let app = App::run(counts("both"), with);
        assert_eq!(ask(&client, "both", &["a"]), [format!("a={round}")], "{guarantee}");
        assert_eq!(app.streams.totals().wiped_tasks, 0, "{guarantee}");
        app.close();
    }
}

/// Before: half a minute of silence, and then the advice to raise the topic's limit.
#[test]
fn a_changelog_that_is_deleted_while_it_runs_is_named_with_what_to_do() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    topics(&client, "gone");
    let app = App::run(counts("gone"), config(&client, "gone", folder.path()));
    assert_eq!(ask(&client, "gone", &["a"]), ["a=1"]);
    client.delete_topics(&["gone-counts-changelog"]).expect("deleted");
    let begin = std::time::Instant::now();
    let records = (0..10).map(|_| TestRecord::new("a", "v").at(TIME));
    client.produce("gone-in", records).expect("produced");
    assert!(app.streams.wait_for(LIMIT, |state| state == State::Error), "{:?}", app.streams.reasons());
    println!("an error after {:?}", begin.elapsed());
    let error = app.streams.error().expect("an error").to_string();
    let named = "changelog topic gone-counts-changelog of store counts was deleted while the application ran";
    assert!(error.contains(named) && error.contains("state.dir"), "{error}");
}
