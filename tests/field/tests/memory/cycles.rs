//! Applications that come and go in one process leave nothing of themselves behind.

use std::path::Path;
use std::time::Instant;

use field::{App, LIMIT, config, turn};
use kstreams::prelude::*;
use lab::{KafkaClient, TestRecord, shared};
use streams_core::runtime::KafkaStreams;

use crate::{MIB, alone, given, resident, status};

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Level {
    threads: usize,
    files: usize,
    resident: usize,
}

fn level() -> Level {
    let files = std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    Level { threads: status("Threads:"), files, resident: resident() }
}

/// Stores on disk, a repartition topic, and a global table: all that has threads or files.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let names = builder.global_table::<String, String>("cycle-names");
    let named = builder.stream::<String, String>("cycle-in").left_join_global(
        &names,
        |_, value| value.clone(),
        |value, name| name.unwrap_or(value),
    );
    let counts = named.group_by(|_, name| name.clone()).count_with(Materialized::named("counts"));
    counts.to_stream().map_values(|count| count.unwrap_or(0).to_string()).to("cycle-out");
    builder.build().expect("a topology")
}

fn settings(client: &KafkaClient, folder: &Path, cycle: usize) -> StreamsConfig {
    let guarantee = ["exactly_once_v2", "at_least_once"][cycle % 2];
    let config = config(client, "cycles", folder).with("processing.guarantee", guarantee).expect("set");
    config.with("num.stream.threads", 2).expect("set")
}

/// One application from its start to its end; every fifth is dropped without being closed, and every seventh is refused.
fn cycle(client: &KafkaClient, folder: &Path, cycle: usize) {
    if cycle % 7 == 6 {
        let refused = settings(client, folder, 0).with("producer.transaction.timeout.ms", 1_000_000_000);
        let streams = KafkaStreams::new(topology(), refused.expect("set")).expect("an application");
        let started = streams.start();
        let ended = started.is_err() || streams.wait_for(LIMIT, |state| state == State::Error);
        assert!(ended, "{} {:?}", streams.state(), streams.reasons());
        return;
    }
    let app = App::run(topology(), settings(client, folder, cycle));
    let record = |n: usize| TestRecord::new(format!("k{n}"), format!("v{}", n % 7));
    client.produce("cycle-in", (0..40).map(record)).expect("produced");
    // Each is counted as well.
    app.wait_processed(80);
    if cycle % 5 != 4 {
        app.close();
    }
}

#[test]
fn what_starts_and_ends_leaves_no_threads_files_or_memory() {
    cycles(12);
}

/// `CYCLES=500` for a longer look.
#[test]
#[ignore = "a campaign: takes minutes"]
fn campaign_of_cycles() {
    cycles(given("CYCLES", 50));
}

fn cycles(cycles: usize) {
    let (_turn, _alone) = (turn(), alone());
    let client = shared().expect("a broker").client();
    for (topic, partitions) in [("cycle-in", 4), ("cycle-out", 4), ("cycle-names", 1)] {
        client.delete_topics(&[topic]).expect("none is left of another test");
        client.create_topic(topic, partitions, &[]).expect("created");
    }
    client.produce("cycle-names", [TestRecord::new("v1", "one")]).expect("produced");
    let folder = tempfile::tempdir().expect("a folder");
    let begin = Instant::now();
    // The first ones make what stays: the allocator's arenas, what libraries set up once.
    let warm = cycles / 4;
    (0..warm).for_each(|number| cycle(&client, folder.path(), number));
    let before = level();
    (warm..cycles).for_each(|number| cycle(&client, folder.path(), number));
    // What a client has in the background ends a little later.
    let (mut after, settling) = (level(), Instant::now());
    while (after.threads > before.threads || after.files > before.files) && settling.elapsed() < LIMIT {
        std::thread::sleep(std::time::Duration::from_millis(100));
        after = level();
    }
    println!("{cycles} cycles in {:?}: {before:?}, then {after:?}", begin.elapsed());
    assert!(after.threads <= before.threads, "threads: {before:?}, {after:?}");
    assert!(after.files <= before.files, "files: {before:?}, {after:?}");
    assert!(after.resident < before.resident + 32 * MIB, "memory: {before:?}, {after:?}");
}
