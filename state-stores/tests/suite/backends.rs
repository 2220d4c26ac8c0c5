//! Both backends do the same: batches over keyspaces, scans in both directions, range deletions, reopening.

use std::ops::Bound::{Excluded, Included, Unbounded};

use proptest::prelude::*;
use state_stores::{Batch, Direction, RocksBackend, StoreError, offsets};

use crate::support::{World, contents, in_direction, memory};

#[test]
fn a_batch_spans_keyspaces_and_survives_reopening() {
    for mut world in World::both() {
        let (one, two) = (world.backend().keyspace("one").unwrap(), world.backend().keyspace("two").unwrap());
        assert_ne!(one, two);
        let mut batch = Batch::new();
        batch.put(one, b"a", b"1");
        batch.put(two, b"a", b"2");
        batch.put(two, b"b", b"");
        batch.delete(one, b"a");
        world.backend().write(&batch).unwrap();
        world.reopen();
        let backend = world.backend();
        assert_eq!((backend.keyspace("one").unwrap(), backend.keyspace("two").unwrap()), (one, two));
        assert_eq!(backend.get(one, b"a").unwrap(), None);
        assert_eq!(backend.get(two, b"a").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(backend.get(two, b"b").unwrap().as_deref(), Some(&b""[..]));
        backend.flush().unwrap();
        assert!(backend.disk_bytes().unwrap() > 0);
        assert_eq!(backend.approximate_num_entries(two).unwrap(), 2);
    }
}

#[test]
fn a_keyspace_is_emptied_and_others_stay() {
    for world in World::both() {
        let (one, two) = (world.backend().keyspace("one").unwrap(), world.backend().keyspace("two").unwrap());
        let mut batch = Batch::new();
        for keyspace in [one, two] {
            batch.put(keyspace, b"", b"1");
            batch.put(keyspace, b"\xFFobserved", b"2");
        }
        batch.delete_all(one);
        batch.put(one, b"after", b"3");
        world.backend().write(&batch).unwrap();
        let contents = |keyspace| contents(&**world.backend(), keyspace).len();
        assert_eq!((contents(one), contents(two)), (1, 2));
    }
}

#[test]
fn an_unknown_keyspace_is_an_error() {
    let [first, second] = World::both();
    let keyspace = second.backend().keyspace("only-here").unwrap();
    assert!(matches!(first.backend().get(keyspace, b"a"), Err(StoreError::NoKeyspace { .. })));
}

#[test]
fn offsets_are_kept_as_kafka_streams_does() {
    for world in World::both() {
        let backend = world.backend();
        let keyspace = offsets::offsets_keyspace(&**backend).unwrap();
        let mut batch = Batch::new();
        offsets::put_offset(&mut batch, keyspace, "app-store-changelog", 3, 258);
        offsets::put_offset(&mut batch, keyspace, "gone", 0, 1);
        offsets::delete_offset(&mut batch, keyspace, "gone", 0);
        backend.write(&batch).unwrap();
        let raw = backend.get(keyspace, b"app-store-changelog-3").unwrap();
        assert_eq!(raw.as_deref(), Some(&[0, 0, 0, 0, 0, 0, 1, 2][..]));
        let read = offsets::read_offsets(&**backend).unwrap();
        let expected =
            offsets::StoredOffset { topic: "app-store-changelog".into(), partition: 3, offset: 258 };
        assert_eq!(read, [expected]);
    }
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let first = RocksBackend::open(dir.path(), memory()).unwrap();
    let second = RocksBackend::open(dir.path(), memory()).unwrap_err();
    assert!(matches!(&second, StoreError::Locked { dir: named } if named == dir.path()), "{second}");
    assert!(second.to_string().contains(&dir.path().display().to_string()));
    drop(first);
    RocksBackend::open(dir.path(), memory()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RocksBackend::open(file.path(), memory()).unwrap_err();
    assert!(matches!(error, StoreError::Open { .. }), "{error}");
    assert!(error.to_string().contains(&file.path().display().to_string()));
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, b'a', 0xFF]), 0..4)
}

fn bound() -> impl Strategy<Value = std::ops::Bound<Vec<u8>>> {
    prop_oneof![Just(Unbounded), key().prop_map(Included), key().prop_map(Excluded)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn backends_agree(
        batches in prop::collection::vec(prop::collection::vec((0..4u8, key(), key()), 0..20), 1..5),
        ranges in prop::collection::vec((bound(), bound()), 8),
    ) {
        let [first, second] = World::both();
        for writes in batches {
            for world in [&first, &second] {
                let keyspace = world.backend().keyspace("k").unwrap();
                let mut batch = Batch::new();
                for (kind, key, other) in &writes {
                    match kind {
                        0 => batch.delete(keyspace, key),
                        1 if key < other => batch.delete_range(keyspace, key, other),
                        _ => batch.put(keyspace, key, other),
                    }
                }
                world.backend().write(&batch).unwrap();
            }
        }
        let spaces = [&first, &second].map(|world| (&**world.backend(), world.backend().keyspace("k").unwrap()));
        let [all, same] = spaces.map(|(backend, keyspace)| contents(backend, keyspace));
        prop_assert_eq!(&all, &same);
        for range in ranges {
            let as_slices = (range.0.as_ref().map(|key| &key[..]), range.1.as_ref().map(|key| &key[..]));
            let contained = |key: &[u8]| std::ops::RangeBounds::<[u8]>::contains(&as_slices, key);
            let expected: Vec<_> = all.clone().into_iter().filter(|(key, _)| contained(key)).collect();
            for direction in [Direction::Forward, Direction::Backward] {
                let expected = in_direction(expected.clone(), direction == Direction::Backward);
                for (backend, keyspace) in spaces {
                    let scan = backend.scan(keyspace, as_slices, direction).unwrap();
                    let found: Vec<_> = scan.map(|e| e.unwrap()).map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
                    prop_assert_eq!(&found, &expected);
                }
            }
        }
    }
}

#[test]
fn a_long_scan_of_memory_crosses_its_chunks() {
    let world = World::new(false);
    let keyspace = world.backend().keyspace("k").unwrap();
    let mut batch = Batch::new();
    for number in 0..1000u32 {
        batch.put(keyspace, &number.to_be_bytes(), b"");
    }
    world.backend().write(&batch).unwrap();
    assert_eq!(contents(&**world.backend(), keyspace).len(), 1000);
}
