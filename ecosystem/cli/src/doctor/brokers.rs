//! Transactions, replication, offsets and sessions: what brokers allow.

use super::facts::{Cluster, Needs};
use super::finding::Finding;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// All of it.
pub(super) fn check(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    if needs.exactly_once {
        transactions(needs, cluster, found);
    }
    replication(needs, cluster, found);
    offsets(needs, cluster, found);
    session(needs, cluster, found);
}

fn transactions(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let wanted = needs.transaction_timeout_ms;
    if let Some((allowed, broker)) =
        cluster.least("transaction.max.timeout.ms").filter(|(max, _)| *max < wanted)
    {
        found.push(Finding::error(
            "transaction-timeout",
            format!("broker {broker}"),
            format!(
                "transaction.max.timeout.ms={allowed} is less than the application's \
                 producer.transaction.timeout.ms={wanted}: its transactions are refused"
            ),
            format!("set the brokers' to {wanted} or more, or the application's to {allowed} or less"),
        ));
    }
    log_of(cluster, "__transaction_state", "transaction.state.log", "transactions", found);
}

/// One of the cluster's own logs: as many copies as there are brokers at most, and enough of them in sync.
fn log_of(cluster: &Cluster, topic: &str, prefix: &str, what: &str, found: &mut Vec<Finding>) {
    let factor = cluster.most(&format!("{prefix}.replication.factor"));
    let in_sync = cluster.most(&format!("{prefix}.min.isr"));
    let size = cluster.size();
    if let Some((copies, broker)) = factor {
        let exists = cluster.own_topics.contains(topic);
        if copies > size && !exists {
            found.push(Finding::error(
                "internal-log-replication",
                format!("broker {broker}"),
                format!(
                    "{prefix}.replication.factor={copies}, but {size} brokers are up: {topic} cannot be made, and {what} \
                     wait for it"
                ),
                format!("start {} brokers more, or set it to {size}", copies - size),
            ));
        }
        if copies == 1 && size > 1 {
            found.push(Finding::warning(
                "internal-log-replication",
                format!("broker {broker}"),
                format!("{prefix}.replication.factor=1: while one broker is down, some {what} stop"),
                "set it to 3, and add copies to the topic if it exists (kafka-reassign-partitions.sh)",
            ));
        }
    }
    if let Some((least, broker)) = in_sync {
        let copies = factor.map_or(size, |(copies, _)| copies).min(size);
        if least > copies {
            found.push(Finding::error(
                "internal-log-in-sync",
                format!("broker {broker}"),
                format!(
                    "{prefix}.min.isr={least}, but {topic} has at most {copies} copies: {what} are refused"
                ),
                format!("set it to {} or less, or start more brokers", copies.max(1)),
            ));
        } else if least == copies && copies > 1 {
            found.push(Finding::warning(
                "internal-log-in-sync",
                format!("broker {broker}"),
                format!(
                    "{prefix}.min.isr={least} is the number of copies: {what} stop when one broker is down"
                ),
                format!("set it to {}", least - 1),
            ));
        }
    }
}

/// Copies of internal topics.
fn replication(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let size = cluster.size();
    let default = cluster.most("default.replication.factor").map(|(copies, _)| copies);
    let copies = match needs.replication_factor {
        -1 => default,
        set => Some(i64::from(set)),
    };
    let Some(copies) = copies else { return };
    let name = match needs.replication_factor {
        -1 => "default.replication.factor of the brokers",
        _ => "replication.factor of the application",
    };
    if copies > size {
        found.push(Finding::error(
            "replication-factor",
            "internal topics",
            format!("{name} is {copies}, but {size} brokers are up: internal topics cannot be made"),
            format!("start more brokers, or set it to {size}"),
        ));
    } else if copies == 1 && size > 1 {
        found.push(Finding::warning(
            "replication-factor",
            "internal topics",
            format!("{name} is 1: changelogs have one copy, and a broker that is lost takes state with it"),
            "set replication.factor=3 in the application",
        ));
    }
    let in_sync = needs
        .topic_settings
        .get("min.insync.replicas")
        .and_then(|set| set.parse().ok())
        .or_else(|| cluster.most("min.insync.replicas").map(|(least, _)| least));
    if let Some(least) = in_sync.filter(|least| *least > copies.min(size)) {
        found.push(Finding::error(
            "in-sync-replicas",
            "internal topics",
            format!(
                "min.insync.replicas={least}, but they have {copies} copies: nothing can be written to them"
            ),
            format!(
                "set replication.factor={} in the application, or topic.min.insync.replicas to less",
                least + 1
            ),
        ));
    }
}

/// How long offsets are kept.
fn offsets(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    log_of(cluster, "__consumer_offsets", "offsets.topic", "groups", found);
    let Some((minutes, broker)) = cluster.least("offsets.retention.minutes") else { return };
    let kept_ms = minutes.saturating_mul(MINUTE_MS);
    if kept_ms <= needs.recommit_ms {
        found.push(Finding::error(
            "offsets-retention",
            format!("broker {broker}"),
            format!(
                "offsets.retention.minutes={minutes} is not longer than offsets.recommit.interval.ms={}: offsets of quiet \
                 partitions are forgotten",
                needs.recommit_ms
            ),
            format!(
                "set offsets.recommit.interval.ms of the application to {} or less, or offsets.retention.minutes to 10080",
                kept_ms / 3
            ),
        ));
    } else if kept_ms < DAY_MS {
        found.push(Finding::warning(
            "offsets-retention",
            format!("broker {broker}"),
            format!(
                "offsets.retention.minutes={minutes}: an application that is stopped for longer begins where \
                 auto.offset.reset says"
            ),
            "set it to 10080, which is a week",
        ));
    }
}

/// Lengths of sessions that the brokers allow.
fn session(needs: &Needs, cluster: &Cluster, found: &mut Vec<Finding>) {
    let wanted = needs.session_timeout_ms;
    let least = cluster.most("group.min.session.timeout.ms").filter(|(least, _)| *least > wanted);
    let most = cluster.least("group.max.session.timeout.ms").filter(|(most, _)| *most < wanted);
    let bound = least
        .map(|bound| ("group.min.session.timeout.ms", bound))
        .or(most.map(|bound| ("group.max.session.timeout.ms", bound)));
    if let Some((key, (bound, broker))) = bound {
        found.push(Finding::error(
            "session-timeout",
            format!("broker {broker}"),
            format!("{key}={bound} does not allow the application's session.timeout.ms={wanted}"),
            format!("set consumer.session.timeout.ms={bound} in the application"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::tests::{cluster, needs};
    use super::super::finding::Severity;
    use super::*;
    use crate::topology::facts::Facts;

    /// The checks that find something, and how bad it is.
    fn found(cluster: &Cluster) -> Vec<(&'static str, Severity)> {
        let mut found = Vec::new();
        check(&needs(Facts::default()), cluster, &mut found);
        assert!(found.iter().all(|finding| !finding.change.is_empty()), "{found:?}");
        found.into_iter().map(|finding| (finding.check, finding.severity)).collect()
    }

    #[test]
    fn a_cluster_that_fits_has_no_findings() {
        let fits = [
            ("transaction.max.timeout.ms", "900000"),
            ("transaction.state.log.replication.factor", "1"),
            ("transaction.state.log.min.isr", "1"),
            ("offsets.topic.replication.factor", "1"),
            ("default.replication.factor", "1"),
            ("min.insync.replicas", "1"),
            ("offsets.retention.minutes", "10080"),
            ("group.min.session.timeout.ms", "6000"),
            ("group.max.session.timeout.ms", "1800000"),
        ];
        assert_eq!(found(&cluster(&fits)), []);
        assert_eq!(found(&cluster(&[])), [], "what may not be seen is not judged");
    }

    #[test]
    fn each_setting_that_does_not_fit_is_found() {
        use Severity::{Error, Warning};
        for (key, value, check, severity) in [
            ("transaction.max.timeout.ms", "9999", "transaction-timeout", Error),
            ("transaction.state.log.replication.factor", "3", "internal-log-replication", Error),
            ("transaction.state.log.min.isr", "2", "internal-log-in-sync", Error),
            ("offsets.topic.replication.factor", "3", "internal-log-replication", Error),
            ("default.replication.factor", "2", "replication-factor", Error),
            ("offsets.retention.minutes", "60", "offsets-retention", Error),
            ("offsets.retention.minutes", "120", "offsets-retention", Warning),
            ("group.min.session.timeout.ms", "10001", "session-timeout", Error),
            ("group.max.session.timeout.ms", "9999", "session-timeout", Error),
        ] {
            assert_eq!(found(&cluster(&[(key, value)])), [(check, severity)], "{key}={value}");
        }
        let refused = [("default.replication.factor", "1"), ("min.insync.replicas", "2")];
        assert_eq!(found(&cluster(&refused)), [("in-sync-replicas", Error)]);
    }

    #[test]
    fn one_copy_among_several_brokers_is_a_warning() {
        let settings =
            [("transaction.state.log.replication.factor", "1"), ("default.replication.factor", "1")];
        let mut three = cluster(&settings);
        for id in [2, 3] {
            let same = three.brokers[&1].clone();
            three.brokers.insert(id, same);
        }
        let warnings =
            [("internal-log-replication", Severity::Warning), ("replication-factor", Severity::Warning)];
        assert_eq!(found(&three), warnings);
    }

    #[test]
    fn a_log_that_exists_is_not_made() {
        let mut one = cluster(&[("transaction.state.log.replication.factor", "3")]);
        one.own_topics.insert("__transaction_state".to_owned());
        assert_eq!(found(&one), []);
    }
}
