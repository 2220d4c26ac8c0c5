//! Groups and their members.
//!
//! librdkafka 2.12.1 uses memory that it has freed when a request to a group's coordinator times out while the coordinator
//! is still being searched for (`rd_kafka_admin_coord_request` gives its reference back, and after it
//! `rd_kafka_admin_coord_response_parse` once more). So the request itself gets all the time there is, and only our wait for
//! it ends early; an answer that comes later is dropped with its queue.

use std::ffi::c_char;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;
use rdkafka::bindings::rd_kafka_consumer_group_state_t as State;

use super::admin::{AdminCall, Options};
use super::list::entries_of;
use super::{KafkaError, c_string, text_of};
use crate::ids::TopicPartition;

/// As long as librdkafka allows.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(3_600);

/// A member as the coordinator describes it.
#[derive(Clone, Debug)]
pub(in crate::transport::kafka) struct DescribedMember {
    pub(in crate::transport::kafka) id: String,
    pub(in crate::transport::kafka) client_id: String,
    /// Empty for members that are not static.
    pub(in crate::transport::kafka) instance: String,
    pub(in crate::transport::kafka) host: String,
    /// What it was assigned; `None` while the group assigns.
    pub(in crate::transport::kafka) assigned: Option<Vec<TopicPartition>>,
}

impl AdminCall<'_> {
    /// The names of all groups; an error if a broker does not answer.
    pub(in crate::transport::kafka) fn group_names(&self) -> Result<Vec<String>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, self.timeout);
        // SAFETY: the options live through the call; errors, listings and their texts live as long as the event.
        unsafe {
            let answer = self.wait(|queue| {
                rd::rd_kafka_ListConsumerGroups(self.client.as_ptr(), options.0, queue);
            })?;
            let result = rd::rd_kafka_event_ListConsumerGroups_result(answer.0.as_ptr());
            let mut count = 0;
            let errors = rd::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
            if let Some(error) = (0..count).find_map(|index| KafkaError::peek(*errors.add(index))) {
                return Err(error);
            }
            let groups = rd::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
            let name = |index| text_of(rd::rd_kafka_ConsumerGroupListing_group_id(*groups.add(index)));
            Ok((0..count).map(name).collect())
        }
    }

    /// The members of a group; none if there is no such group.
    pub(in crate::transport::kafka) fn members(
        &self,
        group: &str,
    ) -> Result<Vec<DescribedMember>, KafkaError> {
        let options =
            Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, REQUEST_TIMEOUT);
        let name = c_string(group);
        let mut names: [*const c_char; 1] = [name.as_ptr()];
        // SAFETY: options and names live through the call, which copies them. The descriptions, their members and their
        // texts live as long as the event, and are copied out before it goes.
        unsafe {
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeConsumerGroups(
                    self.client.as_ptr(),
                    names.as_mut_ptr(),
                    names.len(),
                    options.0,
                    queue,
                );
            })?;
            let mut count = 0;
            let groups = rd::rd_kafka_DescribeConsumerGroups_result_groups(
                rd::rd_kafka_event_DescribeConsumerGroups_result(answer.0.as_ptr()),
                &mut count,
            );
            let mut members = Vec::new();
            for index in 0..count {
                let group = *groups.add(index);
                if let Some(error) = KafkaError::peek(rd::rd_kafka_ConsumerGroupDescription_error(group)) {
                    return Err(error);
                }
                let state = rd::rd_kafka_ConsumerGroupDescription_state(group);
                let is_stable = state == State::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE;
                for index in 0..rd::rd_kafka_ConsumerGroupDescription_member_count(group) {
                    let member = rd::rd_kafka_ConsumerGroupDescription_member(group, index);
                    let assigned = || assigned_of(member);
                    members.push(DescribedMember {
                        id: text_of(rd::rd_kafka_MemberDescription_consumer_id(member)),
                        client_id: text_of(rd::rd_kafka_MemberDescription_client_id(member)),
                        instance: text_of(rd::rd_kafka_MemberDescription_group_instance_id(member)),
                        host: text_of(rd::rd_kafka_MemberDescription_host(member)),
                        assigned: is_stable.then(assigned),
                    });
                }
            }
            Ok(members)
        }
    }
}

/// What a member was assigned.
///
/// # Safety
/// `member` is valid and does not change meanwhile.
unsafe fn assigned_of(member: *const rd::rd_kafka_MemberDescription_t) -> Vec<TopicPartition> {
    // SAFETY: the caller's promise; the assignment and its list live as long as the member, and are copied out.
    unsafe {
        let assignment = rd::rd_kafka_MemberDescription_assignment(member);
        if assignment.is_null() {
            return Vec::new();
        }
        let entries = entries_of(rd::rd_kafka_MemberAssignment_partitions(assignment));
        entries.into_iter().map(|entry| entry.partition).collect()
    }
}
