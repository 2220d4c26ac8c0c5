//! What an application meets when it starts, or starts again within the process.

use std::sync::Weak;

use state_stores::{Backend, BackendRef, MemoryBackend};

use super::*;
use crate::ids::{TaskId, TopicName};
use crate::processor::InitContext;
use crate::runtime::renewal::Renewal;
use crate::store::{BackendSupplier, KeyValueStore, StorePlace, Stores};
use crate::transport::TransportErrorKind;
use crate::transport::embedded::{Fault, Operation};

/// Puts rows into a global store.
struct Rows;

impl Processor<String, String, (), ()> for Rows {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        let store: KeyValueStore<String, String> = context.state_store("rows")?;
        Ok(store.put(&record.key, Some(record.value))?)
    }
}

fn globals(world: &World) -> KafkaStreams {
    let build = || -> Result<Topology> {
        let serde = String::default_serde;
        let mut topology = Topology::new();
        let options = SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None };
        let store = Stores::key_value_store::<String, String>("rows").with_logging_disabled();
        let rows = |_: &mut InitContext<'_>| Ok(Rows);
        topology.add_global_store(store, "globals", &TopicName::from("in"), options, "rows", rows)?;
        Ok(topology)
    };
    let app = KafkaStreams::builder(build().expect("a topology"), world.config());
    app.with_broker(Arc::clone(&world.broker)).build().expect("an application")
}

/// Showed before: a tight loop of warnings without end.
#[test]
fn global_stores_whose_topic_is_emptied_faster_than_it_is_read_end_the_start() {
    const FAULTS: usize = 20_000;
    let mut world = World::new(1);
    world.send(0, numbers(3));
    let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange).on("in-0");
    world.broker.faults().inject(gone.times(FAULTS));
    let app = globals(&world);
    let error = app.start().expect_err("it cannot be filled").to_string();
    assert!(error.contains("had to be filled again 20 times"), "{error}");
    assert_eq!(app.state(), State::Error);
}

#[test]
fn global_stores_whose_topic_is_trimmed_while_they_are_filled_are_filled_again() {
    let mut world = World::new(1);
    world.send(0, numbers(3));
    let gone = Fault::before(Operation::Fetch, TransportErrorKind::OffsetOutOfRange).on("in-0");
    world.broker.faults().inject(gone.times(3));
    let app = globals(&world);
    app.start().expect("it starts");
    assert_eq!(world.broker.faults().left(), 0);
    assert!(app.close(LIMIT));
}

/// Changes a byte behind those in a database's files.
#[cfg(feature = "rocksdb")]
fn damage(folder: &std::path::Path, behind: &[u8]) {
    let files = std::fs::read_dir(folder).expect("a database").flatten().map(|entry| entry.path());
    let mut damaged = 0;
    for path in files.filter(|path| path.extension().is_some_and(|ending| ending == "sst")) {
        let mut bytes = std::fs::read(&path).expect("read");
        if let Some(at) = bytes.windows(behind.len()).position(|window| window == behind) {
            bytes[at + behind.len()] ^= 1;
            std::fs::write(&path, bytes).expect("written");
            damaged += 1;
        }
    }
    assert!(damaged > 0, "no file has it");
}

/// Showed before: each start ended in the same error.
#[cfg(feature = "rocksdb")]
#[test]
fn damage_that_is_found_before_global_stores_are_filled_is_healed() {
    let mut world = World::new(1);
    world.send(0, numbers(3));
    let app = globals(&world);
    app.start().expect("it starts");
    assert!(app.close(LIMIT));
    drop(app);
    let root = world.folder.path().join("app");
    let memory = state_stores::DiskMemory::new(1 << 20, 1 << 20);
    let (database, _) = state_stores::disk::open(&root.join("global"), &memory, &[]).expect("opened");
    database.flush().expect("flushed");
    drop(database);
    damage(&root.join("global"), b"in-0");
    let app = globals(&world);
    app.start().expect("it starts");
    let names = std::fs::read_dir(&root).expect("a folder").flatten().map(|entry| entry.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|name| name.starts_with("global.damaged-")), "{names:?}");
    assert!(app.close(LIMIT));
}

/// A supplier that keeps databases in memory, and counts those that are opened while they are open.
#[derive(Default)]
struct Exclusive {
    open: Mutex<Option<Weak<dyn Backend>>>,
    twice: Arc<AtomicUsize>,
}

impl BackendSupplier for Exclusive {
    fn name(&self) -> &str {
        "exclusive"
    }

    fn open(&self, _: TaskId) -> Result<BackendRef> {
        let opened: BackendRef = Arc::new(MemoryBackend::new());
        let before = lock(&self.open).replace(Arc::downgrade(&opened));
        self.twice.fetch_add(
            usize::from(before.is_some_and(|before| before.upgrade().is_some())),
            Ordering::SeqCst,
        );
        Ok(opened)
    }

    fn wipe(&self, _: TaskId) -> Result<()> {
        Ok(())
    }
}

/// A thread hangs in user code while the application has to restart.
fn hangs_over_a_restart(place: StorePlace) {
    let mut world = World::new(1);
    let end = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&end);
    let hang: Act = Arc::new(move |value| {
        if value == "hang" {
            wait(|| ends.load(Ordering::SeqCst), "the end of the call");
        }
    });
    let mut topology = topology(hang);
    let store = Stores::key_value_store::<String, String>("rows").with_logging_disabled().at(place);
    topology.add_state_store(store, &["act"]).expect("a store");
    let app = KafkaStreams::builder(topology, quick_to_expel(world.config()));
    let app = app.with_broker(Arc::clone(&world.broker)).build().expect("an application");
    app.start().expect("it starts");
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{}", app.state());
    world.send(0, ["hang".to_owned()]);
    assert!(app.wait_for(LIMIT, |state| state == State::Rebalancing), "it loses its tasks");
    // It is left behind as soon as possible.
    app.shared.patience_ms.store(0, Ordering::Relaxed);
    lock(&app.shared.renewals).want(Renewal::Refill("a reason to restart".to_owned()));
    let is_held = || app.reasons().iter().any(|reason| reason.what.contains("a thread that has not ended"));
    wait(|| is_held() || app.state() == State::Error, "the restart");
    assert!(app.error().is_none(), "{:?}", app.error());
    app.shared.patience_ms.store(PATIENCE_MS, Ordering::Relaxed);
    end.store(true, Ordering::SeqCst);
    world.wait_committed(1, 1);
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
    assert!(app.close(LIMIT));
    assert_eq!(app.state(), State::NotRunning);
}

/// Showed before: ERROR, as the process found its own state directory in use.
#[cfg(feature = "rocksdb")]
#[test]
fn a_restart_waits_for_a_thread_that_hangs() {
    hangs_over_a_restart(StorePlace::Disk);
}

/// Showed before: it restarted without its state directory, and opened a database that the thread had.
#[test]
fn a_restart_waits_for_a_thread_that_hangs_with_a_custom_database() {
    let supplier = Exclusive::default();
    let twice = Arc::clone(&supplier.twice);
    hangs_over_a_restart(StorePlace::custom(supplier));
    assert_eq!(twice.load(Ordering::SeqCst), 0);
}

/// Showed before: "in use by process" and the process's own number, without a word about who has it.
#[cfg(feature = "rocksdb")]
#[test]
fn an_application_that_comes_before_the_earlier_one_has_ended_is_told_what_that_one_does() {
    let mut world = World::new(1);
    let end = Arc::new(AtomicBool::new(false));
    let (begun, begins) = (Arc::new(AtomicBool::new(false)), Arc::clone(&end));
    let begin = Arc::clone(&begun);
    let build = |act: Act| {
        let mut topology = topology(act);
        let store = Stores::key_value_store::<String, String>("rows").at(StorePlace::Disk);
        topology.add_state_store(store, &["act"]).expect("a store");
        topology
    };
    let app = |world: &World, act: Act| {
        let app = KafkaStreams::builder(build(act), world.config());
        app.with_broker(Arc::clone(&world.broker)).build().expect("an application")
    };
    let first = app(
        &world,
        Arc::new(move |_| {
            begin.store(true, Ordering::SeqCst);
            wait(|| begins.load(Ordering::SeqCst), "the end of the call");
        }),
    );
    first.start().expect("it starts");
    world.send(0, ["hang".to_owned()]);
    wait(|| begun.load(Ordering::SeqCst), "the call");
    assert!(!first.close(Duration::ZERO), "it hangs");
    let second = app(&world, Arc::new(|_| ()));
    let error = second.start().expect_err("the first has not ended").to_string();
    let parts =
        ["another KafkaStreams of this process", "PENDING_SHUTDOWN", "processing a record", "task 0_0"];
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
    end.store(true, Ordering::SeqCst);
    assert!(first.wait_for(LIMIT, State::is_final), "{:?}", first.reasons());
    let third = app(&world, Arc::new(|_| ()));
    third.start().expect("the first has ended");
    assert!(third.close(LIMIT));
}
