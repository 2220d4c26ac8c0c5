//! The leaders of partitions, which a client must know before it requests offsets or deletes records.
//!
//! librdkafka 2.12.1 begins both requests on the caller's thread. When it does not know a leader there, or when the request
//! times out meanwhile, its main thread takes the request over at once, and both threads use it and free it
//! (`rd_kafka_topic_partition_list_query_leaders_async`). So leaders are asked for before, which makes the client know
//! them, and a request is never shorter than [`LEAST`].

use std::collections::BTreeSet;
use std::ptr::{NonNull, addr_of};
use std::time::Duration;

use rdkafka::bindings as rd;

use super::admin::{AdminCall, TopicResults};
use super::client::topic_new;
use super::metadata::{Of, name_of_topic};
use super::{Code, KafkaError};

/// The shortest time-out of a request that begins on the caller's thread.
pub(super) const LEAST: Duration = Duration::from_secs(2);

/// What is known of a topic's partitions.
#[derive(Clone, Debug, Default)]
pub(in crate::transport::kafka) struct Led {
    pub(in crate::transport::kafka) partitions: i32,
    /// Partitions without a usable leader.
    pub(in crate::transport::kafka) without_leader: BTreeSet<i32>,
}

/// Handles of topics: librdkafka requests the topics that it has handles of.
struct Handles(Vec<NonNull<rd::rd_kafka_topic_t>>);

impl Drop for Handles {
    fn drop(&mut self) {
        for handle in &self.0 {
            // SAFETY: our reference, given back once, and before the client goes, which the call borrows.
            unsafe { rd::rd_kafka_topic_destroy(handle.as_ptr()) };
        }
    }
}

impl AdminCall<'_> {
    /// Asks any broker for the leaders of these topics' partitions, so that the client knows them.
    pub(in crate::transport::kafka) fn leaders(
        &self,
        names: &[&str],
    ) -> Result<TopicResults<Led>, KafkaError> {
        let mut handles = Handles(Vec::new());
        for name in names {
            handles.0.push(topic_new(self.client, name)?);
        }
        let metadata = self.client.metadata(Of::Known, self.timeout)?;
        // SAFETY: a topic of an answer that lives through the calls.
        let topics = metadata.topics().map(|topic| unsafe { (name_of_topic(topic), led(topic)) });
        Ok(topics.filter(|(name, _)| names.contains(&name.as_str())).collect())
    }
}

/// Copies out what is known of a topic.
///
/// # Safety
/// A valid topic of an answer that lives through the call.
unsafe fn led(topic: *const rd::rd_kafka_metadata_topic) -> Result<Led, KafkaError> {
    // SAFETY: the caller's promise; `partitions` is an array of `partition_cnt`. Errors are read as integers because a broker
    // may send one that the enum does not know, and no reference to the whole is made for the same reason.
    unsafe {
        KafkaError::check(addr_of!((*topic).err).cast::<Code>().read())?;
        let partitions = addr_of!((*topic).partition_cnt).read();
        let array = addr_of!((*topic).partitions).read();
        let all =
            (0..usize::try_from(partitions).unwrap_or_default()).map(|index| array.add(index).cast_const());
        let without_leader = all
            .filter(|&partition| addr_of!((*partition).leader).read() < 0)
            .map(|partition| addr_of!((*partition).id).read())
            .collect();
        Ok(Led { partitions, without_leader })
    }
}
