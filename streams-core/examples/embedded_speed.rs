//! How fast records go through the embedded broker: `cargo run --release -p streams-core --example embedded_speed`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use streams_core::ids::{PartitionId, TopicPartition};
use streams_core::record::Headers;
use streams_core::time::{Clock, SystemClock};
use streams_core::transport::embedded::EmbeddedBroker;
use streams_core::transport::{
    Consumer, ConsumerSpec, Isolation, NewTopic, OutRecord, Producer, ProducerSpec, Transport,
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const RECORDS: u32 = 4_000_000;
const PARTITIONS: PartitionId = 4;
/// Records between two flushes or commits.
const ROUND: u32 = 10_000;
const TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> Outcome {
    measure("in memory", &EmbeddedBroker::in_memory(), false)?;
    measure("in memory, transactions", &EmbeddedBroker::in_memory(), true)?;
    let dir = tempfile::tempdir()?;
    measure("durable, transactions", &EmbeddedBroker::open(dir.path())?, true)
}

fn clients(
    broker: &Arc<EmbeddedBroker>,
    transactions: bool,
) -> Outcome<(Box<dyn Producer>, Box<dyn Consumer>)> {
    let transport = broker.transport();
    let topic = NewTopic {
        name: "t".into(),
        partitions: PARTITIONS,
        replication_factor: -1,
        configs: BTreeMap::new(),
    };
    transport.admin("admin")?.create_topics(&[topic], TIMEOUT)?;
    let mut producer = transport.producer(&ProducerSpec {
        client_id: "producer".to_owned(),
        transactional_id: transactions.then(|| "id".to_owned()),
        transaction_timeout_ms: 60_000,
        properties: BTreeMap::new(),
    })?;
    if transactions {
        producer.init_transactions(TIMEOUT)?;
    }
    let spec = ConsumerSpec {
        client_id: "consumer".to_owned(),
        isolation: Isolation::ReadCommitted,
        properties: BTreeMap::new(),
    };
    Ok((producer, transport.consumer(&spec)?))
}

fn measure(what: &str, broker: &Arc<EmbeddedBroker>, transactions: bool) -> Outcome {
    let (mut producer, mut consumer) = clients(broker, transactions)?;
    let topic = producer.topic("t")?;
    let mut handles = Vec::new();
    for partition in 0..PARTITIONS {
        handles.push(consumer.assign(&TopicPartition::new("t", partition), 0)?);
    }
    let (headers, value, mut batch, mut read) = (Headers::new(), [7; 100], Vec::new(), 0);
    let start = SystemClock.now_ms();
    for first in (0..RECORDS).step_by(ROUND as usize) {
        if transactions {
            producer.begin()?;
        }
        for number in first..first + ROUND {
            let (key, partition) = (number.to_be_bytes(), PartitionId::try_from(number % 4)?);
            let (key, value) = (Some(&key[..]), Some(&value[..]));
            producer.send(OutRecord {
                topic,
                partition,
                key,
                value,
                timestamp: 0,
                headers: &headers,
                tag: 0,
            })?;
        }
        if transactions { producer.commit(TIMEOUT) } else { producer.flush(TIMEOUT) }?;
        for handle in &handles {
            while !consumer.fetch(*handle, 1_000, &mut batch)?.at_end {}
            read += batch.len();
            batch.clear();
        }
    }
    let elapsed_ms = SystemClock.now_ms() - start;
    println!("{what}: {read} records, {} thousand a second", read as i64 / elapsed_ms.max(1));
    Ok(())
}
