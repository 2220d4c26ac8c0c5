//! Makes a serde usable by a store: stores know neither topics nor nulls.

use std::sync::Arc;

use state_stores::codec::{Codec, CodecError};

use super::{Payload, SerdeError, SerdeRef};
use crate::record::Headers;
use crate::user_code::guarded;

/// A serde as the codec of a store. The serde gets the changelog's topic, as in Kafka Streams.
#[derive(Clone)]
pub struct StoreCodec<T> {
    serde: SerdeRef<T>,
    topic: Arc<str>,
}

impl<T> StoreCodec<T> {
    /// A codec for a store whose changelog is `topic`.
    pub fn new(serde: SerdeRef<T>, topic: impl Into<Arc<str>>) -> Self {
        StoreCodec { serde, topic: topic.into() }
    }

    fn error(&self, error: &SerdeError) -> CodecError {
        CodecError::new(format!("{error} (changelog {})", self.topic))
    }

    /// A store takes values; a null would be a deletion of the key.
    fn not_null(&self, serialized: Result<Payload, SerdeError>) -> Result<(), CodecError> {
        match serialized {
            Ok(Payload::Bytes) => Ok(()),
            Ok(Payload::Null) => Err(CodecError::new(format!(
                "it is null, which a store cannot have; delete the key instead (changelog {})",
                self.topic
            ))),
            Err(error) => Err(self.error(&error)),
        }
    }
}

impl<T> Codec<T> for StoreCodec<T> {
    fn checks(&self) -> bool {
        self.serde.checks()
    }

    fn check(&self, value: &T) -> Result<(), CodecError> {
        self.not_null(guarded(|| self.serde.check(&self.topic, value)))
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        self.not_null(guarded(|| self.serde.serialize(&self.topic, &Headers::new(), value, out)))
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        guarded(|| self.serde.deserialize(&self.topic, &Headers::new(), Some(bytes)))
            .map_err(|error| self.error(&error))
    }
}
