//! The serde of a row, where only that of a row or tombstone is known.

use std::sync::Arc;

use streams_core::processor::Data;
use streams_core::record::Headers;
use streams_core::serde::{Payload, Serde, SerdeError, SerdeRef};

/// Reads and writes `T` by the serde of `Option<T>`. Costs a clone for each write, so it only stands in where a stream
/// of `Option`s with an explicit serde becomes a table.
pub(crate) struct RowSerde<T> {
    optional: SerdeRef<Option<T>>,
}

impl<T: Data> RowSerde<T> {
    /// The serde of what `optional` writes as not null.
    pub(crate) fn of(optional: SerdeRef<Option<T>>) -> SerdeRef<T> {
        Arc::new(RowSerde { optional })
    }
}

impl<T: Data> Serde<T> for RowSerde<T> {
    fn serialize(
        &self,
        topic: &str,
        headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        self.optional.serialize(topic, headers, &Some(value.clone()), out)
    }

    fn deserialize(&self, topic: &str, headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        let expected = std::any::type_name::<T>();
        self.optional.deserialize(topic, headers, bytes)?.ok_or(SerdeError::UnexpectedNull { expected })
    }

    fn partitioning_suffix_bytes(&self) -> usize {
        self.optional.partitioning_suffix_bytes()
    }
}
