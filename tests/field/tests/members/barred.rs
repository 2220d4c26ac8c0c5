//! A group that does not take the application as a member: librdkafka asks it again and again, and says so in its log alone.

use field::{LIMIT, config, turn};
use kstreams::prelude::StreamsBuilder;
use lab::shared;
use streams_core::runtime::{KafkaStreams, State};

/// Before: REBALANCING without end and without a reason.
#[test]
fn a_session_that_the_brokers_do_not_allow_is_an_error_that_names_the_setting() {
    let _turn = turn();
    let client = shared().expect("a broker").client();
    client.create_topic("long-session-in", 1, &[]).expect("created");
    client.create_topic("long-session-out", 1, &[]).expect("created");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("long-session-in").to("long-session-out");
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&client, "long-session", folder.path())
        .with("consumer.max.poll.interval.ms", 3_600_000)
        .and_then(|config| config.with("consumer.session.timeout.ms", 3_600_000))
        .expect("settings");
    let app = KafkaStreams::new(builder.build().expect("a topology"), config).expect("they fit");
    app.start().expect("it starts");
    assert!(app.wait_for(2 * LIMIT, State::is_final), "{} {:?}", app.state(), app.reasons());
    let told = app.error().expect("an error").to_string();
    assert!(told.contains("group.max.session.timeout.ms"), "{told}");
    assert!(told.contains("group 'long-session'"), "{told}");
}
