//! Times at the end of time never overflow and are searched in finite time; a record from far in the future costs those
//! after it their windows, and nothing else.

use std::time::Duration;

use streams_core::store::StoreSupplier;
use streams_core::testing::CommitPolicy;
use streams_dsl::prelude::*;

type Program = fn(&StreamsBuilder);

fn grouped(builder: &StreamsBuilder) -> KGroupedStream<String, i64> {
    builder.stream::<String, i64>("in").group_by_key()
}

fn joined(builder: &StreamsBuilder, windows: JoinWindows) {
    let (left, right) = (builder.stream::<String, i64>("in"), builder.stream::<String, i64>("right"));
    let pair = |left: Option<i64>, right: Option<i64>| format!("{left:?} {right:?}");
    left.outer_join_stream(&right, pair, windows).for_each(|_, _| ());
}

/// Asks for a call each 10 ms of stream time, and each of the wall clock.
struct Punctual;

impl Punctual {
    fn of(task: &mut InitContext<'_>) -> ProcessorResult<Self> {
        task.schedule(millis(10), PunctuationType::StreamTime)?;
        task.schedule_at(3, millis(10), PunctuationType::StreamTime)?;
        task.schedule(millis(i64::MAX.unsigned_abs()), PunctuationType::WallClockTime)?;
        Ok(Punctual)
    }
}

impl Processor<String, i64, String, i64> for Punctual {
    fn process(
        &mut self,
        record: Record<String, i64>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(record)
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        time: Timestamp,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(Record::new("punctuated".to_owned(), 0, time))
    }
}

const PROGRAMS: &[(&str, Program)] = &[
    ("tumbling", |b| {
        let windows = TimeWindows::of_size_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).count().to_stream().for_each(|_, _| ());
    }),
    ("hopping", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10)).advance_by(millis(3));
        grouped(b).windowed_by(windows).count().to_stream().for_each(|_, _| ());
    }),
    ("emitted when closed", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count();
    }),
    ("sliding", |b| {
        let windows = SlidingWindows::of_time_difference_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).count().to_stream().for_each(|_, _| ());
    }),
    ("sliding, emitted when closed", |b| {
        let windows = SlidingWindows::of_time_difference_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count();
    }),
    ("session", |b| {
        let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).count().to_stream().for_each(|_, _| ());
    }),
    ("session, emitted when closed", |b| {
        let windows = SessionWindows::of_inactivity_gap_and_grace(millis(10), millis(5));
        grouped(b).windowed_by(windows).emit_strategy(EmitStrategy::OnWindowClose).count();
    }),
    ("unlimited", |b| {
        grouped(b).windowed_by(UnlimitedWindows::of()).count().to_stream().for_each(|_, _| ());
    }),
    ("join", |b| joined(b, JoinWindows::of_time_difference_and_grace(millis(10), millis(5)))),
    ("join of later records", |b| {
        joined(
            b,
            JoinWindows::of_time_difference_with_no_grace(millis(0))
                .after(millis(10))
                .starts_after(millis(5)),
        );
    }),
    ("join with itself", |b| {
        let stream = b.stream::<String, i64>("in");
        let windows = JoinWindows::of_time_difference_with_no_grace(millis(0));
        stream.join_stream(&stream, |a, b| a + b, windows).for_each(|_, _| ());
    }),
    ("suppress until closed", |b| {
        let windows = TimeWindows::of_size_with_no_grace(millis(10));
        let counts = grouped(b).windowed_by(windows).count();
        counts
            .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
            .to_stream()
            .for_each(|_, _| ());
    }),
    ("suppress for a while", |b| {
        let wait = Suppressed::until_time_limit(millis(10), BufferConfig::unbounded());
        b.table::<String, i64>("in").suppress(wait).to_stream().for_each(|_, _| ());
    }),
    ("versioned table", |b| {
        let rows: StoreSupplier =
            Stores::persistent_versioned_key_value_store("rows", Duration::from_secs(60)).into();
        let table = b.table_with::<String, i64>("right", Consumed::new(), Materialized::as_store(rows));
        b.stream::<String, i64>("in").join(&table, |a, b| a + b).for_each(|_, _| ());
    }),
    ("punctuations", |b| {
        b.stream::<String, i64>("in").process(Punctual::of, &[]).for_each(|_, _| ());
    }),
];

/// Showed before: sliding windows, joins, self-joins and punctuations panicked (attempt to add with overflow); sliding and
/// session windows behind a cache looked through each of 10^14 segments for the record at 5.
#[test]
fn nothing_overflows_or_goes_on_for_ever() {
    for commit in [CommitPolicy::EveryRecord, CommitPolicy::OnDemand] {
        for far in [i64::MAX, i64::MAX - 1, 1_700_000_000_000_000] {
            for (what, program) in PROGRAMS {
                let builder = StreamsBuilder::new();
                program(&builder);
                let config =
                    StreamsConfig::new("test", "embedded:").with("topology.optimization", "all").unwrap();
                let topology = builder.build_with(&config).unwrap();
                let driver = TopologyTestDriver::builder(topology, config).with_commit_policy(commit);
                let driver = driver.build().unwrap_or_else(|error| panic!("{what}: {error}"));
                let input = driver.create_input_topic::<String, i64>("in");
                let right = driver.create_input_topic::<String, i64>("right");
                for time in [3, far, 5, far, far - 20, 7] {
                    let piped = input.pipe("a".to_owned(), 1, time);
                    piped.unwrap_or_else(|error| panic!("{what} at {time}: {error}"));
                    // Not all have one.
                    let _ = right.pipe("a".to_owned(), 2, time);
                }
                driver.advance_wall_clock_time(seconds(1)).unwrap();
                driver.commit().unwrap_or_else(|error| panic!("{what}: {error}"));
            }
        }
    }
}
