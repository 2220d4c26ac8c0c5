//! User code that is slow, hangs or is stopped with its process: rounds have a budget of time, and what waits says so.
#![expect(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use field::process::Program;
use field::{App, LIMIT, committed, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::{ClusterOptions, KafkaClient, KafkaCluster, TestRecord, shared};
use streams_core::config::{ProcessingGuarantee, StreamsConfig};
use streams_core::runtime::State;
use streams_core::topology::Topology;

/// Creates `<name>-in` and `<name>-out`, and fills each partition of the former.
fn topics(client: &KafkaClient, name: &str, partitions: i32, records: usize) -> (String, String) {
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    client.create_topic(&input, partitions, &[]).expect("created");
    client.create_topic(&output, partitions, &[]).expect("created");
    fill(client, &input, partitions, 0..records);
    (input, output)
}

fn fill(client: &KafkaClient, input: &str, partitions: i32, numbers: Range<usize>) {
    let record = |number: usize, partition: i32| {
        let text = format!("{partition}-{number}");
        TestRecord::new(&text, &text).to_partition(partition)
    };
    let records = numbers.flat_map(|number| (0..partitions).map(move |partition| record(number, partition)));
    client.produce(input, records).expect("produced");
}

fn copy(input: &str, output: &str, act: impl Fn(&str) + Clone + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let acting = move |value: String| {
        act(&value);
        value
    };
    builder.stream::<String, String>(input).map_values(acting).to(output);
    builder.build().expect("a topology")
}

/// Blocks user code; not without end, so that a test that fails ends.
fn wait_until(reached: impl Fn() -> bool) {
    let begin = Instant::now();
    while !reached() && begin.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_each_once(client: &KafkaClient, output: &str, records: usize) {
    let found = committed(client, output, records);
    let different: BTreeSet<String> = found.iter().map(|record| record.value_text()).collect();
    assert_eq!(different.len(), records, "some are there twice");
}

/// Showed before: nothing committed, the same records again and again.
#[test]
fn slow_user_code_commits_in_time_with_one_partition_and_with_many() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for (name, partitions, records, record_ms) in [("slow-one", 1, 300, 20), ("slow-many", 16, 100, 3)] {
        let (input, output) = topics(&client, name, partitions, records);
        let folder = tempfile::tempdir().expect("a folder");
        let topology = copy(&input, &output, move |_| std::thread::sleep(Duration::from_millis(record_ms)));
        // Less than what all the records take, with a second until the broker looks.
        let config = config(&client, name, folder.path())
            .with("producer.transaction.timeout.ms", 3_000)
            .expect("a setting");
        let app = App::run(topology, config);
        let all = (0..partitions).count() as u64 * records as u64;
        let mut processed = 0;
        while client.consume_all(&output, true).expect("read").is_empty() {
            assert!(processed < all, "{name}: nothing is committed");
            processed = app.streams.totals().processed_records;
            std::thread::sleep(Duration::from_millis(50));
        }
        is_each_once(&client, &output, usize::try_from(all).expect("few"));
        let metrics = app.streams.totals();
        app.close();
        // A machine that stands still for as long as a transaction may last causes a replay, or two.
        assert!(metrics.processed_records < 2 * all, "{name}: replays: {metrics:?}");
        assert!(metrics.commits >= 5, "{name}: {metrics:?}");
    }
}

/// The caches of one interval are flushed into slow code within a commit, which then takes longer than the transaction may:
/// commits become smaller until they can succeed.
#[test]
fn a_commit_that_takes_longer_than_its_transaction_may_becomes_smaller() {
    const RECORDS: usize = 500;
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output) = topics(&client, "large-commits", 1, RECORDS);
    let folder = tempfile::tempdir().expect("a folder");
    let builder = StreamsBuilder::new();
    let slow = |count: Option<i64>| {
        std::thread::sleep(Duration::from_millis(8));
        count
    };
    builder
        .stream::<String, String>(input.as_str())
        .group_by_key()
        .count()
        .to_stream()
        .map_values(slow)
        .to(output.as_str());
    // A quarter of the records takes longer than the transaction may, and an interval is long enough for it.
    let config = config(&client, "large-commits", folder.path())
        .with_statestore_cache_max_bytes(10_000_000)
        .with_commit_interval(Duration::from_millis(400))
        .with("producer.transaction.timeout.ms", 1_000)
        .expect("a setting");
    let app = App::run(builder.build().expect("a topology"), config);
    assert_eq!(committed(&client, &output, RECORDS).len(), RECORDS);
    let metrics = app.streams.totals();
    assert!(metrics.processed_records > RECORDS as u64, "no commit was too large: {metrics:?}");
    app.close();
    assert_eq!(committed(&client, &output, RECORDS).len(), RECORDS, "each once");
}

/// Settings under which a few seconds are too long for one call.
fn impatient(config: StreamsConfig) -> StreamsConfig {
    let config = config.with("consumer.max.poll.interval.ms", 6_000).expect("a setting");
    config.with("consumer.session.timeout.ms", 6_000).expect("a setting")
}

/// Showed before: ERROR, "has been in one round".
#[test]
fn a_call_longer_than_max_poll_interval_loses_its_tasks_and_joins_again() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output) = topics(&client, "blocks", 2, 50);
    let folder = tempfile::tempdir().expect("a folder");
    let (blocked, ends) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let (blocked, end) = (Arc::new(blocked), Arc::clone(&ends));
    let act = move |value: &str| {
        if value == "0-20" && !blocked.swap(true, Ordering::SeqCst) {
            wait_until(|| end.load(Ordering::SeqCst));
        }
    };
    let app = App::run(copy(&input, &output, act), impatient(config(&client, "blocks", folder.path())));
    app.wait(State::Rebalancing);
    ends.store(true, Ordering::SeqCst);
    is_each_once(&client, &output, 100);
    app.wait(State::Running);
    app.close();
}

#[test]
fn another_instance_gets_the_tasks_of_one_that_blocks() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output) = topics(&client, "blocks-two", 2, 0);
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    // "0-20" blocks who meets it first until the other one does.
    let met = Arc::new(AtomicUsize::new(0));
    let act = move |value: &str| {
        if value == "0-20" {
            met.fetch_add(1, Ordering::SeqCst);
            wait_until(|| met.load(Ordering::SeqCst) > 1);
        }
    };
    let apps = folders.each_ref().map(|folder| {
        let config = impatient(config(&client, "blocks-two", folder.path()))
            .with("producer.transaction.timeout.ms", 5_000)
            .expect("a setting");
        App::run(copy(&input, &output, act.clone()), config)
    });
    let begin = Instant::now();
    while !apps.iter().all(|app| app.streams.totals().running_tasks == 1) {
        assert!(begin.elapsed() < LIMIT, "{:?}", apps.each_ref().map(|app| app.streams.totals()));
        std::thread::sleep(Duration::from_millis(50));
    }
    fill(&client, &input, 2, 0..50);
    is_each_once(&client, &output, 100);
    apps.iter().for_each(|app| app.wait(State::Running));
    apps.iter().for_each(App::close);
}

#[test]
fn a_process_that_was_stopped_longer_than_any_time_out_goes_on_and_is_exact() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output) = topics(&client, "stopped", 4, 750);
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_string_lossy();
    let settings = ["consumer.max.poll.interval.ms=10000", "consumer.session.timeout.ms=6000"];
    let arguments = [client.bootstrap(), "stopped", &*folder, &*input, &*output, "5"];
    let mut process =
        Program::start(env!("CARGO_BIN_EXE_slow_copy"), &[&arguments[..], &settings[..]].concat());
    process.wait("RUNNING");
    let begin = Instant::now();
    while client.consume_all(&output, true).expect("read").len() < 100 {
        assert!(begin.elapsed() < LIMIT, "{}", process.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    process.process.pause().expect("stopped");
    std::thread::sleep(Duration::from_secs(15));
    process.process.resume().expect("continued");
    is_each_once(&client, &output, 3_000);
    process.wait("RUNNING");
    process.process.kill().expect("killed");
}

/// Showed before: close came back after a minute and drop never.
#[test]
fn close_and_drop_end_while_the_broker_is_away() {
    let _turn = turn();
    let cluster = KafkaCluster::start_with(&ClusterOptions::default()).expect("a broker");
    let client = cluster.client();
    let mut apps = Vec::new();
    for (name, guarantee) in
        [("away-eos", ProcessingGuarantee::ExactlyOnceV2), ("away-alos", ProcessingGuarantee::AtLeastOnce)]
    {
        let (input, output) = topics(&client, name, 2, 500);
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&client, name, folder.path()).with_processing_guarantee(guarantee);
        let slow = |_: &str| std::thread::sleep(Duration::from_millis(5));
        let app = App::run(copy(&input, &output, slow), config);
        app.wait_processed(50);
        apps.push((app, folder));
    }
    cluster.pause_broker(0).expect("stopped");
    std::thread::scope(|scope| {
        for (app, folder) in apps {
            scope.spawn(move || {
                let begin = Instant::now();
                assert!(!app.streams.close(Duration::from_secs(3)), "the broker cannot have answered");
                drop(app);
                // Of close, and of threads that wait for the processor.
                assert!(begin.elapsed() < Duration::from_secs(25), "{:?}", begin.elapsed());
                // What ends in the background still uses it.
                let _ = folder.keep();
            });
        }
    });
    cluster.resume_broker(0).expect("continued");
}
