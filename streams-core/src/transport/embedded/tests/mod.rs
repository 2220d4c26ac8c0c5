//! What the embedded broker promises, through the traits that the runtime uses.

mod cleaning;
mod damage;
mod durable;
mod groups;
mod isolation;
mod kill;
mod model;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{EmbeddedBroker, EmbeddedOptions};
use crate::ids::{Offset, PartitionId, TopicPartition};
use crate::record::Headers;
use crate::time::ManualClock;
use crate::transport::{
    Admin, Consumer, ConsumerSpec, Fence, Isolation, NewTopic, OffsetQuery, OffsetToCommit, OutRecord,
    PartitionHandle, Producer, ProducerSpec, RawRecord, Result, Transport, TransportErrorKind,
};

const NOW: Duration = Duration::ZERO;
const TIMEOUT_MS: u64 = 10_000;

fn create_with(broker: &Arc<EmbeddedBroker>, name: &str, partitions: PartitionId, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: name.into(), partitions, replication_factor: -1, configs };
    admin(broker).create_topics(&[topic], NOW).unwrap();
}

fn create(broker: &Arc<EmbeddedBroker>, name: &str, partitions: PartitionId) {
    create_with(broker, name, partitions, &[]);
}

fn admin(broker: &Arc<EmbeddedBroker>) -> Box<dyn Admin> {
    broker.transport().admin("admin").unwrap()
}

fn producer(broker: &Arc<EmbeddedBroker>) -> Box<dyn Producer> {
    producer_of(broker, None)
}

/// A transactional producer that has taken its id over.
fn transactional(broker: &Arc<EmbeddedBroker>, id: &str) -> Box<dyn Producer> {
    let mut producer = producer_of(broker, Some(id.to_owned()));
    producer.init_transactions(NOW).unwrap();
    producer
}

fn producer_of(broker: &Arc<EmbeddedBroker>, transactional_id: Option<String>) -> Box<dyn Producer> {
    let spec = ProducerSpec {
        client_id: "producer".to_owned(),
        transactional_id,
        transaction_timeout_ms: TIMEOUT_MS,
        properties: BTreeMap::new(),
    };
    broker.transport().producer(&spec).unwrap()
}

fn send(producer: &mut dyn Producer, to: &TopicPartition, key: &str, value: &str) -> Result<()> {
    send_at(producer, to, key, Some(value), 0)
}

fn send_at(
    producer: &mut dyn Producer,
    to: &TopicPartition,
    key: &str,
    value: Option<&str>,
    timestamp: i64,
) -> Result<()> {
    let topic = producer.topic(&to.topic)?;
    producer.send(OutRecord {
        topic,
        partition: to.partition,
        key: Some(key.as_bytes()),
        value: value.map(str::as_bytes),
        timestamp,
        headers: &Headers::new(),
        tag: 0,
    })
}

/// One committed transaction with these values.
fn commit_values(producer: &mut dyn Producer, to: &TopicPartition, values: &[&str]) {
    producer.begin().unwrap();
    values.iter().for_each(|value| send(producer, to, "k", value).unwrap());
    producer.commit(NOW).unwrap();
}

fn consumer(broker: &Arc<EmbeddedBroker>, isolation: Isolation) -> Box<dyn Consumer> {
    let spec = ConsumerSpec { client_id: "consumer".to_owned(), isolation, properties: BTreeMap::new() };
    broker.transport().consumer(&spec).unwrap()
}

fn text(record: &RawRecord) -> String {
    record.value().map_or("null".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
}

fn drain(consumer: &mut dyn Consumer, handle: PartitionHandle) -> Vec<RawRecord> {
    let mut records = Vec::new();
    while !consumer.fetch(handle, 100, &mut records).unwrap().at_end {}
    records
}

/// Offset and value of everything from the start of the log, and the position behind it.
fn read_all(
    broker: &Arc<EmbeddedBroker>,
    of: &TopicPartition,
    isolation: Isolation,
) -> (Vec<(Offset, String)>, Offset) {
    let start = offset(broker, of, OffsetQuery::Earliest);
    let mut consumer = consumer(broker, isolation);
    let handle = consumer.assign(of, start).unwrap();
    let records = drain(&mut *consumer, handle);
    let read = records.iter().map(|record| (record.offset(), text(record))).collect();
    (read, consumer.position(handle).unwrap())
}

/// The values that read-committed readers see.
fn committed_values(broker: &Arc<EmbeddedBroker>, of: &TopicPartition) -> Vec<String> {
    read_all(broker, of, Isolation::ReadCommitted).0.into_iter().map(|(_, value)| value).collect()
}

fn offset(broker: &Arc<EmbeddedBroker>, of: &TopicPartition, query: OffsetQuery) -> Offset {
    admin(broker).offsets(std::slice::from_ref(of), query, NOW).unwrap()[of]
}

fn next_offset(of: &TopicPartition, offset: Offset) -> OffsetToCommit {
    OffsetToCommit { partition: of.clone(), offset, metadata: format!("at {offset}") }
}

/// The fence of tools, valid while the group has no members.
fn nobody(group: &str) -> Fence {
    Fence { group: group.into(), member: "".into(), generation: -1, instance: None }
}

fn group_offset(broker: &Arc<EmbeddedBroker>, group: &str, of: &TopicPartition) -> Result<Option<Offset>> {
    let committed = admin(broker).committed(group, std::slice::from_ref(of), NOW)?;
    Ok(committed.get(of).map(|committed| committed.offset))
}

fn kind<T>(result: Result<T>) -> Option<TransportErrorKind> {
    result.err().map(|error| error.kind())
}

fn options(clock: &Arc<ManualClock>) -> EmbeddedOptions {
    EmbeddedOptions { clock: clock.clone(), ..EmbeddedOptions::default() }
}
