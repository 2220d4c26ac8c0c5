//! A window store does what an ordered map with Kafka Streams' rules of expiry does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use state_stores::schema::window_key;
use state_stores::{RestoreFormat, StateStore, ValueFormat, WindowSpec, WindowTable};

use crate::support::{World, collected, commit_owing, in_direction, number, restore, stage_owing, text};

const RETENTION_MS: i64 = 150_000;
const INTERVAL_MS: i64 = 75_000;
const FORMAT: RestoreFormat = RestoreFormat::Window { retention_ms: RETENTION_MS, timestamped: false };

#[derive(Clone, Debug)]
enum Step {
    Put(String, i64, Option<u32>),
    Fetch(String, i64),
    FetchRange(String, i64, i64, bool),
    FetchKeys(Option<String>, Option<String>, i64, i64, bool),
    /// If true, the backend gets the changes with a later commit.
    Commit(bool),
    CommitAround(String, i64, u32, bool),
    Rollback,
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    // Few keys and times, so that windows are met again; keys that are prefixes of each other, and zero bytes.
    prop::sample::select(vec!["", "a", "a\0", "ab", "ab\0\0"]).prop_map(String::from)
}

fn start() -> impl Strategy<Value = i64> {
    prop_oneof![9 => (0..10i64).prop_map(|slot| slot * 45_000), 1 => 0..500_000i64]
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || prop::option::of(key());
    prop_oneof![
        8 => (key(), start(), prop::option::weighted(0.8, any::<u32>())).prop_map(|(k, s, v)| Step::Put(k, s, v)),
        4 => (key(), start()).prop_map(|(k, s)| Step::Fetch(k, s)),
        2 => (key(), start(), start(), any::<bool>()).prop_map(|(k, f, t, b)| Step::FetchRange(k, f, t, b)),
        2 => (keys(), keys(), start(), start(), any::<bool>()).prop_map(|(a, z, f, t, b)| Step::FetchKeys(a, z, f, t, b)),
        3 => any::<bool>().prop_map(Step::Commit),
        1 => (key(), start(), any::<u32>(), any::<bool>()).prop_map(|(k, s, v, o)| Step::CommitAround(k, s, v, o)),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

type Found = ((String, i64), u32);

#[derive(Clone, Default)]
struct State {
    /// By segment and key bytes: the order of range reads, as in Kafka Streams not quite that of keys.
    windows: BTreeMap<(i64, Vec<u8>), Found>,
    observed: i64,
}

impl State {
    fn put(&mut self, key: String, start: i64, value: Option<u32>) {
        self.observed = self.observed.max(start);
        let segment = start / INTERVAL_MS;
        if segment >= (self.observed - RETENTION_MS) / INTERVAL_MS {
            let mut bytes = Vec::new();
            window_key::encode(key.as_bytes(), start, 0, &mut bytes);
            match value {
                Some(value) => self.windows.insert((segment, bytes), ((key, start), value)),
                None => self.windows.remove(&(segment, bytes)),
            };
        }
    }

    fn within(&self, from: i64, to: i64, wanted: impl Fn(&String) -> bool) -> Vec<Found> {
        let from = from.max(self.observed - RETENTION_MS + 1);
        self.windows
            .values()
            .filter(|((key, start), _)| (from..=to).contains(start) && wanted(key))
            .cloned()
            .collect()
    }
}

fn open(world: &World, cache_bytes: usize) -> WindowTable<String, u32> {
    let format = ValueFormat::plain(number());
    let spec = WindowSpec::new("store", world.backend().clone(), text(), format, RETENTION_MS);
    WindowTable::open(WindowSpec { cache_bytes, ..spec }).unwrap()
}

fn run(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let mut world = World::new(on_disk);
    let mut store = open(&world, cache_bytes);
    let empty = State { observed: -1, ..State::default() };
    let (mut now, mut committed) = (empty.clone(), empty);
    // How many records of the log the backend has for certain.
    let (mut log, mut written) = (Vec::new(), 0);
    for (clock, step) in (0i64..).zip(steps) {
        match step {
            Step::Put(key, start, value) => {
                store.put(&key, value, start, clock).unwrap();
                now.put(key, start, value);
            }
            Step::Fetch(key, start) => {
                let expected = now.within(start, start, |of| *of == key).pop().map(|(_, value)| value);
                assert_eq!(store.fetch(&key, start).unwrap(), expected);
            }
            Step::FetchRange(key, from, to, backward) => {
                let found = store.fetch_range(&key, from, to).unwrap().over(&store);
                let windows = now.within(from, to, |of| *of == key).into_iter();
                let expected = in_direction(windows.map(|((_, start), value)| (start, value)), backward);
                assert_eq!(collected(found, backward), expected);
            }
            Step::FetchKeys(first, last, from, to, backward) => {
                let found = store.fetch_keys(first.as_ref(), last.as_ref(), from, to).unwrap().over(&store);
                let inside = |key: &String| {
                    first.as_ref().is_none_or(|first| key >= first)
                        && last.as_ref().is_none_or(|last| key <= last)
                };
                let expected = in_direction(now.within(from, to, inside), backward);
                assert_eq!(collected(found, backward), expected);
            }
            Step::Commit(owing) => {
                commit_owing(owing, &mut store, world.backend(), &mut log);
                committed = now.clone();
            }
            Step::CommitAround(key, start, value, owing) => {
                let batch = stage_owing(owing, &mut store, &mut log);
                committed = now.clone();
                store.put(&key, Some(value), start, clock).unwrap();
                now.put(key, start, Some(value));
                world.backend().write(&batch).unwrap();
                store.committed().unwrap();
            }
            Step::Rollback => {
                store.rollback();
                now = committed.clone();
                if written < log.len() {
                    drop(store);
                    restore(FORMAT, world.backend(), &log[written..], 3);
                    store = open(&world, cache_bytes);
                }
            }
            Step::Reopen => {
                drop(store);
                world.reopen();
                restore(FORMAT, world.backend(), &log[written..], 3);
                store = open(&world, cache_bytes);
                now = committed.clone();
            }
        }
        if !store.has_deferred() {
            written = log.len();
        }
        assert_eq!(store.observed_stream_time(), now.observed);
    }
    let all: Vec<_> = store.all().over(&store).map(Result::unwrap).collect();
    assert_eq!(all, now.within(0, i64::MAX, |_| true));
}

fn cache_bytes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0usize, 1000, 1 << 20])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_memory(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..80)) {
        run(false, cache, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn on_disk(cache in cache_bytes(), steps in prop::collection::vec(step(), 0..120)) {
        run(true, cache, steps);
    }
}
