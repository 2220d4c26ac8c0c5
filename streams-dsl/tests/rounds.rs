//! How much is done from one commit to the next: a driver that commits each record takes any fan-out, and an application
//! whose commits are too large to succeed makes them smaller.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(clippy::disallowed_methods, reason = "user code that sleeps, by the clock of the machine")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use streams_core::ids::TopicPartition;
use streams_core::runtime::KafkaStreams;
use streams_core::testing::TopologyTestDriver;
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{ConsumerSpec, Isolation, NewTopic, OutRecord, ProducerSpec, Transport};
use streams_dsl::prelude::*;

/// Writes and reads topics of one partition.
struct Client {
    broker: Arc<EmbeddedBroker>,
}

impl Client {
    fn send(&self, topic: &str, keys: impl Iterator<Item = String>) {
        let spec = ProducerSpec {
            client_id: "producer".to_owned(),
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            properties: Default::default(),
        };
        let mut producer = self.broker.transport().producer(&spec).unwrap();
        let (topic, headers) = (producer.topic(topic).unwrap(), Default::default());
        for key in keys {
            let (key, value) = (Some(key.as_bytes()), Some(&b"value"[..]));
            let record =
                OutRecord { topic, partition: 0, key, value, timestamp: 1, headers: &headers, tag: 0 };
            producer.send(record).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
    }

    fn committed(&self, topic: &str) -> usize {
        let spec = ConsumerSpec {
            client_id: "reader".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: Default::default(),
        };
        let mut consumer = self.broker.transport().consumer(&spec).unwrap();
        let partition = consumer.assign(&TopicPartition::new(topic, 0), 0).unwrap();
        let mut records = Vec::new();
        while consumer.fetch(partition, 10_000, &mut records).unwrap().records > 0 {}
        records.len()
    }
}

/// Showed before: "the topology did not come to rest in 10000 rounds".
#[test]
fn one_record_becomes_twenty_thousand_on_a_repartition_topic() {
    const WORDS: usize = 20_000;
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count()
        .to_stream()
        .to("counts");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let line: Vec<String> = (0..WORDS).map(|number| (number % 100).to_string()).collect();
    driver.create_input_topic::<String, String>("lines").pipe("k".to_owned(), line.join(" "), 0).unwrap();
    let counts = driver.create_output_topic::<String, i64>("counts").read_values().unwrap();
    assert_eq!((counts.len(), counts.last()), (WORDS, Some(&200)));
}

/// The caches of one interval are flushed into slow code within a commit, which then takes longer than the transaction may.
#[test]
fn a_commit_that_takes_longer_than_its_transaction_may_becomes_smaller() {
    const KEYS: usize = 1_000;
    let limit = Duration::from_secs(60);
    let builder = StreamsBuilder::new();
    let slow = |count: Option<i64>| {
        std::thread::sleep(Duration::from_millis(2));
        count
    };
    builder.stream::<String, String>("in").group_by_key().count().to_stream().map_values(slow).to("out");
    let broker = EmbeddedBroker::in_memory();
    let topic = |name: &str| NewTopic {
        name: name.into(),
        partitions: 1,
        replication_factor: 1,
        configs: Default::default(),
    };
    broker.transport().admin("admin").unwrap().create_topics(&[topic("in"), topic("out")], limit).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("app", "embedded:")
        .with_state_dir(folder.path())
        .with_commit_interval_ms(300)
        .with("producer.transaction.timeout.ms", 1_000)
        .unwrap();
    let client = Client { broker: Arc::clone(&broker) };
    client.send("in", (0..KEYS).map(|number| number.to_string()));
    let app = KafkaStreams::builder(builder.build().unwrap(), config).with_broker(broker).build().unwrap();
    app.start().unwrap();
    let begin = Instant::now();
    while client.committed("out") < KEYS {
        assert!(
            begin.elapsed() < limit,
            "{} {:?} {:?}",
            client.committed("out"),
            app.metrics(),
            app.reasons()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(app.metrics().processed_records > KEYS as u64, "the first commits were too large");
    assert!(app.close(limit));
    assert_eq!(client.committed("out"), KEYS, "each once");
}
