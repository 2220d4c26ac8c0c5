//! Global stores whose topic is another one than before, or lost records that they had not read.

use kstreams::prelude::*;
use state_stores::keyspaces::store_keyspace;
use state_stores::{Backend, Batch};
use streams_core::runtime::State;
use streams_core::topology::Topology;
use streams_core::transport::TransportErrorKind;
use streams_core::transport::embedded::{Fault, Operation};

use crate::embedded::{damage, left_alone_since};
use crate::world::{TIME, World, wait};

/// Joins "in" by key with the rows of a global table: results of rows that are there.
fn lookup(topic: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let table =
        builder.global_table_with::<String, String>(topic, Consumed::new(), Materialized::named("rows"));
    let stream = builder.stream::<String, String>("in");
    stream
        .left_join_global(&table, |key, _| key.clone(), |_, row| row.unwrap_or_else(|| "-".to_owned()))
        .to("out");
    builder.build().expect("a topology")
}

fn row(value: &str) -> Option<Vec<u8>> {
    Some(value.as_bytes().to_vec())
}

fn world() -> World {
    let world = World::new();
    world.create("g", &[("cleanup.policy", "compact")]);
    world.produce("g", [("a", row("1")), ("b", row("2"))]);
    let app = world.run(lookup("g"));
    assert_eq!(world.ask(&app, &["a", "b", "c"]), ["a=1", "b=2", "c=-"]);
    app.close();
    world
}

fn expect(world: &World, topic: &str, results: [&str; 3]) {
    let app = world.run(lookup(topic));
    assert_eq!(world.ask(&app, &["a", "b", "c"]), results);
    app.close();
}

#[test]
fn a_topic_that_was_created_again_fills_the_store_anew() {
    // Shorter than before, and longer.
    for records in [1, 10] {
        let world = world();
        world.delete("g");
        world.create("g", &[("cleanup.policy", "compact")]);
        world.produce("g", (0..records).map(|_| ("c", row("3"))));
        expect(&world, "g", ["a=-", "b=-", "c=3"]);
        expect(&world, "g", ["a=-", "b=-", "c=3"]);
    }
}

#[test]
fn a_store_of_another_topic_is_filled_anew() {
    let world = world();
    world.create("g2", &[("cleanup.policy", "compact")]);
    world.produce("g2", [("c", row("3"))]);
    expect(&world, "g2", ["a=-", "b=-", "c=3"]);
    expect(&world, "g", ["a=1", "b=2", "c=-"]);
}

#[test]
fn a_topic_that_lost_unread_records_fills_the_store_anew() {
    let world = world();
    world.produce("g", [("a", None), ("c", row("3"))]);
    world.trim("g", Some(3));
    expect(&world, "g", ["a=-", "b=-", "c=3"]);
}

/// The application was away for longer than the topic shows that a row was deleted.
#[test]
fn a_store_that_may_have_missed_a_deletion_is_filled_anew() {
    for (hours, tail, ghost) in [(48, true, "-"), (2, true, "41"), (48, false, "41")] {
        let world = world();
        put_ghost(&world);
        left_alone_since(&world, "global", hours);
        if tail {
            world.produce("g", [("c", row("3"))]);
        }
        let results =
            [format!("ghost={ghost}"), "a=1".to_owned(), format!("c={}", if tail { "3" } else { "-" })];
        let app = world.run(lookup("g"));
        assert_eq!(world.ask(&app, &["ghost", "a", "c"]), results, "{hours} h, {tail}");
        app.close();
    }
}

/// A limit of the topic's own counts.
#[test]
fn how_long_the_topic_shows_deletions_is_asked_of_it() {
    for (keeps_ms, ghost) in [("3600000", "-"), ("864000000", "41")] {
        let world = World::new();
        world.create("g", &[("cleanup.policy", "compact"), ("delete.retention.ms", keeps_ms)]);
        world.produce("g", [("a", row("1"))]);
        expect_one(&world, "a=1");
        put_ghost(&world);
        left_alone_since(&world, "global", 48);
        world.produce("g", [("b", row("2"))]);
        expect_one(&world, &format!("ghost={ghost}"));
    }
}

/// A row whose deletion the topic no longer shows.
fn put_ghost(world: &World) {
    let database = world.database("global");
    let keyspace = store_keyspace(&database, "rows").expect("a keyspace");
    let mut batch = Batch::new();
    batch.put(keyspace, b"ghost", &[&TIME.to_be_bytes()[..], b"41"].concat());
    database.write(&batch).expect("written");
}

fn expect_one(world: &World, result: &str) {
    let app = world.run(lookup("g"));
    let key = result.split('=').next().expect("a key");
    assert_eq!(world.ask(&app, &[key]), [result]);
    app.close();
}

#[test]
fn a_topic_whose_first_offset_is_not_zero_fills_a_new_store() {
    let world = World::new();
    world.create("g", &[]);
    world.produce("g", [("a", row("1")), ("b", row("2"))]);
    world.trim("g", Some(1));
    expect(&world, "g", ["a=-", "b=2", "c=-"]);
    world.trim("g", None);
    std::fs::remove_dir_all(world.place("global")).expect("deleted");
    expect(&world, "g", ["a=-", "b=-", "c=-"]);
}

/// As when the broker deletes what a store was to read next: it is emptied and filled while the application runs.
#[test]
fn records_that_vanish_while_it_runs_do_not_end_the_application() {
    let world = world();
    let app = world.run(lookup("g"));
    for _ in 0..3 {
        let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange).times(4);
        world.broker.faults().inject(gone);
        wait(|| world.broker.faults().left() == 0, || "the faults to be met".to_owned());
        world.produce("g", [("c", row("3"))]);
        wait(
            || world.ask(&app, &["a", "b", "c"]) == ["a=1", "b=2", "c=3"],
            || "the rows to be back".to_owned(),
        );
    }
    assert_eq!(app.0.error().map(|error| error.to_string()), None);
    app.close();
}

#[test]
fn a_damaged_database_of_global_stores_is_put_aside() {
    let world = world();
    std::fs::remove_file(world.place("global").join("CURRENT")).expect("deleted");
    expect(&world, "g", ["a=1", "b=2", "c=-"]);
    assert!(world.names().iter().any(|name| name.starts_with("global.damaged-")), "{:?}", world.names());
}

/// Showed before: results without a row that both the old and the new content have.
#[test]
fn no_record_meets_a_store_half_filled() {
    let world = world();
    let app = world.run(lookup("g"));
    let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange).on("g-0");
    // And then the store is filled slowly.
    let slow = Fault::before(Operation::Fetch, TransportErrorKind::Retriable).on("g-0").times(30);
    // Lost unread, so that the store no longer fits.
    world.produce("g", [("a", row("4"))]);
    for fault in [gone, slow] {
        world.broker.faults().inject(fault);
    }
    world.produce("g", [("b", row("5"))]);
    wait(|| world.broker.faults().left() < 2, || "the first fault to be met".to_owned());
    let results = world.ask(&app, &["a", "b"]);
    assert!(results.iter().all(|result| !result.contains('-')), "{results:?}");
    app.close();
}

/// Showed before: no reason, neither while it ran nor while it started again.
#[test]
fn what_global_stores_wait_for_is_told_while_it_runs_and_while_it_starts_anew() {
    let world = world();
    let app = world.run(lookup("g"));
    let waits_for = |text: &str| {
        let said = || app.0.reasons().iter().map(ToString::to_string).collect::<Vec<_>>();
        wait(|| said().iter().any(|reason| reason.contains(text)), || format!("{text} in {:?}", said()));
    };
    let silent = Fault::before(Operation::Offsets, TransportErrorKind::Retriable).on("g-0").times(usize::MAX);
    world.broker.faults().inject(silent);
    waits_for("the global stores waits for source partition g-0 to be readable");
    world.broker.faults().clear();
    let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange).on("g-0");
    let slow = Fault::before(Operation::Fetch, TransportErrorKind::Retriable).on("g-0").times(usize::MAX);
    [gone, slow].into_iter().for_each(|fault| world.broker.faults().inject(fault));
    world.produce("g", [("c", row("3"))]);
    waits_for("the start waits for the global stores to be filled");
    world.broker.faults().clear();
    assert_eq!(world.ask(&app, &["a", "b", "c"]), ["a=1", "b=2", "c=3"]);
    app.close();
}

#[test]
fn a_topic_that_may_not_be_read_for_a_moment_is_waited_for() {
    let world = world();
    let app = world.run(lookup("g"));
    let denied = Fault::before(Operation::Fetch, TransportErrorKind::Denied).on("g-0");
    world.broker.faults().inject(denied.times(20));
    world.produce("g", [("c", row("3"))]);
    wait(|| world.broker.faults().left() == 0, || "the faults to be met".to_owned());
    wait(|| world.ask(&app, &["c"]) == ["c=3"], || "the row to come".to_owned());
    assert_eq!(app.0.error().map(|error| error.to_string()), None);
    app.close();
}

/// Showed before: the same damage was met again and again, until the application ended.
#[test]
fn damage_that_a_read_of_a_global_store_finds_is_healed_while_it_runs() {
    let world = World::new();
    world.create("g", &[("cleanup.policy", "compact")]);
    let keys: Vec<String> = (0..2_000).map(|number| format!("key-{number:06}")).collect();
    world.produce("g", keys.iter().map(|key| (key.as_str(), row("1"))));
    let app = world.run(lookup("g"));
    assert_eq!(world.ask(&app, &["key-000000"]), ["key-000000=1"]);
    app.close();
    world.database("global").flush().expect("flushed");
    damage(&world.place("global"), b"key-00");
    let app = world.run(lookup("g"));
    let asked = world.ask(&app, &["key-000000", "key-000001", "key-001999"]);
    assert_eq!(asked, ["key-000000=1", "key-000001=1", "key-001999=1"]);
    assert!(world.names().iter().any(|name| name.starts_with("global.damaged-")), "{:?}", world.names());
    app.wait(State::Running);
    app.close();
}
