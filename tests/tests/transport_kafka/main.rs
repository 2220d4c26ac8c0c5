//! The Kafka transport against a real broker: what it hands out, where it says it is, and what its errors mean.
#![expect(clippy::disallowed_methods, reason = "it waits for a broker, by the clock of the machine")]
#![allow(clippy::type_complexity, reason = "tables of cases")]

mod administration;
mod membership;
mod reading;
mod writing;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicPartition};
use streams_core::record::Headers;
use streams_core::transport::kafka::KafkaTransport;
use streams_core::transport::{
    Admin, Consumer, ConsumerSpec, Isolation, OffsetQuery, OutRecord, PartitionHandle, Producer,
    ProducerSpec, RawRecord, Transport,
};
use tests::lab::{KafkaClient, shared};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Longer than anything takes that works.
const LIMIT: Duration = Duration::from_secs(60);

fn client() -> Outcome<KafkaClient> {
    Ok(shared()?.client())
}

/// Shows librdkafka's own log where `RUST_LOG` asks for it.
fn transport() -> Outcome<KafkaTransport> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    let _set_by_an_earlier_test =
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    Ok(KafkaTransport::new(shared()?.bootstrap(), BTreeMap::new())?)
}

fn consumer(isolation: Isolation) -> Outcome<Box<dyn Consumer>> {
    let spec = ConsumerSpec { client_id: "test-consumer".to_owned(), isolation, properties: BTreeMap::new() };
    Ok(transport()?.consumer(&spec)?)
}

fn admin() -> Outcome<Box<dyn Admin>> {
    Ok(transport()?.admin("test-admin")?)
}

fn producer_spec(transactional_id: Option<&str>) -> ProducerSpec {
    ProducerSpec {
        client_id: "test-producer".to_owned(),
        transactional_id: transactional_id.map(str::to_owned),
        transaction_timeout_ms: 10_000,
        properties: BTreeMap::new(),
    }
}

fn producer(transactional_id: Option<&str>) -> Outcome<Box<dyn Producer>> {
    Ok(transport()?.producer(&producer_spec(transactional_id))?)
}

/// Sends values to partition 0 of a topic, at times 1001, 1002, ...
fn send(producer: &mut dyn Producer, topic: &str, values: &[&str]) -> Outcome {
    let topic = producer.topic(topic)?;
    for (value, timestamp) in values.iter().zip(1_001..) {
        let (key, value, headers) = (Some(&b"k"[..]), Some(value.as_bytes()), &Headers::new());
        producer.send(OutRecord { topic, partition: 0, key, value, timestamp, headers, tag: 0 })?;
    }
    Ok(())
}

/// What a caller that reads a partition sees.
struct Read {
    values: Vec<String>,
    position: Offset,
    took: Duration,
}

fn text(record: &RawRecord) -> String {
    String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned()
}

/// Reads until `done(position, at_end)`.
fn read(
    consumer: &mut dyn Consumer,
    handle: PartitionHandle,
    done: impl Fn(Offset, bool) -> bool,
) -> Outcome<Read> {
    let (start, mut records, mut values) = (Instant::now(), Vec::new(), Vec::new());
    loop {
        let fetched = consumer.fetch(handle, 100, &mut records)?;
        values.extend(records.drain(..).map(|record| text(&record)));
        let position = consumer.position(handle)?;
        if done(position, fetched.at_end) {
            return Ok(Read { values, position, took: start.elapsed() });
        }
        if start.elapsed() > LIMIT {
            return Err(format!("is at {position} (end: {}) and gets no further", fetched.at_end).into());
        }
        consumer.wait(Duration::from_millis(200));
    }
}

/// Reads until the position has reached `end`: the rule of a restore.
fn read_to(consumer: &mut dyn Consumer, handle: PartitionHandle, end: Offset) -> Outcome<Read> {
    read(consumer, handle, |position, _| position >= end)
}

/// Reads until the partition says that it is at its end.
fn read_all(consumer: &mut dyn Consumer, handle: PartitionHandle) -> Outcome<Read> {
    read(consumer, handle, |_, at_end| at_end)
}

fn end_of(partition: &TopicPartition, isolation: Isolation) -> Outcome<Offset> {
    let partitions = std::slice::from_ref(partition);
    let found = admin()?.offsets(partitions, OffsetQuery::Latest(isolation), LIMIT)?;
    Ok(found.get(partition).copied().ok_or("no offset")?)
}
