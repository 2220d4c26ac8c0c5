//! A store may be read and changed in the middle of a scan; nothing panics.

use std::time::{Duration, UNIX_EPOCH};

use state_stores::{Batch, MemoryBackend};

use super::*;
use crate::serde::DefaultSerde;
use crate::store::{
    KeyValueStore, KeyValueStoreBuilder, OpenedStore, RecordClock, SessionStore, StoreEnvironment,
    StoreFactory, Stores, VersionedKeyValueStore, WindowStore,
};
use crate::window::{Window, Windowed};

const HOUR: Duration = Duration::from_secs(3_600);

type Counts = KeyValueStore<String, i64>;

fn environment() -> StoreEnvironment {
    StoreEnvironment {
        task: TaskId::new(0, 0),
        backend: Arc::new(MemoryBackend::new()),
        clock: Rc::new(RecordClock::default()),
        changelog: "changelog".into(),
        cache_bytes: 0,
        caching: true,
    }
}

fn open<H: Clone + 'static>(factory: &dyn StoreFactory, environment: &StoreEnvironment) -> (H, OpenedStore) {
    let opened = factory.open(environment).unwrap();
    (opened.handle.downcast_ref::<H>().unwrap().clone(), opened)
}

fn counts(cached: bool, environment: &StoreEnvironment) -> (Counts, OpenedStore) {
    let builder = KeyValueStoreBuilder::new("counts", String::default_serde(), i64::default_serde());
    let builder = if cached { builder.with_caching_enabled() } else { builder };
    open(&builder, environment)
}

fn commit(opened: &OpenedStore, environment: &StoreEnvironment) {
    let mut batch = Batch::new();
    let mut store = opened.store.borrow_mut();
    store.stage(&mut |_| Ok(()), &mut batch).unwrap();
    environment.backend.write(&batch).unwrap();
    store.committed().unwrap();
}

fn key(number: i64) -> String {
    format!("{number:03}")
}

#[test]
fn a_loop_may_delete_move_and_read_what_it_scans() {
    for cached in [false, true] {
        let environment = environment();
        let (store, opened) = counts(cached, &environment);
        for number in 0..100 {
            store.put(&key(number), Some(number)).unwrap();
            if number == 60 {
                commit(&opened, &environment);
            }
        }
        for entry in store.all().unwrap() {
            let (key, value) = entry.unwrap();
            assert_eq!(store.delete(&key).unwrap(), Some(value));
            store.put(&format!("{key}, later"), Some(value)).unwrap();
        }
        let left: Vec<_> = store.all().unwrap().map(Result::unwrap).collect();
        assert_eq!(left, (0..100).map(|number| (format!("{number:03}, later"), number)).collect::<Vec<_>>());
    }
}

#[test]
fn a_scan_gives_values_of_the_moment_and_what_a_commit_leaves() {
    let environment = environment();
    let (store, opened) = counts(false, &environment);
    for number in 0..6 {
        store.put(&key(number), Some(number)).unwrap();
    }
    let mut rows = store.all().unwrap();
    assert_eq!(rows.next_back().unwrap().unwrap(), (key(5), 5));
    store.put(&key(1), Some(100)).unwrap();
    store.delete(&key(2)).unwrap();
    for new in ["0005", "0035"] {
        store.put(&new.to_owned(), Some(7)).unwrap();
    }
    assert_eq!(rows.next().unwrap().unwrap(), (key(0), 0));
    assert_eq!(rows.next().unwrap().unwrap(), (key(1), 100));
    assert_eq!(rows.next().unwrap().unwrap(), (key(3), 3));
    commit(&opened, &environment);
    assert_eq!(rows.next().unwrap().unwrap(), ("0035".to_owned(), 7));
    assert_eq!(rows.next().unwrap().unwrap(), (key(4), 4));
    assert!(rows.next().is_none() && rows.next_back().is_none());
}

#[test]
fn the_closure_that_looks_at_a_value_is_told_that_it_cannot_call_the_store() {
    let (store, _opened) = counts(false, &environment());
    store.put(&key(1), Some(1)).unwrap();
    let mut rows = store.all().unwrap();
    let (put, scan, next) = store
        .get_with(&key(1), |_| (store.put(&key(2), Some(2)), store.all().map(|_| ()), rows.next().unwrap()))
        .unwrap();
    for error in [put.unwrap_err(), scan.unwrap_err(), next.unwrap_err()] {
        let text = error.to_string();
        assert!(
            text.contains("store counts is called by a closure that looks at one of its values"),
            "{text}"
        );
    }
    assert_eq!((rows.count(), store.all().unwrap().count()), (0, 1), "that scan has ended");
}

#[test]
fn stores_take_every_kind_of_time() {
    let environment = environment();
    let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
    let (windows, _opened): (WindowStore<String, i64>, _) =
        open(&Stores::window_store::<String, i64>("windows", HOUR), &environment);
    windows.put(&key(1), Some(7), at(10)).unwrap();
    assert_eq!(windows.fetch(&key(1), at(10)).unwrap(), Some(7));
    assert_eq!(windows.fetch_with(&key(1), at(10), |value| value.copied()).unwrap(), Some(7));
    assert!(windows.fetch_with(&key(2), 10, |value| value.is_none()).unwrap());
    assert_eq!(windows.fetch_range(&key(1), at(5), 20).unwrap().count(), 1);
    assert_eq!(windows.fetch_all(0, at(9)).unwrap().count(), 0);

    let (sessions, _opened): (SessionStore<String, i64>, _) =
        open(&Stores::session_store::<String, i64>("sessions", HOUR), &environment);
    sessions.put(&Windowed::new(key(1), Window::new(10, 20)), Some(3)).unwrap();
    assert_eq!(sessions.fetch_session(&key(1), at(10), at(20)).unwrap(), Some(3));
    assert_eq!(sessions.find_sessions(&key(1), at(21), at(30)).unwrap().count(), 0);

    let builder = Stores::versioned_key_value_store::<String, i64>("versions", HOUR);
    let (versions, _opened): (VersionedKeyValueStore<String, i64>, _) = open(&builder, &environment);
    versions.put(&key(1), Some(&5), at(10)).unwrap();
    assert_eq!(versions.get_as_of(&key(1), at(11)).unwrap().map(|version| version.value), Some(5));
    assert!(versions.get_as_of(&key(1), at(9)).unwrap().is_none());
}

#[test]
fn windows_and_sessions_are_scanned_both_ways_by_keys() {
    let environment = environment();
    let (windows, _opened): (WindowStore<String, i64>, _) =
        open(&Stores::window_store::<String, i64>("windows", HOUR), &environment);
    let (sessions, _opened): (SessionStore<String, i64>, _) =
        open(&Stores::session_store::<String, i64>("sessions", HOUR), &environment);
    for number in 0..4 {
        windows.put(&key(number), Some(number), 10 * number).unwrap();
        let session = Windowed::new(key(number), Window::new(10 * number, 10 * number + 5));
        sessions.put(&session, Some(number)).unwrap();
    }
    let (first, last) = (key(1), key(2));
    let found = windows.fetch_keys(Some(&first), Some(&last), 0, 100).unwrap().rev();
    assert_eq!(found.map(Result::unwrap).collect::<Vec<_>>(), [(key(2), 20, 2), (key(1), 10, 1)]);
    let found = sessions.find_sessions_of_keys(Some(&first), None, 0, 20).unwrap().rev();
    let found: Vec<_> = found.map(Result::unwrap).map(|(session, value)| (session.key, value)).collect();
    assert_eq!(found, [(key(2), 2), (key(1), 1)]);
    assert_eq!((windows.all().unwrap().count(), sessions.all().unwrap().rev().count()), (4, 4));
    assert_eq!(windows.fetch_all(15, 100).unwrap().count(), 2);
}

#[test]
fn the_versions_of_a_key_are_scanned_both_ways() {
    let environment = environment();
    let builder = Stores::versioned_key_value_store::<String, i64>("versions", HOUR);
    let (versions, _opened): (VersionedKeyValueStore<String, i64>, _) = open(&builder, &environment);
    let at = [10, 20, 30, 40];
    for (value, timestamp) in (1..).zip(at) {
        versions.put(&key(1), Some(&value), timestamp).unwrap();
    }
    let values = |backward: bool| -> Vec<i64> {
        let all = versions.fetch(&key(1), 0, 100).unwrap();
        let values = all.map(|version| version.unwrap().value);
        if backward { values.rev().collect() } else { values.collect() }
    };
    assert_eq!((values(false), values(true)), (vec![1, 2, 3, 4], vec![4, 3, 2, 1]));
    let mut both = versions.fetch(&key(1), 15, 35).unwrap();
    let found = [both.next(), both.next_back(), both.next(), both.next_back()];
    let found = found.map(|version| version.map(|version| version.unwrap().value));
    assert_eq!(found, [Some(1), Some(3), Some(2), None]);
}
