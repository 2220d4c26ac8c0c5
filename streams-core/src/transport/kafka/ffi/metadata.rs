//! Metadata of the cluster, from any broker.
//!
//! `rd_kafka_metadata` cannot be interrupted: it waits for its whole time-out, even if the application is closed, the client
//! is refused, or the answer is lost. So the request is repeated in slices of time. Each is twice as long as the one before,
//! because an answer that is slower than its slice is lost.

use std::collections::HashMap;
use std::ptr::{NonNull, addr_of, null, null_mut};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::admin::LOOK;
use super::client::Client;
use super::{Code, KafkaError, OK, Topic, millis, raw, text_of};
use crate::ids::PartitionId;
use crate::transport::kafka::deadline::Deadline;

/// The topic does not exist.
const UNKNOWN: Code = E::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as Code;

/// The topics of a request.
#[derive(Clone, Copy)]
pub(super) enum Of<'a> {
    /// Every topic there is.
    All,
    /// Those that the client has handles of.
    Known,
    /// One topic.
    Topic(&'a Topic),
}

/// A broker's answer.
pub(super) struct Metadata(NonNull<rd::rd_kafka_metadata>);

impl Drop for Metadata {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_metadata_destroy(self.0.as_ptr()) };
    }
}

impl Metadata {
    /// The topics of the answer. Each lives as long as it.
    pub(super) fn topics(&self) -> impl Iterator<Item = *const rd::rd_kafka_metadata_topic> {
        // SAFETY: a valid answer, in which `topics` is an array of `topic_cnt`. No reference to a topic is made: its error
        // may be one that the enum does not know.
        unsafe {
            let answer = self.0.as_ptr();
            let count = usize::try_from(addr_of!((*answer).topic_cnt).read()).unwrap_or_default();
            let topics = addr_of!((*answer).topics).read();
            (0..count).map(move |index| topics.add(index).cast_const())
        }
    }
}

impl Client {
    /// Asks until a broker answers, at most for `timeout`.
    pub(super) fn metadata(&self, of: Of<'_>, timeout: Duration) -> Result<Metadata, KafkaError> {
        const WAITED: [Code; 2] =
            [E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code, E::RD_KAFKA_RESP_ERR__TRANSPORT as Code];
        let (all, only) = match of {
            Of::All => (1, null_mut()),
            Of::Known => (0, null_mut()),
            Of::Topic(topic) => (0, topic.as_ptr()),
        };
        let deadline = Deadline::after(timeout);
        let mut slice = LOOK;
        loop {
            let left = deadline.left();
            let mut found: *const rd::rd_kafka_metadata = null();
            // SAFETY: a valid handle, and a topic of this client or none; on success the answer is ours.
            let code = unsafe {
                raw::rd_kafka_metadata(self.as_ptr(), all, only, &mut found, millis(left.min(slice)))
            };
            if code == OK
                && let Some(found) = NonNull::new(found.cast_mut())
            {
                return Ok(Metadata(found));
            }
            // Refusals arrive here.
            self.poll(Duration::ZERO);
            if let Some(refused) = self.shut_out() {
                return Err(refused);
            }
            if left.is_zero() || self.is_closed() || !WAITED.contains(&code) {
                return Err(KafkaError::from_code(code));
            }
            slice = slice.saturating_mul(2);
        }
    }

    /// How many partitions a topic has; asks the broker, never creates the topic.
    pub(in crate::transport::kafka) fn partition_count(
        &self,
        topic: &Topic,
        timeout: Duration,
    ) -> Result<PartitionId, KafkaError> {
        let metadata = self.metadata(Of::Topic(topic), timeout)?;
        // SAFETY: a topic of an answer that lives through the call.
        let told = metadata.topics().next().map(|topic| unsafe { count_of_topic(topic) });
        told.unwrap_or_else(|| Err(KafkaError::from_code(UNKNOWN)))
    }

    /// How many partitions the topics have that this client has handles of; one question for all of them.
    pub(in crate::transport::kafka) fn partition_counts(
        &self,
        timeout: Duration,
    ) -> Result<HashMap<String, Result<PartitionId, KafkaError>>, KafkaError> {
        let metadata = self.metadata(Of::Known, timeout)?;
        // SAFETY: a topic of an answer that lives through the calls.
        Ok(metadata.topics().map(|topic| unsafe { (name_of_topic(topic), count_of_topic(topic)) }).collect())
    }

    /// The names of all topics; asks the broker.
    pub(in crate::transport::kafka) fn topic_names(
        &self,
        timeout: Duration,
    ) -> Result<Vec<String>, KafkaError> {
        let metadata = self.metadata(Of::All, timeout)?;
        // SAFETY: a topic of an answer that lives through the calls.
        Ok(metadata.topics().map(|topic| unsafe { name_of_topic(topic) }).collect())
    }
}

/// The number of partitions in an answer, or why there is none.
///
/// # Safety
/// A valid topic of an answer that lives through the call.
unsafe fn count_of_topic(topic: *const rd::rd_kafka_metadata_topic) -> Result<PartitionId, KafkaError> {
    // SAFETY: the caller's promise. The error is read as an integer because a broker may send one that the enum does not
    // know.
    let (code, count) =
        unsafe { (addr_of!((*topic).err).cast::<Code>().read(), addr_of!((*topic).partition_cnt).read()) };
    KafkaError::check(if code == OK && count == 0 { UNKNOWN } else { code })?;
    Ok(count)
}

/// Copies the name out.
///
/// # Safety
/// A valid topic of an answer that lives through the call.
pub(super) unsafe fn name_of_topic(topic: *const rd::rd_kafka_metadata_topic) -> String {
    // SAFETY: the caller's promise.
    text_of(unsafe { addr_of!((*topic).topic).read() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::mock::{client, client_of};
    use super::super::{AdminCall, Door, Role};
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Before the fix, the wait ended with its time-out only.
    #[test]
    fn a_question_ends_when_the_application_is_closed() {
        let cluster = client(Role::Producer, &[("test.mock.num.brokers", "1")]).expect("is made");
        let servers = cluster.mock_servers();
        let door = Arc::new(Door::new(LIMIT));
        let asking = client_of(Role::Admin, &[("bootstrap.servers", &servers)], &door).expect("is made");
        asking.topic_names(LIMIT).expect("is answered");
        cluster.mock_round_trip(LIMIT);
        door.close();
        let call = AdminCall::new(&asking, LIMIT * 100);
        assert!(call.leaders(&["t"]).is_err());
        assert!(asking.topic_names(LIMIT * 100).is_err());
    }
}
