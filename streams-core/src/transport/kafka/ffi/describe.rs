//! Questions about topics and the cluster: partitions and their leaders, ids, settings.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;

use super::admin::{AdminCall, Options, TopicResults};
use super::client::Client;
use super::{KafkaError, OK, c_string, millis, raw, text_of};

/// A topic as the cluster describes it.
#[derive(Clone, Debug, Default)]
pub(in crate::transport::kafka) struct Described {
    pub(in crate::transport::kafka) partitions: i32,
    /// Tells apart topics that had the same name one after the other; brokers before 2.8 have none.
    pub(in crate::transport::kafka) id: Option<String>,
}

/// The id of a topic that has none, as base64.
const NO_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";

impl AdminCall<'_> {
    /// The description of each of these topics, or why there is none.
    pub(in crate::transport::kafka) fn describe_topics(
        &self,
        names: &[&str],
    ) -> Result<TopicResults<Described>, KafkaError> {
        let names: Vec<CString> = names.iter().map(|name| c_string(name)).collect();
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, self.timeout);
        // SAFETY: the array of names lives through the call, which copies it; the collection is ours and copied by the
        // request. The answer's parts live as long as the event.
        unsafe {
            let collection =
                rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeTopics(self.client.as_ptr(), collection, options.0, queue);
            });
            rd::rd_kafka_TopicCollection_destroy(collection);
            let answer = answer?;
            let mut count = 0;
            let topics = rd::rd_kafka_DescribeTopics_result_topics(
                rd::rd_kafka_event_DescribeTopics_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok((0..count)
                .map(|index| {
                    let topic = *topics.add(index);
                    let name = text_of(rd::rd_kafka_TopicDescription_name(topic));
                    let error = KafkaError::peek(rd::rd_kafka_TopicDescription_error(topic));
                    (name, error.map_or_else(|| Ok(described(topic)), Err))
                })
                .collect())
        }
    }

    /// The effective settings of these topics.
    pub(in crate::transport::kafka) fn describe_configs(
        &self,
        names: &[&str],
    ) -> Result<TopicResults<BTreeMap<String, String>>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, self.timeout);
        // SAFETY: the names are copied; the resources are ours, copied by the call and destroyed once; the results live
        // as long as the event.
        unsafe {
            let topic = rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
            let mut resources: Vec<_> = names
                .iter()
                .map(|name| rd::rd_kafka_ConfigResource_new(topic, c_string(name).as_ptr()))
                .collect();
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeConfigs(
                    self.client.as_ptr(),
                    resources.as_mut_ptr(),
                    resources.len(),
                    options.0,
                    queue,
                );
            });
            rd::rd_kafka_ConfigResource_destroy_array(resources.as_mut_ptr(), resources.len());
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_DescribeConfigs_result_resources(
                rd::rd_kafka_event_DescribeConfigs_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok((0..count).map(|index| configs_of(*results.add(index))).collect())
        }
    }
}

impl Client {
    /// The cluster's id, if a broker has returned it within that time.
    pub(in crate::transport::kafka) fn cluster_id(&self, timeout: Duration) -> Option<String> {
        // SAFETY: a valid handle; the string is ours and freed once, by librdkafka's own allocator.
        unsafe {
            let id = rd::rd_kafka_clusterid(self.as_ptr(), millis(timeout));
            if id.is_null() {
                return None;
            }
            let text = text_of(id);
            rd::rd_kafka_mem_free(self.as_ptr(), id.cast());
            Some(text)
        }
    }
}

/// Copies a topic's description out.
///
/// # Safety
/// A valid description without an error.
unsafe fn described(topic: *const rd::rd_kafka_TopicDescription_t) -> Described {
    // SAFETY: the caller's promise. The text of the id is kept by the description.
    unsafe {
        let mut count = 0;
        rd::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        let id = (!id.is_null()).then(|| text_of(rd::rd_kafka_Uuid_base64str(id)));
        Described {
            partitions: i32::try_from(count).unwrap_or(i32::MAX),
            id: id.filter(|id| !id.is_empty() && id != NO_ID),
        }
    }
}

/// Copies the settings of a topic or broker out.
///
/// # Safety
/// A valid resource of an answer.
pub(super) unsafe fn configs_of(
    resource: *const rd::rd_kafka_ConfigResource_t,
) -> (String, Result<BTreeMap<String, String>, KafkaError>) {
    // SAFETY: the caller's promise; entries are an array of `count`, and an absent value is null.
    unsafe {
        let name = text_of(rd::rd_kafka_ConfigResource_name(resource));
        let code = raw::rd_kafka_ConfigResource_error(resource);
        if code != OK {
            let reason = text_of(rd::rd_kafka_ConfigResource_error_string(resource));
            return (name, Err(KafkaError::with_reason(code, reason)));
        }
        let mut count = 0;
        let entries = rd::rd_kafka_ConfigResource_configs(resource, &mut count);
        let entry = |index| {
            let entry = *entries.add(index);
            let value = rd::rd_kafka_ConfigEntry_value(entry);
            (!value.is_null()).then(|| (text_of(rd::rd_kafka_ConfigEntry_name(entry)), text_of(value)))
        };
        (name, Ok((0..count).filter_map(entry).collect()))
    }
}
