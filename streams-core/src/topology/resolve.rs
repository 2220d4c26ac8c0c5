//! What a topology needs of Kafka, given the topics that exist: tasks, internal topics, partitions.
//!
//! Ported from Java's `RepartitionTopics`, `CopartitionedTopicsEnforcer`, `ChangelogTopics` and the check of existing
//! topics in `InternalTopicManager`. In this order:
//! 1. Every source topic that the application does not create itself must exist.
//! 2. An internal topic has its fixed number of partitions, or the largest number of any source topic of the
//!    sub-topologies that write to it.
//! 3. Within a co-partition group, source topics must agree, and internal topics without a fixed number follow them; a
//!    group of internal topics alone follows the fixed numbers in it, or else its largest.
//! 4. A sub-topology has as many tasks as its widest source topic has partitions, and so many partitions have the
//!    changelogs of its stores.
//! 5. An internal topic that exists must have the number of partitions found for it.

use std::collections::BTreeMap;

use super::defs::{NodeName, StoreName};
use super::error::TopologyError;
use super::graph::TopologyGraph;
use super::groups::{StoreChangelog, Subtopology};
use super::internal_topics::{
    InternalTopic, InternalTopicKind, changelog_configs, invalid_topic_name, repartition_configs,
};
use crate::ids::TopicName;

/// The settings that decide names and settings of internal topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveSettings {
    /// `application.id`.
    pub application_id: String,
    /// `windowstore.changelog.additional.retention.ms`.
    pub window_changelog_additional_retention_ms: i64,
    /// The configuration's `topic.` settings without that prefix.
    pub topic_configs: BTreeMap<String, String>,
}

impl ResolveSettings {
    /// The defaults for that application.
    pub fn new(application_id: impl Into<String>) -> Self {
        ResolveSettings {
            application_id: application_id.into(),
            window_changelog_additional_retention_ms: 24 * 60 * 60 * 1000,
            topic_configs: BTreeMap::new(),
        }
    }
}

/// A topology with every number known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTopology {
    /// The sub-topologies that make tasks, by ascending number; global ones are left out.
    pub subtopologies: Vec<ResolvedSubtopology>,
    /// Every topic that the application owns, whether it exists or not, by name.
    pub internal_topics: Vec<InternalTopic>,
    /// The topics that fill global stores, with their partitions, in the order the stores were added.
    pub global_topics: Vec<(TopicName, i32)>,
}

/// A sub-topology with its number of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedSubtopology {
    /// Its number.
    pub id: u32,
    /// How many tasks it has: as many as its widest source topic has partitions.
    pub tasks: i32,
    /// Its nodes in the order they were added.
    pub nodes: Vec<NodeName>,
    /// The topics it reads, with their partitions, by name.
    pub source_topics: Vec<(TopicName, i32)>,
    /// Those of them that the application creates itself.
    pub repartition_topics: Vec<TopicName>,
    /// The topics it is known to write to.
    pub sink_topics: Vec<TopicName>,
    /// The stores of each of its tasks.
    pub stores: Vec<StoreName>,
    /// The changelogs of those stores that have one; a task's partition of them is its own.
    pub changelogs: Vec<StoreChangelog>,
}

