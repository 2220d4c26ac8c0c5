//! The topics that an application creates for itself, with the settings that Kafka Streams gives them.
//!
//! A setting is overridden in this order: the library's default, the configuration's `topic.` settings, the
//! store's own settings. A windowed store's retention and a versioned store's compaction lag come after the
//! configuration's: only the store's own settings override those.

use std::collections::BTreeMap;

use super::defs::{ChangelogKind, StoreDef};
use crate::ids::{StoreName, TopicName};

const CLEANUP_POLICY: &str = "cleanup.policy";
const MIN_COMPACTION_LAG_MS: &str = "min.compaction.lag.ms";
const RETENTION_MS: &str = "retention.ms";

/// How much longer than its history retention a versioned store's changelog stays uncompacted.
const VERSIONED_ADDITIONAL_COMPACTION_LAG_MS: i64 = 24 * 60 * 60 * 1000;

/// What an internal topic is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InternalTopicKind {
    /// Carries records from one sub-topology to another. Records that have been processed are to be deleted.
    Repartition,
    /// Logs the changes of a store.
    Changelog(StoreName),
}

/// A topic to create, unless it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalTopic {
    /// Its full name.
    pub name: TopicName,
    /// Its number of partitions.
    pub partitions: i32,
    /// Its settings.
    pub configs: BTreeMap<String, String>,
    /// What it is for.
    pub kind: InternalTopicKind,
}

/// A repartition topic's settings (`RepartitionTopicConfig`).
pub(super) fn repartition_configs(overrides: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut configs = defaults("delete");
    configs.insert("segment.bytes".into(), "52428800".into());
    configs.insert(RETENTION_MS.into(), "-1".into());
    configs.extend(overrides.clone());
    configs
}

/// A changelog's settings (`UnwindowedUnversionedChangelogTopicConfig`, `WindowedChangelogTopicConfig`,
/// `VersionedChangelogTopicConfig`).
pub(super) fn changelog_configs(
    store: &StoreDef,
    overrides: &BTreeMap<String, String>,
    additional_retention_ms: i64,
) -> BTreeMap<String, String> {
    let mut configs = defaults(match store.changelog {
        ChangelogKind::KeyValue | ChangelogKind::Versioned { .. } => "compact",
        ChangelogKind::Window { .. } | ChangelogKind::JoinWindow { .. } => "compact,delete",
    });
    configs.extend(overrides.clone());
    let kept = match store.changelog {
        ChangelogKind::KeyValue => None,
        ChangelogKind::Window { retention_ms } | ChangelogKind::JoinWindow { retention_ms } => {
            Some((RETENTION_MS, retention_ms.checked_add(additional_retention_ms)))
        }
        ChangelogKind::Versioned { history_retention_ms } => {
            let lag_ms = history_retention_ms.checked_add(VERSIONED_ADDITIONAL_COMPACTION_LAG_MS);
            Some((MIN_COMPACTION_LAG_MS, lag_ms))
        }
    };
    if let Some((key, ms)) = kept {
        configs.insert(key.into(), ms.unwrap_or(i64::MAX).to_string());
    }
    configs.extend(own_changelog_configs(store));
    configs
}

/// The settings that a store itself gives its changelog.
pub(super) fn own_changelog_configs(store: &StoreDef) -> BTreeMap<String, String> {
    let mut own = store.log_configs.clone();
    if let ChangelogKind::JoinWindow { .. } = store.changelog {
        // A join keeps several records of one key, so its changelog must never be compacted, whatever was
        // set.
        own.insert(CLEANUP_POLICY.into(), "delete".into());
    }
    own
}

fn defaults(cleanup_policy: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("message.timestamp.type".to_owned(), "CreateTime".to_owned()),
        (CLEANUP_POLICY.to_owned(), cleanup_policy.to_owned()),
    ])
}

#[cfg(test)]
mod tests;
