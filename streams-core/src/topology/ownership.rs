//! What of a topology decides who owns what, as text and as a fingerprint (decision 0015).
//!
//! Members of a group whose topologies differ in this must not work side by side: what is task `0_1` to one is something
//! else to the other. Numbers of partitions are not part of it, as they change while an application runs, and neither are
//! nodes that keep nothing: a step like `peek` may be added in a rolling deploy.

use std::collections::BTreeSet;

use super::graph::{NodeKind, TopologyGraph};

impl TopologyGraph {
    /// The sub-topologies with the topics and patterns that they read, their internal topics and their stores.
    pub(crate) fn ownership(&self, application_id: &str) -> String {
        let mut text = String::new();
        for part in self.subtopologies(application_id) {
            if part.is_global {
                continue;
            }
            let mut reads = BTreeSet::new();
            for node in part.nodes.iter().filter_map(|name| self.node(name)) {
                let NodeKind::Source(def) = &node.kind else { continue };
                match &def.pattern {
                    Some(pattern) => drop(reads.insert(format!("pattern {pattern}"))),
                    None => reads.extend(
                        def.topics.iter().map(|topic| self.decorate(application_id, topic).to_string()),
                    ),
                }
            }
            let mut keeps: Vec<String> = part.stores.iter().map(|store| store.name.to_string()).collect();
            for store in &part.stores {
                keeps.extend(store.changelog.iter().map(|topic| format!("{} in {topic}", store.name)));
            }
            keeps.sort();
            let reads: Vec<String> = reads.into_iter().collect();
            text += &format!("{}: reads [{}]; keeps [{}]\n", part.id, reads.join(", "), keeps.join(", "));
        }
        for (topic, def) in self.internal_topics() {
            let name = self.decorate(application_id, topic);
            let partitions = def.partitions.map_or("any".to_owned(), |partitions| partitions.to_string());
            text += &format!("internal {name}: {partitions} partitions\n");
        }
        text
    }

    /// Differs if what decides about ownership does. The same on every machine and for every build (64 bits of FNV-1a).
    pub(crate) fn fingerprint(&self, application_id: &str) -> String {
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = self.ownership(application_id).bytes().fold(0xcbf2_9ce4_8422_2325, mix);
        format!("{hash:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::fixtures::Drawing;
    use crate::topology::{ChangelogKind, InternalTopicDef, SinkTarget, SourceDef, StoreDef, TopicPattern};

    /// A topology that reads these topics, with or without a step in between that keeps nothing.
    fn graph(topics: &[&str], steps: &[&str], store: Option<&str>) -> Drawing {
        let mut graph = Drawing::default();
        graph.add_source("in", SourceDef::topics(topics.iter().copied())).unwrap();
        let mut last = "in".to_owned();
        for step in steps {
            graph.add_processor(*step, &[&last]).unwrap();
            (*step).clone_into(&mut last);
        }
        if let Some(store) = store {
            graph.add_state_store(StoreDef::new(store, ChangelogKind::KeyValue), &[&last]).unwrap();
        }
        graph.add_sink("out", SinkTarget::Topic("results".into()), &[&last]).unwrap();
        graph
    }

    #[test]
    fn a_step_that_keeps_nothing_changes_nothing() {
        let fingerprint = graph(&["a", "b"], &["count"], Some("counts")).fingerprint("app");
        assert_eq!(graph(&["b", "a"], &["peek", "count"], Some("counts")).fingerprint("app"), fingerprint);
        assert_eq!(fingerprint.len(), 16);
    }

    #[test]
    fn sources_stores_and_internal_topics_count() {
        let plain = graph(&["a"], &["count"], None);
        let mut repartitioned = plain.clone();
        repartitioned.add_internal_topic("r", InternalTopicDef::default()).unwrap();
        let mut fixed = plain.clone();
        fixed.add_internal_topic("r", InternalTopicDef { partitions: Some(3) }).unwrap();
        let mut by_pattern = Drawing::default();
        by_pattern.add_source("in", SourceDef::pattern(TopicPattern::new("a").unwrap())).unwrap();
        let graphs = [
            plain,
            repartitioned,
            fixed,
            by_pattern,
            graph(&["a", "b"], &["count"], None),
            graph(&["a"], &["count"], Some("counts")),
            graph(&["a"], &["count"], Some("sums")),
        ];
        let all: BTreeSet<String> = graphs.iter().map(|graph| graph.fingerprint("app")).collect();
        assert_eq!(all.len(), graphs.len(), "{all:?}");
    }

    #[test]
    fn topics_that_come_and_go_under_a_pattern_are_the_same() {
        let mut graph = Drawing::default();
        graph.add_source("in", SourceDef::pattern(TopicPattern::new("a.*").unwrap())).unwrap();
        let before = graph.fingerprint("app");
        graph.match_topics("app", &["a1".into(), "a2".into()]).unwrap();
        assert_eq!(graph.fingerprint("app"), before);
    }

    #[test]
    fn who_stands_for_the_tasks_depends_on_the_topology_alone() {
        let topic = |graph: &Drawing| {
            let part = graph.subtopologies("app").remove(0);
            graph.task_topic("app", part.id, &part.nodes)
        };
        assert_eq!(topic(&graph(&["a"], &[], None)), None, "the only source topic");
        let own = Some("app-subtopology-0-tasks".into());
        assert_eq!(topic(&graph(&["a", "b"], &[], None)), own);
        let mut graph = Drawing::default();
        graph.add_source("in", SourceDef::pattern(TopicPattern::new("a.*").unwrap())).unwrap();
        assert_eq!(topic(&graph), own);
        graph.match_topics("app", &["a1".into()]).unwrap();
        assert_eq!(topic(&graph), own, "also if one topic matches");
    }
}
