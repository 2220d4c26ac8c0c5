//! Records for the dead letter queue: what could not be read, processed or written, and why (KIP-1034).
//!
//! A dead letter is the record of the source topic as it was read, with the headers that Kafka Streams adds
//! (`ExceptionHandlerUtils`), and some more that say which application, task and node failed, and what result was refused.

use bytes::Bytes;
use state_stores::{Short, causes_of};

use super::handlers::{ErrorContext, ProducerRecord};
use crate::ids::TopicName;
use crate::record::Headers;
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
}

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
        self.key.is_none() && self.value.is_none()
    }
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
