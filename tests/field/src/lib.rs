//! Equipment of the field suites: what ordinary operation of a real cluster does to an application.
//!
//! Each file of `tests/` is a suite of one kind of trouble, with a broker of its own ([`lab::shared`]). Its scenarios run a
//! few at a time ([`turn`]), so each has topics and an application id of its own.
#![expect(clippy::disallowed_methods, reason = "it waits for brokers, by the clock of the machine")]
#![allow(clippy::panic, reason = "tests fail by panicking")]

mod asked;
mod log;
mod set_clock;

pub use asked::Asked;
pub use log::{keep_log, logged};
pub use set_clock::SetClock;

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lab::{ConsumedRecord, KafkaClient};
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;

pub mod process;

/// Longest wait for anything in a small scenario: many times what it takes on a quiet machine, and less than
/// `task.timeout.ms`, after which what goes wrong ends by itself.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Scenarios at the same time: they wait more than they compute.
const TURNS: usize = 3;

static TAKEN: Mutex<usize> = Mutex::new(0);
static GIVEN_BACK: Condvar = Condvar::new();

/// A place among the scenarios that run; given back when dropped.
pub struct Turn;

fn taken() -> MutexGuard<'static, usize> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a place.
pub fn turn() -> Turn {
    let full = |taken: &mut usize| *taken >= TURNS;
    *GIVEN_BACK.wait_while(taken(), full).unwrap_or_else(PoisonError::into_inner) += 1;
    keep_log();
    Turn
}

impl Drop for Turn {
    fn drop(&mut self) {
        *taken() -= 1;
        GIVEN_BACK.notify_one();
    }
}

/// Random numbers that a seed repeats (splitmix64).
pub struct Chance(u64);

impl Chance {
    /// Of `SEED`, or always the same, so that a run of all tests repeats the one before; printed either way.
    pub fn new(of: &str) -> Self {
        let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or(1);
        println!("{of}: SEED={seed}");
        Chance(seed)
    }

    /// One more, for another thread.
    pub fn split(&mut self) -> Self {
        Chance(self.below(u64::MAX))
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// A duration below this many milliseconds.
    pub fn millis_below(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

/// An application in this process.
pub struct App {
    /// The application.
    pub streams: KafkaStreams,
}

impl App {
    /// Starts it and waits until all its tasks run.
    pub fn run(topology: Topology, config: StreamsConfig) -> Self {
        let streams = KafkaStreams::new(topology, config).expect("settings and topology are fine");
        streams.start().expect("it starts");
        let app = App { streams };
        app.wait(State::Running);
        app
    }

    /// Waits for a state.
    pub fn wait(&self, state: State) {
        let reached = self.streams.wait_for(LIMIT, |now| now == state);
        assert!(reached, "{} instead of {state}: {:?}", self.streams.state(), self.streams.error());
    }

    /// Waits until this many records are processed.
    pub fn wait_processed(&self, records: u64) {
        let begin = Instant::now();
        while self.streams.totals().processed_records < records {
            assert!(begin.elapsed() < LIMIT, "{:?} {:?}", self.streams.totals(), self.streams.error());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Closes it in order.
    pub fn close(&self) {
        assert!(self.streams.close(LIMIT), "closing took too long");
        assert_eq!(self.streams.state(), State::NotRunning, "{:?}", self.streams.error());
    }
}

/// Waits until a condition holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < LIMIT, "waited for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Settings of an application in this process: no caches, quick commits, one thread. Changelogs of windows last a hundred
/// years, as brokers delete by the machine's clock what tests write with times of 1970.
pub fn config(client: &KafkaClient, app: &str, folder: &Path) -> StreamsConfig {
    StreamsConfig::new(app, client.bootstrap())
        .with_state_dir(folder)
        .with_statestore_cache_max_bytes(0)
        .with_commit_interval(Duration::from_millis(100))
        .with("windowstore.changelog.additional.retention.ms", 100 * 365 * 86_400_000_i64)
        .expect("a setting")
}

/// What was committed to a topic, as soon as there are this many records; fails when there are more.
pub fn committed(client: &KafkaClient, topic: &str, records: usize) -> Vec<ConsumedRecord> {
    let begin = Instant::now();
    loop {
        let found = client.consume_all(topic, true).expect("read");
        if found.len() >= records || begin.elapsed() >= LIMIT {
            assert_eq!(found.len(), records, "{topic}: {found:?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until a group has committed everything that these topics hold.
pub fn wait_committed(client: &KafkaClient, group: &str, topics: &[&str], limit: Duration) {
    let begin = Instant::now();
    loop {
        // Before the ends are asked for: they have what the group had written to one of the topics until then.
        let committed = client.committed_offsets(group, topics).expect("committed offsets");
        let reached = |topic: &str| {
            let ends = client.end_offsets(topic).expect("end offsets");
            (0..).zip(ends).all(|(partition, end)| {
                let done = committed.get(&(topic.to_owned(), partition));
                done.is_some_and(|done| done.offset >= end) || end == 0
            })
        };
        if topics.iter().all(|topic| reached(topic)) {
            return;
        }
        let ends = |topic: &&str| {
            format!("{topic}: {:?}, {:?}", client.end_offsets(topic), client.offsets(topic, true))
        };
        assert!(
            begin.elapsed() < limit,
            "{group}: not done in {limit:?}: {committed:?} of {:?}",
            topics.iter().map(ends).collect::<Vec<_>>()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// `key=value` of each record; a number that is eight bytes long is written as one.
pub fn texts(records: &[ConsumedRecord]) -> Vec<String> {
    let value = |record: &ConsumedRecord| match record.value.as_deref().map(<[u8; 8]>::try_from) {
        None => "null".to_owned(),
        Some(Ok(number)) => i64::from_be_bytes(number).to_string(),
        Some(Err(_)) => record.value_text(),
    };
    records.iter().map(|record| format!("{}={}", record.key_text(), value(record))).collect()
}
