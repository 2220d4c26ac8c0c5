//! What topics of the embedded broker refuse: decided once, with the record and its source; never a change of a store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "it waits for an application, by the clock of the machine")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use field::{Asked, LIMIT, keep_log, logged};
use kstreams::prelude::*;
use streams_core::error::{Error, ProducedFor};
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{NewTopic, OutRecord, ProducerSpec, Transport, TransportErrorKind};

struct World {
    broker: Arc<EmbeddedBroker>,
    folder: tempfile::TempDir,
    asked: Asked,
}

impl World {
    fn new(topics: &[(&str, &[(&str, &str)])]) -> Self {
        let broker = EmbeddedBroker::in_memory();
        let topic = |(name, configs): &(&str, &[(&str, &str)])| NewTopic {
            name: (*name).into(),
            partitions: 1,
            replication_factor: 1,
            configs: configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        let topics: Vec<_> = topics.iter().map(topic).collect();
        broker.transport().admin("admin").unwrap().create_topics(&topics, LIMIT).unwrap();
        World { broker, folder: tempfile::tempdir().unwrap(), asked: Asked::default() }
    }

    fn send(&self, records: &[(Option<&str>, &str)]) {
        let spec = ProducerSpec {
            client_id: "producer".to_owned(),
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            properties: Default::default(),
        };
        let mut producer = self.broker.transport().producer(&spec).unwrap();
        let (topic, headers) = (producer.topic("in").unwrap(), Default::default());
        for (key, value) in records {
            let (key, value) = (key.map(str::as_bytes), Some(value.as_bytes()));
            let record =
                OutRecord { topic, partition: 0, key, value, timestamp: 1, headers: &headers, tag: 0 };
            producer.send(record).unwrap();
        }
        producer.flush(LIMIT).unwrap();
    }

    fn run(&self, guarantee: &str, topology: Topology) -> KafkaStreams {
        let config = StreamsConfig::new("app", "embedded:")
            .with_state_dir(self.folder.path())
            .with_commit_interval(Duration::from_millis(50))
            .with("processing.guarantee", guarantee)
            .unwrap();
        let app = KafkaStreams::builder(topology, config)
            .with_broker(Arc::clone(&self.broker))
            .with_production_handler(self.asked.clone())
            .build()
            .unwrap();
        app.start().unwrap();
        app
    }
}

fn wait_processed(app: &KafkaStreams, records: u64) {
    let begin = Instant::now();
    while app.totals().processed_records < records || app.totals().commits == 0 {
        assert!(begin.elapsed() < LIMIT, "{:?} {:?}", app.totals(), app.error());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_handler_is_asked_once_with_the_record_and_its_source() {
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        keep_log();
        let limits = [("max.message.bytes", "100"), ("cleanup.policy", "compact")];
        let world = World::new(&[("in", &[]), ("out", &limits)]);
        let large = "x".repeat(200);
        world.send(&[(Some("a"), "1"), (Some("b"), &large), (None, "3"), (Some("c"), "4")]);
        let builder = StreamsBuilder::new();
        builder.stream::<Option<String>, String>("in").to("out");
        let app = world.run(guarantee, builder.build().unwrap());
        wait_processed(&app, 4);
        let at = "0_0 KSTREAM-SINK-0000000001 in-0";
        let asked = [format!("{at}@1 -> out: xxxx"), format!("{at}@2 -> out: 3")];
        assert_eq!(world.asked.sorted(), asked, "{guarantee}");
        let kinds = [TransportErrorKind::MessageTooLarge, TransportErrorKind::InvalidRecord];
        assert_eq!(world.asked.kinds(), kinds, "{guarantee}");
        assert_eq!((app.totals().dropped_records, app.state()), (2, State::Running));
        assert!(app.close(LIMIT));
    }
    // Showed before: logged by count, without offset and time.
    let told = logged("result skipped by the production handler: it was refused");
    assert_eq!(told.len(), 2, "the first of each application: {told:#?}");
    for part in ["a record was left out", "in-0 offset 1", "topic=\"out\"", "key=", "timestamp=1", "so_far=1"]
    {
        assert!(told.iter().all(|line| line.contains(part)), "{part} in {told:#?}");
    }
}

/// Deletes what was never there, which is logged as in Kafka Streams, so that a key may be too large for it.
struct Forget(KeyValueStore<String, String>);

impl Processor<String, String, String, String> for Forget {
    fn process(
        &mut self,
        record: Record<String, String>,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        self.0.delete(&record.key.repeat(1_500_000))?;
        Ok(())
    }
}

#[test]
fn a_deletion_that_is_too_large_is_named_with_its_sizes() {
    let world = World::new(&[("in", &[])]);
    world.send(&[(Some("ab"), "x")]);
    let builder = StreamsBuilder::new();
    builder.add_state_store(Stores::key_value_store::<String, String>("rows"));
    builder.stream::<String, String>("in").process(|task| Ok(Forget(task.state_store("rows")?)), &["rows"]);
    let app = world.run("exactly_once_v2", builder.build().unwrap());
    assert!(app.wait_for(LIMIT, |state| state == State::Error), "{} {:?}", app.state(), app.totals());
    let error = app.error().unwrap().to_string();
    for part in [
        "store rows of task 0_0 cannot log that a row is deleted",
        "\"abab",
        "... (3000000 bytes)",
        "key of 3000000 bytes, no value",
        "app-rows-changelog-0",
        "max.message.bytes is 1048588",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

/// Showed before: RUNNING, and the row was missing after a restart, or all of the state was.
#[test]
fn a_change_is_never_left_out() {
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let world = World::new(&[("in", &[])]);
        let half = "x".repeat(600_000);
        world.send(&[(Some("small"), "x"), (Some("big"), &half), (Some("big"), &half)]);
        let builder = StreamsBuilder::new();
        let rows = Materialized::named("rows");
        builder
            .stream::<String, String>("in")
            .group_by_key()
            .reduce_with(|a: String, b: String| a + &b, rows);
        let app = world.run(guarantee, builder.build().unwrap());
        assert!(app.wait_for(LIMIT, |state| state == State::Error), "{} {:?}", app.state(), app.totals());
        let error = app.error().unwrap();
        let Error::Production(refused) = &*error else { panic!("{error}") };
        assert_eq!((refused.produced, &*refused.node), (ProducedFor::Change, "rows"));
        for part in ["store rows of task 0_0", "key \"big\"", "app-rows-changelog-0", "1048588"] {
            assert!(error.to_string().contains(part), "{part} in {error}");
        }
        assert_eq!(world.asked.sorted(), [""; 0]);
    }
}
