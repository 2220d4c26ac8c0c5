//! Scans while their store changes, and how much they read.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use state_stores::cursor::Cursor;
use state_stores::{
    BackendRef, Batch, Direction, KeyValueCursor, KeyValueSpec, KeyValueTable, StateStore, ValueFormat,
    WindowSpec, WindowTable,
};

use crate::counting::Counting;
use crate::support::{World, commit, commit_owing, number, text};

type Store = KeyValueTable<String, u32>;

fn open(backend: &BackendRef, cache_bytes: usize) -> Store {
    let spec = KeyValueSpec::new("store", backend.clone(), text(), ValueFormat::plain(number()));
    Store::open(KeyValueSpec { cache_bytes, ..spec }).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u32),
    Delete(u8),
    Get(u8),
    /// If true, the backend gets the changes with a later commit.
    Commit(bool),
    Rollback,
    Begin,
    Next(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..24u8;
    prop_oneof![
        4 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key().prop_map(Step::Delete),
        2 => key().prop_map(Step::Get),
        1 => any::<bool>().prop_map(Step::Commit),
        1 => Just(Step::Rollback),
        2 => Just(Step::Begin),
        8 => any::<bool>().prop_map(Step::Next),
    ]
}

type Map = BTreeMap<String, u32>;

/// What a scan is still to give: the keys, but for those that were deleted meanwhile.
struct Expected {
    keys: Vec<String>,
    front: Option<String>,
    back: Option<String>,
}

impl Expected {
    fn of(now: &Map) -> Self {
        Expected { keys: now.keys().cloned().collect(), front: None, back: None }
    }

    /// Forgets what has happened before: what there is now is what is left.
    fn renew(&mut self, now: &Map) {
        self.keys = now.keys().cloned().collect();
        let (front, back) = (self.front.clone(), self.back.clone());
        self.keys.retain(|key| {
            front.as_ref().is_none_or(|front| key > front) && back.as_ref().is_none_or(|back| key < back)
        });
    }

    fn next(&mut self, backward: bool) -> Option<String> {
        if self.keys.is_empty() {
            return None;
        }
        let key = if backward { self.keys.pop()? } else { self.keys.remove(0) };
        *(if backward { &mut self.back } else { &mut self.front }) = Some(key.clone());
        Some(key)
    }
}

fn check(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let world = World::new(on_disk);
    let backend = world.backend();
    let mut store = open(backend, cache_bytes);
    let (mut now, mut committed) = (Map::new(), Map::new());
    let (mut cursor, mut expected) = (store.all(), Expected::of(&now));
    let mut ended = false;
    for (clock, step) in (0..).zip(steps) {
        match step {
            Step::Put(key, value) => {
                let key = format!("{key:02}");
                store.put(&key, Some(value), clock).unwrap();
                now.insert(key, value);
            }
            Step::Delete(key) => {
                let key = format!("{key:02}");
                store.put(&key, None, clock).unwrap();
                now.remove(&key);
                expected.keys.retain(|of| *of != key);
            }
            Step::Get(key) => {
                let key = format!("{key:02}");
                assert_eq!(store.get(&key).unwrap().as_ref(), now.get(&key));
            }
            Step::Commit(owing) => {
                // What is deferred would be lost with a rollback: here there is no changelog.
                commit_owing(owing && cache_bytes > 0, &mut store, backend, &mut Vec::new());
                committed = now.clone();
                expected.renew(&now);
            }
            Step::Rollback if store.has_deferred() => {}
            Step::Rollback => {
                store.rollback();
                now = committed.clone();
                expected.renew(&now);
            }
            Step::Begin => (cursor, expected, ended) = (store.all(), Expected::of(&now), false),
            // An end is an end: what is committed afterwards is not looked for.
            Step::Next(_) if ended => {}
            Step::Next(backward) => {
                let from = if backward { Direction::Backward } else { Direction::Forward };
                let found = cursor.step(&store, &**backend, from).transpose().unwrap();
                let key = expected.next(backward);
                ended = key.is_none();
                assert_eq!(found, key.map(|key| (key.clone(), now[&key])));
            }
        }
    }
}

fn cache_bytes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0usize, 1_000, 1 << 20])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn in_memory(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..120)) {
        check(false, cache, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn on_disk(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..200)) {
        check(true, cache, steps);
    }
}

#[test]
fn a_loop_that_puts_what_it_scans_ends() {
    for world in World::both() {
        let mut store = open(world.backend(), 1 << 20);
        for key in 0..100 {
            store.put(&format!("{key:04}"), Some(key), 0).unwrap();
            if key == 50 {
                commit(&mut store, world.backend(), &mut Vec::new());
            }
        }
        let mut cursor: KeyValueCursor<'_, _, _> = store.all();
        let mut seen = 0;
        while let Some(entry) = cursor.step(&store, &**world.backend(), Direction::Forward) {
            let (key, value) = entry.unwrap();
            store.put(&key, None, 1).unwrap();
            store.put(&format!("{key}, later"), Some(value), 1).unwrap();
            seen += 1;
        }
        assert_eq!(seen, 100);
    }
}

#[test]
fn what_is_evicted_meanwhile_is_read_of_the_backend() {
    for world in World::both() {
        let spec =
            WindowSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()), 600_000);
        let mut store = WindowTable::open(WindowSpec { cache_bytes: 0, ..spec }).unwrap();
        let key = "k".to_owned();
        for start in 0..100 {
            store.put(&key, Some(1), start, start).unwrap();
        }
        let mut windows = store.fetch_range(&key, 0, 100).unwrap();
        let mut seen = Vec::new();
        while let Some(entry) = windows.step(&store, &**world.backend(), Direction::Forward) {
            seen.push(entry.unwrap().0);
            if seen.len() == 10 {
                commit(&mut store, world.backend(), &mut Vec::new());
            }
        }
        assert_eq!(seen, (0..100).collect::<Vec<i64>>());
    }
}

/// A store of many rows, of which the backend has nearly all.
fn large(world: &World) -> (Store, Arc<Counting>) {
    let counting = Arc::new(Counting::new(world.backend().clone()));
    let backend: BackendRef = counting.clone();
    let mut batch = Batch::new();
    let rows = backend.keyspace("store/store").unwrap();
    for key in 0..20_000u32 {
        batch.put(rows, format!("{key:08}").as_bytes(), &key.to_be_bytes());
    }
    backend.write(&batch).unwrap();
    let mut store = open(&backend, 1 << 20);
    for key in (0..20_000).step_by(100) {
        store.put(&format!("{key:08}"), Some(7), 0).unwrap();
        store.put(&format!("{key:08}, too"), Some(8), 0).unwrap();
    }
    (store, counting)
}

#[test]
fn a_scan_reads_what_it_gives_and_gathers_nothing() {
    for world in World::both() {
        let (mut store, counting) = large(&world);
        // The first scan builds the index of what is not committed.
        let all = store.all();
        let bytes = store.uncommitted_bytes();
        let mut all = all.over(&store);
        assert_eq!(counting.scans(), 0, "nothing is read before it is asked for");
        let mut given = 0;
        let mut count = |entry: Option<state_stores::Result<(String, u32)>>| {
            let is_some = entry.map(Result::unwrap).is_some();
            given += u64::from(is_some);
            // One row ahead at each end.
            assert!(counting.rows() <= given + 2, "{} rows were read for {given}", counting.rows());
            is_some
        };
        for _ in 0..1_000 {
            assert!(count(all.next()) && count(all.next_back()));
        }
        while count(all.next()) {}
        assert_eq!((given, counting.scans(), counting.gets()), (20_200, 2, 0));
        assert_eq!(store.uncommitted_bytes(), bytes);
    }
}

#[test]
fn a_row_that_cannot_be_read_is_named_and_costs_no_other() {
    for world in World::both() {
        let mut store = open(world.backend(), 0);
        for key in ["a", "b", "c"] {
            store.put(&key.to_owned(), Some(1), 0).unwrap();
        }
        commit(&mut store, world.backend(), &mut Vec::new());
        let rows = world.backend().keyspace("store/store").unwrap();
        let mut batch = Batch::new();
        batch.put(rows, b"b", b"not a number");
        world.backend().write(&batch).unwrap();
        let found: Vec<_> = store.all().over(&store).collect();
        let [Ok(_), Err(error), Ok(last)] = &found[..] else { panic!("{} entries", found.len()) };
        assert!(error.to_string().starts_with("the row of key \"b\" in store store cannot be read back"));
        assert_eq!(last.0, "c");
    }
}
