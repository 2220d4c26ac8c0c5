//! What others do on the same cluster, and what is stuck: a stranger's open transaction, a partition without a leader. An
//! application that does not depend on it is not affected, and leaves nothing in others' topics.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

use std::time::{Duration, Instant};

use field::{App, LIMIT, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::{ConsumedRecord, KafkaClient, KafkaCluster, TestRecord, shared};
use streams_core::runtime::State;
use streams_core::topology::Topology;

/// How long a stranger's transaction may be open.
const OPEN: Duration = Duration::from_secs(600);

/// Far less than that, and far more than a start or a result takes on a busy machine.
const NOT_WAITED_FOR: Duration = Duration::from_secs(90);

fn copy(input: &str, output: &str) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(input).to(output);
    builder.build().expect("a topology")
}

/// Everything in a topic, open and aborted records included.
fn everything(client: &KafkaClient, topic: &str) -> Vec<ConsumedRecord> {
    client.consume_all(topic, false).expect("read")
}

/// How long it takes until a value is in a topic, committed or not.
fn seen_after(client: &KafkaClient, topic: &str, value: &str) -> Duration {
    let begin = Instant::now();
    while !everything(client, topic).iter().any(|record| record.value_text() == value) {
        assert!(begin.elapsed() < LIMIT, "{value} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
    begin.elapsed()
}

/// Before: RUNNING after 6.3 s, two records with an empty key in the output topic, and ten seconds of idleness closed the
/// task again and again.
#[test]
fn a_strangers_long_transaction_is_not_waited_for() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let (input, output) = ("stranger-in", "stranger-out");
    client.create_topic(input, 2, &[]).expect("created");
    client.create_topic(output, 1, &[]).expect("created");
    let stranger = client.transactional("the-stranger", OPEN).expect("a producer");
    stranger.begin().expect("begun");
    stranger.send(output, [TestRecord::new("stranger", "open")]).expect("sent");

    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    // Transactions of seconds, as the first instance has them when the second one starts.
    let settings =
        |folder| config(&client, "quiet-stranger", folder).with_commit_interval(Duration::from_secs(3));
    let begin = Instant::now();
    let app = App::run(copy(input, output), settings(folders[0].path()));
    println!("RUNNING after {:?}", begin.elapsed());
    assert!(begin.elapsed() < NOT_WAITED_FOR, "{:?}", begin.elapsed());
    let mut slowest = Duration::ZERO;
    for round in 0..3 {
        for partition in 0..2 {
            let value = format!("{round}-{partition}");
            let record = TestRecord::new("key", &value).to_partition(partition);
            client.produce(input, [record]).expect("produced");
            slowest = slowest.max(seen_after(&client, output, &value));
        }
        if round == 0 {
            // It has something open from here on.
            let begin = Instant::now();
            let other = App::run(copy(input, output), settings(folders[1].path()));
            println!("the second one is RUNNING after {:?}", begin.elapsed());
            assert!(begin.elapsed() < NOT_WAITED_FOR, "{:?}", begin.elapsed());
            other.close();
        }
        // Longer than an idle thread waits before it looks, and than it used to wait then.
        std::thread::sleep(Duration::from_secs(6));
    }
    println!("the slowest result came after {slowest:?}");
    assert!(slowest < NOT_WAITED_FOR, "{slowest:?}");
    assert_eq!(app.streams.state(), State::Running);
    let processed = app.streams.totals().processed_records;
    app.close();
    let all = everything(&client, output);
    assert!(all.iter().all(|record| !record.key_text().is_empty()), "{all:?}");
    let own = all.iter().filter(|record| record.key_text() == "key").count();
    assert_eq!(own, 6, "each result once, and nothing that was aborted: {all:?}");
    assert!(processed >= 4, "most records were processed by the first: {processed}");
    stranger.abort().expect("aborted");
}

/// Before: nothing ever ran, and nothing was said.
#[test]
fn a_sink_without_a_leader_holds_up_nobody_who_does_not_need_it() {
    let _turn = turn();
    let cluster = KafkaCluster::start(3).expect("brokers");
    let client = cluster.client();
    client.create_topic("leader-in", 2, &[]).expect("created");
    client.create_topic("leader-out", 2, &[]).expect("created");
    client.create_topic_on("leader-extra", &[&[2]], &[]).expect("created");
    let topology = || {
        let builder = StreamsBuilder::new();
        let input = builder.stream::<String, String>("leader-in");
        input.filter(|key, _| key == "extra").to("leader-extra");
        input.filter(|key, _| key != "extra").to("leader-out");
        builder.build().expect("a topology")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::run(topology(), config(&client, "quiet-leader", folder.path()));
    let records = |from: usize| (from..from + 10).map(|number| TestRecord::new(number.to_string(), "x"));
    client.produce("leader-in", records(0)).expect("produced");
    field::committed(&client, "leader-out", 10);
    app.close();

    cluster.kill_broker(2).expect("killed");
    let begin = Instant::now();
    let app = App::run(topology(), config(&client, "quiet-leader", folder.path()));
    println!("RUNNING after {:?}", begin.elapsed());
    client.produce("leader-in", records(10)).expect("produced");
    field::committed(&client, "leader-out", 20);
    println!("continues after {:?}", begin.elapsed());
    app.close();
}

/// Before: not a word, as if there were nothing to read.
#[test]
fn a_source_without_a_leader_is_named_and_the_others_go_on() {
    let _turn = turn();
    let cluster = KafkaCluster::start(3).expect("brokers");
    let client = cluster.client();
    for topic in ["named-in", "named-out"] {
        client.create_topic(topic, 1, &[]).expect("created");
    }
    client.create_topic_on("named-other", &[&[2]], &[]).expect("created");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("named-in").to("named-out");
    builder.stream::<String, String>("named-other").to("named-out");
    let folder = tempfile::tempdir().expect("a folder");
    let topology = builder.build().expect("a topology");
    let app = App::run(topology, config(&client, "quiet-named", folder.path()));
    for topic in ["named-in", "named-other"] {
        client.produce(topic, [TestRecord::new("a", "1")]).expect("produced");
    }
    field::committed(&client, "named-out", 2);

    cluster.kill_broker(2).expect("killed");
    let told = || {
        let reasons = app.streams.reasons();
        reasons.iter().any(|reason| reason.what.starts_with("source partition named-other-0 to be readable"))
    };
    let begin = Instant::now();
    while !told() {
        assert!(begin.elapsed() < LIMIT, "{:?}", app.streams.reasons());
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("reported after {:?}", begin.elapsed());
    client.produce("named-in", [TestRecord::new("a", "2")]).expect("produced");
    field::committed(&client, "named-out", 3);
    cluster.start_broker(2).expect("started");
    let begin = Instant::now();
    while told() {
        assert!(begin.elapsed() < LIMIT, "{:?}", app.streams.reasons());
        std::thread::sleep(Duration::from_millis(50));
    }
    client.produce("named-other", [TestRecord::new("a", "3")]).expect("produced");
    field::committed(&client, "named-out", 4);
    app.close();
}

/// Before: the start failed at once, as a broker that the controller has not heard from for a moment is not counted.
#[test]
fn a_start_waits_for_brokers_that_pause() {
    let _turn = turn();
    let cluster = KafkaCluster::start(3).expect("brokers");
    let client = cluster.client();
    for topic in ["paused-in", "paused-out"] {
        client.create_topic(topic, 1, &[]).expect("created");
    }
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("paused-in").group_by_key().count().to_stream().to("paused-out");
    let topology = builder.build().expect("a topology");
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        config(&client, "quiet-paused", folder.path()).with("replication.factor", 3).expect("a setting");
    cluster.pause_broker(2).expect("paused");
    let fenced = || client.live_brokers(LIMIT).expect("an answer") == 2;
    field::wait_until("the controller to miss a broker", fenced);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(1));
            cluster.resume_broker(2).expect("resumed");
        });
        App::run(topology, config).close();
    });
}
