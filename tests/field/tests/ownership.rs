//! Who owns what: topics that widen, come and go, topologies that differ, offsets that must not expire.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use field::{App, LIMIT, committed, config, logged, texts, turn, wait_committed, wait_until};
use kstreams::prelude::*;
use lab::{Acl, ClusterOptions, KafkaClient, KafkaCluster, Operation, Resource, TestRecord, shared};
use streams_core::partitioner::partition_for_key;
use tempfile::TempDir;

const WHEN: i64 = 1_900_000_000_000;

fn folders<const N: usize>() -> [TempDir; N] {
    [(); N].map(|()| tempfile::tempdir().expect("a folder"))
}

/// Looks at topics often.
fn watchful(client: &KafkaClient, app: &str, folder: &Path) -> StreamsConfig {
    let mut config = config(client, app, folder);
    config.set("metadata.max.age.ms", 500).expect("a setting");
    config
}

/// Grows a topic to this many partitions.
fn grow(client: &KafkaClient, topic: &str, partitions: i32) {
    client.add_partitions(topic, partitions).expect("more partitions");
}

/// Writes this many numbered records to a partition.
fn produce(client: &KafkaClient, topic: &str, partition: i32, records: usize) {
    let record =
        |n| TestRecord::new(format!("{topic}-{partition}"), format!("{n}")).to_partition(partition).at(WHEN);
    client.produce(topic, (0..records).map(record)).expect("sent");
}

/// Each record is there once.
fn assert_once(client: &KafkaClient, topic: &str, records: usize) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts(&committed(client, topic, records)) {
        *seen.entry(text).or_default() += 1;
    }
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!((seen.len(), twice.len()), (records, 0), "{twice:?}");
}

fn copy(topics: &[&str], to: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(topics).to(to);
    builder.build().expect("a topology")
}

/// Runs an application, and counts how often it becomes RUNNING while that holds.
fn run_counted(
    topology: Topology,
    config: StreamsConfig,
    holds: impl Fn() -> bool + Send + Sync + 'static,
) -> (App, Arc<AtomicUsize>) {
    let times = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&times);
    let counting = move |now: State, _: State| {
        if now == State::Running && holds() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    };
    let streams = KafkaStreams::builder(topology, config).with_state_listener(counting).build();
    let app = App { streams: streams.expect("settings and topology are fine") };
    app.streams.start().expect("it starts");
    app.wait(State::Running);
    (app, times)
}

#[test]
fn instances_that_saw_different_counts_own_each_partition_once() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-two-a", 2, &[]).expect("topic");
    client.create_topic("own-two-b", 2, &[]).expect("topic");
    client.create_topic("own-two-out", 1, &[]).expect("topic");
    let [first, second] = folders();
    let topology = || copy(&["own-two-a", "own-two-b"], "own-two-out");
    // The first one does not look at topics by itself.
    let one = App::run(topology(), config(&client, "own-two", first.path()));
    grow(&client, "own-two-b", 4);
    let other = App::run(topology(), config(&client, "own-two", second.path()));
    for (topic, partitions) in [("own-two-a", 2), ("own-two-b", 4)] {
        (0..partitions).for_each(|partition| produce(&client, topic, partition, 100));
    }
    assert_once(&client, "own-two-out", 600);
    wait_until("four tasks", || {
        one.streams.totals().running_tasks + other.streams.totals().running_tasks == 4
    });
    one.close();
    other.close();
}

#[test]
fn partitions_that_are_added_are_read_by_the_running_application() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-wider", 2, &[]).expect("topic");
    client.create_topic("own-wider-out", 1, &[]).expect("topic");
    let [folder] = folders();
    let topology = copy(&["own-wider"], "own-wider-out");
    let app = App::run(topology, watchful(&client, "own-wider", folder.path()));
    (0..2).for_each(|partition| produce(&client, "own-wider", partition, 10));
    committed(&client, "own-wider-out", 20);
    grow(&client, "own-wider", 4);
    (2..4).for_each(|partition| produce(&client, "own-wider", partition, 10));
    assert_once(&client, "own-wider-out", 40);
    app.wait(State::Running);
    app.close();
}

#[test]
fn a_stateful_part_does_not_outgrow_its_changelog() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-stateful", 1, &[]).expect("topic");
    let [folder] = folders();
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("own-stateful").group_by_key().count_with(Materialized::named("counts"));
    let topology = builder.build().expect("a topology");
    let app = App::run(topology, watchful(&client, "own-stateful", folder.path()));
    grow(&client, "own-stateful", 2);
    app.wait(State::Error);
    let error = app.streams.error().expect("an error").to_string();
    assert!(error.contains("own-stateful-counts-changelog"), "{error}");
}

#[test]
fn results_are_spread_over_all_partitions_of_a_topic_that_grew() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-sink", 1, &[]).expect("topic");
    client.create_topic("own-sink-out", 1, &[]).expect("topic");
    let [folder] = folders();
    let topology = copy(&["own-sink"], "own-sink-out");
    let app = App::run(topology, watchful(&client, "own-sink", folder.path()));
    let keys = |round: usize| {
        let record = move |n| TestRecord::new(format!("k{n}"), format!("{round}")).at(WHEN);
        client.produce("own-sink", (0..100).map(record)).expect("sent");
    };
    keys(0);
    committed(&client, "own-sink-out", 100);
    grow(&client, "own-sink-out", 4);
    let mut round = 0;
    wait_until("records in all partitions", || {
        round += 1;
        keys(round);
        std::thread::sleep(Duration::from_millis(500));
        client.end_offsets("own-sink-out").expect("ends").iter().all(|end| *end > 1)
    });
    for record in client.consume_all("own-sink-out", true).expect("read") {
        if record.value_text() == round.to_string() {
            let expected = partition_for_key(record.key_text().as_bytes(), 4);
            assert_eq!(record.partition, expected, "{}", record.key_text());
        }
    }
    app.close();
}

#[test]
fn members_with_different_topologies_do_not_work_side_by_side() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["own-differ-a", "own-differ-b", "own-differ-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let [first, second, third] = folders();
    let one =
        App::run(copy(&["own-differ-a"], "own-differ-out"), config(&client, "own-differ", first.path()));
    let topology = copy(&["own-differ-b", "own-differ-a"], "own-differ-out");
    let mut settings = config(&client, "own-differ", second.path());
    settings.set("task.timeout.ms", 60_000).expect("a setting");
    let other = KafkaStreams::new(topology.clone(), settings).expect("fine");
    other.start().expect("it waits");
    wait_until("a reason", || {
        let reasons: Vec<String> = other.reasons().iter().map(ToString::to_string).collect();
        reasons.iter().any(|reason| reason.contains("another topology") && reason.contains("fingerprint"))
    });
    produce(&client, "own-differ-a", 0, 10);
    assert_once(&client, "own-differ-out", 10);
    assert_eq!((other.state(), one.streams.state()), (State::Rebalancing, State::Running));
    // It ends on request, and at its limit.
    assert!(other.close(LIMIT));
    let mut settings = config(&client, "own-differ", third.path());
    settings.set("task.timeout.ms", 4_000).expect("a setting");
    let impatient = KafkaStreams::new(topology.clone(), settings).expect("fine");
    impatient.start().expect("it waits");
    assert!(impatient.wait_for(LIMIT, State::is_final));
    let error = impatient.error().expect("an error").to_string();
    assert!(error.contains("another topology") && error.contains("task.timeout.ms"), "{error}");
    // Once the first one has gone, the other topology may run.
    one.close();
    produce(&client, "own-differ-b", 0, 10);
    let other = App::run(topology, config(&client, "own-differ", third.path()));
    assert_once(&client, "own-differ-out", 20);
    other.close();
}

#[test]
fn a_step_without_state_may_be_added_while_others_run() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-peek", 2, &[]).expect("topic");
    client.create_topic("own-peek-out", 1, &[]).expect("topic");
    let [first, second] = folders();
    let one = App::run(copy(&["own-peek"], "own-peek-out"), config(&client, "own-peek", first.path()));
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("own-peek").peek(|_, _| ()).to("own-peek-out");
    let topology = builder.build().expect("a topology");
    let other = App::run(topology, config(&client, "own-peek", second.path()));
    wait_until("one task each", || [&one, &other].iter().all(|app| app.streams.totals().running_tasks == 1));
    (0..2).for_each(|partition| produce(&client, "own-peek", partition, 10));
    assert_once(&client, "own-peek-out", 20);
    one.close();
    other.close();
}

#[test]
fn a_deleted_source_topic_is_an_error_that_names_it() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-gone", 1, &[]).expect("topic");
    client.create_topic("own-gone-out", 1, &[]).expect("topic");
    let [folder] = folders();
    let topology = copy(&["own-gone"], "own-gone-out");
    let app = App::run(topology, watchful(&client, "own-gone", folder.path()));
    produce(&client, "own-gone", 0, 10);
    committed(&client, "own-gone-out", 10);
    client.delete_topics(&["own-gone"]).expect("deleted");
    app.wait(State::Error);
    let error = app.streams.error().expect("an error").to_string();
    assert!(error.contains("source topic own-gone was deleted"), "{error}");
}

/// Showed before: RUNNING without a task, no reason, no error.
#[test]
fn a_deleted_repartition_topic_is_an_error_that_names_it() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["own-between-in", "own-between-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("own-between-in")
        .group_by_with(|_, value| value.clone(), Grouped::named("between"))
        .count()
        .to_stream()
        .to("own-between-out");
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::run(builder.build().expect("a topology"), watchful(&client, "own-between", folder.path()));
    client.delete_topics(&["own-between-between-repartition"]).expect("deleted");
    app.wait(State::Error);
    let error = app.streams.error().expect("an error").to_string();
    assert!(error.contains("own-between-between-repartition"), "{error}");
}

#[test]
fn a_source_topic_that_is_created_again_is_read_from_its_beginning() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-again", 1, &[]).expect("topic");
    client.create_topic("own-again-out", 1, &[]).expect("topic");
    let [folder] = folders();
    let topology = copy(&["own-again"], "own-again-out");
    let is_noticed =
        || logged("deleted and created again").iter().any(|line| line.contains("topic=own-again"));
    let (app, times) = run_counted(topology, watchful(&client, "own-again", folder.path()), is_noticed);
    produce(&client, "own-again", 0, 10);
    committed(&client, "own-again-out", 10);
    client.recreate_topic("own-again", 1).expect("created again");
    wait_until("a restart", || times.load(Ordering::SeqCst) > 0);
    // More than were read before: the old offset exists in the new topic, too.
    let records = (0..30).map(|n| TestRecord::new("again", format!("{n}")).at(WHEN));
    client.produce("own-again", records).expect("sent");
    assert_once(&client, "own-again-out", 40);
    app.close();
}

#[test]
fn a_topic_of_a_pattern_may_go() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["own-in-a", "own-in-b", "own-pattern-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let [folder] = folders();
    let builder = StreamsBuilder::new();
    let pattern = TopicPattern::new("own-in-[a-z]").expect("a pattern");
    builder.stream::<String, String>(pattern).to("own-pattern-out");
    let topology = builder.build().expect("a topology");
    let mut settings = config(&client, "own-pattern", folder.path());
    settings.set("metadata.max.age.ms", 600_000).expect("a setting");
    let (app, times) = run_counted(topology, settings, || true);
    produce(&client, "own-in-a", 0, 10);
    produce(&client, "own-in-b", 0, 10);
    committed(&client, "own-pattern-out", 20);
    let before = times.load(Ordering::SeqCst);
    client.delete_topics(&["own-in-b"]).expect("deleted");
    let records = (10..20).map(|n| TestRecord::new("own-in-a-0", format!("{n}")).at(WHEN));
    client.produce("own-in-a", records).expect("sent");
    assert_once(&client, "own-pattern-out", 30);
    // Without it, the plan has the other one only; the sign of it is the refused fetch.
    wait_until("a restart", || times.load(Ordering::SeqCst) > before);
    app.wait(State::Running);
    assert_eq!(app.streams.error().map(|error| error.to_string()), None);
    app.close();
}

/// Passes on what a global store gets, as soon as user code is let through.
struct Slow(std::sync::mpsc::Sender<String>, Arc<dyn Fn() + Send + Sync>);

impl Processor<String, String, (), ()> for Slow {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, (), ()>,
    ) -> ProcessorResult {
        (self.1)();
        let store: KeyValueStore<String, String> = context.state_store("globals")?;
        store.put(&record.key, Some(record.value.clone()))?;
        let _ = self.0.send(record.value);
        Ok(())
    }
}

fn globals(
    builder: &StreamsBuilder,
    topic: &str,
    pause: impl Fn() + Send + Sync + 'static,
) -> std::sync::mpsc::Receiver<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let pause: Arc<dyn Fn() + Send + Sync> = Arc::new(pause);
    let store = Stores::key_value_store::<String, String>("globals").with_logging_disabled();
    builder.add_global_store(store, topic, Consumed::<String, String>::new(), move |_| {
        Ok(Slow(sender.clone(), Arc::clone(&pause)))
    });
    receiver
}

#[test]
fn a_topology_of_global_tables_only_runs() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-global", 2, &[]).expect("topic");
    let [folder] = folders();
    let builder = StreamsBuilder::new();
    let got = globals(&builder, "own-global", || ());
    let app = App::run(builder.build().expect("a topology"), config(&client, "own-global", folder.path()));
    produce(&client, "own-global", 0, 1);
    assert_eq!(got.recv_timeout(LIMIT).expect("a record"), "0");
    app.close();
}

#[test]
fn nobody_joins_before_its_global_stores_are_filled() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for topic in ["own-fill", "own-fill-in", "own-fill-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    produce(&client, "own-fill", 0, 400);
    let [first, second] = folders();
    let app = |pause: Arc<dyn Fn() + Send + Sync>, folder: &TempDir| {
        let builder = StreamsBuilder::new();
        let _got = globals(&builder, "own-fill", move || pause());
        builder.stream::<String, String>("own-fill-in").to("own-fill-out");
        let topology = builder.build().expect("a topology");
        KafkaStreams::new(topology, config(&client, "own-fill", folder.path())).expect("fine")
    };
    let one = app(Arc::new(|| ()), &first);
    one.start().expect("it starts");
    assert!(one.wait_for(LIMIT, |state| state == State::Running), "{:?}", one.reasons());
    let commits_before = one.totals().commits;
    // The second one does not get further than its first record before the first one has worked, and then is slow.
    let held = Arc::new(AtomicBool::new(true));
    let is_held = Arc::clone(&held);
    let pause = move || {
        std::thread::sleep(Duration::from_millis(50));
        let begin = Instant::now();
        while is_held.load(Ordering::SeqCst) && begin.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let slow = app(Arc::new(pause), &second);
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| slow.start());
        wait_until("a reason", || {
            slow.reasons().iter().any(|reason| reason.to_string().contains("global stores to be filled"))
        });
        // The other one keeps its task and works.
        produce(&client, "own-fill-in", 0, 10);
        assert_once(&client, "own-fill-out", 10);
        assert!(one.totals().commits > commits_before);
        assert_eq!(one.state(), State::Running);
        assert!(slow.state() != State::Running);
        held.store(false, Ordering::SeqCst);
        assert!(slow.close(LIMIT), "filling ends on request");
        assert!(starting.join().expect("no panic").is_err(), "it was closed while it started");
    });
    assert!(one.close(LIMIT));
}

#[test]
fn records_of_repartition_topics_are_read_whatever_the_reset_policy() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("own-reset", 1, &[]).expect("topic");
    client.create_topic("own-reset-out", 1, &[]).expect("topic");
    let [folder] = folders();
    // What the first half of an application had written before the second half ran for the first time.
    client.create_topic("own-reset-by-repartition", 1, &[]).expect("topic");
    let records = (0..10).map(|n| TestRecord::new("k", format!("{n}")).at(WHEN));
    client.produce("own-reset-by-repartition", records).expect("sent");
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("own-reset")
        .repartition_with(Repartitioned::named("by"))
        .to("own-reset-out");
    let mut settings = config(&client, "own-reset", folder.path());
    settings.set("consumer.auto.offset.reset", "latest").expect("a setting");
    let app = App::run(builder.build().expect("a topology"), settings);
    assert_once(&client, "own-reset-out", 10);
    app.close();
}

/// Group offsets of partitions that nothing is written to, with a broker that forgets them after a minute.
#[test]
#[ignore = "takes four minutes"]
fn offsets_of_idle_partitions_do_not_expire() {
    let _turn = turn();
    let options = ClusterOptions {
        settings: [("offsets.retention.minutes", "1"), ("offsets.retention.check.interval.ms", "1000")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        ..ClusterOptions::default()
    };
    let cluster = KafkaCluster::start_with(&options).expect("a broker");
    let client = cluster.client();
    for topic in ["own-idle-a", "own-idle-b", "own-idle-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let [folder] = folders();
    let topology = || {
        let builder = StreamsBuilder::new();
        builder
            .stream::<String, String>(["own-idle-a", "own-idle-b"])
            .group_by_key()
            .count()
            .to_stream()
            .to("own-idle-out");
        builder.build().expect("a topology")
    };
    let settings = || {
        let mut config = config(&client, "own-idle", folder.path());
        config.set("offsets.recommit.interval.ms", 20_000).expect("a setting");
        config
    };
    let app = App::run(topology(), settings());
    produce(&client, "own-idle-a", 0, 1);
    produce(&client, "own-idle-b", 0, 1);
    wait_committed(&client, "own-idle", &["own-idle-a", "own-idle-b"], LIMIT);
    for _ in 0..15 {
        std::thread::sleep(Duration::from_secs(10));
        produce(&client, "own-idle-a", 0, 1);
    }
    let found = client.committed_offsets("own-idle", &["own-idle-b"]).expect("offsets");
    assert!(found.contains_key(&("own-idle-b".to_owned(), 0)), "it was forgotten: {found:?}");
    app.close();
    let app = App::run(topology(), settings());
    let records = texts(&committed(&client, "own-idle-out", 17));
    assert_eq!(records.iter().filter(|text| *text == "own-idle-b-0=1").count(), 1, "{records:?}");
    app.close();
}

/// Rights on a topic are taken away: its task waits, others continue; after `task.timeout.ms` it is an error.
#[test]
fn rights_that_come_back_are_waited_for() {
    let _turn = turn();
    let authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";
    let options = ClusterOptions {
        settings: [("authorizer.class.name", authorizer), ("allow.everyone.if.no.acl.found", "true")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec(),
        ..ClusterOptions::default()
    };
    let cluster = KafkaCluster::start_with(&options).expect("a broker");
    let client = cluster.client();
    for topic in ["own-acl", "own-acl-other", "own-acl-out"] {
        client.create_topic(topic, 1, &[]).expect("topic");
    }
    let everybody = "User:ANONYMOUS";
    let all = Acl::allow(everybody, Resource::Topic("own-acl"), Operation::All);
    let denied = Acl::deny(everybody, Resource::Topic("own-acl"), Operation::Read);
    client.create_acls(&[all]).expect("rights");
    let [folder] = folders();
    let builder = StreamsBuilder::new();
    for topic in ["own-acl", "own-acl-other"] {
        builder.stream::<String, String>(topic).to("own-acl-out");
    }
    let topology = builder.build().expect("a topology");
    let mut settings = config(&client, "own-acl", folder.path());
    let app = App::run(topology.clone(), settings.clone());
    produce(&client, "own-acl", 0, 10);
    committed(&client, "own-acl-out", 10);
    let is_refused = || {
        let reasons = app.streams.reasons();
        reasons.iter().any(|reason| reason.to_string().contains("own-acl-0 to be readable again"))
    };
    client.create_acls(&[denied]).expect("rights");
    wait_until("a reason", is_refused);
    produce(&client, "own-acl-other", 0, 10);
    let records = (10..20).map(|n| TestRecord::new("own-acl-0", format!("{n}")).at(WHEN));
    client.produce("own-acl", records).expect("sent");
    committed(&client, "own-acl-out", 20);
    assert_eq!(app.streams.error().map(|error| error.to_string()), None);
    client.delete_acls(&[denied]).expect("rights");
    assert_once(&client, "own-acl-out", 30);
    wait_until("no reason", || !is_refused());
    app.close();
    settings.set("task.timeout.ms", 10_000).expect("a setting");
    let app = App::run(topology, settings);
    client.create_acls(&[denied]).expect("rights");
    app.wait(State::Error);
    let error = app.streams.error().expect("an error").to_string();
    assert!(error.contains("own-acl-0"), "{error}");
}
