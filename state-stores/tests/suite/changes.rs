//! What a flush forwards: each changed key once, with the value before, unless nothing happened in the end.

use state_stores::{
    Headers, KeyValueSpec, KeyValueTable, SessionKey, SessionSpec, SessionTable, StateStore, Tracking,
    ValueFormat, WindowSpec, WindowTable,
};

use crate::support::{World, commit, number, stage, text};

fn key_values(world: &World, tracking: Tracking) -> KeyValueTable<String, u32> {
    let spec = KeyValueSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()));
    KeyValueTable::open(KeyValueSpec { tracking, ..spec }).unwrap()
}

#[test]
fn a_key_never_stored_and_deleted_again_is_neither_forwarded_nor_logged() {
    for tracking in [Tracking::New, Tracking::NewAndOld] {
        for world in World::both() {
            let (mut store, mut log) = (key_values(&world, tracking), Vec::new());
            store.put(&"a".into(), Some(1), 1).unwrap();
            store.put(&"a".into(), None, 2).unwrap();
            store.put(&"blind".into(), None, 3).unwrap();
            assert_eq!(store.take_changes().unwrap(), []);
            commit(&mut store, world.backend(), &mut log);
            assert!(log.is_empty());
        }
    }
}

#[test]
fn the_tombstone_of_a_value_that_was_forwarded_is_not_lost() {
    for world in World::both() {
        let (mut store, mut log) = (key_values(&world, Tracking::New), Vec::new());
        store.put(&"a".into(), Some(1), 1).unwrap();
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(store.take_changes().unwrap().len(), 1);
        store.put(&"a".into(), None, 2).unwrap();
        assert_eq!(store.take_changes().unwrap().len(), 1);
        // Seen from downstream nothing happens here, but the deletion above is not staged yet.
        store.put(&"a".into(), Some(2), 3).unwrap();
        store.put(&"a".into(), None, 4).unwrap();
        assert_eq!(store.take_changes().unwrap(), []);
        log.clear();
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(log, [(b"a".to_vec(), None, 4, Headers::new())]);
        drop(store);
        assert_eq!(key_values(&world, Tracking::Off).get(&"a".into()).unwrap(), None);
    }
}

#[test]
fn a_blind_deletion_of_a_stored_key_is_forwarded() {
    for world in World::both() {
        let (mut store, mut log) = (key_values(&world, Tracking::New), Vec::new());
        store.put(&"a".into(), Some(1), 1).unwrap();
        commit(&mut store, world.backend(), &mut log);
        drop(store);
        let mut store = key_values(&world, Tracking::New);
        store.put(&"a".into(), None, 2).unwrap();
        let changes = store.take_changes().unwrap();
        assert_eq!((changes[0].key.as_str(), changes[0].new, changes[0].timestamp), ("a", None, 2));
    }
}

#[test]
fn window_and_session_changes_carry_their_times() {
    let world = World::new(false);
    let spec =
        WindowSpec::new("windows", world.backend().clone(), text(), ValueFormat::plain(number()), 1000);
    let mut windows = WindowTable::open(WindowSpec { tracking: Tracking::NewAndOld, ..spec }).unwrap();
    windows.put(&"a".into(), Some(1), 10, 11).unwrap();
    windows.put(&"b".into(), Some(1), 20, 21).unwrap();
    windows.put(&"a".into(), Some(2), 10, 22).unwrap();
    let changes = windows.take_changes().unwrap();
    let found: Vec<_> =
        changes.iter().map(|of| (of.key.0.as_str(), of.key.1, of.new, of.old, of.timestamp)).collect();
    assert_eq!(found, [("b", 20, Some(1), None, 21), ("a", 10, Some(2), None, 22)]);
    windows.put(&"a".into(), Some(3), 10, 23).unwrap();
    assert_eq!(windows.take_changes().unwrap()[0].old, Some(2));

    let spec =
        SessionSpec::new("sessions", world.backend().clone(), text(), ValueFormat::plain(number()), 1000);
    let mut sessions = SessionTable::open(SessionSpec { tracking: Tracking::New, ..spec }).unwrap();
    let session = SessionKey { key: "a".to_owned(), start: 5, end: 9 };
    sessions.put(&session, Some(1), 9).unwrap();
    assert_eq!(sessions.take_changes().unwrap()[0].key, session);
}

#[test]
fn headers_are_forwarded_and_logged_only_when_asked_for() {
    let mut headers = Headers::new();
    headers.add("source", Some("1"));
    for log_headers in [false, true] {
        let world = World::new(false);
        let spec = KeyValueSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()));
        let spec = KeyValueSpec { tracking: Tracking::New, log_headers, ..spec };
        let (mut store, mut log) = (KeyValueTable::open(spec).unwrap(), Vec::new());
        store.put_with(&"a".into(), Some(1), 1, headers.clone()).unwrap();
        assert_eq!(store.take_changes().unwrap()[0].headers, headers);
        stage(&mut store, &mut log);
        assert_eq!(log[0].3, if log_headers { headers.clone() } else { Headers::new() });
    }
}

#[test]
fn sessions_that_come_and_go_between_commits_are_not_logged() {
    for world in World::both() {
        let spec =
            SessionSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()), 1000);
        let (mut store, mut log) = (SessionTable::open(spec).unwrap(), Vec::new());
        let session = |end| SessionKey { key: "a".to_owned(), start: 0, end };
        for end in 1..=10 {
            store.put(&session(end), Some(1), end).unwrap();
            if end > 1 {
                store.remove(&session(end - 1), end).unwrap();
            }
        }
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(log.len(), 1);
        store.put(&session(11), Some(2), 11).unwrap();
        store.remove(&session(10), 11).unwrap();
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(log.len(), 3, "the one that was committed needs its tombstone");
        assert_eq!(store.all().over(&store).count(), 1);
    }
}

#[test]
fn the_deletion_of_what_never_was_is_logged() {
    for world in World::both() {
        let (plain, backend) = (ValueFormat::plain(number()), world.backend().clone());
        let spec = KeyValueSpec::new("store", backend, text(), plain);
        let (mut store, mut log) = (KeyValueTable::open(spec).unwrap(), Vec::new());
        // Known to be absent, unknown, and come and gone.
        assert_eq!(store.get(&"a".into()).unwrap(), None);
        store.put(&"a".into(), None, 1).unwrap();
        store.put(&"b".into(), None, 2).unwrap();
        assert_eq!(store.get(&"c".into()).unwrap(), None);
        store.put(&"c".into(), Some(1), 3).unwrap();
        store.put(&"c".into(), None, 4).unwrap();
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(log.iter().map(|logged| logged.0.clone()).collect::<Vec<_>>(), [b"a", b"b"]);
    }
}

#[test]
fn changes_that_nobody_takes_end_with_the_flush_and_are_logged() {
    for world in World::both() {
        let (mut store, mut log) = (key_values(&world, Tracking::New), Vec::new());
        store.put(&"kept".into(), Some(1), 1).unwrap();
        store.put(&"deleted".into(), Some(2), 2).unwrap();
        store.put(&"deleted".into(), None, 3).unwrap();
        store.end_flush();
        assert_eq!(store.take_changes().unwrap(), []);
        commit(&mut store, world.backend(), &mut log);
        let keys: Vec<_> = log.iter().map(|(key, value, ..)| (&key[..], value.is_some())).collect();
        assert_eq!(keys, [(&b"kept"[..], true), (&b"deleted"[..], false)]);
    }
}
