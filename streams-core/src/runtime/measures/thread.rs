//! What a stream thread measures: how its time is divided, and how much it did (`ThreadMetrics`).

use std::sync::Arc;

use crate::metrics::{Collect, Histogram, Measured, MetricCollector, Registration, Registry, Sampled};
use crate::runtime::stats::ThreadStats;
use crate::time::Timestamp;

/// Kafka's group of them.
const GROUP: &str = "stream-thread-metrics";

/// The thread's side: it tells when a phase of a round has ended. Times are of the monotonic clock, in milliseconds; a phase
/// shorter than that counts with the one in which the clock moves on, so that sums are right.
pub(crate) struct ThreadMeter {
    shared: Arc<ThreadMeasures>,
    /// When the last phase ended.
    mark_ms: i64,
    round_ms: i64,
    /// Records fetched in this round.
    pub fetched: usize,
    _registration: Registration,
}

impl ThreadMeter {
    /// Registers the thread. `started_at` is wall-clock time.
    pub fn new(
        registry: &Registry,
        name: &str,
        stats: &Arc<ThreadStats>,
        started_at: Timestamp,
        now_ms: i64,
    ) -> Self {
        let shared = Arc::new(ThreadMeasures::new(registry, name, stats, started_at));
        let registration = registry.add(Arc::clone(&shared) as _);
        ThreadMeter { shared, mark_ms: now_ms, round_ms: now_ms, fetched: 0, _registration: registration }
    }

    /// How long it has been since the last phase ended.
    fn lap(&mut self, now_ms: i64) -> f64 {
        let took_ms = now_ms - std::mem::replace(&mut self.mark_ms, now_ms);
        took_ms.max(0) as f64
    }

    /// What comes next is not part of any phase.
    pub fn skip(&mut self, now_ms: i64) {
        self.mark_ms = now_ms;
    }

    /// It has fetched; the time since the last round, in which it waited for records, is part of it.
    pub fn polled(&mut self, now_ms: i64) {
        let took = self.lap(now_ms);
        let records = std::mem::take(&mut self.fetched);
        let shared = &self.shared;
        shared.poll.add(&Measured::one(took), now_ms);
        shared.poll_time.record(took);
        if records > 0 {
            shared.poll_records.add(&Measured::one(records as f64), now_ms);
        }
    }

    /// It has passed over its records, and called punctuations meanwhile, which took so long.
    pub fn processed(&mut self, records: usize, punctuations: u64, punctuated_ms: i64, now_ms: i64) {
        let punctuated = punctuated_ms.max(0) as f64;
        let took = (self.lap(now_ms) - punctuated).max(0.0);
        let shared = &self.shared;
        shared.process.add(&Measured::one(took), now_ms);
        shared.process_records.add(&Measured::one(records as f64), now_ms);
        if records > 0 {
            shared.process_latency.add(&Measured::one(took / records as f64), now_ms);
            shared.process_time.record(took);
        }
        if punctuations > 0 {
            let one = punctuated / punctuations as f64;
            shared.punctuate.add(&Measured::one(one), now_ms);
            shared.punctuate_time.record(one);
        }
        shared.punctuated.add(&Measured::one(punctuated), now_ms);
    }

    /// It has committed that many tasks.
    pub fn committed(&mut self, tasks: usize, now_ms: i64) {
        let took = self.lap(now_ms);
        let shared = &self.shared;
        shared.commit_time.record(took);
        shared.committed.add(&Measured::one(took), now_ms);
        shared.commit.add(&Measured::one(took / tasks.max(1) as f64), now_ms);
    }

    /// The round has ended, with the wait before it.
    pub fn round_ended(&mut self, now_ms: i64) {
        let took_ms = now_ms - std::mem::replace(&mut self.round_ms, now_ms);
        self.shared.rounds.add(&Measured::one(took_ms.max(0) as f64), now_ms);
    }

    /// A task has begun to run.
    pub fn task_created(&self, now_ms: i64) {
        self.shared.created.add(&Measured::one(1.0), now_ms);
    }

    /// A task has been closed.
    pub fn task_closed(&self, now_ms: i64) {
        self.shared.closed.add(&Measured::one(1.0), now_ms);
    }
}

struct ThreadMeasures {
    name: String,
    stats: Arc<ThreadStats>,
    started_at: Timestamp,
    poll: Sampled,
    poll_time: Histogram,
    poll_records: Sampled,
    /// Time of passes, for the ratio.
    process: Sampled,
    /// Time of a pass by its records, as Kafka Streams has it.
    process_latency: Sampled,
    process_time: Histogram,
    process_records: Sampled,
    punctuate: Sampled,
    punctuate_time: Histogram,
    punctuated: Sampled,
    commit: Sampled,
    commit_time: Histogram,
    committed: Sampled,
    rounds: Sampled,
    created: Sampled,
    closed: Sampled,
}

impl ThreadMeasures {
    fn new(registry: &Registry, name: &str, stats: &Arc<ThreadStats>, started_at: Timestamp) -> Self {
        ThreadMeasures {
            name: name.to_owned(),
            stats: Arc::clone(stats),
            started_at,
            poll: registry.windowed(),
            poll_time: Histogram::default(),
            poll_records: registry.windowed(),
            process: registry.windowed(),
            process_latency: registry.windowed(),
            process_time: Histogram::default(),
            process_records: registry.windowed(),
            punctuate: registry.windowed(),
            punctuate_time: Histogram::default(),
            punctuated: registry.windowed(),
            commit: registry.windowed(),
            commit_time: Histogram::default(),
            committed: registry.windowed(),
            rounds: registry.windowed(),
            created: registry.windowed(),
            closed: registry.windowed(),
        }
    }

    /// The part of the thread's time that went there, over the window.
    fn ratio(&self, part: &Sampled, now_ms: i64) -> f64 {
        let all = self.rounds.measured(now_ms).sum;
        if all == 0.0 { 0.0 } else { (part.measured(now_ms).sum / all).min(1.0) }
    }
}

impl Collect for ThreadMeasures {
    fn collect(&self, to: &mut MetricCollector<'_>) {
        to.about(&[("thread-id", &self.name)]);
        let now_ms = to.now_ms();
        for (prefix, values) in [("poll-latency", &self.poll), ("process-latency", &self.process_latency)] {
            to.sensor(GROUP, prefix, values);
        }
        for (prefix, latency) in [("punctuate", &self.punctuate), ("commit", &self.commit)] {
            to.sensor(GROUP, &format!("{prefix}-latency"), latency);
            to.sensor(GROUP, prefix, latency);
        }
        to.sensor(GROUP, "poll-records", &self.poll_records);
        to.sensor(GROUP, "process-records", &self.process_records);
        for (name, value) in [
            ("poll-rate", self.poll.count_rate(now_ms)),
            ("poll-total", self.poll.total_count() as f64),
            ("process-rate", self.process_records.sum_rate(now_ms)),
            ("process-total", self.process_records.total_sum()),
            ("poll-ratio", self.ratio(&self.poll, now_ms)),
            ("process-ratio", self.ratio(&self.process, now_ms)),
            ("punctuate-ratio", self.ratio(&self.punctuated, now_ms)),
            ("commit-ratio", self.ratio(&self.committed, now_ms)),
            ("task-created-rate", self.created.count_rate(now_ms)),
            ("task-created-total", self.created.total_count() as f64),
            ("task-closed-rate", self.closed.count_rate(now_ms)),
            ("task-closed-total", self.closed.total_count() as f64),
            // Whatever a thread waits for in a poll or a commit is Kafka.
            ("blocked-time-ns-total", (self.poll.total_sum() + self.committed.total_sum()) * 1e6),
            ("thread-start-time", self.started_at as f64),
            ("thread-state", self.stats.state().number()),
        ] {
            to.number(GROUP, name, value);
        }
        to.text(GROUP, "state", self.stats.state());
        for (name, times) in [
            ("poll-latency", &self.poll_time),
            ("process-latency", &self.process_time),
            ("punctuate-latency", &self.punctuate_time),
            ("commit-latency", &self.commit_time),
        ] {
            to.histogram(GROUP, name, times.snapshot());
        }
    }
}
