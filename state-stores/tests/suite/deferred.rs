//! When the backend gets what was committed shows nowhere but there: reads, changes and the changelog do not depend on it.

use proptest::prelude::*;
use state_stores::{KeyValueSpec, KeyValueTable, StateStore, Tracking, ValueFormat};

use crate::support::{World, commit_owing, contents, number, text};

#[derive(Clone, Debug)]
enum Step {
    Put(String, Option<u32>),
    Get(String),
    TakeChanges,
    /// If true, one of the stores defers its writes.
    Commit(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || "[ab]{0,2}";
    prop_oneof![
        6 => (key(), prop::option::of(any::<u32>())).prop_map(|(key, value)| Step::Put(key, value)),
        2 => key().prop_map(Step::Get),
        2 => Just(Step::TakeChanges),
        2 => any::<bool>().prop_map(Step::Commit),
    ]
}

fn open(world: &World, tracking: Tracking) -> KeyValueTable<String, u32> {
    let spec = KeyValueSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()));
    KeyValueTable::open(KeyValueSpec { tracking, ..spec }).unwrap()
}

fn tracking() -> impl Strategy<Value = Tracking> {
    prop::sample::select(vec![Tracking::Off, Tracking::New, Tracking::NewAndOld])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn is_seen_in_the_backend_only(tracking in tracking(), steps in prop::collection::vec(step(), 0..60)) {
        let worlds = [World::new(false), World::new(false)];
        let mut stores = [0, 1].map(|which: usize| open(&worlds[which], tracking));
        let mut logs = [vec![], vec![]];
        let commit = |owing: bool, stores: &mut [KeyValueTable<String, u32>; 2], logs: &mut [Vec<_>; 2]| {
            // As the runtime does: what waits to go downstream goes first.
            let [this, that] = &mut *stores;
            assert_eq!(this.take_changes().unwrap(), that.take_changes().unwrap());
            for (which, owing) in [false, owing].into_iter().enumerate() {
                commit_owing(owing, &mut stores[which], worlds[which].backend(), &mut logs[which]);
            }
            assert_eq!(logs[0], logs[1]);
        };
        for (clock, step) in (0i64..).zip(steps) {
            let [this, that] = &mut stores;
            match step {
                Step::Put(key, value) => {
                    this.put(&key, value, clock).unwrap();
                    that.put(&key, value, clock).unwrap();
                }
                Step::Get(key) => assert_eq!(this.get(&key).unwrap(), that.get(&key).unwrap()),
                Step::TakeChanges => assert_eq!(this.take_changes().unwrap(), that.take_changes().unwrap()),
                Step::Commit(owing) => commit(owing, &mut stores, &mut logs),
            }
        }
        commit(false, &mut stores, &mut logs);
        let [this, that] = [0, 1].map(|which: usize| {
            contents(&**worlds[which].backend(), worlds[which].backend().keyspace("store/store").unwrap())
        });
        assert_eq!(this, that);
    }
}

#[test]
fn a_key_is_written_once_for_several_commits() {
    for world in World::both() {
        let (mut store, mut log) = (open(&world, Tracking::Off), vec![]);
        let keyspace = world.backend().keyspace("store/store").unwrap();
        for value in 1..=3 {
            store.put(&"a".into(), Some(value), 0).unwrap();
            commit_owing(true, &mut store, world.backend(), &mut log);
            assert!(store.has_deferred() && store.deferred_bytes() > 0);
        }
        assert_eq!((log.len(), contents(&**world.backend(), keyspace).len()), (3, 0));
        // Nothing changed since; pending writes are made all the same, and nothing is logged again.
        commit_owing(false, &mut store, world.backend(), &mut log);
        assert!(!store.has_deferred() && store.deferred_bytes() == 0);
        assert_eq!(contents(&**world.backend(), keyspace)[&b"a"[..]], 3u32.to_be_bytes());
        assert_eq!(log.len(), 3);
    }
}
