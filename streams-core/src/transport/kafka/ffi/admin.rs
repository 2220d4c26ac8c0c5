//! Administrative requests: each has its own queue and waits there for its one answer.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as Op;
use rdkafka::bindings::rd_kafka_resp_err_t as E;

use super::client::Client;
use super::clock::next_event;
use super::conf::ERROR_BYTES;
use super::leaders::LEAST;
use super::list::{Entry, PartitionList, entries_of, entry_of};
use super::{Code, KafkaError, OK, c_string, millis, raw, text_of};
use crate::transport::kafka::deadline::Deadline;

/// One request to a client.
pub(in crate::transport::kafka) struct AdminCall<'a> {
    pub(super) client: &'a Client,
    pub(super) timeout: Duration,
}

/// A topic to create.
pub(in crate::transport::kafka) struct TopicToCreate<'a> {
    pub(in crate::transport::kafka) name: &'a str,
    pub(in crate::transport::kafka) partitions: i32,
    pub(in crate::transport::kafka) replication_factor: i16,
    pub(in crate::transport::kafka) configs: &'a BTreeMap<String, String>,
}

/// The result for each topic named in a request.
pub(super) type TopicResults<T> = Vec<(String, Result<T, KafkaError>)>;

/// How long we wait for a broker's answer after the request's own time-out.
const GRACE: Duration = Duration::from_millis(100);

/// The time between two checks whether the brokers let us in.
pub(super) const LOOK: Duration = Duration::from_millis(200);

const TIMED_OUT: Code = E::RD_KAFKA_RESP_ERR__TIMED_OUT as Code;

impl<'a> AdminCall<'a> {
    pub(in crate::transport::kafka) fn new(client: &'a Client, timeout: Duration) -> Self {
        AdminCall { client, timeout }
    }

    pub(in crate::transport::kafka) fn create_topics(
        &self,
        topics: &[TopicToCreate<'_>],
    ) -> Result<TopicResults<()>, KafkaError> {
        let mut requests = NewTopics(Vec::new());
        for topic in topics {
            requests.add(topic)?;
        }
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_CREATETOPICS, self.timeout);
        options.wait_for_brokers(self.timeout);
        // SAFETY: the requests live through the call and are copied; the results live as long as the event.
        unsafe {
            let answer = self.wait(|queue| {
                rd::rd_kafka_CreateTopics(
                    self.client.as_ptr(),
                    requests.0.as_mut_ptr(),
                    requests.0.len(),
                    options.0,
                    queue,
                );
            })?;
            let mut count = 0;
            let results = rd::rd_kafka_CreateTopics_result_topics(
                rd::rd_kafka_event_CreateTopics_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok(topic_results(results, count))
        }
    }

    /// Grows a topic to this many partitions.
    pub(in crate::transport::kafka) fn create_partitions(
        &self,
        topic: &str,
        partitions: usize,
    ) -> Result<TopicResults<()>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, self.timeout);
        options.wait_for_brokers(self.timeout);
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: the name is copied; the request is ours, copied by the call and destroyed once; the results live as long
        // as the event; the buffer has the size that is passed.
        unsafe {
            let mut request = rd::rd_kafka_NewPartitions_new(
                c_string(topic).as_ptr(),
                partitions,
                reason.as_mut_ptr(),
                reason.len(),
            );
            if request.is_null() {
                let code = E::RD_KAFKA_RESP_ERR__INVALID_ARG as Code;
                return Err(KafkaError::with_reason(code, text_of(reason.as_ptr())));
            }
            let answer = self.wait(|queue| {
                rd::rd_kafka_CreatePartitions(self.client.as_ptr(), &mut request, 1, options.0, queue);
            });
            rd::rd_kafka_NewPartitions_destroy(request);
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_CreatePartitions_result_topics(
                rd::rd_kafka_event_CreatePartitions_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok(topic_results(results, count))
        }
    }

    pub(in crate::transport::kafka) fn delete_topics(
        &self,
        names: &[&str],
    ) -> Result<TopicResults<()>, KafkaError> {
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DELETETOPICS, self.timeout);
        options.wait_for_brokers(self.timeout);
        // SAFETY: the names are copied; the requests are ours, copied by the call and destroyed once; the results live
        // as long as the event.
        unsafe {
            let mut requests: Vec<_> =
                names.iter().map(|name| rd::rd_kafka_DeleteTopic_new(c_string(name).as_ptr())).collect();
            let answer = self.wait(|queue| {
                rd::rd_kafka_DeleteTopics(
                    self.client.as_ptr(),
                    requests.as_mut_ptr(),
                    requests.len(),
                    options.0,
                    queue,
                );
            });
            rd::rd_kafka_DeleteTopic_destroy_array(requests.as_mut_ptr(), requests.len());
            let answer = answer?;
            let mut count = 0;
            let results = rd::rd_kafka_DeleteTopics_result_topics(
                rd::rd_kafka_event_DeleteTopics_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok(topic_results(results, count))
        }
    }

    /// Offsets of partitions whose leaders the client knows (see [`AdminCall::leaders`]); the list's offsets are Kafka's
    /// query codes (-2 first, -1 next) or timestamps.
    pub(in crate::transport::kafka) fn list_offsets(
        &self,
        queries: &PartitionList,
        committed_only: bool,
    ) -> Result<Vec<Entry>, KafkaError> {
        let timeout = self.timeout.max(LEAST);
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout);
        let isolation = if committed_only {
            rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
        } else {
            rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
        };
        // SAFETY: options and list are valid; the list is copied; the results live as long as the event.
        unsafe {
            KafkaError::take(rd::rd_kafka_AdminOptions_set_isolation_level(options.0, isolation))?;
            let answer = self.wait(|queue| {
                rd::rd_kafka_ListOffsets(self.client.as_ptr(), queries.as_ptr(), options.0, queue);
            })?;
            let mut count = 0;
            let results = rd::rd_kafka_ListOffsets_result_infos(
                rd::rd_kafka_event_ListOffsets_result(answer.0.as_ptr()),
                &mut count,
            );
            Ok((0..count)
                .map(|index| {
                    entry_of(rd::rd_kafka_ListOffsetsResultInfo_topic_partition(*results.add(index)))
                })
                .collect())
        }
    }

    /// Deletes records before the list's offsets, of partitions whose leaders the client knows (see
    /// [`AdminCall::leaders`]).
    pub(in crate::transport::kafka) fn delete_records(
        &self,
        before: &PartitionList,
    ) -> Result<Vec<Entry>, KafkaError> {
        let timeout = self.timeout.max(LEAST);
        let options = Options::new(self.client, Op::RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout);
        options.wait_for_brokers(self.timeout);
        // SAFETY: the list is copied; the request is ours and destroyed once; the results live as long as the event.
        unsafe {
            let mut request = rd::rd_kafka_DeleteRecords_new(before.as_ptr());
            let answer = self.wait(|queue| {
                rd::rd_kafka_DeleteRecords(self.client.as_ptr(), &mut request, 1, options.0, queue);
            });
            rd::rd_kafka_DeleteRecords_destroy(request);
            let answer = answer?;
            Ok(entries_of(rd::rd_kafka_DeleteRecords_result_offsets(
                rd::rd_kafka_event_DeleteRecords_result(answer.0.as_ptr()),
            )))
        }
    }

    /// The answer on a request's queue. Null at the time-out, if no broker lets this client in, or if the application
    /// ends.
    ///
    /// # Safety
    /// A valid queue.
    unsafe fn wait_for(&self, queue: *mut rd::rd_kafka_queue_t) -> *mut rd::rd_kafka_event_t {
        let deadline = Deadline::after(self.timeout + GRACE);
        loop {
            let left = deadline.left();
            // SAFETY: the caller's promise.
            let event = unsafe { next_event(queue, left.min(LOOK)) };
            if !event.is_null() || left.is_zero() {
                return event;
            }
            // Refusals arrive here.
            self.client.poll(Duration::ZERO);
            if self.client.shut_out().is_some() || self.client.is_closed() {
                return event;
            }
        }
    }

    /// Sends a request with its own queue and waits for the answer.
    pub(super) fn wait(&self, send: impl FnOnce(*mut rd::rd_kafka_queue_t)) -> Result<Answer, KafkaError> {
        // SAFETY: the queue is ours and lives through the call; destroyed early, it drops an answer that comes late. The
        // event is owned by the returned value and no longer needs the queue.
        unsafe {
            let queue = rd::rd_kafka_queue_new(self.client.as_ptr());
            send(queue);
            let event = self.wait_for(queue);
            rd::rd_kafka_queue_destroy(queue);
            let Some(event) = NonNull::new(event) else {
                let refused = self.client.shut_out();
                return Err(refused.unwrap_or_else(|| KafkaError::from_code(TIMED_OUT)));
            };
            let answer = Answer(event);
            let code = raw::rd_kafka_event_error(event.as_ptr());
            if code == OK {
                return Ok(answer);
            }
            let reason = text_of(rd::rd_kafka_event_error_string(event.as_ptr()));
            Err(KafkaError::with_reason(code, reason))
        }
    }
}

/// The event that holds an answer.
pub(super) struct Answer(pub(super) NonNull<rd::rd_kafka_event_t>);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once, after everything read from it.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

/// A request's options.
pub(super) struct Options(pub(super) *mut rd::rd_kafka_AdminOptions_t);

impl Options {
    pub(super) fn new(client: &Client, op: Op, timeout: Duration) -> Self {
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: a valid handle; the options are ours; the buffer has the size that is passed. A time-out out of range
        // is refused and leaves the default, `wait` then ends the call.
        unsafe {
            let options = rd::rd_kafka_AdminOptions_new(client.as_ptr(), op);
            raw::rd_kafka_AdminOptions_set_request_timeout(
                options,
                millis(timeout),
                reason.as_mut_ptr(),
                reason.len(),
            );
            Options(options)
        }
    }

    /// Makes the broker answer once the change has reached the others.
    fn wait_for_brokers(&self, timeout: Duration) {
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: as in `new`.
        unsafe {
            raw::rd_kafka_AdminOptions_set_operation_timeout(
                self.0,
                millis(timeout),
                reason.as_mut_ptr(),
                reason.len(),
            );
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once; requests copy what they need.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0) };
    }
}

/// Topics to create, owned until the request is made.
struct NewTopics(Vec<*mut rd::rd_kafka_NewTopic_t>);

impl NewTopics {
    fn add(&mut self, topic: &TopicToCreate<'_>) -> Result<(), KafkaError> {
        let name = c_string(topic.name);
        let mut reason = [0 as c_char; ERROR_BYTES];
        // SAFETY: strings are copied; the object is ours, kept in the list, which destroys it.
        unsafe {
            let made = rd::rd_kafka_NewTopic_new(
                name.as_ptr(),
                topic.partitions as c_int,
                c_int::from(topic.replication_factor),
                reason.as_mut_ptr(),
                reason.len(),
            );
            if made.is_null() {
                let code = E::RD_KAFKA_RESP_ERR__INVALID_ARG as Code;
                return Err(KafkaError::with_reason(code, text_of(reason.as_ptr())));
            }
            self.0.push(made);
            for (key, value) in topic.configs {
                let (key, value) = (c_string(key), c_string(value));
                let code = raw::rd_kafka_NewTopic_set_config(made, key.as_ptr(), value.as_ptr());
                KafkaError::check(code)?;
            }
        }
        Ok(())
    }
}

impl Drop for NewTopics {
    fn drop(&mut self) {
        // SAFETY: `len` objects of ours, each destroyed once.
        unsafe { rd::rd_kafka_NewTopic_destroy_array(self.0.as_mut_ptr(), self.0.len()) };
    }
}

/// Copies the results of topics out.
///
/// # Safety
/// `results` is null or an array of `count` valid results.
unsafe fn topic_results(results: *mut *const rd::rd_kafka_topic_result_t, count: usize) -> TopicResults<()> {
    if results.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe {
        (0..count)
            .map(|index| {
                let result = *results.add(index);
                let code = raw::rd_kafka_topic_result_error(result);
                let name = text_of(rd::rd_kafka_topic_result_name(result));
                let reason = text_of(rd::rd_kafka_topic_result_error_string(result));
                (name, if code == OK { Ok(()) } else { Err(KafkaError::with_reason(code, reason)) })
            })
            .collect()
    }
}
