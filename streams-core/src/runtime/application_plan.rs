//! What the tasks of a sub-topology share, computed once when the application starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::StreamsConfig;
use crate::error::{Error, Result};
#[cfg(any(test, feature = "testing"))]
use crate::ids::NodeName;
use crate::ids::{PartitionId, TaskId, TopicName};
#[cfg(any(test, feature = "testing"))]
use crate::topology::SubtopologyStore;
use crate::topology::{AutoOffsetReset, ResolvedTopology, Subtopology, Topology};

/// Kafka's default of `delete.retention.ms`.
const DELETIONS_KEPT_MS: i64 = 86_400_000;

/// The application as its threads see it.
pub(crate) struct ApplicationPlan {
    pub topology: Topology,
    pub application_id: Arc<str>,
    pub subtopologies: BTreeMap<u32, Subtopology>,
    /// Undecorated name to name on the broker.
    pub internal_topics: BTreeMap<TopicName, TopicName>,
    pub global_topics: Vec<(TopicName, PartitionId)>,
    /// What the members of the group must agree about (decision 0015).
    pub fingerprint: String,
    /// The ids of the topics that existed, where the broker gives them ids.
    pub topic_ids: BTreeMap<TopicName, String>,
    /// How long topics that fill stores show at least that a row was deleted, in ms; what is missing is as Kafka's default.
    pub deletions_kept: BTreeMap<TopicName, i64>,
}

impl ApplicationPlan {
    /// Works out the plan of a resolved topology.
    pub fn new(topology: Topology, config: &StreamsConfig, resolved: ResolvedTopology) -> Self {
        let application_id: Arc<str> = config.application_id().into();
        let graph = topology.graph();
        let decorated =
            |(name, _): (&TopicName, _)| (Arc::clone(name), graph.decorate(&application_id, name));
        let internal_topics = graph.internal_topics().map(decorated).collect();
        let subtopologies = resolved.subtopologies.into_iter().map(|part| (part.id, part)).collect();
        let global_topics = resolved.global_topics;
        let fingerprint = graph.fingerprint(&application_id);
        let (topic_ids, deletions_kept) = (BTreeMap::new(), BTreeMap::new());
        ApplicationPlan {
            topology,
            application_id,
            subtopologies,
            internal_topics,
            global_topics,
            fingerprint,
            topic_ids,
            deletions_kept,
        }
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
        let added = |node: &NodeName| graph.nodes().iter().position(|other| other.name == *node);
        united.nodes.sort_by_cached_key(added);
        let stored = |store: &SubtopologyStore| graph.stores().position(|other| other.name == store.name);
        united.stores.sort_by_cached_key(stored);
        let read = |(topic, _): &(TopicName, PartitionId)| {
            let source = graph.source_of_topic(&self.application_id, topic);
            source.and_then(|source| added(&source.name))
        };
        united.sources.sort_by_cached_key(read);
        self.subtopologies.insert(united.id, united);
    }

    pub fn subtopology(&self, task: TaskId) -> Result<&Subtopology> {
        self.subtopologies.get(&task.subtopology).ok_or_else(|| {
            Error::Internal(format!("task {task} belongs to no sub-topology of this application"))
        })
    }

    /// Where a source topic is read from without a committed offset, if its source says so. Of the application's own
    /// topics every record is meant for it, whatever is said of others.
    pub fn reset_of(&self, topic: &str) -> Option<AutoOffsetReset> {
        let of = |part: &Subtopology| part.repartition_topics.iter().any(|own| **own == *topic);
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
        let instances = |plan: &Subtopology| plan.stores.len() * usize::try_from(plan.tasks).unwrap_or(1);
        self.subtopologies.values().map(instances).sum()
    }
}
