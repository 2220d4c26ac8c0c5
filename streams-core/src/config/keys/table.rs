//! The table of settings, in the order of Kafka's documentation: by importance, then by name.

use state_stores::disk;

use super::Importance::{High, Low, Medium};
use super::Support::{AliasOf, Client, Ignored, NotHere, NotYet, Own};
use super::{Choice, DefaultValue, Definition, Importance, SettingKind};

const MIB: i64 = 1024 * 1024;
const INT_MAX: i64 = i32::MAX as i64;
const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

const HANDLERS: &[Choice] = &[
    Choice::with(
        "LogAndFail",
        &[
            "LogAndFailExceptionHandler",
            "LogAndFailProcessingExceptionHandler",
            "DefaultProductionExceptionHandler",
        ],
    ),
    Choice::with(
        "LogAndContinue",
        &["LogAndContinueExceptionHandler", "LogAndContinueProcessingExceptionHandler"],
    ),
];
const EXTRACTORS: &[Choice] = &[
    Choice::new("FailOnInvalidTimestamp"),
    Choice::new("LogAndSkipOnInvalidTimestamp"),
    Choice::new("UsePartitionTimeOnInvalidTimestamp"),
    Choice::new("WallclockTimestampExtractor"),
];
const DSL_STORES: &[Choice] = &[
    Choice::with("rocksDB", &["RocksDBDslStoreSuppliers"]),
    Choice::with("in_memory", &["InMemoryDslStoreSuppliers"]),
];
/// Where stores are on disk, if a database is compiled in.
const DSL_STORE: &str = if disk::IS_AVAILABLE { "rocksDB" } else { "in_memory" };
const OPTIMIZATIONS: &[&str] =
    &["reuse.ktable.source.topics", "merge.repartition.topics", "single.store.self.join"];

const SERDE_FIX: &str = "a type brings its serde; give another one with Consumed::with and its like";
const RACK_FIX: &str = "tasks are placed without regard to racks; leave it out";
const WARM_UP: &str = "there are no warm-up replicas: a task moves at once";

const fn flag(name: &'static str, default: bool, importance: Importance, doc: &'static str) -> Definition {
    Definition::new(name, SettingKind::Bool, DefaultValue::Bool(default), importance, doc)
}

/// A number from `min` up.
const fn number(
    name: &'static str,
    min: i64,
    default: i64,
    importance: Importance,
    doc: &'static str,
) -> Definition {
    Definition::new(
        name,
        SettingKind::Int { min, max: i64::MAX },
        DefaultValue::Int(default),
        importance,
        doc,
    )
}

/// A number from `min` up to Java's greatest `int`.
const fn small(
    name: &'static str,
    min: i64,
    default: i64,
    importance: Importance,
    doc: &'static str,
) -> Definition {
    Definition::new(name, SettingKind::Int { min, max: INT_MAX }, DefaultValue::Int(default), importance, doc)
}

const fn choice(
    name: &'static str,
    choices: &'static [Choice],
    default: &'static str,
    importance: Importance,
    doc: &'static str,
) -> Definition {
    Definition::new(name, SettingKind::Choice(choices), DefaultValue::Text(default), importance, doc)
}

/// Text that has no default; `default` says what happens without.
const fn text(
    name: &'static str,
    default: &'static str,
    importance: Importance,
    doc: &'static str,
) -> Definition {
    Definition::new(name, SettingKind::Text, DefaultValue::Unset(default), importance, doc)
}

/// A setting that is refused.
const fn refused(name: &'static str, importance: Importance, support: super::Support) -> Definition {
    text(name, "", importance, "Known to Kafka Streams; refused here.").is(support)
}

/// A number for all Kafka clients; librdkafka's default where it is not set.
const fn client(name: &'static str, min: i64, librdkafka: &'static str, doc: &'static str) -> Definition {
    let kind = SettingKind::Int { min, max: INT_MAX };
    Definition::new(name, kind, DefaultValue::Unset("librdkafka's"), Low, doc).is(Client(librdkafka))
}

/// Every setting without a prefix.
#[rustfmt::skip] // A table: one setting, one entry.
pub static KEYS: &[Definition] = &[
    // High.
    text("application.id", "required", High,
        "Names the application: group, changelog and repartition topics, transactional ids."),
    text("bootstrap.servers", "required", High,
        "host:port of some brokers, or `embedded:` or `embedded:PATH` for the broker inside the process."),
    small("num.standby.replicas", 0, 0, High, "Copies of each store that other instances keep up to date."),
    flag("processing.exception.handler.global.enabled", false, High,
        "Whether the processing exception handler also serves global stores.")
        .is(Ignored("an error in a global store's processor ends the application")),
    text("state.dir", "kafka-streams in the machine's folder for temporary files", High,
        "Where stores are kept; its own for each instance."),
    flag("ensure.explicit.internal.resource.naming", false, High,
        "Refuses topologies in which a store or internal topic has a generated name."),

    // Medium.
    number("acceptable.recovery.lag", 0, 10_000, Medium,
        "How many offsets behind an instance counts as caught up.").is(Ignored(WARM_UP)),
    number("cache.max.bytes.buffering", 0, 10 * MIB, Medium, "As statestore.cache.max.bytes.")
        .is(AliasOf("statestore.cache.max.bytes")),
    number("statestore.cache.max.bytes", 0, 10 * MIB, Medium,
        "Memory of the record caches of all threads; 0 forwards every update at once."),
    number("statestore.uncommitted.max.bytes", 1, 32 * MIB, Medium,
        "Memory of uncommitted writes of all threads; a thread that reaches its share commits early.")
        .is(Own),
    text("client.id", "application.id and a random id", Medium,
        "The prefix of client ids in the brokers' logs."),
    choice("default.deserialization.exception.handler", HANDLERS, "LogAndFail", Medium,
        "As deserialization.exception.handler.").is(AliasOf("deserialization.exception.handler")),
    refused("default.key.serde", Medium, NotHere(SERDE_FIX)),
    refused("default.list.key.serde.inner", Medium, NotHere(SERDE_FIX)),
    refused("default.list.value.serde.inner", Medium, NotHere(SERDE_FIX)),
    refused("default.list.key.serde.type", Medium, NotHere(SERDE_FIX)),
    refused("default.list.value.serde.type", Medium, NotHere(SERDE_FIX)),
    choice("default.production.exception.handler", HANDLERS, "LogAndFail", Medium,
        "As production.exception.handler.").is(AliasOf("production.exception.handler")),
    choice("default.timestamp.extractor", EXTRACTORS, "FailOnInvalidTimestamp", Medium,
        "Where the event time of records comes from, unless the source has its own extractor."),
    refused("default.value.serde", Medium, NotHere(SERDE_FIX)),
    choice("deserialization.exception.handler", HANDLERS, "LogAndFail", Medium,
        "What becomes of records that cannot be deserialized."),
    text("errors.dead.letter.queue.topic.name", "none", Medium,
        "Topic to which LogAndContinue and LogAndFail write the records they are asked about; it has to exist."),
    number("max.task.idle.ms", -1, 0, Medium,
        "How long a task waits for an empty input to keep the order of event time; -1 never waits."),
    small("max.warmup.replicas", 1, 2, Medium, "How many extra copies may warm up at a time.")
        .is(Ignored(WARM_UP)),
    // Far more exhaust the address space, and the process is aborted in the middle of a start.
    Definition::new("num.stream.threads", SettingKind::Int { min: 1, max: 1_000 }, DefaultValue::Int(1), Medium,
        "Threads that process."),
    choice("processing.exception.handler", HANDLERS, "LogAndFail", Medium,
        "What becomes of records whose processing fails."),
    choice("processing.guarantee",
        &[Choice::new("exactly_once_v2"), Choice::new("at_least_once")], "exactly_once_v2", Medium,
        "The guarantee for results after a crash. Kafka Streams defaults to at_least_once."),
    choice("production.exception.handler", HANDLERS, "LogAndFail", Medium,
        "What becomes of records that cannot be sent."),
    refused("task.assignor.class", Medium, NotHere("tasks are placed by the library; leave it out")),
    Definition::new("replication.factor", SettingKind::Int { min: -1, max: i16::MAX as i64 }, DefaultValue::Int(-1),
        Medium,
        "Copies of internal topics; -1 is the broker's default."),
    Definition::new("security.protocol", SettingKind::Choice(&[Choice::new("PLAINTEXT"), Choice::new("SSL"),
            Choice::new("SASL_PLAINTEXT"), Choice::new("SASL_SSL")]), DefaultValue::Unset("PLAINTEXT"),
        Medium,
        "The protocol of connections to the brokers.").is(Client("security.protocol")),
    number("task.timeout.ms", 0, 300_000, Medium,
        "How long a thread may repeat its work without a commit in between before that is an error."),
    Definition::new("topology.optimization", SettingKind::Options(OPTIMIZATIONS), DefaultValue::Text("none"), Medium,
        "Which optimisations of the topology are made."),
    choice("group.protocol", &[Choice::new("classic"), Choice::not_yet("streams")], "classic", Medium,
        "How instances find their tasks."),

    // Low.
    flag("allow.os.group.write.access", false, Low,
        "Lets the group of the OS user write to the state directory.")
        .is(Ignored("folders get the rights that the process's umask gives them")),
    text("application.server", "none", Low, "host:port at which this instance answers interactive queries.")
        .is(Ignored("there are no interactive queries yet")),
    small("buffered.records.per.partition", 1, 1000, Low,
        "Records buffered of each partition before it is paused."),
    choice("built.in.metrics.version", &[Choice::new("latest")], "latest", Low, "Which names metrics have."),
    Definition::new("commit.interval.ms", SettingKind::Int { min: 0, max: i64::MAX },
        DefaultValue::Unset("30000, or 100 under exactly_once_v2"), Low, "Milliseconds between commits."),
    refused("config.providers", Low, NotHere("put the values in before the configuration is made")),
    Definition::new("enable.metrics.push", SettingKind::Bool, DefaultValue::Unset("librdkafka's"), Low,
        "Whether the clients' metrics are pushed to the brokers.").is(Client("enable.metrics.push")),
    refused("rack.aware.assignment.non_overlap_cost", Low, NotYet(RACK_FIX)),
    choice("rack.aware.assignment.strategy",
        &[Choice::new("none"), Choice::not_yet("min_traffic"), Choice::not_yet("balance_subtopology")],
        "none", Low,
        "Whether tasks are placed near their partitions' leaders."),
    refused("rack.aware.assignment.tags", Low, NotYet(RACK_FIX)),
    refused("rack.aware.assignment.traffic_cost", Low, NotYet(RACK_FIX)),
    number("repartition.purge.interval.ms", 0, 30_000, Low,
        "Milliseconds between deletions of processed records of repartition topics."),
    client("connections.max.idle.ms", 0, "connections.max.idle.ms", "When idle connections are closed."),
    choice("default.dsl.store", DSL_STORES, DSL_STORE, Low, "As dsl.store.suppliers.class.")
        .is(AliasOf("dsl.store.suppliers.class")),
    choice("dsl.store.suppliers.class", DSL_STORES, DSL_STORE, Low, "Where the DSL keeps its stores."),
    choice("dsl.store.format", &[Choice::new("DEFAULT"), Choice::not_yet("HEADERS")], "DEFAULT", Low,
        "Whether the DSL's stores keep the headers of records."),
    refused("default.client.supplier", Low, NotHere("hand a Transport to the KafkaStreams builder")),
    number("log.summary.interval.ms", -1, 120_000, Low,
        "Milliseconds between summaries in the log; below 1, none.")
        .is(Ignored("read metrics from KafkaStreams instead")),
    client("metadata.max.age.ms", 1, "metadata.max.age.ms", "The age at which metadata of topics and leaders is refreshed."),
    small("metrics.num.samples", 1, 2, Low, "Samples that rates, means and extremes of metrics are of."),
    text("metric.reporters", "none", Low, "Java classes that report metrics.")
        .is(Ignored("read metrics from KafkaStreams instead; there is no JMX")),
    choice("metrics.recording.level", &[Choice::new("INFO"), Choice::new("DEBUG"), Choice::new("TRACE")],
        "INFO", Low,
        "How detailed metrics are."),
    number("metrics.sample.window.ms", 0, 30_000, Low, "How long such a sample lasts."),
    number("poll.ms", 0, 100, Low, "How long a thread waits for input."),
    number("probing.rebalance.interval.ms", 60_000, 600_000, Low,
        "Milliseconds between checks whether warm-up replicas have caught up.").is(Ignored(WARM_UP)),
    refused("processor.wrapper.class", Low, NotHere("wrap the processor suppliers where they are made")),
    client("receive.buffer.bytes", 0, "socket.receive.buffer.bytes", "Size of a socket's receive buffer."),
    client("reconnect.backoff.ms", 0, "reconnect.backoff.ms",
        "The first pause before a connection is retried."),
    client("reconnect.backoff.max.ms", 0, "reconnect.backoff.max.ms", "The longest such pause."),
    client("retry.backoff.ms", 1, "retry.backoff.ms", "The pause before a request is retried."),
    client("request.timeout.ms", 10, "socket.timeout.ms", "How long an answer is waited for."),
    Definition::new("metadata.recovery.strategy",
        SettingKind::Choice(&[Choice::new("rebootstrap"), Choice::new("none")]),
        DefaultValue::Unset("librdkafka's"), Low,
        "What to do when no known broker answers.").is(Client("metadata.recovery.strategy")),
    client("metadata.recovery.rebootstrap.trigger.ms", 0, "metadata.recovery.rebootstrap.trigger.ms",
        "When to return to bootstrap.servers."),
    number("client.buffer.max.bytes", 16 * MIB, 512 * MIB, Medium,
        "Memory of the Kafka clients of the application: records that were fetched and are not processed, and results \
         that are not acknowledged. It is divided over all partitions that the application has.")
        .is(Own),
    number("offsets.recommit.interval.ms", 1, HOUR_MS, Low,
        "How often the offset of a partition without new records is committed again. It has to be shorter than the \
         brokers' offsets.retention.minutes, after which they forget offsets that nobody commits.")
        .is(Own),
    number("rocksdb.block.cache.bytes", MIB, 64 * MIB, Medium,
        "Memory of the block cache that all RocksDB stores share. Kafka Streams gives each store 50 MB.")
        .is(Own),
    number("rocksdb.write.buffer.bytes", MIB, 64 * MIB, Medium,
        "Memory of the write buffers of all RocksDB stores. Kafka Streams gives each store 48 MB.")
        .is(Own),
    refused("rocksdb.config.setter", Low,
        NotHere("set rocksdb.block.cache.bytes and rocksdb.write.buffer.bytes, which bound all stores")),
    client("send.buffer.bytes", 0, "socket.send.buffer.bytes", "Size of a socket's send buffer."),
    number("state.cleanup.delay.ms", 0, 600_000, Low,
        "How long the state of a task that has moved away is kept."),
    number("state.cleanup.dir.max.age.ms", -1, -1, Low,
        "At the start, state of tasks that was not touched for this long is deleted; -1 deletes nothing."),
    refused("upgrade.from", Low,
        NotHere("stop the old application first: instances of another library cannot share a live group")),
    refused("windowed.inner.class.serde", Low, NotHere(SERDE_FIX)),
    number("windowstore.changelog.additional.retention.ms", 0, DAY_MS, Low,
        "Added to the retention of windowed changelogs, against clocks that differ."),
    refused("window.size.ms", Low,
        NotHere("read the topic with TimeWindowedSerde::new(serde, window_size)")),
    // Kafka's internal switches that change results; its own tests set them to 0.
    number("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0, 1000, Low,
        "The shortest time between two checks for unmatched records of outer joins."),
    number("__emit.interval.ms.kstreams.windowed.aggregation__", 0, 1000, Low,
        "The shortest time between two emissions of closed windows."),
    refused("__iq.consistency.offset.vector.enabled__", Low, NotYet("leave it out")),
    refused("__processing.threads.enabled__", Low,
        NotHere("polling never waits for processing; leave it out")),
    refused("__internal.override.topic.prefix__", Low, NotYet("internal topics begin with application.id")),
];
