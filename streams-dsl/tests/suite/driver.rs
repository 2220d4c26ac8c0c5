//! The test driver refuses clocks and topics that make no sense, and works up to their limits.

use streams_core::testing::DriverBuilder;
use streams_dsl::prelude::*;

/// The end of the year 9999.
const LAST_MS: i64 = 253_402_300_799_999;

struct Tick;

impl Processor<String, String, String, i64> for Tick {
    fn process(
        &mut self,
        _: Record<String, String>,
        _: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        Ok(())
    }

    fn punctuate(
        &mut self,
        _: Punctuation,
        time: Timestamp,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(Record::new("tick".to_owned(), time, time))
    }
}

fn builder() -> DriverBuilder {
    let builder = StreamsBuilder::new();
    let tick = |task: &mut InitContext<'_>| {
        task.schedule(seconds(1), PunctuationType::WallClockTime)?;
        Ok(Tick)
    };
    builder.stream::<String, String>("in").process(tick, &[]).to("out");
    TopologyTestDriver::builder(builder.build().unwrap(), StreamsConfig::new("test", "embedded:"))
}

fn refusal(builder: DriverBuilder) -> String {
    builder.build().map(drop).unwrap_err().to_string()
}

/// Showed before: a panic on overflow in the engine, or a driver whose topics had no partitions.
#[test]
fn what_makes_no_sense_is_refused() {
    for start in [-5, i64::MIN, LAST_MS + 1, i64::MAX] {
        let said = refusal(builder().with_start_time(start));
        assert!(said.contains(&format!("cannot show {start};")) && said.contains("year 9999"), "{said}");
    }
    for count in [0, -1, i32::MIN] {
        let said = refusal(builder().with_partitions(count));
        assert!(said.starts_with(&format!("a topic cannot have {count} partitions")), "{said}");
        let said = refusal(builder().with_topic_partitions("in", count));
        assert!(said.starts_with(&format!("topic in cannot have {count} partitions")), "{said}");
    }
}

#[test]
fn the_clock_goes_to_its_end() {
    let driver = builder().with_start_time(LAST_MS - 1_500).build().unwrap();
    driver.advance_wall_clock_time(seconds(1)).unwrap();
    for by in [millis(501), std::time::Duration::MAX] {
        let said = driver.advance_wall_clock_time(by).unwrap_err().to_string();
        assert!(said.contains("year 9999"), "{said}");
    }
    assert_eq!(driver.now_ms(), LAST_MS - 500, "what is refused moves nothing");
    driver.advance_wall_clock_time(millis(500)).unwrap();
    driver.create_input_topic::<String, String>("in").pipe("k".into(), "v".into(), i64::MAX).unwrap();
    driver.restart().unwrap();
    let out = driver.create_output_topic::<String, i64>("out");
    assert_eq!(out.read_values().unwrap(), [LAST_MS - 500]);
}

/// Showed before: a test that hung for minutes.
#[test]
fn results_that_come_back_for_ever_are_an_error_that_names_them() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("in");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    let said =
        driver.create_input_topic("in").pipe("k".to_owned(), "v".to_owned(), 0).unwrap_err().to_string();
    assert!(said.contains("the results of KSTREAM-SINK-0000000001 in in come back as input"), "{said}");
}

/// The only metric of that name, in that group.
fn metric(driver: &TopologyTestDriver, group: &str, name: &str) -> f64 {
    let metrics = driver.metrics();
    let mut found = metrics.iter().filter(|metric| metric.group == group && metric.name == name);
    let one = found.next().and_then(|metric| metric.number());
    assert!(found.next().is_none(), "{name} is there more than once");
    one.unwrap_or_else(|| panic!("there is no {name}"))
}

/// Showed before: `restore-total` was 0 whatever was restored.
#[test]
fn what_a_task_restored_is_in_its_metrics() {
    let builder = StreamsBuilder::new();
    builder.stream::<String, i64>("in").group_by_key().count();
    let config = StreamsConfig::new("app", "embedded:").with("metrics.recording.level", "DEBUG").unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap(), config).unwrap();
    let input = driver.create_input_topic::<String, i64>("in");
    for key in ["a", "b", "c"] {
        input.pipe(key.to_owned(), 1, 0).unwrap();
    }
    assert_eq!(metric(&driver, "stream-task-metrics", "restore-total"), 0.0);
    driver.restart().unwrap();
    driver.advance_wall_clock_time(std::time::Duration::ZERO).unwrap();
    assert_eq!(metric(&driver, "stream-task-metrics", "restore-total"), 3.0);
    assert!(metric(&driver, "stream-task-metrics", "restore-rate") > 0.0);
}

/// Showed before: NaN, as the global thread never handed its measurements over.
#[test]
fn the_age_of_records_of_a_global_table_is_measured() {
    let builder = StreamsBuilder::new();
    builder.global_table::<String, i64>("in");
    let driver = TopologyTestDriver::of(builder.build().unwrap()).unwrap();
    driver.create_input_topic::<String, i64>("in").pipe("a".to_owned(), 1, 0).unwrap();
    assert!(!metric(&driver, "stream-processor-node-metrics", "record-e2e-latency-avg").is_nan());
}
