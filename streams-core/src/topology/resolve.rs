//! What a topology needs of Kafka, given the topics that exist: tasks, internal topics, partitions.
//!
//! Ported from Java's `RepartitionTopics`, `CopartitionedTopicsEnforcer`, `ChangelogTopics` and the check
//! of existing topics in `InternalTopicManager`. In this order:
//! 1. Every source topic that the application does not create itself must exist.
//! 2. An internal topic has its fixed number of partitions, or the largest number of any source topic of the
//!    sub-topologies that write to it (`derive`).
//! 3. Within a co-partition group, source topics must agree, and internal topics without a fixed number
//!    follow them; a group of internal topics alone follows the fixed numbers in it, or else its largest.
//! 4. A sub-topology has as many tasks as its widest source topic has partitions, and as many partitions
//!    have the changelogs of its stores.
//! 5. An internal topic that exists must have the number of partitions found for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::graph::TopologyGraph;
use super::groups::{NodeGroup, SubtopologyStore};
use super::internal_topics::{InternalTopic, InternalTopicKind, changelog_configs, repartition_configs};
use crate::error::TopologyError;
use crate::ids::{NodeName, PartitionId, TaskId, TopicName, TopicPartition, invalid_topic_name};

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
#[derive(Clone, Debug)]
pub struct ResolvedTopology {
    /// The sub-topologies that make tasks, by ascending number; global ones are left out.
    pub subtopologies: Vec<Subtopology>,
    /// Every topic that the application owns, whether it exists or not, by name.
    pub internal_topics: Vec<InternalTopic>,
    /// The topics that fill global stores, with their partitions, in the order the stores were added.
    pub global_topics: Vec<(TopicName, PartitionId)>,
}

/// A sub-topology with its numbers of partitions: what its tasks have in common.
#[derive(Clone, Debug)]
pub struct Subtopology {
    /// Its number.
    pub id: u32,
    /// How many tasks it has: as many as its widest source topic has partitions.
    pub tasks: PartitionId,
    /// A topic whose partitions stand for the tasks in the group, where no single source topic does (decision 0015).
    pub task_topic: Option<TopicName>,
    /// Its nodes in the order they were added, parents before children.
    pub nodes: Vec<NodeName>,
    /// The topics it reads, with their partitions, in the order in which their sources were added: ties between equal
    /// timestamps go to the first.
    pub sources: Vec<(TopicName, PartitionId)>,
    /// Those of them that the application creates itself; what was processed of them may be deleted.
    pub repartition_topics: Vec<TopicName>,
    /// The stores of each of its tasks; a task's partition of a changelog is its own.
    pub stores: Vec<SubtopologyStore>,
}

impl Subtopology {
    /// The partitions that a task reads.
    pub(crate) fn partitions_of(&self, task: TaskId) -> Vec<TopicPartition> {
        let present = self.sources.iter().filter(|(_, count)| task.partition < *count);
        present.map(|(topic, _)| TopicPartition::new(Arc::clone(topic), task.partition)).collect()
    }
}

/// The number of partitions of the topic of that name, if it exists.
pub(super) type Existing<'a> = &'a dyn Fn(&str) -> Option<i32>;

/// Every repartition topic with its number of partitions as far as it is known, and whether that is fixed.
pub(super) type RepartitionCounts = BTreeMap<TopicName, RepartitionCount>;

#[derive(Clone, Copy, Debug)]
pub(super) struct RepartitionCount {
    pub(super) partitions: Option<i32>,
    pub(super) fixed: bool,
}

impl TopologyGraph {
    /// Tasks, internal topics and partitions of this topology, where `existing` knows the topics that
    /// exist, internal ones included.
    pub fn resolve(
        &self,
        settings: &ResolveSettings,
        existing: &dyn Fn(&str) -> Option<i32>,
    ) -> Result<ResolvedTopology, TopologyError> {
        self.validate()?;
        let mut subtopologies = self.subtopologies(&settings.application_id);
        subtopologies.retain(|subtopology| !subtopology.is_global);
        check_sources_exist(&subtopologies, existing)?;
        let global_topics = self.resolve_global(existing)?;

        let mut counts = self.repartition_counts(settings);
        self.derive_counts(&settings.application_id, &subtopologies, &mut counts, existing)?;
        for group in self.copartitioned_topics(&settings.application_id) {
            enforce_copartitioning(&group.into_iter().collect::<Vec<_>>(), &mut counts, existing)?;
        }

        let mut internal_topics: Vec<InternalTopic> = counts
            .iter()
            .filter_map(|(name, count)| {
                let (configs, kind) =
                    (repartition_configs(&settings.topic_configs), InternalTopicKind::Repartition);
                Some(InternalTopic { name: name.clone(), partitions: count.partitions?, configs, kind })
            })
            .collect();
        let mut resolved = Vec::with_capacity(subtopologies.len());
        for subtopology in subtopologies {
            let subtopology = self.resolve_subtopology(settings, subtopology, &counts, existing);
            internal_topics.extend(self.changelogs(settings, &subtopology));
            resolved.push(subtopology);
        }
        internal_topics.sort_by(|one, other| one.name.cmp(&other.name));
        check_internal(&internal_topics, existing)?;
        Ok(ResolvedTopology { subtopologies: resolved, internal_topics, global_topics })
    }

    fn resolve_global(&self, existing: Existing<'_>) -> Result<Vec<(TopicName, PartitionId)>, TopologyError> {
        let resolve = |global: &super::graph::GlobalStore| match existing(&global.topic) {
            Some(partitions) => Ok((global.topic.clone(), partitions)),
            None => Err(TopologyError::MissingGlobalTopic {
                topic: global.topic.clone(),
                store: global.store.name.clone(),
            }),
        };
        self.global_stores().iter().map(resolve).collect()
    }

    /// The internal topics that some source reads; Java creates no others.
    fn repartition_counts(&self, settings: &ResolveSettings) -> RepartitionCounts {
        let entry = |(topic, def): (&TopicName, &super::defs::InternalTopicDef)| {
            let name = self.decorate(&settings.application_id, topic);
            self.source_of_topic(&settings.application_id, &name)?;
            Some((name, RepartitionCount { partitions: def.partitions, fixed: def.partitions.is_some() }))
        };
        self.internal_topics().filter_map(entry).collect()
    }

    /// The changelogs that a sub-topology needs beyond its source topics.
    fn changelogs(&self, settings: &ResolveSettings, subtopology: &Subtopology) -> Vec<InternalTopic> {
        let topic = |store: &SubtopologyStore| {
            Some(InternalTopic {
                name: store.changelog.clone()?,
                partitions: subtopology.tasks,
                configs: changelog_configs(
                    &store.factory.definition(),
                    &settings.topic_configs,
                    settings.window_changelog_additional_retention_ms,
                ),
                kind: InternalTopicKind::Changelog(store.name.clone()),
            })
        };
        subtopology.stores.iter().filter(|store| !store.is_source).filter_map(topic).collect()
    }

    /// A sub-topology's tasks, and the partitions of its changelogs (rule 4 of the module).
    fn resolve_subtopology(
        &self,
        settings: &ResolveSettings,
        subtopology: NodeGroup,
        counts: &RepartitionCounts,
        existing: Existing<'_>,
    ) -> Subtopology {
        let application_id = &settings.application_id;
        let topics = subtopology.nodes.iter().flat_map(|node| self.topics_of_source(node));
        let full = topics.map(|topic| self.decorate(application_id, topic));
        let sized = |topic: TopicName| count_of(&topic, counts, existing).map(|count| (topic, count));
        let sources: Vec<_> = full.filter_map(sized).collect();
        Subtopology {
            id: subtopology.id,
            tasks: sources.iter().map(|(_, partitions)| *partitions).max().unwrap_or(0),
            task_topic: self.task_topic(application_id, subtopology.id, &subtopology.nodes),
            nodes: subtopology.nodes,
            sources,
            repartition_topics: subtopology.repartition_topics,
            stores: subtopology.stores,
        }
    }
}

/// Every source topic that others write must exist (rule 1 of the module).
fn check_sources_exist(subtopologies: &[NodeGroup], existing: Existing<'_>) -> Result<(), TopologyError> {
    let mut missing = BTreeMap::new();
    for subtopology in subtopologies {
        let external =
            subtopology.source_topics.iter().filter(|topic| !subtopology.repartition_topics.contains(topic));
        let absent: Vec<_> = external.filter(|topic| existing(topic).is_none()).cloned().collect();
        if !absent.is_empty() {
            missing.insert(subtopology.id, absent);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut topics: Vec<_> = missing.values().flatten().cloned().collect();
    topics.sort();
    Err(TopologyError::MissingSourceTopics { topics, subtopologies: missing })
}

pub(super) fn count_of(topic: &TopicName, counts: &RepartitionCounts, existing: Existing<'_>) -> Option<i32> {
    match counts.get(topic) {
        Some(count) => count.partitions,
        None => existing(topic),
    }
}

/// Topics of one group have one number of partitions (rule 3 of the module). Java skips it in a topology without repartition
/// topics and so joins mismatched topics silently; here it always holds.
fn enforce_copartitioning(
    group: &[TopicName],
    counts: &mut RepartitionCounts,
    existing: Existing<'_>,
) -> Result<(), TopologyError> {
    let (internal, external): (Vec<_>, Vec<_>) = group.iter().partition(|topic| counts.contains_key(*topic));
    let with_counts = |topics: &[&TopicName], counts: &RepartitionCounts| -> BTreeMap<TopicName, i32> {
        let count = |topic: &&TopicName| Some(((*topic).clone(), count_of(topic, counts, existing)?));
        topics.iter().filter_map(count).collect()
    };
    let sources = with_counts(&external, counts);
    let decided = if let Some(&first) = sources.values().next() {
        if sources.values().any(|&count| count != first) {
            return Err(TopologyError::NotCopartitioned { topics: sources });
        }
        first
    } else {
        let fixed = || internal.iter().filter_map(|topic| counts.get(*topic)).filter(|count| count.fixed);
        let mut numbers: Vec<i32> = fixed().filter_map(|count| count.partitions).collect();
        numbers.dedup();
        let all = with_counts(&internal, counts);
        match numbers.as_slice() {
            [] => all.values().copied().max().unwrap_or(1),
            [one] => *one,
            _ => return Err(TopologyError::RepartitionCountsDiffer { topics: all }),
        }
    };
    for topic in internal {
        let Some(count) = counts.get_mut(topic) else { continue };
        match count.partitions {
            Some(partitions) if count.fixed && partitions != decided => {
                let topic = topic.clone();
                return Err(TopologyError::RepartitionCountMismatch {
                    topic,
                    partitions,
                    expected: decided,
                    sources,
                });
            }
            _ => count.partitions = Some(decided),
        }
    }
    Ok(())
}

/// An internal topic that exists must fit (rule 5 of the module), and its name must be one that topics may have.
fn check_internal(topics: &[InternalTopic], existing: Existing<'_>) -> Result<(), TopologyError> {
    for topic in topics {
        if let Some(reason) = invalid_topic_name(&topic.name) {
            return Err(TopologyError::InvalidTopicName { topic: topic.name.clone(), reason });
        }
    }
    let wrong: BTreeMap<_, _> = topics
        .iter()
        .filter_map(|topic| {
            let actual = existing(&topic.name).filter(|&actual| actual != topic.partitions)?;
            Some((topic.name.clone(), (topic.partitions, actual)))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(TopologyError::InternalTopicCount { topics: wrong }) }
}

#[cfg(test)]
mod tests;
