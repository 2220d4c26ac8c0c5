//! Expired windows leave the disk and memory, and new windows cost no reads.

use std::sync::Arc;

use state_stores::{
    Backend, BackendRef, Batch, MemoryBackend, RocksBackend, StateStore, ValueFormat, WindowSpec, WindowTable,
};

use crate::counting::Counting;
use crate::support::{World, commit, contents, memory, number, text};

const HOUR_MS: i64 = 3_600_000;

fn windows(backend: &BackendRef, cache_bytes: usize) -> WindowTable<String, u32> {
    let spec = WindowSpec::new("store", backend.clone(), text(), ValueFormat::plain(number()), HOUR_MS);
    WindowTable::open(WindowSpec { cache_bytes, ..spec }).unwrap()
}

#[test]
fn expired_segments_are_deleted_and_late_puts_dropped() {
    for world in World::both() {
        let (mut store, mut log) = (windows(world.backend(), 1 << 20), Vec::new());
        store.put(&"a".into(), Some(1), 0, 0).unwrap();
        commit(&mut store, world.backend(), &mut log);
        store.put(&"late".into(), Some(1), 1, 1).unwrap();
        // Segments are half an hour long: this makes the first one expire.
        store.put(&"b".into(), Some(2), HOUR_MS + HOUR_MS / 2, 2).unwrap();
        store.put(&"a".into(), Some(3), 10, 3).unwrap();
        assert_eq!((store.expired_puts(), store.fetch(&"a".into(), 0).unwrap()), (1, None));
        commit(&mut store, world.backend(), &mut log);
        let keyspace = world.backend().keyspace("store/store").unwrap();
        let local = contents(&**world.backend(), keyspace);
        assert_eq!(local.len(), 2, "one window and the observed stream time: {local:?}");
        // What was put in time is in the changelog even if it expired before the commit, as in Kafka Streams.
        assert_eq!(log.len(), 3);
    }
}

#[test]
fn an_ignored_null_tells_the_time_where_it_should() {
    for (nulls_tell_time, left) in [(false, 1), (true, 0)] {
        let world = World::new(false);
        let spec =
            WindowSpec::new("store", world.backend().clone(), text(), ValueFormat::plain(number()), HOUR_MS);
        let spec = WindowSpec { retain_duplicates: true, nulls_tell_time, ..spec };
        let (mut store, mut log) = (WindowTable::open(spec).unwrap(), Vec::new());
        store.put(&"a".into(), Some(1), 0, 0).unwrap();
        store.put(&"b".into(), None, 10 * HOUR_MS, 1).unwrap();
        assert_eq!(store.fetch_range(&"a".into(), 0, 1).unwrap().over(&store).count(), left);
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(store.fetch_range(&"a".into(), 0, 1).unwrap().over(&store).count(), left);
    }
}

#[test]
fn a_rollback_takes_the_stream_time_back() {
    for world in World::both() {
        let (mut store, mut log) = (windows(world.backend(), 1 << 20), Vec::new());
        store.put(&"a".into(), Some(1), 0, 0).unwrap();
        commit(&mut store, world.backend(), &mut log);
        store.put(&"b".into(), Some(2), 10 * HOUR_MS, 2).unwrap();
        assert_eq!(store.fetch(&"a".into(), 0).unwrap(), None);
        store.rollback();
        assert_eq!(store.observed_stream_time(), 0);
        assert_eq!(store.fetch(&"a".into(), 0).unwrap(), Some(1));
        commit(&mut store, world.backend(), &mut log);
        assert_eq!(store.fetch(&"a".into(), 0).unwrap(), Some(1));
    }
}

#[test]
fn the_directory_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let rocks = RocksBackend::open(dir.path(), memory()).unwrap();
    let backend: BackendRef = Arc::new(rocks);
    let mut store = windows(&backend, 0);
    let fill = |store: &mut WindowTable<String, u32>, hour: i64| {
        for key in 0..60_000u32 {
            let padded = format!("{key:0100}");
            store.put(&padded, Some(key), hour * HOUR_MS + i64::from(key), 0).unwrap();
        }
        let mut batch = Batch::new();
        store.stage(&mut |_| Ok(()), &mut batch).unwrap();
        backend.write(&batch).unwrap();
        store.committed().unwrap();
    };
    // RocksDB deletes files in the background.
    let wait_below = |backend: &dyn Backend, limit: u64| {
        for _ in 0..2_400 {
            if backend.disk_bytes().unwrap() < limit {
                return;
            }
            #[allow(clippy::disallowed_methods, reason = "a test waits for a background thread of RocksDB")]
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{} bytes are left, more than {limit}", backend.disk_bytes().unwrap());
    };
    // One hour is 8 MB: without expiry there would be twelve times that.
    for hour in 0..12 {
        fill(&mut store, hour);
        backend.flush().unwrap();
        wait_below(&*backend, 60 << 20);
    }
    store.put(&"last".into(), Some(0), 100 * HOUR_MS, 0).unwrap();
    commit(&mut store, &backend, &mut Vec::new());
    drop((store, backend));
    let reopened = RocksBackend::open(dir.path(), memory()).unwrap();
    reopened.flush().unwrap();
    wait_below(&reopened, 1 << 20);
}

/// Counts reads.
#[test]
fn new_windows_cost_no_reads() {
    let counting = Arc::new(Counting::new(Arc::new(MemoryBackend::new())));
    let backend: BackendRef = counting.clone();
    let mut store = windows(&backend, 100_000);
    let opening = counting.gets();
    for start in 0..50_000i64 {
        let key = format!("key {}", start % 100);
        assert_eq!(store.fetch(&key, start).unwrap(), None);
        store.put(&key, Some(1), start, start).unwrap();
        assert_eq!(store.fetch_range(&key, start, start).unwrap().over(&store).count(), 1);
        if start % 5_000 == 0 {
            commit(&mut store, &backend, &mut Vec::new());
        }
    }
    let reads = counting.gets() - opening + counting.scans();
    assert_eq!(reads, 0);
    // What was evicted is read, and found.
    assert_eq!(store.fetch(&"key 7".into(), 7).unwrap(), Some(1));
    assert_eq!(counting.gets() - opening, 1);
}

/// What is left to compact is broken off, and hidden all the same.
#[test]
fn a_close_while_expired_space_is_freed_loses_nothing() {
    const RANGES: u32 = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let backend = RocksBackend::open(dir.path(), memory()).unwrap();
    let keyspace = backend.keyspace("store/store").unwrap();
    let key = |number: u32| number.to_be_bytes();
    let mut batch = Batch::new();
    (0..=2 * RANGES).for_each(|number| batch.put(keyspace, &key(number), &[0; 1_000]));
    backend.write(&batch).unwrap();
    backend.flush().unwrap();
    for number in 0..RANGES {
        batch.clear();
        batch.delete_range(keyspace, &key(2 * number), &key(2 * number + 1));
        backend.write(&batch).unwrap();
    }
    drop(backend);
    let again = RocksBackend::open(dir.path(), memory()).unwrap();
    let left = contents(&again, again.keyspace("store/store").unwrap());
    assert_eq!(left.len(), RANGES as usize + 1);
}
