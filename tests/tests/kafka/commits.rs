//! When work is committed: at a close, when a task moves, and never without reason.

use std::time::{Duration, Instant};

use kstreams::prelude::*;
use streams_core::config::StreamsConfig;
use streams_core::topology::Topology;
use tests::lab::{KafkaClient, TestRecord, shared};

use crate::support::{App, committed, config, turn};

const TIME: i64 = 1_700_000_000_000;
const LIMIT: Duration = Duration::from_secs(180);

fn count(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(input).group_by_key().count().to_stream().to(output);
    builder.build().expect("a topology")
}

fn records(count: i64) -> impl Iterator<Item = TestRecord> {
    (0..count).map(|n| TestRecord::new(format!("k{}", n % 40), "v").at(TIME + n))
}

/// It commits for other reasons than time.
fn patient(config: StreamsConfig) -> StreamsConfig {
    let config =
        config.with_commit_interval(Duration::from_secs(200)).with("consumer.heartbeat.interval.ms", 200);
    config.and_then(|config| config.with("producer.transaction.timeout.ms", 300_000)).expect("known")
}

fn topics(client: &KafkaClient, names: [&str; 2]) {
    for name in names {
        client.create_topic(name, 4, &[]).expect("topic");
    }
}

#[test]
fn a_clean_close_commits_open_work() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    topics(&client, ["close-in", "close-out"]);
    client.produce("close-in", records(400)).expect("produced");
    for (number, total) in [(1, 400), (2, 800)] {
        let app = App::run(count("close-in", "close-out"), patient(config(&client, "close", folder.path())));
        app.wait_processed(400);
        committed(&client, "close-out", total - 400);
        app.close();
        committed(&client, "close-out", total);
        let metrics = app.streams.totals();
        assert_eq!((metrics.wiped_tasks, metrics.restored_records), (0, 0), "{metrics:?}");
        if number == 1 {
            client.produce("close-in", records(400)).expect("produced");
        }
    }
}

/// The first instance has processed everything and committed nothing when half of its tasks move.
#[test]
fn a_task_that_is_revoked_in_mid_transaction_takes_its_work_along() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    topics(&client, ["revoke-in", "revoke-out"]);
    client.produce("revoke-in", records(4_000)).expect("produced");
    let settings = |folder: &tempfile::TempDir| patient(config(&client, "revoke", folder.path()));
    let first = App::run(count("revoke-in", "revoke-out"), settings(&here).with_num_stream_threads(2));
    first.wait_processed(4_000);
    committed(&client, "revoke-out", 0);
    let second = App::run(count("revoke-in", "revoke-out"), settings(&there).with_num_stream_threads(2));
    let begin = Instant::now();
    while second.streams.totals().running_tasks < 2 {
        assert!(begin.elapsed() < LIMIT, "{:?}", second.streams.totals());
        std::thread::sleep(Duration::from_millis(20));
    }
    client.produce("revoke-in", records(4_000)).expect("produced");
    let processed = |app: &App| app.streams.totals().processed_records;
    while processed(&first) + processed(&second) < 8_000 {
        assert!(begin.elapsed() < LIMIT, "{} {}", processed(&first), processed(&second));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(processed(&first) > 4_000 && processed(&second) > 0, "each works on its share");
    first.close();
    // In the middle of a rebalance its last commit would be refused, and its work done again by whoever comes next.
    while second.streams.totals().running_tasks < 4 {
        assert!(begin.elapsed() < LIMIT, "{:?}", second.streams.totals());
        std::thread::sleep(Duration::from_millis(20));
    }
    second.close();
    let found = committed(&client, "revoke-out", 8_000);
    for key in 0..40 {
        let of_key = found.iter().filter(|record| record.key_text() == format!("k{key}"));
        let counts: Vec<i64> = of_key
            .map(|record| {
                i64::from_be_bytes(record.value.as_deref().unwrap_or_default().try_into().expect("8"))
            })
            .collect();
        assert_eq!(counts, (1..=200).collect::<Vec<i64>>(), "k{key}");
    }
}

/// How many changes of transactions the broker has noted for an application: every transaction makes at least three.
fn transaction_changes(client: &KafkaClient, app: &str) -> usize {
    let noted = client.consume_all("__transaction_state", false).expect("read");
    noted.iter().filter(|record| record.key_text().contains(app)).count()
}

#[test]
fn an_idle_application_opens_no_transactions() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    topics(&client, ["idle-in", "idle-out"]);
    let app = App::run(
        count("idle-in", "idle-out"),
        config(&client, "idle-application", folder.path()).with_num_stream_threads(2),
    );
    let state = || (transaction_changes(&client, "idle-application"), app.streams.totals().commits);
    // How many commits there are once ten commit intervals have changed nothing; what was begun before may end meanwhile.
    let commits_when_quiet = || {
        let begin = Instant::now();
        let mut before = state();
        loop {
            std::thread::sleep(Duration::from_millis(1_000));
            let now = state();
            if now == before {
                return now.1;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "it is never quiet: {now:?} after {before:?}");
            before = now;
        }
    };
    assert_eq!(commits_when_quiet(), 0);
    // One record: the other partitions have nothing to commit, and its own nothing after it.
    client.produce("idle-in", records(1)).expect("produced");
    committed(&client, "idle-out", 1);
    let commits = commits_when_quiet();
    assert!((1..=2).contains(&commits), "{commits} commits for one record");
    app.close();
}
