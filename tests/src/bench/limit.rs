//! What the client library allows without a framework: hand-written loops for the workloads, without state on disk.

use std::time::{Duration, Instant};

use hashbrown::HashMap;
use rdkafka::config::ClientConfig;

use super::input::INPUT_PARTITIONS;
use super::plan::{ChildArguments, Guarantee, Workload};
use super::raw::{RawConsumer, RawMessage, RawProducer};
use lab::LabError;

const COMMIT_INTERVAL: Duration = Duration::from_millis(1000);
const WINDOW_MS: i64 = 60_000;

/// Runs a workload until the process is killed.
pub fn run_limit(arguments: &ChildArguments) -> Result<(), LabError> {
    if arguments.guarantee != Guarantee::AtLeastOnce {
        return Err(LabError::Refused {
            what: "measuring the limit".to_owned(),
            answer: "it exists for at_least_once only".to_owned(),
        });
    }
    let mut consumer = RawConsumer::create(&consumer_config(arguments), &arguments.input, INPUT_PARTITIONS)?;
    let producer = RawProducer::create(&producer_config(arguments), &arguments.output)?;
    let mut counts = Counts::default();
    println!("RUNNING");
    let mut last_commit = Instant::now();
    let mut uncommitted = false;
    loop {
        let taken = consumer.poll(|partition, message| match arguments.workload {
            Workload::Passthrough => {
                producer.send(partition, message.key(), message.value(), message.timestamp())
            }
            Workload::Stateless => stateless(&producer, partition, message),
            Workload::Count => {
                counts.add(partition, message.key(), message.timestamp());
                Ok(())
            }
            Workload::Tumbling => {
                let timestamp = message.timestamp();
                let start = timestamp - timestamp.rem_euclid(WINDOW_MS);
                counts.add_window(partition, message.key(), start, timestamp);
                Ok(())
            }
        })?;
        uncommitted |= taken > 0;
        if uncommitted && last_commit.elapsed() >= COMMIT_INTERVAL {
            last_commit = Instant::now();
            counts.emit(&producer)?;
            producer.flush()?;
            consumer.commit()?;
            uncommitted = false;
        }
        if taken == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn stateless(producer: &RawProducer, partition: i32, message: &RawMessage<'_>) -> Result<(), LabError> {
    let value = message.value();
    match (value.first(), value.get(45..)) {
        (Some(first), Some(rest)) if *first < b'n' => {
            producer.send(partition, message.key(), rest, message.timestamp())
        }
        _ => Ok(()),
    }
}

/// Counts by key; an output for each key that changed since the last commit.
#[derive(Default)]
struct Counts {
    places: HashMap<Box<[u8]>, usize>,
    rows: Vec<Row>,
    changed: Vec<usize>,
    scratch: Vec<u8>,
}

struct Row {
    key: Box<[u8]>,
    partition: i32,
    count: i64,
    timestamp: i64,
    changed: bool,
}

impl Counts {
    fn add_window(&mut self, partition: i32, key: &[u8], start: i64, timestamp: i64) {
        let mut windowed = std::mem::take(&mut self.scratch);
        windowed.clear();
        windowed.extend_from_slice(key);
        windowed.extend_from_slice(&start.to_be_bytes());
        self.add(partition, &windowed, timestamp);
        self.scratch = windowed;
    }

    fn add(&mut self, partition: i32, key: &[u8], timestamp: i64) {
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => {
                self.places.insert(key.into(), self.rows.len());
                self.rows.push(Row { key: key.into(), partition, count: 0, timestamp, changed: false });
                self.rows.len() - 1
            }
        };
        let Some(row) = self.rows.get_mut(place) else { return };
        row.count += 1;
        row.timestamp = row.timestamp.max(timestamp);
        if !row.changed {
            row.changed = true;
            self.changed.push(place);
        }
    }

    fn emit(&mut self, producer: &RawProducer) -> Result<(), LabError> {
        for place in self.changed.drain(..) {
            if let Some(row) = self.rows.get_mut(place) {
                row.changed = false;
                producer.send(row.partition, &row.key, &row.count.to_be_bytes(), row.timestamp)?;
            }
        }
        Ok(())
    }
}

fn consumer_config(arguments: &ChildArguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.bootstrap)
        .set("group.id", &arguments.app_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.queue.backoff.ms", "2")
        .set("queued.max.messages.kbytes", "16384");
    config
}

fn producer_config(arguments: &ChildArguments) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &arguments.bootstrap)
        .set("enable.idempotence", "true")
        .set("delivery.report.only.error", "true")
        .set("linger.ms", "100")
        .set("batch.num.messages", "100000")
        .set("queue.buffering.max.messages", "2000000");
    config
}
