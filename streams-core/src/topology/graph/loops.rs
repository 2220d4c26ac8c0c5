//! Results that come back as input.

use std::collections::BTreeSet;

use super::{Node, NodeKind, SinkTarget, TopologyGraph};
use crate::ids::TopicName;
use crate::topology::NodeName;

impl TopologyGraph {
    /// The sinks whose results come back to them, through whatever topics of the topology, each with its topic. Kafka
    /// Streams accepts such topologies, and some are meant, such as those that retry a record until it succeeds.
    pub(crate) fn sinks_that_feed_back(&self) -> Vec<(NodeName, TopicName)> {
        let topic = |node: &Node| match &node.kind {
            NodeKind::Sink(SinkTarget::Topic(topic)) => Some((node.name.clone(), topic.clone())),
            _ => None,
        };
        // An internal topic is on a loop only with another topic.
        let sinks = self.nodes.iter().filter_map(topic).filter(|(_, topic)| !self.is_internal(topic));
        sinks.filter(|(sink, topic)| self.reaches(topic, sink)).collect()
    }

    /// Whether records of a topic may reach the sink.
    fn reaches(&self, topic: &TopicName, sink: &NodeName) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), self.readers(topic));
        while let Some(at) = open.pop() {
            let Some(node) = self.nodes.get(at).filter(|_| seen.insert(at)) else { continue };
            if node.name == *sink {
                return true;
            }
            open.extend(node.children.iter().filter_map(|child| self.index_of(child)));
            if let NodeKind::Sink(SinkTarget::Topic(next)) = &node.kind {
                open.extend(self.readers(next));
            }
        }
        false
    }

    /// The source that reads a topic.
    fn readers(&self, topic: &TopicName) -> Vec<usize> {
        let by_pattern = self.patterns().filter(|(_, pattern)| pattern.matches(topic)).map(|(at, _)| at);
        self.source_of.get(topic).copied().into_iter().chain(by_pattern).collect()
    }
}
