//! Records for the dead letter queue: what could not be read, processed or written, and why (KIP-1034).
//!
//! A dead letter is the record of the source topic as it was read, with the headers that Kafka Streams adds
//! (`ExceptionHandlerUtils`), and some more that say which application, task and node failed, and what result was refused.

use std::sync::Arc;

use bytes::Bytes;
use state_stores::{Short, causes_of};

use super::handlers::{ErrorContext, ProducerRecord};
use crate::ids::{Offset, TopicName, TopicPartition};
use crate::record::{Header, Headers};
use crate::time::Timestamp;

/// The names of the headers.
pub mod headers {
    /// The kind of the error, as `SerdeError`.
    pub const EXCEPTION: &str = "__streams.errors.exception";
    /// What the error says, at most two kilobytes of it: the letter must fit the queue.
    pub const MESSAGE: &str = "__streams.errors.message";
    /// The error with its causes, a line each.
    pub const STACKTRACE: &str = "__streams.errors.stacktrace";
    /// The topic of the record; empty during a punctuation.
    pub const TOPIC: &str = "__streams.errors.topic";
    /// Its partition, in decimal; -1 during a punctuation.
    pub const PARTITION: &str = "__streams.errors.partition";
    /// Its offset, in decimal; -1 during a punctuation.
    pub const OFFSET: &str = "__streams.errors.offset";
    /// `application.id`. Kafka Streams has none of these and the following.
    pub const APPLICATION: &str = "__streams.errors.application.id";
    /// The task.
    pub const TASK: &str = "__streams.errors.task";
    /// The node.
    pub const NODE: &str = "__streams.errors.node";
    /// The topic of a result that was refused.
    pub const RESULT_TOPIC: &str = "__streams.errors.result.topic";
    /// Its partition, in decimal.
    pub const RESULT_PARTITION: &str = "__streams.errors.result.partition";
    /// Its key, as it was to be written.
    pub const RESULT_KEY: &str = "__streams.errors.result.key";
    /// Its value, as it was to be written.
    pub const RESULT_VALUE: &str = "__streams.errors.result.value";
    /// What this letter lacks because the queue did not take it whole: `result.value`, or also the record's `value`, its
    /// `headers` and so on, with commas. Letters that are whole do not have this header.
    pub const LEFT_OUT: &str = "__streams.errors.left.out";
}

/// The headers that a letter keeps in any case: each is small.
const KEPT: [&str; 10] = [
    headers::EXCEPTION,
    headers::MESSAGE,
    headers::TOPIC,
    headers::PARTITION,
    headers::OFFSET,
    headers::APPLICATION,
    headers::TASK,
    headers::NODE,
    headers::RESULT_TOPIC,
    headers::RESULT_PARTITION,
];

/// What is left out first, and what a letter then lacks that is refused again.
const WITHOUT_RESULT: &str = "result.value";
const WITHOUT_RECORD: &str = "value,headers,result.key,result.value";
const WITHOUT_KEY: &str = "key,value,headers,result.key,result.value";

/// A key up to this size stays: it leads to the record, and compacted queues need one.
const KEY_MAX: usize = 1_000;

/// A record for a dead letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic, which must exist.
    pub topic: TopicName,
    /// Key bytes, or null. Without a key it goes to any partition.
    pub key: Option<Bytes>,
    /// Value bytes, or null.
    pub value: Option<Bytes>,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Headers.
    pub headers: Headers,
}

impl DeadLetter {
    /// The current record with what Kafka Streams says of the error, and what this library adds.
    pub(super) fn of(
        topic: &TopicName,
        context: &ErrorContext<'_>,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut headers = context.headers.clone();
        let mut add = |name: &'static str, value: String| headers.add(name, Some(value));
        add(headers::EXCEPTION, kind_of(error).to_owned());
        add(headers::MESSAGE, Short(error).to_string());
        add(headers::STACKTRACE, with_causes(error));
        add(headers::TOPIC, context.partition.map(|at| at.topic.to_string()).unwrap_or_default());
        add(headers::PARTITION, context.partition.map_or(-1, |at| at.partition).to_string());
        add(headers::OFFSET, context.offset.unwrap_or(-1).to_string());
        add(headers::APPLICATION, context.application_id.to_owned());
        add(headers::TASK, context.task.to_string());
        add(headers::NODE, context.node.to_owned());
        let copy = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
        DeadLetter {
            topic: topic.clone(),
            key: copy(context.key),
            value: copy(context.value),
            timestamp: context.timestamp,
            headers,
        }
    }

    /// With the result that was refused.
    pub fn with_result(mut self, result: &ProducerRecord<'_>) -> Self {
        self.headers.add(headers::RESULT_TOPIC, Some(result.topic.to_owned()));
        self.headers.add(headers::RESULT_PARTITION, Some(result.partition.to_string()));
        self.headers.add(headers::RESULT_KEY, result.key.map(Bytes::copy_from_slice));
        self.headers.add(headers::RESULT_VALUE, result.value.map(Bytes::copy_from_slice));
        self
    }

    /// Whether it lacks the record that was read: the broker refused a result after the record had been left behind.
    pub(crate) fn lacks_record(&self) -> bool {
        let has_no_room = left_out(&self.headers).is_some_and(|parts| parts != WITHOUT_RESULT.as_bytes());
        self.key.is_none() && self.value.is_none() && !has_no_room
    }

    /// The same letter for a queue that it is too large for: without the result's value, and if it was refused without that,
    /// with little more than the error and the coordinates of the record, which are `source`. `None` if nothing is left to
    /// leave out.
    pub(crate) fn shortened(mut self, source: Option<(&TopicPartition, Offset)>) -> Option<Self> {
        let has_value = |header: &Header| &*header.key == headers::RESULT_VALUE && header.value.is_some();
        match left_out(&self.headers) {
            None if self.headers.iter().any(has_value) => {
                self.headers.remove(headers::RESULT_VALUE);
                self.headers.add(headers::LEFT_OUT, Some(WITHOUT_RESULT));
                return Some(self);
            }
            Some(parts) if parts != WITHOUT_RESULT.as_bytes() => return None,
            _ => {}
        }
        let all = std::mem::take(&mut self.headers);
        for header in KEPT.into_iter().filter_map(|name| all.last(name)) {
            self.headers.add(Arc::clone(&header.key), header.value.clone());
        }
        if let Some((partition, offset)) = source.filter(|_| self.headers.last(headers::OFFSET).is_none()) {
            self.headers.add(headers::TOPIC, Some(partition.topic.to_string()));
            self.headers.add(headers::PARTITION, Some(partition.partition.to_string()));
            self.headers.add(headers::OFFSET, Some(offset.to_string()));
        }
        let keeps_key = self.key.as_ref().is_none_or(|key| key.len() <= KEY_MAX);
        self.key = self.key.filter(|_| keeps_key);
        self.value = None;
        self.headers.add(headers::LEFT_OUT, Some(if keeps_key { WITHOUT_RECORD } else { WITHOUT_KEY }));
        Some(self)
    }
}

/// What a letter with these headers lacks, if it is not whole. The header is the last one: those before it may be those of
/// the record, which may have been a letter.
pub(crate) fn left_out(headers: &Headers) -> Option<&[u8]> {
    let last = headers.iter().last().filter(|header| &*header.key == headers::LEFT_OUT);
    last?.value.as_deref()
}

/// What kind of error it is, by the type that names it in the documentation.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> &'static str {
    use crate::error::Error;
    if error.is::<crate::serde::SerdeError>() {
        "SerdeError"
    } else if error.is::<super::UserPanic>() {
        "UserPanic"
    } else if error.is::<crate::transport::TransportError>() {
        "TransportError"
    } else if error.is::<state_stores::StoreError>() {
        "StoreError"
    } else if error.is::<Error>() {
        "Error"
    } else {
        "UserError"
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = Short(error).to_string();
    for cause in causes_of(error) {
        text.push_str(&format!("\nCaused by: {}", Short(cause)));
    }
    text
}
