//! A program that was built without Kafka and RocksDB: everything in memory works, and what does not is refused by name.

#![cfg(not(any(feature = "kafka", feature = "rocksdb")))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::time::Duration;

use streams_dsl::prelude::*;

fn counts(materialized: Materialized<String, i64>) -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>("words");
    words.group_by_key().count_with(materialized).to_stream().to("counts");
    builder.build().unwrap()
}

/// What `start` says of these settings.
fn refusal(bootstrap: &str, topology: Topology) -> String {
    let folder = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("app", bootstrap).with_state_dir(folder.path());
    let app = KafkaStreams::new(topology, config).unwrap();
    let error = app.start().unwrap_err().to_string();
    assert_eq!(app.state(), State::Error);
    error
}

#[test]
fn stores_are_in_memory() {
    let driver = TopologyTestDriver::of(counts(Materialized::named("counts"))).unwrap();
    let words = driver.create_input_topic::<String, String>("words");
    words.pipe("a".to_owned(), String::new(), 0).unwrap();
    words.pipe("a".to_owned(), String::new(), 1).unwrap();
    let counts = driver.create_output_topic::<String, Option<i64>>("counts");
    assert_eq!(counts.read_values().unwrap(), [Some(1), Some(2)]);
}

#[test]
fn an_application_runs_on_the_broker_in_memory() {
    use streams_dsl::core::transport::embedded::EmbeddedBroker;
    use streams_dsl::core::transport::{NewTopic, Transport};

    let broker = EmbeddedBroker::in_memory();
    let topic = |name: &str| NewTopic {
        name: name.into(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    };
    let mut admin = broker.transport().admin("test").unwrap();
    admin.create_topics(&[topic("words"), topic("counts")], Duration::from_secs(120)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("app", "embedded:").with_state_dir(folder.path());
    let app = KafkaStreams::builder(counts(Materialized::named("counts")), config).with_broker(broker);
    let app = app.build().unwrap();
    app.start().unwrap();
    assert!(app.wait_for(Duration::from_secs(120), |state| state == State::Running));
    assert!(app.close(Duration::from_secs(120)));
    assert!(app.error().is_none());
}

#[test]
fn a_store_on_disk_is_refused_by_name() {
    let on_disk = Materialized::named("totals").with_store_type(StoreType::RocksDb);
    let said = refusal("embedded:", counts(on_disk));
    assert!(said.contains("store totals is on disk") && said.contains("feature `rocksdb`"), "{said}");
}

#[test]
fn a_durable_broker_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let said =
        refusal(&format!("embedded:{}", folder.path().display()), counts(Materialized::named("counts")));
    assert!(said.contains(&*folder.path().to_string_lossy()) && said.contains("feature `rocksdb`"), "{said}");
}

#[test]
fn brokers_of_kafka_are_refused_by_name() {
    let said = refusal("localhost:9092", counts(Materialized::named("counts")));
    assert!(said.contains("localhost:9092") && said.contains("feature `kafka`"), "{said}");
}
