//! The run: reads letters, writes them where they belong, and commits both together.

use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicPartition};
use streams_core::partitioner::partition_for_key;
use streams_core::transport::{
    Consumer, ConsumerSpec, Isolation, OffsetToCommit, OutRecord, PartitionHandle, Producer, ProducerSpec,
    RawRecord, Transport, TransportErrorKind,
};

use super::letter::{COUNT, Letter};
use super::partitions::{Place, ranges};
use super::{Arguments, Report, TIMEOUT};
use crate::error::CliError;

/// Letters of one transaction at most.
const BATCH: usize = 500;

/// One wait for letters.
const WAIT: Duration = Duration::from_millis(100);

/// How long a partition that is not at its end may give nothing.
const PATIENCE: Duration = Duration::from_secs(30);

fn consumer(transport: &dyn Transport) -> Result<Box<dyn Consumer>, CliError> {
    Ok(transport.consumer(&ConsumerSpec {
        client_id: "streams-redrive".to_owned(),
        isolation: Isolation::ReadCommitted,
        properties: Default::default(),
    })?)
}

/// Fetches some letters of a partition; none once its end is reached.
#[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
fn fetch(
    consumer: &mut dyn Consumer,
    handle: PartitionHandle,
    end: Offset,
    limit: usize,
) -> Result<Vec<RawRecord>, CliError> {
    let (mut found, begin) = (Vec::new(), Instant::now());
    while consumer.position(handle)? < end {
        consumer.fetch(handle, limit, &mut found)?;
        if !found.is_empty() || begin.elapsed() > PATIENCE {
            break;
        }
        consumer.wait(WAIT);
    }
    found.retain(|letter| letter.offset() < end);
    Ok(found)
}

/// Counts letters by reason.
pub(super) fn dry(arguments: &Arguments, transport: &dyn Transport) -> Result<Report, CliError> {
    let (mut report, mut consumer) = (Report::default(), consumer(transport)?);
    for (partition, (begin, end)) in ranges(arguments, transport)? {
        let handle = consumer.assign(&partition, begin)?;
        loop {
            let letters = fetch(&mut *consumer, handle, end, BATCH)?;
            if letters.is_empty() {
                break;
            }
            for record in &letters {
                let letter = Letter::of(record);
                report.saw(&letter);
                if !arguments.choice.takes(&letter) {
                    report.kept += 1;
                } else if arguments.max.is_some_and(|max| report.redriven >= max) {
                    continue;
                } else if why_stuck(arguments, &letter).is_some() {
                    report.quarantined += 1;
                } else {
                    report.redriven += 1;
                }
            }
        }
        consumer.unassign(handle)?;
    }
    Ok(report)
}

/// Redrives.
pub(super) fn run(arguments: &Arguments, transport: &dyn Transport) -> Result<Report, CliError> {
    // First the topic: without it there is nothing to join a group for.
    let partitions = i32::try_from(ranges(arguments, transport)?.len()).unwrap_or(i32::MAX);
    let mut place = Place::take(arguments, transport, partitions)?;
    let mut writer = Writer::new(arguments, transport)?;
    let mut consumer = consumer(transport)?;
    // Once more: what was committed before the partitions were this process's.
    for (partition, (begin, end)) in ranges(arguments, transport)? {
        if !place.tasks.has(&partition) {
            continue;
        }
        let handle = consumer.assign(&partition, begin)?;
        loop {
            place.serve(Duration::ZERO)?;
            let room = writer.room();
            if room == 0 || !place.tasks.has(&partition) {
                break;
            }
            let letters = fetch(&mut *consumer, handle, end, room)?;
            if letters.is_empty() {
                break;
            }
            writer.write(&partition, &letters, &place)?;
        }
        consumer.unassign(handle)?;
    }
    place.leave()?;
    Ok(writer.report)
}

/// Why a letter cannot be written back.
fn why_stuck(arguments: &Arguments, letter: &Letter) -> Option<String> {
    if letter.count >= arguments.attempts {
        return Some(format!("was redriven {} times and came back", letter.count));
    }
    if letter.lacks.split(',').any(|part| part == "value") {
        return Some(format!(
            "does not have its record, which was too large for the queue (it lacks {}): read it where the letter says",
            letter.lacks
        ));
    }
    let has_topic = arguments.to.is_some() || !letter.topic.is_empty();
    (!has_topic).then(|| "does not say which topic its record comes from".to_owned())
}

struct Writer<'a> {
    arguments: &'a Arguments,
    producer: Box<dyn Producer>,
    report: Report,
}

impl<'a> Writer<'a> {
    fn new(arguments: &'a Arguments, transport: &dyn Transport) -> Result<Self, CliError> {
        let mut producer = transport.producer(&ProducerSpec {
            client_id: "streams-redrive".to_owned(),
            // Others may redrive other partitions at the same time; the group's generation fences this one.
            transactional_id: Some(format!("{}-{}", arguments.group(), std::process::id())),
            transaction_timeout_ms: 60_000,
            properties: Default::default(),
        })?;
        producer.init_transactions(TIMEOUT)?;
        Ok(Writer { arguments, producer, report: Report::default() })
    }

    /// How many letters may be read for the next transaction.
    fn room(&self) -> usize {
        let left = self.arguments.max.map_or(u64::MAX, |max| max.saturating_sub(self.report.redriven));
        let by_rate = self.arguments.rate.map_or(BATCH, |rate| usize::try_from(rate.max(1)).unwrap_or(BATCH));
        usize::try_from(left).unwrap_or(usize::MAX).min(BATCH).min(by_rate)
    }

    /// Writes letters and commits that they were read, or nothing of both.
    #[allow(clippy::disallowed_methods, reason = "the rate is kept by the clock of the machine")]
    fn write(
        &mut self,
        partition: &TopicPartition,
        letters: &[RawRecord],
        place: &Place,
    ) -> Result<(), CliError> {
        let begin = Instant::now();
        let before = self.report.clone();
        let fence = place.membership.group().fence()?;
        self.producer.begin()?;
        let sent = letters.iter().try_for_each(|letter| self.send(partition, letter));
        // Those before a letter that is stuck are committed; it comes first in the next run.
        let next = match &sent {
            Ok(()) => letters.last().map(|last| last.offset() + 1),
            Err((_, offset)) => Some(*offset),
        };
        let committed = match next {
            Some(offset) if !matches!(sent, Err((ref error, _)) if matches!(**error, CliError::Broker(_))) => {
                let offsets =
                    [OffsetToCommit { partition: partition.clone(), offset, metadata: String::new() }];
                self.producer
                    .send_offsets(&offsets, &fence, TIMEOUT)
                    .and_then(|()| self.producer.commit(TIMEOUT))
            }
            _ => self.producer.abort(TIMEOUT),
        };
        if let Err(error) = committed {
            self.report = before;
            return Err(error.into());
        }
        sent.map_err(|(error, _)| *error)?;
        if let Some(rate) = self.arguments.rate {
            let least = Duration::from_secs_f64(letters.len() as f64 / f64::from(rate.max(1)));
            std::thread::sleep(least.saturating_sub(begin.elapsed()));
        }
        Ok(())
    }

    /// Sends a letter where it belongs; with its offset if that is nowhere.
    fn send(
        &mut self,
        partition: &TopicPartition,
        record: &RawRecord,
    ) -> Result<(), (Box<CliError>, Offset)> {
        let (letter, at) = (Letter::of(record), record.offset());
        let failed = |error: CliError| (Box::new(error), at);
        let arguments = self.arguments;
        if !arguments.choice.takes(&letter) {
            self.put(&arguments.from, None, record, &record.headers()).map_err(failed)?;
            self.report.saw(&letter);
            self.report.kept += 1;
            return Ok(());
        }
        match (why_stuck(arguments, &letter), &arguments.quarantine) {
            (Some(_), Some(quarantine)) => {
                self.put(quarantine, None, record, &record.headers()).map_err(failed)?;
                self.report.quarantined += 1;
            }
            (Some(why), None) => {
                let at = format!("{partition} offset {at}");
                return Err(failed(CliError::Stuck { at, why }));
            }
            (None, _) => {
                let mut headers = letter.headers.clone();
                headers.add(COUNT, Some((letter.count + 1).to_string()));
                // As it was, unless the record goes elsewhere.
                let same = letter.partition.filter(|_| arguments.to.is_none());
                let to = arguments.to.as_ref().unwrap_or(&letter.topic);
                self.put(to, same, record, &headers).map_err(failed)?;
                self.report.redriven += 1;
            }
        }
        self.report.saw(&letter);
        Ok(())
    }

    /// Queues a record; without a partition, its key decides.
    fn put(
        &mut self,
        topic: &str,
        partition: Option<i32>,
        record: &RawRecord,
        headers: &streams_core::record::Headers,
    ) -> Result<(), CliError> {
        let handle = self.producer.topic(topic)?;
        let count = self.producer.partition_count(handle, TIMEOUT)?;
        let by_key = || record.key().map_or(0, |key| partition_for_key(key, count));
        let partition = partition.filter(|partition| *partition < count).unwrap_or_else(by_key);
        let out = OutRecord {
            topic: handle,
            partition,
            key: record.key(),
            value: record.value(),
            timestamp: record.timestamp(),
            headers,
            tag: 0,
        };
        loop {
            match self.producer.send(out) {
                Err(error) if error.kind() == TransportErrorKind::QueueFull => self.producer.poll(WAIT)?,
                sent => return Ok(sent?),
            }
        }
    }
}
