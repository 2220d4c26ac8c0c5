//! Looks at the settings of changelogs that exist already: whether they are those of another kind of store, and for how
//! long they show that a row was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::ids::TopicName;
use crate::topology::{InternalTopic, ResolvedTopology};
use crate::transport::{Admin, TopicInfo};

const CLEANUP_POLICY: &str = "cleanup.policy";
const DELETE_RETENTION_MS: &str = "delete.retention.ms";

/// Kafka's default of `cleanup.policy`.
const CLEANUP_POLICY_DEFAULT: &str = "delete";

/// Refuses changelogs of another kind of store. Gives how long each topic that fills stores keeps deletions, in ms, where
/// the broker says so.
pub(super) fn check(
    resolved: &ResolvedTopology,
    existing: &BTreeMap<TopicName, TopicInfo>,
    admin: &mut dyn Admin,
    timeout: Duration,
) -> Result<BTreeMap<TopicName, i64>> {
    let changelogs = resolved.subtopologies.iter().flat_map(|subtopology| &subtopology.changelogs);
    let mut topics: BTreeSet<TopicName> = changelogs.map(|changelog| Arc::clone(&changelog.topic)).collect();
    topics.extend(resolved.global_topics.iter().map(|(topic, _)| Arc::clone(topic)));
    topics.retain(|topic| existing.contains_key(topic));
    let topics: Vec<_> = topics.into_iter().collect();
    let settings = match admin.topic_configs(&topics, timeout) {
        Ok(settings) => settings,
        Err(error) => {
            tracing::warn!(%error, "the settings of changelogs are not known; they are taken to be as they should");
            return Ok(BTreeMap::new());
        }
    };
    for topic in &resolved.internal_topics {
        if let Some(found) = settings.get(&topic.name) {
            check_policy(resolved, topic, found)?;
        }
    }
    let kept = |(topic, settings): (TopicName, BTreeMap<String, String>)| {
        Some((topic, settings.get(DELETE_RETENTION_MS)?.parse().ok()?))
    };
    Ok(settings.into_iter().filter_map(kept).collect())
}

fn check_policy(
    resolved: &ResolvedTopology,
    topic: &InternalTopic,
    found: &BTreeMap<String, String>,
) -> Result<()> {
    let changelogs = resolved.subtopologies.iter().flat_map(|subtopology| &subtopology.changelogs);
    let Some(changelog) = changelogs.into_iter().find(|changelog| changelog.topic == topic.name) else {
        return Ok(());
    };
    let policy = |settings: &BTreeMap<String, String>| {
        settings.get(CLEANUP_POLICY).map_or(CLEANUP_POLICY_DEFAULT, String::as_str).to_owned()
    };
    let (needed, has) = (policy(&topic.configs), policy(found));
    if words(&needed) == words(&has) {
        return Ok(());
    }
    Err(Error::StoreKind {
        store: changelog.store.to_string(),
        found: format!("its changelog {} has {CLEANUP_POLICY}={has}", topic.name),
        now: format!("{CLEANUP_POLICY}={needed}"),
        remedy: format!(
            "delete topic {} and its local state to begin with an empty one; if the setting is on purpose, give the store's \
             logging the same",
            topic.name
        ),
    })
}

fn words(policy: &str) -> BTreeSet<&str> {
    policy.split(',').map(str::trim).collect()
}
