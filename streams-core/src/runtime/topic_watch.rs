//! Looks now and then whether the patterns of a topology match other topics than when the application was started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::plan::Plan;
use crate::config::StreamsConfig;
use crate::error::Result;
use crate::ids::{PartitionId, TopicName};
use crate::time::Timestamp;
use crate::transport::{Admin, Transport};

/// How often is looked unless the configuration says otherwise, as in Kafka's clients.
const MAX_AGE_MS: i64 = 300_000;

/// Time for one question. It is asked on the thread that also serves the group.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The topics of patterns as the application knows them.
pub(crate) struct TopicWatch {
    plan: Arc<Plan>,
    admin: Box<dyn Admin>,
    known: BTreeMap<TopicName, PartitionId>,
    interval_ms: i64,
    next_ms: Timestamp,
}

impl TopicWatch {
    /// A watch over the topics of that plan; none if no source has a pattern. It looks every `metadata.max.age.ms`.
    pub fn new(
        plan: &Arc<Plan>,
        config: &StreamsConfig,
        transport: &dyn Transport,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let graph = plan.topology.graph();
        if !graph.has_patterns() {
            return Ok(None);
        }
        let matched = graph.matched_topics();
        let sources = plan.subtopologies.values().flat_map(|one| &one.sources);
        let known = sources.filter(|(topic, _)| matched.contains(topic)).cloned().collect();
        let properties = config.main_consumer_properties();
        let set = properties.get("metadata.max.age.ms").and_then(|age| age.parse().ok());
        let interval_ms = set.unwrap_or(MAX_AGE_MS);
        let admin = transport.admin(&format!("{client_id}-topics-admin"))?;
        let plan = Arc::clone(plan);
        Ok(Some(TopicWatch { plan, admin, known, interval_ms, next_ms: now + interval_ms }))
    }

    /// Whether other topics match now, or one of them has another number of partitions.
    pub fn changed(&mut self, now: Timestamp) -> bool {
        if now < self.next_ms {
            return false;
        }
        self.next_ms = now + self.interval_ms;
        match self.look() {
            Ok(found) if found == self.known => false,
            Ok(found) => {
                let names = |topics: &BTreeMap<TopicName, PartitionId>| {
                    topics.keys().map(|topic| &**topic).collect::<Vec<_>>().join(", ")
                };
                tracing::info!(
                    before = names(&self.known),
                    now = names(&found),
                    "other topics match the patterns"
                );
                true
            }
            Err(error) => {
                tracing::warn!(%error, "cannot look for new topics of the patterns; will try again");
                false
            }
        }
    }

    fn look(&mut self) -> Result<BTreeMap<TopicName, PartitionId>> {
        let existing = self.admin.topic_names(TIMEOUT)?;
        let matched = self.plan.topology.matched(&self.plan.application_id, &existing)?;
        let topics = self.admin.topics(&matched.graph().matched_topics(), TIMEOUT)?;
        Ok(topics.into_iter().map(|(name, info)| (name, info.partitions)).collect())
    }
}
