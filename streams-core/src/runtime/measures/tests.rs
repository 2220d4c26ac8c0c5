//! The metrics of a topology on the test driver, where every number is known.

use crate::config::StreamsConfig;
use crate::metrics::Metric;
use crate::processor::{
    Processor, ProcessorContext, ProcessorResult, SinkOptions, SourceOptions, TopicTarget,
};
use crate::record::Record;
use crate::serde::DefaultSerde;
use crate::testing::TopologyTestDriver;
use crate::topology::Topology;

struct Pass;

impl Processor<String, i64, String, i64> for Pass {
    fn process(
        &mut self,
        record: Record<String, i64>,
        context: &mut ProcessorContext<'_, String, i64>,
    ) -> ProcessorResult {
        context.forward(record)
    }
}

fn driver(level: &str) -> TopologyTestDriver {
    let mut topology = Topology::new();
    let (key_serde, value_serde) = (String::default_serde(), i64::default_serde());
    let source = SourceOptions { key_serde, value_serde, extractor: None };
    topology.add_source("source", &["in"], None, source).unwrap();
    topology.add_processor("pass", |_| Ok(Pass), &["source"]).unwrap();
    let (key_serde, value_serde) = (String::default_serde(), i64::default_serde());
    let target = TopicTarget::Topic("out".into());
    let sink = SinkOptions { target, key_serde, value_serde, partitioner: None };
    topology.add_sink("sink", sink, &["pass"]).unwrap();
    let config = StreamsConfig::new("app", "embedded:").with("metrics.recording.level", level).unwrap();
    let builder = TopologyTestDriver::builder(topology, config);
    builder.with_start_time(1_000).build().unwrap()
}

/// The numbers of the metrics called so, each with its tags.
fn numbers(metrics: &[Metric], name: &str) -> Vec<(String, f64)> {
    let tags = |metric: &Metric| {
        let tags = metric.tags.iter().filter(|(name, _)| *name != "thread-id");
        tags.map(|(_, value)| value.clone()).collect::<Vec<_>>().join(" ")
    };
    let called = metrics.iter().filter(|metric| metric.name == name);
    called.map(|metric| (tags(metric), metric.number().unwrap())).collect()
}

fn one(metrics: &[Metric], name: &str) -> f64 {
    let found = numbers(metrics, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found[0].1
}

#[test]
fn a_record_is_counted_where_it_was_and_its_age_measured() {
    let driver = driver("DEBUG");
    let input = driver.create_input_topic::<String, i64>("in");
    for (number, timestamp) in [(1, 400), (2, 800)] {
        input.pipe("key".to_owned(), number, timestamp).unwrap();
    }
    let metrics = driver.metrics();
    // Key, value and topic, and 20 bytes of what else a record has.
    let bytes = |topic: &str| (2 * (3 + 8 + topic.len() + 20)) as f64;
    assert_eq!(numbers(&metrics, "records-consumed-total"), [("0_0 source in".to_owned(), 2.0)]);
    assert_eq!(numbers(&metrics, "bytes-consumed-total"), [("0_0 source in".to_owned(), bytes("in"))]);
    assert_eq!(numbers(&metrics, "records-produced-total"), [("0_0 sink out".to_owned(), 2.0)]);
    assert_eq!(numbers(&metrics, "bytes-produced-total"), [("0_0 sink out".to_owned(), bytes("out"))]);
    for (name, age) in [("avg", 400.0), ("min", 200.0), ("max", 600.0)] {
        let found = numbers(&metrics, &format!("record-e2e-latency-{name}"));
        assert_eq!(found.iter().map(|(_, age)| *age).collect::<Vec<_>>(), [age, age], "at source and sink");
    }
    let totals = metrics.iter().filter(|metric| metric.name == "process-total");
    let mut groups: Vec<_> = totals.map(|metric| (&*metric.group, metric.number())).collect();
    groups.sort_by_key(|(group, _)| *group);
    assert_eq!(
        groups,
        [
            ("stream-processor-node-metrics", Some(2.0)),
            ("stream-task-metrics", Some(2.0)),
            ("stream-thread-metrics", Some(2.0))
        ]
    );
    assert_eq!(one(&metrics, "task-created-total"), 1.0);
    assert!(one(&metrics, "commit-total") >= 1.0);
}

#[test]
fn records_left_out_are_in_the_metrics_of_their_task() {
    let driver = driver("INFO");
    let input = driver.create_input_topic::<Option<String>, Option<i64>>("in");
    input.pipe(None, Some(1), 400).unwrap();
    input.pipe(Some("key".to_owned()), None, 400).unwrap();
    input.pipe(Some("key".to_owned()), Some(1), 400).unwrap();
    let metrics = driver.metrics();
    assert_eq!(numbers(&metrics, "dropped-records-total"), [("0_0".to_owned(), 2.0)]);
    assert!(numbers(&metrics, "active-buffer-count").is_empty(), "that is recorded from DEBUG on");
}
