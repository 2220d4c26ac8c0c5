//! Where a letter's record goes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, PartitionId, TopicPartition};
use streams_core::record::Headers;
use streams_core::transport::{Admin, Consumer, RawRecord, Transport, TransportErrorKind};

use super::letter::{COUNT, Letter, own};
use super::{Arguments, TIMEOUT, WAIT, consumer};
use crate::error::CliError;

/// Time for reading one record again that its letter lacks.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// What becomes of a chosen letter.
pub(super) enum Way {
    /// Its record is written back.
    Back(Back),
    /// It cannot be, for this reason.
    Stuck(String),
}

/// A record that is written back.
pub(super) struct Back {
    pub topic: String,
    /// The partition that it was read from; without one, the key decides.
    pub partition: Option<PartitionId>,
    pub headers: Headers,
    /// The record, where it is not in the letter.
    pub record: Option<RawRecord>,
}

/// Finds the ways of letters.
pub(super) struct Ways<'a> {
    arguments: &'a Arguments,
    transport: &'a dyn Transport,
    admin: Box<dyn Admin>,
    /// Partitions of topics that letters name; `None` for topics that do not exist.
    topics: HashMap<String, Option<PartitionId>>,
    /// Reads records again.
    reader: Option<Box<dyn Consumer>>,
}

impl<'a> Ways<'a> {
    /// Finds ways at these brokers.
    pub fn new(arguments: &'a Arguments, transport: &'a dyn Transport) -> Result<Self, CliError> {
        let admin = transport.admin("streams-redrive-admin")?;
        let mut ways = Ways { arguments, transport, admin, topics: HashMap::new(), reader: None };
        for named in [&arguments.to, &arguments.quarantine].into_iter().flatten() {
            if *named == arguments.from {
                return Err(CliError::Circle(named.clone()));
            }
            ways.partitions(named)?.ok_or_else(|| CliError::NoTopic(named.clone()))?;
        }
        Ok(ways)
    }

    /// How many partitions a topic has, if it exists. The producer is not asked: a broker may create what it asks for.
    pub fn partitions(&mut self, topic: &str) -> Result<Option<PartitionId>, CliError> {
        if let Some(known) = self.topics.get(topic) {
            return Ok(*known);
        }
        let name = topic.into();
        let count = match self.admin.topics(std::slice::from_ref(&name), TIMEOUT) {
            Ok(found) => found.get(&name).map(|topic| topic.partitions),
            Err(error) if error.kind() == TransportErrorKind::UnknownTopic => None,
            Err(error) => return Err(error.into()),
        };
        self.topics.insert(topic.to_owned(), count);
        Ok(count)
    }

    /// Asks for that topic again the next time.
    pub fn forget(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// The way of a chosen letter.
    pub fn of(&mut self, letter: &Letter, record: &RawRecord) -> Result<Way, CliError> {
        let stuck = |why: &str| Ok(Way::Stuck(why.to_owned()));
        let attempts = self.arguments.attempts;
        let count = match letter.count {
            Some(count) if count < attempts => count,
            Some(count) => {
                let why = format!("was redriven {count} times and came back, and --attempts is {attempts}");
                return Ok(Way::Stuck(why));
            }
            None => return stuck("does not say how often it was redriven: the header is not a number"),
        };
        let topic = self.arguments.to.as_ref().unwrap_or(&letter.topic);
        if topic.is_empty() {
            return stuck("does not say which topic its record comes from");
        }
        if *topic == self.arguments.from {
            return stuck("says that its record comes from the queue itself");
        }
        let Some(partitions) = self.partitions(topic)? else {
            return Ok(Way::Stuck(format!("is for topic {topic}, which does not exist")));
        };
        let is_whole = !letter.lacks_record(record) && record.timestamp() >= 0;
        let again = if is_whole { None } else { self.read_again(letter)? };
        let mut headers = match &again {
            None if is_whole => letter.headers.clone(),
            None if record.timestamp() < 0 && !letter.lacks_record(record) => {
                return stuck("has a record without a valid time");
            }
            None => return stuck("lacks its record, which cannot be read where the letter says"),
            Some(again) if again.timestamp() < 0 => return stuck("has a record without a valid time"),
            Some(again) => own(&again.headers()),
        };
        headers.add(COUNT, Some((count + 1).to_string()));
        // As it was, unless the record goes elsewhere.
        let same = letter.partition.filter(|at| self.arguments.to.is_none() && *at < partitions);
        Ok(Way::Back(Back { topic: topic.clone(), partition: same, headers, record: again }))
    }

    /// Reads the record of a letter that lacks it; `None` if it is gone or no broker answers.
    fn read_again(&mut self, letter: &Letter) -> Result<Option<RawRecord>, CliError> {
        let (Some(partition), Some(offset)) = (letter.partition, letter.offset) else { return Ok(None) };
        if self.partitions(&letter.topic)?.is_none_or(|count| partition >= count) {
            return Ok(None);
        }
        let at = TopicPartition::new(letter.topic.as_str(), partition);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(consumer(self.transport, "streams-redrive-again")?),
        };
        match read_one(&mut **reader, &at, offset) {
            Ok(found) => Ok(found),
            Err(CliError::Broker(error)) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                self.reader = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The record at an offset, if it is there and comes in time.
#[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
fn read_one(
    reader: &mut dyn Consumer,
    at: &TopicPartition,
    offset: Offset,
) -> Result<Option<RawRecord>, CliError> {
    let handle = reader.assign(at, offset)?;
    let (mut found, begin) = (Vec::new(), Instant::now());
    while found.is_empty() && begin.elapsed() < READ_AGAIN {
        if reader.fetch(handle, 1, &mut found)?.at_end {
            break;
        }
        reader.wait(WAIT);
    }
    reader.unassign(handle)?;
    Ok(found.into_iter().next().filter(|record| record.offset() == offset))
}
