//! What needs no Kafka: folders, databases and topics of an embedded broker are tampered with.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use field::LIMIT;
use kstreams::prelude::*;
use state_stores::keyspaces::store_keyspace;
use state_stores::{Backend, Batch, Direction, RocksBackend};
use streams_core::runtime::State;
use streams_core::transport::TransportErrorKind;
use streams_core::transport::embedded::{Fault, Operation};

use crate::world::{Running, TIME, World, counts, wait};

/// Runs once and leaves these counts behind, in files of their own.
fn left(world: &World, store: &str, keys: &[&str]) {
    let app = world.run(counts(store));
    world.ask(&app, keys);
    app.close();
    world.database("0_0").flush().expect("flushed");
}

fn file(world: &World, ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(world.place("0_0")).expect("a folder").flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let is = |path: &PathBuf| path.to_string_lossy().contains(ending);
    // The last: the largest number.
    files.into_iter().rfind(is).unwrap_or_else(|| panic!("no {ending} in {}", world.place("0_0").display()))
}

fn put(database: &RocksBackend, store: &str, key: &str, count: i64) {
    let keyspace = store_keyspace(database, store).expect("a keyspace");
    let mut batch = Batch::new();
    batch.put(keyspace, key.as_bytes(), &[TIME.to_be_bytes(), count.to_be_bytes()].concat());
    database.write(&batch).expect("written");
}

fn rows(database: &RocksBackend, store: &str) -> usize {
    let keyspace = store_keyspace(database, store).expect("a keyspace");
    let all = (Bound::Unbounded, Bound::Unbounded);
    database.scan(keyspace, all, Direction::Forward).expect("a scan").count()
}

#[test]
fn stores_may_have_any_name() {
    for store in ["offsets", "metadata", "default", "a.recency", "state"] {
        let world = World::new();
        left(&world, store, &["a", "a", "b"]);
        let app = world.run(counts(store));
        assert_eq!(
            (world.ask(&app, &["a", "b"]), app.rebuilt()),
            (vec!["a=3".into(), "b=2".into()], 0),
            "{store}"
        );
        app.close();
        assert_eq!(rows(&world.database("0_0"), store), 2, "{store}");
    }
}

#[test]
fn a_damaged_database_is_put_aside_and_rebuilt() {
    type Damage = fn(&World);
    let damages: [(&str, Damage); 5] = [
        ("a missing file of rows", |world| std::fs::remove_file(file(world, ".sst")).expect("deleted")),
        ("a cut manifest", |world| {
            let manifest =
                std::fs::OpenOptions::new().write(true).open(file(world, "MANIFEST")).expect("a file");
            manifest.set_len(3).expect("cut");
        }),
        ("a missing beginning", |world| std::fs::remove_file(file(world, "CURRENT")).expect("deleted")),
        ("a strange beginning", |world| {
            std::fs::write(file(world, "CURRENT"), "MANIFEST-9\n").expect("written")
        }),
        ("a file of nothing", |world| std::fs::write(file(world, ".sst"), "").expect("written")),
    ];
    for (what, damage) in damages {
        let world = World::new();
        left(&world, "counts", &["a", "a", "b"]);
        damage(&world);
        let app = world.run(counts("counts"));
        assert_eq!(
            (world.ask(&app, &["a", "b"]), app.rebuilt()),
            (vec!["a=3".into(), "b=2".into()], 1),
            "{what}"
        );
        app.close();
        let aside = world.names().into_iter().filter(|name| name.starts_with("0_0.damaged-")).count();
        assert_eq!(aside, 1, "{what}: {:?}", world.names());
        let app = world.run(counts("counts"));
        assert_eq!((world.ask(&app, &["a"]), app.rebuilt()), (vec!["a=4".into()], 0), "{what}");
        app.close();
    }
}

/// A bit of a row that nothing looks at before the row is asked for.
#[test]
fn damage_that_a_read_finds_is_healed_too() {
    let world = World::new();
    let keys: Vec<String> = (0..2_000).map(|number| format!("key-{number:06}")).collect();
    left(&world, "counts", &keys.iter().map(String::as_str).collect::<Vec<_>>());
    damage(&world.place("0_0"), b"key-00");
    let app = world.run(counts("counts"));
    let asked = world.ask(&app, &["key-000000", "key-000001", "key-001999"]);
    assert_eq!(asked, ["key-000000=2", "key-000001=2", "key-001999=2"]);
    assert_eq!(app.rebuilt(), 1);
    app.wait(State::Running);
    app.close();
}

/// Twice in a row, each time while nothing runs: each start heals it, and the last damaged folder alone is kept.
#[test]
fn a_database_that_is_damaged_again_before_the_next_start_is_rebuilt_again() {
    let world = World::new();
    left(&world, "counts", &["a", "b"]);
    for expected in [["a=2", "b=2"], ["a=3", "b=3"]] {
        std::fs::remove_file(file(&world, "CURRENT")).expect("deleted");
        let app = world.run(counts("counts"));
        assert_eq!((world.ask(&app, &["a", "b"]), app.rebuilt()), (expected.map(str::to_owned).into(), 1));
        app.close();
        let aside: Vec<_> =
            world.names().into_iter().filter(|name| name.starts_with("0_0.damaged-")).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
    }
}

/// What is damaged again soon after it was rebuilt is not healed by writing it once more: the disk is to blame.
#[test]
fn a_database_that_is_damaged_again_while_it_runs_is_an_error() {
    let world = World::new();
    // More than a memtable takes, so that rows are in files while the application runs.
    let keys: Vec<String> = (0..3_000).map(|number| format!("key-{number:06}-{}", "x".repeat(500))).collect();
    left(&world, "counts", &keys.iter().map(String::as_str).collect::<Vec<_>>());
    damage(&world.place("0_0"), b"key-00");
    let config = world.config().with("rocksdb.write.buffer.bytes", 1 << 20).expect("a setting");
    let app = world.run_with(counts("counts"), config);
    // In this order: the first key is in the block that is damaged.
    assert_eq!(world.ask(&app, &[&keys[0]]), [format!("{}=2", keys[0])]);
    assert_eq!(app.rebuilt(), 1);
    wait(|| !tables(&world.place("0_0")).is_empty(), || "rows in a file".to_owned());
    let (mut damaged, mut batches) = (BTreeSet::new(), keys.chunks(50).cycle());
    wait(
        || {
            for path in tables(&world.place("0_0")) {
                if damaged.insert(path.clone()) {
                    damage_file(&path, b"key-00");
                }
            }
            let batch = batches.next().unwrap_or_default();
            world.produce("in", batch.iter().map(|key| (key.as_str(), Some(b"v".to_vec()))));
            app.0.state() == State::Error
        },
        || format!("the error: {:?}", app.0.state()),
    );
    let error = app.0.error().expect("an error").to_string();
    assert!(error.contains("damaged again") && error.contains("0_0"), "{error}");
}

/// Turns a bit behind the first of these bytes in a database that nobody has open.
pub fn damage(folder: &Path, behind: &[u8]) {
    assert!(damage_file(&largest(folder), behind), "rows as they are");
}

/// False where those bytes are not in the file, which may have gone meanwhile.
fn damage_file(path: &Path, behind: &[u8]) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let Some(at) = bytes.windows(behind.len()).position(|window| window == behind) else { return false };
    let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) else { return false };
    let at = at + behind.len();
    file.write_all_at(&[bytes[at] ^ 1], at as u64).expect("written");
    true
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    // It may be put aside at this moment.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "sst")).collect()
}

fn bytes_of(path: &Path) -> u64 {
    path.metadata().map_or(0, |of| of.len())
}

fn largest(folder: &Path) -> PathBuf {
    tables(folder).into_iter().max_by_key(|path| bytes_of(path)).expect("a file of rows")
}

#[test]
fn a_damaged_database_without_a_changelog_is_left_alone_and_named() {
    let world = World::new();
    let topology = || {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in").group_by_key();
        let store = Materialized::named("counts").with_logging_disabled();
        stream.count_with(store).to_stream().to("out");
        builder.build().expect("a topology")
    };
    let app = world.run(topology());
    world.ask(&app, &["a"]);
    app.close();
    std::fs::remove_file(world.place("0_0").join("CURRENT")).expect("deleted");
    let error = world.fails(topology());
    assert!(error.contains("0_0") && error.contains("no changelog") && error.contains("counts"), "{error}");
    assert!(world.place("0_0").exists());
    std::fs::remove_dir_all(world.place("0_0")).expect("deleted");
    let app = world.run(topology());
    assert_eq!(world.ask(&app, &["a"]), ["a=1"]);
    app.close();
}

#[test]
fn a_database_of_an_earlier_layout_is_rebuilt() {
    let world = World::new();
    left(&world, "counts", &["a", "a"]);
    std::fs::remove_dir_all(world.place("0_0")).expect("deleted");
    let old = world.database("0_0");
    let (rows, offsets) =
        (old.keyspace("counts").expect("a keyspace"), old.keyspace("offsets").expect("a keyspace"));
    let mut batch = Batch::new();
    batch.put(rows, b"a", b"anything");
    batch.put(offsets, b"app-counts-changelog-0", &4_i64.to_be_bytes());
    old.write(&batch).expect("written");
    drop(old);
    let app = world.run(counts("counts"));
    assert_eq!((world.ask(&app, &["a"]), app.rebuilt()), (vec!["a=3".to_owned()], 1));
    app.close();
}

#[test]
fn a_changelog_that_was_created_again_is_refused() {
    // Emptied, and grown beyond what the local state has come to.
    for records in [0, 50] {
        let world = World::new();
        left(&world, "counts", &["a", "a", "b"]);
        let changelog = "app-counts-changelog";
        world.delete(changelog);
        if records > 0 {
            world.create(changelog, &[("cleanup.policy", "compact")]);
            world.produce(changelog, (0..records).map(|_| ("stranger", Some(7_i64.to_be_bytes().to_vec()))));
        }
        let error = world.fails(counts("counts"));
        for named in ["counts", changelog, "created again", "0_0", "topic id"] {
            assert!(error.contains(named), "{named}: {error}");
        }
        assert_eq!(rows(&world.database("0_0"), "counts"), 2, "the local rows are left alone");
        // The loss is accepted.
        std::fs::remove_dir_all(world.place("0_0")).expect("deleted");
        let app = world.run(counts("counts"));
        assert_eq!(world.ask(&app, &["a"]), ["a=1"]);
        app.close();
    }
}

#[test]
fn a_changelog_that_is_emptied_by_its_retention_is_not_waited_for() {
    let world = World::new();
    left(&world, "counts", &["a", "a"]);
    world.trim("app-counts-changelog", None);
    // With the local state, and without.
    let app = world.run(counts("counts"));
    assert_eq!((world.ask(&app, &["a"]), app.rebuilt()), (vec!["a=3".to_owned()], 0));
    app.close();
    world.trim("app-counts-changelog", None);
    std::fs::remove_dir_all(world.place("0_0")).expect("deleted");
    let app = world.run(counts("counts"));
    assert_eq!((world.ask(&app, &["a"]), app.rebuilt()), (vec!["a=1".to_owned()], 0));
    app.close();
}

/// Sets until when the state in a folder was in use.
pub fn left_alone_since(world: &World, folder: &str, hours: u64) {
    let now = std::time::SystemTime::now() - Duration::from_secs(hours * 3_600);
    let ms = now.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis();
    std::fs::write(world.place(folder).join("owned-until"), ms.to_string()).expect("written");
}

#[test]
fn state_that_may_have_missed_a_deletion_is_rebuilt() {
    for (hours, tail, rebuilt) in [(48, true, 1), (2, true, 0), (48, false, 0)] {
        let world = World::new();
        left(&world, "counts", &["a", "b"]);
        // A row whose deletion the changelog no longer shows.
        put(&world.database("0_0"), "counts", "ghost", 41);
        left_alone_since(&world, "0_0", hours);
        if tail {
            // Another instance had the task meanwhile.
            world.produce("app-counts-changelog", [("b", Some(9_i64.to_be_bytes().to_vec()))]);
        }
        let app = world.run_with(
            counts("counts"),
            world.config().with("state.cleanup.delay.ms", i64::MAX).expect("set"),
        );
        assert_eq!(app.rebuilt(), rebuilt, "{hours} h, {tail}");
        let ghost = if rebuilt == 1 { "ghost=1" } else { "ghost=42" };
        let b = if tail { "b=10" } else { "b=2" };
        assert_eq!(world.ask(&app, &["ghost", "a", "b"]), [ghost, "a=2", b], "{hours} h, {tail}");
        app.close();
    }
}

#[test]
fn one_store_is_rebuilt_and_the_others_stay() {
    let topology = || {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in").group_by_key();
        stream.count_with(Materialized::named("one"));
        stream.count_with(Materialized::named("two")).to_stream().to("out");
        builder.build().expect("a topology")
    };
    let world = World::new();
    let app = world.run(topology());
    world.ask(&app, &["a", "b", "c"]);
    app.close();
    // Beyond what the local state has come to, there is one record left.
    let row = |count: i64| Some(count.to_be_bytes().to_vec());
    world.produce("app-one-changelog", [("x", row(1)), ("y", row(2))]);
    world.trim("app-one-changelog", Some(world.end("app-one-changelog") - 1));
    let app = world.run(topology());
    let metrics = app.0.totals();
    assert_eq!((metrics.wiped_tasks, metrics.restored_records), (1, 1), "{metrics:?}");
    assert_eq!(world.ask(&app, &["a"]), ["a=2"]);
    app.close();
    let database = world.database("0_0");
    assert_eq!((rows(&database, "one"), rows(&database, "two")), (2, 3));
}

/// Showed before: both stores were thrown away each time, as the new folder counted as one that was left alone forever.
#[test]
fn a_restore_that_begins_again_keeps_what_it_has() {
    let topology = || {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in").group_by_key();
        stream.count_with(Materialized::named("one"));
        stream.count_with(Materialized::named("two")).to_stream().to("out");
        builder.build().expect("a topology")
    };
    let world = World::new();
    world.run(topology()).close();
    let keys: Vec<String> = (0..20_000).map(|number| format!("key-{number}")).collect();
    let row = |key: &'_ String| (key.as_str().to_owned(), Some(1_i64.to_be_bytes().to_vec()));
    let all: Vec<_> = keys.iter().map(row).collect();
    let few = |count: usize| all.iter().take(count).map(|(key, value)| (key.as_str(), value.clone()));
    world.produce("app-one-changelog", few(10));
    world.produce("app-two-changelog", few(20_000));
    std::fs::remove_dir_all(world.place("0_0")).expect("deleted");
    // As when the broker has deleted what was to be fetched next; one store is restored by then.
    let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange);
    world.broker.faults().inject(gone.skipping(4));
    let app = world.run(topology());
    assert_eq!(world.broker.faults().left(), 0);
    let metrics = app.0.totals();
    assert_eq!((metrics.wiped_tasks, metrics.restored_records), (0, 20_010), "{metrics:?}");
    assert_eq!(world.ask(&app, &["key-0", "key-19999"]), ["key-0=2", "key-19999=2"]);
    app.close();
}

#[test]
fn a_store_of_another_kind_under_an_old_name_is_refused() {
    let windowed = || {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in").group_by_key();
        let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
        stream.windowed_by(windows).count_with(Materialized::named("counts"));
        builder.build().expect("a topology")
    };
    let world = World::new();
    left(&world, "counts", &["a"]);
    // By the changelog's settings, whatever is local.
    std::fs::rename(world.place("0_0"), world.folder.path().join("kept")).expect("moved");
    let error = world.fails(windowed());
    for named in ["counts", "app-counts-changelog", "cleanup.policy=compact", "ename the store"] {
        assert!(error.contains(named), "{named}: {error}");
    }
    // By the local state, where the changelog was deleted.
    std::fs::rename(world.folder.path().join("kept"), world.place("0_0")).expect("moved");
    world.delete("app-counts-changelog");
    let error = world.fails(windowed());
    for named in ["counts", "key-value", "0_0", "ename the store"] {
        assert!(error.contains(named), "{named}: {error}");
    }
}

/// Showed before: it started, and a store that was restored from such a changelog lacked rows without a word.
#[test]
fn a_changelog_that_loses_rows_before_its_store_is_refused() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let windowed = |size: Duration, logging: &[(&str, &str)]| {
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in").group_by_key();
        let logging = logging.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let counts = Materialized::named("counts").with_logging_enabled(logging);
        stream.windowed_by(TimeWindows::of_size_with_no_grace(size)).count_with(counts);
        builder.build().expect("a topology")
    };
    let world = World::new();
    world.run(windowed(HOUR, &[])).close();
    // It keeps them for a day longer than it was asked for: that is enough for windows of a day, not for those of three.
    world.run(windowed(24 * HOUR, &[])).close();
    let error = world.fails(windowed(72 * HOUR, &[]));
    for named in ["store counts", "app-counts-changelog", "retention.ms=90000000", "259200000", "345600000"] {
        assert!(error.contains(named), "{named}: {error}");
    }
    // On purpose.
    world.run(windowed(72 * HOUR, &[("retention.ms", "90000000")])).close();
}

#[test]
fn a_changelog_that_compacts_the_history_of_its_store_away_is_refused() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let versioned = |history: Duration| {
        let builder = StreamsBuilder::new();
        let rows = Materialized::as_store(Stores::persistent_versioned_key_value_store("rows", history));
        builder.stream::<String, String>("in").group_by_key().reduce_with(|_, new| new, rows);
        builder.build().expect("a topology")
    };
    let world = World::new();
    world.run(versioned(HOUR)).close();
    let error = world.fails(versioned(72 * HOUR));
    for named in ["store rows", "app-rows-changelog", "min.compaction.lag.ms=90000000", "259200000"] {
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn without_stores_on_disk_no_state_directory_is_needed() {
    let copy = || {
        let builder = StreamsBuilder::new();
        builder.stream::<String, String>("in").to("out");
        builder.build().expect("a topology")
    };
    let world = World::new();
    let app = world.run_with(copy(), world.config().with_state_dir("/proc/no-such-place"));
    assert_eq!(world.ask(&app, &["a"]), ["a=v"]);
    app.close();
    let (one, two) = (world.run(copy()), world.run(copy()));
    assert_eq!(world.ask(&one, &["a"]), ["a=v"]);
    one.close();
    two.close();
    let held = world.run(counts("counts"));
    let second = world.app(counts("counts"), world.config());
    let error = second.start().expect_err("the directory is taken").to_string();
    assert!(error.contains("in use") && error.contains("state.dir"), "{error}");
    held.close();
}

#[test]
fn state_of_a_task_that_has_moved_away_is_deleted_after_the_delay() {
    let world = World::new();
    left(&world, "counts", &["a"]);
    let elsewhere = world.place("7_3");
    std::fs::create_dir_all(&elsewhere).expect("a folder");
    let config = world.config().with("state.cleanup.delay.ms", 300).expect("a setting");
    let app = world.run_with(counts("counts"), config);
    wait(|| !elsewhere.exists(), || "the folder to be deleted".to_owned());
    std::thread::sleep(Duration::from_millis(600));
    assert!(world.place("0_0").exists(), "the task runs here");
    assert_eq!((world.ask(&app, &["a"]), app.rebuilt()), (vec!["a=2".to_owned()], 0));
    app.close();
    // By age, at a start.
    left_alone_since(&world, "0_0", 48);
    let config = world.config().with("state.cleanup.dir.max.age.ms", 3_600_000).expect("a setting");
    let app = world.run_with(counts("counts"), config);
    assert!(app.0.totals().restored_records > 0, "{:?}", app.0.totals());
    app.close();
}

#[test]
fn a_folder_that_is_deleted_while_it_is_in_use_is_an_error_and_heals() {
    let world = World::new();
    let config = world.config().with("state.cleanup.delay.ms", 400).expect("a setting");
    let app = world.run_with(counts("counts"), config);
    assert_eq!(world.ask(&app, &["a", "a"]), ["a=1", "a=2"]);
    std::fs::remove_dir_all(world.folder.path().join("app")).expect("deleted");
    app.wait(State::Error);
    let error = app.0.error().expect("an error").to_string();
    assert!(error.contains("state.dir") && error.contains("0_0"), "{error}");
    drop(app);
    let app = world.run(counts("counts"));
    assert_eq!(world.ask(&app, &["a"]), ["a=3"]);
    app.close();
}

#[test]
fn cleaning_up_leaves_no_process_id_behind() {
    let world = World::new();
    std::fs::create_dir_all(world.place("0_0")).expect("a volume that is mounted there");
    let app = world.app(counts("counts"), world.config());
    app.clean_up().expect("cleaned up");
    assert_eq!(world.names(), [".lock"]);
}

/// An open transaction in the changelog holds a restore up, for as long as it lasts.
#[test]
fn a_restore_that_is_held_up_says_so_and_ends_when_told() {
    use streams_core::transport::{OutRecord, ProducerSpec, Transport};

    let world = World::new();
    left(&world, "counts", &["a"]);
    let spec = ProducerSpec {
        client_id: "stranger".to_owned(),
        transactional_id: Some("stranger".to_owned()),
        transaction_timeout_ms: 600_000,
        properties: Default::default(),
    };
    let mut stranger = world.broker.transport().producer(&spec).expect("a producer");
    stranger.init_transactions(LIMIT).expect("registered");
    stranger.begin().expect("begun");
    let topic = stranger.topic("app-counts-changelog").expect("a topic");
    let (key, headers) = (Some(&b"x"[..]), Default::default());
    stranger
        .send(OutRecord { topic, partition: 0, key, value: None, timestamp: TIME, headers: &headers, tag: 0 })
        .expect("sent");
    stranger.flush(LIMIT).expect("flushed");
    let app = world.app(counts("counts"), world.config());
    app.start().expect("it starts");
    let waits = || app.reasons().iter().any(|reason| reason.what.contains("app-counts-changelog"));
    wait(waits, || format!("the reason to be reported: {:?}", app.reasons()));
    let app = Running(app);
    app.close();
    drop(world.database("0_0"));
    stranger.abort(LIMIT).expect("aborted");
    let app = world.run(counts("counts"));
    assert_eq!(world.ask(&app, &["a"]), ["a=2"]);
    app.close();
}
