//! Requests of tools: groups, brokers and rights.
//!
//! Requests to a group's coordinator get all the time there is, for the reason that `members` gives.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::ptr;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::admin::{AdminCall, Options};
use super::conf::ERROR_BYTES;
use super::describe::configs_of;
use super::list::{Entry, PartitionList, entries_of};
use super::members::REQUEST_TIMEOUT;
use super::{Code, KafkaError, c_string, text_of};
use crate::transport::{AclEntry, AclResource, BrokerInfo, GroupListing, GroupState};

/// The operations by their numbers.
const OPERATIONS: [&str; 13] = [
    "UNKNOWN",
    "ANY",
    "ALL",
    "READ",
    "WRITE",
    "CREATE",
    "DELETE",
    "ALTER",
    "DESCRIBE",
    "CLUSTER_ACTION",
    "DESCRIBE_CONFIGS",
    "ALTER_CONFIGS",
    "IDEMPOTENT_WRITE",
];

/// An answer without the part that was asked for.
fn empty() -> KafkaError {
    KafkaError::from_code(E::RD_KAFKA_RESP_ERR__BAD_MSG as Code)
}

impl AdminCall<'_> {
    /// All groups.
    pub(in crate::transport::kafka) fn list_groups(&self) -> Result<Vec<GroupListing>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, self.timeout);
        // SAFETY: the options live through the call; listings, errors and their texts live as long as the event.
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
            let listing = |index| {
                let group = *groups.add(index);
                let state = rd::rd_kafka_ConsumerGroupListing_state(group);
                let kind = rd::rd_kafka_ConsumerGroupListing_type(group);
                GroupListing {
                    group: text_of(rd::rd_kafka_ConsumerGroupListing_group_id(group)),
                    state: text_of(rd::rd_kafka_consumer_group_state_name(state)),
                    kind: text_of(rd::rd_kafka_consumer_group_type_name(kind)),
                    is_simple: rd::rd_kafka_ConsumerGroupListing_is_simple_consumer_group(group) != 0,
                }
            };
            Ok((0..count).map(listing).collect())
        }
    }

    /// The state of a group.
    pub(in crate::transport::kafka) fn group_state(&self, group: &str) -> Result<GroupState, KafkaError> {
        let options =
            Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, REQUEST_TIMEOUT);
        let name = c_string(group);
        let mut names: [*const c_char; 1] = [name.as_ptr()];
        // SAFETY: options and names live through the call, which copies them. The description and its texts live as long as
        // the event.
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
            if count == 0 {
                return Err(empty());
            }
            let group = *groups;
            if let Some(error) = KafkaError::peek(rd::rd_kafka_ConsumerGroupDescription_error(group)) {
                return Err(error);
            }
            let state = rd::rd_kafka_ConsumerGroupDescription_state(group);
            let kind = rd::rd_kafka_ConsumerGroupDescription_type(group);
            let coordinator = rd::rd_kafka_ConsumerGroupDescription_coordinator(group);
            Ok(GroupState {
                state: text_of(rd::rd_kafka_consumer_group_state_name(state)),
                kind: text_of(rd::rd_kafka_consumer_group_type_name(kind)),
                assignor: text_of(rd::rd_kafka_ConsumerGroupDescription_partition_assignor(group)),
                coordinator: (!coordinator.is_null()).then(|| broker_of(coordinator)),
                members: rd::rd_kafka_ConsumerGroupDescription_member_count(group),
            })
        }
    }

    /// Deletes a group.
    pub(in crate::transport::kafka) fn delete_group(&self, group: &str) -> Result<(), KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS, REQUEST_TIMEOUT);
        // SAFETY: the name is copied; the request is ours, copied by the call and destroyed once; the results live as long
        // as the event.
        unsafe {
            let mut request = rd::rd_kafka_DeleteGroup_new(c_string(group).as_ptr());
            let answer = self.wait(|queue| {
                rd::rd_kafka_DeleteGroups(self.client.as_ptr(), &mut request, 1, options.0, queue);
            });
            rd::rd_kafka_DeleteGroup_destroy(request);
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_DeleteGroups_result_groups(
                rd::rd_kafka_event_DeleteGroups_result(answer.0.as_ptr()),
                &mut count,
            );
            let refused = |index| KafkaError::peek(rd::rd_kafka_group_result_error(*results.add(index)));
            (0..count).find_map(refused).map_or(Ok(()), Err)
        }
    }

    /// Deletes a group's offsets of these partitions.
    pub(in crate::transport::kafka) fn delete_group_offsets(
        &self,
        group: &str,
        partitions: &PartitionList,
    ) -> Result<Vec<Entry>, KafkaError> {
        let options =
            Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, REQUEST_TIMEOUT);
        // SAFETY: name and list are copied; the request is ours, copied by the call and destroyed once; the results live as
        // long as the event.
        unsafe {
            let mut request =
                rd::rd_kafka_DeleteConsumerGroupOffsets_new(c_string(group).as_ptr(), partitions.as_ptr());
            let answer = self.wait(|queue| {
                rd::rd_kafka_DeleteConsumerGroupOffsets(
                    self.client.as_ptr(),
                    &mut request,
                    1,
                    options.0,
                    queue,
                );
            });
            rd::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_DeleteConsumerGroupOffsets_result_groups(
                rd::rd_kafka_event_DeleteConsumerGroupOffsets_result(answer.0.as_ptr()),
                &mut count,
            );
            if count == 0 {
                return Err(empty());
            }
            if let Some(error) = KafkaError::peek(rd::rd_kafka_group_result_error(*results)) {
                return Err(error);
            }
            Ok(entries_of(rd::rd_kafka_group_result_partitions(*results)))
        }
    }

    /// The brokers that are up.
    pub(in crate::transport::kafka) fn brokers(&self) -> Result<Vec<BrokerInfo>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBECLUSTER, self.timeout);
        // SAFETY: the options live through the call; the nodes live as long as the event.
        unsafe {
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeCluster(self.client.as_ptr(), options.0, queue);
            })?;
            let mut count = 0;
            let nodes = rd::rd_kafka_DescribeCluster_result_nodes(
                rd::rd_kafka_event_DescribeCluster_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok((0..count).map(|index| broker_of(*nodes.add(index))).collect())
        }
    }

    /// The effective settings of a broker.
    pub(in crate::transport::kafka) fn broker_configs(
        &self,
        broker: i32,
    ) -> Result<BTreeMap<String, String>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, self.timeout);
        // SAFETY: as for the settings of topics.
        unsafe {
            let kind = rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER;
            let mut resource = rd::rd_kafka_ConfigResource_new(kind, c_string(&broker.to_string()).as_ptr());
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeConfigs(self.client.as_ptr(), &mut resource, 1, options.0, queue);
            });
            rd::rd_kafka_ConfigResource_destroy(resource);
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_DescribeConfigs_result_resources(
                rd::rd_kafka_event_DescribeConfigs_result(answer.0.as_ptr()),
                &mut count,
            );
            if count == 0 { Err(empty()) } else { configs_of(*results).1 }
        }
    }

    /// All rights.
    pub(in crate::transport::kafka) fn acls(&self) -> Result<Vec<AclEntry>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DESCRIBEACLS, self.timeout);
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: the filter is ours, copied by the call and destroyed once; the buffer has the size that is passed; the
        // rights and their texts live as long as the event.
        unsafe {
            let filter = rd::rd_kafka_AclBindingFilter_new(
                rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_ANY,
                ptr::null(),
                rd::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_ANY,
                ptr::null(),
                ptr::null(),
                rd::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_ANY,
                rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
                reason.as_mut_ptr(),
                reason.len(),
            );
            if filter.is_null() {
                let code = E::RD_KAFKA_RESP_ERR__INVALID_ARG as Code;
                let reason = CStr::from_ptr(reason.as_ptr()).to_string_lossy().into_owned();
                return Err(KafkaError::with_reason(code, reason));
            }
            let answer = self.wait(|queue| {
                rd::rd_kafka_DescribeAcls(self.client.as_ptr(), filter, options.0, queue);
            });
            rd::rd_kafka_AclBinding_destroy(filter);
            let answer = answer?;
            let mut count = 0;
            let acls = rd::rd_kafka_DescribeAcls_result_acls(
                rd::rd_kafka_event_DescribeAcls_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok((0..count).map(|index| acl_of(*acls.add(index))).collect())
        }
    }
}

/// Copies a broker out.
///
/// # Safety
/// A valid node.
unsafe fn broker_of(node: *const rd::rd_kafka_Node_t) -> BrokerInfo {
    // SAFETY: the caller's promise.
    unsafe {
        BrokerInfo {
            id: rd::rd_kafka_Node_id(node),
            host: text_of(rd::rd_kafka_Node_host(node)),
            port: rd::rd_kafka_Node_port(node),
        }
    }
}

/// Copies a right out. librdkafka replaces numbers that it does not know by that of "unknown".
///
/// # Safety
/// A valid right.
unsafe fn acl_of(acl: *const rd::rd_kafka_AclBinding_t) -> AclEntry {
    use rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW as ALLOW;
    use rd::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED as PREFIXED;
    use rd::rd_kafka_ResourceType_t as Resource;
    // SAFETY: the caller's promise.
    unsafe {
        let operation = rd::rd_kafka_AclBinding_operation(acl) as usize;
        AclEntry {
            principal: text_of(rd::rd_kafka_AclBinding_principal(acl)),
            host: text_of(rd::rd_kafka_AclBinding_host(acl)),
            resource: match rd::rd_kafka_AclBinding_restype(acl) {
                Resource::RD_KAFKA_RESOURCE_TOPIC => AclResource::Topic,
                Resource::RD_KAFKA_RESOURCE_GROUP => AclResource::Group,
                Resource::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID => AclResource::TransactionalId,
                _ => AclResource::Other,
            },
            name: text_of(rd::rd_kafka_AclBinding_name(acl)),
            is_prefix: rd::rd_kafka_AclBinding_resource_pattern_type(acl) == PREFIXED,
            operation: OPERATIONS.get(operation).copied().unwrap_or(OPERATIONS[0]).to_owned(),
            is_allowed: rd::rd_kafka_AclBinding_permission_type(acl) == ALLOW,
        }
    }
}
