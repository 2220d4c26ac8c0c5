//! An application on an embedded broker that is started, stopped and tampered with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use field::LIMIT;
use kstreams::prelude::*;
use state_stores::{RocksBackend, RocksMemory};
use streams_core::config::StreamsConfig;
use streams_core::ids::{Offset, TopicPartition};
use streams_core::record::Headers;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{
    Admin, ConsumerSpec, Isolation, NewTopic, OffsetQuery, OutRecord, ProducerSpec, Transport,
};

pub const TIME: i64 = 1_700_000_000_000;

pub struct World {
    pub broker: Arc<EmbeddedBroker>,
    pub folder: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let _ = tracing_subscriber::fmt().with_env_filter("warn").with_test_writer().try_init();
        let world =
            World { broker: EmbeddedBroker::in_memory(), folder: tempfile::tempdir().expect("a folder") };
        ["in", "out"].into_iter().for_each(|topic| world.create(topic, &[]));
        world
    }

    pub fn admin(&self) -> Box<dyn Admin> {
        self.broker.transport().admin("tests").expect("an admin")
    }

    pub fn create(&self, name: &str, configs: &[(&str, &str)]) {
        let configs: BTreeMap<_, _> =
            configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let topic = NewTopic { name: name.into(), partitions: 1, replication_factor: 1, configs };
        self.admin().create_topics(&[topic], LIMIT).expect("created");
    }

    pub fn delete(&self, name: &str) {
        self.admin().delete_topics(&[name.into()], LIMIT).expect("deleted");
    }

    /// Deletes the records before the end, or before an offset.
    pub fn trim(&self, topic: &str, before: Option<Offset>) {
        let partition = TopicPartition::new(topic, 0);
        let before = before.unwrap_or_else(|| self.end(topic));
        // Changelogs are compacted only; who empties one has changed its settings first.
        self.broker.delete_now(&partition, before).expect("deleted");
    }

    pub fn end(&self, topic: &str) -> Offset {
        let partition = TopicPartition::new(topic, 0);
        let latest = OffsetQuery::Latest(Isolation::ReadUncommitted);
        let found = self.admin().offsets(std::slice::from_ref(&partition), latest, LIMIT);
        found.expect("offsets").remove(&partition).expect("an offset")
    }

    pub fn produce<'a>(&self, topic: &str, records: impl IntoIterator<Item = (&'a str, Option<Vec<u8>>)>) {
        let spec = ProducerSpec {
            client_id: "feed".to_owned(),
            transactional_id: None,
            transaction_timeout_ms: 10_000,
            properties: BTreeMap::new(),
        };
        let mut producer = self.broker.transport().producer(&spec).expect("a producer");
        let (topic, headers) = (producer.topic(topic).expect("a topic"), Headers::default());
        for (key, value) in records {
            let (key, value) = (Some(key.as_bytes()), value.as_deref());
            let record =
                OutRecord { topic, partition: 0, key, value, timestamp: TIME, headers: &headers, tag: 0 };
            producer.send(record).expect("sent");
        }
        producer.flush(LIMIT).expect("flushed");
    }

    /// What has been committed to a topic: `key=value`, numbers of eight bytes as such.
    pub fn read(&self, topic: &str) -> Vec<String> {
        let spec = ConsumerSpec {
            client_id: "reader".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        };
        let mut consumer = self.broker.transport().consumer(&spec).expect("a consumer");
        let handle = consumer.assign(&TopicPartition::new(topic, 0), 0).expect("assigned");
        let mut records = Vec::new();
        while consumer.fetch(handle, 10_000, &mut records).expect("fetched").records > 0 {}
        let value = |bytes: &[u8]| match <[u8; 8]>::try_from(bytes) {
            Ok(number) => i64::from_be_bytes(number).to_string(),
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        };
        let key = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let text = |record: &streams_core::transport::RawRecord| {
            format!(
                "{}={}",
                record.key().map(key).unwrap_or_default(),
                record.value().map_or("null".into(), value)
            )
        };
        records.iter().map(text).collect()
    }

    /// The results of records: the last results, as many as there are keys.
    pub fn ask(&self, app: &Running, keys: &[&str]) -> Vec<String> {
        let before = self.read("out").len();
        self.produce("in", keys.iter().map(|key| (*key, Some(b"v".to_vec()))));
        wait(|| self.read("out").len() >= before + keys.len(), || format!("results: {:?}", app.0.error()));
        self.read("out").split_off(before)
    }

    pub fn config(&self) -> StreamsConfig {
        StreamsConfig::new("app", "embedded:")
            .with_state_dir(self.folder.path())
            .with_statestore_cache_max_bytes(0)
            .with_commit_interval(Duration::from_millis(20))
    }

    pub fn app(&self, topology: Topology, config: StreamsConfig) -> KafkaStreams {
        let app = KafkaStreams::builder(topology, config).with_broker(Arc::clone(&self.broker)).build();
        app.expect("an application")
    }

    pub fn run_with(&self, topology: Topology, config: StreamsConfig) -> Running {
        let app = self.app(topology, config);
        app.start().expect("it starts");
        let running = Running(app);
        running.wait(State::Running);
        running
    }

    pub fn run(&self, topology: Topology) -> Running {
        self.run_with(topology, self.config())
    }

    /// The error with which the application ends.
    pub fn fails(&self, topology: Topology) -> String {
        let app = self.app(topology, self.config());
        if let Err(error) = app.start() {
            return error.to_string();
        }
        let ended = app.wait_for(LIMIT, |state| state == State::Error);
        assert!(ended, "{} instead of ERROR: {:?}", app.state(), app.reasons());
        app.error().expect("an error").to_string()
    }

    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join("app").join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("app")).expect("a folder");
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Opens a database that no application has open.
    pub fn database(&self, name: &str) -> RocksBackend {
        let memory = RocksMemory::new(1 << 20, 1 << 20);
        RocksBackend::open(self.place(name), &memory).expect("opened")
    }
}

/// An application that runs; closed when dropped.
pub struct Running(pub KafkaStreams);

impl Running {
    pub fn wait(&self, state: State) {
        let reached = self.0.wait_for(LIMIT, |now| now == state);
        assert!(
            reached,
            "{} instead of {state}: {:?} {:?}",
            self.0.state(),
            self.0.error(),
            self.0.reasons()
        );
    }

    /// How many tasks were rebuilt.
    pub fn rebuilt(&self) -> u64 {
        self.0.totals().wiped_tasks
    }

    pub fn close(self) {
        assert!(self.0.close(LIMIT), "closing took too long");
        assert_eq!(self.0.state(), State::NotRunning, "{:?}", self.0.error());
    }
}

/// Counts of "in" by key, in a store of that name, to "out".
pub fn counts(store: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in").group_by_key();
    stream.count_with(Materialized::named(store)).to_stream().to("out");
    builder.build().expect("a topology")
}

pub fn wait(mut reached: impl FnMut() -> bool, what: impl Fn() -> String) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < LIMIT, "waited for {}", what());
        std::thread::sleep(Duration::from_millis(10));
    }
}
