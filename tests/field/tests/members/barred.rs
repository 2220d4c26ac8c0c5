//! A group that does not take the application as a member: librdkafka asks it again and again, and says so in its log alone.

use std::time::{Duration, Instant};

use field::{LIMIT, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::{KafkaClient, shared};
use rdkafka::consumer::Consumer;
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;

fn pass_through(client: &KafkaClient, name: &str) -> Topology {
    client.create_topic(&format!("{name}-in"), 1, &[]).expect("created");
    client.create_topic(&format!("{name}-out"), 1, &[]).expect("created");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>(&format!("{name}-in")).to(&format!("{name}-out"));
    builder.build().expect("a topology")
}

fn started(topology: Topology, config: StreamsConfig) -> KafkaStreams {
    let app = KafkaStreams::new(topology, config).expect("settings and topology are fine");
    app.start().expect("it starts");
    app
}

/// Why it has ended.
fn ended(app: &KafkaStreams) -> String {
    assert!(app.wait_for(2 * LIMIT, State::is_final), "{} {:?}", app.state(), app.reasons());
    app.error().expect("an error").to_string()
}

/// Before: REBALANCING without end and without a reason.
#[test]
fn a_session_that_the_brokers_do_not_allow_is_an_error_that_names_the_setting() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let topology = pass_through(&client, "short-session");
    let config = config(&client, "short-session", folder.path())
        .with("consumer.session.timeout.ms", 3_000)
        .expect("a setting");
    let told = ended(&started(topology, config));
    assert!(told.contains("group.min.session.timeout.ms"), "{told}");
    assert!(told.contains("short-session"), "{told}");
}

/// Before: the same.
#[test]
fn a_group_of_plain_consumers_is_named_while_it_is_waited_for_and_then_an_error() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    let folder = tempfile::tempdir().expect("a folder");
    let topology = pass_through(&client, "strangers");
    let stranger = client.consumer(&[("group.id", "strangers")]).expect("a consumer");
    stranger.subscribe(&["strangers-in"]).expect("subscribed");
    let begin = Instant::now();
    while stranger.assignment().expect("an assignment").count() == 0 {
        assert!(begin.elapsed() < 2 * LIMIT, "the plain consumer does not join");
        let _none = stranger.poll(Duration::from_millis(50));
    }
    let config =
        config(&client, "strangers", folder.path()).with("task.timeout.ms", 10_000).expect("a setting");
    let app = started(topology, config);
    let (begin, advice) = (Instant::now(), "is not an instance of this library");
    while !app.reasons().iter().any(|reason| reason.what.contains(advice)) && !app.state().is_final() {
        assert!(begin.elapsed() < 2 * LIMIT, "{} {:?}", app.state(), app.reasons());
        // Or its session ends.
        let _none = stranger.poll(Duration::from_millis(50));
    }
    let begin = Instant::now();
    while !app.state().is_final() {
        assert!(begin.elapsed() < 2 * LIMIT, "{} {:?}", app.state(), app.reasons());
        let _none = stranger.poll(Duration::from_millis(50));
    }
    let told = ended(&app);
    assert!(told.contains("group 'strangers'") && told.contains(advice), "{told}");
}
