//! A group that does not take the application as a member: librdkafka asks it again and again, and says so in its log alone.

use field::{LIMIT, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::{KafkaClient, shared};
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
    let topology = pass_through(&client, "long-session");
    let config = config(&client, "long-session", folder.path())
        .with("consumer.max.poll.interval.ms", 3_600_000)
        .and_then(|config| config.with("consumer.session.timeout.ms", 3_600_000))
        .expect("settings");
    let told = ended(&started(topology, config));
    assert!(told.contains("group.max.session.timeout.ms"), "{told}");
    assert!(told.contains("long-session"), "{told}");
}
