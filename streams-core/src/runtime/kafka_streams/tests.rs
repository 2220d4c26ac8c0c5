//! Applications whose user code hangs, panics or closes them, on an embedded broker and the machine's clock.
#![allow(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use super::*;
use crate::ids::TopicPartition;
use crate::processor::{
    Processor, ProcessorContext, ProcessorResult, SinkOptions, SourceOptions, TopicTarget,
};
use crate::record::Record;
use crate::serde::DefaultSerde;
use crate::transport::{
    ConsumerSpec, Isolation, NewTopic, OffsetQuery, OutRecord, Producer, ProducerSpec, Transport,
};

mod again;
mod long;
mod operate;
mod restore;
mod slow;

const LIMIT: Duration = Duration::from_secs(120);

/// User code that may do anything with a record before it is forwarded.
type Act = Arc<dyn Fn(&str) + Send + Sync>;

struct Acting(Act);

impl Processor<String, String, String, String> for Acting {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        let value = record.value.clone();
        context.forward(record)?;
        (self.0)(&value);
        Ok(())
    }
}

fn topology(act: Act) -> Topology {
    let serde = String::default_serde;
    let build = || -> Result<Topology> {
        let mut topology = Topology::new();
        let source = SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None };
        topology.add_source("source", &["in"], None, source)?;
        topology.add_processor("act", move |_| Ok(Acting(Arc::clone(&act))), &["source"])?;
        let target = TopicTarget::Topic("out".into());
        let sink = SinkOptions { target, key_serde: serde(), value_serde: serde(), partitioner: None };
        topology.add_sink("sink", sink, &["act"])?;
        Ok(topology)
    };
    build().expect("a topology")
}

/// A broker with the topics, and a folder for state.
struct World {
    broker: Arc<EmbeddedBroker>,
    producer: Box<dyn Producer>,
    folder: tempfile::TempDir,
}

impl World {
    fn new(partitions: i32) -> Self {
        let broker = EmbeddedBroker::in_memory();
        let transport = broker.transport();
        let topic = |name: &str| NewTopic {
            name: name.into(),
            partitions,
            replication_factor: 1,
            configs: BTreeMap::new(),
        };
        let mut admin = transport.admin("admin").expect("an admin");
        admin.create_topics(&[topic("in"), topic("out")], LIMIT).expect("topics");
        let producer = transport
            .producer(&ProducerSpec {
                client_id: "producer".to_owned(),
                transactional_id: None,
                transaction_timeout_ms: 60_000,
                properties: BTreeMap::new(),
            })
            .expect("a producer");
        World { broker, producer, folder: tempfile::tempdir().expect("a folder") }
    }

    fn config(&self) -> StreamsConfig {
        StreamsConfig::new("app", "embedded:").with_state_dir(self.folder.path())
    }

    fn app(&self, config: StreamsConfig, act: Act) -> KafkaStreamsBuilder {
        KafkaStreams::builder(topology(act), config).with_broker(Arc::clone(&self.broker))
    }

    fn run(&self, config: StreamsConfig, act: impl Fn(&str) + Send + Sync + 'static) -> KafkaStreams {
        let app = self.app(config, Arc::new(act)).build().expect("an application");
        app.start().expect("it starts");
        app
    }

    fn send(&mut self, partition: i32, values: impl IntoIterator<Item = String>) {
        let topic = self.producer.topic("in").expect("a topic");
        let headers = Default::default();
        for value in values {
            let (key, value) = (Some(value.as_bytes()), Some(value.as_bytes()));
            let record = OutRecord { topic, partition, key, value, timestamp: 1, headers: &headers, tag: 0 };
            self.producer.send(record).expect("sent");
        }
        self.producer.flush(LIMIT).expect("flushed");
    }

    /// How many values are committed, and whether each is there once.
    fn committed(&self, partitions: i32) -> (usize, bool) {
        let spec = ConsumerSpec {
            client_id: "reader".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        };
        let mut consumer = self.broker.transport().consumer(&spec).expect("a consumer");
        let mut values = Vec::new();
        for partition in 0..partitions {
            let handle = consumer.assign(&TopicPartition::new("out", partition), 0).expect("assigned");
            while consumer.fetch(handle, 10_000, &mut values).expect("fetched").records > 0 {}
        }
        let mut values: Vec<_> = values.iter().map(|record| record.value().map(<[u8]>::to_vec)).collect();
        let all = values.len();
        values.sort();
        values.dedup();
        (all, values.len() == all)
    }

    fn wait_committed(&self, partitions: i32, records: usize) {
        wait(|| self.committed(partitions).0 >= records, "committed output");
        assert_eq!(self.committed(partitions), (records, true));
    }

    /// Where readers of committed records stand, and where the partition ends.
    fn stable_and_end(&self) -> [i64; 2] {
        let mut admin = self.broker.transport().admin("admin").expect("an admin");
        let partition = TopicPartition::new("out", 0);
        [Isolation::ReadCommitted, Isolation::ReadUncommitted].map(|isolation| {
            let query = OffsetQuery::Latest(isolation);
            let found = admin.offsets(std::slice::from_ref(&partition), query, LIMIT).expect("offsets");
            found.get(&partition).copied().unwrap_or(-1)
        })
    }
}

fn wait(mut reached: impl FnMut() -> bool, what: &str) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn numbers(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

fn quick_to_expel(config: StreamsConfig) -> StreamsConfig {
    let quick = config.with("consumer.max.poll.interval.ms", 400).expect("a setting");
    quick.with("consumer.session.timeout.ms", 300).expect("a setting")
}

/// Showed before: advice to give every instance a state directory of its own.
#[test]
fn cleaning_up_while_it_runs_says_to_close_it_first() {
    let world = World::new(1);
    let app = world.run(world.config(), |_| ());
    let said = app.clean_up().unwrap_err().to_string();
    assert!(said.contains("close it first"), "{said}");
    assert!(app.close(LIMIT));
    app.clean_up().expect("cleaned up");
}

/// Showed before: ERROR with "has been in one round".
#[test]
fn a_call_longer_than_max_poll_interval_loses_the_tasks_and_the_thread_comes_back() {
    for threads in [1, 2] {
        let mut world = World::new(2);
        let (blocked, end) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&end);
        let config = quick_to_expel(world.config()).with_num_stream_threads(threads);
        let app = world.run(config, move |value| {
            if value == "7" && !blocked.swap(true, Ordering::SeqCst) {
                wait(|| ends.load(Ordering::SeqCst), "the end of the call");
            }
        });
        assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
        world.send(0, numbers(50));
        world.send(1, (50..100).map(|number| number.to_string()));
        assert!(app.wait_for(LIMIT, |state| state == State::Rebalancing), "{}", app.state());
        wait(
            || app.reasons().iter().any(|reason| reason.what.contains("to return from processing")),
            "a reason",
        );
        end.store(true, Ordering::SeqCst);
        world.wait_committed(2, 100);
        assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
        assert!(app.error().is_none(), "{:?}", app.error());
        assert!(app.close(LIMIT));
        assert_eq!(app.state(), State::NotRunning);
    }
}

#[test]
fn while_one_thread_hangs_others_get_its_tasks_or_go_on() {
    let mut world = World::new(2);
    let end = Arc::new(AtomicBool::new(false));
    let hangs = Arc::clone(&end);
    let hang = move |value: &str| {
        while value == "hang" && !hangs.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let app = world.run(quick_to_expel(world.config()).with_num_stream_threads(2), hang);
    assert!(app.wait_for(LIMIT, |state| state == State::Running));
    world.send(0, ["hang".to_owned()]);
    assert!(app.wait_for(LIMIT, |state| state == State::Rebalancing), "{}", app.state());
    // The other thread runs its own task again.
    world.send(1, numbers(10));
    world.wait_committed(2, 10);
    assert!(app.error().is_none());
    // A second instance gets the task of the thread that hangs.
    let folder = tempfile::tempdir().expect("a folder");
    let second = world.run(world.config().with_state_dir(folder.path()), |_| ());
    wait(|| world.committed(2).0 >= 11, "the record that hung elsewhere");
    end.store(true, Ordering::SeqCst);
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
    assert!(second.close(LIMIT) && app.close(LIMIT));
    assert_eq!(world.committed(2), (11, true));
}

/// Showed before: drop waited forever.
#[test]
fn a_thread_that_hangs_is_left_behind_after_a_close_that_was_not_waited_for() {
    let mut world = World::new(1);
    let end = Arc::new(AtomicBool::new(false));
    let (hangs, entered) = (Arc::clone(&end), Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&entered);
    let app = world.run(world.config(), move |_| {
        told.store(true, Ordering::SeqCst);
        while !hangs.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    world.send(0, numbers(1));
    wait(|| entered.load(Ordering::SeqCst), "a record");
    let begin = Instant::now();
    assert!(!app.close(Duration::from_millis(300)));
    drop(app);
    assert!(begin.elapsed() < LIMIT / 4, "{:?}", begin.elapsed());
    end.store(true, Ordering::SeqCst);
}

/// Showed before: a time that was over counted as one to come, and what a later call of `close` gave did not.
#[test]
fn what_is_left_for_the_end_is_never_less_than_nothing_and_grows_with_a_close() {
    let world = World::new(1);
    let app = world.app(world.config(), Arc::new(|_| ())).build().expect("an application");
    let (shared, seconds) = (&app.shared, Duration::from_secs);
    assert_eq!(shared.left(), seconds(30));
    shared.end_on(seconds(20));
    assert_eq!(shared.left(), seconds(10));
    app.close(seconds(50));
    assert_eq!(shared.left(), seconds(30));
    shared.end_on(seconds(31));
    assert_eq!(shared.left(), Duration::ZERO);
    app.close(Duration::MAX);
    assert!(shared.left() > seconds(3_600));
}

/// Showed before: PENDING_ERROR forever, and close waited without effect.
#[test]
fn a_listener_that_panics_ends_the_application_with_its_error() {
    let world = World::new(1);
    let app = world
        .app(world.config(), Arc::new(|_| ()))
        .with_state_listener(|now, _| assert!(now != State::Running, "I do not like this"))
        .build()
        .expect("an application");
    app.start().expect("it starts");
    assert!(app.wait_for(LIMIT, |state| state == State::Error), "{}", app.state());
    let error = app.error().expect("an error").to_string();
    assert!(error.contains("state listener") && error.contains("I do not like this"), "{error}");
}

/// Showed before: NOT_RUNNING, and then PENDING_SHUTDOWN.
#[test]
fn a_listener_gets_changes_in_their_order_also_while_it_is_slow() {
    let world = World::new(1);
    let (own, seen) = (Arc::new(Mutex::new(None::<Arc<Shared>>)), Arc::new(Mutex::new(Vec::new())));
    let (shared, noted) = (Arc::clone(&own), Arc::clone(&seen));
    let listener = move |now: State, before: State| {
        if now == State::PendingShutdown {
            // The control thread ends the application meanwhile.
            let shared = lock(&shared).clone().expect("is set");
            wait(|| shared.state().is_final(), "the end");
            std::thread::sleep(Duration::from_millis(50));
        }
        lock(&noted).push((before, now));
    };
    let app = world.app(world.config(), Arc::new(|_| ())).with_state_listener(listener).build();
    let app = app.expect("an application");
    *lock(&own) = Some(Arc::clone(&app.shared));
    app.start().expect("it starts");
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{}", app.state());
    assert!(app.close(LIMIT));
    wait(|| lock(&seen).len() >= 4, "all changes");
    let seen: Vec<State> = lock(&seen).iter().map(|(_, now)| *now).collect();
    assert_eq!(seen, [State::Rebalancing, State::Running, State::PendingShutdown, State::NotRunning]);
}

#[test]
fn an_application_can_be_closed_from_its_own_threads() {
    // A listener, on the control thread.
    let world = World::new(1);
    let own: Arc<Mutex<Option<Arc<KafkaStreams>>>> = Arc::default();
    let mine = Arc::clone(&own);
    let answers = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&answers);
    let close = move |now: State, _: State| {
        if now != State::Running {
            return;
        }
        let app = lock(&mine).take();
        if let Some(app) = app {
            counted.fetch_add(1 + usize::from(app.close(LIMIT)), Ordering::SeqCst);
            // The last one to hold it is not waited for either.
            drop(app);
        }
    };
    let app = world.app(world.config(), Arc::new(|_| ())).with_state_listener(close).build();
    let app = Arc::new(app.expect("an application"));
    *lock(&own) = Some(Arc::clone(&app));
    app.start().expect("it starts");
    let begin = Instant::now();
    assert!(app.wait_for(LIMIT, State::is_final), "{}", app.state());
    assert_eq!((app.state(), answers.load(Ordering::SeqCst)), (State::NotRunning, 1));
    assert!(begin.elapsed() < LIMIT / 4, "it did not wait for itself");
}

/// Showed before: the transaction stayed open until its time-out, and readers with it.
#[test]
fn a_panic_aborts_its_transaction_before_the_application_says_so() {
    let mut world = World::new(1);
    let panic = |value: &str| assert!(!value.starts_with("7"), "a bug");
    // Never committed on its own account.
    let config = world.config().with_commit_interval(Duration::from_secs(8));
    let app = world.run(config, panic);
    // The broker has the first of them before the panic.
    world.send(0, numbers(10).map(|number| format!("{number}{}", "x".repeat(100_000))));
    wait(|| app.state() == State::PendingError || app.state() == State::Error, "an error");
    let [stable, end] = world.stable_and_end();
    assert!(stable == end && end > 0, "readers stand at {stable} of {end}");
    assert!(app.wait_for(LIMIT, |state| state == State::Error));
    assert_eq!(world.committed(1).0, 0);
}

/// Showed before: state CREATED, no error, and a second start that says "in use".
#[test]
fn a_failed_start_is_told_by_the_state_and_leaves_nothing_behind() {
    let world = World::new(1);
    let mut topology = topology(Arc::new(|_| ()));
    let serde = String::default_serde;
    let source = SourceOptions { key_serde: serde(), value_serde: serde(), extractor: None };
    topology.add_source("missing", &["not-there"], None, source).expect("a source");
    let build = |topology: Topology| {
        let builder = KafkaStreams::builder(topology, world.config());
        builder.with_broker(Arc::clone(&world.broker)).build().expect("an application")
    };
    let app = build(topology);
    let Err(Error::Ended(cause)) = app.start() else { panic!("a topic is missing") };
    assert!(matches!(&*cause, Error::Topology(_)), "{cause:?}");
    assert!(cause.to_string().contains("not-there"), "{cause}");
    assert_eq!(app.state(), State::Error);
    assert!(app.error().is_some_and(|error| Arc::ptr_eq(&error, &cause)));
    let again = app.start().expect_err("once only").to_string();
    assert!(again.contains("ERROR") && again.contains("not-there"), "{again}");
    assert!(app.close(LIMIT));
    // The directory is free.
    let next = world.run(world.config(), |_| ());
    assert!(next.wait_for(LIMIT, |state| state == State::Running));
}

/// Showed before: half a minute of silence that nothing could end; then, the state was final only half a minute after a
/// close.
#[test]
fn a_start_without_a_broker_says_what_it_waits_for_and_ends_with_a_close() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    // The other is a port that nothing listens on.
    for servers in ["127.0.0.1:1", &silent] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StreamsConfig::new("app", servers).with_state_dir(folder.path());
        let app = KafkaStreams::new(topology(Arc::new(|_| ())), config).expect("an application");
        std::thread::scope(|scope| {
            let started = scope.spawn(|| app.start());
            wait(
                || app.reasons().iter().any(|reason| reason.to_string().contains("bootstrap.servers")),
                "a reason",
            );
            // Half a minute is what its clients may wait for a broker.
            assert!(app.close(Duration::from_secs(15)), "{servers}");
            assert_eq!(app.state(), State::NotRunning);
            let error = started.join().expect("no panic").expect_err("closed").to_string();
            assert!(error.contains("closed while it started"), "{error}");
        });
    }
}

/// Showed before: half a minute whatever `task.timeout.ms` says, with no word on where to look; and a setting that was only
/// refused once the brokers had been asked.
#[cfg(feature = "kafka")]
#[test]
fn a_start_tells_what_is_wrong_on_the_way_to_the_brokers() {
    let refusal = |key: &str, value: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StreamsConfig::new("app", "127.0.0.1:1").with_state_dir(folder.path());
        let config = config.with(key, value).expect("a setting");
        let app = KafkaStreams::new(topology(Arc::new(|_| ())), config).expect("an application");
        app.start().expect_err("it cannot start").to_string()
    };
    for (key, value, parts) in [
        ("task.timeout.ms", "1000", ["127.0.0.1:1", "see that the brokers of bootstrap.servers run"]),
        ("producer.linger.ms", "-5", ["setting 'producer.linger.ms'", "it takes 0 .. 900000"]),
        ("consumer.fetch.min.bytes", "none", ["setting 'consumer.fetch.min.bytes'", "it takes 1 .. "]),
        (
            "producer.delivery.timeout.ms",
            "1",
            ["setting 'producer.delivery.timeout.ms'", "must be longer than linger.ms"],
        ),
    ] {
        let said = refusal(key, value);
        for part in parts {
            assert!(said.contains(part), "{key}={value}: {part} in {said}");
        }
    }
}
