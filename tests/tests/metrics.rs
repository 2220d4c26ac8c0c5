//! What is measured, and what is written to a dead letter queue, against Kafka Streams' own classes on the same records.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use kstreams::prelude::*;
use lab::JavaLab;
use streams_core::metrics::{Measured, Metric, SampleWindow, Sampled, catalog};
use streams_core::record::Headers;
use streams_core::testing::{RawTestRecord, TopologyTestDriver};

/// Metrics of Kafka Streams that have no value here yet.
const MISSING: [&str; 2] = ["enforced-processing", "record-lateness"];

/// The lines that Kafka Streams prints, by their first field.
fn java() -> Vec<Vec<String>> {
    let lab = JavaLab::prepare().unwrap();
    let output = lab.command("lab.Metrics", 256, true).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The same topology on the same records.
fn driver() -> TopologyTestDriver {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("in")
        .try_map_values(|value| {
            if value.starts_with("bad") {
                Err(format!("refused: {value}").into())
            } else {
                value.parse::<i64>().map_err(UserError::from)
            }
        })
        .to("out");
    let config = StreamsConfig::new("app", "embedded:")
        .with("metrics.recording.level", "DEBUG")
        .and_then(|config| config.with("errors.dead.letter.queue.topic.name", "letters"))
        .and_then(|config| config.with("processing.exception.handler", "LogAndContinue"))
        .unwrap();
    let topology = builder.build_with(&config).unwrap();
    let driver = TopologyTestDriver::builder(topology, config).with_start_time(100_000).build().unwrap();
    for (number, value) in ["12", "bad one", "7", "bad two"].into_iter().enumerate() {
        let mut headers = Headers::new();
        headers.add("trace", Some(format!("t{number}")));
        let record = RawTestRecord {
            partition: 0,
            offset: 0,
            key: Some(format!("k{number}").into()),
            value: Some(value.into()),
            timestamp: 99_000 + 100 * i64::try_from(number).unwrap(),
            headers,
        };
        driver.pipe_raw("in", &record).unwrap();
    }
    driver
}

fn tags(metric: &Metric) -> String {
    let mut tags: Vec<_> = metric
        .tags
        .iter()
        .filter(|(name, _)| name != "thread-id")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    tags.sort();
    tags.join(" ")
}

#[test]
fn statistics_over_windows_are_kafkas() {
    let windowed = Sampled::new(SampleWindow::default());
    let mut last = -1;
    let mut compared = 0;
    for line in java().iter().filter(|line| line[0] == "window") {
        let moment: i64 = line[1].parse().unwrap();
        if moment != last {
            windowed.add(&Measured::one(line[2].parse().unwrap()), moment);
            last = moment;
        }
        let now = moment + 100;
        let ours = match &*line[3] {
            "avg" => windowed.avg(now),
            "max" => windowed.max(now),
            "min" => windowed.min(now),
            "sum-rate" => windowed.sum_rate(now),
            "count-rate" => windowed.count_rate(now),
            other => panic!("{other}"),
        };
        let theirs: f64 = line[4].parse().unwrap();
        assert!((ours - theirs).abs() < 1e-9, "{} at {moment}: {ours}, not {theirs}", line[3]);
        compared += 1;
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn a_topologys_metrics_are_kafkas() {
    let ours: BTreeMap<_, _> = driver()
        .metrics()
        .iter()
        .filter_map(|metric| {
            Some(((metric.group.to_string(), metric.name.to_string(), tags(metric)), metric.number()?))
        })
        .collect();
    let (mut values, mut missing) = (0, Vec::new());
    for line in java().iter().filter(|line| line[0] == "metric") {
        let (group, name) = (&line[1], &line[2]);
        assert!(catalog().iter().any(|one| one.group == *group && one.name == *name), "{group} {name}");
        // The driver of Kafka Streams has no thread and no client.
        let is_compared = ["stream-task-metrics", "stream-processor-node-metrics", "stream-topic-metrics"];
        if !is_compared.contains(&&**group) || MISSING.iter().any(|one| name.starts_with(one)) {
            continue;
        }
        let Some(ours) = ours.get(&(group.clone(), name.clone(), line[3].clone())) else {
            missing.push(line.join(" "));
            continue;
        };
        // Times of the machine, what the drivers' clocks make of rates, and the stack traces in dead letters differ.
        let has_trace = line[3].contains("topic=letters") && name.starts_with("bytes");
        let is_exact = (name.ends_with("-total") && !has_trace) || name.starts_with("record-e2e-latency");
        if is_exact && !line[4].contains("NaN") {
            let theirs: f64 = line[4].parse().unwrap();
            assert!((ours - theirs).abs() < 1e-9, "{ours} is not as in {line:?}");
            values += 1;
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(values >= 10, "{values}");
}

#[test]
fn dead_letters_are_kafkas_and_more() {
    let letters = driver().read_raw("letters").unwrap();
    let theirs: Vec<_> = java().into_iter().filter(|line| line[0] == "letter").collect();
    assert_eq!((letters.len(), theirs.len()), (2, 2));
    for (letter, theirs) in letters.iter().zip(theirs) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut ours = vec![
            "letter".to_owned(),
            text(letter.key.as_deref().unwrap()),
            text(letter.value.as_deref().unwrap()),
            letter.timestamp.to_string(),
        ];
        for header in &letter.headers {
            let value = text(header.value.as_deref().unwrap_or_default());
            let is_of_language = header.key.ends_with("exception") || header.key.ends_with("stacktrace");
            ours.push(if is_of_language {
                header.key.to_string()
            } else {
                format!("{}={value}", header.key)
            });
        }
        assert_eq!(ours[..theirs.len()], theirs);
    }
}
