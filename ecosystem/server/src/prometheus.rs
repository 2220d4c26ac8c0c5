//! Metrics as OpenMetrics text, which Prometheus reads.
//!
//! Names are those that the usual rule of the JMX exporter gives Kafka Streams': `kafka_streams_`, the group, the name, with
//! `_` for what a name cannot have: `kafka_streams_stream_thread_metrics_process_rate{thread_id="..."}`. Totals are counters,
//! all else are gauges; ours alone are the histograms, as
//! `kafka_streams_stream_processor_node_metrics_record_e2e_latency_bucket`. Texts are in the labels of one gauge,
//! `kafka_streams_stream_metrics_info`.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use streams_core::metrics::{Metric, MetricKind, MetricValue};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Texts that say what an application is; the others are states, which are exposed as numbers too.
const INFO: [&str; 3] = ["application-id", "version", "commit-id"];

/// What begins every name.
const PREFIX: &str = "kafka_streams_";

/// Metrics as they were read.
#[derive(Debug)]
struct Snapshot(Vec<Metric>);

/// The metrics as text.
pub fn text(metrics: Vec<Metric>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(metrics)));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// A metric's name without what a kind of metric ends with: `_total` is added when it is written.
fn name_of(metric: &Metric) -> String {
    let name = format!("{PREFIX}{}_{}", plain(&metric.group), plain(&metric.name));
    match (metric.kind, name.strip_suffix("_total")) {
        (MetricKind::Total, Some(name)) => name.to_owned(),
        _ => name,
    }
}

/// Letters, digits and `_`.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn type_of(metric: &Metric) -> MetricType {
    match metric.kind {
        // A counter's name ends with `_total`; the few totals that do not are exposed as gauges.
        MetricKind::Total if metric.name.ends_with("-total") => MetricType::Counter,
        MetricKind::Histogram => MetricType::Histogram,
        _ => MetricType::Gauge,
    }
}

fn labels(metric: &Metric) -> Vec<(String, String)> {
    metric.tags.iter().map(|(name, value)| (plain(name), value.clone())).collect()
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut families: BTreeMap<String, Vec<&Metric>> = BTreeMap::new();
        let mut info = Vec::new();
        for metric in &self.0 {
            match &metric.value {
                MetricValue::Text(value) if INFO.contains(&&*metric.name) => {
                    info.push((plain(&metric.name), value.clone()));
                }
                MetricValue::Text(_) => {}
                _ => families.entry(name_of(metric)).or_default().push(metric),
            }
        }
        for (name, family) in families {
            let Some(first) = family.first() else { continue };
            let kind = type_of(first);
            let mut family_encoder = encoder.encode_descriptor(&name, &first.description, None, kind)?;
            for metric in family {
                let series = Series { metric, kind };
                series.encode(family_encoder.encode_family(&labels(metric))?)?;
            }
        }
        let (name, help) = (format!("{PREFIX}stream_metrics_info"), "What the application is, in its labels");
        let mut gauge = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        gauge.encode_family(&info)?.encode_gauge(&1_i64)
    }
}

/// One value of a family.
struct Series<'a> {
    metric: &'a Metric,
    kind: MetricType,
}

impl EncodeMetric for Series<'_> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match &self.metric.value {
            MetricValue::Histogram(values) => {
                // Prometheus counts up to each bound itself.
                let mut before = 0;
                let counts = values.buckets.iter().map(|&(bound, count)| {
                    // The library writes `f64::MAX` as the last bound.
                    let bound = if bound.is_finite() { bound } else { f64::MAX };
                    (bound, count - std::mem::replace(&mut before, count))
                });
                encoder.encode_histogram::<NoLabelSet>(
                    values.sum,
                    values.count(),
                    &counts.collect::<Vec<_>>(),
                    None,
                )
            }
            MetricValue::Number(number) if matches!(self.kind, MetricType::Counter) => {
                encoder.encode_counter::<NoLabelSet, _, u64>(number, None)
            }
            MetricValue::Number(number) => encoder.encode_gauge(number),
            _ => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}
