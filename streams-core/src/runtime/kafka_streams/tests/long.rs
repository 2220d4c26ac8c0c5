//! What takes long when an application ends: global stores that are filled slowly, and a group that does not answer.

use std::collections::BTreeSet;

use super::*;
use crate::ids::{TaskId, TopicName};
use crate::processor::InitContext;
use crate::runtime::control::{self, ControlEvents, ControlSettings, Dispatcher, Exit, Place, ThreadHandle};
use crate::runtime::stream_thread::Command;
use crate::store::{KeyValueStore, Stores};
use crate::transport::{Fence, Group, Membership, MembershipHandler, OffsetToCommit};

/// Puts a row into a global store after a while.
struct Slow(Arc<AtomicUsize>);

impl Processor<String, String, (), ()> for Slow {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        std::thread::sleep(Duration::from_millis(50));
        self.0.fetch_add(1, Ordering::Relaxed);
        let store: KeyValueStore<String, String> = context.state_store("rows")?;
        Ok(store.put(&record.key, Some(record.value))?)
    }
}

/// Showed before: everything that was fetched was processed first, and the thread left behind with its database.
#[test]
fn an_application_ends_while_its_global_stores_are_filled_slowly() {
    // Longer than the limit.
    const RECORDS: usize = 4_000;
    let mut world = World::new(1);
    world.send(0, numbers(RECORDS));
    let processed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&processed);
    let build = || -> Result<Topology> {
        let serde = String::default_serde;
        let mut topology = Topology::new();
        let options = SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None };
        let store = Stores::key_value_store::<String, String>("rows").with_logging_disabled();
        let slow = move |_: &mut InitContext<'_>| Ok(Slow(Arc::clone(&counted)));
        topology.add_global_store(store, "globals", &TopicName::from("in"), options, "slow", slow)?;
        Ok(topology)
    };
    let app = KafkaStreams::builder(build().expect("a topology"), world.config());
    let app = app.with_broker(Arc::clone(&world.broker)).build().expect("an application");
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| app.start());
        wait(|| processed.load(Ordering::Relaxed) > 3, "some rows");
        assert!(app.close(LIMIT), "it ends");
        assert!(starting.join().expect("no panic").is_err(), "it was closed while it started");
    });
    assert!(processed.load(Ordering::Relaxed) < RECORDS);
}

/// A membership that asks what is waited for while it is left.
struct Left(Arc<Shared>, mpsc::Sender<String>);

impl Group for Left {
    fn fence(&self) -> crate::transport::Result<Fence> {
        unreachable!("nothing is committed")
    }

    fn commit(&self, _: &Fence, _: &[OffsetToCommit], _: Duration) -> crate::transport::Result<()> {
        unreachable!("nothing is committed")
    }
}

impl Membership for Left {
    fn poll(&mut self, _: Duration, _: &mut dyn MembershipHandler) -> crate::transport::Result<()> {
        Ok(())
    }

    fn group(&self) -> Arc<dyn Group> {
        Arc::new(Left(Arc::clone(&self.0), self.1.clone()))
    }

    fn take_outgrown(&mut self) -> bool {
        false
    }

    fn leave(&mut self, _: &mut dyn MembershipHandler, _: Duration) -> crate::transport::Result<()> {
        // As another thread does meanwhile.
        self.0.waits.update(0);
        self.0.waits.update(7_000);
        let told = self.0.waits.reasons().first().map(ToString::to_string).unwrap_or_default();
        self.1.send(told).expect("is received");
        Ok(())
    }
}

struct Nothing;

impl ControlEvents for Nothing {
    fn outgrown(&mut self) {}

    fn given_up(&mut self) {}

    fn observe(&mut self, _: bool) -> bool {
        false
    }
}

/// Showed before: half a minute without a word.
#[test]
fn the_wait_for_a_group_that_is_left_is_told() {
    let world = World::new(1);
    let app = world.app(world.config(), Arc::new(|_| ())).build().expect("an application");
    let shared = Arc::clone(&app.shared);
    shared.stop();
    let (tell, told) = mpsc::channel();
    let place = Place {
        membership: Some(Box::new(Left(Arc::clone(&shared), tell))),
        join: Box::new(|| unreachable!("it ends")),
        group: Arc::default(),
        others: Box::new(|| false),
        known: None,
    };
    let clock: ClockRef = Arc::new(SystemClock);
    let dispatcher = Dispatcher::new(Vec::new(), &shared, &clock, 300_000);
    let settings = ControlSettings { leave_timeout: LIMIT };
    assert_eq!(control::run(place, dispatcher, &mut Nothing, &settings).expect("it ends"), Exit::Stopped);
    assert_eq!(told.recv().expect("was left"), "the application waits for the group to let it go (7.0 s)");
}

/// Showed before: "tasks were taken over by another member", also where there was none.
#[test]
fn a_thread_that_loses_tasks_hears_why() {
    let world = World::new(1);
    let app = world.app(world.config(), Arc::new(|_| ())).build().expect("an application");
    let clock: ClockRef = Arc::new(SystemClock);
    let (commands, received) = mpsc::channel();
    let alive = Arc::new(AtomicBool::new(true));
    let thread =
        ThreadHandle::new(1, "thread 1".to_owned(), commands, Arc::new(|| ()), alive, Arc::default());
    let mut dispatcher = Dispatcher::new(vec![thread], &app.shared, &clock, 300_000);
    let tasks = BTreeSet::from([TaskId::new(0, 0)]);
    dispatcher.assigned(&tasks);
    let heard = std::thread::spawn(move || {
        received.into_iter().find_map(|command| match command {
            Command::Lose(_, why, answer) => answer.send(()).ok().map(|()| why),
            _ => None,
        })
    });
    dispatcher.lost(&tasks, "no answer came");
    let reason = heard.join().expect("no panic").expect("a reason");
    let error = Error::TaskMigrated { reason }.to_string();
    assert!(error.starts_with("the tasks are no longer this thread's: no answer came; "), "{error}");
}
