//! Many tasks with stores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use field::LIMIT;
use kstreams::prelude::*;
use streams_core::ids::TaskId;
use streams_core::runtime::State;
use streams_core::store::{BackendRef, BackendSupplier, MemoryBackend, StorePlace};
use streams_core::topology::Topology;
use streams_core::transport::NewTopic;

use crate::world::{Running, World, wait};

fn wide(world: &World, partitions: i32) {
    let topic = NewTopic { name: "wide".into(), partitions, replication_factor: 1, configs: BTreeMap::new() };
    world.admin().create_topics(&[topic], LIMIT).expect("created");
}

fn counts(place: StorePlace) -> Topology {
    let builder = StreamsBuilder::new();
    let counts = Materialized::named("counts").with_store_type(place);
    builder.stream::<String, String>("wide").group_by_key().count_with(counts).to_stream().to("out");
    builder.build().expect("a topology")
}

/// Databases that take a while to open.
struct Slow(Arc<AtomicUsize>);

impl BackendSupplier for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    fn open(&self, _: TaskId) -> streams_core::error::Result<BackendRef> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(MemoryBackend::new()))
    }

    fn wipe(&self, _: TaskId) -> streams_core::error::Result<()> {
        Ok(())
    }
}

/// Before: a close waited until all of them were open, and nothing was logged until then.
#[test]
fn a_close_ends_the_opening_of_many_tasks_and_their_number_is_told() {
    const TASKS: i32 = 500;
    let world = World::new();
    wide(&world, TASKS);
    let opened = Arc::new(AtomicUsize::new(0));
    let app = world.app(counts(StorePlace::custom(Slow(Arc::clone(&opened)))), world.config());
    app.start().expect("it starts");
    let some_run = || (1..400).contains(&app.totals().running_tasks);
    wait(some_run, || format!("some tasks to run while others are opened: {:?}", app.reasons()));
    Running(app).close();
    assert!(opened.load(Ordering::SeqCst) < 500, "{opened:?} databases were opened");
}

#[test]
#[ignore = "a measurement, of TASKS tasks"]
fn how_long_many_tasks_take_to_be_opened() {
    let tasks: i32 = std::env::var("TASKS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let world = World::new();
    wide(&world, tasks);
    for of in ["new", "known"] {
        let begin = Instant::now();
        let app = world.app(counts(StorePlace::Disk), world.config());
        app.start().expect("it starts");
        while !app.wait_for(Duration::from_secs(5), |state| state == State::Running) {
            println!("{:?}: {:?} {:?}", begin.elapsed(), app.totals(), app.reasons());
            assert!(!app.state().is_final(), "{:?}", app.error());
        }
        println!("{tasks} {of} tasks run after {:?}", begin.elapsed());
        let begin = Instant::now();
        assert!(app.close(Duration::from_secs(600)));
        println!("closed after {:?}", begin.elapsed());
    }
}
