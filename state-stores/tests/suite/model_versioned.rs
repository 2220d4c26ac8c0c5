//! A versioned store does what lists of intervals with Kafka Streams' rules of history do, and so does one that was
//! restored from its changelog.

use std::collections::BTreeMap;

use proptest::prelude::*;
use state_stores::{
    Batch, RestoreFormat, StateStore, VersionedPut, VersionedRecord, VersionedSpec, VersionedTable,
};

use crate::support::{Logged, World, collected, commit, in_direction, number, stage, text};

const HISTORY_MS: i64 = 100;
const INTERVAL_MS: i64 = 30;

#[derive(Clone, Debug)]
enum Step {
    Put(String, Option<u32>, i64),
    Delete(String, i64),
    Get(String),
    GetAsOf(String, i64),
    Fetch(String, i64, i64, bool),
    Commit,
    CommitAround(String, Option<u32>, i64),
    Rollback,
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    // Keys that are prefixes of each other, and one whose end looks like a time.
    prop::sample::select(vec!["", "a", "a\0\0\0\0\0\0\0\0", "b"]).prop_map(String::from)
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![3 => 0..40i64, 3 => (0..30i64).prop_map(|slot| slot * 10), 1 => 0..400i64]
}

fn value() -> impl Strategy<Value = Option<u32>> {
    prop::option::weighted(0.7, any::<u32>())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), value(), time()).prop_map(|(k, v, t)| Step::Put(k, v, t)),
        2 => (key(), time()).prop_map(|(k, t)| Step::Delete(k, t)),
        2 => key().prop_map(Step::Get),
        6 => (key(), time()).prop_map(|(k, t)| Step::GetAsOf(k, t)),
        2 => (key(), time(), time(), any::<bool>()).prop_map(|(k, f, t, b)| Step::Fetch(k, f, t, b)),
        2 => Just(Step::Commit),
        1 => (key(), value(), time()).prop_map(|(k, v, t)| Step::CommitAround(k, v, t)),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

/// From when to when which value.
type Interval = (i64, i64, Option<u32>);

#[derive(Clone, Default)]
struct Versions {
    latest: Option<(i64, u32)>,
    past: Vec<Interval>,
}

#[derive(Clone)]
struct State {
    keys: BTreeMap<String, Versions>,
    observed: i64,
}

impl State {
    fn put(&mut self, key: &str, value: Option<u32>, time: i64) -> VersionedPut {
        if time < self.observed - HISTORY_MS {
            return VersionedPut::Expired;
        }
        self.observed = self.observed.max(time);
        let Versions { latest, past } = self.keys.entry(key.to_owned()).or_default();
        if let Some((from, old)) = *latest
            && time >= from
        {
            if time > from {
                past.push((from, time, Some(old)));
            }
            *latest = value.map(|value| (time, value));
            return VersionedPut::Latest;
        }
        if let Some(around) = past.iter_mut().find(|(from, to, _)| *from <= time && time < *to) {
            let (from, to, old) = *around;
            *around = (time, to, value);
            if from < time {
                past.push((from, time, old));
            }
            return VersionedPut::Until(to);
        }
        let next = past.iter().map(|(from, ..)| *from).filter(|from| *from > time).min();
        match (next.or(latest.map(|(from, _)| from)), value) {
            (Some(until), value) => {
                past.retain(|interval| *interval != (until, until, None));
                past.push((time, until, value));
                VersionedPut::Until(until)
            }
            (None, Some(value)) => {
                *latest = Some((time, value));
                VersionedPut::Latest
            }
            (None, None) => {
                if !past.iter().any(|(_, to, _)| *to == time) {
                    past.push((time, time, None));
                }
                VersionedPut::Latest
            }
        }
    }

    fn get(&self, key: &str) -> Option<VersionedRecord<u32>> {
        let (timestamp, value) = self.keys.get(key)?.latest?;
        Some(VersionedRecord { value, timestamp, valid_to: None })
    }

    fn get_as_of(&self, key: &str, time: i64) -> Option<VersionedRecord<u32>> {
        let latest = self.get(key).filter(|latest| latest.timestamp <= time);
        if latest.is_some() || time < self.observed - HISTORY_MS {
            return latest;
        }
        let past = &self.keys.get(key)?.past;
        let (timestamp, to, value) = *past.iter().find(|(from, to, _)| *from <= time && time < *to)?;
        Some(VersionedRecord { value: value?, timestamp, valid_to: Some(to) })
    }

    fn fetch(&self, key: &str, from: i64, to: i64) -> Vec<VersionedRecord<u32>> {
        let Some(versions) = self.keys.get(key) else { return Vec::new() };
        let oldest = (self.observed - HISTORY_MS).max(0) / INTERVAL_MS;
        let mut found = Vec::new();
        for (timestamp, end, value) in &versions.past {
            let asked = *timestamp <= to && *end > from && to >= self.observed - HISTORY_MS;
            if let (Some(value), true) = (value, asked && end / INTERVAL_MS >= oldest) {
                found.push(VersionedRecord { value: *value, timestamp: *timestamp, valid_to: Some(*end) });
            }
        }
        found.sort_by_key(|version| version.timestamp);
        found.extend(self.get(key).filter(|latest| latest.timestamp <= to));
        found
    }
}

type Store = VersionedTable<String, u32>;

fn open(world: &World, cache_bytes: usize) -> Store {
    let spec = VersionedSpec::new("store", world.backend().clone(), text(), number(), HISTORY_MS);
    Store::open(VersionedSpec { cache_bytes, segment_interval_ms: INTERVAL_MS, ..spec }).unwrap()
}

fn assert_same(store: &mut Store, expected: &State) {
    assert_eq!(store.observed_stream_time(), expected.observed);
    for key in ["", "a", "a\0\0\0\0\0\0\0\0", "b"].map(String::from) {
        assert_eq!(store.get(&key).unwrap(), expected.get(&key));
        for time in 0..400 {
            assert_eq!(store.get_as_of(&key, time).unwrap(), expected.get_as_of(&key, time), "as of {time}");
        }
        let found = store.fetch(&key, 0, 400).unwrap().over(store);
        assert_eq!(collected(found, false), expected.fetch(&key, 0, 400));
    }
}

fn run(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let mut world = World::new(on_disk);
    let mut store = open(&world, cache_bytes);
    let empty = State { keys: BTreeMap::new(), observed: -1 };
    let (mut now, mut committed) = (empty.clone(), empty);
    let mut log = Vec::new();
    for step in steps {
        match step {
            Step::Put(key, value, time) => {
                assert_eq!(store.put(&key, value.as_ref(), time).unwrap(), now.put(&key, value, time));
            }
            Step::Delete(key, time) => {
                let expected = now.get_as_of(&key, time).filter(|_| time >= now.observed - HISTORY_MS);
                assert_eq!(store.delete(&key, time).unwrap(), expected);
                now.put(&key, None, time);
            }
            Step::Get(key) => assert_eq!(store.get(&key).unwrap(), now.get(&key)),
            Step::GetAsOf(key, time) => {
                assert_eq!(store.get_as_of(&key, time).unwrap(), now.get_as_of(&key, time));
            }
            Step::Fetch(key, from, to, backward) => {
                let found = collected(store.fetch(&key, from, to).unwrap().over(&store), backward);
                assert_eq!(found, in_direction(now.fetch(&key, from, to), backward));
            }
            Step::Commit => {
                commit(&mut store, world.backend(), &mut log);
                committed = now.clone();
            }
            Step::CommitAround(key, value, time) => {
                let batch = stage(&mut store, &mut log);
                committed = now.clone();
                assert_eq!(store.put(&key, value.as_ref(), time).unwrap(), now.put(&key, value, time));
                world.backend().write(&batch).unwrap();
                store.committed().unwrap();
            }
            Step::Rollback => {
                store.rollback();
                now = committed.clone();
            }
            Step::Reopen => {
                drop(store);
                world.reopen();
                store = open(&world, cache_bytes);
                now = committed.clone();
            }
        }
    }
    assert_same(&mut store, &now);
    commit(&mut store, world.backend(), &mut log);
    for records_per_batch in [1, 7] {
        let restored = restore(&log, records_per_batch);
        assert_same(&mut open(&restored, cache_bytes), &now);
    }
}

fn restore(log: &[Logged], records_per_batch: usize) -> World {
    let world = World::new(false);
    let format =
        RestoreFormat::Versioned { history_retention_ms: HISTORY_MS, segment_interval_ms: INTERVAL_MS };
    let mut restorer = format.restorer("store", world.backend()).unwrap();
    for records in log.chunks(records_per_batch) {
        let mut batch = Batch::new();
        for (key, value, timestamp, headers) in records {
            restorer.restore(key, value.as_deref(), *timestamp, headers, &mut batch).unwrap();
        }
        world.backend().write(&batch).unwrap();
    }
    world
}

fn cache_bytes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0usize, 1000, 1 << 20])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_memory(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..100)) {
        run(false, cache, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn on_disk(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..100)) {
        run(true, cache, steps);
    }
}

#[test]
fn a_deletion_at_the_time_of_the_only_version_leaves_nothing() {
    let world = World::new(false);
    let (mut store, key) = (open(&world, 0), "k".to_owned());
    store.put(&key, Some(&1), 50).unwrap();
    store.put(&key, None, 50).unwrap();
    // Kafka Streams has forgotten 50; had there been a version before, the answer were Until(50).
    assert_eq!(store.put(&key, Some(&2), 40).unwrap(), VersionedPut::Latest);
    assert_eq!(store.get(&key).unwrap().map(|latest| latest.timestamp), Some(40));
}

#[test]
fn every_put_is_logged_with_its_own_time_in_the_order_of_puts() {
    let world = World::new(false);
    let (mut store, key, mut log) = (open(&world, 0), "k".to_owned(), Vec::new());
    for (value, time) in [(Some(1), 200), (Some(2), 150), (None, 200), (Some(3), 20)] {
        store.put(&key, value.as_ref(), time).unwrap();
    }
    assert_eq!(store.expired_puts(), 1);
    stage(&mut store, &mut log);
    let logged: Vec<_> =
        log.iter().map(|(_, value, time, _)| (value.as_ref().map(|v| v[3]), *time)).collect();
    assert_eq!(logged, [(Some(1), 200), (Some(2), 150), (None, 200), (Some(3), 20)]);
}

#[test]
fn entries_are_the_versions_that_can_be_found() {
    let world = World::new(false);
    let (mut store, key) = (open(&world, 0), "k".to_owned());
    for (value, time) in [(Some(1), 100), (Some(2), 150), (None, 160), (Some(3), 200)] {
        store.put(&key, value.as_ref(), time).unwrap();
    }
    let entry = |(from, to, value): (i64, i64, u32)| {
        let key = [&b"k"[..], &from.to_be_bytes()].concat();
        (key.into_boxed_slice(), [&to.to_be_bytes()[..], &value.to_be_bytes()].concat().into_boxed_slice())
    };
    let all = [(200, i64::MAX, 3), (100, 150, 1), (150, 160, 2)].map(entry);
    assert_eq!(store.entries().unwrap(), all);
    // A version that ended longer ago than the history is not shown, even if a live segment still has it.
    store.put(&"later".into(), Some(&4), 150 + HISTORY_MS).unwrap();
    let told: Vec<_> =
        store.entries().unwrap().into_iter().filter(|(key, _)| key.starts_with(b"k")).collect();
    assert_eq!(told, [(200, i64::MAX, 3), (150, 160, 2)].map(entry));
}
