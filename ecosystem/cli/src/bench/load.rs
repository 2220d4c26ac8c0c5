//! Writing and reading as fast as the clients can, without an application.

use std::time::{Duration, Instant};

use streams_core::ids::{PartitionId, TopicPartition};
use streams_core::partitioner::partition_for_key;
use streams_core::record::Headers;
use streams_core::time::{Clock, SystemClock};
use streams_core::transport::{
    Isolation, OffsetQuery, OutRecord, ProducerSpec, Transport, TransportErrorKind,
};

use super::Arguments;
use crate::error::CliError;
use crate::read;

/// One wait for room in the producer's queue.
const WAIT: Duration = Duration::from_millis(10);

/// Time for everything that was queued to be acknowledged, and for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Writes the records; how long that took, until the last one was acknowledged.
#[allow(clippy::disallowed_methods, reason = "it measures")]
pub(super) fn produce(
    arguments: &Arguments,
    transport: &dyn Transport,
    topic: &str,
) -> Result<Duration, CliError> {
    let mut producer = transport.producer(&ProducerSpec {
        client_id: "streams-bench".to_owned(),
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        properties: Default::default(),
    })?;
    let handle = producer.topic(topic)?;
    let partitions = producer.partition_count(handle, TIMEOUT)?;
    let (value, headers, now) = (vec![b'x'; arguments.bytes], Headers::new(), SystemClock.now_ms());
    let begin = Instant::now();
    for number in 0..arguments.records {
        let key = format!("key-{}", number % arguments.keys.max(1));
        let record = OutRecord {
            topic: handle,
            partition: partition_for_key(key.as_bytes(), partitions),
            key: Some(key.as_bytes()),
            value: Some(&value),
            timestamp: now,
            headers: &headers,
            tag: 0,
        };
        while let Err(error) = producer.send(record) {
            match error.kind() {
                TransportErrorKind::QueueFull => producer.poll(WAIT)?,
                _ => return Err(error.into()),
            }
        }
    }
    producer.flush(TIMEOUT)?;
    Ok(begin.elapsed())
}

/// Reads all partitions one after the other; how long that took, and how many records there were.
#[allow(clippy::disallowed_methods, reason = "it measures")]
pub(super) fn consume(
    transport: &dyn Transport,
    topic: &str,
    partitions: PartitionId,
) -> Result<(Duration, u64), CliError> {
    let all: Vec<_> = (0..partitions).map(|number| TopicPartition::new(topic, number)).collect();
    let query = OffsetQuery::Latest(Isolation::ReadCommitted);
    let ends = transport.admin("streams-cli")?.offsets(&all, query, TIMEOUT)?;
    let mut consumer = read::consumer(transport, "streams-bench", Isolation::ReadCommitted)?;
    let (mut records, begin) = (0, Instant::now());
    for (partition, end) in ends {
        read::each(&mut *consumer, &partition, 0, end, &mut |_| {
            records += 1;
            Ok(true)
        })?;
    }
    Ok((begin.elapsed(), records))
}
