//! What the recorded cases do not show of windows and suppression: restarts, a full buffer, and mistakes.

use streams_core::testing::CommitPolicy;
use streams_dsl::prelude::*;

/// Builds a program that reads `in` and writes `out`.
type Program = fn(&StreamsBuilder);

/// In the order of time, as operators forget the time that they have seen when they are restarted.
const INPUT: &[(&str, Option<&str>, i64)] = &[
    ("a", Some("1"), 0),
    ("b", Some("2"), 3),
    ("a", Some("3"), 9),
    ("c", None, 9),
    ("a", Some("4"), 12),
    ("b", None, 16),
    ("a", Some("5"), 19),
    ("c", Some("6"), 25),
    ("a", None, 31),
    ("a", Some("7"), 31),
    ("b", Some("8"), 40),
    ("d", Some("9"), 62),
    ("d", Some("10"), 90),
];

fn run(program: Program, commit: CommitPolicy, restart_before: Option<usize>) -> Vec<(String, String, i64)> {
    let builder = StreamsBuilder::new();
    program(&builder);
    let config = StreamsConfig::new("test", "embedded:").with_statestore_cache_max_bytes(0);
    let driver = TopologyTestDriver::builder(builder.build().unwrap(), config);
    let driver = driver.with_commit_policy(commit).build().unwrap();
    let input = driver.create_input_topic::<String, Option<String>>("in");
    for (at, (key, value, timestamp)) in INPUT.iter().enumerate() {
        if restart_before == Some(at) {
            driver.restart().unwrap();
        }
        input.pipe((*key).to_owned(), value.map(str::to_owned), *timestamp).unwrap();
    }
    driver.commit().unwrap();
    let records = driver.create_output_topic::<String, String>("out").read_records().unwrap();
    records.into_iter().map(|record| (record.key, record.value, record.timestamp)).collect()
}

fn shown<K, V>(table: &KTable<K, V>)
where
    K: Clone + std::fmt::Debug + 'static,
    V: Clone + std::fmt::Debug + 'static,
{
    table.to_stream().map(|key, value| (format!("{key:?}"), format!("{value:?}"))).to("out");
}

fn grouped(b: &StreamsBuilder) -> KGroupedStream<String, Option<String>> {
    b.stream::<String, Option<String>>("in").group_by_key()
}

fn limit<K>() -> Suppressed<K> {
    Suppressed::until_time_limit(millis(10), BufferConfig::unbounded())
}

fn final_only<K>() -> Suppressed<Windowed<K>> {
    Suppressed::until_window_closes(BufferConfig::unbounded())
}

const PROGRAMS: &[(&str, Program)] = &[
    ("suppressed rows", |b| shown(&b.table::<String, String>("in").suppress(limit()))),
    ("few suppressed rows", |b| {
        let few = Suppressed::until_time_limit(millis(30), BufferConfig::max_records(2));
        shown(&b.table::<String, String>("in").suppress(few));
    }),
    ("suppressed windows", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        shown(&grouped(b).windowed_by(windows).count().suppress(final_only()));
    }),
    ("suppressed sessions", |b| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(millis(5));
        shown(&grouped(b).windowed_by(windows).count().suppress(final_only()));
    }),
    ("tumbling on close", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        shown(&grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count());
    }),
    ("hopping on close", |b| {
        let windows = TimeWindows::of_size_and_grace(millis(10), millis(20)).advance_by(millis(5));
        shown(&grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count());
    }),
    ("sliding on close", |b| {
        let windows = SlidingWindows::of_time_difference_with_no_grace(millis(10));
        shown(&grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count());
    }),
    ("sessions on close", |b| {
        let windows = SessionWindows::of_inactivity_gap_with_no_grace(millis(5));
        shown(&grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count());
    }),
];

#[test]
fn a_restart_at_any_point_changes_no_result() {
    for (name, program) in PROGRAMS {
        let expected = run(*program, CommitPolicy::EveryRecord, None);
        assert!(expected.len() > 3, "{name} writes hardly anything: {expected:?}");
        for at in 0..INPUT.len() {
            assert_eq!(run(*program, CommitPolicy::EveryRecord, Some(at)), expected, "{name}, before {at}");
        }
    }
}

#[test]
fn what_was_not_committed_is_done_again() {
    for (name, program) in PROGRAMS {
        let expected = run(*program, CommitPolicy::EveryRecord, None);
        for at in [0, 5, 9, 12] {
            assert_eq!(run(*program, CommitPolicy::OnDemand, Some(at)), expected, "{name}, before {at}");
        }
    }
}

fn strict(handler: &str) -> (TopologyTestDriver, streams_core::error::Result<()>) {
    let builder = StreamsBuilder::new();
    let two = BufferConfig::max_records(2).shut_down_when_full();
    shown(&builder.table::<String, String>("in").suppress(Suppressed::until_time_limit(millis(10), two)));
    let config =
        StreamsConfig::new("test", "embedded:").with("processing.exception.handler", handler).unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
    let input = driver.create_input_topic::<String, String>("in");
    let pipe = |key: &str| input.pipe(key.to_owned(), "x".to_owned(), 0);
    let outcome = pipe("a").and_then(|()| pipe("b")).and_then(|()| pipe("c"));
    (driver, outcome)
}

/// Showed before with a handler that continues: the bound was exceeded, and the update counted as left out was emitted later,
/// as in Kafka Streams (decision 0020).
#[test]
fn a_full_strict_buffer_stops_the_application_whatever_the_handler_says() {
    for handler in ["LogAndFail", "LogAndContinue"] {
        let (driver, outcome) = strict(handler);
        let text = outcome.unwrap_err().to_string();
        let expected =
            "KTABLE-SUPPRESS-0000000003 buffer exceeded its max capacity. Currently [3/2] records and [96/";
        for part in [expected, "task 0_0", "in-0 offset 2"] {
            assert!(text.contains(part), "{handler}: {text} lacks {part}");
        }
        assert_eq!(driver.dropped_records(), 0, "{handler}");
    }
}

fn mistake(program: Program) -> String {
    let builder = StreamsBuilder::new();
    program(&builder);
    builder.build().unwrap_err().to_string()
}

#[test]
fn mistakes_are_told() {
    let unwindowed = mistake(|b| {
        let rows = b.table::<Windowed<String>, String>("in").filter(|_, _| true);
        rows.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
    });
    let chain = "Window close time is only defined for windowed computations. Got \
                 [root->KTABLE-SOURCE-0000000002->KTABLE-FILTER-0000000003]";
    assert!(unwindowed.contains(chain), "{unwindowed}");
    let endless = mistake(|b| {
        let windows = grouped(b).windowed_by(UnlimitedWindows::of());
        windows.emit_strategy(EmitStrategy::OnWindowClose).count();
    });
    assert!(
        endless.starts_with(
            "operator KSTREAM-SOURCE-0000000000: ON_WINDOW_CLOSE emit strategy cannot be used for UnlimitedWindows, "
        ),
        "{endless}"
    );
    let short = mistake(|b| {
        let windows = SlidingWindows::of_time_difference_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).count_with(Materialized::named("counts").with_retention(millis(24)));
    });
    assert!(
        short.contains("store counts keeps windows for 24 ms, but they take records for 25 ms"),
        "{short}"
    );
    let name = mistake(|b| {
        b.table::<String, String>("in").suppress(limit().with_name("no name"));
    });
    assert!(name.contains("the name 'no name' is illegal"), "{name}");
}

/// A reader finds the last forwarded value, not what still waits.
#[test]
fn a_row_that_waits_is_looked_up_as_it_was() {
    let builder = StreamsBuilder::new();
    let rows = builder.table::<String, String>("rows").suppress(limit());
    let texts = builder.stream::<String, String>("in");
    texts.left_join(&rows, |text, row| format!("{text}+{row:?}")).to("out");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let (texts, rows) = (driver.create_input_topic("in"), driver.create_input_topic("rows"));
    let pipe = |topic: &streams_core::testing::TestInputTopic<String, String>, value: &str, at: i64| {
        topic.pipe("k".to_owned(), value.to_owned(), at).unwrap();
    };
    pipe(&rows, "one", 0);
    pipe(&texts, "first", 0);
    pipe(&rows, "two", 10);
    pipe(&rows, "three", 11);
    driver.restart().unwrap();
    pipe(&texts, "second", 11);
    let joined = driver.create_output_topic::<String, String>("out").read_values().unwrap();
    assert_eq!(joined, ["first+None", "second+Some(\"two\")"]);
}

/// Where Java's tasks fail to start (docs/GLOSSARY.md).
#[test]
fn tables_of_windows_that_a_cogroup_made_are_joined() {
    let results = run(
        |b| {
            let windows = TimeWindows::of_size_and_grace(millis(50), millis(100));
            let counts =
                grouped(b).cogroup(|_, _, count: i64| count + 1).windowed_by(windows).aggregate(|| 0);
            shown(&counts.join(&counts.map_values(|count| -count), |count, negative| (count, negative)));
        },
        CommitPolicy::EveryRecord,
        None,
    );
    let last = results.iter().rfind(|(key, _, _)| key.contains("\"a\"")).map(|(_, value, _)| value.clone());
    // The null counts: windows take it.
    assert_eq!(last.as_deref(), Some("Some((6, -6))"), "{results:?}");
}

/// A session that ends exactly gap and grace before stream time is emitted, and still takes a record: Kafka Streams compares
/// so, too (decision 0020). One millisecond later it does not.
#[test]
fn a_session_at_its_close_time_can_have_a_second_final_result() {
    for (stream_time, expected) in [(100, vec![1, 2]), (101, vec![1])] {
        let builder = StreamsBuilder::new();
        let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        let counts = builder.stream::<String, String>("in").group_by_key().windowed_by(windows).count();
        let last = counts.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
        last.to_stream().map(|key, count| (key.key, count.unwrap_or(0))).to("out");
        let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
        let input = driver.create_input_topic::<String, String>("in");
        for (key, time) in [("a", 85), ("b", stream_time), ("a", 85)] {
            input.pipe(key.to_owned(), "x".to_owned(), time).unwrap();
        }
        let out = driver.create_output_topic::<String, i64>("out").read_values().unwrap();
        assert_eq!(out, expected, "stream time {stream_time}");
        assert_eq!(driver.dropped_records(), u64::from(expected.len() == 1));
    }
}
