//! What every task of a sub-topology has in common, worked out once when the application starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use state_stores::RestoreFormat;

use crate::config::StreamsConfig;
use crate::error::{Error, Result};
use crate::ids::{PartitionId, TaskId, TopicName, TopicPartition};
use crate::store::StorePlace;
use crate::topology::{AutoOffsetReset, ResolvedSubtopology, ResolvedTopology, Topology};

/// Kafka's default of `delete.retention.ms`.
const DELETIONS_KEPT_MS: i64 = 86_400_000;

/// One store of a sub-topology.
#[derive(Clone, Debug)]
pub(crate) struct StorePlan {
    pub name: String,
    /// The changelog topic, if the store is logged.
    pub changelog: Option<TopicName>,
    /// Whether that is a source topic of the application (`reuse.ktable.source.topics`): it is never written to, and
    /// counts up to what the application has read of it.
    pub is_source: bool,
    pub format: RestoreFormat,
    pub place: StorePlace,
}

/// One sub-topology.
#[derive(Clone, Debug)]
pub(crate) struct SubtopologyPlan {
    pub id: u32,
    pub tasks: PartitionId,
    /// A topic whose partitions stand for the tasks in the group, where no single source topic does (decision 0015).
    pub task_topic: Option<TopicName>,
    /// Parents before children.
    pub nodes: Vec<String>,
    /// Source topics with their partition counts, in the order in which their sources were added: ties between equal
    /// timestamps go to the first.
    pub sources: Vec<(TopicName, PartitionId)>,
    /// Those of them whose processed records may be deleted.
    pub repartition_topics: Vec<TopicName>,
    pub stores: Vec<StorePlan>,
}

impl SubtopologyPlan {
    /// The partitions that a task reads.
    pub fn partitions_of(&self, task: TaskId) -> Vec<TopicPartition> {
        let present = self.sources.iter().filter(|(_, count)| task.partition < *count);
        present.map(|(topic, _)| TopicPartition::new(Arc::clone(topic), task.partition)).collect()
    }
}

/// The application as its threads see it.
pub(crate) struct Plan {
    pub topology: Topology,
    pub application_id: Arc<str>,
    pub subtopologies: BTreeMap<u32, SubtopologyPlan>,
    /// Undecorated name to name on the broker.
    pub internal_topics: BTreeMap<TopicName, TopicName>,
    pub global_topics: Vec<(TopicName, PartitionId)>,
    /// What members of the group have to agree about (decision 0015).
    pub fingerprint: String,
    /// The ids of the topics that existed, where the broker gives them ids.
    pub topic_ids: BTreeMap<TopicName, String>,
    /// How long topics that fill stores show at least that a row was deleted, in ms; what is missing is as Kafka's default.
    pub deletions_kept: BTreeMap<TopicName, i64>,
}

impl Plan {
    /// Works out the plan of a resolved topology.
    pub fn new(topology: Topology, config: &StreamsConfig, resolved: &ResolvedTopology) -> Result<Self> {
        let application_id: Arc<str> = config.application_id().into();
        let graph = topology.graph();
        let decorated =
            |(name, _): (&TopicName, _)| (Arc::clone(name), graph.decorate(&application_id, name));
        let internal_topics = graph.internal_topics().map(decorated).collect();
        let mut subtopologies = BTreeMap::new();
        for resolved in &resolved.subtopologies {
            subtopologies.insert(resolved.id, subtopology(&topology, &application_id, resolved)?);
        }
        let global_topics = resolved.global_topics.clone();
        let fingerprint = graph.fingerprint(&application_id);
        let (topic_ids, deletions_kept) = (BTreeMap::new(), BTreeMap::new());
        Ok(Plan {
            topology,
            application_id,
            subtopologies,
            internal_topics,
            global_topics,
            fingerprint,
            topic_ids,
            deletions_kept,
        })
    }

    /// Makes one sub-topology of all, so that one task has all nodes, if no topic has more than one partition.
    #[cfg(any(test, feature = "testing"))]
    pub fn unite_single_tasks(&mut self) {
        if self.subtopologies.len() < 2 || self.subtopologies.values().any(|one| one.tasks != 1) {
            return;
        }
        let graph = self.topology.graph();
        let mut parts = std::mem::take(&mut self.subtopologies).into_values();
        let Some(mut united) = parts.next() else { return };
        for part in parts {
            united.nodes.extend(part.nodes);
            united.sources.extend(part.sources);
            united.repartition_topics.extend(part.repartition_topics);
            united.stores.extend(part.stores);
        }
        let added = |node: &String| graph.nodes().iter().position(|other| *other.name == **node);
        united.nodes.sort_by_cached_key(added);
        let stored = |store: &StorePlan| graph.stores().position(|other| *other.name == *store.name);
        united.stores.sort_by_cached_key(stored);
        let read = |(topic, _): &(TopicName, PartitionId)| {
            let source = graph.source_of_topic(&self.application_id, topic);
            source.and_then(|source| added(&source.name.to_string()))
        };
        united.sources.sort_by_cached_key(read);
        self.subtopologies.insert(united.id, united);
    }

    pub fn subtopology(&self, task: TaskId) -> Result<&SubtopologyPlan> {
        self.subtopologies.get(&task.subtopology).ok_or_else(|| {
            Error::Internal(format!("task {task} belongs to no sub-topology of this application"))
        })
    }

    /// Where a source topic is read from without a committed offset, if its source says so. Of the application's own
    /// topics every record is meant for it, whatever is said of others.
    pub fn reset_of(&self, topic: &str) -> Option<AutoOffsetReset> {
        let of = |part: &SubtopologyPlan| part.repartition_topics.iter().any(|own| **own == *topic);
        if self.subtopologies.values().any(of) {
            return Some(AutoOffsetReset::Earliest);
        }
        self.topology.graph().offset_reset(&self.application_id, topic)
    }

    /// How many tasks have stores: each has a database.
    pub fn databases(&self) -> usize {
        let stateful = self.subtopologies.values().filter(|part| !part.stores.is_empty());
        stateful.map(|part| usize::try_from(part.tasks).unwrap_or(1)).sum()
    }

    /// For how long, at least, a topic that fills a store shows that a row was deleted, in ms (`delete.retention.ms`).
    pub fn deletions_kept_ms(&self, topic: &str) -> i64 {
        self.deletions_kept.get(topic).copied().unwrap_or(DELETIONS_KEPT_MS)
    }

    /// How many store instances all tasks have together: they share the cache.
    pub fn store_instances(&self) -> usize {
        let instances = |plan: &SubtopologyPlan| plan.stores.len() * usize::try_from(plan.tasks).unwrap_or(1);
        self.subtopologies.values().map(instances).sum()
    }
}

fn subtopology(
    topology: &Topology,
    application_id: &str,
    resolved: &ResolvedSubtopology,
) -> Result<SubtopologyPlan> {
    let changelog_of = |store: &str| {
        let logged = resolved.changelogs.iter().find(|changelog| &*changelog.store == store);
        logged.map(|changelog| (Arc::clone(&changelog.topic), changelog.is_source))
    };
    let stores = resolved.stores.iter().map(|name| {
        let factory = topology.store(name)?;
        let (changelog, is_source) = changelog_of(name).unzip();
        Ok(StorePlan {
            name: name.to_string(),
            changelog,
            is_source: is_source.unwrap_or(false),
            format: factory.restore_format(),
            place: factory.place(),
        })
    });
    let mut sources = Vec::new();
    for node in &resolved.nodes {
        for topic in topology.graph().topics_of_source(node) {
            let topic = topology.graph().decorate(application_id, topic);
            if let Some(source) = resolved.source_topics.iter().find(|(name, _)| *name == topic) {
                sources.push(source.clone());
            }
        }
    }
    let graph = topology.graph();
    Ok(SubtopologyPlan {
        id: resolved.id,
        tasks: resolved.tasks,
        task_topic: graph.task_topic(application_id, resolved.id, &resolved.nodes),
        nodes: resolved.nodes.iter().map(ToString::to_string).collect(),
        sources,
        repartition_topics: resolved.repartition_topics.clone(),
        stores: stores.collect::<Result<_>>()?,
    })
}
