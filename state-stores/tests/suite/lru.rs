//! An LRU map forgets what was not used for longest, says so in its changelog, and is restored with its order.

use state_stores::{
    BackendRef, Batch, Headers, KeyValueSpec, KeyValueTable, RestoreFormat, StateStore, ValueFormat,
};

use crate::support::{World, commit, number, stage, text};

type Store = KeyValueTable<String, u32>;

fn open(backend: &BackendRef, max_entries: usize) -> Store {
    let spec = KeyValueSpec::new("store", backend.clone(), text(), ValueFormat::plain(number()));
    Store::open(KeyValueSpec { max_entries: Some(max_entries), ..spec }).unwrap()
}

fn put(store: &mut Store, keys: &[&str]) {
    for key in keys {
        store.put(&(*key).to_owned(), Some(1), 5).unwrap();
    }
}

fn keys(store: &mut Store) -> String {
    store.all().over(store).map(|entry| entry.unwrap().0).collect()
}

#[test]
fn what_was_not_used_for_longest_is_forgotten() {
    for world in World::both() {
        let mut store = open(world.backend(), 2);
        put(&mut store, &["a", "b"]);
        store.get(&"a".to_owned()).unwrap();
        put(&mut store, &["c"]);
        assert_eq!(keys(&mut store), "ac");
        store.put(&"a".to_owned(), None, 5).unwrap();
        put(&mut store, &["d", "c", "e"]);
        assert_eq!(keys(&mut store), "ce");
    }
}

#[test]
fn what_is_forgotten_is_logged_before_what_it_went_for() {
    let world = World::new(false);
    let (mut store, mut log) = (open(world.backend(), 1), Vec::new());
    put(&mut store, &["a"]);
    commit(&mut store, world.backend(), &mut log);
    log.clear();
    put(&mut store, &["b"]);
    stage(&mut store, &mut log);
    let logged: Vec<_> = log.iter().map(|(key, value, ..)| (key.as_slice(), value.is_some())).collect();
    assert_eq!(logged, [(&b"a"[..], false), (&b"b"[..], true)]);
}

#[test]
fn a_rollback_takes_the_order_back() {
    let world = World::new(false);
    let (mut store, mut log) = (open(world.backend(), 2), Vec::new());
    put(&mut store, &["a", "b"]);
    commit(&mut store, world.backend(), &mut log);
    put(&mut store, &["a", "c"]);
    store.rollback();
    put(&mut store, &["d"]);
    assert_eq!(keys(&mut store), "bd");
}

#[test]
fn a_reopened_map_knows_the_order() {
    for mut world in World::both() {
        let (mut store, mut log) = (open(world.backend(), 2), Vec::new());
        put(&mut store, &["b", "a"]);
        commit(&mut store, world.backend(), &mut log);
        drop(store);
        world.reopen();
        let mut store = open(world.backend(), 2);
        put(&mut store, &["c"]);
        assert_eq!(keys(&mut store), "ac");
    }
}

#[test]
fn a_restored_map_has_the_order_of_its_changelog_and_its_bound() {
    let world = World::new(false);
    let format = RestoreFormat::Lru { timestamped: false, max_entries: 2 };
    let mut restorer = format.restorer("store", world.backend()).unwrap();
    for key in ["c", "a", "b"] {
        let (mut batch, value) = (Batch::new(), 1u32.to_be_bytes());
        restorer.restore(key.as_bytes(), Some(&value), 0, &Headers::new(), &mut batch).unwrap();
        world.backend().write(&batch).unwrap();
    }
    let mut store = open(world.backend(), 2);
    assert_eq!(keys(&mut store), "ab");
    put(&mut store, &["d"]);
    assert_eq!(keys(&mut store), "bd");
}
