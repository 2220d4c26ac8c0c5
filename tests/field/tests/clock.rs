//! The wall clock is set back by an hour while applications run: commits, punctuations, the place in the group, the watchdog
//! and the end do not hang on it.
#![expect(clippy::disallowed_methods, reason = "it waits for applications, by the clock of the machine")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use field::process::Program;
use field::{LIMIT, SetClock, committed, turn, wait_until};
use kstreams::prelude::*;
use lab::{KafkaClient, TestRecord, shared};
use streams_core::time::{Clock, ClockRef, SystemClock};

const HOUR: Duration = Duration::from_secs(3_600);

/// For how long the clock is left as it was set.
const LEFT: Duration = Duration::from_secs(8);

/// Longer than the group waits for a member that is silent, which is long for a busy machine.
const SILENCE: Duration = Duration::from_secs(24);

fn topics(client: &KafkaClient, name: &str) -> (String, String) {
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    client.create_topic(&input, 2, &[]).expect("created");
    client.create_topic(&output, 1, &[]).expect("created");
    (input, output)
}

fn start(program: &str, name: &str, clock: &SetClock, more: &[&str]) -> (Program, tempfile::TempDir) {
    let client = shared().expect("a broker").client();
    let (input, output) = topics(&client, name);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_string_lossy().into_owned();
    let arguments = [client.bootstrap(), name, &path, &input, &output];
    let settings = ["consumer.session.timeout.ms=20000", "statestore.cache.max.bytes=0"];
    let arguments = [&arguments[..], more, &settings[..]].concat();
    let program = Program::start_in(program, &arguments, &clock.environment());
    program.wait("RUNNING");
    program.wait("tasks=2");
    (program, folder)
}

/// It writes every 50 ms by the clock, in transactions. Showed before: nothing more for an hour.
#[test]
fn punctuations_and_commits_of_a_process_go_on() {
    let _turn = turn();
    let (clock, name) = (SetClock::new(), "set-back");
    let (mut program, _folder) = start(env!("CARGO_BIN_EXE_ticker"), name, &clock, &[]);
    let client = shared().expect("a broker").client();
    // The only broker of a busy machine may be without a leader for a moment.
    let results = || {
        let mut found = None;
        wait_until("the results to be readable", || {
            found = client.consume_all(&format!("{name}-out"), true).ok();
            found.is_some()
        });
        found.unwrap_or_default()
    };
    let wait_more = || {
        let before = results().len();
        wait_until("results", || results().len() >= before + 20);
    };
    wait_more();
    for by in [HOUR, 2 * HOUR, Duration::ZERO] {
        clock.set_back(by);
        let begin = Instant::now();
        while begin.elapsed() < LEFT {
            wait_more();
        }
    }
    program.wait("RUNNING");
    program.process.kill().expect("killed");
    let results = results();
    for task in ["0_0", "0_1"] {
        let counts: Vec<usize> = results
            .iter()
            .filter(|record| record.key_text() == task)
            .map(|record| record.value_text().parse().expect("a count"))
            .collect();
        assert_eq!(counts, (1..=counts.len()).collect::<Vec<_>>(), "task {task}");
    }
    let hour_ms = i64::try_from(HOUR.as_millis()).expect("short");
    let leap = results.windows(2).map(|pair| pair[1].timestamp - pair[0].timestamp).min();
    assert!(leap.is_some_and(|leap| leap < -hour_ms / 2), "the process saw another clock: {leap:?}");
}

/// Its place in the group is all that an idle process is busy with. Showed before: no heartbeat and no end, as librdkafka
/// waited for the clock to come round to where it was.
#[test]
fn an_idle_process_keeps_its_place_and_ends_when_told() {
    let _turn = turn();
    let (clock, name) = (SetClock::new(), "set-back-idle");
    let (mut program, _folder) = start(env!("CARGO_BIN_EXE_slow_copy"), name, &clock, &["0"]);
    let client = shared().expect("a broker").client();
    let mut sent = 0;
    let mut copies = || {
        let record = |n: usize| TestRecord::new(format!("k{n}"), "v").to_partition((n % 2) as i32);
        client.produce(&format!("{name}-in"), (sent..sent + 20).map(record)).expect("produced");
        sent += 20;
        committed(&client, &format!("{name}-out"), sent);
    };
    copies();
    clock.set_back(HOUR);
    std::thread::sleep(SILENCE);
    copies();
    program.wait("RUNNING");
    program.wait("tasks=2");
    let expelled = program.logged("session timed out");
    assert!(expelled.is_empty(), "{expelled:?}");
    clock.set_back(2 * HOUR);
    program.process.close_stdin();
    let status = program.process.wait(LIMIT).expect("it ends");
    assert!(status.success() && program.said().contains("closed=true"), "{status}: {}", program.said());
}

/// A clock of the user's that is behind the machine's.
#[derive(Default)]
struct Behind(AtomicI64);

impl Behind {
    fn set_back(&self) {
        self.0.fetch_add(3_600_000, Ordering::SeqCst);
    }
}

impl Clock for Behind {
    fn now_ms(&self) -> Timestamp {
        SystemClock.now_ms() - self.0.load(Ordering::SeqCst)
    }
}

/// Counts calls by the clock, and blocks once.
struct Ticks {
    clock: Arc<Behind>,
    ticks: Arc<AtomicU64>,
    blocked: Arc<AtomicBool>,
}

impl Processor<String, String, String, String> for Ticks {
    fn process(
        &mut self,
        record: Record<String, String>,
        context: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        if record.value == "blocks" && !self.blocked.swap(true, Ordering::SeqCst) {
            self.clock.set_back();
            std::thread::sleep(Duration::from_millis(2_500));
        }
        context.forward(record)
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        _: Timestamp,
        _: &mut ProcessorContext<'_, String, String>,
    ) -> ProcessorResult {
        self.ticks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn the_watchdog_sees_a_thread_that_blocks_while_the_clock_is_set_back() {
    for guarantee in ["exactly_once_v2", "at_least_once"] {
        let broker = EmbeddedBroker::in_memory();
        let mut input = EmbeddedTopic::<String, String>::create(&broker, "in", 1).expect("created");
        let mut output = EmbeddedTopic::<String, String>::create(&broker, "out", 1).expect("created");
        let (clock, ticks, blocked) = (Arc::<Behind>::default(), Arc::default(), Arc::default());
        let builder = StreamsBuilder::new();
        let (to_set, to_count) = (Arc::clone(&clock), Arc::clone(&ticks));
        let supplier = move |task: &mut InitContext<'_>| {
            task.schedule(Duration::from_millis(20), PunctuationType::WallClockTime)?;
            let (clock, ticks, blocked) = (Arc::clone(&to_set), Arc::clone(&to_count), Arc::clone(&blocked));
            Ok(Ticks { clock, ticks, blocked })
        };
        builder.stream::<String, String>("in").process(supplier, &[]).to("out");
        let config = StreamsConfig::new("watched", "embedded:")
            .with_commit_interval(Duration::from_millis(50))
            .with("processing.guarantee", guarantee)
            .and_then(|config| config.with("consumer.max.poll.interval.ms", 400))
            .and_then(|config| config.with("consumer.session.timeout.ms", 300))
            .expect("settings");
        let clock_of_app: ClockRef = Arc::<Behind>::clone(&clock);
        let app = KafkaStreams::builder(builder.build().expect("a topology"), config)
            .with_broker(Arc::clone(&broker))
            .with_clock(clock_of_app)
            .build()
            .expect("an application");
        app.start().expect("it starts");
        let mut copies = |value: &str| {
            input.send(Record::new("k".to_owned(), value.to_owned(), 0)).expect("sent");
            let found = output.read_within(1, LIMIT).expect("read");
            assert_eq!(found.first().map(|record| &*record.value), Some(value));
        };
        copies("before");
        clock.set_back();
        let (commits, before) = (app.totals().commits, ticks.load(Ordering::SeqCst));
        wait_until("punctuations", || ticks.load(Ordering::SeqCst) > before + 5);
        copies("after");
        wait_until("a commit", || app.totals().commits > commits);
        std::thread::scope(|scope| {
            let blocks = scope.spawn(|| copies("blocks"));
            assert!(app.wait_for(LIMIT, |state| state == State::Rebalancing), "{}", app.state());
            blocks.join().expect("copied");
        });
        assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
        let before = ticks.load(Ordering::SeqCst);
        wait_until("punctuations afterwards", || ticks.load(Ordering::SeqCst) > before + 5);
        assert!(app.close(LIMIT));
        assert_eq!(app.error().map(|error| error.to_string()), None);
    }
}

/// Showed before: an overflow, a panic in this build.
#[test]
fn an_interval_without_end_commits_when_the_application_is_closed() {
    let broker = EmbeddedBroker::in_memory();
    let mut input = EmbeddedTopic::<String, String>::create(&broker, "in", 1).expect("created");
    let mut output = EmbeddedTopic::<String, String>::create(&broker, "out", 1).expect("created");
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    let config = StreamsConfig::new("endless", "embedded:")
        .with_commit_interval(Duration::from_millis(i64::MAX.unsigned_abs()))
        .with("processing.guarantee", "at_least_once")
        .expect("a setting");
    let app = KafkaStreams::builder(builder.build().expect("a topology"), config)
        .with_broker(Arc::clone(&broker))
        .build()
        .expect("an application");
    app.start().expect("it starts");
    input.send(Record::new("k".to_owned(), "v".to_owned(), 0)).expect("sent");
    wait_until("the record", || app.totals().processed_records == 1);
    assert!(app.wait_for(LIMIT, |state| state == State::Running), "{:?}", app.reasons());
    assert_eq!(app.totals().commits, 0);
    assert!(app.close(LIMIT));
    assert_eq!(app.totals().commits, 1);
    assert_eq!(output.read_within(1, LIMIT).expect("read").len(), 1);
}
