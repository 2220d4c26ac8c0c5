//! The partitions of repartition topics, from the topics upstream of them (`RepartitionTopics`).
//!
//! A repartition topic gets the largest number of partitions of any source topic of the sub-topologies that
//! write to it. Where such a source topic is itself a repartition topic without a number yet, Java does not
//! wait for it if another source topic's number is known. The outcome then depends on the order in which
//! Java visits the topics, which is that of hash sets; it is repeated here, because an application that
//! moves over from Java must find its topics with the numbers they have.

use super::defs::ChangelogKind;
use super::graph::{NodeKind, TopologyGraph};
use super::groups::NodeGroup;
use super::internal_topics::own_changelog_configs;
use super::java_order::{hash_order, hash_set_order, long_hash, objects_hash, string_hash, string_map_hash};
use super::resolve::{Existing, RepartitionCounts, count_of};
use crate::error::TopologyError;
use crate::ids::{NodeName, TopicName};

/// `Boolean.FALSE.hashCode()`.
const FALSE_HASH: u32 = 1237;

impl TopologyGraph {
    /// Gives every repartition topic a number of partitions. Each round finds at least one, so there are no
    /// more rounds than topics.
    pub(super) fn derive_counts(
        &self,
        application_id: &str,
        subtopologies: &[NodeGroup],
        counts: &mut RepartitionCounts,
        existing: Existing<'_>,
    ) -> Result<(), TopologyError> {
        let order = self.visiting_order(application_id, subtopologies);
        let is_unknown = |counts: &RepartitionCounts, topic: &TopicName| {
            counts.get(topic).is_some_and(|count| count.partitions.is_none())
        };
        loop {
            let mut progress = false;
            for topic in &order {
                if !is_unknown(counts, topic) {
                    continue;
                }
                let largest = largest_upstream(subtopologies, topic, counts, existing);
                if let Some(count) = counts.get_mut(topic) {
                    count.partitions = largest;
                    progress |= largest.is_some();
                }
            }
            let mut unknown: Vec<_> =
                order.iter().filter(|topic| is_unknown(counts, topic)).cloned().collect();
            if unknown.is_empty() {
                return Ok(());
            }
            if !progress {
                unknown.sort();
                return Err(TopologyError::UnknownPartitionCount { topics: unknown });
            }
        }
    }

    /// The repartition topics in Java's order: a hash set of sub-topologies, with a hash map of topics in
    /// each.
    fn visiting_order(&self, application_id: &str, subtopologies: &[NodeGroup]) -> Vec<TopicName> {
        let mut hashed: Vec<_> = subtopologies.iter().map(|one| (self.topics_info_hash(one), one)).collect();
        hash_order(&mut hashed, |(hash, _)| *hash);
        hashed
            .into_iter()
            .flat_map(|(_, one)| self.repartition_topics_in_order(application_id, one))
            .collect()
    }

    fn repartition_topics_in_order(&self, application_id: &str, subtopology: &NodeGroup) -> Vec<TopicName> {
        let mut nodes: Vec<&NodeName> = subtopology.nodes.iter().collect();
        hash_set_order(&mut nodes);
        let mut topics = Vec::new();
        for node in nodes.into_iter().filter_map(|name| self.node(name)) {
            if let NodeKind::Source(def) = &node.kind {
                let internal = def.topics.iter().filter(|topic| self.is_internal(topic));
                topics.extend(internal.map(|topic| self.decorate(application_id, topic)));
            }
        }
        hash_set_order(&mut topics);
        topics
    }

    /// `TopicsInfo.hashCode`.
    fn topics_info_hash(&self, subtopology: &NodeGroup) -> u32 {
        let sources =
            subtopology.source_topics.iter().map(|topic| string_hash(topic)).fold(0, u32::wrapping_add);
        let mut changelogs = 0u32;
        for store in &subtopology.stores {
            let Some(topic) = &store.changelog else { continue };
            let (name, def) = (string_hash(topic), store.factory.definition());
            let configs = string_map_hash(&own_changelog_configs(&def));
            let config = match def.changelog {
                ChangelogKind::KeyValue => objects_hash(&[name, configs, FALSE_HASH]),
                ChangelogKind::Window { retention_ms: ms }
                | ChangelogKind::JoinWindow { retention_ms: ms }
                | ChangelogKind::Versioned { history_retention_ms: ms } => {
                    objects_hash(&[name, configs, long_hash(ms), FALSE_HASH])
                }
            };
            changelogs = changelogs.wrapping_add(name ^ config);
        }
        // The lower half's sign fills the upper half, as it does in Java.
        let both = (i64::from(sources.cast_signed()) << 32) | i64::from(changelogs.cast_signed());
        (both % 0xFFFF_FFFF) as u32
    }
}

/// The largest number of partitions, as far as numbers are known, of the source topics of the
/// sub-topologies that write to a topic.
fn largest_upstream(
    subtopologies: &[NodeGroup],
    topic: &TopicName,
    counts: &RepartitionCounts,
    existing: Existing<'_>,
) -> Option<i32> {
    let writers = subtopologies.iter().filter(|subtopology| subtopology.sink_topics.contains(topic));
    writers
        .flat_map(|writer| &writer.source_topics)
        .filter_map(|source| count_of(source, counts, existing))
        .max()
}
