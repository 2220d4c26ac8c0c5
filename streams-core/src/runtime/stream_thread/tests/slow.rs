//! User code that takes its time: commits, punctuations and commands are due by the clock all the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::error::UserError;
use crate::processor::timestamp_extractor::{ConsumedRecord, TimestampExtractor};
use crate::processor::{InitContext, Punctuation, PunctuationType, SourceOptions};
use crate::time::{Clock, Timestamp};
use crate::transport::{ConsumerSpec, Isolation, Transport};

/// Forwards each record, which takes this long; counts its punctuations, and forwards from them if asked to.
struct Slow {
    clock: Arc<ManualClock>,
    record_ms: i64,
    punctuations: Arc<AtomicUsize>,
    forwards: bool,
}

impl Processor<String, String, String, String> for Slow {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        self.clock.advance_ms(self.record_ms);
        context.forward(record)
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        at: Timestamp,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        self.punctuations.fetch_add(1, Ordering::Relaxed);
        if self.forwards {
            context.forward(Record::new("tick".to_owned(), at.to_string(), at))
        } else {
            Ok(())
        }
    }
}

/// An application that copies `in` to `out`, on a broker in memory.
struct Copy {
    trial: Trial,
    engine: Engine,
    producer: Box<dyn Producer>,
    partitions: i32,
    punctuations: Arc<AtomicUsize>,
}

impl Copy {
    fn new(partitions: i32, record_ms: i64, forwards: bool, config: StreamsConfig) -> Result<Self> {
        let trial = Trial::new(1_000_000, partitions, &["in", "out"])?;
        let producer = trial.producer()?;
        let punctuations = Arc::new(AtomicUsize::new(0));
        let mut topology = Topology::new();
        topology.add_source("source", &["in"], None, source_options())?;
        let (of_slow, counted) = (Arc::clone(&trial.clock), Arc::clone(&punctuations));
        let slow = move |task: &mut InitContext<'_>| {
            task.schedule(Duration::from_secs(1), PunctuationType::WallClockTime)?;
            let (clock, punctuations) = (Arc::clone(&of_slow), Arc::clone(&counted));
            Ok(Slow { clock, record_ms, punctuations, forwards })
        };
        topology.add_processor("slow", slow, &["source"])?;
        topology.add_sink("sink", sink_options("out"), &["slow"])?;
        let engine = trial.engine(topology, config)?;
        let mut copy = Copy { trial, engine, producer, partitions, punctuations };
        copy.run_until_idle()?;
        Ok(copy)
    }

    /// Sends this many records to each partition.
    fn send(&mut self, records: usize) -> Result<()> {
        let (topic, headers) = (self.producer.topic("in")?, Default::default());
        for number in 0..records {
            for partition in 0..self.partitions {
                let value = format!("{partition}-{number}");
                let (key, value) = (Some(value.as_bytes()), Some(value.as_bytes()));
                self.producer.send(OutRecord {
                    topic,
                    partition,
                    key,
                    value,
                    timestamp: 1,
                    headers: &headers,
                    tag: 0,
                })?;
            }
        }
        Ok(self.producer.flush(TIMEOUT)?)
    }

    fn run_until_idle(&mut self) -> Result<()> {
        while self.engine.step()? {}
        Ok(())
    }

    /// The values that are committed, in no order.
    fn committed(&self) -> Result<Vec<String>> {
        let spec = ConsumerSpec {
            client_id: "reader".to_owned(),
            isolation: Isolation::ReadCommitted,
            properties: BTreeMap::new(),
        };
        let mut consumer = self.trial.broker.transport().consumer(&spec)?;
        let mut values = Vec::new();
        for partition in 0..self.partitions {
            let handle = consumer.assign(&TopicPartition::new("out", partition), 0)?;
            let mut records = Vec::new();
            while consumer.fetch(handle, 100_000, &mut records)?.records > 0 {}
            let text =
                |record: &RawRecord| String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned();
            values.extend(records.iter().map(text));
        }
        Ok(values)
    }

    fn commits(&mut self) -> u64 {
        self.engine.thread().stats.commits()
    }

    /// Steps until this many records are processed; the longest time from one commit to the next, in milliseconds.
    fn process(&mut self, records: u64) -> Result<i64> {
        let (mut commits, mut since, mut longest) = (self.commits(), self.trial.clock.now_ms(), 0);
        while self.engine.thread().stats.processed() < records {
            self.engine.step()?;
            if self.commits() > commits {
                longest = longest.max(self.trial.clock.now_ms() - since);
                commits = self.commits();
                since = self.trial.clock.now_ms();
            }
        }
        Ok(longest.max(self.trial.clock.now_ms() - since))
    }
}

fn config() -> StreamsConfig {
    StreamsConfig::new("slow", "embedded:")
}

fn is_each_once(mut values: Vec<String>, expected: usize) {
    assert_eq!(values.len(), expected);
    values.sort();
    values.dedup();
    assert_eq!(values.len(), expected, "some are there twice");
}

/// Showed before: one commit after 1,000 records of each task, or none at all, since the transaction had timed out.
#[test]
fn a_commit_comes_each_interval_whatever_a_record_takes_and_however_many_tasks_there_are() -> Result<()> {
    for (partitions, records, record_ms) in [
        (1, 500, 1),
        (1, 200, 20),
        (1, 20, 2_000),
        (1, 3, 9_000),
        (16, 100, 1),
        (200, 3, 20),
        (200, 1, 2_000),
    ] {
        let mut copy = Copy::new(partitions, record_ms, false, config())?;
        copy.send(records)?;
        let all = records * usize::try_from(partitions).unwrap();
        let longest = copy.process(all as u64)?;
        copy.trial.clock.advance_ms(COMMIT_MS);
        copy.run_until_idle()?;
        is_each_once(copy.committed()?, all);
        assert!(longest <= COMMIT_MS + record_ms, "{partitions} x {record_ms} ms: {longest} ms");
        // Not even one replay.
        assert_eq!(copy.engine.thread().stats.processed(), all as u64);
    }
    Ok(())
}

#[test]
fn a_transaction_is_committed_well_before_its_time_out_when_the_interval_is_longer() -> Result<()> {
    let config = config()
        .with_commit_interval(from_ms(9_000))
        .with("producer.transaction.timeout.ms", 10_000)
        .expect("a setting");
    let mut copy = Copy::new(4, 2_000, false, config)?;
    copy.send(10)?;
    let longest = copy.process(40)?;
    assert!(longest <= 5_000 + 2_000, "{longest}");
    copy.trial.clock.advance_ms(9_000);
    copy.run_until_idle()?;
    is_each_once(copy.committed()?, 40);
    Ok(())
}

#[test]
fn punctuations_come_in_between_on_every_task() -> Result<()> {
    let mut copy = Copy::new(10, 500, false, config())?;
    copy.send(20)?;
    copy.process(200)?;
    // 100 s have passed on 10 tasks.
    let called = copy.punctuations.load(Ordering::Relaxed);
    assert!((900..=1_000).contains(&called), "{called}");
    Ok(())
}

#[test]
fn tasks_take_turns() -> Result<()> {
    let mut copy = Copy::new(5, 200, false, config())?;
    copy.send(1_000)?;
    copy.process(50)?;
    copy.trial.clock.advance_ms(COMMIT_MS);
    copy.engine.step()?;
    let values = copy.committed()?;
    for partition in 0..5 {
        let of = values.iter().filter(|value| value.starts_with(&format!("{partition}-"))).count();
        assert!((8..=12).contains(&of), "partition {partition}: {of} of {}", values.len());
    }
    Ok(())
}

/// Showed before: the commit had no offset, so that a group which had given the task away did not refuse it.
#[test]
fn what_a_punctuation_forwards_is_committed_with_an_offset_of_its_task() -> Result<()> {
    let mut copy = Copy::new(1, 0, true, config())?;
    copy.send(1)?;
    copy.run_until_idle()?;
    copy.trial.clock.advance_ms(COMMIT_MS);
    copy.run_until_idle()?;
    let before = copy.committed()?.len();
    copy.trial.broker.faults().inject(Fault::before(Operation::SendOffsets, TransportErrorKind::Fenced));
    copy.trial.clock.advance_ms(1_000);
    copy.run_until_idle()?;
    copy.trial.clock.advance_ms(COMMIT_MS);
    copy.run_until_idle()?;
    assert_eq!(copy.trial.broker.faults().left(), 0, "the offset was sent");
    assert_eq!(copy.committed()?.len(), before, "and the commit refused");
    // A task that only looks at the time writes nothing.
    let mut idle = Copy::new(1, 0, false, config())?;
    let commits = idle.commits();
    for _ in 0..5 {
        idle.trial.clock.advance_ms(1_000);
        idle.run_until_idle()?;
    }
    assert_eq!((idle.commits(), idle.punctuations.load(Ordering::Relaxed)), (commits, 5));
    Ok(())
}

/// Showed before: the same records again and again, without end and without an error.
#[test]
fn work_that_cannot_be_committed_ends_in_an_error_that_says_why() -> Result<()> {
    let config = config().with("task.timeout.ms", 60_000).expect("a setting");
    let mut copy = Copy::new(1, 1, false, config)?;
    let fault = Fault::before(Operation::Commit, TransportErrorKind::AbortTransaction);
    copy.trial.broker.faults().inject(fault.times(1_000_000));
    copy.send(10)?;
    let error = loop {
        copy.trial.clock.advance_ms(COMMIT_MS);
        match copy.engine.step() {
            Ok(_) => assert!(copy.trial.clock.now_ms() < 1_000_000 + 120_000, "no end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.recovery(), Recovery::Stop);
    let text = error.to_string();
    assert!(text.contains("task.timeout.ms") && text.contains("AbortTransaction"), "{text}");
    assert_eq!(copy.committed()?.len(), 0);
    Ok(())
}

#[test]
fn an_idle_application_outlives_any_number_of_resets() -> Result<()> {
    let config = config().with("task.timeout.ms", 1_000).expect("a setting");
    let mut copy = Copy::new(1, 0, false, config)?;
    for _ in 0..20 {
        copy.trial.broker.faults().inject(Fault::before(Operation::Fetch, TransportErrorKind::Retriable));
        copy.trial.clock.advance_ms(400);
        copy.run_until_idle()?;
        for _ in 0..4 {
            copy.trial.clock.advance_ms(COMMIT_MS);
            copy.run_until_idle()?;
        }
    }
    copy.send(1)?;
    copy.run_until_idle()?;
    copy.trial.clock.advance_ms(COMMIT_MS);
    copy.run_until_idle()?;
    is_each_once(copy.committed()?, 1);
    Ok(())
}

/// Showed before: the thread panicked ("offsets only grow") after the broker had accepted the commit.
#[test]
fn a_committed_offset_beyond_the_end_of_its_topic_is_replaced_by_a_lower_one() -> Result<()> {
    let mut copy = Copy::new(1, 0, false, config())?;
    copy.send(100)?;
    copy.run_until_idle()?;
    copy.trial.clock.advance_ms(COMMIT_MS);
    copy.run_until_idle()?;
    let topic =
        NewTopic { name: "in".into(), partitions: 1, replication_factor: 1, configs: BTreeMap::new() };
    let mut admin = copy.trial.broker.transport().admin("admin")?;
    admin.delete_topics(&["in".into()], TIMEOUT)?;
    admin.create_topics(&[topic], TIMEOUT)?;
    copy.send(5)?;
    for _ in 0..20 {
        copy.trial.clock.advance_ms(COMMIT_MS);
        copy.run_until_idle()?;
    }
    assert_eq!(copy.committed()?.len(), 105, "the new ones, once");
    let source = TopicPartition::new("in", 0);
    let offsets = admin.group_offsets("slow", std::slice::from_ref(&source), TIMEOUT)?;
    assert_eq!(offsets.committed.get(&source).map(|known| known.offset), Some(5));
    Ok(())
}

#[test]
fn a_command_ends_the_pass_and_a_thread_that_nobody_commands_any_more_ends() -> Result<()> {
    let mut copy = Copy::new(1, 0, false, config())?;
    copy.send(1_000)?;
    let stats = Arc::clone(&copy.engine.thread().stats);
    let now = Now::of(&*copy.trial.clock);
    // As the control thread does when it has sent one; the round has begun already.
    copy.engine.thread().fetch()?;
    stats.hurry();
    copy.engine.thread().process(now)?;
    assert_eq!(stats.processed(), 1);
    let (commands, received) = mpsc::channel();
    copy.engine.thread().commands = received;
    drop(commands);
    assert_eq!(copy.engine.thread().run_once(now)?, Round::Stopped);
    assert_eq!(copy.committed()?.len(), 0, "nothing more is committed");
    Ok(())
}

/// Takes its time to refuse each record.
struct Refuse {
    clock: Arc<ManualClock>,
    record_ms: i64,
}

impl TimestampExtractor<String, String> for Refuse {
    fn extract(
        &self,
        _: &ConsumedRecord<'_, String, String>,
        _: Timestamp,
    ) -> std::result::Result<Timestamp, UserError> {
        self.clock.advance_ms(self.record_ms);
        Ok(-1)
    }
}

/// Showed before: all that was fetched was dropped in one pass, longer than a transaction or the group's patience.
#[test]
fn a_commit_comes_each_interval_when_every_record_is_dropped_slowly() -> Result<()> {
    for (topics, records, record_ms) in [(1, 200, 20), (2, 100, 20), (1, 20, 2_000)] {
        let names = ["in", "too"];
        let names = names.get(..topics).unwrap_or_default();
        let trial = Trial::new(1_000_000, 1, names)?;
        let mut topology = Topology::new();
        let extractor = Refuse { clock: Arc::clone(&trial.clock), record_ms };
        let options = SourceOptions { extractor: Some(Arc::new(extractor)), ..source_options() };
        topology.add_source("source", names, None, options)?;
        topology.add_processor("keep", |_| Ok(Keep), &["source"])?;
        topology.add_state_store(Stores::key_value_store::<String, String>("store"), &["keep"])?;
        let mut producer = trial.producer()?;
        for (number, name) in (0..records).flat_map(|number| names.iter().map(move |name| (number, name))) {
            send(&mut *producer, name, 0, &number.to_string(), "dropped")?;
        }
        let all = records * names.len() as u64;
        let mut engine = trial.engine(topology, config())?;
        let (mut commits, mut since, mut longest) = (0, None, 0);
        while engine.thread().dropped_records().total() < all {
            engine.step()?;
            let (now_ms, made) = (trial.clock.now_ms(), engine.thread().stats.commits());
            if made > commits {
                longest = longest.max(now_ms - since.unwrap_or(now_ms));
                commits = made;
                since = Some(now_ms);
            }
        }
        assert!(commits > 10 && longest <= COMMIT_MS + record_ms, "{commits} commits, {longest} ms apart");
        assert_eq!(engine.thread().stats.processed(), 0);
    }
    Ok(())
}

/// Showed before: all tasks were started in one round, longer than a transaction may be open.
#[test]
fn tasks_that_take_long_to_start_are_started_in_several_rounds() -> Result<()> {
    const TASKS: i32 = 40;
    const INIT_MS: i64 = 500;
    let trial = Trial::new(1_000_000, TASKS, &["in"])?;
    let mut topology = Topology::new();
    topology.add_source("source", &["in"], None, source_options())?;
    let clock = Arc::clone(&trial.clock);
    let keep = move |_: &mut InitContext<'_>| {
        clock.advance_ms(INIT_MS);
        Ok(Keep)
    };
    topology.add_processor("keep", keep, &["source"])?;
    topology.add_state_store(Stores::key_value_store::<String, String>("store"), &["keep"])?;
    let mut engine = trial.engine(topology, config())?;
    let (pass_ms, mut longest) = (engine.thread().limits.pass_ms, 0);
    while engine.thread().tasks.len() < TASKS as usize {
        let begun_ms = trial.clock.now_ms();
        engine.step()?;
        longest = longest.max(trial.clock.now_ms() - begun_ms);
    }
    assert!(longest <= pass_ms + INIT_MS, "{longest}");
    Ok(())
}
