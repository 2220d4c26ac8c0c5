//! librdkafka's functions that return an error code, declared to return an integer.
//!
//! The bindings have them return a Rust enum, of which no value may exist that it does not list. Its list has gaps and an
//! end, and brokers send whatever their version knows: such a code would be undefined behaviour at the call.

use std::ffi::{c_char, c_int, c_void};

use rdkafka::bindings as rd;

use super::Code;

unsafe extern "C" {
    pub(super) fn rd_kafka_err2str(code: Code) -> *const c_char;
    pub(super) fn rd_kafka_err2name(code: Code) -> *const c_char;
    pub(super) fn rd_kafka_pause_partitions(
        rk: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
    ) -> Code;
    pub(super) fn rd_kafka_resume_partitions(
        rk: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
    ) -> Code;
    pub(super) fn rd_kafka_last_error() -> Code;
    pub(super) fn rd_kafka_fatal_error(rk: *mut rd::rd_kafka_t, text: *mut c_char, size: usize) -> Code;
    pub(super) fn rd_kafka_error_code(error: *const rd::rd_kafka_error_t) -> Code;
    pub(super) fn rd_kafka_event_error(event: *mut rd::rd_kafka_event_t) -> Code;
    pub(super) fn rd_kafka_topic_result_error(result: *const rd::rd_kafka_topic_result_t) -> Code;
    pub(super) fn rd_kafka_ConfigResource_error(resource: *const rd::rd_kafka_ConfigResource_t) -> Code;
    pub(super) fn rd_kafka_header_add(
        headers: *mut rd::rd_kafka_headers_t,
        name: *const c_char,
        name_size: isize,
        value: *const c_void,
        value_size: isize,
    ) -> Code;
    pub(super) fn rd_kafka_header_get_all(
        headers: *const rd::rd_kafka_headers_t,
        index: usize,
        name: *mut *const c_char,
        value: *mut *const c_void,
        size: *mut usize,
    ) -> Code;
    pub(super) fn rd_kafka_message_headers(
        message: *const rd::rd_kafka_message_t,
        headers: *mut *mut rd::rd_kafka_headers_t,
    ) -> Code;
    pub(super) fn rd_kafka_get_watermark_offsets(
        rk: *mut rd::rd_kafka_t,
        topic: *const c_char,
        partition: i32,
        low: *mut i64,
        high: *mut i64,
    ) -> Code;
    pub(super) fn rd_kafka_subscribe(
        rk: *mut rd::rd_kafka_t,
        topics: *const rd::rd_kafka_topic_partition_list_t,
    ) -> Code;
    pub(super) fn rd_kafka_unsubscribe(rk: *mut rd::rd_kafka_t) -> Code;
    // The callback is null: answers come as events.
    pub(super) fn rd_kafka_commit_queue(
        rk: *mut rd::rd_kafka_t,
        offsets: *const rd::rd_kafka_topic_partition_list_t,
        queue: *mut rd::rd_kafka_queue_t,
        callback: *const c_void,
        opaque: *mut c_void,
    ) -> Code;
    pub(super) fn rd_kafka_committed(
        rk: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
        timeout_ms: c_int,
    ) -> Code;
    pub(super) fn rd_kafka_position(
        rk: *mut rd::rd_kafka_t,
        partitions: *mut rd::rd_kafka_topic_partition_list_t,
    ) -> Code;
    pub(super) fn rd_kafka_flush(rk: *mut rd::rd_kafka_t, timeout_ms: c_int) -> Code;
    pub(super) fn rd_kafka_metadata(
        rk: *mut rd::rd_kafka_t,
        all_topics: c_int,
        only: *mut rd::rd_kafka_topic_t,
        found: *mut *const rd::rd_kafka_metadata,
        timeout_ms: c_int,
    ) -> Code;
    pub(super) fn rd_kafka_poll_set_consumer(rk: *mut rd::rd_kafka_t) -> Code;
    pub(super) fn rd_kafka_AdminOptions_set_request_timeout(
        options: *mut rd::rd_kafka_AdminOptions_t,
        timeout_ms: c_int,
        text: *mut c_char,
        size: usize,
    ) -> Code;
    pub(super) fn rd_kafka_AdminOptions_set_operation_timeout(
        options: *mut rd::rd_kafka_AdminOptions_t,
        timeout_ms: c_int,
        text: *mut c_char,
        size: usize,
    ) -> Code;
    pub(super) fn rd_kafka_NewTopic_set_config(
        topic: *mut rd::rd_kafka_NewTopic_t,
        name: *const c_char,
        value: *const c_char,
    ) -> Code;
    pub(super) fn rd_kafka_oauthbearer_set_token(
        rk: *mut rd::rd_kafka_t,
        value: *const c_char,
        expires_at_ms: i64,
        principal: *const c_char,
        extensions: *mut *const c_char,
        extensions_size: usize,
        text: *mut c_char,
        size: usize,
    ) -> Code;
    pub(super) fn rd_kafka_oauthbearer_set_token_failure(
        rk: *mut rd::rd_kafka_t,
        reason: *const c_char,
    ) -> Code;
    pub(super) fn rd_kafka_conf_interceptor_add_on_new(
        conf: *mut rd::rd_kafka_conf_t,
        name: *const c_char,
        on_new: rd::rd_kafka_interceptor_f_on_new_t,
        opaque: *mut c_void,
    ) -> Code;
    pub(super) fn rd_kafka_interceptor_add_on_broker_state_change(
        rk: *mut rd::rd_kafka_t,
        name: *const c_char,
        changed: rd::rd_kafka_interceptor_f_on_broker_state_change_t,
        opaque: *mut c_void,
    ) -> Code;
}

#[cfg(test)]
mod tests {
    /// Every function of the bindings whose result is the enum, by its signature, must not be called through them.
    #[test]
    fn no_code_of_a_broker_becomes_an_enum_at_a_call() {
        let declared: Vec<&str> = include_str!("raw.rs")
            .lines()
            .filter_map(|line| line.trim().strip_prefix("pub(super) fn ")?.split('(').next())
            .collect();
        assert!(declared.len() > 20, "{declared:?}");
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/kafka/ffi");
        let files = std::fs::read_dir(directory).expect("the sources are there");
        let files: Vec<_> = files.map(|file| file.expect("can be read").path()).collect();
        assert!(files.len() > 15, "{files:?}");
        for file in files.iter().filter(|file| !file.ends_with("raw.rs")) {
            let (source, file) = (std::fs::read_to_string(file).expect("is text"), file.display());
            for name in &declared {
                assert!(!source.contains(&format!("rd::{name}(")), "{file} calls {name} of the bindings");
            }
            for cast in [") as Code", "} as Code"] {
                assert!(!source.contains(cast), "{file}: a function returns the enum: {cast}");
            }
        }
    }
}
