//! Topics: whether they are there, whether their partitions fit, and what their settings do to records.

use std::collections::BTreeMap;

use super::facts::{Cluster, Needs, Topic};
use super::finding::Finding;
use crate::diff::tasks;

/// Kafka's default of `message.timestamp.after.max.ms`.
const AFTER_MAX_MS: i64 = 3_600_000;

/// Kafka's default of `max.message.bytes`.
const RECORD_BYTES: i64 = 1_048_588;

/// All of it.
pub(super) fn check(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    existing(needs, cluster, found);
    joined(needs, cluster, found);
    changelogs(needs, cluster, found);
    repartition(needs, cluster, found);
    sizes(needs, cluster, found);
    times(needs, cluster, found);
}

/// Topics of others have to exist.
fn existing(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    for topic in needs.topology.inputs().into_iter().filter(|topic| !cluster.topics.contains_key(*topic)) {
        found.push(Finding::error(
            "source-topic",
            topic,
            "the source topic does not exist, or may not be seen: the application does not start",
            format!("create it (kafka-topics.sh --create --topic {topic}), or grant DESCRIBE on it"),
        ));
    }
    for topic in needs.topology.sinks.iter().filter(|topic| !cluster.topics.contains_key(*topic)) {
        found.push(Finding::error(
            "sink-topic",
            topic,
            "the topic of results does not exist, or may not be seen: results are refused",
            format!("create it (kafka-topics.sh --create --topic {topic}), or grant DESCRIBE on it"),
        ));
    }
}

/// Topics that meet in a join need equally many partitions.
fn joined(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    for (node, topics) in &needs.topology.joins {
        // Repartition topics get their number from the others, unless they exist.
        let counts: BTreeMap<String, i32> = topics
            .iter()
            .map(|topic| needs.topic(topic))
            .filter_map(|topic| Some((topic.clone(), cluster.topics.get(&topic)?.partitions)))
            .collect();
        let mut different: Vec<i32> = counts.values().copied().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() > 1 {
            let list: Vec<String> =
                counts.iter().map(|(topic, count)| format!("{topic} has {count}")).collect();
            found.push(Finding::error(
                "co-partitioning",
                node,
                format!("topics that are joined have different numbers of partitions: {}", list.join(", ")),
                "give them the same number, or repartition one of them before the join",
            ));
        }
    }
}

fn changelogs(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let counts = cluster.topics.iter().map(|(name, topic)| (name.clone(), topic.partitions)).collect();
    let tasks = tasks(&needs.topology, &needs.application_id, &counts);
    for (name, store) in needs.changelogs() {
        let Some(topic) = cluster.topics.get(&name) else { continue };
        let subtopology = needs.topology.stores.get(&store).and_then(|store| store.subtopology);
        let wanted = subtopology.and_then(|id| tasks.get(&id).copied().flatten());
        if let Some(wanted) = wanted.filter(|wanted| *wanted != topic.partitions) {
            found.push(Finding::error(
                "changelog-partitions",
                &name,
                format!(
                    "it has {} partitions, and {wanted} tasks need it: the start is refused",
                    topic.partitions
                ),
                "reset the application, or take a new application.id",
            ));
        }
        let Some(policy) = topic.settings.get("cleanup.policy") else { continue };
        let is_join = store.contains("JOIN") || store.contains("OUTER") || store.ends_with("-join-store");
        if !policy.contains("compact") && !is_join {
            found.push(Finding::error(
                "changelog-cleanup",
                &name,
                format!("cleanup.policy={policy}: rows that do not change are deleted, and missing after a restore"),
                "set it to compact, and to compact,delete for a windowed store",
            ));
        }
        if policy.contains("compact") && is_join {
            found.push(Finding::error(
                "changelog-cleanup",
                &name,
                format!("cleanup.policy={policy}: a join keeps several records of a key, of which one would be left"),
                "set it to delete",
            ));
        }
        if let Some(bytes @ 0..) = topic.number("retention.bytes").filter(|_| policy.contains("delete")) {
            found.push(Finding::warning(
                "changelog-size",
                &name,
                format!("retention.bytes={bytes}: if it grows beyond that, rows are missing after a restore"),
                "set it to -1",
            ));
        }
    }
}

fn repartition(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    for name in needs.repartition() {
        let Some(topic) = cluster.topics.get(&name) else { continue };
        if let Some(policy) = topic.settings.get("cleanup.policy").filter(|policy| *policy != "delete") {
            found.push(Finding::error(
                "repartition-cleanup",
                &name,
                format!("cleanup.policy={policy}: records of one key are lost before they are processed"),
                "set it to delete",
            ));
        }
        if let Some(ms) = topic.number("retention.ms").filter(|ms| *ms >= 0) {
            found.push(Finding::warning(
                "repartition-retention",
                &name,
                format!("retention.ms={ms}: records that are not processed by then are lost"),
                "set it to -1: the application deletes what it has processed",
            ));
        }
        if let Some(bytes) = topic.number("retention.bytes").filter(|bytes| *bytes >= 0) {
            found.push(Finding::warning(
                "repartition-retention",
                &name,
                format!("retention.bytes={bytes}: records beyond that are lost before they are processed"),
                "set it to -1",
            ));
        }
    }
}

/// The topics that the application writes and that exist.
fn written<'a>(needs: &Needs, cluster: &'a Cluster) -> BTreeMap<String, &'a Topic> {
    let names = needs.changelogs().into_keys().chain(needs.repartition()).chain(needs.topology.sinks.clone());
    names.filter_map(|name| cluster.topics.get(&name).map(|topic| (name, topic))).collect()
}

/// How large records may be.
fn sizes(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let sends = needs.record_bytes;
    for (name, topic) in written(needs, cluster) {
        let Some(takes) = topic.number("max.message.bytes").filter(|takes| *takes < sends) else { continue };
        found.push(Finding::warning(
            "record-size",
            &name,
            format!("max.message.bytes={takes}, while the application sends up to {sends}: what is between is refused"),
            format!("set it to {sends}, or producer.message.max.bytes={takes} in the application"),
        ));
    }
    if let Some((takes, broker)) = cluster.least("message.max.bytes").filter(|(takes, _)| *takes < sends) {
        found.push(Finding::warning(
            "record-size",
            format!("broker {broker}"),
            format!("message.max.bytes={takes}, while the application sends up to {sends}: new topics take no more"),
            format!("set topic.max.message.bytes={sends} in the application, for its internal topics"),
        ));
    }
    for topic in needs.topology.inputs() {
        let Some(reads) = cluster.topics.get(topic).and_then(|topic| topic.number("max.message.bytes"))
        else {
            continue;
        };
        if reads > sends && reads > RECORD_BYTES {
            found.push(Finding::note(
                "record-size",
                topic,
                format!("it takes records of {reads} bytes, and the application sends at most {sends}"),
                format!("if such records are passed on or kept, set producer.message.max.bytes={reads}"),
            ));
        }
    }
}

/// What topics do to the times of records.
fn times(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let is_append = |topic: &Topic| {
        topic.settings.get("message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime")
    };
    for (name, topic) in written(needs, cluster) {
        if is_append(topic) {
            let (what, change) = (
                "message.timestamp.type=LogAppendTime: the broker replaces the event time of each record",
                "set it to CreateTime",
            );
            found.push(if needs.topology.sinks.contains(&name) {
                Finding::note("timestamp-type", &name, what, "set it to CreateTime, unless it is meant")
            } else {
                Finding::error("timestamp-type", &name, what, change)
            });
            continue;
        }
        let before = topic.number("message.timestamp.before.max.ms").filter(|ms| *ms < i64::MAX);
        if let Some(ms) = before {
            found.push(Finding::warning(
                "timestamp-limits",
                &name,
                format!(
                    "message.timestamp.before.max.ms={ms}: records whose event time is older are refused"
                ),
                "set it to 9223372036854775807, or expect such records at the production exception handler",
            ));
        }
        let after = topic.number("message.timestamp.after.max.ms").filter(|ms| *ms < AFTER_MAX_MS);
        if let Some(ms) = after {
            found.push(Finding::warning(
                "timestamp-limits",
                &name,
                format!("message.timestamp.after.max.ms={ms}: records whose event time is that far ahead are refused"),
                format!("set it to {AFTER_MAX_MS} or more"),
            ));
        }
    }
    for topic in needs.topology.inputs() {
        if cluster.topics.get(topic).is_some_and(is_append) {
            found.push(Finding::note(
                "timestamp-type",
                topic,
                "message.timestamp.type=LogAppendTime: event time is when a record reached the broker",
                "set it to CreateTime if producers give records their time",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{cluster, needs, with_topic};
    use super::super::finding::Severity::{self, Error, Note, Warning};
    use super::*;
    use crate::topology::facts::Facts;
    use crate::topology::parse;

    const JOINED: &str = "Topologies:
   Sub-topology: 0
    Source: KSTREAM-SOURCE-0000000000 (topics: [orders])
      --> KSTREAM-JOIN-0000000002
    Source: KSTREAM-SOURCE-0000000001 (topics: [users, counts-repartition])
      --> KTABLE-SOURCE-0000000003
    Processor: KSTREAM-JOIN-0000000002 (stores: [users])
      --> out
      <-- KSTREAM-SOURCE-0000000000
    Processor: KTABLE-SOURCE-0000000003 (stores: [users])
      --> none
      <-- KSTREAM-SOURCE-0000000001
    Sink: out (topic: totals)
      <-- KSTREAM-JOIN-0000000002

";

    fn found(cluster: &Cluster) -> Vec<(&'static str, String, Severity)> {
        let mut found = Vec::new();
        let facts = Facts::of(&parse(JOINED).expect("a topology"));
        check(&needs(facts), cluster, &mut found);
        assert!(found.iter().all(|finding| !finding.change.is_empty()), "{found:?}");
        found.into_iter().map(|finding| (finding.check, finding.subject, finding.severity)).collect()
    }

    fn fits() -> Cluster {
        let topics = [("orders", 2), ("users", 2), ("totals", 1)];
        let mut all = cluster(&[]);
        for (name, partitions) in topics {
            all = with_topic(all, name, partitions, &[]);
        }
        let all = with_topic(all, "app-users-changelog", 2, &[("cleanup.policy", "compact")]);
        with_topic(all, "app-counts-repartition", 2, &[("cleanup.policy", "delete"), ("retention.ms", "-1")])
    }

    #[test]
    fn topics_that_fit_have_no_findings() {
        assert_eq!(found(&fits()), []);
    }

    #[test]
    fn topics_that_are_missing_are_found() {
        let one = |check: &'static str, topic: &str| (check, topic.to_owned(), Error);
        let none = found(&cluster(&[]));
        assert_eq!(
            none,
            [one("source-topic", "orders"), one("source-topic", "users"), one("sink-topic", "totals")]
        );
    }

    #[test]
    fn partitions_that_do_not_fit_are_found() {
        let grown = found(&with_topic(fits(), "orders", 4, &[]));
        let node = "KSTREAM-JOIN-0000000002".to_owned();
        let changelog = "app-users-changelog".to_owned();
        assert_eq!(grown, [("co-partitioning", node, Error), ("changelog-partitions", changelog, Error)]);
    }

    #[test]
    fn settings_that_lose_records_are_found() {
        for (topic, key, value, check, severity) in [
            ("app-users-changelog", "cleanup.policy", "delete", "changelog-cleanup", Error),
            ("app-counts-repartition", "cleanup.policy", "compact", "repartition-cleanup", Error),
            ("app-counts-repartition", "retention.ms", "604800000", "repartition-retention", Warning),
            ("app-counts-repartition", "retention.bytes", "1000", "repartition-retention", Warning),
            ("totals", "max.message.bytes", "1000", "record-size", Warning),
            ("orders", "max.message.bytes", "2000000", "record-size", Note),
            ("app-users-changelog", "message.timestamp.type", "LogAppendTime", "timestamp-type", Error),
            ("totals", "message.timestamp.type", "LogAppendTime", "timestamp-type", Note),
            ("orders", "message.timestamp.type", "LogAppendTime", "timestamp-type", Note),
            ("totals", "message.timestamp.before.max.ms", "1000", "timestamp-limits", Warning),
            ("totals", "message.timestamp.after.max.ms", "1000", "timestamp-limits", Warning),
        ] {
            let mut changed = fits();
            let settings = &mut changed.topics.get_mut(topic).expect("it is there").settings;
            settings.insert(key.to_owned(), value.to_owned());
            assert_eq!(found(&changed), [(check, topic.to_owned(), severity)], "{topic} {key}={value}");
        }
        let settings = [("cleanup.policy", "compact,delete"), ("retention.bytes", "1000")];
        let cut = found(&with_topic(fits(), "app-users-changelog", 2, &settings));
        assert_eq!(cut, [("changelog-size", "app-users-changelog".to_owned(), Warning)]);
    }
}
