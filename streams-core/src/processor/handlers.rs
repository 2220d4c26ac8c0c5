//! What to do with a record that cannot be read, processed or written: skip it or fail (KIP-161, KIP-210, KIP-1033).

use std::sync::Arc;

use state_stores::Causes;

use super::dead_letter::DeadLetter;
use crate::config::{BuiltInExceptionHandler, StreamsConfig};
use crate::error::{Error, Result, UserError};
use crate::ids::{Offset, PartitionId, TaskId, TopicName, TopicPartition};
use crate::record::Headers;
use crate::serde::SerdeError;
use crate::time::Timestamp;
use crate::transport::TransportError;
use crate::user_code::caught;

/// What becomes of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Skip the record and continue; it is counted in `dropped-records`.
    Resume,
    /// Stop: nothing of the transaction becomes visible.
    Fail,
}

/// A handler's answer: what becomes of the record, and what is written to dead letter queues because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    decision: Decision,
    dead_letters: Vec<DeadLetter>,
}

impl Response {
    /// The record is skipped, and processing continues; it is counted in `dropped-records`.
    pub const fn resume() -> Self {
        Response { decision: Decision::Resume, dead_letters: Vec::new() }
    }

    /// The application stops: nothing of the transaction becomes visible, dead letters included. Under at-least-once those
    /// stay, and come again when the record is read again.
    pub const fn fail() -> Self {
        Response { decision: Decision::Fail, dead_letters: Vec::new() }
    }

    /// Writes these to their topics as well, with the task's other results: under exactly-once they become visible together.
    /// [`ErrorContext::dead_letter`] makes the usual one.
    pub fn with_dead_letters(mut self, dead_letters: impl IntoIterator<Item = DeadLetter>) -> Self {
        self.dead_letters.extend(dead_letters);
        self
    }

    /// What becomes of the record.
    pub fn decision(&self) -> Decision {
        self.decision
    }

    /// What is written because of it.
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead_letters
    }

    pub(crate) fn into_parts(self) -> (Decision, Vec<DeadLetter>) {
        (self.decision, self.dead_letters)
    }
}

/// Where an error happened.
#[derive(Clone, Copy, Debug)]
pub struct ErrorContext<'a> {
    /// The task.
    pub task: TaskId,
    /// The node.
    pub node: &'a str,
    /// Where the current record was read; `None` during a punctuation.
    pub partition: Option<&'a TopicPartition>,
    /// Its offset.
    pub offset: Option<Offset>,
    /// Its headers, where known.
    pub headers: &'a Headers,
    /// Its event time in milliseconds; during a punctuation, that time; -1 where the broker refuses a result later. Dead
    /// letters of -1 get the time of the record that was read, or else the result's, or else the wall clock's.
    pub timestamp: Timestamp,
    /// Its key as it was read from the topic. Null where it is no longer known: during a punctuation or the flush of a
    /// cache, and where the broker refuses a result later.
    pub key: Option<&'a [u8]>,
    /// Its value, likewise.
    pub value: Option<&'a [u8]>,
    /// `application.id`.
    pub application_id: &'a str,
    /// `errors.dead.letter.queue.topic.name`.
    pub dead_letter_topic: Option<&'a TopicName>,
}

impl ErrorContext<'_> {
    /// The current record for the dead letter queue that `errors.dead.letter.queue.topic.name` names, with Kafka Streams'
    /// headers about the error; `None` without that setting.
    pub fn dead_letter(&self, error: &(dyn std::error::Error + 'static)) -> Option<DeadLetter> {
        Some(DeadLetter::of(self.dead_letter_topic?, self, error))
    }

    fn place(&self) -> String {
        let at = self.partition.zip(self.offset);
        at.map_or_else(
            || "a punctuation".to_owned(),
            |(partition, offset)| format!("{partition} offset {offset}"),
        )
    }
}

/// Asks a handler. If the handler panics, that is a bug of the program, and no other handler is asked about it.
pub(crate) fn decide(
    which: &'static str,
    context: &ErrorContext<'_>,
    handler: impl FnOnce(&ErrorContext<'_>) -> Response,
) -> Result<Response> {
    caught(|| handler(context)).map_err(|panic| Error::Handler {
        handler: which,
        node: context.node.into(),
        task: context.task,
        at: context.partition.cloned().zip(context.offset),
        message: panic.message,
    })
}

/// A result as it was to be sent (`org.apache.kafka.clients.producer.ProducerRecord`).
#[derive(Clone, Copy, Debug)]
pub struct ProducerRecord<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition; -1 where none could be found, because the topic does not exist.
    pub partition: PartitionId,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null.
    pub value: Option<&'a [u8]>,
    /// Event time in milliseconds; `None` if the broker refused the record, as librdkafka does not give the time back.
    pub timestamp: Option<Timestamp>,
    /// Headers.
    pub headers: &'a Headers,
}

/// Decides about records that do not parse (`DeserializationExceptionHandler`).
pub trait DeserializationExceptionHandler: Send + Sync {
    /// `part` is `key` or `value`.
    fn handle(&self, context: &ErrorContext<'_>, part: &'static str, error: &SerdeError) -> Response;
}

/// Decides about records on which user code returned an error or panicked (`ProcessingExceptionHandler`).
///
/// It is also asked about a row that waits in a store for other records and cannot be read back: `error` is a
/// [`StoreError::Row`](crate::error::StoreError::Row), the key is the row's in the store, and the place that of the record
/// which left it, if that is known. [`Response::resume`] deletes the row.
pub trait ProcessingExceptionHandler: Send + Sync {
    /// `error` is what the processor returned; a [`UserPanic`](super::UserPanic) if it panicked.
    fn handle(&self, context: &ErrorContext<'_>, error: &UserError) -> Response;
}

/// Decides about results that cannot be serialized or sent (`ProductionExceptionHandler`).
pub trait ProductionExceptionHandler: Send + Sync {
    /// Called when the topic refuses a result and would refuse it again: once for each such record, under both
    /// guarantees, whether the client or the broker refused it. It is not called for failures that may pass (time-outs,
    /// moving leaders), for missing rights, or for records of changelogs and repartition topics, which are never skipped.
    ///
    /// `context` has the task, the node, and where the current record was read; its headers are empty. Under
    /// exactly-once, [`Response::resume`] for a record that the broker refused repeats the transaction once without it.
    fn handle(
        &self,
        context: &ErrorContext<'_>,
        record: &ProducerRecord<'_>,
        error: &TransportError,
    ) -> Response;

    /// Called when a result, or a record for a repartition topic, cannot be serialized; `part` is `key` or `value`. As in
    /// Kafka Streams (`handleSerializationError`), [`Response::resume`] skips either. Values that a store cannot serialize
    /// go to the processing handler.
    fn handle_serialization_error(
        &self,
        context: &ErrorContext<'_>,
        topic: &str,
        part: &'static str,
        error: &SerdeError,
    ) -> Response;
}

/// Logs and stops (`LogAndFailExceptionHandler`); writes a dead letter where there is a queue for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndFail;

/// Continues (`LogAndContinueExceptionHandler`); writes a dead letter where a queue is configured. Each record is logged as
/// DEBUG. As all records that are left out, they are warned of once a minute for each reason and task.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogAndContinue;

macro_rules! logging_handler {
    ($handler:ty, $log:ident, $response:expr) => {
        impl DeserializationExceptionHandler for $handler {
            fn handle(&self, context: &ErrorContext<'_>, part: &'static str, error: &SerdeError) -> Response {
                tracing::$log!(
                    task = %context.task, node = context.node, at = context.place(), part, error = %Causes(error),
                    "a record cannot be deserialized"
                );
                $response.with_dead_letters(context.dead_letter(error))
            }
        }

        impl ProcessingExceptionHandler for $handler {
            fn handle(&self, context: &ErrorContext<'_>, error: &UserError) -> Response {
                tracing::$log!(
                    task = %context.task, node = context.node, at = context.place(), error = %Causes(&**error),
                    "a processor failed on a record"
                );
                $response.with_dead_letters(context.dead_letter(&**error))
            }
        }

        impl ProductionExceptionHandler for $handler {
            fn handle(
                &self,
                context: &ErrorContext<'_>,
                record: &ProducerRecord<'_>,
                error: &TransportError,
            ) -> Response {
                tracing::$log!(
                    task = %context.task, node = context.node, at = context.place(), topic = record.topic,
                    partition = record.partition, error = %Causes(error),
                    "a result cannot be sent"
                );
                let dead_letter = context.dead_letter(error);
                $response.with_dead_letters(dead_letter.map(|letter| letter.with_result(record)))
            }

            fn handle_serialization_error(
                &self,
                context: &ErrorContext<'_>,
                topic: &str,
                part: &'static str,
                error: &SerdeError,
            ) -> Response {
                tracing::$log!(
                    task = %context.task, node = context.node, at = context.place(), topic, part,
                    error = %Causes(error),
                    "a result cannot be serialized"
                );
                $response.with_dead_letters(context.dead_letter(error))
            }
        }
    };
}

logging_handler!(LogAndFail, warn, Response::fail());
// A warning for each record would hide all others; what is left out is warned of once a minute (`dropped.rs`).
logging_handler!(LogAndContinue, debug, Response::resume());

/// The three handlers of an application.
#[doc(hidden)]
#[derive(Clone)]
pub struct Handlers {
    /// For records that do not parse.
    pub deserialization: Arc<dyn DeserializationExceptionHandler>,
    /// For user code that returns errors.
    pub processing: Arc<dyn ProcessingExceptionHandler>,
    /// For results that cannot be written.
    pub production: Arc<dyn ProductionExceptionHandler>,
    /// `errors.dead.letter.queue.topic.name`.
    pub dead_letter_topic: Option<TopicName>,
    /// `application.id`.
    pub application_id: Arc<str>,
    /// Whether the bytes of failed records are read: by a custom handler, or for a dead letter queue. Otherwise they are
    /// freed once they are deserialized.
    pub keeps_records: bool,
}

impl Default for Handlers {
    /// Every error stops the application, as in Kafka Streams.
    fn default() -> Self {
        Handlers {
            deserialization: Arc::new(LogAndFail),
            processing: Arc::new(LogAndFail),
            production: Arc::new(LogAndFail),
            dead_letter_topic: None,
            application_id: Arc::from(""),
            keeps_records: false,
        }
    }
}

impl Handlers {
    /// The handlers that the settings name.
    pub fn of(config: &StreamsConfig) -> Self {
        macro_rules! built_in {
            ($which:expr) => {
                match $which {
                    BuiltInExceptionHandler::LogAndFail => Arc::new(LogAndFail),
                    BuiltInExceptionHandler::LogAndContinue => Arc::new(LogAndContinue),
                }
            };
        }
        Handlers {
            deserialization: built_in!(config.deserialization_exception_handler()),
            processing: built_in!(config.processing_exception_handler()),
            production: built_in!(config.production_exception_handler()),
            dead_letter_topic: config.dead_letter_queue_topic_name().map(TopicName::from),
            application_id: config.application_id().into(),
            keeps_records: config.dead_letter_queue_topic_name().is_some(),
        }
    }
}
