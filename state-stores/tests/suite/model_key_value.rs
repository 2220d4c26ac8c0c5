//! A key-value store does what an ordered map does, whatever is committed, rolled back, evicted or reopened.

use std::collections::BTreeMap;

use proptest::prelude::*;
use state_stores::{
    FlushedChange, Headers, KeyValueSpec, RestoreFormat, StateStore, TimestampedKeyValueTable, Tracking,
    ValueAndTimestamp, ValueFormat,
};

use crate::support::{Logged, World, collected, contents, in_direction, number, restore, stage_owing, text};

#[derive(Clone, Debug)]
enum Step {
    Put(String, u32),
    Delete(String),
    PutIfAbsent(String, u32),
    Get(String),
    Range(Option<String>, Option<String>, bool),
    Prefix(String),
    TakeChanges,
    /// If true, the backend gets the changes with a later commit.
    Commit(bool),
    /// The value is put while the commit is under way.
    CommitAround(String, u32, bool),
    StageOnly,
    Rollback,
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    // Short keys of few letters: prefixes of each other, and met again.
    prop::collection::vec(prop::sample::select(vec!['\0', 'a', 'b']), 0..4).prop_map(String::from_iter)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (key(), any::<u32>()).prop_map(|(key, value)| Step::Put(key, value)),
        3 => key().prop_map(Step::Delete),
        1 => (key(), any::<u32>()).prop_map(|(key, value)| Step::PutIfAbsent(key, value)),
        3 => key().prop_map(Step::Get),
        2 => (prop::option::of(key()), prop::option::of(key()), any::<bool>())
            .prop_map(|(from, to, back)| Step::Range(from, to, back)),
        1 => key().prop_map(Step::Prefix),
        2 => Just(Step::TakeChanges),
        3 => any::<bool>().prop_map(Step::Commit),
        1 => (key(), any::<u32>(), any::<bool>()).prop_map(|(key, value, owing)| Step::CommitAround(key, value, owing)),
        1 => Just(Step::StageOnly),
        1 => Just(Step::Rollback),
        1 => Just(Step::Reopen),
    ]
}

type Value = ValueAndTimestamp<u32>;
type Map = BTreeMap<String, Value>;

/// Changes by key: order of the last update, the value before the first one, the time of the last one.
type Changed = BTreeMap<String, (i64, Option<Value>)>;

struct Model {
    world: World,
    store: TimestampedKeyValueTable<String, u32>,
    cache_bytes: usize,
    now: Map,
    committed: Map,
    changed: Changed,
    clock: i64,
    /// Records of commits that went through, and those staged for the next.
    log: Vec<Logged>,
    /// How many records of the log the backend has for certain.
    written: usize,
    staging: (Vec<Logged>, Vec<state_stores::Batch>),
}

fn open(world: &World, cache_bytes: usize) -> TimestampedKeyValueTable<String, u32> {
    let format = ValueFormat::timestamped(number());
    let spec = KeyValueSpec::new("store", world.backend().clone(), text(), format);
    TimestampedKeyValueTable::open(KeyValueSpec { cache_bytes, tracking: Tracking::NewAndOld, ..spec })
        .unwrap()
}

impl Model {
    fn new(on_disk: bool, cache_bytes: usize) -> Self {
        let world = World::new(on_disk);
        let store = open(&world, cache_bytes);
        let (now, committed, changed) = Default::default();
        Model {
            world,
            store,
            cache_bytes,
            now,
            committed,
            changed,
            clock: 0,
            log: vec![],
            written: 0,
            staging: Default::default(),
        }
    }

    fn put(&mut self, key: String, value: Option<u32>) {
        self.clock += 1;
        let value = value.map(|value| ValueAndTimestamp { value, timestamp: 1000 - self.clock });
        self.store.put(&key, value.clone(), self.clock).unwrap();
        self.note(key, value);
    }

    fn note(&mut self, key: String, value: Option<Value>) {
        let old = match value {
            Some(value) => self.now.insert(key.clone(), value),
            None => self.now.remove(&key),
        };
        self.changed.entry(key).or_insert((0, old)).0 = self.clock;
    }

    fn finish_commit(&mut self) {
        for batch in std::mem::take(&mut self.staging.1) {
            self.world.backend().write(&batch).unwrap();
        }
        self.log.append(&mut self.staging.0);
        StateStore::committed(&mut self.store).unwrap();
        if !self.store.has_deferred() {
            self.written = self.log.len();
        }
    }

    fn stage(&mut self, owing: bool) {
        let batch = stage_owing(owing, &mut self.store, &mut self.staging.0);
        self.staging.1.push(batch);
    }

    /// Back to what is committed: what the backend lacks comes from the changelog.
    fn recover(&mut self, reopen: bool) {
        StateStore::rollback(&mut self.store);
        assert_eq!((self.store.uncommitted_bytes(), self.store.deferred_bytes()), (0, 0));
        if reopen || self.written < self.log.len() {
            // The store holds on to the backend, so it goes first.
            self.store = open(&World::new(false), 0);
            if reopen {
                self.world.reopen();
            }
            let format = RestoreFormat::TimestampedKeyValue;
            restore(format, self.world.backend(), &self.log[self.written..], 3);
            self.store = open(&self.world, self.cache_bytes);
        }
        self.written = self.log.len();
        self.now = self.committed.clone();
        self.changed.clear();
        self.staging = Default::default();
    }

    fn take_changes(&mut self) {
        let mut expected: Vec<_> = std::mem::take(&mut self.changed).into_iter().collect();
        expected.sort_by_key(|(_, (order, _))| *order);
        let changes = expected.into_iter().map(|(key, (timestamp, old))| FlushedChange {
            new: self.now.get(&key).cloned(),
            key,
            old,
            timestamp,
            headers: Headers::new(),
        });
        let expected: Vec<_> =
            changes.filter(|change| change.new.is_some() || change.old.is_some()).collect();
        assert_eq!(self.store.take_changes().unwrap(), expected);
    }

    fn range(&mut self, from: Option<String>, to: Option<String>, backward: bool) {
        let inside =
            |key: &String| from.as_ref().is_none_or(|f| key >= f) && to.as_ref().is_none_or(|t| key <= t);
        let expected = self.now.clone().into_iter().filter(|(key, _)| inside(key));
        let found = self.store.range(from.as_ref(), to.as_ref()).unwrap().over(&self.store);
        assert_eq!(collected(found, backward), in_direction(expected, backward));
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Put(key, value) => self.put(key, Some(value)),
            Step::Delete(key) => {
                self.clock += 1;
                assert_eq!(self.store.delete(&key, self.clock).unwrap(), self.now.get(&key).cloned());
                self.note(key, None);
            }
            Step::PutIfAbsent(key, value) => {
                self.clock += 1;
                let value = ValueAndTimestamp { value, timestamp: 7 };
                let old = self.store.put_if_absent(&key, value.clone(), self.clock).unwrap();
                assert_eq!(old, self.now.get(&key).cloned());
                if old.is_none() {
                    self.note(key, Some(value));
                }
            }
            Step::Get(key) => assert_eq!(self.store.get(&key).unwrap(), self.now.get(&key).cloned()),
            Step::Range(from, to, backward) => self.range(from, to, backward),
            Step::Prefix(prefix) => {
                let found = self.store.prefix_scan(prefix.as_bytes()).over(&self.store);
                let found: Vec<_> = found.map(Result::unwrap).collect();
                let with = self.now.clone().into_iter().filter(|(key, _)| key.starts_with(&prefix));
                assert_eq!(found, with.collect::<Vec<_>>());
            }
            Step::TakeChanges => self.take_changes(),
            Step::StageOnly => self.stage(false),
            Step::Commit(owing) => {
                self.stage(owing);
                self.finish_commit();
                self.committed = self.now.clone();
            }
            Step::CommitAround(key, value, owing) => {
                self.stage(owing);
                let staged = self.now.clone();
                self.put(key, Some(value));
                self.finish_commit();
                self.committed = staged;
            }
            Step::Rollback => self.recover(false),
            Step::Reopen => self.recover(true),
        }
    }

    /// What was logged is what is stored: a restored store equals this one.
    fn check_log(mut self) {
        self.take_changes();
        self.stage(false);
        self.finish_commit();
        self.range(None, None, false);
        let other = World::new(false);
        restore(RestoreFormat::TimestampedKeyValue, other.backend(), &self.log, usize::MAX);
        let [this, that] = [&self.world, &other].map(|world| {
            let keyspace = world.backend().keyspace("store/store").unwrap();
            contents(&**world.backend(), keyspace)
        });
        assert_eq!(this, that);
    }
}

fn run(on_disk: bool, cache_bytes: usize, steps: Vec<Step>) {
    let mut model = Model::new(on_disk, cache_bytes);
    for step in steps {
        model.apply(step);
    }
    // Several stages of one transaction overwrite each other in order; write them before the final commit.
    model.apply(Step::Commit(false));
    model.check_log();
}

fn cache_bytes() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0usize, 600, 1 << 20])
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
