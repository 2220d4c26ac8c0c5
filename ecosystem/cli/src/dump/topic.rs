//! `streams dump topic`: records of a changelog, or of any other topic.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};
use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{Admin, Isolation, OffsetQuery, RawRecord};

use super::keys::KeyForm;
use super::types::Type;
use super::{Format, Line};
use crate::Connection;
use crate::error::CliError;
use crate::read;
use crate::reset::Target;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which topic, and how its records are shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are.
    #[command(flatten)]
    pub connection: Connection,
    /// The topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// Only this partition.
    #[arg(long, value_name = "NUMBER")]
    pub partition: Option<i32>,
    /// Where to begin: `earliest`, `latest`, an offset, or a time such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    pub from: Target,
    /// What follows the record's key.
    #[arg(long, value_enum, default_value_t)]
    pub key_form: KeyForm,
    /// Only the last record of each key, and nothing of keys that were deleted: the rows that a restore finds.
    #[arg(long)]
    pub latest: bool,
    /// Also what was written by transactions that are open or were aborted.
    #[arg(long)]
    pub read_uncommitted: bool,
    /// Types and limits.
    #[command(flatten)]
    pub format: Format,
}

impl Arguments {
    fn isolation(&self) -> Isolation {
        if self.read_uncommitted { Isolation::ReadUncommitted } else { Isolation::ReadCommitted }
    }
}

/// Writes the records of each partition in the order of their offsets.
pub(super) fn dump(arguments: &Arguments, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let transport = arguments.connection.open("streams-dump")?;
    let ranges = ranges(arguments, &mut *transport.admin("streams-cli")?)?;
    let mut consumer = read::consumer(&*transport, "streams-dump", arguments.isolation())?;
    let mut left = arguments.format.max.unwrap_or(u64::MAX);
    // With `--latest`: partition and key, in the order of their bytes.
    let mut rows: BTreeMap<(i32, Vec<u8>), Value> = BTreeMap::new();
    for (partition, (begin, end)) in ranges {
        if left == 0 {
            break;
        }
        read::each(&mut *consumer, &partition, begin, end, &mut |record| {
            if !arguments.format.takes(record.key().unwrap_or_default()) {
                return Ok(true);
            }
            if arguments.latest {
                let key = (partition.partition, record.key().unwrap_or_default().to_vec());
                match record.value() {
                    Some(_) => _ = rows.insert(key, shown(arguments, &partition, record)),
                    None => _ = rows.remove(&key),
                }
                return Ok(true);
            }
            Line(&shown(arguments, &partition, record)).write(json, out)?;
            left -= 1;
            Ok(left > 0)
        })?;
    }
    for row in rows.values().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        Line(row).write(json, out)?;
    }
    Ok(())
}

fn ranges(
    arguments: &Arguments,
    admin: &mut dyn Admin,
) -> Result<BTreeMap<TopicPartition, (Offset, Offset)>, CliError> {
    let name = arguments.topic.as_str().into();
    let found = admin.topics(std::slice::from_ref(&name), TIMEOUT)?;
    let topic = found.get(&name).ok_or_else(|| CliError::NoTopic(arguments.topic.clone()))?;
    let wanted =
        (0..topic.partitions).filter(|number| arguments.partition.is_none_or(|only| only == *number));
    let all: Vec<_> = wanted.map(|number| TopicPartition::new(name.clone(), number)).collect();
    if all.is_empty() {
        return Err(CliError::NoPartition { topic: arguments.topic.clone(), partitions: topic.partitions });
    }
    let ends = admin.offsets(&all, OffsetQuery::Latest(arguments.isolation()), TIMEOUT)?;
    let begins = arguments.from.offsets(admin, &all, TIMEOUT)?;
    Ok(ends
        .into_iter()
        .map(|(at, end)| (at.clone(), (begins.get(&at).copied().unwrap_or(end), end)))
        .collect())
}

fn shown(arguments: &Arguments, partition: &TopicPartition, record: &RawRecord) -> Value {
    let format = &arguments.format;
    let key = record.key().map_or(Value::Null, |key| arguments.key_form.show(format.key, key));
    let value = record.value().map_or(Value::Null, |value| format.value.show(value));
    let mut shown = json!({
        "topic": &*partition.topic, "partition": partition.partition, "offset": record.offset(),
        "timestamp": record.timestamp(), "key": key, "value": value
    });
    let headers = record.headers();
    let of = |value: &[u8]| Type::String.read(value).unwrap_or_else(|_| Type::Bytes.show(value));
    let headers: Map<String, Value> = headers
        .iter()
        .map(|header| (header.key.to_string(), header.value.as_deref().map_or(Value::Null, of)))
        .collect();
    if !headers.is_empty() {
        shown["headers"] = headers.into();
    }
    shown
}
