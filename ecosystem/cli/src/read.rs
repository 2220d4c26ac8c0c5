//! Reads partitions from one offset to another, as several commands do.

use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{Consumer, ConsumerSpec, Isolation, RawRecord, Transport};

use crate::error::CliError;

/// Records of one fetch at most.
const BATCH: usize = 1_000;

/// One wait for records.
const WAIT: Duration = Duration::from_millis(100);

/// How long a partition that is not at its end may give nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A consumer without a group.
pub fn consumer(
    transport: &dyn Transport,
    client_id: &str,
    isolation: Isolation,
) -> Result<Box<dyn Consumer>, CliError> {
    let client_id = client_id.to_owned();
    Ok(transport.consumer(&ConsumerSpec { client_id, isolation, properties: Default::default() })?)
}

/// Gives each record from `begin` up to `end`, exclusively, to `take`, until that says `false`.
#[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
pub fn each(
    consumer: &mut dyn Consumer,
    partition: &TopicPartition,
    begin: Offset,
    end: Offset,
    take: &mut dyn FnMut(&RawRecord) -> Result<bool, CliError>,
) -> Result<(), CliError> {
    let handle = consumer.assign(partition, begin)?;
    let mut last = Instant::now();
    let mut more = true;
    while more && consumer.position(handle)? < end {
        let mut found = Vec::new();
        consumer.fetch(handle, BATCH, &mut found)?;
        if found.is_empty() {
            if last.elapsed() > PATIENCE {
                return Err(CliError::NoRecords(partition.to_string()));
            }
            consumer.wait(WAIT);
            continue;
        }
        last = Instant::now();
        for record in found.iter().filter(|record| record.offset() < end) {
            more = take(record)?;
            if !more {
                break;
            }
        }
    }
    Ok(consumer.unassign(handle)?)
}
