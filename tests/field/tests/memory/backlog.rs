//! The memory of clients has one bound, however many partitions are behind.

use std::time::{Duration, Instant};

use field::{App, LIMIT, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::{KafkaClient, TestRecord, shared};
use streams_core::runtime::{KafkaStreams, State};

use crate::{MIB, alone, given, resident};

/// A backlog of this many bytes in each partition, in records of that size.
fn backlog(client: &KafkaClient, topic: &str, partitions: i32, bytes: usize, record: usize) {
    client.create_topic(topic, partitions, &[]).expect("created");
    let value = vec![7_u8; record];
    let count = bytes / record;
    let records = (0..count).flat_map(|_| {
        (0..partitions).map(|partition| TestRecord::new("key", &value).to_partition(partition))
    });
    client.produce(topic, records).expect("produced");
}

/// How much memory an application that is slow with a backlog takes at most in that time, above what was `before`.
fn taken(
    client: &KafkaClient,
    name: &str,
    input: &str,
    bound: usize,
    before: usize,
    time: Duration,
) -> usize {
    let bound = given("BOUND_MB", bound / MIB) * MIB;
    let output = format!("{input}-out");
    client.create_topic(&output, 1, &[]).expect("created");
    let builder = StreamsBuilder::new();
    let slow = |value: Vec<u8>| {
        std::thread::sleep(Duration::from_millis(2));
        i64::try_from(value.len()).expect("small")
    };
    builder.stream::<String, Vec<u8>>(input).map_values(slow).to(&output);
    let folder = tempfile::tempdir().expect("a folder");
    let settings = config(client, name, folder.path())
        .with("client.buffer.max.bytes", i64::try_from(bound).expect("small"))
        .expect("a setting");
    let app = App::run(builder.build().expect("a topology"), settings);
    let (begin, mut most) = (Instant::now(), 0);
    while begin.elapsed() < time || app.streams.totals().processed_records == 0 {
        assert!(begin.elapsed() < time + LIMIT, "{:?}", app.streams.totals());
        most = most.max(resident());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(app);
    most.saturating_sub(before)
}

/// With the earlier limits (`BOUND_MB=4000`): 204 MB for the first, which is all there is.
#[test]
fn a_backlog_in_many_partitions_does_not_fill_the_memory() {
    let (_turn, _alone) = (turn(), alone());
    let client = shared().expect("a broker").client();
    backlog(&client, "memory-many", 60, 3 * MIB, 10_000);
    let before = resident();
    let time = Duration::from_secs(6);
    let many = taken(&client, "memory-many", "memory-many", 32 * MIB, before, time);
    println!("60 partitions with 180 MB: {} MB", many / MIB);
    assert!(many < 96 * MIB, "{} MB", many / MIB);
    backlog(&client, "memory-large", 20, 8 * MIB, 900_000);
    let large = taken(&client, "memory-large", "memory-large", 32 * MIB, before, time);
    println!("20 partitions with 160 MB in large values: {} MB", large / MIB);
    assert!(large < 96 * MIB, "{} MB", large / MIB);
}

/// With the default bound. `make backlog` has 20 MB in each partition, which are 8 GB on the disk of the broker.
#[test]
#[ignore = "a campaign: writes gigabytes"]
fn campaign_of_hundreds_of_partitions() {
    let (_turn, _alone) = (turn(), alone());
    let (partitions, megabytes) = (given("PARTITIONS", 400), given("MB", 4));
    let client = shared().expect("a broker").client();
    let count = i32::try_from(partitions).expect("small");
    backlog(&client, "memory-campaign", count, megabytes * MIB, given("RECORD", 10_000));
    let time = Duration::from_secs(60);
    let most = taken(&client, "memory-campaign", "memory-campaign", 512 * MIB, resident(), time);
    println!("{partitions} partitions with {} MB: {} MB", partitions * megabytes, most / MIB);
    assert!(most < 700 * MIB, "{} MB", most / MIB);
}

/// The state of as many changelogs is restored at once.
#[test]
#[ignore = "a campaign: writes a gigabyte"]
fn campaign_of_a_hundred_restores() {
    let (_turn, _alone) = (turn(), alone());
    let client = shared().expect("a broker").client();
    client.create_topic("memory-restore", 100, &[]).expect("created");
    let value = vec![7_u8; 10_000];
    let of_partition = |partition: i32| {
        let value = value.clone();
        (0..600).map(move |number| TestRecord::new(number.to_string(), &value).to_partition(partition))
    };
    client.produce("memory-restore", (0..100).flat_map(of_partition)).expect("produced");
    let topology = || {
        let builder = StreamsBuilder::new();
        let rows = kstreams::prelude::Materialized::named("rows");
        builder.table_with::<String, Vec<u8>>("memory-restore", kstreams::prelude::Consumed::new(), rows);
        builder.build().expect("a topology")
    };
    let run = |folder: &std::path::Path| {
        let (begin, before) = (Instant::now(), resident());
        let app = App {
            streams: KafkaStreams::new(topology(), config(&client, "memory-restore", folder)).expect("fine"),
        };
        app.streams.start().expect("started");
        let mut most = 0;
        while app.streams.state() != State::Running {
            assert!(begin.elapsed() < Duration::from_secs(300));
            most = most.max(resident());
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("RUNNING after {:?}, {} MB", begin.elapsed(), most.saturating_sub(before) / MIB);
        (app, most.saturating_sub(before))
    };
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let (app, _) = run(folders[0].path());
    app.wait_processed(60_000);
    app.close();
    let (app, most) = run(folders[1].path());
    println!("restored {} records", app.streams.totals().restored_records);
    app.close();
    assert!(most < 500 * MIB, "{} MB", most / MIB);
}
