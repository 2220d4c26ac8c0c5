//! Partitions do not disturb each other: each task has its own stream time, and one without traffic delays nobody.

use std::time::Instant;

use kstreams::prelude::*;
use tests::lab::{TestRecord, shared};

use crate::support::{App, LIMIT, committed, config, turn};

const TIME: i64 = 1_700_000_000_000;

/// Partitions that were waited for one after the other would take longer.
const AT_ONCE: std::time::Duration = std::time::Duration::from_secs(2);

/// A partition far ahead closes no window of one that is behind, in the same thread.
#[test]
fn stream_time_is_per_task() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["times-in", "times-out"] {
        client.create_topic(topic, 2, &[]).expect("topic");
    }
    let builder = StreamsBuilder::new();
    let counts = builder
        .stream::<String, String>("times-in")
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(millis(10)))
        .count();
    counts.to_stream().map(|key, count| (key.key, count)).to("times-out");
    let app = App::run(builder.build().expect("a topology"), config(&client, "times", folder.path()));
    let send = |key: &str, partition, time| {
        client
            .produce("times-in", [TestRecord::new(key, "v").at(time).to_partition(partition)])
            .expect("sent");
    };
    for n in 0..5 {
        send("fast", 0, TIME + n * 1_000_000_000);
        send("slow", 1, TIME + n * 20);
        committed(&client, "times-out", 2 * usize::try_from(n + 1).expect("small"));
    }
    assert_eq!(app.streams.totals().dropped_records, 0);
    // Within its own task a record is late.
    send("slow", 1, TIME);
    let begin = Instant::now();
    while app.streams.totals().dropped_records == 0 {
        assert!(begin.elapsed() < LIMIT, "{:?}", app.streams.totals());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    committed(&client, "times-out", 10);
    app.close();
}

/// Both sides of a join, and most partitions, are empty: the one record goes through at once.
#[test]
fn partitions_without_traffic_delay_nobody() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    for topic in ["empty-stream", "empty-table", "empty-out"] {
        client.create_topic(topic, 16, &[]).expect("topic");
    }
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("empty-table");
    let stream = builder.stream::<String, String>("empty-stream");
    stream
        .left_join(&table, |value, row: Option<String>| format!("{value}{}", row.is_some()))
        .to("empty-out");
    let app = App::run(builder.build().expect("a topology"), config(&client, "empty", folder.path()));
    // Of a few, as a busy machine delays one or the other.
    let mut quickest = std::time::Duration::MAX;
    let mut sent = 0;
    while sent < 3 || (sent < 20 && quickest >= AT_ONCE) {
        let begin = Instant::now();
        client
            .produce("empty-stream", [TestRecord::new(format!("k{sent}"), "v").at(TIME)])
            .expect("produced");
        sent += 1;
        app.wait_processed(sent);
        quickest = quickest.min(begin.elapsed());
    }
    println!("quickest of {sent}: {quickest:?}");
    assert!(quickest < AT_ONCE, "{quickest:?}");
    committed(&client, "empty-out", usize::try_from(sent).expect("few"));
    app.close();
}
