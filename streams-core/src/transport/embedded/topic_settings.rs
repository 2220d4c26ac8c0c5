//! Topics that Kafka would not create, so that what runs here runs there.

use std::collections::BTreeMap;

/// What a topic may be given (`org.apache.kafka.storage.internals.log.LogConfig`, of 3.9 to 4.x).
const KNOWN: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.log.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];

/// How many partitions one request may create (`ReplicationControlManager.MAX_PARTITIONS_PER_BATCH`).
const PARTITIONS_MAX: usize = 10_000;

/// Says why this many partitions are not created at once, if they are too many.
pub(super) fn too_many(partitions: usize) -> Option<String> {
    (partitions > PARTITIONS_MAX).then(|| {
        format!("{partitions} partitions at once are more than the {PARTITIONS_MAX} that Kafka creates; choose fewer")
    })
}

/// What is wrong with a topic's settings, if anything is.
pub(super) fn mistake(configs: &BTreeMap<String, String>) -> Option<String> {
    configs.iter().find_map(|(key, value)| mistake_of(key, value))
}

fn mistake_of(key: &str, value: &str) -> Option<String> {
    if !KNOWN.contains(&key) {
        return Some(format!("a topic has no setting {key}; see Kafka's topic configs for how it is spelt"));
    }
    if key == "cleanup.policy" {
        let is_policy = |word: &str| matches!(word.trim(), "compact" | "delete" | "");
        return (!value.split(',').all(is_policy))
            .then(|| format!("cleanup.policy={value} is not possible; it takes compact, delete, or both"));
    }
    let is_number =
        [".ms", ".bytes", ".messages", ".replicas", ".level"].iter().any(|end| key.ends_with(end))
            && !key.ends_with(".throttled.replicas");
    (is_number && value.trim().parse::<i64>().is_err())
        .then(|| format!("{key}={value} is not possible; it takes a whole number"))
}
