//! Topics that cannot exist, or not be written to.

use super::{NodeKind, SinkTarget, TopologyGraph};
use crate::ids::{invalid_topic_name, is_topic_of_kafka};
use crate::topology::TopologyError;

impl TopologyGraph {
    /// Refuses names of sources' and sinks' topics that no topic can have, and sinks that write to topics of Kafka's own.
    /// Names of internal topics are made later.
    pub(super) fn check_topic_names(&self) -> Result<(), TopologyError> {
        for node in &self.nodes {
            if let NodeKind::Sink(SinkTarget::Topic(topic)) = &node.kind
                && is_topic_of_kafka(topic)
            {
                let (node, topic) = (node.name.clone(), topic.clone());
                return Err(TopologyError::SinkToTopicOfKafka { node, topic });
            }
            let topics = match &node.kind {
                NodeKind::Source(source) => source.topics.as_slice(),
                NodeKind::Sink(SinkTarget::Topic(topic)) => std::slice::from_ref(topic),
                NodeKind::Sink(SinkTarget::Dynamic(_)) | NodeKind::Processor => &[],
            };
            for topic in topics.iter().filter(|topic| !self.is_internal(topic)) {
                if let Some(reason) = invalid_topic_name(topic) {
                    let (node, topic) = (node.name.clone(), topic.clone());
                    return Err(TopologyError::ImpossibleTopic { node, topic, reason });
                }
            }
        }
        Ok(())
    }
}
