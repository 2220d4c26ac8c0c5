//! What a task measures (`TaskMetrics`).

use std::sync::Arc;

use crate::metrics::{Collect, Gauge, Measured, MetricCollector, Sampled};
use crate::processor::TaskMeters;

/// Kafka's group of them.
const GROUP: &str = "stream-task-metrics";

/// The task's side, on its thread.
pub(crate) struct TaskMeter {
    shared: Arc<TaskMeasures>,
    dropped_before: u64,
    /// Time of its turns since the last ratio, in milliseconds.
    busy_ms: i64,
}

/// A turn of a task, as it was.
pub(crate) struct Turn {
    pub records: usize,
    pub took_ms: i64,
    pub punctuations: u64,
    pub punctuated_ms: i64,
    pub dropped: u64,
    pub buffered: usize,
    pub cache_bytes: usize,
}

impl TaskMeter {
    /// Registers the task.
    pub fn new(meters: &TaskMeters) -> Self {
        let registry = meters.registry();
        let shared = Arc::new(TaskMeasures {
            tags: meters.tags(),
            process: registry.windowed(),
            punctuate: registry.windowed(),
            dropped: registry.windowed(),
            buffered: Gauge::default(),
            cache_bytes: Gauge::default(),
            ratio: Gauge::default(),
            restored: registry.windowed(),
        });
        meters.register(Arc::clone(&shared) as _);
        TaskMeter { shared, dropped_before: 0, busy_ms: 0 }
    }

    /// The task is open; that many changelog records were applied before.
    pub fn restored(&self, records: u64, now_ms: i64) {
        let sum = records as f64;
        self.shared.restored.add(&Measured { count: records, sum, min: 1.0, max: 1.0 }, now_ms);
    }

    /// A turn has ended.
    pub fn turn(&mut self, turn: &Turn, now_ms: i64) {
        let shared = &self.shared;
        self.busy_ms += turn.took_ms;
        if turn.records > 0 {
            // Kafka Streams looks at the clock twice for each record; a turn's mean stands for its records here.
            let sum = (turn.took_ms - turn.punctuated_ms).max(0) as f64 * 1e6;
            let one = sum / turn.records as f64;
            shared.process.add(&Measured { count: turn.records as u64, sum, min: one, max: one }, now_ms);
        }
        if turn.punctuations > 0 {
            let sum = turn.punctuated_ms as f64 * 1e6;
            let one = sum / turn.punctuations as f64;
            shared.punctuate.add(&Measured { count: turn.punctuations, sum, min: one, max: one }, now_ms);
        }
        let dropped = turn.dropped - std::mem::replace(&mut self.dropped_before, turn.dropped);
        if dropped > 0 {
            let sum = dropped as f64;
            shared.dropped.add(&Measured { count: dropped, sum, min: 1.0, max: 1.0 }, now_ms);
        }
        shared.buffered.set(turn.buffered as f64);
        shared.cache_bytes.set(turn.cache_bytes as f64);
    }

    /// A pass has ended in which all tasks took so long.
    pub fn pass(&mut self, all_ms: i64) {
        let busy_ms = std::mem::take(&mut self.busy_ms);
        if all_ms > 0 {
            self.shared.ratio.set(busy_ms as f64 / all_ms as f64);
        }
    }

    /// Time of its turns since the last pass, in milliseconds.
    pub fn busy_ms(&self) -> i64 {
        self.busy_ms
    }
}

struct TaskMeasures {
    tags: [(&'static str, Arc<str>); 2],
    /// In nanoseconds, as Kafka Streams has them.
    process: Sampled,
    punctuate: Sampled,
    dropped: Sampled,
    buffered: Gauge,
    cache_bytes: Gauge,
    ratio: Gauge,
    restored: Sampled,
}

impl Collect for TaskMeasures {
    fn collect(&self, to: &mut MetricCollector<'_>) {
        let [(thread, thread_id), (task, task_id)] = &self.tags;
        to.about(&[(thread, thread_id), (task, task_id)]);
        for (prefix, values) in [("process", &self.process), ("punctuate", &self.punctuate)] {
            to.sensor(GROUP, &format!("{prefix}-latency"), values);
            to.sensor(GROUP, prefix, values);
        }
        to.sensor(GROUP, "dropped-records", &self.dropped);
        to.sensor(GROUP, "restore", &self.restored);
        for (name, value) in [
            ("active-buffer-count", self.buffered.get()),
            ("cache-size-bytes-total", self.cache_bytes.get()),
            ("active-process-ratio", self.ratio.get()),
            // A task of a stream thread is restored.
            ("restore-remaining-records-total", 0.0),
        ] {
            to.number(GROUP, name, value);
        }
    }
}
