//! Lets a store use a serde: stores know no topics and no nulls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use state_stores::codec::{Codec, CodecError};

use super::{Payload, SerdeError, SerdeRef};
use crate::record::Headers;

/// A serde as the codec of a store; the serde is told the changelog's topic, as in Kafka Streams.
#[derive(Clone)]
pub struct StoreCodec<T> {
    serde: SerdeRef<T>,
    topic: Arc<str>,
}

impl<T> StoreCodec<T> {
    /// That serde for a store whose changelog is `topic`.
    pub fn new(serde: SerdeRef<T>, topic: impl Into<Arc<str>>) -> Self {
        StoreCodec { serde, topic: topic.into() }
    }

    fn error(&self, attempted: &str, error: &SerdeError) -> CodecError {
        CodecError::new(format!("{attempted} (changelog {}): {error}", self.topic))
    }
}

/// A serde that panics has refused the value.
fn guarded<T>(call: impl FnOnce() -> Result<T, SerdeError>) -> Result<T, SerdeError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(SerdeError::invalid(format!("the serde panicked: {text}")))
    })
}

impl<T> Codec<T> for StoreCodec<T> {
    fn checks(&self) -> bool {
        self.serde.checks()
    }

    fn check(&self, value: &T) -> Result<(), CodecError> {
        self.serde.check(value).map_err(|error| self.error("cannot serialize for a store", &error))
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match guarded(|| self.serde.serialize(&self.topic, &Headers::new(), value, out)) {
            Ok(Payload::Bytes) => Ok(()),
            Ok(Payload::Null) => Err(CodecError::new(format!(
                "cannot write null to a store (changelog {}); delete the key instead",
                self.topic
            ))),
            Err(error) => Err(self.error("cannot serialize for a store", &error)),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        guarded(|| self.serde.deserialize(&self.topic, &Headers::new(), Some(bytes)))
            .map_err(|error| self.error("cannot read back from a store", &error))
    }
}
