//! The settings typed, with their defaults. Programs read times as `Duration`s; the runtime reads milliseconds, which may be
//! `i64::MAX`, so deadlines are computed with `saturating_add`.

use std::path::PathBuf;
use std::time::Duration;

use super::StreamsConfig;
use super::keys::{KEYS, Support, definition};
use super::types::{
    AutoOffsetReset, Bootstrap, BuiltInExceptionHandler, BuiltInTimestampExtractor, MetricsRecordingLevel,
    ProcessingGuarantee, StoreType, TopologyOptimization,
};
use super::value::Value;

const CONSUMERS: &[&str] = &["consumer.", "main.consumer."];
const PRODUCERS: &[&str] = &["producer."];

/// Getters of one type: the setting, and what it is for.
macro_rules! getters {
    ($type:ty, $read:ident: $($(#[$doc:meta])+ $name:ident => $key:literal;)+) => {
        impl StreamsConfig {
            $(
                $(#[$doc])+
                #[doc = concat!("\n\nThe setting `", $key, "`.")]
                pub fn $name(&self) -> $type {
                    self.$read($key)
                }
            )+
        }
    };
}

/// Getters of times: for programs, and in milliseconds for the runtime.
macro_rules! times {
    ($($(#[$doc:meta])+ $name:ident, $name_ms:ident => $key:literal;)+) => {
        impl StreamsConfig {
            $(
                $(#[$doc])+
                #[doc = concat!("\n\nThe setting `", $key, "`.")]
                pub fn $name(&self) -> Duration {
                    from_ms(self.int($key))
                }

                #[doc(hidden)]
                pub fn $name_ms(&self) -> i64 {
                    self.int($key)
                }
            )+
        }
    };
}

times! {
    /// How long a thread may repeat its work without a commit in between before that is an error.
    task_timeout, task_timeout_ms => "task.timeout.ms";
    /// How long a thread waits for input.
    poll_time, poll_ms => "poll.ms";
    /// How often the offset of a partition without new records is committed again.
    offsets_recommit_interval, offsets_recommit_interval_ms => "offsets.recommit.interval.ms";
    /// Interval between deletions of processed records of repartition topics.
    repartition_purge_interval, repartition_purge_interval_ms => "repartition.purge.interval.ms";
    /// Interval between summaries in the log; none below 1.
    log_summary_interval, log_summary_interval_ms => "log.summary.interval.ms";
    /// How long the state of a task that has moved away is kept.
    state_cleanup_delay, state_cleanup_delay_ms => "state.cleanup.delay.ms";
    /// Added to the retention of windowed changelogs.
    windowstore_changelog_additional_retention, windowstore_changelog_additional_retention_ms =>
        "windowstore.changelog.additional.retention.ms";
    /// The shortest time between two checks for unmatched records of outer joins.
    outer_join_emit_interval, outer_join_emit_interval_ms => "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__";
    /// How long a sample of a metric lasts.
    metrics_sample_window, metrics_sample_window_ms => "metrics.sample.window.ms";
    /// The shortest time between two emissions of closed windows.
    windowed_aggregation_emit_interval, windowed_aggregation_emit_interval_ms =>
        "__emit.interval.ms.kstreams.windowed.aggregation__";
}

getters! { usize, size:
    /// Samples that rates, means and extremes of metrics are of.
    metrics_num_samples => "metrics.num.samples";
    /// Threads that process.
    num_stream_threads => "num.stream.threads";
    /// Copies of each store on other instances.
    num_standby_replicas => "num.standby.replicas";
    /// Memory of the record caches of all threads; 0 forwards every update at once.
    statestore_cache_max_bytes => "statestore.cache.max.bytes";
    /// Memory of uncommitted writes of all threads.
    statestore_uncommitted_max_bytes => "statestore.uncommitted.max.bytes";
    /// Records buffered of each partition before it is paused.
    buffered_records_per_partition => "buffered.records.per.partition";
    /// Memory of fetched and of unacknowledged records of all clients.
    client_buffer_max_bytes => "client.buffer.max.bytes";
    /// Memory of the block cache of all RocksDB stores of the process.
    rocksdb_block_cache_bytes => "rocksdb.block.cache.bytes";
    /// Memory of the write buffers of all RocksDB stores of the process.
    rocksdb_write_buffer_bytes => "rocksdb.write.buffer.bytes";
}

getters! { bool, flag:
    /// Whether topologies with generated names of stores or internal topics are refused.
    ensure_explicit_internal_resource_naming => "ensure.explicit.internal.resource.naming";
    /// Whether the processing exception handler also serves global stores.
    processing_exception_handler_global_enabled => "processing.exception.handler.global.enabled";
    /// Whether the group of the OS user may write to the state directory.
    allow_os_group_write_access => "allow.os.group.write.access";
}

getters! { Option<String>, text_if_set:
    /// The prefix of client ids; by default the application's id and a random one.
    client_id => "client.id";
    /// `host:port` at which this instance answers interactive queries.
    application_server => "application.server";
    /// The dead letter queue of the handlers that come with the library.
    dead_letter_queue_topic_name => "errors.dead.letter.queue.topic.name";
}

getters! { BuiltInExceptionHandler, handler:
    /// What becomes of records that cannot be deserialized.
    deserialization_exception_handler => "deserialization.exception.handler";
    /// What becomes of records whose processing fails.
    processing_exception_handler => "processing.exception.handler";
    /// What becomes of records that cannot be sent.
    production_exception_handler => "production.exception.handler";
}

impl StreamsConfig {
    /// The application's name (`application.id`): group, and beginning of internal topics.
    pub fn application_id(&self) -> String {
        self.text("application.id")
    }

    /// Where the broker is (`bootstrap.servers`).
    pub fn bootstrap(&self) -> Bootstrap {
        Bootstrap::of(&self.text("bootstrap.servers"))
    }

    /// Whether `state.dir` is not set.
    pub(crate) fn state_dir_is_default(&self) -> bool {
        self.text_if_set("state.dir").is_none()
    }

    /// Where stores are kept (`state.dir`). The default may not survive a reboot, like Java's.
    pub fn state_dir(&self) -> PathBuf {
        match self.text_if_set("state.dir") {
            Some(path) => PathBuf::from(path),
            None => std::env::temp_dir().join("kafka-streams"),
        }
    }

    /// The guarantee for results after a crash (`processing.guarantee`).
    pub fn processing_guarantee(&self) -> ProcessingGuarantee {
        match self.text("processing.guarantee").as_str() {
            "at_least_once" => ProcessingGuarantee::AtLeastOnce,
            _ => ProcessingGuarantee::ExactlyOnceV2,
        }
    }

    /// Whether results are exactly-once.
    pub fn exactly_once(&self) -> bool {
        self.processing_guarantee() == ProcessingGuarantee::ExactlyOnceV2
    }

    /// How long a task waits for an empty input to keep the order of event time (`max.task.idle.ms`); `None` never waits.
    pub fn max_task_idle(&self) -> Option<Duration> {
        Some(self.max_task_idle_ms()).filter(|ms| *ms >= 0).map(from_ms)
    }

    #[doc(hidden)]
    pub fn max_task_idle_ms(&self) -> i64 {
        self.int("max.task.idle.ms")
    }

    /// At the start, state that was not touched for this long is deleted (`state.cleanup.dir.max.age.ms`); `None` deletes
    /// nothing.
    pub fn state_cleanup_dir_max_age(&self) -> Option<Duration> {
        Some(self.state_cleanup_dir_max_age_ms()).filter(|ms| *ms >= 0).map(from_ms)
    }

    #[doc(hidden)]
    pub fn state_cleanup_dir_max_age_ms(&self) -> i64 {
        self.int("state.cleanup.dir.max.age.ms")
    }

    /// Interval between commits (`commit.interval.ms`); the default depends on the guarantee.
    pub fn commit_interval(&self) -> Duration {
        from_ms(self.commit_interval_ms())
    }

    #[doc(hidden)]
    pub fn commit_interval_ms(&self) -> i64 {
        match self.value("commit.interval.ms") {
            Some(Value::Int(ms)) => ms,
            _ if self.exactly_once() => 100,
            _ => 30_000,
        }
    }

    /// Copies of internal topics (`replication.factor`); -1 is the broker's default.
    pub fn replication_factor(&self) -> i16 {
        i16::try_from(self.int("replication.factor")).unwrap_or(-1)
    }

    /// Where event time comes from, unless a source has its own extractor (`default.timestamp.extractor`).
    pub fn default_timestamp_extractor(&self) -> BuiltInTimestampExtractor {
        use BuiltInTimestampExtractor as Extractor;
        match self.text("default.timestamp.extractor").as_str() {
            "LogAndSkipOnInvalidTimestamp" => Extractor::LogAndSkipOnInvalidTimestamp,
            "UsePartitionTimeOnInvalidTimestamp" => Extractor::UsePartitionTimeOnInvalidTimestamp,
            "WallclockTimestampExtractor" => Extractor::WallclockTimestamp,
            _ => Extractor::FailOnInvalidTimestamp,
        }
    }

    /// Where the DSL keeps its stores (`dsl.store.suppliers.class`).
    pub fn dsl_store_type(&self) -> StoreType {
        match self.text("dsl.store.suppliers.class").as_str() {
            "in_memory" => StoreType::InMemory,
            _ => StoreType::RocksDb,
        }
    }

    /// Which optimisations are made (`topology.optimization`).
    pub fn topology_optimization(&self) -> TopologyOptimization {
        TopologyOptimization::of(&self.text("topology.optimization"))
    }

    /// How detailed metrics are (`metrics.recording.level`).
    pub fn metrics_recording_level(&self) -> MetricsRecordingLevel {
        match self.text("metrics.recording.level").as_str() {
            "TRACE" => MetricsRecordingLevel::Trace,
            "DEBUG" => MetricsRecordingLevel::Debug,
            _ => MetricsRecordingLevel::Info,
        }
    }

    /// How long the broker keeps an idle transaction open (`producer.transaction.timeout.ms`).
    pub fn transaction_timeout(&self) -> Duration {
        from_ms(self.transaction_timeout_ms())
    }

    #[doc(hidden)]
    pub fn transaction_timeout_ms(&self) -> i64 {
        self.client_int(PRODUCERS, "transaction.timeout.ms")
    }

    /// How long a thread may take between two polls before it counts as stuck (`consumer.max.poll.interval.ms`).
    pub fn max_poll_interval(&self) -> Duration {
        from_ms(self.max_poll_interval_ms())
    }

    #[doc(hidden)]
    pub fn max_poll_interval_ms(&self) -> i64 {
        self.client_int(CONSUMERS, "max.poll.interval.ms")
    }

    /// How many records a poll takes at most (`consumer.max.poll.records`).
    pub fn max_poll_records(&self) -> usize {
        usize::try_from(self.client_int(CONSUMERS, "max.poll.records")).unwrap_or(usize::MAX)
    }

    /// Where a partition without a committed offset is read from (`consumer.auto.offset.reset`).
    pub fn auto_offset_reset(&self) -> AutoOffsetReset {
        match self.client_text(CONSUMERS, "auto.offset.reset").as_str() {
            "latest" => AutoOffsetReset::Latest,
            "none" => AutoOffsetReset::None,
            _ => AutoOffsetReset::Earliest,
        }
    }

    /// Whether records of open and aborted transactions are hidden from the application: always under exactly-once,
    /// otherwise with `consumer.isolation.level=read_committed`.
    pub fn read_committed(&self) -> bool {
        self.exactly_once() || self.client_text(CONSUMERS, "isolation.level") == "read_committed"
    }

    /// A setting under its name or an old one, else its default.
    pub(super) fn value(&self, key: &str) -> Option<Value> {
        let old = || {
            let mut old = KEYS.iter().filter(|old| old.support == Support::AliasOf(definition_name(key)));
            old.find_map(|old| self.values.get(old.name))
        };
        let set = self.values.get(key).or_else(old).cloned();
        set.or_else(|| definition(key).and_then(|definition| definition.default.value()))
    }

    fn int(&self, key: &str) -> i64 {
        as_int(key, self.value(key))
    }

    fn client_int(&self, prefixes: &[&str], name: &str) -> i64 {
        as_int(name, self.client_value(prefixes, name))
    }

    fn client_text(&self, prefixes: &[&str], name: &str) -> String {
        self.client_value(prefixes, name).map_or_else(String::new, |value| value.to_string())
    }

    fn size(&self, key: &str) -> usize {
        usize::try_from(self.int(key)).unwrap_or(usize::MAX)
    }

    fn flag(&self, key: &str) -> bool {
        self.value(key) == Some(Value::Bool(true))
    }

    fn text(&self, key: &str) -> String {
        self.value(key).map_or_else(String::new, |value| value.to_string())
    }

    fn text_if_set(&self, key: &str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    fn handler(&self, key: &str) -> BuiltInExceptionHandler {
        match self.text(key).as_str() {
            "LogAndContinue" => BuiltInExceptionHandler::LogAndContinue,
            _ => BuiltInExceptionHandler::LogAndFail,
        }
    }
}

/// Negative ones, of settings that may be switched off, are asked for before.
fn from_ms(ms: i64) -> Duration {
    Duration::from_millis(ms.max(0).unsigned_abs())
}

fn definition_name(key: &str) -> &'static str {
    definition(key).map_or("", |definition| definition.name)
}

/// A number always has a default and is checked when it is set, so anything else is a mistake in the table.
fn as_int(key: &str, value: Option<Value>) -> i64 {
    match value {
        Some(Value::Int(number)) => number,
        other => {
            debug_assert!(false, "{key} is not a number: {other:?}");
            0
        }
    }
}
