//! A list-value store does what an ordered map of lists does, whatever is committed, rolled back, evicted, reopened or
//! restored.

use std::collections::BTreeMap;

use proptest::prelude::*;
use state_stores::{ListValueSpec, ListValueTable, RestoreFormat, StateStore};

use crate::support::{Logged, World, commit, contents, text};

#[derive(Clone, Debug)]
enum Step {
    Add(String, String),
    Delete(String),
    DeleteIfPresent(String),
    Scan(String, usize),
    Commit,
    Rollback,
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!['\0', 'a', 'b']), 0..3).prop_map(String::from_iter)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), "[a-z]{0,3}").prop_map(|(key, value)| Step::Add(key, value)),
        1 => key().prop_map(Step::Delete),
        2 => key().prop_map(Step::DeleteIfPresent),
        2 => (key(), 0..4usize).prop_map(|(from, count)| Step::Scan(from, count)),
        2 => Just(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

type Map = BTreeMap<String, Vec<String>>;

fn open(world: &World, cache_bytes: usize) -> ListValueTable<String, String> {
    let spec = ListValueSpec::new("store", world.backend().clone(), text(), text());
    ListValueTable::open(ListValueSpec { cache_bytes, ..spec }).unwrap()
}

/// The first lists from a key on.
fn first(store: &mut ListValueTable<String, String>, from: &str, count: usize) -> Vec<(String, Vec<String>)> {
    store.scan_from(from.as_bytes()).over(store).take(count).map(Result::unwrap).collect()
}

fn check(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let mut world = World::new(on_disk);
    let mut store = open(&world, cache_bytes);
    let (mut now, mut committed, mut log) = (Map::new(), Map::new(), Vec::new());
    for (clock, step) in (0..).zip(steps) {
        match step {
            Step::Add(key, value) => {
                store.add(&key, value.clone(), clock).unwrap();
                now.entry(key).or_default().push(value);
            }
            Step::Delete(key) => {
                store.delete(&key, clock).unwrap();
                now.remove(&key);
            }
            Step::DeleteIfPresent(key) => {
                assert_eq!(store.delete_if_present(&key, clock).unwrap(), now.remove(&key).is_some());
            }
            Step::Scan(from, count) => {
                let expected: Vec<_> =
                    now.range(from.clone()..).take(count).map(|(k, v)| (k.clone(), v.clone())).collect();
                assert_eq!(first(&mut store, &from, count), expected);
            }
            Step::Commit => {
                commit(&mut store, world.backend(), &mut log);
                committed.clone_from(&now);
            }
            Step::Rollback => {
                store.rollback();
                now.clone_from(&committed);
            }
            Step::Reopen => {
                drop(store);
                world.reopen();
                store = open(&world, cache_bytes);
                now.clone_from(&committed);
            }
        }
    }
    commit(&mut store, world.backend(), &mut log);
    assert_eq!(first(&mut store, "", usize::MAX), now.into_iter().collect::<Vec<_>>());
    assert_restores(&world, &log);
}

/// The changelog has the local bytes, and restores as that of a plain key-value store.
fn assert_restores(world: &World, log: &[Logged]) {
    let restored = World::new(false);
    let mut restorer = RestoreFormat::KeyValue.restorer("store", restored.backend()).unwrap();
    for (key, value, timestamp, headers) in log {
        let mut batch = state_stores::Batch::new();
        restorer.restore(key, value.as_deref(), *timestamp, headers, &mut batch).unwrap();
        restored.backend().write(&batch).unwrap();
    }
    let [ours, theirs] = [world, &restored].map(|world| {
        let keyspace = world.backend().keyspace("store/store").unwrap();
        contents(&**world.backend(), keyspace)
    });
    assert_eq!(ours, theirs);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn in_memory(steps in prop::collection::vec(step(), 0..50)) {
        check(false, 8 << 20, steps);
    }

    #[test]
    fn without_a_cache(steps in prop::collection::vec(step(), 0..50)) {
        check(false, 0, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn on_disk(steps in prop::collection::vec(step(), 0..50)) {
        check(true, 8 << 20, steps);
    }
}

#[test]
fn the_whole_list_is_logged_in_kafkas_form() {
    let world = World::new(false);
    let (mut store, mut log) = (open(&world, 0), Vec::new());
    for (value, time) in [("x", 7), ("", 8), ("yz", 9)] {
        store.add(&"k".to_owned(), value.to_owned(), time).unwrap();
        commit(&mut store, world.backend(), &mut log);
    }
    let list = b"\x01\0\0\0\x03\0\0\0\x01x\0\0\0\0\0\0\0\x02yz".to_vec();
    let (key, value, timestamp, headers) = log.last().unwrap();
    assert_eq!((&key[..], value, *timestamp, headers.is_empty()), (&b"k"[..], &Some(list), 9, true));
    store.delete_if_present(&"other".to_owned(), 10).unwrap();
    commit(&mut store, world.backend(), &mut log);
    assert_eq!(log.len(), 3, "nothing is logged for a list that is not there");
}
