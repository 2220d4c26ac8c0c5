//! Administrative requests that the rdkafka crate does not wrap, straight through librdkafka's C interface.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::acl::Acl;
use crate::client::ATTEMPT;
use crate::error::LabError;
use crate::passing::{Passing, passes};

/// Longest error text that librdkafka is asked for.
const TEXT: usize = 512;

/// The longest time-out that librdkafka allows for a request.
const LONGEST_MS: c_int = 3_600_000;

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
    // librdkafka 2.12.1 uses memory that it has freed when a request to a group's coordinator times out while that is
    // still being searched for. Only our wait for it ends.
    let request = if op == Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS { LONGEST_MS } else { limit };
    let mut text = [0 as c_char; TEXT];
    // SAFETY: the handle outlives the call; options and queue are ours and destroyed once; the event is ours and does not
    // need the queue. An answer that comes after the queue is gone is dropped by librdkafka.
    unsafe {
        let rk = client.client().native_ptr();
        let options = rd::rd_kafka_AdminOptions_new(rk, op);
        rd::rd_kafka_AdminOptions_set_request_timeout(options, request, text.as_mut_ptr(), TEXT);
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
        if resource.is_null() {
            return Err(Refusal::invalid("settings of what has no name".to_owned()));
        }
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

/// Deletes groups without members; fails with the first refusal that is none of `harmless`.
pub(crate) fn delete_groups(
    client: &BaseConsumer,
    groups: &[&str],
    harmless: &[Code],
) -> Result<(), Refusal> {
    // SAFETY: names are copied; the requests are ours and destroyed once, after the call that copies them; results live as
    // long as the event.
    unsafe {
        let mut requests: Vec<_> =
            groups.iter().map(|name| rd::rd_kafka_DeleteGroup_new(c_string(name).as_ptr())).collect();
        let answer = ask(client, Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS, |rk, options, queue| {
            rd::rd_kafka_DeleteGroups(rk, requests.as_mut_ptr(), requests.len(), options, queue);
        });
        rd::rd_kafka_DeleteGroup_destroy_array(requests.as_mut_ptr(), requests.len());
        let answer = answer?;
        let mut count = 0;
        let results = rd::rd_kafka_DeleteGroups_result_groups(
            rd::rd_kafka_event_DeleteGroups_result(answer.0),
            &mut count,
        );
        (0..count).try_for_each(|index| {
            let refused = check(rd::rd_kafka_group_result_error(*results.add(index)));
            refused.or_else(|refusal| {
                if harmless.iter().any(|code| *code as c_int == refusal.code) { Ok(()) } else { Err(refusal) }
            })
        })
    }
}

/// What is done to rights.
#[derive(Clone, Copy)]
pub(crate) enum Rights {
    /// They are added.
    Created,
    /// They are taken away.
    Deleted,
}

/// Adds rights, or takes them away.
pub(crate) fn change_acls(client: &BaseConsumer, acls: &[Acl<'_>], change: Rights) -> Result<(), Refusal> {
    let mut text = [0 as c_char; TEXT];
    let (make, op): (unsafe extern "C" fn(_, _, _, _, _, _, _, _, _) -> _, _) = match change {
        Rights::Created => (rd::rd_kafka_AclBinding_new, Op::RD_KAFKA_ADMIN_OP_CREATEACLS),
        // What is deleted is found by a filter, which is a binding by another name.
        Rights::Deleted => (rd::rd_kafka_AclBindingFilter_new, Op::RD_KAFKA_ADMIN_OP_DELETEACLS),
    };
    // SAFETY: strings are copied; the bindings are ours and destroyed once, after the request that copies them; results
    // live as long as the event.
    unsafe {
        let mut bindings = Vec::new();
        for acl in acls {
            let (name, principal, host) = (c_string(acl.name()), c_string(acl.principal), c_string("*"));
            bindings.push(make(
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
            ask(client, op, |rk, options, queue| {
                let send = match change {
                    Rights::Created => rd::rd_kafka_CreateAcls,
                    Rights::Deleted => rd::rd_kafka_DeleteAcls,
                };
                send(rk, bindings.as_mut_ptr(), bindings.len(), options, queue);
            })
        };
        for binding in bindings.into_iter().filter(|binding| !binding.is_null()) {
            rd::rd_kafka_AclBinding_destroy(binding);
        }
        refused_rights(&answer?, change)
    }
}

/// Fails with the first right that was refused.
///
/// # Safety
/// The answer to a request of that kind.
unsafe fn refused_rights(answer: &Answer, change: Rights) -> Result<(), Refusal> {
    let mut count = 0;
    // SAFETY: the caller's promise; results live as long as the event.
    unsafe {
        match change {
            Rights::Created => {
                let result = rd::rd_kafka_event_CreateAcls_result(answer.0);
                let results = rd::rd_kafka_CreateAcls_result_acls(result, &mut count);
                (0..count).try_for_each(|index| check(rd::rd_kafka_acl_result_error(*results.add(index))))
            }
            Rights::Deleted => {
                let result = rd::rd_kafka_event_DeleteAcls_result(answer.0);
                let results = rd::rd_kafka_DeleteAcls_result_responses(result, &mut count);
                (0..count).try_for_each(|index| {
                    check(rd::rd_kafka_DeleteAcls_result_response_error(*results.add(index)))
                })
            }
        }
    }
}
