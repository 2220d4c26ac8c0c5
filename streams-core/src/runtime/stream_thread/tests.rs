//! The pending writes of a thread (decision 0007), and when they are made.

use state_stores::offsets::read_offsets;

use super::*;
use crate::processor::{Processor, ProcessorContext, ProcessorResult};
use crate::record::Record;
use crate::runtime::engine::Engine;
use crate::runtime::trial::{TIMEOUT, Trial, send, sink_options, source_options};
use crate::store::{KeyValueStore, StorePlace, Stores};
use crate::time::{Clock, ManualClock, from_ms};
use crate::topology::Topology;
use crate::transport::embedded::{Fault, Operation};
use crate::transport::{NewTopic, OutRecord, Producer, TransportErrorKind};

mod cancelled;
mod deleted;
mod idle_offsets;
mod letters;
mod mixed;
mod named;
mod put_off;
mod quiet;
mod refused;
mod short;
mod slow;
mod source_changelog;
mod stale;
mod stuck;
mod trimmed;
mod warnings;

const COMMIT_MS: i64 = 100;

/// Keeps the last value of each key.
struct Keep;

impl Processor<String, String, String, String> for Keep {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let store: KeyValueStore<String, String> = context.state_store("store")?;
        Ok(store.put(&record.key, Some(record.value))?)
    }
}

fn topology(logged: bool) -> Result<Topology> {
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    topology.add_processor("keep", |_| Ok(Keep), &["source"])?;
    let store = Stores::key_value_store::<String, String>("store");
    let store = if logged { store } else { store.with_logging_disabled() };
    topology.add_state_store(store, &["keep"])?;
    Ok(topology)
}

struct World {
    trial: Trial,
    engine: Engine,
    producer: Box<dyn Producer>,
}

fn config() -> StreamsConfig {
    StreamsConfig::new("owing", "embedded:").with_commit_interval(from_ms(COMMIT_MS))
}

impl World {
    fn new(logged: bool) -> Result<Self> {
        Self::of(topology(logged)?)
    }

    fn of(topology: Topology) -> Result<Self> {
        Self::with(topology, config(), 1)
    }

    /// A world with a topic of this many partitions.
    fn with(topology: Topology, config: StreamsConfig, partitions: i32) -> Result<Self> {
        let trial = Trial::new(0, partitions, &["in"])?;
        let (engine, producer) = (trial.engine(topology, config)?, trial.producer()?);
        let mut world = World { trial, engine, producer };
        world.run_until_idle()?;
        Ok(world)
    }

    /// The application starts again, on a machine without its databases.
    fn restarted(self, topology: Topology) -> Result<Self> {
        let World { trial, engine: before, producer } = self;
        // Out of its group, before the next one joins it.
        drop(before);
        let engine = trial.engine(topology, config())?;
        let mut world = World { trial, engine, producer };
        world.run_until_idle()?;
        Ok(world)
    }

    fn run_until_idle(&mut self) -> Result<()> {
        while self.engine.step()? {}
        Ok(())
    }

    fn reset(&mut self) -> Result<()> {
        self.engine.thread().reset(Error::TaskMigrated { reason: "a test".to_owned() })
    }

    /// A record, and the next commit.
    fn put(&mut self, key: &str, value: &str) -> Result<()> {
        self.send(key, value)?;
        self.run_until_idle()?;
        self.pass(COMMIT_MS)
    }

    /// A record that nothing has read yet.
    fn send(&mut self, key: &str, value: &str) -> Result<()> {
        self.send_to(0, key, value)
    }

    fn send_to(&mut self, partition: i32, key: &str, value: &str) -> Result<()> {
        send(&mut *self.producer, "in", partition, key, value)
    }

    fn pass(&mut self, ms: i64) -> Result<()> {
        self.trial.clock.advance_ms(ms);
        self.run_until_idle()
    }

    /// What is waited for now.
    fn reasons(&self) -> Vec<String> {
        let waits = self.engine.waits();
        waits.update(self.trial.clock.monotonic_ms());
        waits.reasons().iter().map(ToString::to_string).collect()
    }

    fn task(&mut self) -> &StreamTask {
        self.engine.thread().tasks.values().next().expect("a task runs")
    }

    /// What the database has under a key, and its changelog offset.
    fn written(&mut self, key: &str) -> (Option<String>, Option<Offset>) {
        let backend = Arc::clone(self.task().backends().of(&StorePlace::Disk).expect("a database"));
        let value =
            backend.get(backend.keyspace("store/store").expect("a store"), key.as_bytes()).expect("read");
        let offset = read_offsets(&*backend).expect("read").first().map(|stored| stored.offset);
        (value.map(|value| String::from_utf8_lossy(&value).into_owned()), offset)
    }

    fn value(&self, key: &str) -> Option<String> {
        let store: KeyValueStore<String, String> = self.engine.store("store", None)?;
        store.get(&key.to_owned()).expect("read")
    }
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn a_hot_key_is_written_twice_a_second_with_the_offset_of_its_commit() -> Result<()> {
    let mut world = World::new(true)?;
    for number in 1..=4 {
        world.put("hot", &number.to_string())?;
        assert_eq!(world.written("hot"), (None, None), "commit {number}");
        assert!(world.task().deferred_bytes() > 0);
    }
    world.put("hot", "5")?;
    // Five records and five markers.
    assert_eq!(world.written("hot"), (text("5"), Some(10)));
    assert_eq!((world.task().deferred_bytes(), world.task().uncommitted_bytes()), (0, 0));
    Ok(())
}

#[test]
fn the_commit_interval_begins_when_the_last_commit_has_ended() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("a", "1")?;
    // That commit took so long.
    world.trial.clock.advance_ms(60);
    let ended = Now::of(&*world.trial.clock);
    world.engine.thread().round_ended(ended);
    world.send("b", "2")?;
    world.pass(COMMIT_MS - 1)?;
    assert!(world.task().uncommitted_bytes() > 0, "it is not time yet");
    world.pass(1)?;
    assert_eq!(world.task().uncommitted_bytes(), 0);
    for late_ms in [1_000, 2_000] {
        let late = Now { monotonic_ms: ended.monotonic_ms + late_ms, ..ended };
        world.engine.thread().round_ended(late);
    }
    world.send("c", "3")?;
    world.pass(900 + COMMIT_MS)?;
    assert_eq!(world.task().uncommitted_bytes(), 0, "a round without a commit does not put the next one off");
    Ok(())
}

#[test]
fn an_idle_task_owes_nothing_after_half_a_second() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("a", "1")?;
    assert_eq!(world.written("a"), (None, None));
    for _ in 0..5 {
        world.pass(COMMIT_MS)?;
    }
    assert_eq!(world.written("a"), (text("1"), Some(2)));
    Ok(())
}

#[test]
fn what_is_owed_outlives_a_reset_in_the_changelog() -> Result<()> {
    let mut world = World::new(true)?;
    for number in 1..=13 {
        world.put("hot", &number.to_string())?;
    }
    world.put("cold", "1")?;
    assert_eq!((world.written("hot"), world.written("cold").0), ((text("10"), Some(20)), None));
    world.reset()?;
    world.pass(COMMIT_MS)?;
    world.run_until_idle()?;
    assert_eq!((world.value("hot"), world.value("cold")), (text("13"), text("1")));
    assert_eq!(world.written("hot"), (text("13"), Some(28)), "the restorer wrote the tail");
    world.put("cold", "2")?;
    assert_eq!(world.value("cold"), text("2"));
    Ok(())
}

#[test]
fn a_revoked_task_leaves_nothing_owed() -> Result<()> {
    let mut world = World::new(true)?;
    world.put("a", "1")?;
    let backends = world.task().backends().clone();
    let now = Now::of(&*world.trial.clock);
    let all: BTreeSet<TaskId> = world.engine.thread().tasks.keys().copied().collect();
    world.engine.thread().commit(WriteTiming::Now, now)?;
    world.engine.thread().close(&all)?;
    let stored = read_offsets(&**backends.of(&StorePlace::Disk)?)?;
    assert_eq!(stored.first().map(|stored| stored.offset), Some(2));
    Ok(())
}

#[test]
fn a_store_without_a_changelog_is_written_with_each_commit() -> Result<()> {
    let mut world = World::new(false)?;
    for number in 1..=3 {
        world.put("a", &number.to_string())?;
        assert_eq!(world.written("a"), (text(&number.to_string()), None));
    }
    Ok(())
}

/// Showed before: nothing was logged as long as the control thread, which watches over the waits, was in a call itself.
#[test]
fn waits_are_told_while_the_control_thread_waits_itself() -> Result<()> {
    let mut world = World::new(true)?;
    let waits = Arc::clone(world.engine.waits());
    let mut call = waits.of("the application");
    call.begin(|| "an answer".to_owned());
    world.engine.step()?;
    world.trial.clock.advance_ms(6_000);
    world.engine.step()?;
    assert_eq!(waits.reasons()[0].to_string(), "the application waits for an answer (6.0 s)");
    Ok(())
}
