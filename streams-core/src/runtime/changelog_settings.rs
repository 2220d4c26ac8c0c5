//! Looks at the settings of changelogs that exist already: whether they are those of another kind of store, whether they keep
//! rows for as long as the store does, and for how long they show that a row was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::said::Said;
use super::topic_setup::ADMIN_TIMEOUT;
use crate::config::ConfigError;
use crate::error::{Error, Result};
use crate::ids::TopicName;
use crate::time::from_ms;
use crate::topology::{
    ChangelogKind, InternalTopic, InternalTopicKind, ResolvedTopology, StoreDef, TopologyGraph,
};
use crate::transport::{Admin, TopicInfo};

const CLEANUP_POLICY: &str = "cleanup.policy";
const DELETE_RETENTION_MS: &str = "delete.retention.ms";
const RETENTION_MS: &str = "retention.ms";
const RETENTION_BYTES: &str = "retention.bytes";
const MIN_COMPACTION_LAG_MS: &str = "min.compaction.lag.ms";

const UNKNOWN: &str = "the settings of changelogs are not known; they are taken to be as they should";

/// Kafka's default of `cleanup.policy`.
const CLEANUP_POLICY_DEFAULT: &str = "delete";

/// Refuses changelogs of another kind of store, and those that lose rows which the store still has. Gives how long each topic
/// that fills stores keeps deletions, in ms, where the broker says so.
pub(super) fn check(
    graph: &TopologyGraph,
    resolved: &ResolvedTopology,
    existing: &BTreeMap<TopicName, TopicInfo>,
    admin: &mut dyn Admin,
    said: &Said,
) -> Result<BTreeMap<TopicName, i64>> {
    let stores = resolved.subtopologies.iter().flat_map(|subtopology| &subtopology.stores);
    let mut topics: BTreeSet<TopicName> = stores.filter_map(|store| store.changelog.clone()).collect();
    topics.extend(resolved.global_topics.iter().map(|(topic, _)| Arc::clone(topic)));
    topics.retain(|topic| existing.contains_key(topic));
    let topics: Vec<_> = topics.into_iter().collect();
    let settings = match admin.topic_configs(&topics, ADMIN_TIMEOUT) {
        Ok(settings) => settings,
        Err(error) => {
            if said.is_new("settings of changelogs: no answer") {
                tracing::warn!(%error, "{UNKNOWN}");
            }
            return Ok(BTreeMap::new());
        }
    };
    let unknown = topics.iter().filter(|topic| !settings.contains_key(*topic)).map(|topic| &**topic);
    let unknown = unknown.collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() && said.is_new(format!("settings of changelogs {unknown}")) {
        tracing::warn!(topics = unknown, "{UNKNOWN}");
    }
    for topic in &resolved.internal_topics {
        if let (InternalTopicKind::Changelog(store), Some(found)) = (&topic.kind, settings.get(&topic.name)) {
            check_policy(store, topic, found)?;
            if let Some(store) = graph.store(store) {
                check_times(&store.name, store.changelog, topic, found)?;
            }
            check_size(store, topic, found, said);
        }
    }
    let kept = |(topic, settings): (TopicName, BTreeMap<String, String>)| {
        Some((topic, settings.get(DELETE_RETENTION_MS)?.parse().ok()?))
    };
    Ok(settings.into_iter().filter_map(kept).collect())
}

/// Refuses a policy that a store's own settings give its changelog, and that deletes rows which the store still has, or keeps
/// what it has forgotten. Asks no broker.
pub(super) fn check_own_policies(graph: &TopologyGraph) -> Result<()> {
    graph.stores().try_for_each(check_own_policy)
}

fn check_own_policy(store: &StoreDef) -> Result<()> {
    let needed = match store.changelog {
        ChangelogKind::KeyValue | ChangelogKind::Versioned { .. } => "compact",
        ChangelogKind::Window { .. } => "compact,delete",
        // Whatever is set has no effect.
        ChangelogKind::JoinWindow { .. } => return Ok(()),
    };
    match store.log_configs.get(CLEANUP_POLICY).filter(|set| words(set) != words(needed)) {
        None => Ok(()),
        Some(set) => Err(ConfigError::Conflict {
            key: CLEANUP_POLICY.to_owned(),
            value: set.clone(),
            other: format!("store {}, whose changelog needs {CLEANUP_POLICY}={needed}", store.name),
            fix: "leave it out of the settings of the store's logging".to_owned(),
        }
        .into()),
    }
}

fn check_policy(store: &str, topic: &InternalTopic, found: &BTreeMap<String, String>) -> Result<()> {
    let (needed, has) = (policy(&topic.configs), policy(found));
    if words(needed) == words(has) {
        return Ok(());
    }
    Err(Error::StoreKind {
        store: store.into(),
        found: format!(
            "its changelog {} has {CLEANUP_POLICY}={has}: it was of another kind under that name, or \
             topic.{CLEANUP_POLICY}, the store's logging or a tool has set that (then set it to {needed} with \
             kafka-configs.sh)",
            topic.name
        ),
        now: format!("{CLEANUP_POLICY}={needed}"),
        remedy: format!("delete topic {} and its local state to begin with an empty one", topic.name),
    })
}

/// A changelog must show a row for as long as the store has it: what the broker deletes before is missing in a restored
/// store, and of a versioned one what it compacts away. A store whose own settings ask for less gets less.
fn check_times(
    store: &str,
    kind: ChangelogKind,
    topic: &InternalTopic,
    found: &BTreeMap<String, String>,
) -> Result<()> {
    let (setting, kept_ms) = match kind {
        ChangelogKind::KeyValue => return Ok(()),
        ChangelogKind::Window { retention_ms } | ChangelogKind::JoinWindow { retention_ms } => {
            (RETENTION_MS, retention_ms)
        }
        ChangelogKind::Versioned { history_retention_ms } => (MIN_COMPACTION_LAG_MS, history_retention_ms),
    };
    let is_used = setting != RETENTION_MS || words(policy(found)).contains("delete");
    let ms = |settings: &BTreeMap<String, String>| settings.get(setting)?.parse::<i64>().ok();
    let Some(has_ms) = ms(found) else { return Ok(()) };
    let needs_ms = ms(&topic.configs).filter(|asked| *asked >= 0).map_or(kept_ms, |asked| asked.min(kept_ms));
    // Minus one is forever.
    if !is_used || has_ms == -1 || has_ms >= needs_ms {
        return Ok(());
    }
    Err(Error::ChangelogTooShort {
        store: store.into(),
        changelog: topic.name.to_string(),
        setting,
        has: from_ms(has_ms),
        needs: from_ms(needs_ms),
        sets: ms(&topic.configs).map_or(Some(needs_ms), |ms| (ms >= 0).then_some(ms)).map(from_ms),
    })
}

/// A limit of size may be far from being reached, or be the brokers' default: it is only logged.
fn check_size(store: &str, topic: &InternalTopic, found: &BTreeMap<String, String>, said: &Said) {
    let bytes = |settings: &BTreeMap<String, String>| settings.get(RETENTION_BYTES)?.parse::<i64>().ok();
    let Some(bytes @ 0..) = bytes(found).filter(|found| bytes(&topic.configs) != Some(*found)) else {
        return;
    };
    if words(policy(found)).contains("delete") && said.is_new(format!("size of {}: {bytes}", topic.name)) {
        tracing::warn!(
            store,
            changelog = %topic.name,
            "the changelog is cut at {RETENTION_BYTES}={bytes}: if it grows beyond that, rows are missing when the store is \
             restored; set it to -1, or give the store's logging the same if it is on purpose"
        );
    }
}

fn policy(settings: &BTreeMap<String, String>) -> &str {
    settings.get(CLEANUP_POLICY).map_or(CLEANUP_POLICY_DEFAULT, String::as_str)
}

fn words(policy: &str) -> BTreeSet<&str> {
    policy.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configs(policy: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(CLEANUP_POLICY.to_owned(), policy.to_owned())])
    }

    fn topic(policy: &str) -> InternalTopic {
        InternalTopic {
            name: "app-s-changelog".into(),
            partitions: 1,
            configs: configs(policy),
            kind: InternalTopicKind::Changelog("s".into()),
        }
    }

    /// Before: another kind of store was the only cause that was named.
    #[test]
    fn another_policy_names_the_setting_that_may_have_caused_it() {
        let error =
            check_policy("s", &topic("compact"), &configs("delete")).expect_err("is refused").to_string();
        for part in [
            "app-s-changelog",
            "cleanup.policy=delete",
            "topic.cleanup.policy",
            "set it to compact",
            "Rename",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(check_policy("s", &topic("compact,delete"), &configs("delete, compact")).is_ok());
    }

    /// Before: taken.
    #[test]
    fn the_policy_of_a_changelog_cannot_be_set_for_one_store_either() {
        const MS: i64 = 1_000;
        for (kind, set, needed) in [
            (ChangelogKind::KeyValue, "delete", "compact"),
            (ChangelogKind::KeyValue, "compact,delete", "compact"),
            (ChangelogKind::Versioned { history_retention_ms: MS }, "delete", "compact"),
            (ChangelogKind::Window { retention_ms: MS }, "compact", "compact,delete"),
        ] {
            let mut store = StoreDef::new("s", kind);
            store.log_configs = configs(set);
            let error = check_own_policy(&store).expect_err("is refused").to_string();
            let begin = format!("cleanup.policy={set} does not go together with store s");
            assert!(
                error.contains(&begin) && error.contains(&format!("cleanup.policy={needed};")),
                "{error}"
            );
            store.log_configs = configs(needed);
            assert!(check_own_policy(&store).is_ok(), "{needed}");
        }
        let mut join = StoreDef::new("s", ChangelogKind::JoinWindow { retention_ms: MS });
        join.log_configs = configs("compact");
        assert!(check_own_policy(&join).is_ok(), "it has no effect there");
    }
}
