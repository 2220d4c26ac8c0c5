//! A broker that is gone permanently: the application says so soon after `task.timeout.ms`, whatever it was doing when the
//! broker went, and ends in time when it is closed.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]

use std::time::{Duration, Instant};

use field::{App, Chance, LIMIT, committed, config, turn, wait_committed};
use kstreams::prelude::*;
use lab::{KafkaCluster, TestRecord, shared};
use streams_core::runtime::State;

const TASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Most ends take half a minute.
const ENDED_WITHIN: Duration = Duration::from_secs(150);

const RECORDS: u32 = 20_000;

/// An application in the midst of its work, and its broker gone.
struct Gone {
    app: App,
    begin: Instant,
    // Dropped after the application.
    _parts: (KafkaCluster, tempfile::TempDir),
}

fn gone(name: &str, guarantee: &str, timeout: Duration, chance: &mut Chance) -> Gone {
    let cluster = KafkaCluster::start(1).expect("a broker");
    let client = cluster.client();
    client.create_topic("in", 4, &[]).expect("created");
    client.create_topic("out", 2, &[]).expect("created");
    let records = (0..RECORDS).map(|number| TestRecord::new(format!("{}", number % 100), "x"));
    client.produce("in", records).expect("produced");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count().to_stream().to("out");
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&client, name, folder.path())
        .with("processing.guarantee", guarantee)
        .and_then(|config| config.with("task.timeout.ms", timeout.as_millis().to_string()))
        .expect("settings");
    let app = App::run(builder.build().expect("a topology"), config);
    app.wait_processed(1_000);
    std::thread::sleep(chance.millis_below(300));
    cluster.kill_broker(0).expect("killed");
    Gone { app, begin: Instant::now(), _parts: (cluster, folder) }
}

/// How long it took the application to say so. It ends with an error if its work is in doubt, as that of a transaction is
/// whose commit nobody answers. If the group's session expired first, nothing is in doubt, as it lost its tasks and dropped
/// what they had not committed: then it waits for a broker, with a reason, and can be closed.
fn said_after(name: &str, gone: &Gone) -> Duration {
    let streams = &gone.app.streams;
    let said = streams.wait_for(ENDED_WITHIN, |state| state != State::Running);
    let after = gone.begin.elapsed();
    println!("{name}: {} after {after:?}: {:?}", streams.state(), streams.reasons());
    assert!(said, "{name}: {:?}", streams.reasons());
    if streams.state() == State::Rebalancing {
        // The wait begins a moment after the state has changed.
        let begin = Instant::now();
        while streams.reasons().is_empty() && !streams.state().is_final() && begin.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(!streams.reasons().is_empty() || streams.state().is_final(), "{name} waits without a reason");
        assert!(streams.close(ENDED_WITHIN), "{name}: {:?}", streams.reasons());
        return after;
    }
    assert!(streams.wait_for(ENDED_WITHIN, State::is_final), "{name}: {:?}", streams.reasons());
    assert_eq!(streams.state(), State::Error);
    println!("{name}: {:?}", streams.error().map(|error| error.to_string()));
    after
}

/// Showed before: RUNNING for minutes, as librdkafka may wait for the group's coordinator forever in the call that hands
/// offsets to a transaction (librdkafka#5456).
#[test]
fn exactly_once() {
    let _turn = turn();
    let mut chance = Chance::new("gone-exactly-once");
    let gone = gone("gone-exactly-once", "exactly_once_v2", TASK_TIMEOUT, &mut chance);
    said_after("gone-exactly-once", &gone);
}

/// Showed before: RUNNING, with no task at all.
#[test]
fn at_least_once() {
    let _turn = turn();
    let mut chance = Chance::new("gone-at-least-once");
    let gone = gone("gone-at-least-once", "at_least_once", TASK_TIMEOUT, &mut chance);
    said_after("gone-at-least-once", &gone);
}

/// The least that Kafka Streams allows: nothing is waited for, but all that a broker answers works, a restart with restores
/// included.
#[test]
fn without_any_task_timeout() {
    let _turn = turn();
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let name = format!("gone-at-once-{}", &guarantee[..2]);
        let gone = gone(&name, guarantee, Duration::ZERO, &mut Chance::new(&name));
        said_after(&name, &gone);
    }
}

#[test]
fn a_task_timeout_of_zero_does_not_end_what_works() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let name = format!("no-timeout-{}", &guarantee[..2]);
        let (input, output) = (format!("{name}-in"), format!("{name}-out"));
        client.create_topic(&input, 2, &[]).expect("created");
        client.create_topic(&output, 1, &[]).expect("created");
        for round in 1..=2_usize {
            let records = (0..1_000).map(|number| TestRecord::new(format!("{}", number % 100), "x"));
            client.produce(&input, records).expect("produced");
            let builder = StreamsBuilder::new();
            builder.stream::<String, String>(&*input).group_by_key().count().to_stream().to(&output);
            // Without local state: all of it is restored.
            let folder = tempfile::tempdir().expect("a folder");
            let config = config(&client, &name, folder.path())
                .with("processing.guarantee", guarantee)
                .and_then(|config| config.with("task.timeout.ms", 0))
                .expect("settings");
            let app = App::run(builder.build().expect("a topology"), config);
            wait_committed(&client, &name, &[&input], LIMIT);
            app.close();
            let last = committed(&client, &output, round * 1_000).pop().and_then(|record| record.value);
            assert_eq!(last, Some((round as i64 * 10).to_be_bytes().to_vec()), "{guarantee}");
        }
    }
}

#[test]
#[ignore = "a campaign: takes minutes"]
fn campaign_of_outages() {
    let _turn = turn();
    let mut chance = Chance::new("campaign-of-outages");
    let mut round = |round| {
        let name = format!("gone-{round}");
        said_after(&name, &gone(&name, "exactly_once_v2", TASK_TIMEOUT, &mut chance))
    };
    println!("{:?}", (0..10).map(&mut round).collect::<Vec<_>>());
}
