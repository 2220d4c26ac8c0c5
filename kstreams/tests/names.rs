//! What programs hold, implement and pass on has a name under `kstreams`, which is all that they depend on.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use kstreams::embedded::{Durability, EmbeddedBroker, EmbeddedOptions, EmbeddedTopic};
use kstreams::error::{ErrorCode, FailedDelivery, StoreError, TransportError, TransportErrorKind};
use kstreams::ids::TaskId;
use kstreams::partitioner::Partitions;
use kstreams::prelude::{KStream, Stores, StreamsBuilder, TopologyTestDriver};
use kstreams::store::{
    Backend, BackendRef, BackendSupplier, Batch, Cached, Direction, KeyRange, KeyValueStoreBuilder,
    KeyValueStoreKind, Keyspace, Plain, RawEntry, Scan, SessionStoreBuilder, SessionStoreKind, StoreBuilder,
    StoreKind, StorePlace, Timestamped, TimestampedWindowStoreBuilder, ValueForm,
    VersionedKeyValueStoreBuilder, VersionedStoreKind, WindowStoreKind, Write,
};
use kstreams::windows::Whole;
use kstreams::{BranchedKStream, Layout, Topics, Unmerged};

type Rows = BTreeMap<(u32, Vec<u8>), Vec<u8>>;

/// The plainest backend: a map in memory.
#[derive(Debug, Default)]
struct Map {
    names: Mutex<Vec<String>>,
    rows: Mutex<Rows>,
}

impl Backend for Map {
    fn keyspace(&self, name: &str) -> Result<Keyspace, StoreError> {
        let mut names = self.names.lock().unwrap();
        let number = names.iter().position(|known| known == name).unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        Ok(Keyspace::new(u32::try_from(number).unwrap()))
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.lock().unwrap().get(&(keyspace.number(), key.to_vec())).cloned())
    }

    fn scan(
        &self,
        keyspace: Keyspace,
        range: KeyRange<'_>,
        order: Direction,
    ) -> Result<Scan<'_>, StoreError> {
        let is_above = |key: &[u8]| match range.0 {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        };
        let is_below = |key: &[u8]| match range.1 {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        };
        let rows = self.rows.lock().unwrap();
        let inside =
            rows.iter().filter(|((of, key), _)| *of == keyspace.number() && is_above(key) && is_below(key));
        let mut found: Vec<RawEntry> = inside
            .map(|((_, key), value)| (key.clone().into_boxed_slice(), value.clone().into_boxed_slice()))
            .collect();
        if order == Direction::Backward {
            found.reverse();
        }
        Ok(Box::new(found.into_iter().map(Ok)))
    }

    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut rows = self.rows.lock().unwrap();
        for write in batch.writes() {
            match write {
                Write::Put(of, key, value) => drop(rows.insert((of.number(), key.to_vec()), value.to_vec())),
                Write::Delete(of, key) => drop(rows.remove(&(of.number(), key.to_vec()))),
                Write::DeleteRange(of, from, to) => {
                    rows.retain(|(in_, key), _| *in_ != of.number() || &key[..] < from || &key[..] >= to);
                }
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> Result<u64, StoreError> {
        Ok(self.rows.lock().unwrap().keys().filter(|(of, _)| *of == keyspace.number()).count() as u64)
    }
}

#[derive(Default)]
struct Maps {
    opened: Mutex<BTreeMap<TaskId, Arc<Map>>>,
}

impl BackendSupplier for Maps {
    fn name(&self) -> &str {
        "maps"
    }

    fn open(&self, task: TaskId) -> kstreams::error::Result<BackendRef> {
        let map: BackendRef = Arc::<Map>::clone(self.opened.lock().unwrap().entry(task).or_default());
        Ok(map)
    }

    fn wipe(&self, task: TaskId) -> kstreams::error::Result<()> {
        self.opened.lock().unwrap().remove(&task);
        Ok(())
    }
}

#[test]
fn a_backend_of_a_users_own_keeps_a_store() {
    let builder = StreamsBuilder::new();
    let counts =
        kstreams::options::Materialized::named("counts").with_store_type(StorePlace::custom(Maps::default()));
    builder.stream::<String, i64>("in").group_by_key().count_with(counts).to_stream().to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let input = driver.create_input_topic::<String, i64>("in");
    input
        .pipe_key_values(
            [("a", 1), ("b", 1), ("a", 1)].map(|(key, value)| (key.to_owned(), value)),
            0,
            std::time::Duration::from_millis(1),
        )
        .unwrap();
    let output = driver.create_output_topic::<String, Option<i64>>("out");
    let counted = output.read_key_values_to_map().unwrap();
    assert_eq!(counted, BTreeMap::from([("a".to_owned(), Some(2)), ("b".to_owned(), Some(1))]));
}

/// A function that takes the result of `split` apart has a type for its argument.
fn halves(of: BranchedKStream<String, i64>) -> BTreeMap<String, KStream<String, i64>> {
    of.branch(|_, number| number % 2 == 0).default_branch()
}

#[test]
fn the_result_of_split_can_be_passed_on() {
    let builder = StreamsBuilder::new();
    assert_eq!(halves(builder.stream::<String, i64>("in").split()).len(), 2);
}

#[test]
fn a_partitioner_needs_no_type_of_another_crate() {
    assert_eq!(Partitions::from(vec![0, 1]), Partitions::all(2));
    assert_eq!((0..2).collect::<Partitions>(), Partitions::all(2));
}

fn is_kind<S: StoreKind>(_: &StoreBuilder<S>) {}

fn is_cached<S: Cached>(_: &StoreBuilder<S>) {}

fn stored<F: ValueForm>(value: F::Stored<i64>) -> F::Stored<i64> {
    value
}

#[test]
fn kinds_of_stores_have_names() {
    let hour = kstreams::windows::hours(1);
    let plain: KeyValueStoreBuilder<String, i64> = Stores::key_value_store("plain");
    let of_kind: &StoreBuilder<KeyValueStoreKind<String, i64, Plain>> = &plain;
    is_cached(of_kind);
    let windows: TimestampedWindowStoreBuilder<String, i64> =
        Stores::timestamped_window_store("windows", hour);
    let of_kind: &StoreBuilder<WindowStoreKind<String, i64, Timestamped>> = &windows;
    is_cached(of_kind);
    let sessions: SessionStoreBuilder<String, i64> = Stores::session_store("sessions", hour);
    let of_kind: &StoreBuilder<SessionStoreKind<String, i64>> = &sessions;
    is_cached(of_kind);
    let versioned: VersionedKeyValueStoreBuilder<String, i64> =
        Stores::versioned_key_value_store("versioned", hour);
    let of_kind: &StoreBuilder<VersionedStoreKind<String, i64>> = &versioned;
    is_kind(of_kind);
    assert_eq!(stored::<Plain>(1), 1);
}

fn count<L: Unmerged>(
    of: &kstreams::KGroupedStream<String, i64, L>,
) -> kstreams::KTable<<L as Layout>::Key<String>, i64> {
    of.count()
}

fn read(builder: &StreamsBuilder, topics: impl Topics) -> KStream<String, i64> {
    builder.stream(topics)
}

#[test]
fn bounds_of_the_dsl_have_names() {
    let builder = StreamsBuilder::new();
    let grouped: kstreams::KGroupedStream<String, i64, Whole> = read(&builder, ["a", "b"]).group_by_key();
    let _ = count(&grouped).to_stream();
}

#[test]
fn errors_and_topics_of_the_embedded_broker_have_names() {
    let options = EmbeddedOptions { durability: Durability::Process, ..EmbeddedOptions::default() };
    assert_eq!(options.durability, Durability::Process);
    let broker: Arc<EmbeddedBroker> = EmbeddedBroker::in_memory();
    let topic: EmbeddedTopic<String, i64> = EmbeddedTopic::create(&broker, "topic", 1).unwrap();
    drop(topic);
    let error: TransportError = broker.topic_configs("none").unwrap_err();
    let (code, failed): (Option<&ErrorCode>, &[FailedDelivery]) = (error.code(), error.failed());
    assert_eq!((error.kind(), code, failed.len()), (TransportErrorKind::UnknownTopic, None, 0));
}
