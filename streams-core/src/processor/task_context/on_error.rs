//! What a task asks its handlers when something fails, and what it writes to dead letter queues.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use state_stores::{Causes, Short, StoreError};

use super::TaskContext;
use crate::error::{Error, Result, UserError};
use crate::ids::{Offset, TopicPartition};
use crate::processor::dead_letter::DeadLetter;
use crate::processor::dropped::{DropReason, KeyExcerpt};
use crate::processor::handlers::{self, Decision, ErrorContext, Handlers, Response};
use crate::processor::{Origin, Purpose};
use crate::record::Headers;
use crate::store::RecordContext;
use crate::transport::RawRecord;

impl TaskContext {
    fn error_context<'a>(
        &'a self,
        node: &'a str,
        headers: &'a Headers,
        raw: Option<&'a RawRecord>,
    ) -> ErrorContext<'a> {
        ErrorContext {
            task: self.setup.task,
            node,
            partition: self.position.at.as_ref().map(|(at, _)| &**at),
            offset: self.position.at.as_ref().map(|(_, offset)| *offset),
            headers,
            timestamp: self.setup.clock.timestamp(),
            key: raw.and_then(RawRecord::key),
            value: raw.and_then(RawRecord::value),
            application_id: &self.setup.application_id,
            dead_letter_topic: self.setup.handlers.dead_letter_topic.as_ref(),
        }
    }

    /// Asks a handler about the current record, which was read as `raw`, and writes its dead letters.
    fn decide(
        &mut self,
        which: &'static str,
        node: &str,
        headers: &Headers,
        raw: Option<&RawRecord>,
        ask: impl FnOnce(&Handlers, &ErrorContext<'_>) -> Response,
    ) -> Result<Decision> {
        let handlers = &self.setup.handlers;
        let context = self.error_context(node, headers, raw.or(self.position.raw.as_ref()));
        let response = handlers::decide(which, &context, |context| ask(handlers, context))?;
        self.follow(node, response)
    }

    /// Writes the dead letters of a handler's answer.
    fn follow(&mut self, node: &str, response: Response) -> Result<Decision> {
        let (decision, dead_letters) = response.into_parts();
        dead_letters.iter().try_for_each(|letter| self.send_dead_letter(node, letter))?;
        Ok(decision)
    }

    #[cold]
    fn send_dead_letter(&mut self, node: &str, letter: &DeadLetter) -> Result<()> {
        let collector = Rc::clone(&self.setup.collector);
        let origin = Origin {
            task: self.setup.task,
            node: node.into(),
            purpose: Purpose::DeadLetter,
            source: self.position.at.as_ref().map(|(at, _)| (**at).clone()),
        };
        collector.send_dead_letter(collector.origin(&origin), self.place().1, letter)?;
        let (node, topic): (Arc<str>, _) = (node.into(), Arc::clone(&letter.topic));
        let meters = &self.setup.meters;
        let meter = self.dead_letters.entry((Arc::clone(&node), Arc::clone(&topic)));
        let bytes = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        let meter = meter.or_insert_with(|| meters.topic(&node, &topic, false));
        meter.count(bytes(&letter.key) + bytes(&letter.value) + letter.headers.bytes());
        Ok(())
    }

    /// Asks the processing handler about an error or a panic of user code; other errors are returned.
    #[cold]
    pub(in crate::processor) fn on_processing_error(&mut self, node: &str, error: Error) -> Result<()> {
        self.on_processing_error_of(None, node, error)
    }

    /// As [`on_processing_error`](Self::on_processing_error), about a record that is not current yet.
    #[cold]
    pub(in crate::processor) fn on_processing_error_of(
        &mut self,
        raw: Option<&RawRecord>,
        node: &str,
        error: Error,
    ) -> Result<()> {
        let cause: UserError = match error {
            Error::User(cause) => cause,
            // A key or value that its serde refuses: in Kafka Streams the serializer throws within `put` or `get`. A row
            // here is the current record's own; of another's, `on_unreadable_row` asks.
            Error::Store { cause: cause @ (StoreError::Codec { .. } | StoreError::Row { .. }), .. } => {
                cause.into()
            }
            // What it asked for may depend on the record: a child, a partition, a schedule. In Kafka Streams, each throws
            // within `process`.
            mistake @ (Error::Usage(_) | Error::IllegalState(_)) => mistake.into(),
            other => return Err(other),
        };
        let headers = self.setup.clock.headers();
        let decision = self.decide("processing", node, &headers, raw, |handlers, context| {
            handlers.processing.handle(context, &cause)
        })?;
        match decision {
            Decision::Resume => {
                self.drop_records_of(node, DropReason::Processing, 1, &Causes(&*cause));
                Ok(())
            }
            Decision::Fail => Err(Error::Processing {
                node: node.into(),
                task: self.setup.task,
                at: self.position(),
                cause,
            }),
        }
    }

    /// Asks the processing handler about a row of a store that cannot be read back and is not the current record's: the
    /// current record is not to blame, and not affected. `kept` says where the row came from, if that is known. On `Ok`, the
    /// caller deletes the row, whose key is returned; other errors are returned.
    #[cold]
    pub(in crate::processor) fn on_unreadable_row(
        &mut self,
        node: &str,
        kept: Option<&RecordContext>,
        error: Error,
    ) -> Result<Box<[u8]>> {
        let cause = match error {
            Error::Store { cause: cause @ StoreError::Row { .. }, .. } => cause,
            other => return Err(other),
        };
        let trigger = self.position();
        let unknown = || RecordContext {
            timestamp: self.setup.clock.timestamp(),
            source: Arc::from(""),
            partition: -1,
            offset: -1,
            headers: Headers::new(),
        };
        let kept = kept.cloned().unwrap_or_else(unknown);
        self.at_record(&kept, |task| task.ask_about_row(node, trigger, cause))
    }

    fn ask_about_row(
        &mut self,
        node: &str,
        trigger: Option<(TopicPartition, Offset)>,
        cause: StoreError,
    ) -> Result<Box<[u8]>> {
        let key: Box<[u8]> = match &cause {
            StoreError::Row { row, .. } => row.clone(),
            _ => Box::default(),
        };
        self.position.key = KeyExcerpt::of(Some(&key));
        let cause: UserError = cause.into();
        let headers = self.setup.clock.headers();
        let context = ErrorContext { key: Some(&key), ..self.error_context(node, &headers, None) };
        let ask = |context: &ErrorContext<'_>| self.setup.handlers.processing.handle(context, &cause);
        let response = handlers::decide("processing", &context, ask)?;
        match self.follow(node, response)? {
            Decision::Resume => {
                self.drop_records_of(node, DropReason::Processing, 1, &Causes(&*cause));
                Ok(key)
            }
            Decision::Fail => Err(Error::Processing {
                node: node.into(),
                task: self.setup.task,
                at: self.position().or(trigger),
                cause,
            }),
        }
    }

    /// Asks the production handler about a result that cannot be serialized.
    #[cold]
    pub(in crate::processor) fn on_serialization_error(
        &mut self,
        node: &str,
        topic: &str,
        part: &'static str,
        cause: crate::serde::SerdeError,
    ) -> Result<()> {
        let headers = self.setup.clock.headers();
        let decision = self.decide("production", node, &headers, None, |handlers, context| {
            handlers.production.handle_serialization_error(context, topic, part, &cause)
        })?;
        match decision {
            Decision::Resume => {
                let detail = format_args!("the {part} for topic {topic}: {}", Short(&cause));
                self.drop_records_of(node, DropReason::Serialization, 1, &detail);
                Ok(())
            }
            Decision::Fail => Err(Error::Serialization {
                part,
                topic: topic.to_owned(),
                node: node.into(),
                task: self.setup.task,
                origin: match self.position.describe() {
                    Some(at) => format!("the record at {at} with key {}", self.position.key),
                    None => "a punctuation".to_owned(),
                },
                cause,
            }),
        }
    }

    /// Asks the deserialization handler about a record that does not parse. On `Ok` the caller drops the record.
    #[cold]
    pub(in crate::processor) fn on_deserialization_error(
        &mut self,
        node: &str,
        part: &'static str,
        headers: &Headers,
        raw: &RawRecord,
        cause: crate::serde::SerdeError,
    ) -> Result<()> {
        let refused = KeyExcerpt::of(if part == "key" { raw.key() } else { raw.value() });
        let decision = self.decide("deserialization", node, headers, Some(raw), |handlers, context| {
            handlers.deserialization.handle(context, part, &cause)
        })?;
        match decision {
            Decision::Resume => {
                self.drop_records_of(
                    node,
                    DropReason::Deserialization,
                    1,
                    &format_args!("its {part} {refused}: {}", Short(&cause)),
                );
                Ok(())
            }
            Decision::Fail => {
                let Some((at, offset)) = &self.position.at else {
                    return Err(Error::Internal(format!(
                        "node {node} reads a record without a place: {cause}"
                    )));
                };
                let (partition, offset) = ((**at).clone(), *offset);
                let (node, excerpt) = (node.into(), refused.to_string().into());
                Err(Error::Deserialization { part, partition, offset, node, excerpt, cause })
            }
        }
    }
}
