//! How a store turns typed keys and values into bytes and back.

use std::sync::Arc;

/// A value that cannot be encoded, or bytes that cannot be decoded.
#[derive(thiserror::Error)]
#[error("{message}")]
pub struct CodecError {
    /// What is wrong with the value or the bytes.
    pub message: String,
}

crate::debug_as_display!(CodecError);

impl CodecError {
    /// An error with a message.
    pub fn new(message: impl Into<String>) -> Self {
        CodecError { message: message.into() }
    }
}

/// Turns values of `T` into bytes and back. `decode(encode(x)) == x`, and equal values give equal bytes.
pub trait Codec<T>: Send + Sync {
    /// Whether [`check`](Self::check) may refuse a value. A store asks once.
    fn checks(&self) -> bool {
        false
    }

    /// Refuses a value that [`encode`](Self::encode) would refuse. A store encodes when it stages, and calls this when the
    /// value is put, so that the error appears where the value was made.
    fn check(&self, value: &T) -> Result<(), CodecError> {
        let _ = value;
        Ok(())
    }

    /// Appends the bytes of `value` to `out`.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Decodes a value.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;
}

/// A shared codec, as stores hold it.
pub type CodecRef<T> = Arc<dyn Codec<T>>;
