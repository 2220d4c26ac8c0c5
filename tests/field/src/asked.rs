//! A production handler that continues and remembers what it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use streams_core::processor::handlers::{ErrorContext, ProducerRecord, ProductionExceptionHandler, Response};
use streams_core::serde::SerdeError;
use streams_core::transport::{TransportError, TransportErrorKind};

/// What a handler was asked, in order: task, node, source and sink of each refused result, and the first bytes of its value.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<(String, TransportErrorKind)>>>);

impl Asked {
    /// All of it, sorted: threads ask in any order.
    pub fn sorted(&self) -> Vec<String> {
        let mut asked: Vec<_> = self.all().into_iter().map(|(asked, _)| asked).collect();
        asked.sort();
        asked
    }

    /// The kinds of the errors, in the order in which it was asked about them.
    pub fn kinds(&self) -> Vec<TransportErrorKind> {
        self.all().into_iter().map(|(_, kind)| kind).collect()
    }

    fn all(&self) -> Vec<(String, TransportErrorKind)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ProductionExceptionHandler for Asked {
    fn handle(&self, at: &ErrorContext<'_>, record: &ProducerRecord<'_>, error: &TransportError) -> Response {
        println!("asked: {error}");
        let source = at.partition.map_or_else(String::new, ToString::to_string);
        let value = record.value.unwrap_or_default();
        let text = format!(
            "{} {} {source}@{} -> {}: {}",
            at.task,
            at.node,
            at.offset.unwrap_or(-1),
            record.topic,
            String::from_utf8_lossy(value.get(..4).unwrap_or(value))
        );
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((text, error.kind()));
        Response::resume()
    }

    fn handle_serialization_error(
        &self,
        _: &ErrorContext<'_>,
        _: &str,
        _: &'static str,
        _: &SerdeError,
    ) -> Response {
        Response::fail()
    }
}
