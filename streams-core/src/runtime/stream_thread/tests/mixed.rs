//! A task with different stores: a key-value store defers its writes, while a versioned one and an LRU map write with each
//! commit. Each has the offset of what it holds, and each is restored from there.

use super::*;
use crate::store::VersionedKeyValueStore;

/// Keeps values in three ways: the last one, all of them by time, those of the two keys used last.
struct KeepAll;

impl Processor<String, String, String, String> for KeepAll {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let last: KeyValueStore<String, String> = context.state_store("store")?;
        let recent: KeyValueStore<String, String> = context.state_store("recent")?;
        let history: VersionedKeyValueStore<String, String> = context.state_store("history")?;
        // The value is a number, which serves as the time as well.
        let time: i64 = record.value.parse().unwrap_or_default();
        history.put(&record.key, Some(&record.value), time)?;
        recent.put(&record.key, Some(record.value.clone()))?;
        Ok(last.put(&record.key, Some(record.value))?)
    }
}

fn topology() -> Result<Topology> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_processor("keep", |_| Ok(KeepAll), &["source"])?;
    topology.add_state_store(Stores::key_value_store::<String, String>("store"), &["keep"])?;
    let recent = Stores::key_value_store::<String, String>("recent").lru(2).at(StorePlace::Disk);
    topology.add_state_store(recent, &["keep"])?;
    let history = Stores::versioned_key_value_store::<String, String>("history", Duration::from_secs(100));
    topology.add_state_store(history, &["keep"])?;
    Ok(topology)
}

/// The changelog offsets in the database, by store.
fn offsets(world: &mut World) -> BTreeMap<String, Offset> {
    let backend = Arc::clone(world.task().backends().of(&StorePlace::Disk).expect("a database"));
    let store = |topic: &str| topic.trim_start_matches("owing-").trim_end_matches("-changelog").to_owned();
    let stored = read_offsets(&*backend).expect("read");
    stored.iter().map(|stored| (store(&stored.topic), stored.offset)).collect()
}

fn expected(of: [(&str, Offset); 3]) -> BTreeMap<String, Offset> {
    of.map(|(store, offset)| (store.to_owned(), offset)).into()
}

#[test]
fn each_store_is_restored_from_its_own_offset() -> Result<()> {
    let mut world = World::of(topology()?)?;
    for number in 1..=12 {
        world.put("hot", &number.to_string())?;
    }
    world.put("cold", "13")?;
    world.put("new", "14")?;
    // A record and a marker for each commit; the LRU map has forgotten "hot" with a tombstone.
    assert_eq!(offsets(&mut world), expected([("store", 20), ("history", 28), ("recent", 29)]));
    world.reset()?;
    world.pass(COMMIT_MS)?;
    world.run_until_idle()?;
    assert_eq!(offsets(&mut world), expected([("store", 28), ("history", 28), ("recent", 29)]));
    assert_eq!((world.value("hot"), world.value("cold")), (text("12"), text("13")));
    let history: VersionedKeyValueStore<String, String> =
        world.engine.store("history", None).expect("a store");
    for time in 1..=12 {
        let version = history.get_as_of(&"hot".to_owned(), time)?.expect("a version");
        assert_eq!((version.value, version.timestamp), (time.to_string(), time));
    }
    let recent: KeyValueStore<String, String> = world.engine.store("recent", None).expect("a store");
    let all = || ["hot", "cold", "new"].map(|key| recent.get(&key.to_owned()).expect("read").is_some());
    assert_eq!(all(), [false, true, true]);

    // Deferred and written changes continue from there.
    world.put("hot", "15")?;
    assert_eq!(offsets(&mut world), expected([("store", 28), ("history", 30), ("recent", 32)]));
    assert_eq!(all(), [true, false, true]);
    Ok(())
}
