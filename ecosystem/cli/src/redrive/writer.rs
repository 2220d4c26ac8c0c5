//! Writes letters where they belong, and commits with them that they were read.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, PartitionId, TopicPartition};
use streams_core::partitioner::partition_for_key;
use streams_core::record::Headers;
use streams_core::time::{Clock, SystemClock};
use streams_core::transport::{
    Fence, OffsetToCommit, OutRecord, Producer, ProducerSpec, RawRecord, TopicHandle, Transport,
    TransportError, TransportErrorKind,
};

use super::letter::Letter;
use super::way::{Back, Way, Ways};
use super::{Arguments, Report, TIMEOUT, TRANSACTION_TIMEOUT, WAIT};
use crate::error::CliError;

/// Letters of one transaction at most.
const BATCH: usize = 500;

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Written {
    /// It is committed.
    Committed,
    /// Nothing of it is, and without the letters that are to blame it may be.
    Again,
    /// Nothing of it is: the partition has to be read again from where the group is.
    Nothing(CliError),
}

/// What ends a transaction before its last letter.
enum Halt {
    /// At this offset: nothing more is to be redriven.
    Full(Offset),
    /// At this offset is a letter that can go nowhere.
    Stuck(Offset, Box<CliError>),
    Failed(Box<CliError>),
}

impl From<CliError> for Halt {
    fn from(error: CliError) -> Self {
        Halt::Failed(error.into())
    }
}

impl From<TransportError> for Halt {
    fn from(error: TransportError) -> Self {
        Halt::Failed(Box::new(error.into()))
    }
}

pub(super) struct Writer<'a> {
    arguments: &'a Arguments,
    transport: &'a dyn Transport,
    producer: Box<dyn Producer>,
    ways: Ways<'a>,
    /// The producer's handles, with how many partitions each topic has.
    topics: HashMap<String, (TopicHandle, PartitionId)>,
    /// Letters whose records their topics refuse, and why.
    refused: BTreeMap<(PartitionId, Offset), String>,
    pub report: Report,
}

impl<'a> Writer<'a> {
    pub fn new(arguments: &'a Arguments, transport: &'a dyn Transport) -> Result<Self, CliError> {
        Ok(Writer {
            arguments,
            transport,
            ways: Ways::new(arguments, transport)?,
            producer: producer(arguments, transport)?,
            topics: HashMap::new(),
            refused: BTreeMap::new(),
            report: Report::default(),
        })
    }

    /// Whether as many letters were redriven as may be.
    pub fn is_full(&self) -> bool {
        self.arguments.max.is_some_and(|max| self.report.redriven >= max)
    }

    /// How many letters may be read for the next transaction.
    pub fn room(&self) -> usize {
        let by_rate = self.arguments.rate.map(|rate| usize::try_from(rate).unwrap_or(BATCH));
        by_rate.map_or(BATCH, |rate| rate.clamp(1, BATCH))
    }

    /// Writes letters and commits that they were read, up to `next`; or nothing of both.
    #[allow(clippy::disallowed_methods, reason = "the rate is kept by the clock of the machine")]
    pub fn write(
        &mut self,
        partition: &TopicPartition,
        letters: &[RawRecord],
        next: Offset,
        fence: &Fence,
    ) -> Result<Written, CliError> {
        let begin = Instant::now();
        let before = self.report.clone();
        if self.producer.is_worn_out() {
            self.producer = producer(self.arguments, self.transport)?;
            self.topics.clear();
        }
        self.producer.begin()?;
        let (next, stuck) = match self.send_all(partition, letters) {
            Ok(()) => (next, None),
            Err(Halt::Full(offset)) => (offset, None),
            // Those before it are committed; it comes first in the next run.
            Err(Halt::Stuck(offset, error)) => (offset, Some(*error)),
            Err(Halt::Failed(error)) => return self.take_back(partition, *error, before),
        };
        let offset = OffsetToCommit { partition: partition.clone(), offset: next, metadata: String::new() };
        let added =
            self.producer.flush(TIMEOUT).and_then(|()| self.producer.send_offsets(&[offset], fence, TIMEOUT));
        if let Err(error) = added.and_then(|()| self.producer.commit(TIMEOUT)) {
            return self.take_back(partition, error.into(), before);
        }
        if let Some(stuck) = stuck {
            return Err(stuck);
        }
        if let Some(rate) = self.arguments.rate {
            let least = Duration::from_secs_f64(letters.len() as f64 / f64::from(rate.max(1)));
            std::thread::sleep(least.saturating_sub(begin.elapsed()));
        }
        Ok(Written::Committed)
    }

    /// Aborts the transaction. The letters may be tried again if that may help, or if the letters at fault are known now.
    fn take_back(
        &mut self,
        partition: &TopicPartition,
        error: CliError,
        before: Report,
    ) -> Result<Written, CliError> {
        self.report = before;
        // After an unknown outcome this fails, too; what counts then is the offset that the next run finds.
        let aborted = self.producer.abort(TIMEOUT);
        let CliError::Broker(cause) = &error else { return Err(error) };
        if aborted.is_err() {
            return Err(error);
        }
        let known = self.refused.len();
        for one in cause.failed() {
            if one.kind == TransportErrorKind::UnknownTopic {
                // Deleted, or created again with fewer partitions.
                self.topics.remove(&one.topic);
                self.ways.forget(&one.topic);
            } else if one.kind.blames_the_record() {
                let offset = Offset::try_from(one.tag).unwrap_or_default();
                let why = format!("is refused by topic {}: {}", one.topic, one.reason);
                self.refused.insert((partition.partition, offset), why);
            }
        }
        match cause.kind() {
            _ if self.refused.len() > known => Ok(Written::Again),
            TransportErrorKind::AbortTransaction
            | TransportErrorKind::Fenced
            | TransportErrorKind::Retriable
            | TransportErrorKind::UnknownTopic => Ok(Written::Nothing(error)),
            _ => Err(error),
        }
    }

    fn send_all(&mut self, partition: &TopicPartition, letters: &[RawRecord]) -> Result<(), Halt> {
        for record in letters {
            if self.is_full() {
                return Err(Halt::Full(record.offset()));
            }
            self.send(partition, record)?;
        }
        Ok(())
    }

    /// Sends a letter where it belongs.
    fn send(&mut self, partition: &TopicPartition, record: &RawRecord) -> Result<(), Halt> {
        let letter = Letter::of(record);
        if !self.arguments.choice.takes(&letter) {
            let from = &self.arguments.from;
            self.put(from, Some(partition.partition), record, record, &record.headers())?;
            self.report.saw(&letter);
            self.report.kept += 1;
            return Ok(());
        }
        let way = match self.refused.get(&(partition.partition, record.offset())) {
            Some(why) => Way::Stuck(why.clone()),
            None => self.ways.of(&letter, record)?,
        };
        let why = match way {
            Way::Stuck(why) => why,
            Way::Back(Back { topic, partition: same, headers, record: instead }) => {
                match self.put(&topic, same, record, instead.as_ref().unwrap_or(record), &headers) {
                    Ok(()) => {
                        self.report.saw(&letter);
                        self.report.redriven += 1;
                        return Ok(());
                    }
                    Err(error) if error.kind().blames_the_record() => format!("is refused: {error}"),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let Some(quarantine) = &self.arguments.quarantine else {
            let at = format!("{partition} offset {}", record.offset());
            return Err(Halt::Stuck(record.offset(), CliError::Stuck { at, why }.into()));
        };
        self.put(quarantine, None, record, record, &record.headers())?;
        self.report.saw(&letter);
        self.report.quarantined += 1;
        Ok(())
    }

    /// Queues what a letter has become; without a partition its key decides.
    fn put(
        &mut self,
        topic: &str,
        partition: Option<PartitionId>,
        letter: &RawRecord,
        content: &RawRecord,
        headers: &Headers,
    ) -> Result<(), TransportError> {
        let (handle, count) = self.topic(topic)?;
        let by_key = || match content.key() {
            Some(key) => partition_for_key(key, count),
            None => PartitionId::try_from(letter.offset() % i64::from(count.max(1))).unwrap_or(0),
        };
        let partition = partition.filter(|partition| *partition < count).unwrap_or_else(by_key);
        // A letter may have no time; a record that is written without one stops those who read it.
        let timestamp =
            Some(content.timestamp()).filter(|time| *time >= 0).unwrap_or_else(|| SystemClock.now_ms());
        let tag = u64::try_from(letter.offset()).unwrap_or_default();
        let (key, value) = (content.key(), content.value());
        let out = OutRecord { topic: handle, partition, key, value, timestamp, headers, tag };
        loop {
            match self.producer.send(out) {
                Err(error) if error.kind() == TransportErrorKind::QueueFull => self.producer.poll(WAIT)?,
                sent => return sent,
            }
        }
    }

    fn topic(&mut self, name: &str) -> Result<(TopicHandle, PartitionId), TransportError> {
        if let Some(known) = self.topics.get(name) {
            return Ok(*known);
        }
        let handle = self.producer.topic(name)?;
        let count = self.producer.partition_count(handle, TIMEOUT)?;
        self.topics.insert(name.to_owned(), (handle, count));
        Ok((handle, count))
    }
}

fn producer(arguments: &Arguments, transport: &dyn Transport) -> Result<Box<dyn Producer>, CliError> {
    let mut producer = transport.producer(&ProducerSpec {
        client_id: "streams-redrive".to_owned(),
        transactional_id: Some(transactional_id(arguments)),
        transaction_timeout_ms: u64::try_from(TRANSACTION_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        properties: BTreeMap::new(),
    })?;
    producer.init_transactions(TIMEOUT)?;
    Ok(producer)
}

/// An id that no other process has, in whatever container it runs: it would fence this one. Others may redrive other
/// partitions at the same time; what fences a process that was replaced is the group's generation.
fn transactional_id(arguments: &Arguments) -> String {
    format!("{}-{:016x}", arguments.group(), RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::arguments;
    use super::*;

    /// Before: it ended in the process id, which is 1 in every container.
    #[test]
    fn no_two_runs_have_the_same_transactional_id() {
        let arguments = arguments(&[]);
        assert_ne!(transactional_id(&arguments), transactional_id(&arguments));
    }
}
