//! The table of all metrics that Kafka Streams has, read from `catalog.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::config::MetricsRecordingLevel;

/// What a metric's number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricKind {
    /// A number that only grows, from 0 on since the thing it is about began.
    Total,
    /// A number as it is now.
    Gauge,
    /// Per second, over the window of `metrics.num.samples` times `metrics.sample.window.ms`.
    Rate,
    /// The mean over that window; NaN if nothing was measured in it.
    Avg,
    /// The greatest over that window; NaN if nothing was measured in it.
    Max,
    /// The least over that window; NaN if nothing was measured in it.
    Min,
    /// A text as it is now.
    Text,
    /// A distribution since the thing it is about began. Kafka Streams has none.
    Histogram,
}

impl MetricKind {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "total" => MetricKind::Total,
            "gauge" => MetricKind::Gauge,
            "rate" => MetricKind::Rate,
            "avg" => MetricKind::Avg,
            "max" => MetricKind::Max,
            "min" => MetricKind::Min,
            "text" => MetricKind::Text,
            "histogram" => MetricKind::Histogram,
            _ => return None,
        })
    }
}

/// What is known of a metric before it has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Descriptor {
    /// Kafka's group, as `stream-thread-metrics`.
    pub group: &'static str,
    /// Kafka's name, as `process-rate`.
    pub name: &'static str,
    /// It is recorded from this `metrics.recording.level` on.
    pub level: MetricsRecordingLevel,
    /// What its number means.
    pub kind: MetricKind,
    /// The names of its tags, in Kafka's order. `store-state-id` stands for `<scope>-state-id`, as `rocksdb-state-id`.
    pub tags: &'static str,
    /// What it says, in a sentence.
    pub description: &'static str,
}

impl Descriptor {
    fn of(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (group, name, level) = (fields.next()?, fields.next()?, fields.next()?);
        let (kind, tags, description) = (fields.next()?, fields.next()?, fields.next()?);
        let level = match level {
            "INFO" => MetricsRecordingLevel::Info,
            "DEBUG" => MetricsRecordingLevel::Debug,
            "TRACE" => MetricsRecordingLevel::Trace,
            _ => return None,
        };
        Some(Descriptor { group, name, level, kind: MetricKind::of(kind)?, tags, description })
    }
}

struct Catalog {
    all: Vec<Descriptor>,
    by_name: HashMap<(&'static str, &'static str), usize>,
}

fn table() -> &'static Catalog {
    static TABLE: OnceLock<Catalog> = OnceLock::new();
    TABLE.get_or_init(|| {
        let lines = include_str!("catalog.tsv").lines().filter(|line| !line.starts_with('#'));
        let all: Vec<Descriptor> = lines.filter_map(Descriptor::of).collect();
        let by_name = all.iter().enumerate().map(|(at, one)| ((one.group, one.name), at)).collect();
        Catalog { all, by_name }
    })
}

/// All metrics of Kafka Streams 4.3.1, `uncommitted-bytes` of 4.4.0, and the histograms that are ours alone.
pub fn catalog() -> &'static [Descriptor] {
    &table().all
}

/// The one of that name.
pub(super) fn find(group: &str, name: &str) -> Option<&'static Descriptor> {
    let table = table();
    table.by_name.get(&(group, name)).map(|&at| &table.all[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("catalog.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(catalog().len(), lines);
        assert_eq!(table().by_name.len(), lines, "a group has a name twice");
    }

    #[test]
    fn kafka_streams_has_194_and_one_more_since() {
        let histograms = catalog().iter().filter(|one| one.kind == MetricKind::Histogram).count();
        assert_eq!(catalog().len() - histograms, 195);
        assert!(find("stream-state-metrics", "uncommitted-bytes").is_some());
    }

    #[test]
    fn names_end_as_their_kinds_do() {
        for Descriptor { name, kind, .. } in catalog() {
            let suffix = match kind {
                MetricKind::Rate => "-rate",
                MetricKind::Min => "-min",
                // Kafka Streams' averages of RocksDB are last values, and so are two of its totals.
                _ => continue,
            };
            assert!(name.ends_with(suffix), "{name} is a {kind:?}");
        }
    }
}
