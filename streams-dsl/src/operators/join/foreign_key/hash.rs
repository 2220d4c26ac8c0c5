//! The hash by which an answer is matched with the row that it is for, and how parts of messages are serialized for it.

use streams_core::error::{Error, Result};
use streams_core::record::Headers;
use streams_core::serde::foreign_key::{PseudoTopics, murmur3_128};
use streams_core::serde::{Payload, SerdeError, SerdeRef};

/// The hash of a row's bytes, which `scratch` takes.
pub(super) fn row_hash<V>(
    serde: &SerdeRef<V>,
    topics: &PseudoTopics,
    row: &V,
    headers: &Headers,
    scratch: &mut Vec<u8>,
) -> Result<u128> {
    scratch.clear();
    append(serde, topics.value_hash(), "value", row, headers, scratch)?;
    Ok(murmur3_128(scratch))
}

/// Appends the bytes of a key or value.
pub(super) fn append<T>(
    serde: &SerdeRef<T>,
    topic: &str,
    part: &'static str,
    value: &T,
    headers: &Headers,
    out: &mut Vec<u8>,
) -> Result<Payload> {
    serde.serialize(topic, headers, value, out).map_err(|source| unserializable(part, topic, source))
}

/// The error of a part of a message that its serde refuses. It is the processing handler's: in Kafka Streams the serializer
/// throws within the processor.
pub(super) fn unserializable(part: &'static str, topic: &str, source: SerdeError) -> Error {
    Error::User(format!("cannot serialize the {part} for {topic}: {source}").into())
}
