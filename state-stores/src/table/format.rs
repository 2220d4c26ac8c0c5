//! The form of values in the backend and in the changelog: plain, or with the timestamp of their last update.
//!
//! | format | backend | changelog value | changelog timestamp |
//! |---|---|---|---|
//! | plain | value | value | the current record's |
//! | timestamped | int64 timestamp (big-endian) ‖ value | value | the stored one; of a delete, the current record's |

use std::sync::Arc;

use crate::codec::{CodecError, CodecRef};
use crate::error::{Result, StoreError};

/// Bytes of the timestamp in front of a stored value.
const TIMESTAMP_BYTES: usize = 8;

/// A value and the time of its last update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueAndTimestamp<V> {
    /// The value.
    pub value: V,
    /// The time in ms since the epoch.
    pub timestamp: i64,
}

/// How a store serializes its values of `T`.
pub struct ValueFormat<T>(Arc<dyn Format<T>>);

impl<T> Clone for ValueFormat<T> {
    fn clone(&self) -> Self {
        ValueFormat(self.0.clone())
    }
}

impl<T: 'static> ValueFormat<T> {
    /// Values as their codec writes them.
    pub fn plain(codec: CodecRef<T>) -> Self {
        ValueFormat(Arc::new(Plain(codec)))
    }
}

impl<V: 'static> ValueFormat<ValueAndTimestamp<V>> {
    /// Values with their timestamp.
    pub fn timestamped(codec: CodecRef<V>) -> Self {
        ValueFormat(Arc::new(Timestamped(codec)))
    }
}

impl<T> ValueFormat<T> {
    pub(crate) fn encode(&self, value: &T, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        self.0.encode(value, out)
    }

    /// Where the changelog value starts in the encoded form.
    pub(crate) fn log_from(&self) -> usize {
        self.0.log_from()
    }

    /// The changelog timestamp of a value put by a record of time `record_ms`.
    pub(crate) fn timestamp(&self, value: &T, record_ms: i64) -> i64 {
        self.0.timestamp(value, record_ms)
    }

    /// Whether a value may be refused when it is put.
    pub(crate) fn checks(&self) -> bool {
        self.0.checks()
    }

    /// Refuses a value that the codec cannot encode.
    pub(crate) fn check(&self, value: &T) -> std::result::Result<(), CodecError> {
        self.0.check(value)
    }

    /// Decodes a stored value; an error names `store` and `key`.
    pub fn decode_stored(&self, store: &str, key: &[u8], bytes: &[u8]) -> Result<T> {
        self.0.decode(bytes).map_err(|source| StoreError::of_row(store, key, source))
    }
}

trait Format<T>: Send + Sync {
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> std::result::Result<(), CodecError>;
    fn decode(&self, bytes: &[u8]) -> std::result::Result<T, CodecError>;
    fn checks(&self) -> bool;
    fn check(&self, value: &T) -> std::result::Result<(), CodecError>;
    fn log_from(&self) -> usize;
    fn timestamp(&self, value: &T, record_ms: i64) -> i64;
}

struct Plain<V>(CodecRef<V>);

impl<V> Format<V> for Plain<V> {
    fn encode(&self, value: &V, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        self.0.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> std::result::Result<V, CodecError> {
        self.0.decode(bytes)
    }

    fn checks(&self) -> bool {
        self.0.checks()
    }

    fn check(&self, value: &V) -> std::result::Result<(), CodecError> {
        self.0.check(value)
    }

    fn log_from(&self) -> usize {
        0
    }

    fn timestamp(&self, _value: &V, record_ms: i64) -> i64 {
        record_ms
    }
}

struct Timestamped<V>(CodecRef<V>);

impl<V> Format<ValueAndTimestamp<V>> for Timestamped<V> {
    fn encode(
        &self,
        stored: &ValueAndTimestamp<V>,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), CodecError> {
        out.extend_from_slice(&stored.timestamp.to_be_bytes());
        self.0.encode(&stored.value, out)
    }

    fn decode(&self, bytes: &[u8]) -> std::result::Result<ValueAndTimestamp<V>, CodecError> {
        let split = bytes.split_first_chunk::<TIMESTAMP_BYTES>();
        let (timestamp, value) =
            split.ok_or_else(|| CodecError::new("a stored value without its timestamp"))?;
        Ok(ValueAndTimestamp { value: self.0.decode(value)?, timestamp: i64::from_be_bytes(*timestamp) })
    }

    fn checks(&self) -> bool {
        self.0.checks()
    }

    fn check(&self, stored: &ValueAndTimestamp<V>) -> std::result::Result<(), CodecError> {
        self.0.check(&stored.value)
    }

    fn log_from(&self) -> usize {
        TIMESTAMP_BYTES
    }

    fn timestamp(&self, stored: &ValueAndTimestamp<V>, _record_ms: i64) -> i64 {
        stored.timestamp
    }
}
