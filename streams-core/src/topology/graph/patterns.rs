//! Sources that name their topics by a pattern.

use std::collections::BTreeSet;

use super::{Node, NodeKind, TopologyGraph};
use crate::ids::TopicName;
use crate::topology::{NodeName, TopicPattern, TopologyError};

impl TopologyGraph {
    /// Makes each source with a pattern read those existing topics that match it, and no others. It excludes topics that the
    /// application itself creates, and the broker's own, whose names begin with two underscores.
    pub fn match_topics(
        &mut self,
        application_id: &str,
        existing: &[TopicName],
    ) -> Result<(), TopologyError> {
        let mut own: BTreeSet<TopicName> =
            self.internal_topics.keys().map(|topic| self.decorate(application_id, topic)).collect();
        let stores = self.stores.iter().map(|entry| &entry.def.name);
        own.extend(stores.filter_map(|store| self.changelog_of_store(application_id, store)));
        let parts = self.subtopologies(application_id);
        own.extend(parts.iter().filter_map(|part| self.task_topic(application_id, part.id, &part.nodes)));
        let sources: Vec<(usize, TopicPattern)> =
            self.patterns().map(|(at, pattern)| (at, pattern.clone())).collect();
        self.source_of.retain(|_, at| !sources.iter().any(|(source, _)| source == at));
        for (at, pattern) in &sources {
            let is_meant = |topic: &&TopicName| {
                pattern.matches(topic) && !topic.starts_with("__") && !own.contains(*topic)
            };
            let mut topics: Vec<TopicName> = existing.iter().filter(is_meant).cloned().collect();
            topics.sort();
            for topic in &topics {
                if let Some(other) = self.source_of.insert(topic.clone(), *at) {
                    let text = |source: usize| {
                        let found = sources.iter().find(|(at, _)| *at == source);
                        found.map(|(_, pattern)| pattern.to_string()).unwrap_or_default()
                    };
                    let (first, second) = (text(other), text(*at));
                    return Err(TopologyError::MatchedTwice { topic: topic.clone(), first, second });
                }
            }
            if let Some(Node { kind: NodeKind::Source(def), .. }) = self.nodes.get_mut(*at) {
                def.topics = topics;
            }
        }
        Ok(())
    }

    /// The full name of a sub-topology's token topic, by which the group assigns its tasks (decision 0015). `None` if its
    /// only source topic serves: that depends on the topology alone, never on the number of partitions.
    pub(crate) fn task_topic(&self, application_id: &str, id: u32, nodes: &[NodeName]) -> Option<TopicName> {
        let mut named = 0;
        for node in nodes.iter().filter_map(|name| self.node(name)) {
            if let NodeKind::Source(def) = &node.kind {
                // The number of topics that match a pattern changes.
                named += if def.pattern.is_some() { 2 } else { def.topics.len() };
            }
        }
        (named != 1).then(|| format!("{application_id}-subtopology-{id}-tasks").into())
    }

    /// Whether a source names its topics by a pattern.
    pub fn has_patterns(&self) -> bool {
        self.patterns().next().is_some()
    }

    /// The topics that match patterns.
    pub(crate) fn matched_topics(&self) -> Vec<TopicName> {
        let sources = self.patterns().filter_map(|(at, _)| self.nodes.get(at));
        sources.flat_map(|source| self.topics_of_source(&source.name)).cloned().collect()
    }

    /// The pattern of a source, if it has one.
    pub(crate) fn pattern_of(&self, node: &str) -> Option<&TopicPattern> {
        let source = self.index_of(node)?;
        self.patterns().find(|(at, _)| *at == source).map(|(_, pattern)| pattern)
    }

    /// The sources that have a pattern, by their indexes.
    pub(super) fn patterns(&self) -> impl Iterator<Item = (usize, &TopicPattern)> {
        self.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
            NodeKind::Source(def) => Some((at, def.pattern.as_ref()?)),
            _ => None,
        })
    }
}
