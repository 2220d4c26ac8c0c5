//! Every call to the broker fails in every way, before and after it took effect, and transactions end without their
//! markers: the results stay the same.
//!
//! On the embedded broker, which fails on demand. A commit or abort in doubt must not be followed by a transaction of
//! the same producer: the broker refuses the later calls of one that a successor has fenced.

use std::time::{Duration, Instant};

use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::transport::TransportErrorKind::{
    self, AbortTransaction, Fatal, Fenced, Retriable, TimedOut,
};
use streams_core::transport::embedded::{Fault, Operation, When};
use tests::apps::{EmbeddedClient, SoakTopics, soak_topology};
use tests::checks::{Exactness, SoakModel};
use tests::lab::TestRecord;

use crate::support::{Chance, turn};

const MODEL: SoakModel = SoakModel { records: 40_000, keys: 100 };
const LIMIT: Duration = Duration::from_secs(180);

/// Which failures an operation may report.
const FAILURES: &[(Operation, &[TransportErrorKind])] = &[
    (Operation::Commit, &[TimedOut, Fatal, Fenced, AbortTransaction, Retriable]),
    (Operation::SendOffsets, &[TimedOut, Fatal, Fenced, AbortTransaction, Retriable]),
    (Operation::Send, &[TimedOut, Fatal, Fenced, AbortTransaction]),
    (Operation::InitTransactions, &[TimedOut, Fatal, Retriable]),
    (Operation::Abort, &[TimedOut, Fatal, Fenced]),
    (Operation::Fetch, &[TimedOut, Retriable, Fatal]),
    (Operation::Fence, &[TimedOut, Retriable]),
];

struct Run {
    client: EmbeddedClient,
    topics: SoakTopics,
    streams: KafkaStreams,
    _folder: tempfile::TempDir,
}

impl Run {
    fn start(app: &str) -> Self {
        Run::start_with(app, 2)
    }

    fn start_with(app: &str, threads: usize) -> Self {
        let client = EmbeddedClient::in_memory();
        let topics = SoakTopics::of(app);
        MODEL.prepare_embedded(&client, &topics).expect("topics");
        let folder = tempfile::tempdir().expect("a folder");
        // Few records a round, and a commit after each: many transactions.
        let config = StreamsConfig::new(app, "embedded:")
            .with_state_dir(folder.path())
            .with_statestore_cache_max_bytes(0)
            .with_num_stream_threads(threads)
            .with_commit_interval(Duration::from_millis(5))
            .with("buffered.records.per.partition", 50)
            .expect("known");
        let builder = KafkaStreams::builder(soak_topology(&topics).expect("a topology"), config);
        let streams = builder.with_broker(client.broker().clone()).build().expect("fine");
        streams.start().expect("it starts");
        Run { client, topics, streams, _folder: folder }
    }

    fn group(&self) -> &str {
        self.topics.input.strip_suffix("-in").expect("a name")
    }

    fn is_done(&self) -> bool {
        let between = SoakTopics::repartition(self.group());
        self.client.is_done(self.group(), &[self.topics.input.as_str(), between.as_str()]).expect("offsets")
    }

    fn feed(&self, input: &mut impl Iterator<Item = TestRecord>, records: usize) {
        self.client.produce(&self.topics.input, input.take(records)).expect("produced");
    }

    fn wait_until(&self, reached: impl Fn() -> bool, what: impl Fn() -> String) {
        let begin = Instant::now();
        while !reached() {
            let told = (self.streams.state(), self.streams.error(), self.streams.totals());
            assert!(begin.elapsed() < LIMIT, "waited for {}: {told:?}", what());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Until nothing more is processed.
    fn wait_processed(&self) {
        let begin = Instant::now();
        let mut last = (0, Instant::now());
        while last.0 == 0 || last.1.elapsed() < Duration::from_secs(2) {
            assert!(begin.elapsed() < LIMIT, "{:?}", self.streams.totals());
            let now = self.streams.totals().processed_records;
            if now != last.0 {
                last = (now, Instant::now());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn finish(&self) {
        let begin = Instant::now();
        while !self.is_done() {
            let told = (self.streams.state(), self.streams.error(), self.streams.totals());
            assert!(begin.elapsed() < LIMIT && self.streams.state() != State::Error, "{told:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("{:?}", self.streams.totals());
        assert!(self.streams.close(LIMIT));
        let read = |topic: &str| self.client.consume_all(topic);
        MODEL.check(read, &self.topics, Exactness::Whole).expect("the same results");
    }
}

#[test]
fn no_failure_of_a_call_changes_the_results() {
    let _turn = turn();
    let mut chance = Chance::new("doubt");
    let run = Run::start("doubt");
    let faults = run.client.broker().faults();
    let all: Vec<Fault> = FAILURES
        .iter()
        .flat_map(|(operation, kinds)| kinds.iter().map(move |kind| (*operation, *kind)))
        .flat_map(|(operation, kind)| [Fault::before(operation, kind), Fault::after(operation, kind)])
        .collect();
    let mut input = MODEL.input();
    let slice = usize::try_from(MODEL.records).expect("small") / all.len() + 1;
    let mut missed = Vec::new();
    for fault in &all {
        // An abort needs something to abort, and a registration something in doubt.
        match fault.operation {
            Operation::Abort => faults.inject(Fault::before(Operation::SendOffsets, AbortTransaction)),
            Operation::InitTransactions => faults.inject(Fault::before(Operation::Commit, TimedOut)),
            _ => {}
        }
        let skipped = match fault.operation {
            Operation::Abort | Operation::InitTransactions => 0,
            _ => usize::try_from(chance.below(4)).expect("small"),
        };
        // In the middle of records, but the feed's own must not meet the fault.
        let before = if fault.operation == Operation::Send { slice } else { slice / 2 };
        run.feed(&mut input, before);
        faults.inject(fault.skipping(skipped));
        run.feed(&mut input, slice - before);
        run.wait_until(|| faults.left() == 0 || run.is_done(), || format!("{fault:?}, or all records"));
        if faults.left() > 0 {
            missed.push(fault);
            faults.clear();
        }
        assert_ne!(run.streams.state(), State::Error, "{fault:?}: {:?}", run.streams.error());
    }
    faults.clear();
    println!("{} of {} failures did not happen: {missed:?}", missed.len(), all.len());
    assert!(missed.len() * 5 < all.len(), "most failures happened");
    assert!(all.iter().any(|fault| fault.when == When::After));
    run.client.produce(&run.topics.input, input).expect("produced");
    run.finish();
    assert_eq!(run.streams.totals().wiped_tasks, 0);
}

/// Lets the faults happen, one list after the other, each in the middle of records.
fn play(run: &Run, lists: &[Vec<Fault>]) {
    let faults = run.client.broker().faults();
    let mut input = MODEL.input();
    let slice = usize::try_from(MODEL.records).expect("small") / (lists.len() + 1);
    for list in lists {
        run.feed(&mut input, slice / 2);
        list.iter().for_each(|fault| faults.inject(*fault));
        run.feed(&mut input, slice - slice / 2);
        run.wait_until(|| faults.left() == 0, || format!("{list:?} to happen"));
        // For what the last fault does.
        std::thread::sleep(Duration::from_millis(20));
        run.wait_until(|| !run.client.broker().lacks_markers(), || format!("nothing to be left of {list:?}"));
    }
    run.client.produce(&run.topics.input, input).expect("produced");
}

/// The broker calls transactions that were given up complete without writing their markers (decision 0008): what they
/// left must neither stay nor be committed by the next transaction.
#[test]
fn transactions_that_end_without_their_markers_leave_nothing() {
    let _turn = turn();
    let run = Run::start_with("unmarked", 1);
    let faults = [
        Fault::before(Operation::Commit, TimedOut),
        Fault::after(Operation::Commit, TimedOut),
        Fault::after(Operation::SendOffsets, AbortTransaction),
        Fault::after(Operation::SendOffsets, TimedOut),
        Fault::before(Operation::Commit, Fatal),
        Fault::after(Operation::Commit, Fenced),
    ];
    let lists: Vec<_> = faults.iter().map(|fault| vec![fault.without_markers()]).collect();
    play(&run, &lists);
    run.finish();
    assert_eq!(run.streams.totals().wiped_tasks, 0);
}

/// The same for a commit that was answered: the next transaction fails, and with it the broker takes back the commit.
/// What the stores hold of it has to go.
#[test]
fn a_commit_that_is_taken_back_is_taken_out_of_the_stores() {
    let _turn = turn();
    let run = Run::start_with("taken-back", 1);
    let lost = Fault::markers_lost(Operation::Commit);
    let lists = [
        vec![lost, Fault::before(Operation::Commit, TimedOut)],
        vec![lost, Fault::before(Operation::SendOffsets, AbortTransaction).skipping(1)],
        vec![lost, Fault::after(Operation::SendOffsets, AbortTransaction).skipping(1)],
    ];
    play(&run, &lists);
    run.finish();
    assert!(run.streams.totals().wiped_tasks > 0);
}

/// The same where no transaction follows: the thread notices while it has nothing to do.
#[test]
fn a_commit_without_its_markers_is_noticed_by_an_idle_thread() {
    let _turn = turn();
    let run = Run::start_with("idle", 1);
    run.client.broker().faults().inject(Fault::markers_lost(Operation::Commit).times(1_000));
    run.client.produce(&run.topics.input, MODEL.input()).expect("produced");
    run.wait_processed();
    run.client.broker().faults().clear();
    assert!(run.client.broker().lacks_markers());
    run.finish();
    assert!(run.streams.totals().wiped_tasks > 0);
}

/// Expelled from its group in the middle of a transaction, an instance comes back and repeats the uncommitted work.
#[test]
fn an_instance_that_is_expelled_comes_back() {
    let _turn = turn();
    let run = Run::start("expelled");
    let mut input = MODEL.input();
    for _ in 0..20 {
        run.client.produce(&run.topics.input, input.by_ref().take(2_000)).expect("produced");
        let broker = run.client.broker();
        for member in broker.members(run.group()) {
            broker.expel(run.group(), &member);
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    run.finish();
    assert_eq!(run.streams.totals().wiped_tasks, 0);
}
