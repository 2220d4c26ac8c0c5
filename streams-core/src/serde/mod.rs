//! How keys and values become bytes. A type brings its default serde; an explicit one overrules it (design D3).

use std::sync::Arc;

use crate::record::Headers;

/// What [`Serde::serialize`] made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Kafka's null: a null key, or a tombstone. Nothing was appended.
    Null,
    /// The appended bytes, maybe none.
    Bytes,
}

/// Why bytes are no value, or a value cannot be bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SerdeError {
    /// The bytes are null and the type cannot be; such a record is dropped, not an error of the application.
    #[error("null is no {expected}; read the topic as Option<{expected}> to see nulls")]
    UnexpectedNull {
        /// The type that was asked for.
        expected: &'static str,
    },
    /// Anything else.
    #[error("{0}")]
    Invalid(String),
}

impl SerdeError {
    /// An error with that message.
    pub fn invalid(message: impl Into<String>) -> Self {
        SerdeError::Invalid(message.into())
    }
}

/// Turns values of `T` into the bytes of a topic and back (`org.apache.kafka.common.serialization.Serde`).
pub trait Serde<T>: Send + Sync {
    /// Appends the bytes of `value` to `out`, or says that it is null.
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError>;

    /// The value of which these are the bytes; `None` is Kafka's null.
    fn deserialize(&self, topic: &str, headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError>;

    /// Whether some values are Kafka's null. Stateful operators ask once, and then look at each key.
    fn nullable(&self) -> bool {
        false
    }

    /// Whether this value is Kafka's null.
    fn is_null(&self, value: &T) -> bool {
        let _ = value;
        false
    }
}

/// A shared serde, as topologies hold it.
pub type SerdeRef<T> = Arc<dyn Serde<T>>;

/// A type that knows its serde.
pub trait DefaultSerde: Sized + 'static {
    /// The serde that is used where none is given.
    fn default_serde() -> SerdeRef<Self>;
}
