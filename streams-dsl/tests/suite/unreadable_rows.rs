//! Rows that wait in a store for other records, and that a new version of the program cannot read back: each is the
//! processing handler's to decide about by itself. One that continues loses that row, and no other record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streams_core::error::Error;
use streams_core::processor::DropReason;
use streams_dsl::prelude::*;

const QUEUE: &str = "letters";

/// Text that a new version refuses to read if it begins with "old".
struct Program {
    is_new: Arc<AtomicBool>,
    driver: TopologyTestDriver,
}

impl Program {
    fn new(handler: &str, build: impl FnOnce(&StreamsBuilder, &SerdeRef<String>)) -> Self {
        let is_new = Arc::new(AtomicBool::new(false));
        let reads_new = Arc::clone(&is_new);
        let read = move |bytes: &[u8]| {
            if reads_new.load(Ordering::Relaxed) && bytes.starts_with(b"old") {
                Err(SerdeError::invalid("missing field `n`"))
            } else {
                Ok(String::from_utf8_lossy(bytes).into_owned())
            }
        };
        let write = |text: &String, out: &mut Vec<u8>| {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        };
        let builder = StreamsBuilder::new();
        build(&builder, &(Arc::new(FnSerde::new(write, read)) as SerdeRef<String>));
        let mut config = StreamsConfig::new("test", "embedded:");
        config.set("processing.exception.handler", handler).unwrap();
        config.set("errors.dead.letter.queue.topic.name", QUEUE).unwrap();
        config.set("topology.optimization", "single.store.self.join").unwrap();
        let topology = builder.build_with(&config).unwrap();
        let driver = TopologyTestDriver::new(topology, config).unwrap();
        Program { is_new, driver }
    }

    fn pipe(&self, (topic, key, value, time): (&str, &str, &str, i64)) -> Result<(), Error> {
        let input = self.driver.create_input_topic::<String, String>(topic);
        input.pipe(key.to_owned(), value.to_owned(), time)
    }

    fn pipe_all<'a>(&self, records: impl IntoIterator<Item = (&'a str, &'a str, &'a str, i64)>) {
        records.into_iter().for_each(|record| self.pipe(record).unwrap());
    }

    /// Another process with the new version takes over.
    fn upgrade(&self) {
        self.driver.restart().unwrap();
        self.is_new.store(true, Ordering::Relaxed);
    }

    fn out(&self) -> Vec<String> {
        self.driver.create_output_topic::<String, String>("out").read_values().unwrap()
    }

    fn skipped(&self) -> u64 {
        assert_eq!(self.driver.dropped_records(), self.driver.dropped().of(DropReason::Processing));
        self.driver.dropped_records()
    }

    /// The header of the only letter, and the letter.
    fn letter(&self, name: &str) -> (String, RawTestRecord) {
        let mut letters = self.driver.read_raw(QUEUE).unwrap();
        assert_eq!(letters.len(), 1);
        let letter = letters.remove(0);
        let value = letter.headers.last(name).and_then(|header| header.value.clone()).unwrap_or_default();
        (String::from_utf8(value.to_vec()).unwrap(), letter)
    }
}

fn text() -> SerdeRef<String> {
    String::default_serde()
}

fn suppressed(builder: &StreamsBuilder, serde: &SerdeRef<String>) {
    let table = builder.table_with("in", Consumed::with(text(), Arc::clone(serde)), Materialized::inherit());
    let wait = Suppressed::until_time_limit(millis(10), BufferConfig::unbounded());
    table.suppress(wait.with_name("wait")).to_stream().map_values(Option::unwrap_or_default).to("out");
}

/// Before: no row was emitted from then on, and each later record counted as left out although its update was put.
#[test]
fn suppress_continues_behind_a_row_that_cannot_be_read() {
    let program = Program::new("LogAndContinue", suppressed);
    program.pipe_all([("in", "a", "old", 0), ("in", "b", "1", 1)]);
    program.upgrade();
    program.pipe_all([("in", "c", "2", 50), ("in", "d", "3", 100)]);
    assert_eq!(program.out(), ["1", "2"]);
    assert_eq!(program.skipped(), 1);
    let (offset, letter) = program.letter("__streams.errors.offset");
    assert_eq!((offset.as_str(), letter.timestamp), ("0", 0), "of the record that waited");
    assert_eq!(letter.key.as_deref(), Some(&b"a"[..]));
    program.driver.restart().unwrap();
    program.pipe_all([("in", "e", "4", 150)]);
    assert_eq!(program.skipped(), 0, "the row is gone from the changelog too");
}

#[test]
fn a_handler_that_fails_names_the_row_that_waited() {
    let program = Program::new("LogAndFail", suppressed);
    program.pipe_all([("in", "a", "old", 0)]);
    program.upgrade();
    let error = program.pipe(("in", "c", "2", 50)).unwrap_err();
    assert!(matches!(error, Error::Processing { .. }), "{error:?}");
    let said = error.to_string();
    for part in ["in-0 offset 0", "\"a\"", "store wait-store", "wait-store-changelog", "missing field"] {
        assert!(said.contains(part), "{said} lacks {part}");
    }
}

/// Before: those before it were deleted and thrown away, and those behind it waited until a restart.
#[test]
fn a_record_that_waits_for_a_table_and_cannot_be_read_costs_no_other() {
    let program = Program::new("LogAndContinue", |builder, serde| {
        let history = Stores::persistent_versioned_key_value_store("rows", hours(1));
        let rows =
            builder.table_with::<String, String>("rows", Consumed::new(), Materialized::as_store(history));
        let stream = builder.stream_with("in", Consumed::with(text(), Arc::clone(serde)));
        let waits = Joined::new().with_value_serde(Arc::clone(serde)).with_grace_period(millis(10));
        stream.join_with_key_with(&rows, |_, value: String, row: String| value + &row, waits).to("out");
    });
    program.pipe_all([
        ("rows", "k", "r", 0),
        ("in", "k", "1", 1),
        ("in", "k", "old", 2),
        ("in", "k", "3", 3),
    ]);
    program.upgrade();
    program.pipe_all([("in", "k", "4", 20), ("in", "k", "5", 40)]);
    assert_eq!(program.out(), ["1r", "3r", "4r"]);
    assert_eq!(program.skipped(), 1);
    assert_eq!(program.letter("__streams.errors.offset").0, "1");
}

fn waits(serde: &SerdeRef<String>) -> StreamJoined<String, String, String> {
    StreamJoined::with(text(), Arc::clone(serde), Arc::clone(serde))
}

/// Before: no record that waited came out, and the one that made them due was not joined.
#[test]
fn a_record_without_partner_that_cannot_be_read_costs_no_other() {
    let program = Program::new("LogAndContinue", |builder, serde| {
        let [left, right] = ["in", "other"].map(|topic| builder.stream::<String, String>(topic));
        let joiner = |left: Option<String>, right: Option<String>| {
            left.unwrap_or_default() + &right.unwrap_or_default()
        };
        let windows = JoinWindows::of_time_difference_with_no_grace(millis(10));
        left.outer_join_stream_with(&right, joiner, windows, waits(serde)).to("out");
    });
    program.pipe_all([("in", "a", "old", 0), ("in", "b", "1", 1), ("other", "c", "2", 1)]);
    program.upgrade();
    program.pipe_all([("in", "d", "3", 50), ("other", "d", "4", 50), ("in", "e", "5", 70)]);
    assert_eq!(program.out(), ["2", "1", "34"]);
    assert_eq!(program.skipped(), 1);
}

/// Before: the record was not joined with its other partners.
#[test]
fn a_partner_that_cannot_be_read_costs_no_other() {
    for with_itself in [false, true] {
        let program = Program::new("LogAndContinue", |builder, serde| {
            let left = builder.stream_with("in", Consumed::with(text(), Arc::clone(serde)));
            let right = if with_itself { left.clone() } else { builder.stream::<String, String>("other") };
            let windows = JoinWindows::of_time_difference_with_no_grace(millis(10));
            left.join_stream_with(&right, |left, right| left + &right, windows, waits(serde)).to("out");
        });
        program.pipe_all([("in", "k", "old", 0), ("in", "k", "1", 1)]);
        program.out();
        program.upgrade();
        let topic = if with_itself { "in" } else { "other" };
        program.pipe_all([(topic, "k", "2", 2)]);
        let expected: &[&str] = if with_itself { &["12", "21", "22"] } else { &["12"] };
        let mut out = program.out();
        out.sort_unstable();
        assert_eq!(out, expected);
        assert_eq!(program.skipped(), 1);
    }
}

/// Before: no window and no session was emitted again.
#[test]
fn a_closed_window_that_cannot_be_read_costs_no_other() {
    type Build =
        fn(KGroupedStream<String, String>, Materialized<String, String>) -> KTable<Windowed<String>, String>;
    let windows: Build = |grouped, rows| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        let windowed = grouped.windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.aggregate_with(String::new, |_, value, sum| sum + &value, rows)
    };
    let sessions: Build = |grouped, rows| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(millis(10));
        let windowed = grouped.windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose);
        windowed.aggregate_with(String::new, |_, value, sum| sum + &value, |_, one, other| one + &other, rows)
    };
    for build in [windows, sessions] {
        let program = Program::new("LogAndContinue", |builder, serde| {
            let grouped = builder.stream::<String, String>("in").group_by_key();
            let rows = Materialized::with(text(), Arc::clone(serde));
            build(grouped, rows).to_stream().map(|key, value| (key.key, value.unwrap_or_default())).to("out");
        });
        program.pipe_all([("in", "a", "1", 0), ("in", "b", "old", 0), ("in", "c", "3", 0)]);
        program.upgrade();
        program.pipe_all([("in", "d", "4", 50), ("in", "e", "5", 100)]);
        assert_eq!(program.out(), ["1", "3", "4"]);
        assert_eq!(program.skipped(), 1);
    }
}

/// Before: subscribers behind it were not notified.
#[test]
fn a_subscriber_that_cannot_be_read_costs_no_other() {
    let program = Program::new("LogAndContinue", |builder, serde| {
        let rows =
            builder.table_with("in", Consumed::with(Arc::clone(serde), text()), Materialized::inherit());
        let others = builder.table::<String, String>("other");
        let joined = rows.join_foreign_key(&others, |row: &String| Some(row.clone()), |_, other| other);
        joined.to_stream().map_values(Option::unwrap_or_default).to("out");
    });
    program.pipe_all([("in", "new1", "f", 0), ("in", "old", "f", 1), ("in", "z", "f", 2)]);
    program.upgrade();
    program.pipe_all([("other", "f", "1", 3), ("other", "f", "2", 4)]);
    assert_eq!(program.out(), ["1", "1", "2", "2"]);
    assert_eq!(program.skipped(), 1);
}
