//! What is known of topics grows old: their numbers of partitions are asked for again.

use std::sync::Arc;
use std::time::Duration;

use super::{Inner, RecordCollector};
use crate::error::Result;
use crate::ids::TopicName;

/// The time-out of a request for topics that are known. Without an answer, work continues with what was known.
const AGAIN_TIMEOUT: Duration = Duration::from_secs(1);

impl RecordCollector {
    /// Marks the partition counts of all topics as old. They are asked for when one of them is next needed: topics grow, and
    /// keys have to go where every other producer would send them.
    pub fn ask_partitions_again(&self) {
        self.inner.borrow_mut().topics.iter_mut().for_each(|topic| topic.is_old = true);
    }
}

impl Inner {
    /// Asks for the partitions of all topics that were counted too long ago. One question for all of them: a record may need
    /// several, and a broker that does not answer would hold it up once for each.
    #[cold]
    pub(super) fn count_again(&mut self) -> Result<()> {
        let mut old: Vec<_> =
            self.topics.iter_mut().filter(|topic| topic.is_old && topic.partitions.is_some()).collect();
        let names: Vec<TopicName> = old.iter().map(|topic| Arc::clone(&topic.name)).collect();
        old.iter_mut().for_each(|topic| topic.is_old = false);
        let counts = self.committer.count_again(&names, AGAIN_TIMEOUT)?;
        for (topic, partitions) in old.into_iter().zip(counts) {
            match partitions {
                Ok(partitions) => {
                    let known = topic.partitions.replace(partitions).unwrap_or(partitions);
                    if partitions != known {
                        tracing::info!(topic = %topic.name, known, partitions, "keys are spread over more partitions");
                    }
                }
                Err(error) => {
                    tracing::debug!(topic = %topic.name, %error, "continues with the number of partitions it knew");
                }
            }
        }
        Ok(())
    }
}
