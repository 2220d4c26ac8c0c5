//! What a task's nodes measure: how old records are when they have come through, and what topics gave and got.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use crate::ids::{TaskId, TopicName};
use crate::metrics::{Collect, Histogram, Measured, MetricCollector, Registration, Registry, Sampled, Total};
use crate::time::Timestamp;

/// Kafka's group of metrics of nodes.
const NODES: &str = "stream-processor-node-metrics";

/// Kafka's group of metrics of the topics that sources read and sinks write.
const TOPICS: &str = "stream-topic-metrics";

/// The meters of one task. They go, with their metrics, when the task is closed.
pub struct TaskMeters {
    registry: Registry,
    thread: Arc<str>,
    id: TaskId,
    task: Arc<str>,
    nodes: RefCell<Vec<Rc<NodeMeter>>>,
    registrations: RefCell<Vec<Registration>>,
}

impl TaskMeters {
    /// Without any yet. `thread` is the value of their tag `thread-id`.
    pub fn new(registry: &Registry, thread: &Arc<str>, task: TaskId) -> Self {
        TaskMeters {
            registry: registry.clone(),
            thread: Arc::clone(thread),
            id: task,
            task: task.to_string().into(),
            nodes: RefCell::default(),
            registrations: RefCell::default(),
        }
    }

    /// The task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Where the task registers what else it measures.
    pub fn register(&self, source: Arc<dyn Collect>) {
        self.registrations.borrow_mut().push(self.registry.add(source));
    }

    /// A meter of a node's records. It is at a source or where records end.
    pub fn node(&self, name: &Arc<str>, is_source: bool) -> Rc<NodeMeter> {
        let shared = Arc::new(NodeMeasures {
            at: self.at(name),
            latency: self.registry.windowed(),
            latencies: Histogram::default(),
            processed: is_source.then(|| self.registry.windowed()),
        });
        self.register(Arc::clone(&shared) as _);
        let meter = Rc::new(NodeMeter::new(shared));
        self.nodes.borrow_mut().push(Rc::clone(&meter));
        meter
    }

    /// A meter of what a node reads from a topic, or else writes to it.
    pub fn topic(&self, node: &Arc<str>, topic: &TopicName, reads: bool) -> Rc<TopicMeter> {
        let shared = Arc::new(TopicMeasures {
            at: self.at(node),
            topic: Arc::clone(topic),
            reads,
            records: Total::default(),
            bytes: Total::default(),
        });
        self.register(Arc::clone(&shared) as _);
        Rc::new(TopicMeter { fixed_bytes: fixed_bytes(topic), shared })
    }

    fn at(&self, node: &Arc<str>) -> Place {
        Place { thread: Arc::clone(&self.thread), task: Arc::clone(&self.task), node: Arc::clone(node) }
    }

    /// Hands over what the nodes have measured since the last time. Once a turn of the task, not once a record.
    pub fn hand_over(&self, now_ms: i64) {
        for node in &*self.nodes.borrow() {
            node.hand_over(now_ms);
        }
    }

    /// Where everything of the application registers.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The tags of the task.
    pub fn tags(&self) -> [(&'static str, Arc<str>); 2] {
        [("thread-id", Arc::clone(&self.thread)), ("task-id", Arc::clone(&self.task))]
    }
}

/// Which node of which task.
struct Place {
    thread: Arc<str>,
    task: Arc<str>,
    node: Arc<str>,
}

impl Place {
    fn tags(&self) -> [(&'static str, &str); 3] {
        [("thread-id", &self.thread), ("task-id", &self.task), ("processor-node-id", &self.node)]
    }
}

/// Measures the records that come to a source, or to where they end: whole numbers, added up until a turn ends.
pub struct NodeMeter {
    /// What was measured before the run of latencies in one bucket.
    before: Cell<Measured>,
    /// Latencies of the run, in milliseconds.
    sum: Cell<i64>,
    min: Cell<i64>,
    max: Cell<i64>,
    count: Cell<u64>,
    /// The bucket of the run, with the whole numbers that are in it.
    bucket: Cell<usize>,
    bounds: Cell<(i64, i64)>,
    shared: Arc<NodeMeasures>,
}

impl NodeMeter {
    fn new(shared: Arc<NodeMeasures>) -> Self {
        NodeMeter {
            before: Cell::new(Measured::default()),
            sum: Cell::new(0),
            min: Cell::new(i64::MAX),
            max: Cell::new(i64::MIN),
            count: Cell::new(0),
            bucket: Cell::new(0),
            bounds: Cell::new(Histogram::whole_bounds(0)),
            shared,
        }
    }

    /// A record has come this far at `wall_clock_ms`.
    #[inline]
    pub fn reached(&self, timestamp: Timestamp, wall_clock_ms: Timestamp) {
        let latency_ms = wall_clock_ms.saturating_sub(timestamp);
        let (lower, upper) = self.bounds.get();
        // Most records are about as old as the one before.
        if latency_ms <= lower || latency_ms > upper {
            self.begin_run(latency_ms);
        }
        self.count.set(self.count.get() + 1);
        self.sum.set(self.sum.get().saturating_add(latency_ms));
        self.min.set(self.min.get().min(latency_ms));
        self.max.set(self.max.get().max(latency_ms));
    }

    /// The next latencies are in the bucket of this one.
    #[cold]
    fn begin_run(&self, latency_ms: i64) {
        self.end_run();
        let bucket = Histogram::bucket(latency_ms as f64);
        self.bucket.set(bucket);
        self.bounds.set(Histogram::whole_bounds(bucket));
    }

    fn end_run(&self) {
        let count = self.count.take();
        if count == 0 {
            return;
        }
        let sum = self.sum.take() as f64;
        let (min, max) = (self.min.replace(i64::MAX) as f64, self.max.replace(i64::MIN) as f64);
        self.shared.latencies.add(self.bucket.get(), count, sum);
        let mut before = self.before.get();
        before.merge(&Measured { count, sum, min, max });
        self.before.set(before);
    }

    fn hand_over(&self, now_ms: i64) {
        self.end_run();
        let measured = self.before.take();
        self.shared.latency.add(&measured, now_ms);
        if let Some(processed) = &self.shared.processed {
            processed.add(&measured, now_ms);
        }
    }
}

struct NodeMeasures {
    at: Place,
    /// In milliseconds.
    latency: Sampled,
    latencies: Histogram,
    /// At a source.
    processed: Option<Sampled>,
}

impl Collect for NodeMeasures {
    fn collect(&self, to: &mut MetricCollector<'_>) {
        to.about(&self.at.tags());
        let now_ms = to.now_ms();
        for (name, value) in [
            ("record-e2e-latency-avg", self.latency.avg(now_ms)),
            ("record-e2e-latency-max", self.latency.max(now_ms)),
            ("record-e2e-latency-min", self.latency.min(now_ms)),
        ] {
            to.number(NODES, name, value);
        }
        to.histogram(NODES, "record-e2e-latency", self.latencies.snapshot());
        if let Some(processed) = &self.processed {
            to.sensor(NODES, "process", processed);
        }
    }
}

/// Counts what a node reads from a topic or writes to it.
pub struct TopicMeter {
    /// What Kafka Streams counts in addition to key, value and headers.
    fixed_bytes: usize,
    shared: Arc<TopicMeasures>,
}

impl TopicMeter {
    /// A record, with the bytes of its key, value and headers.
    #[inline]
    pub fn count(&self, bytes: usize) {
        self.shared.records.add(1);
        self.shared.bytes.add((self.fixed_bytes + bytes) as u64);
    }
}

/// What Kafka Streams adds for time, offset, topic and partition (`ClientUtils.recordSizeInBytes`).
fn fixed_bytes(topic: &str) -> usize {
    8 + 8 + topic.len() + 4
}

struct TopicMeasures {
    at: Place,
    topic: TopicName,
    reads: bool,
    records: Total,
    bytes: Total,
}

impl Collect for TopicMeasures {
    fn collect(&self, to: &mut MetricCollector<'_>) {
        let [thread, task, node] = self.at.tags();
        to.about(&[thread, task, node, ("topic", &self.topic)]);
        let (records, bytes) = if self.reads {
            ("records-consumed-total", "bytes-consumed-total")
        } else {
            ("records-produced-total", "bytes-produced-total")
        };
        to.number(TOPICS, records, self.records.get() as f64);
        to.number(TOPICS, bytes, self.bytes.get() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MetricsRecordingLevel;
    use crate::metrics::{Metric, MetricValue, SampleWindow};

    fn found<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
        metrics.iter().find(|metric| metric.name == name).unwrap()
    }

    #[test]
    fn latencies_and_topics_are_told_with_kafkas_tags_and_go_with_the_task() {
        let registry = Registry::new(MetricsRecordingLevel::Debug, SampleWindow::default());
        let meters = TaskMeters::new(&registry, &"t-1".into(), TaskId::new(1, 2));
        let node = meters.node(&"KSTREAM-SOURCE-0000000000".into(), true);
        let topic = meters.topic(&"KSTREAM-SOURCE-0000000000".into(), &"bids".into(), true);
        for timestamp in [70, 90] {
            node.reached(timestamp, 100);
            topic.count(10);
        }
        meters.hand_over(5);
        let all = registry.collect(5);
        let latency = found(&all, "record-e2e-latency-avg");
        assert_eq!(latency.number(), Some(20.0));
        assert_eq!(
            latency.tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            ["thread-id=t-1", "task-id=1_2", "processor-node-id=KSTREAM-SOURCE-0000000000"]
        );
        assert_eq!(found(&all, "process-total").number(), Some(2.0));
        assert_eq!(found(&all, "records-consumed-total").number(), Some(2.0));
        assert_eq!(found(&all, "bytes-consumed-total").number(), Some(2.0 * (24.0 + 10.0)));
        let MetricValue::Histogram(latencies) = &found(&all, "record-e2e-latency").value else {
            panic!("a distribution")
        };
        assert_eq!((latencies.count(), latencies.sum), (2, 40.0));
        drop(meters);
        assert!(registry.collect(5).is_empty());
    }
}
