//! The run: takes partitions as the group gives them, and reads each from where the group is to its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{
    Admin, Consumer, OffsetToCommit, PartitionHandle, RawRecord, Transport, TransportErrorKind,
};

use super::letter::Letter;
use super::partitions::{Place, Queue, is_passing, next_offset, queue};
use super::way::{Way, Ways};
use super::writer::{Writer, Written};
use super::{Arguments, Report, TIMEOUT, WAIT, consumer};
use crate::error::CliError;

/// How long a partition that is not at its end may give nothing, and work may be repeated without success.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 500 } else { 30_000 });

/// How long other processes may do nothing about what they have of the queue.
const OTHERS: Duration = Duration::from_secs(60);

/// Letters that a dry run reads at once.
const BATCH: usize = 500;

/// A partition that is being read.
struct Reading {
    partition: TopicPartition,
    handle: PartitionHandle,
    end: Offset,
    /// What was committed of it last; -1 if nothing was.
    committed: Offset,
    /// When it last gave something.
    since: Instant,
}

/// What one access to a partition gives.
enum Read {
    Letters(Vec<RawRecord>),
    Nothing,
    /// Its end is reached.
    End,
    /// It gave nothing for too long.
    Silent,
    /// The letters were deleted meanwhile.
    Deleted,
}

impl Reading {
    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    fn begin(
        consumer: &mut dyn Consumer,
        partition: &TopicPartition,
        from: Offset,
        end: Offset,
    ) -> Result<Self, CliError> {
        let handle = consumer.assign(partition, from)?;
        Ok(Reading { partition: partition.clone(), handle, end, committed: -1, since: Instant::now() })
    }

    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    fn read(&mut self, consumer: &mut dyn Consumer, limit: usize) -> Result<Read, CliError> {
        if consumer.position(self.handle)? >= self.end {
            return Ok(Read::End);
        }
        let mut found = Vec::new();
        match consumer.fetch(self.handle, limit, &mut found) {
            Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => return Ok(Read::Deleted),
            Err(error) if !is_passing(error.kind()) => return Err(error.into()),
            _ => {}
        }
        let is_answer = !found.is_empty();
        found.retain(|letter| letter.offset() < self.end);
        if is_answer {
            self.since = Instant::now();
            return Ok(if found.is_empty() { Read::End } else { Read::Letters(found) });
        }
        consumer.wait(WAIT);
        Ok(if self.since.elapsed() > PATIENCE { Read::Silent } else { Read::Nothing })
    }

    /// What has been read so far: everything before this offset.
    fn position(&self, consumer: &dyn Consumer) -> Result<Offset, CliError> {
        Ok(consumer.position(self.handle)?.min(self.end))
    }
}

fn silent() -> String {
    format!(
        "gave nothing for {} seconds; see that its leader runs, and run the command again",
        PATIENCE.as_secs()
    )
}

/// Why a partition cannot be begun, if others may be.
fn why_unread(error: CliError) -> Result<String, CliError> {
    match error {
        CliError::Broker(error) if !is_passing(error.kind()) => Err(error.into()),
        CliError::Broker(_) | CliError::Ahead { .. } => Ok(error.to_string()),
        _ => Err(error),
    }
}

/// Counts letters by reason.
pub(super) fn dry(arguments: &Arguments, transport: &dyn Transport) -> Result<Report, CliError> {
    let (mut report, mut ways) = (Report::default(), Ways::new(arguments, transport)?);
    let mut consumer = consumer(transport, "streams-redrive")?;
    let mut admin = transport.admin("streams-redrive-admin")?;
    let Queue { left, silent: unread, .. } = queue(arguments, &mut *admin)?;
    report.unread = unread;
    for (partition, end) in left {
        let mut seen = 0;
        while let Some(from) = begin_dry(arguments, &mut *admin, &partition, &mut report)? {
            let mut reading = Reading::begin(&mut *consumer, &partition, from.max(seen), end)?;
            let read = loop {
                match reading.read(&mut *consumer, BATCH)? {
                    Read::Letters(letters) => {
                        letters.iter().try_for_each(|one| count(arguments, &mut ways, one, &mut report))?;
                        seen = reading.position(&*consumer)?;
                    }
                    Read::Nothing => {}
                    over => break over,
                }
            };
            consumer.unassign(reading.handle)?;
            match read {
                Read::Deleted => continue,
                Read::Silent => _ = report.unread.insert(partition.clone(), silent()),
                _ => {}
            }
            break;
        }
    }
    Ok(report)
}

/// Where a dry run begins, if it can.
fn begin_dry(
    arguments: &Arguments,
    admin: &mut dyn Admin,
    partition: &TopicPartition,
    report: &mut Report,
) -> Result<Option<Offset>, CliError> {
    match next_offset(arguments, admin, partition) {
        Ok(from) => Ok(Some(from)),
        Err(error) => {
            report.unread.insert(partition.clone(), why_unread(error)?);
            Ok(None)
        }
    }
}

fn count(
    arguments: &Arguments,
    ways: &mut Ways<'_>,
    record: &RawRecord,
    report: &mut Report,
) -> Result<(), CliError> {
    let letter = Letter::of(record);
    report.saw(&letter);
    if !arguments.choice.takes(&letter) {
        report.kept += 1;
    } else if arguments.max.is_none_or(|max| report.redriven < max) {
        match ways.of(&letter, record)? {
            Way::Stuck(_) => report.quarantined += 1,
            Way::Back(_) => report.redriven += 1,
        }
    }
    Ok(())
}

/// Redrives until the queue is read to where it ended when the run began, by this process or others; until `stop`.
pub(super) fn run(
    arguments: &Arguments,
    transport: &dyn Transport,
    stop: &AtomicBool,
) -> Result<Report, CliError> {
    let Some(mut run) = Run::begin(arguments, transport)? else { return Ok(Report::default()) };
    let done = run.place.wait(arguments).and_then(|()| {
        while !stop.load(Ordering::Relaxed) {
            if run.step()? {
                return Ok(());
            }
        }
        let stopped =
            run.left.keys().map(|at| (at.clone(), "was left when the command was stopped".to_owned()));
        run.given_up.extend(stopped.collect::<Vec<_>>());
        Ok(())
    });
    let Run { place, writer, mut given_up, left, .. } = run;
    place.leave();
    done?;
    let mut report = writer.report;
    given_up.retain(|partition, _| left.contains_key(partition));
    report.unread.append(&mut given_up);
    Ok(report)
}

/// A run.
pub(super) struct Run<'a> {
    arguments: &'a Arguments,
    admin: Box<dyn Admin>,
    consumer: Box<dyn Consumer>,
    pub place: Place,
    pub writer: Writer<'a>,
    /// Partitions that are not read to their ends, as far as this process knows, with these ends.
    left: BTreeMap<TopicPartition, Offset>,
    /// Those of them that this process does not read, and why.
    given_up: BTreeMap<TopicPartition, String>,
    /// The partition that this process reads, and the assignment with which it came.
    reading: Option<(Reading, u64)>,
    /// What the group had committed of what others read, and when it last changed.
    others: Option<(BTreeMap<TopicPartition, Offset>, Instant)>,
    /// Since when work has been repeated without success.
    failing: Option<Instant>,
}

impl<'a> Run<'a> {
    /// Joins the group, unless there is nothing to do.
    pub fn begin(arguments: &'a Arguments, transport: &'a dyn Transport) -> Result<Option<Self>, CliError> {
        let mut admin = transport.admin("streams-redrive-admin")?;
        // First the topic: without it there is nothing to join a group for.
        let Queue { partitions, mut left, silent } = queue(arguments, &mut *admin)?;
        let writer = Writer::new(arguments, transport)?;
        if left.is_empty() && silent.is_empty() {
            return Ok(None);
        }
        left.extend(silent.keys().map(|partition| (partition.clone(), Offset::MAX)));
        Ok(Some(Run {
            arguments,
            admin,
            consumer: consumer(transport, "streams-redrive")?,
            place: Place::join(arguments, transport, partitions)?,
            writer,
            left,
            given_up: silent,
            reading: None,
            others: None,
            failing: None,
        }))
    }

    /// Reads some letters and writes them, or waits a moment; returns whether the run is over.
    pub fn step(&mut self) -> Result<bool, CliError> {
        self.place.serve(Duration::ZERO)?;
        if self.writer.is_full() {
            self.given_up.clear();
            return Ok(true);
        }
        let mut reading = match self.reading.take() {
            Some(reading) if self.is_still(&reading) => reading,
            gone => {
                self.stop_reading(gone)?;
                match self.begin_next()? {
                    Some(reading) => reading,
                    None if self.given_up.len() == self.left.len() => return Ok(true),
                    None => return self.wait_for_others(),
                }
            }
        };
        let partition = reading.0.partition.clone();
        match reading.0.read(&mut *self.consumer, self.writer.room())? {
            Read::Letters(letters) => {
                let next = reading.0.position(&*self.consumer)?;
                self.write(reading, &letters, next)?;
            }
            Read::Nothing => self.reading = Some(reading),
            // From where the group is, or from the first letter that still exists.
            Read::Deleted => self.stop_reading(Some(reading))?,
            Read::Silent => {
                self.given_up.insert(partition, silent());
                self.stop_reading(Some(reading))?;
            }
            Read::End if reading.0.committed == reading.0.end => {
                self.left.remove(&partition);
                self.stop_reading(Some(reading))?;
            }
            // What comes last may not be a letter; others see by the offset that nothing is left.
            Read::End => {
                let end = reading.0.end;
                self.write(reading, &[], end)?;
            }
        }
        Ok(false)
    }

    /// Whether the partition has been this process's all the time.
    fn is_still(&self, (reading, assignment): &(Reading, u64)) -> bool {
        self.place.assignment(&reading.partition) == Some(*assignment)
    }

    fn stop_reading(&mut self, reading: Option<(Reading, u64)>) -> Result<(), CliError> {
        Ok(reading.map_or(Ok(()), |(reading, _)| self.consumer.unassign(reading.handle))?)
    }

    /// Begins to read a partition that this process has, where the group is now.
    fn begin_next(&mut self) -> Result<Option<(Reading, u64)>, CliError> {
        let is_next = |(partition, end): (&TopicPartition, &Offset)| {
            let assignment = self.place.assignment(partition)?;
            (!self.given_up.contains_key(partition)).then(|| (partition.clone(), *end, assignment))
        };
        let Some((partition, end, assignment)) = self.left.iter().find_map(is_next) else { return Ok(None) };
        self.others = None;
        let from = match next_offset(self.arguments, &mut *self.admin, &partition) {
            Ok(from) => from,
            Err(error) => {
                self.given_up.insert(partition, why_unread(error)?);
                return Ok(None);
            }
        };
        Ok(Some((Reading::begin(&mut *self.consumer, &partition, from, end)?, assignment)))
    }

    /// Writes letters and commits that the partition was read up to `next`. If that fails and may be repeated, the partition
    /// is begun again where the group is.
    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    fn write(
        &mut self,
        (mut reading, assignment): (Reading, u64),
        letters: &[RawRecord],
        next: Offset,
    ) -> Result<(), CliError> {
        let written = match self.place.fence() {
            Some(fence) => self.writer.write(&reading.partition, letters, next, &fence)?,
            None => Written::Nothing(self.place.not_there(self.arguments)),
        };
        match written {
            Written::Committed => {
                reading.committed = next;
                (self.failing, self.reading) = (None, Some((reading, assignment)));
                return Ok(());
            }
            Written::Again => {}
            Written::Nothing(error) => {
                if self.failing.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return Err(error);
                }
                self.place.serve(WAIT)?;
            }
        }
        self.stop_reading(Some((reading, assignment)))
    }

    /// Waits for what other processes have. The run is over when they have read it, or do nothing any longer.
    #[allow(clippy::disallowed_methods, reason = "a command waits by the clock of the machine")]
    fn wait_for_others(&mut self) -> Result<bool, CliError> {
        let open: Vec<_> = self.left.keys().filter(|at| !self.given_up.contains_key(*at)).cloned().collect();
        let found = self.admin.group_offsets(&self.arguments.group(), &open, TIMEOUT)?.committed;
        let found: BTreeMap<_, _> =
            found.into_iter().map(|(at, OffsetToCommit { offset, .. })| (at, offset)).collect();
        self.left.retain(|at, end| found.get(at).is_none_or(|offset| offset < end));
        match &self.others {
            Some((before, since)) if *before == found => {
                if since.elapsed() > OTHERS {
                    let why = "was another process's, which did nothing about it; run the command again";
                    self.given_up.extend(open.into_iter().map(|at| (at, why.to_owned())));
                }
            }
            _ => self.others = Some((found, Instant::now())),
        }
        self.place.serve(WAIT)?;
        Ok(false)
    }
}
