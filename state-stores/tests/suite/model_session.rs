//! A session store does what an ordered map with Kafka Streams' rules of expiry does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use state_stores::schema::session_key;
use state_stores::{RestoreFormat, SessionKey, SessionSpec, SessionTable, StateStore, ValueFormat};

use crate::support::{World, collected, commit_owing, in_direction, number, restore, text};

const RETENTION_MS: i64 = 150_000;
const INTERVAL_MS: i64 = 75_000;
const FORMAT: RestoreFormat = RestoreFormat::Session { retention_ms: RETENTION_MS };

#[derive(Clone, Debug)]
enum Step {
    Put(SessionKey<String>, Option<u32>),
    FetchSession(SessionKey<String>),
    Find(String, i64, i64, bool),
    FindOfKeys(Option<String>, Option<String>, i64, i64, bool),
    FindEnding(i64, i64, bool),
    /// If true, the backend gets the changes with a later commit.
    Commit(bool),
    Rollback,
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    // Few keys and times, so that sessions are met again; keys that are prefixes of each other, and zero bytes.
    prop::sample::select(vec!["", "a", "a\0", "ab"]).prop_map(String::from)
}

fn time() -> impl Strategy<Value = i64> {
    (0..10i64).prop_map(|slot| slot * 45_000)
}

fn session() -> impl Strategy<Value = SessionKey<String>> {
    (key(), time(), 0..3i64).prop_map(|(key, start, slots)| SessionKey {
        key,
        start,
        end: start + slots * 30_000,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let keys = || prop::option::of(key());
    prop_oneof![
        8 => (session(), prop::option::weighted(0.7, any::<u32>())).prop_map(|(s, v)| Step::Put(s, v)),
        2 => session().prop_map(Step::FetchSession),
        4 => (key(), time(), time(), any::<bool>()).prop_map(|(k, e, s, b)| Step::Find(k, e, s, b)),
        2 => (keys(), keys(), time(), time(), any::<bool>()).prop_map(|(a, z, e, s, b)| Step::FindOfKeys(a, z, e, s, b)),
        1 => (time(), time(), any::<bool>()).prop_map(|(e, l, b)| Step::FindEnding(e, l, b)),
        3 => any::<bool>().prop_map(Step::Commit),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Default)]
struct State {
    /// By segment and key bytes: the order of range reads, as in Kafka Streams not quite that of keys.
    sessions: BTreeMap<(i64, Vec<u8>), (SessionKey<String>, u32)>,
    observed: i64,
}

type Found = Vec<(SessionKey<String>, u32)>;

impl State {
    fn put(&mut self, session: SessionKey<String>, value: Option<u32>) {
        self.observed = self.observed.max(session.end);
        let segment = session.end / INTERVAL_MS;
        if segment >= (self.observed - RETENTION_MS) / INTERVAL_MS {
            let mut bytes = Vec::new();
            session_key::encode(session.key.as_bytes(), session.start, session.end, &mut bytes);
            match value {
                Some(value) => self.sessions.insert((segment, bytes), (session, value)),
                None => self.sessions.remove(&(segment, bytes)),
            };
        }
    }

    fn find(&self, wanted: impl Fn(&SessionKey<String>) -> bool) -> Found {
        let earliest = self.observed - RETENTION_MS + 1;
        self.sessions
            .values()
            .filter(|(session, _)| session.end >= earliest && wanted(session))
            .cloned()
            .collect()
    }
}

fn open(world: &World, cache_bytes: usize) -> SessionTable<String, u32> {
    let format = ValueFormat::plain(number());
    let spec = SessionSpec::new("store", world.backend().clone(), text(), format, RETENTION_MS);
    SessionTable::open(SessionSpec { cache_bytes, ..spec }).unwrap()
}

fn read(store: &mut SessionTable<String, u32>, now: &State, step: &Step) -> Option<(Found, Found)> {
    let (found, expected, backward) = match step {
        Step::Find(key, earliest, latest, backward) => {
            let found = store.find_sessions(key, *earliest, *latest).unwrap();
            let wanted = |s: &SessionKey<String>| s.key == *key && s.end >= *earliest && s.start <= *latest;
            (found, now.find(wanted), *backward)
        }
        Step::FindOfKeys(first, last, earliest, latest, backward) => {
            let (first, last) = (first.as_ref(), last.as_ref());
            let found = store.find_sessions_of_keys(first, last, *earliest, *latest).unwrap();
            let wanted = |s: &SessionKey<String>| {
                let inside =
                    first.is_none_or(|first| s.key >= *first) && last.is_none_or(|last| s.key <= *last);
                inside && s.end >= *earliest && s.start <= *latest
            };
            (found, now.find(wanted), *backward)
        }
        Step::FindEnding(earliest, latest, backward) => {
            let found = store.find_sessions_ending(*earliest, *latest);
            (found, now.find(|session| (*earliest..=*latest).contains(&session.end)), *backward)
        }
        _ => return None,
    };
    Some((collected(found.over(store), backward), in_direction(expected, backward)))
}

fn run(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let mut world = World::new(on_disk);
    let mut store = open(&world, cache_bytes);
    let empty = State { observed: -1, ..State::default() };
    let (mut now, mut committed) = (empty.clone(), empty);
    // How many records of the log the backend has for certain.
    let (mut log, mut written) = (Vec::new(), 0);
    for (clock, step) in (0i64..).zip(steps) {
        if let Some((found, expected)) = read(&mut store, &now, &step) {
            assert_eq!(found, expected, "{step:?}");
        }
        match step {
            Step::Put(session, value) => {
                store.put(&session, value, clock).unwrap();
                now.put(session, value);
            }
            Step::FetchSession(SessionKey { key, start, end }) => {
                let expected = now.find(|s| (&s.key, s.start, s.end) == (&key, start, end)).pop();
                let found = store.fetch_session(&key, start, end).unwrap();
                assert_eq!(found, expected.map(|(_, value)| value));
            }
            Step::Commit(owing) => {
                commit_owing(owing, &mut store, world.backend(), &mut log);
                committed = now.clone();
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
            _ => {}
        }
        if !store.has_deferred() {
            written = log.len();
        }
    }
    let all: Vec<_> = store.all().over(&store).map(Result::unwrap).collect();
    assert_eq!(all, now.find(|_| true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_memory(cache in prop::sample::select(vec![0usize, 1000, 1 << 20]), steps in prop::collection::vec(step(), 0..80)) {
        run(false, cache, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn on_disk(cache in prop::sample::select(vec![0usize, 1000, 1 << 20]), steps in prop::collection::vec(step(), 0..120)) {
        run(true, cache, steps);
    }
}
