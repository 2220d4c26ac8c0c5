//! Transactions of others: whom a thread waits for, and what it leaves in their topics. On a broker in memory, by a clock
//! that the tests move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::TopicPartition;
use crate::processor::{InitContext, Processor, ProcessorContext, ProcessorResult};
use crate::record::Record;
use crate::runtime::engine::Engine;
use crate::runtime::trial::{TIMEOUT, Trial, count_of, send, sink_options, source_options, warnings};
use crate::topology::Topology;
use crate::transport::embedded::{Fault, Operation};
use crate::transport::{ConsumerSpec, Isolation, OffsetQuery, Producer, TransportErrorKind};

const STEP_MS: i64 = 50;
const BETWEEN: &str = "quiet-between";

/// Passes records on.
struct Pass;

impl Processor<String, String, String, String> for Pass {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

/// From `in` over a topic of the application's own to `out`.
fn topology(opened: &Arc<AtomicUsize>) -> Result<Topology> {
    let mut topology = Topology::new();
    topology.add_internal_topic(&"between".into(), Some(1))?;
    topology.add_source("first", &["in"], None, source_options())?;
    topology.add_sink("to-between", sink_options("between"), &["first"])?;
    topology.add_source("second", &["between"], None, source_options())?;
    let opened = Arc::clone(opened);
    let pass = move |_: &mut InitContext<'_>| {
        opened.fetch_add(1, Ordering::SeqCst);
        Ok(Pass)
    };
    topology.add_processor("pass", pass, &["second"])?;
    topology.add_sink("to-out", sink_options("out"), &["pass"])?;
    Ok(topology)
}

struct World {
    trial: Trial,
    opened: Arc<AtomicUsize>,
    engine: Option<Engine>,
}

impl World {
    fn new() -> Result<Self> {
        let trial = Trial::new(1_000_000, 1, &["in", "out"])?;
        Ok(World { trial, opened: Arc::default(), engine: None })
    }

    fn start(&mut self) -> Result<()> {
        self.engine = None;
        self.opened.store(0, Ordering::SeqCst);
        let config = StreamsConfig::new("quiet", "embedded:")
            .with_commit_interval(std::time::Duration::from_millis(100))
            .with("producer.transaction.timeout.ms", 60_000)
            .expect("a setting");
        self.engine = Some(self.trial.engine(topology(&self.opened)?, config)?);
        Ok(())
    }

    /// Lets the application run for so long.
    fn run(&mut self, ms: i64) -> Result<()> {
        for _ in 0..ms / STEP_MS {
            let engine = self.engine.as_mut().expect("started");
            while engine.step()? {}
            self.trial.clock.advance_ms(STEP_MS);
        }
        Ok(())
    }

    fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Begins a transaction with a record.
    fn begin(producer: &mut dyn Producer, topic: &str) -> Result<()> {
        producer.begin()?;
        send(producer, topic, 0, "stranger", "x")
    }

    fn put(&self, value: &str) -> Result<()> {
        send(&mut *self.trial.producer()?, "in", 0, "k", value)
    }

    /// Keys and values of a topic.
    fn read(&self, topic: &str, isolation: Isolation) -> Result<Vec<(String, String)>> {
        let spec = ConsumerSpec { client_id: "reader".to_owned(), isolation, properties: BTreeMap::new() };
        let mut consumer = self.trial.transport.consumer(&spec)?;
        let partition = TopicPartition::new(topic, 0);
        let first = self.trial.transport.admin("reader")?.offsets(
            std::slice::from_ref(&partition),
            OffsetQuery::Earliest,
            TIMEOUT,
        )?;
        let handle = consumer.assign(&partition, first[&partition])?;
        let mut records = Vec::new();
        while !consumer.fetch(handle, 100, &mut records)?.at_end {}
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"null")).into_owned();
        Ok(records.iter().map(|record| (text(record.key()), text(record.value()))).collect())
    }

    /// What the application wrote to `out` as everybody sees it, aborted records included.
    fn seen(&self) -> Result<Vec<String>> {
        let all = self.read("out", Isolation::ReadUncommitted)?;
        let own = all.into_iter().filter(|(key, _)| key != "stranger");
        Ok(own.map(|(key, value)| format!("{key}={value}")).collect())
    }
}

/// Before: the start took 4.3 s and wrote two records with an empty key into the topic, and 10 s of idleness closed the task.
#[test]
fn a_strangers_transaction_in_an_output_topic_delays_nobody() -> Result<()> {
    let mut world = World::new()?;
    let mut stranger = world.trial.stranger("stranger", 120_000)?;
    World::begin(&mut *stranger, "out")?;
    world.start()?;
    world.run(1_000)?;
    assert_eq!(world.opened(), 1, "the task runs within a second");
    let mut expected = Vec::new();
    for round in 0..6 {
        world.put(&round.to_string())?;
        world.run(500)?;
        expected.push(format!("k={round}"));
        assert_eq!(world.seen()?, expected, "each result is seen at once, and nothing else");
        // Idle, for longer than the thread waits before it looks.
        world.run(15_000)?;
    }
    assert_eq!(world.opened(), 1, "the task was never closed");
    stranger.commit(TIMEOUT)?;
    assert_eq!(world.read("out", Isolation::ReadCommitted)?.len(), 7);
    Ok(())
}

/// Before: 10 s after its last commit the thread was reset.
#[test]
fn another_threads_long_transaction_in_an_own_topic_is_no_reason_to_start_over() -> Result<()> {
    let mut world = World::new()?;
    world.start()?;
    world.put("a")?;
    world.run(1_000)?;
    let mut other = world.trial.stranger("quiet-other-1", 60_000)?;
    World::begin(&mut *other, BETWEEN)?;
    world.put("b")?;
    world.run(55_000)?;
    other.abort(TIMEOUT)?;
    world.run(20_000)?;
    assert_eq!(world.opened(), 1);
    assert_eq!(world.seen()?, ["k=a", "k=b"]);
    Ok(())
}

/// One that hangs forever in the application's own topic may be ours: the thread starts over once, sweeps, and then knows
/// that it is not.
#[test]
fn a_hanging_transaction_in_an_own_topic_costs_one_start() -> Result<()> {
    let mut world = World::new()?;
    world.start()?;
    world.put("a")?;
    world.run(1_000)?;
    let mut other = world.trial.stranger("quiet-other-1", 10_000_000)?;
    World::begin(&mut *other, BETWEEN)?;
    for value in ["b", "c", "d"] {
        world.put(value)?;
        world.run(120_000)?;
    }
    assert_eq!(world.opened(), 2);
    other.abort(TIMEOUT)?;
    world.run(1_000)?;
    assert_eq!(world.seen()?, ["k=a", "k=b", "k=c", "k=d"]);
    assert!(world.read(BETWEEN, Isolation::ReadUncommitted)?.iter().all(|(key, _)| !key.is_empty()));
    Ok(())
}

/// What was left of ours is ended all the same, with a stranger's transaction before it in the same topic, and no record
/// reports it.
#[test]
fn lost_markers_are_made_up_for_beside_a_strangers_transaction() -> Result<()> {
    for fault in [
        Fault::before(Operation::Commit, TransportErrorKind::TimedOut).without_markers(),
        Fault::after(Operation::Commit, TransportErrorKind::TimedOut).without_markers(),
        Fault::after(Operation::SendOffsets, TransportErrorKind::AbortTransaction).without_markers(),
    ] {
        let mut world = World::new()?;
        world.start()?;
        world.put("a")?;
        world.run(1_000)?;
        let mut stranger = world.trial.stranger("stranger", 10_000_000)?;
        World::begin(&mut *stranger, "out")?;
        // The second transaction of a record writes to `out`.
        world.trial.broker.faults().inject(fault.skipping(1));
        world.put("b")?;
        world.run(5_000)?;
        assert_eq!(world.trial.broker.faults().left(), 0, "{fault:?} happened");
        assert!(!world.trial.broker.lacks_markers(), "{fault:?}: nothing is left");
        stranger.commit(TIMEOUT)?;
        let committed = world.read("out", Isolation::ReadCommitted)?;
        let values: Vec<_> = committed.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["a", "x", "b"], "{fault:?}");
        assert!(world.seen()?.iter().all(|record| record.starts_with("k=")), "{fault:?}");
    }
    Ok(())
}

/// Showed before: a sweep that fails was repeated forever, and no task was opened.
#[test]
fn a_sweep_that_always_fails_ends_the_application_after_a_while() -> Result<()> {
    let mut world = World::new()?;
    let mut stranger = world.trial.stranger("stranger", 3_600_000)?;
    World::begin(&mut *stranger, "out")?;
    let fault = Fault::before(Operation::Abort, TransportErrorKind::TimedOut);
    world.trial.broker.faults().inject(fault.times(1_000_000));
    world.start()?;
    // task.timeout.ms is five minutes.
    world.run(200_000)?;
    assert_eq!(world.opened(), 0);
    let error = world.run(600_000).expect_err("not forever");
    assert!(matches!(error, Error::NoProgress { .. }), "{error}");
    Ok(())
}

/// Showed before: a warning each two seconds.
#[test]
fn a_partition_without_a_leader_is_logged_once_a_minute() -> Result<()> {
    let mut world = World::new()?;
    let fault = Fault::before(Operation::Offsets, TransportErrorKind::Retriable);
    world.trial.broker.faults().inject(fault.on("out-0").times(usize::MAX));
    let (done, lines) = warnings(|| -> Result<()> {
        world.start()?;
        world.run(5_000)?;
        world.put("a")?;
        world.run(60_000)
    });
    done?;
    let passed = count_of(&lines, "partitions do not answer");
    assert!((1..=2).contains(&passed), "{passed}: {lines:#?}");
    Ok(())
}

/// Showed before: a warning each time that work is repeated.
#[test]
fn a_partition_that_may_not_be_asked_about_is_logged_once_a_minute() -> Result<()> {
    let mut world = World::new()?;
    let denied = Fault::before(Operation::Offsets, TransportErrorKind::Denied).on("out-0");
    let given_up = Fault::before(Operation::Commit, TransportErrorKind::AbortTransaction);
    world.trial.broker.faults().inject(denied.times(usize::MAX));
    let (done, lines) = warnings(|| -> Result<()> {
        world.start()?;
        world.run(1_000)?;
        // The second commit of a record writes to `out`.
        world.trial.broker.faults().inject(given_up.skipping(1).times(20));
        world.put("a")?;
        world.run(58_000)
    });
    done?;
    world.trial.broker.faults().clear();
    assert_eq!(world.seen()?.last().map(String::as_str), Some("k=a"));
    let said = count_of(&lines, "it cannot be seen whether former transactions have ended");
    assert_eq!(said, 1, "{lines:#?}");
    Ok(())
}
