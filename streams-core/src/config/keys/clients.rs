//! Settings of Kafka's clients: those that the runtime reads itself, and those of Java's clients that librdkafka does
//! not have.

use super::Importance::{High, Low, Medium};
use super::{Choice, DefaultValue, Definition, SettingKind};

const INT_MAX: i64 = i32::MAX as i64;

/// Settings of consumers that the runtime acts upon.
static CONSUMER: &[Definition] = &[
    Definition::new(
        "auto.offset.reset",
        SettingKind::Choice(&[Choice::new("earliest"), Choice::new("latest"), Choice::new("none")]),
        DefaultValue::Text("earliest"),
        High,
        "Where a partition without a committed offset is read from.",
    ),
    Definition::new(
        "isolation.level",
        SettingKind::Choice(&[Choice::new("read_uncommitted"), Choice::new("read_committed")]),
        DefaultValue::Unset("read_committed under exactly_once_v2, else read_uncommitted"),
        Medium,
        "Whether records of open and aborted transactions are read.",
    ),
    Definition::new(
        "max.poll.interval.ms",
        SettingKind::Int { min: 1, max: 86_400_000 },
        DefaultValue::Int(300_000),
        Medium,
        "How long a thread may take between two polls before it counts as stuck.",
    ),
    Definition::new(
        "max.poll.records",
        SettingKind::Int { min: 1, max: INT_MAX },
        DefaultValue::Int(1000),
        Low,
        "How many records a poll takes at most.",
    ),
];

/// Settings of producers that the runtime acts upon.
static PRODUCER: &[Definition] = &[
    Definition::new(
        "transaction.timeout.ms",
        SettingKind::Int { min: 1, max: INT_MAX },
        DefaultValue::Int(10_000),
        Medium,
        "How long the broker keeps a transaction open that makes no progress.",
    ),
    Definition::new(
        "compression.type",
        SettingKind::Choice(&[
            Choice::new("none"),
            Choice::new("gzip"),
            Choice::new("snappy"),
            Choice::new("lz4"),
            Choice::new("zstd"),
        ]),
        DefaultValue::Text("none"),
        Medium,
        "How batches are compressed.",
    ),
    Definition::new(
        "enable.idempotence",
        SettingKind::Bool,
        DefaultValue::Bool(true),
        Low,
        "Whether a retried send can be recognised; always true here.",
    ),
    Definition::new(
        "max.in.flight.requests.per.connection",
        SettingKind::Int { min: 1, max: 1_000_000 },
        DefaultValue::Unset("librdkafka's"),
        Low,
        "How many requests may be unanswered; at most 5, as producers are idempotent.",
    ),
];

/// The settings below a prefix that have a meaning to the runtime; the others of that prefix go to librdkafka as they
/// are.
pub fn client_keys(prefix: &str) -> &'static [Definition] {
    match prefix {
        "producer." => PRODUCER,
        prefix if prefix.ends_with("consumer.") => CONSUMER,
        _ => &[],
    }
}

/// Settings that the runtime decides, with the way to influence them.
pub(in crate::config) const RUNTIME_OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "all clients use bootstrap.servers"),
    ("metadata.broker.list", "all clients use bootstrap.servers"),
    ("client.id", "client ids begin with client.id"),
    ("group.id", "the group is application.id"),
    ("group.protocol", "set group.protocol without a prefix"),
    ("group.protocol.type", "set group.protocol without a prefix"),
    ("group.remote.assignor", "tasks are placed by the library"),
    ("partition.assignment.strategy", "tasks are placed by the library"),
    ("enable.auto.commit", "offsets are committed with the results; see commit.interval.ms"),
    ("enable.auto.offset.store", "offsets are committed with the results; see commit.interval.ms"),
    ("auto.commit.interval.ms", "offsets are committed with the results; see commit.interval.ms"),
    ("auto.commit.enable", "offsets are committed with the results; see commit.interval.ms"),
    ("offset.store.method", "offsets are committed with the results; see commit.interval.ms"),
    ("offset.store.path", "offsets are committed with the results; see commit.interval.ms"),
    ("offset.store.sync.interval.ms", "offsets are committed with the results; see commit.interval.ms"),
    ("topic.blacklist", "it would hide topics of the application; sources name the topics that are read"),
    ("enable.partition.eof", "restoring stores depends on the ends of partitions; leave it out"),
    ("delivery.report.only.error", "commits depend on the reports of records; leave it out"),
    ("enable.gapless.guarantee", "producers are idempotent, and failed work is repeated; leave it out"),
    ("log.queue", "what clients say is logged by the library; leave it out"),
    ("enabled_events", "the events of clients are the library's; leave it out"),
    ("api.version.request", "transactions depend on what brokers say they can do; leave it out"),
    ("broker.version.fallback", "transactions depend on what brokers say they can do; leave it out"),
    ("api.version.fallback.ms", "transactions depend on what brokers say they can do; leave it out"),
    ("allow.auto.create.topics", "create source topics first; internal topics are created by the library"),
    ("transactional.id", "transactional ids begin with application.id; see processing.guarantee"),
    ("key.serializer", "a type brings its serde"),
    ("value.serializer", "a type brings its serde"),
    ("key.deserializer", "a type brings its serde"),
    ("value.deserializer", "a type brings its serde"),
    ("partitioner.class", "set a StreamPartitioner with Produced"),
    ("partitioner", "set a StreamPartitioner with Produced"),
];

/// Settings of internal topics that the library decides.
pub(in crate::config) const INTERNAL_TOPICS_OWNED: &[(&str, &str)] = &[(
    "cleanup.policy",
    "it follows from what an internal topic is for, as another one deletes rows that a store still has, or records that \
     were not processed; leave it out",
)];

/// Settings of Java's clients that librdkafka would refuse at the start, with their replacements.
pub(in crate::config) const JAVA_ONLY: &[(&str, &str)] = &[
    ("sasl.jaas.config", "set sasl.username and sasl.password"),
    ("sasl.login.class", "leave it out"),
    ("sasl.login.callback.handler.class", "leave it out"),
    ("sasl.client.callback.handler.class", "leave it out"),
    ("ssl.truststore.location", "export the certificates as PEM and set ssl.ca.location"),
    ("ssl.truststore.password", "PEM certificates in ssl.ca.location need no password"),
    ("ssl.truststore.type", "PEM certificates go into ssl.ca.location"),
    ("ssl.truststore.certificates", "set ssl.ca.pem"),
    ("ssl.keystore.type", "the key store is read as PKCS#12; convert it"),
    ("ssl.keystore.key", "set ssl.key.pem"),
    ("ssl.keystore.certificate.chain", "set ssl.certificate.pem"),
    ("ssl.protocol", "leave it out: OpenSSL negotiates the version"),
    ("ssl.enabled.protocols", "leave it out: OpenSSL negotiates the version"),
    ("ssl.provider", "leave it out"),
    ("ssl.trustmanager.algorithm", "leave it out"),
    ("ssl.keymanager.algorithm", "leave it out"),
    ("ssl.secure.random.implementation", "leave it out"),
    ("ssl.engine.factory.class", "leave it out"),
    ("security.providers", "leave it out"),
    ("interceptor.classes", "leave it out"),
    ("metric.reporters", "leave it out"),
    ("buffer.memory", "set producer.queue.buffering.max.kbytes"),
    ("max.block.ms", "leave it out: a full queue is waited for up to task.timeout.ms"),
    ("max.request.size", "set producer.message.max.bytes"),
    ("fetch.max.wait.ms", "set consumer.fetch.wait.max.ms"),
    ("default.api.timeout.ms", "leave it out; see task.timeout.ms"),
    ("receive.buffer.bytes", "set socket.receive.buffer.bytes with the prefix"),
    ("send.buffer.bytes", "set socket.send.buffer.bytes with the prefix"),
    ("exclude.internal.topics", "leave it out: only subscribed topics are read"),
];

/// Settings of clients that are often written without their prefix, and the prefix.
pub(in crate::config) const PREFIX_OF: &[(&str, &str)] = &[
    ("acks", "producer."),
    ("auto.offset.reset", "consumer."),
    ("batch.size", "producer."),
    ("client.rack", "consumer."),
    ("compression.type", "producer."),
    ("delivery.timeout.ms", "producer."),
    ("enable.idempotence", "producer."),
    ("fetch.max.bytes", "consumer."),
    ("fetch.min.bytes", "consumer."),
    ("group.instance.id", "main.consumer."),
    ("heartbeat.interval.ms", "main.consumer."),
    ("isolation.level", "consumer."),
    ("linger.ms", "producer."),
    ("max.in.flight.requests.per.connection", "producer."),
    ("max.partition.fetch.bytes", "consumer."),
    ("max.poll.interval.ms", "consumer."),
    ("max.poll.records", "consumer."),
    ("retries", "producer."),
    ("session.timeout.ms", "main.consumer."),
    ("transaction.timeout.ms", "producer."),
];
