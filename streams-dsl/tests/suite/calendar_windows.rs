//! Aggregations over windows that the calendar makes, and over such as users define, right and wrong ones.

use std::sync::Arc;

use chrono::TimeZone;
use chrono_tz::Tz;
use streams_core::testing::CommitPolicy;
use streams_dsl::prelude::*;
use streams_dsl::windows::WindowsSerde;

const BERLIN: Tz = Tz::Europe__Berlin;
const HOUR_MS: i64 = 3_600_000;

/// A time that clocks of Berlin show.
fn at(month: u32, day: u32, hour: u32, minute: u32) -> Timestamp {
    BERLIN.with_ymd_and_hms(2024, month, day, hour, minute, 0).earliest().unwrap().timestamp_millis()
}

fn days() -> CalendarWindows<Tz> {
    CalendarWindows::days(BERLIN)
}

fn window(month: u32, day: u32, next: (u32, u32)) -> Window {
    Window::new(at(month, day, 0, 0), at(next.0, next.1, 0, 0))
}

/// The driver of a program that reads `in`, with a record cache or without one.
fn driver(program: impl Fn(KGroupedStream<String, i64>), cache_bytes: usize) -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    program(builder.stream::<String, i64>("in").group_by_key());
    let config = StreamsConfig::new("test", "embedded:").with_statestore_cache_max_bytes(cache_bytes);
    let driver = TopologyTestDriver::builder(builder.build().unwrap(), config);
    driver.with_commit_policy(CommitPolicy::EveryRecord).build().unwrap()
}

fn pipe(driver: &TopologyTestDriver, times: &[Timestamp]) {
    let input = driver.create_input_topic::<String, i64>("in");
    for time in times {
        input.pipe("k".to_owned(), 1, *time).unwrap();
    }
}

/// What has come out for which windows.
fn results(driver: &TopologyTestDriver) -> Vec<(Window, i64)> {
    let keys: SerdeRef<Windowed<String>> = Arc::new(WindowsSerde::new(String::default_serde(), days()));
    let out = driver.create_output_topic_with("out", keys, i64::default_serde());
    out.read_key_values().unwrap().into_iter().map(|(key, count)| (key.window, count)).collect()
}

fn count(
    grouped: &KGroupedStream<String, i64>,
    windows: CalendarWindows<Tz>,
) -> KTable<Windowed<String>, i64> {
    grouped.windowed_by(windows).count_with(Materialized::named("counts"))
}

#[test]
fn days_are_counted_over_both_changes_of_the_clocks() {
    for cache_bytes in [0, 1 << 20] {
        let driver = driver(|grouped| count(&grouped, days()).to_stream().to("out"), cache_bytes);
        let spring =
            [at(3, 30, 12, 0), at(3, 31, 0, 0), at(3, 31, 1, 59), at(3, 31, 3, 0), at(3, 31, 23, 59)];
        let autumn = [at(10, 26, 23, 59), at(10, 27, 2, 30), at(10, 27, 2, 30) + HOUR_MS, at(10, 27, 23, 59)];
        pipe(&driver, &spring);
        pipe(&driver, &autumn);
        pipe(&driver, &[at(10, 28, 0, 0)]);
        let (short, long) = (window(3, 31, (4, 1)), window(10, 27, (10, 28)));
        assert_eq!(
            (short.end_ms - short.start_ms, long.end_ms - long.start_ms),
            (23 * HOUR_MS, 25 * HOUR_MS)
        );
        let expected = [
            (window(3, 30, (3, 31)), 1),
            (short, 1),
            (short, 2),
            (short, 3),
            (short, 4),
            (window(10, 26, (10, 27)), 1),
            (long, 1),
            (long, 2),
            (long, 3),
            (window(10, 28, (10, 29)), 1),
        ];
        assert_eq!(results(&driver), expected, "with a cache of {cache_bytes} bytes");
        let store: TimestampedWindowStore<String, i64> = driver.state_store("counts").unwrap();
        assert_eq!(store.fetch(&"k".to_owned(), long.start_ms).unwrap().map(|row| row.value), Some(3));
    }
}

#[test]
fn a_day_takes_late_records_for_its_grace_period() {
    let windows = days().with_grace(hours(1));
    let driver = driver(|grouped| count(&grouped, windows.clone()).to_stream().to("out"), 0);
    // The last hour of a long day, and the hour after it.
    pipe(
        &driver,
        &[at(10, 27, 0, 0), at(10, 28, 0, 59), at(10, 27, 0, 0), at(10, 28, 1, 0), at(10, 27, 0, 0)],
    );
    let (long, next) = (window(10, 27, (10, 28)), window(10, 28, (10, 29)));
    assert_eq!(results(&driver), [(long, 1), (next, 1), (long, 2), (next, 2)]);
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn stores_keep_a_day_for_as_long_as_it_takes_records() {
    let refused = |retention| {
        let builder = StreamsBuilder::new();
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        let materialized = Materialized::named("counts").with_retention(retention);
        grouped.windowed_by(days().with_grace(hours(2))).count_with(materialized);
        builder.build().err().map(|error| error.to_string())
    };
    let needed = hours(24 + 7 + 2);
    assert_eq!(refused(needed), None);
    let error = refused(needed - millis(1)).unwrap();
    assert!(error.contains(&format!("they take records for {} ms", needed.as_millis())), "{error}");
}

/// When the day of 25 hours has its final result: not after 24 hours.
fn final_results(program: impl Fn(KGroupedStream<String, i64>)) {
    let driver = driver(program, 0);
    let long = window(10, 27, (10, 28));
    let mut seen = Vec::new();
    for time in [at(10, 27, 12, 0), at(10, 27, 23, 30), at(10, 28, 0, 0)] {
        // What waits comes back from its changelog, where windows are their starts.
        driver.restart().unwrap();
        driver.advance_wall_clock_time(seconds(1)).unwrap();
        pipe(&driver, &[time]);
        seen.push(results(&driver));
    }
    assert_eq!(seen, [vec![], vec![], vec![(long, 2)]]);
}

#[test]
fn a_long_day_is_suppressed_until_it_closes() {
    final_results(|grouped| {
        let last = Suppressed::until_window_closes(BufferConfig::unbounded());
        count(&grouped, days()).suppress(last).to_stream().to("out");
    });
}

#[test]
fn a_long_day_is_emitted_when_it_closes() {
    final_results(|grouped| {
        let counts = grouped.windowed_by(days()).emit_strategy(EmitStrategy::OnWindowClose).count();
        counts.to_stream().to("out");
    });
}

#[test]
fn days_that_close_are_each_emitted_once() {
    let driver = driver(
        |grouped| {
            grouped
                .windowed_by(days())
                .emit_strategy(EmitStrategy::OnWindowClose)
                .count()
                .to_stream()
                .to("out");
        },
        0,
    );
    for day in 25..=31 {
        pipe(&driver, &[at(10, day, 12, 0)]);
        driver.advance_wall_clock_time(seconds(1)).unwrap();
    }
    let expected: Vec<_> = (25..=30).map(|day| (window(10, day, (10, day + 1)), 1)).collect();
    assert_eq!(results(&driver), expected);
}

#[test]
fn cogrouped_streams_have_days_too() {
    let driver = driver(
        |grouped| {
            let sums = grouped.cogroup(|_, value, sum: i64| sum + value).windowed_by(days()).aggregate(|| 0);
            sums.to_stream().to("out");
        },
        0,
    );
    pipe(&driver, &[at(10, 27, 0, 0), at(10, 27, 23, 59), at(10, 28, 0, 0)]);
    let (long, next) = (window(10, 27, (10, 28)), window(10, 28, (10, 29)));
    assert_eq!(results(&driver), [(long, 1), (long, 2), (next, 1)]);
}

/// Windows by a list, whatever the timestamp.
#[derive(Clone)]
struct Listed {
    windows: fn(Timestamp) -> Vec<Window>,
    size_ms: i64,
}

impl Windows for Listed {
    fn windows_for(&self, timestamp: Timestamp) -> impl Iterator<Item = Window> {
        (self.windows)(timestamp).into_iter()
    }

    fn size_ms(&self) -> i64 {
        self.size_ms
    }

    fn grace_ms(&self) -> i64 {
        0
    }
}

#[test]
fn windows_that_break_the_rules_are_refused_by_build() {
    let refused = |windows: fn(Timestamp) -> Vec<Window>, size_ms| {
        let builder = StreamsBuilder::new();
        let grouped = builder.stream::<String, i64>("in").group_by_key();
        grouped.windowed_by(Listed { windows, size_ms }).count();
        builder.build().err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(|t| vec![Window::of_size(t - t % 10, 10)], 10), "");
    assert_eq!(refused(|_| vec![], 10), "");
    let rule = "windows must hold the timestamp";
    assert!(refused(|t| vec![Window::of_size(t + 1, 10)], 10).contains(rule));
    assert!(refused(|t| vec![Window::of_size(t - t % 10, 10)], 9).contains(rule));
    assert!(refused(|t| vec![Window::of_size(t, 5), Window::of_size(t, 10)], 10).contains(rule));
    assert!(refused(|t| vec![Window::new(t - t % 10 - 1, t + 1)], 20).contains(rule));
    assert!(refused(|t| vec![Window::new(t - t % 10, t + 1)], 10).contains("but not for its start"));
    assert!(refused(|t| vec![Window::of_size(t, 1)], -1).contains("be at most -1 ms"));
}

#[test]
fn a_record_whose_windows_break_the_rules_is_the_handlers() {
    /// Right, but for one timestamp.
    fn windows(timestamp: Timestamp) -> Vec<Window> {
        let size_ms = if timestamp == 25 { 4 } else { 10 };
        vec![Window::of_size(timestamp - timestamp % 10, size_ms)]
    }
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, i64>("in").group_by_key();
    let counts = grouped.windowed_by(Listed { windows, size_ms: 10 }).count();
    counts.to_stream().map(|window, count| (window.to_string(), count)).to("out");
    let config =
        StreamsConfig::new("test", "embedded:").with("processing.exception.handler", "LogAndContinue");
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config.unwrap()).unwrap();
    pipe(&driver, &[21, 25, 29]);
    let counts = driver.create_output_topic::<String, i64>("out").read_key_values().unwrap();
    assert_eq!(counts, [("[k@20/30]".to_owned(), 1), ("[k@20/30]".to_owned(), 2)]);
    assert_eq!(driver.dropped_records(), 1);
}
