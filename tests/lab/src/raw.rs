//! Administrative requests that the rdkafka crate does not wrap, straight through librdkafka's C interface.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::TopicPartitionList;

use crate::acl::Acl;
use crate::client::ATTEMPT;
use crate::error::LabError;
use crate::passing::{Passing, passes};

/// Longest error text that librdkafka is asked for.
const TEXT: usize = 512;

// The bindings return Rust enums, of which no unknown value may exist; a broker may send any code.
unsafe extern "C" {
    fn rd_kafka_event_error(event: *mut rd::rd_kafka_event_t) -> c_int;
    fn rd_kafka_error_code(error: *const rd::rd_kafka_error_t) -> c_int;
    fn rd_kafka_ConfigResource_error(resource: *const rd::rd_kafka_ConfigResource_t) -> c_int;
}

/// A request, or one item of it, was refused.
pub(crate) struct Refusal {
    code: c_int,
    answer: String,
}

impl Refusal {
    fn invalid(answer: String) -> Self {
        Refusal { code: rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__INVALID_ARG as c_int, answer }
    }
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        let code = error.rdkafka_error_code().map_or(0, |code| code as c_int);
        Refusal { code, answer: error.to_string() }
    }
}

impl Passing for Refusal {
    fn passes(&self) -> bool {
        rd::rd_kafka_resp_err_t::try_from(self.code).is_ok_and(|code| passes(Code::from(code)))
    }

    fn into_lab(self, what: String) -> LabError {
        LabError::Refused { what, answer: self.answer }
    }
}

/// Settings of one topic or broker.
pub(crate) struct Setting<'a> {
    pub(crate) kind: rd::rd_kafka_ResourceType_t,
    pub(crate) name: &'a str,
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Partitions of a group.
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) partitions: &'a TopicPartitionList,
}

/// The event that holds an answer.
struct Answer(*mut rd::rd_kafka_event_t);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, after everything read from it.
        unsafe { rd::rd_kafka_event_destroy(self.0) };
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and librdkafka ends every string it lends with a NUL.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Sends a request with a queue of its own and waits for the one answer.
fn ask(
    client: &BaseConsumer,
    op: Op,
    send: impl FnOnce(*mut rd::rd_kafka_t, *mut rd::rd_kafka_AdminOptions_t, *mut rd::rd_kafka_queue_t),
) -> Result<Answer, Refusal> {
    let limit = c_int::try_from(ATTEMPT.as_millis()).unwrap_or(c_int::MAX);
    let mut text = [0 as c_char; TEXT];
    // SAFETY: the handle outlives the call; options and queue are ours and destroyed once; the event is ours and does not
    // need the queue. An answer that comes after the queue is gone is dropped by librdkafka.
    unsafe {
        let rk = client.client().native_ptr();
        let options = rd::rd_kafka_AdminOptions_new(rk, op);
        rd::rd_kafka_AdminOptions_set_request_timeout(options, limit, text.as_mut_ptr(), TEXT);
        let queue = rd::rd_kafka_queue_new(rk);
        send(rk, options, queue);
        let event = rd::rd_kafka_queue_poll(queue, limit.saturating_add(1000));
        rd::rd_kafka_queue_destroy(queue);
        rd::rd_kafka_AdminOptions_destroy(options);
        if event.is_null() {
            let code = rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__TIMED_OUT as c_int;
            return Err(Refusal { code, answer: "no answer".to_owned() });
        }
        let answer = Answer(event);
        match rd_kafka_event_error(event) {
            0 => Ok(answer),
            code => Err(Refusal { code, answer: text_of(rd::rd_kafka_event_error_string(event)) }),
        }
    }
}

/// Fails with what an error object says, if it says anything.
///
/// # Safety
/// `error` is null or valid.
unsafe fn check(error: *const rd::rd_kafka_error_t) -> Result<(), Refusal> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    match unsafe { rd_kafka_error_code(error) } {
        0 => Ok(()),
        // SAFETY: as above.
        code => Err(Refusal { code, answer: text_of(unsafe { rd::rd_kafka_error_string(error) }) }),
    }
}

/// Changes the named settings and leaves the others.
pub(crate) fn alter_configs(client: &BaseConsumer, change: &Setting<'_>) -> Result<(), Refusal> {
    // SAFETY: strings are copied; the resource is ours and destroyed once, after the request that copies it; results live
    // as long as the event.
    unsafe {
        let mut resource = rd::rd_kafka_ConfigResource_new(change.kind, c_string(change.name).as_ptr());
        for (key, value) in change.settings {
            let set = rd::rd_kafka_AlterConfigOpType_t::RD_KAFKA_ALTER_CONFIG_OP_TYPE_SET;
            let (key, value) = (c_string(key), c_string(value));
            let error = rd::rd_kafka_ConfigResource_add_incremental_config(
                resource,
                key.as_ptr(),
                set,
                value.as_ptr(),
            );
            let added = check(error);
            if !error.is_null() {
                rd::rd_kafka_error_destroy(error);
            }
            if added.is_err() {
                rd::rd_kafka_ConfigResource_destroy(resource);
                return added;
            }
        }
        let answer = ask(client, Op::RD_KAFKA_ADMIN_OP_INCREMENTALALTERCONFIGS, |rk, options, queue| {
            rd::rd_kafka_IncrementalAlterConfigs(rk, &mut resource, 1, options, queue);
        });
        rd::rd_kafka_ConfigResource_destroy(resource);
        let answer = answer?;
        let mut count = 0;
        let results = rd::rd_kafka_IncrementalAlterConfigs_result_resources(
            rd::rd_kafka_event_IncrementalAlterConfigs_result(answer.0),
            &mut count,
        );
        for index in 0..count {
            let result = *results.add(index);
            let code = rd_kafka_ConfigResource_error(result);
            if code != 0 {
                let answer = text_of(rd::rd_kafka_ConfigResource_error_string(result));
                return Err(Refusal { code, answer });
            }
        }
    }
    Ok(())
}

/// Deletes committed offsets.
pub(crate) fn delete_group_offsets(client: &BaseConsumer, group: &Group<'_>) -> Result<(), Refusal> {
    // SAFETY: name and list are copied; the request is ours and destroyed once; results live as long as the event.
    unsafe {
        let mut request = rd::rd_kafka_DeleteConsumerGroupOffsets_new(
            c_string(group.name).as_ptr(),
            group.partitions.ptr(),
        );
        let answer = ask(client, Op::RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS, |rk, options, queue| {
            rd::rd_kafka_DeleteConsumerGroupOffsets(rk, &mut request, 1, options, queue);
        });
        rd::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        let answer = answer?;
        let mut count = 0;
        let results = rd::rd_kafka_DeleteConsumerGroupOffsets_result_groups(
            rd::rd_kafka_event_DeleteConsumerGroupOffsets_result(answer.0),
            &mut count,
        );
        for index in 0..count {
            let result = *results.add(index);
            check(rd::rd_kafka_group_result_error(result))?;
            let list = rd::rd_kafka_group_result_partitions(result);
            let entries = if list.is_null() { 0 } else { usize::try_from((*list).cnt).unwrap_or(0) };
            for entry in 0..entries {
                let entry = (*list).elems.add(entry);
                let code = std::ptr::addr_of!((*entry).err).cast::<c_int>().read();
                if code != 0 {
                    let answer = format!(
                        "{}-{}: error {code} (of a group that is subscribed to the topic?)",
                        text_of((*entry).topic),
                        (*entry).partition
                    );
                    return Err(Refusal { code, answer });
                }
            }
        }
    }
    Ok(())
}

/// Adds rights.
pub(crate) fn create_acls(client: &BaseConsumer, acls: &[Acl<'_>]) -> Result<(), Refusal> {
    let mut text = [0 as c_char; TEXT];
    // SAFETY: strings are copied; the bindings are ours and destroyed once, after the request that copies them; results
    // live as long as the event.
    unsafe {
        let mut bindings = Vec::new();
        for acl in acls {
            let (name, principal, host) = (c_string(acl.name()), c_string(acl.principal), c_string("*"));
            bindings.push(rd::rd_kafka_AclBinding_new(
                acl.resource_type(),
                name.as_ptr(),
                acl.pattern(),
                principal.as_ptr(),
                host.as_ptr(),
                acl.operation(),
                acl.permission(),
                text.as_mut_ptr(),
                TEXT,
            ));
        }
        let answer = if bindings.iter().any(|binding| binding.is_null()) {
            Err(Refusal::invalid(text_of(text.as_ptr())))
        } else {
            ask(client, Op::RD_KAFKA_ADMIN_OP_CREATEACLS, |rk, options, queue| {
                rd::rd_kafka_CreateAcls(rk, bindings.as_mut_ptr(), bindings.len(), options, queue);
            })
        };
        for binding in bindings.into_iter().filter(|binding| !binding.is_null()) {
            rd::rd_kafka_AclBinding_destroy(binding);
        }
        let answer = answer?;
        let mut count = 0;
        let results =
            rd::rd_kafka_CreateAcls_result_acls(rd::rd_kafka_event_CreateAcls_result(answer.0), &mut count);
        (0..count).try_for_each(|index| check(rd::rd_kafka_acl_result_error(*results.add(index))))
    }
}

/// Takes rights away.
pub(crate) fn delete_acls(client: &BaseConsumer, acls: &[Acl<'_>]) -> Result<(), Refusal> {
    let mut text = [0 as c_char; TEXT];
    // SAFETY: as in `create_acls`; a filter is a binding by another name.
    unsafe {
        let mut filters = Vec::new();
        for acl in acls {
            let (name, principal, host) = (c_string(acl.name()), c_string(acl.principal), c_string("*"));
            filters.push(rd::rd_kafka_AclBindingFilter_new(
                acl.resource_type(),
                name.as_ptr(),
                acl.pattern(),
                principal.as_ptr(),
                host.as_ptr(),
                acl.operation(),
                acl.permission(),
                text.as_mut_ptr(),
                TEXT,
            ));
        }
        let answer = if filters.iter().any(|filter| filter.is_null()) {
            Err(Refusal::invalid(text_of(text.as_ptr())))
        } else {
            ask(client, Op::RD_KAFKA_ADMIN_OP_DELETEACLS, |rk, options, queue| {
                rd::rd_kafka_DeleteAcls(rk, filters.as_mut_ptr(), filters.len(), options, queue);
            })
        };
        for filter in filters.into_iter().filter(|filter| !filter.is_null()) {
            rd::rd_kafka_AclBinding_destroy(filter);
        }
        let answer = answer?;
        let mut count = 0;
        let results = rd::rd_kafka_DeleteAcls_result_responses(
            rd::rd_kafka_event_DeleteAcls_result(answer.0),
            &mut count,
        );
        (0..count)
            .try_for_each(|index| check(rd::rd_kafka_DeleteAcls_result_response_error(*results.add(index))))
    }
}
