//! Records are deleted from topics while an application reads them, by an operator or by retention.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use field::{App, LIMIT, committed, config, turn};
use kstreams::prelude::*;
use lab::{KafkaClient, LabProducer, TestRecord, shared};
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;

use crate::world::{TIME, wait};

const RECORDS: usize = 1_200;

/// How many of them are copied before the rest is deleted.
const BEFORE: usize = 400;

/// Writes numbers, in small batches: what a consumer reads ahead is counted in bytes, and batches come as a whole.
fn numbers(client: &KafkaClient, topic: &str, from: usize, to: usize) {
    let producer = LabProducer::create(client.config().set("batch.size", "4000").set("linger.ms", "0"))
        .expect("a producer");
    for number in from..to {
        let record = TestRecord::new("key", format!("{number:0>500}")).at(TIME);
        producer.send(topic, &record).expect("sent");
    }
    producer.flush().expect("acknowledged");
}

/// An application that copies numbers slowly, has read only a few of them ahead, and stops in the middle until it is let
/// through.
struct Reader {
    app: App,
    through: Arc<AtomicBool>,
}

fn reader(client: &KafkaClient, name: &str, folder: &Path, reset: &str) -> Reader {
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    for topic in [&input, &output] {
        client.create_topic(topic, 1, &[]).expect("created");
    }
    numbers(client, &input, 0, RECORDS);
    // An application that begins at the end begins at the first record here all the same.
    client.set_group_offsets(name, &[(&input, 0, 0)]).expect("set");
    let builder = StreamsBuilder::new();
    let through = Arc::new(AtomicBool::new(false));
    let is_through = Arc::clone(&through);
    let slow = move |value: String| {
        let number = value.trim_start_matches('0').to_owned();
        if !is_through.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let begin = Instant::now();
        let waits = number.parse().unwrap_or(0) >= BEFORE;
        while waits && !is_through.load(Ordering::SeqCst) && begin.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(10));
        }
        number
    };
    builder.stream::<String, String>(&input).map_values(slow).to(&output);
    let mut config = config(client, name, folder);
    for (key, value) in [
        ("consumer.auto.offset.reset", reset),
        ("buffered.records.per.partition", "10"),
        ("consumer.queued.min.messages", "1"),
        ("consumer.fetch.message.max.bytes", "4000"),
    ] {
        config.set(key, value).expect("a setting");
    }
    Reader { app: App::run(builder.build().expect("a topology"), config), through }
}

/// The numbers that were copied so far.
fn copied(client: &KafkaClient, name: &str) -> Vec<usize> {
    let found = client.consume_all(&format!("{name}-out"), true).expect("read");
    found.iter().map(|record| record.value_text().parse().unwrap_or(0)).collect()
}

/// Deletes what is read already, which disturbs nobody, and then what is not read yet.
fn trim(client: &KafkaClient, name: &str, reader: &Reader, before: i64) {
    let app = &reader.app;
    let input = format!("{name}-in");
    wait(|| copied(client, name).len() >= 50, || format!("results: {:?}", app.streams.error()));
    client.delete_records(&input, 0, Some(40)).expect("deleted");
    wait(|| copied(client, name).len() >= 150, || format!("more results: {:?}", app.streams.error()));
    let done = copied(client, name);
    assert_eq!(done, (0..done.len()).collect::<Vec<_>>(), "nothing that was read is missed");
    client.delete_records(&input, 0, Some(before)).expect("deleted");
    reader.through.store(true, Ordering::SeqCst);
}

/// What was copied is everything up to a number, and everything from another one on.
fn assert_one_gap(done: &[usize], from: usize, to: usize) {
    let gap = done.iter().position(|number| *number >= from).expect("numbers behind the gap");
    let expected: Vec<usize> = (0..gap).chain(from..to).collect();
    assert_eq!(done, expected);
}

#[test]
fn what_was_deleted_before_it_was_read_is_passed_over() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let name = "trim-earliest";
    let reader = reader(&client, name, folder.path(), "earliest");
    trim(&client, name, &reader, 1_000);
    let app = reader.app;
    wait(
        || copied(&client, name).last() == Some(&(RECORDS - 1)),
        || format!("the last number: {:?} {:?}", app.streams.reasons(), app.streams.error()),
    );
    assert_one_gap(&copied(&client, name), 1_000, RECORDS);
    app.wait(State::Running);
    app.close();
}

#[test]
fn reading_goes_on_at_the_end_where_the_policy_says_so() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let name = "trim-latest";
    let reader = reader(&client, name, folder.path(), "latest");
    trim(&client, name, &reader, 1_000);
    let app = reader.app;
    // The application is at the end as soon as what is written now arrives.
    let mut to = RECORDS;
    let arrives = || {
        numbers(&client, &format!("{name}-in"), to, to + 1);
        to += 1;
        copied(&client, name).last().is_some_and(|last| *last >= RECORDS)
    };
    wait(arrives, || format!("a new number: {:?} {:?}", app.streams.reasons(), app.streams.error()));
    wait(|| copied(&client, name).last() == Some(&(to - 1)), || "the last number".to_owned());
    let done = copied(&client, name);
    let from = done.iter().copied().find(|number| *number >= 1_000).expect("numbers behind the gap");
    assert!(from >= RECORDS, "{from} was there before");
    assert_one_gap(&done, from, to);
    app.wait(State::Running);
    app.close();
}

#[test]
fn a_gap_is_an_error_where_no_policy_says_what_to_do() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let name = "trim-none";
    let reader = reader(&client, name, folder.path(), "none");
    trim(&client, name, &reader, 1_000);
    let app = reader.app;
    app.wait(State::Error);
    let error = app.streams.error().expect("the reason").to_string();
    for named in ["trim-none-in-0", "'none'", "earliest"] {
        assert!(error.contains(named), "{named}: {error}");
    }
    let done = copied(&client, name);
    assert_eq!(done, (0..done.len()).collect::<Vec<_>>());
}

/// As after an unclean election, or with offsets that were copied from another cluster. Showed before: a panic.
#[test]
fn a_committed_offset_beyond_the_end_is_replaced_as_the_policy_says() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for (reset, from) in [("earliest", 0), ("latest", 10)] {
        let name = format!("trim-beyond-{reset}");
        let (input, output) = (format!("{name}-in"), format!("{name}-out"));
        for topic in [&input, &output] {
            client.create_topic(topic, 1, &[]).expect("created");
        }
        numbers(&client, &input, 0, 10);
        client.set_group_offsets(&name, &[(&input, 0, 50)]).expect("set");
        let builder = StreamsBuilder::new();
        builder.stream::<String, String>(&input).to(&output);
        let folder = tempfile::tempdir().expect("a folder");
        let config = config(&client, &name, folder.path()).with("consumer.auto.offset.reset", reset);
        let app = App::run(builder.build().expect("a topology"), config.expect("a setting"));
        // Where the end was is known by what is written afterwards.
        let mut to = 10;
        let arrives = || {
            numbers(&client, &input, to, to + 1);
            to += 1;
            copied(&client, &name).last().is_some_and(|last| *last >= 10)
        };
        wait(arrives, || format!("a new number: {:?} {:?}", app.streams.reasons(), app.streams.error()));
        let offset = || {
            let offsets = client.committed_offsets(&name, &[&input]).expect("offsets");
            offsets.get(&(input.clone(), 0)).and_then(|known| usize::try_from(known.offset).ok())
        };
        wait(|| offset() == Some(to), || format!("{to}: {:?} {:?}", offset(), app.streams.error()));
        let done = copied(&client, &name);
        let first = done.first().copied().expect("some");
        assert!(first == from || first > from && reset == "latest", "{reset}: {done:?}");
        assert_eq!(done, (first..to).collect::<Vec<_>>(), "{reset}");
        app.wait(State::Running);
        app.close();
    }
}

/// A store in windows, whose changelog retention trims, and one of rows, which is restored much sooner.
fn two_stores(name: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>(&format!("{name}-in")).group_by_key();
    stream.count_with(Materialized::named("rows"));
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(86_400));
    let counts = stream.windowed_by(windows).count_with(Materialized::named("windows"));
    counts.to_stream().map(|key, count| (key.key, count.unwrap_or(0).to_string())).to(&format!("{name}-out"));
    builder.build().expect("a topology")
}

/// Fills a changelog as another instance would have.
fn fill(client: &KafkaClient, topic: &str, rows: usize, key: impl Fn(usize) -> Vec<u8>) {
    let mut config = client.config();
    let producer = LabProducer::create(config.set("batch.size", "10000")).expect("a producer");
    for row in 0..rows {
        producer.send(topic, &TestRecord::new(key(row), 1_i64.to_be_bytes()).at(TIME)).expect("sent");
    }
    producer.flush().expect("acknowledged");
}

#[test]
fn a_changelog_that_is_trimmed_while_it_is_restored_holds_nobody_up() {
    const ROWS: usize = 60_000;
    const WINDOWS: usize = 300_000;
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let name = "trim-restore";
    for topic in ["in", "out"] {
        client.create_topic(&format!("{name}-{topic}"), 1, &[]).expect("created");
    }
    let lost = tempfile::tempdir().expect("a folder");
    App::run(two_stores(name), config(&client, name, lost.path())).close();
    let windows = format!("{name}-windows-changelog");
    fill(&client, &format!("{name}-rows-changelog"), ROWS, |row| format!("row-{row}").into_bytes());
    // Key, start of the window, and a number that is 0.
    let start = TIME - TIME % 86_400_000;
    let key = |row: usize| [format!("w-{row:0>40}").as_bytes(), &start.to_be_bytes(), &[0; 4]].concat();
    fill(&client, &windows, WINDOWS, key);

    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&client, name, folder.path())
        .with("restore.consumer.fetch.message.max.bytes", 10_000)
        .expect("a setting")
        .with("restore.consumer.queued.min.messages", 1)
        .expect("a setting");
    let app = KafkaStreams::new(two_stores(name), config).expect("an application");
    app.start().expect("it starts");
    let (begin, mut trims, mut before, mut ahead) = (Instant::now(), 0, 0, 20_000);
    while app.state() != State::Running {
        assert!(begin.elapsed() < LIMIT, "{} {:?} {:?}", app.state(), app.reasons(), app.error());
        let restored = usize::try_from(app.totals().restored_records).expect("few");
        // When the rows are restored. Always ahead of where the restore is, and further each time, until it is overtaken
        // however long a deletion takes.
        let position = before.max(restored.saturating_sub(ROWS));
        if restored >= 2 * ROWS && position + ahead < WINDOWS {
            before = position + ahead;
            client.delete_records(&windows, 0, i64::try_from(before).ok()).expect("deleted");
            trims += 1;
            ahead *= 2;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let metrics = app.totals();
    println!("{trims} trims in {:?}: {metrics:?}", begin.elapsed());
    assert!(trims > 0 && metrics.wiped_tasks > 0, "the restore was never overtaken: {metrics:?}");
    let all = u64::try_from(ROWS + WINDOWS).expect("few");
    assert!(metrics.restored_records <= all, "{metrics:?}");
    // Both stores are as their changelogs have them.
    let last = format!("w-{:0>40}", WINDOWS - 1);
    for (record, expected) in [(TestRecord::new(&last, "v"), "2"), (TestRecord::new("row-0", "v"), "1")] {
        let before = client.consume_all(&format!("{name}-out"), true).expect("read").len();
        client.produce(&format!("{name}-in"), [record.at(TIME)]).expect("produced");
        let found = committed(&client, &format!("{name}-out"), before + 1);
        assert_eq!(found.last().map(|record| record.value_text()).as_deref(), Some(expected));
    }
    assert!(app.close(LIMIT));
    let changed = client.consume_all(&format!("{name}-rows-changelog"), true).expect("read");
    let row = changed.iter().rev().find(|record| record.key_text() == "row-0").expect("a row");
    let count = row.value.as_deref().and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
    assert_eq!(count, Some(2), "the other store has kept what it had");
}
