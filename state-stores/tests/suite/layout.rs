//! The bytes of local entries and changelog records are Kafka Streams'.

use state_stores::keyspaces::store_keyspace;
use state_stores::{
    Headers, KeyValueSpec, SessionKey, SessionSpec, SessionTable, StateStore, TimestampedKeyValueTable,
    TimestampedWindowTable, ValueAndTimestamp, ValueFormat, WindowSpec, WindowTable,
};

use crate::support::{Logged, World, commit, contents, number, text};

type Entry = (Vec<u8>, Vec<u8>);

fn at(value: u32, timestamp: i64) -> ValueAndTimestamp<u32> {
    ValueAndTimestamp { value, timestamp }
}

fn written(world: &World, store: &mut dyn StateStore) -> (Vec<Logged>, Vec<Entry>) {
    let mut log = Vec::new();
    commit(store, world.backend(), &mut log);
    let keyspace = store_keyspace(&**world.backend(), store.name()).unwrap();
    (log, contents(&**world.backend(), keyspace).into_iter().collect())
}

#[test]
fn of_a_timestamped_key_value_store() {
    for world in World::both() {
        let format = ValueFormat::timestamped(number());
        let spec = KeyValueSpec::new("store", world.backend().clone(), text(), format);
        let mut store = TimestampedKeyValueTable::open(spec).unwrap();
        store.put(&"k".into(), Some(at(7, 258)), 300).unwrap();
        store.put(&"gone".into(), Some(at(7, 258)), 300).unwrap();
        store.delete(&"gone".into(), 301).unwrap();
        let (log, local) = written(&world, &mut store);
        let value = (b"k".to_vec(), Some(vec![0, 0, 0, 7]), 258, Headers::new());
        assert_eq!(log, [value, (b"gone".to_vec(), None, 301, Headers::new())]);
        assert_eq!(local, [(b"k".to_vec(), vec![0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7])]);
    }
}

#[test]
fn of_a_timestamped_window_store() {
    for world in World::both() {
        let format = ValueFormat::timestamped(number());
        let spec = WindowSpec::new("store", world.backend().clone(), text(), format, 1000);
        let mut store = TimestampedWindowTable::open(spec).unwrap();
        store.put(&"k".into(), Some(at(7, 60_005)), 60_000, 1).unwrap();
        let (log, local) = written(&world, &mut store);
        let key = [b'k', 0, 0, 0, 0, 0, 0, 0xEA, 0x60, 0, 0, 0, 0];
        assert_eq!(log, [(key.to_vec(), Some(vec![0, 0, 0, 7]), 60_005, Headers::new())]);
        let segmented = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &key].concat();
        let value = [&60_005i64.to_be_bytes()[..], &[0, 0, 0, 7]].concat();
        let observed = (b"\xFFobserved-stream-time".to_vec(), 60_000i64.to_be_bytes().to_vec());
        assert_eq!(local, [(segmented, value), observed]);
    }
}

#[test]
fn of_a_window_store_with_duplicates() {
    let world = World::new(false);
    let format = ValueFormat::plain(number());
    let spec = WindowSpec::new("store", world.backend().clone(), text(), format, 1000);
    let mut store = WindowTable::open(WindowSpec { retain_duplicates: true, ..spec }).unwrap();
    // The null leaves no record, but Kafka Streams gives it a number (ChangeLoggingWindowBytesStore.put).
    store.put(&"k".into(), Some(1), 5, 50).unwrap();
    store.put(&"k".into(), None, 5, 51).unwrap();
    store.put(&"k".into(), Some(2), 5, 52).unwrap();
    let (log, _) = written(&world, &mut store);
    let key = |seqnum| [&[b'k', 0, 0, 0, 0, 0, 0, 0, 5][..], &i32::to_be_bytes(seqnum)].concat();
    let value = |value: u32| Some(value.to_be_bytes().to_vec());
    assert_eq!(log, [(key(1), value(1), 50, Headers::new()), (key(3), value(2), 52, Headers::new())]);
    let all = store.fetch_range(&"k".into(), 0, 10).unwrap().over(&store);
    assert_eq!(all.map(|entry| entry.unwrap().1).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn of_a_session_store() {
    for world in World::both() {
        let format = ValueFormat::plain(number());
        let spec = SessionSpec::new("store", world.backend().clone(), text(), format, 1000);
        let mut store = SessionTable::open(spec).unwrap();
        store.put(&SessionKey { key: "k".into(), start: 1, end: 60_000 }, Some(7), 300).unwrap();
        let (log, local) = written(&world, &mut store);
        let key = [b'k', 0, 0, 0, 0, 0, 0, 0xEA, 0x60, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(log, [(key.to_vec(), Some(vec![0, 0, 0, 7]), 300, Headers::new())]);
        assert_eq!(local[0], ([&[0, 0, 0, 0, 0, 0, 0, 1][..], &key].concat(), vec![0, 0, 0, 7]));
    }
}
