//! Whoever measures registers here, and whoever asks gets all metrics as they are now.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::{self, Descriptor, MetricKind};
use super::histogram::HistogramSnapshot;
use super::windowed::{SampleWindow, Sampled};
use crate::config::{MetricsRecordingLevel, StreamsConfig};

/// A metric's value when it was read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// A number; NaN where nothing was measured.
    Number(f64),
    /// A text, as the state.
    Text(String),
    /// A distribution.
    Histogram(HistogramSnapshot),
}

/// A metric as it was read. Group, name and tags are Kafka's (`MetricName`).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Kafka's group, as `stream-thread-metrics`.
    pub group: Cow<'static, str>,
    /// Kafka's name, as `process-rate`.
    pub name: Cow<'static, str>,
    /// Whom it is about, in Kafka's order, as `thread-id`.
    pub tags: Arc<[(Cow<'static, str>, String)]>,
    /// What its value means.
    pub kind: MetricKind,
    /// What it says, in a sentence.
    pub description: Cow<'static, str>,
    /// What it is now.
    pub value: MetricValue,
}

impl Metric {
    /// The tag of that name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// Its number; `None` for texts and distributions.
    pub fn number(&self) -> Option<f64> {
        match self.value {
            MetricValue::Number(number) => Some(number),
            MetricValue::Text(_) | MetricValue::Histogram(_) => None,
        }
    }
}

/// A source of metrics. It is called on the reader's thread, while others write.
pub trait Collect: Send + Sync {
    /// Tells it.
    fn collect(&self, to: &mut MetricCollector<'_>);
}

/// Where metrics are put while they are read.
pub struct MetricCollector<'a> {
    level: MetricsRecordingLevel,
    now_ms: i64,
    tags: Arc<[(Cow<'static, str>, String)]>,
    found: &'a mut Vec<Metric>,
}

impl MetricCollector<'_> {
    /// The moment of reading, on the monotonic clock.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// What follows is about this one.
    pub fn about(&mut self, tags: &[(&'static str, &str)]) {
        self.tags = tags.iter().map(|&(name, value)| (Cow::Borrowed(name), value.to_owned())).collect();
    }

    /// The metric of the catalog with that name, if the level is high enough for it.
    fn known(&self, group: &'static str, name: &'static str) -> Option<&'static Descriptor> {
        let found = catalog::find(group, name);
        debug_assert!(found.is_some(), "{group} {name} is not in catalog.tsv");
        found.filter(|one| one.level <= self.level)
    }

    fn put(&mut self, one: &'static Descriptor, value: MetricValue) {
        self.found.push(Metric {
            group: one.group.into(),
            name: one.name.into(),
            tags: Arc::clone(&self.tags),
            kind: one.kind,
            description: one.description.into(),
            value,
        });
    }

    /// A number.
    pub fn number(&mut self, group: &'static str, name: &'static str, value: f64) {
        if let Some(one) = self.known(group, name) {
            self.put(one, MetricValue::Number(value));
        }
    }

    /// A text.
    pub fn text(&mut self, group: &'static str, name: &'static str, value: impl fmt::Display) {
        if let Some(one) = self.known(group, name) {
            self.put(one, MetricValue::Text(value.to_string()));
        }
    }

    /// A distribution.
    pub fn histogram(&mut self, group: &'static str, name: &'static str, value: HistogramSnapshot) {
        if let Some(one) = self.known(group, name) {
            self.put(one, MetricValue::Histogram(value));
        }
    }

    /// Everything in the catalog that is called as this and ends with `-avg`, `-max`, `-min`, `-rate` (of the count) or
    /// `-total` (the count): what Kafka's sensor of a latency gives.
    pub fn sensor(&mut self, group: &'static str, prefix: &str, values: &Sampled) {
        let now_ms = self.now_ms;
        for (suffix, value) in [
            ("-avg", values.avg(now_ms)),
            ("-max", values.max(now_ms)),
            ("-min", values.min(now_ms)),
            ("-rate", values.count_rate(now_ms)),
            ("-total", values.total_count() as f64),
        ] {
            if let Some(one) = catalog::find(group, &format!("{prefix}{suffix}"))
                && one.level <= self.level
            {
                self.put(one, MetricValue::Number(value));
            }
        }
    }
}

/// All who measure something in an application.
#[derive(Clone)]
pub struct Registry {
    level: MetricsRecordingLevel,
    window: SampleWindow,
    all: Arc<Mutex<Sources>>,
}

#[derive(Default)]
struct Sources {
    next: u64,
    sources: Vec<(u64, Arc<dyn Collect>)>,
}

/// Takes the metrics away when it is dropped, which is when what they are about ends.
#[must_use = "dropped, it takes the metrics away again"]
pub struct Registration {
    id: u64,
    all: Arc<Mutex<Sources>>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let id = self.id;
        lock(&self.all).sources.retain(|(one, _)| *one != id);
    }
}

fn lock(all: &Mutex<Sources>) -> std::sync::MutexGuard<'_, Sources> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Without anybody yet.
    pub fn new(level: MetricsRecordingLevel, window: SampleWindow) -> Self {
        Registry { level, window, all: Arc::default() }
    }

    /// As the settings say: `metrics.recording.level`, `metrics.num.samples`, `metrics.sample.window.ms`.
    pub fn of(config: &StreamsConfig) -> Self {
        let samples = config.metrics_num_samples().max(1);
        let window = SampleWindow { samples, sample_ms: config.metrics_sample_window_ms().max(1) };
        Self::new(config.metrics_recording_level(), window)
    }

    /// An empty statistic with its window.
    pub fn windowed(&self) -> Sampled {
        Sampled::new(self.window)
    }

    /// Adds one who measures.
    pub fn add(&self, source: Arc<dyn Collect>) -> Registration {
        let mut all = lock(&self.all);
        let id = all.next;
        all.next += 1;
        all.sources.push((id, source));
        Registration { id, all: Arc::clone(&self.all) }
    }

    /// All metrics, as they are at this moment of the monotonic clock, in the order in which what they are about began.
    pub fn collect(&self, now_ms: i64) -> Vec<Metric> {
        // Whoever registers or ends meanwhile does not wait for what is computed here.
        let sources: Vec<Arc<dyn Collect>> =
            lock(&self.all).sources.iter().map(|(_, source)| Arc::clone(source)).collect();
        let mut found = Vec::new();
        let mut to = MetricCollector { level: self.level, now_ms, tags: Arc::new([]), found: &mut found };
        for source in sources {
            source.collect(&mut to);
        }
        found
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("level", &self.level).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Measured, Total};

    struct Thread {
        polls: Sampled,
        dropped: Total,
    }

    impl Collect for Thread {
        fn collect(&self, to: &mut MetricCollector<'_>) {
            to.about(&[("thread-id", "t-1")]);
            to.sensor("stream-thread-metrics", "poll-latency", &self.polls);
            to.number("stream-thread-metrics", "task-closed-total", self.dropped.get() as f64);
            to.about(&[("thread-id", "t-1"), ("task-id", "0_0")]);
            to.number("stream-task-metrics", "process-total", 1.0);
        }
    }

    fn names(metrics: &[Metric]) -> Vec<&str> {
        metrics.iter().map(|metric| &*metric.name).collect()
    }

    #[test]
    fn metrics_are_there_as_long_as_what_they_are_about() {
        let registry = Registry::new(MetricsRecordingLevel::Info, SampleWindow::default());
        let thread = Arc::new(Thread { polls: registry.windowed(), dropped: Total::default() });
        thread.polls.add(&Measured::one(3.0), 0);
        let registration = registry.add(Arc::clone(&thread) as Arc<dyn Collect>);
        let found = registry.collect(0);
        assert_eq!(names(&found), ["poll-latency-avg", "poll-latency-max", "task-closed-total"]);
        assert_eq!((found[0].number(), found[0].tag("thread-id")), (Some(3.0), Some("t-1")));
        drop(registration);
        assert!(registry.collect(0).is_empty());
    }

    #[test]
    fn a_higher_level_shows_more() {
        let registry = Registry::new(MetricsRecordingLevel::Debug, SampleWindow::default());
        let thread = Arc::new(Thread { polls: registry.windowed(), dropped: Total::default() });
        let _registration = registry.add(thread);
        assert!(names(&registry.collect(0)).contains(&"process-total"));
    }
}
