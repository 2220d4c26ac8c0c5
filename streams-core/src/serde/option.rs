//! The serde of a value that may be null.

use std::sync::Arc;

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

/// `None` is Kafka's null; `Some` is written by the serde of the value.
#[derive(Clone)]
pub struct OptionSerde<T> {
    inner: SerdeRef<T>,
}

impl<T> OptionSerde<T> {
    /// Wraps `inner`, so that null is `None`.
    pub fn new(inner: SerdeRef<T>) -> Self {
        OptionSerde { inner }
    }
}

impl<T> Serde<Option<T>> for OptionSerde<T> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &Option<T>,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        match value {
            None => Ok(Payload::Null),
            Some(value) => self.inner.serialize(topic, headers, value, out),
        }
    }

    fn deserialize(
        &self,
        topic: &str,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> Result<Option<T>, SerdeError> {
        if bytes.is_none() {
            return Ok(None);
        }
        match self.inner.deserialize(topic, headers, bytes) {
            // Windowed serdes read empty bytes as null, as Java's do.
            Err(SerdeError::UnexpectedNull { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    fn nullable(&self) -> bool {
        true
    }

    fn is_null(&self, value: &Option<T>) -> bool {
        value.as_ref().is_none_or(|value| self.inner.is_null(value))
    }

    fn check(&self, topic: &str, value: &Option<T>) -> Result<Payload, SerdeError> {
        match value {
            None => Ok(Payload::Null),
            Some(value) if self.inner.checks() => self.inner.check(topic, value),
            Some(_) => Ok(Payload::Bytes),
        }
    }

    fn partitioning_suffix_bytes(&self) -> usize {
        self.inner.partitioning_suffix_bytes()
    }
}

impl<T: DefaultSerde> DefaultSerde for Option<T> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(OptionSerde::new(T::default_serde()))
    }
}
