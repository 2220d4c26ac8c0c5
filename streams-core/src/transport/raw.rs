//! A record as the broker gave it: bytes, not yet deserialized, borrowed from the client's buffer where there is one.

use bytes::Bytes;

#[cfg(feature = "kafka")]
use super::kafka::KafkaRecord;
use crate::ids::Offset;
use crate::record::Headers;
use crate::time::Timestamp;

/// A fetched record. Dropping it gives its memory back to the client that fetched it.
#[derive(Debug)]
pub enum RawRecord {
    /// From librdkafka, still in its receive buffer.
    #[cfg(feature = "kafka")]
    Kafka(KafkaRecord),
    /// From the embedded broker.
    Embedded(EmbeddedRecord),
}

/// A record of the embedded broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedRecord {
    /// Its offset.
    pub offset: Offset,
    /// Event time in milliseconds.
    pub timestamp: Timestamp,
    /// Key bytes, or null.
    pub key: Option<Bytes>,
    /// Value bytes, or null.
    pub value: Option<Bytes>,
    /// Headers.
    pub headers: Headers,
}

impl RawRecord {
    /// Its offset.
    pub fn offset(&self) -> Offset {
        match self {
            #[cfg(feature = "kafka")]
            RawRecord::Kafka(record) => record.offset(),
            RawRecord::Embedded(record) => record.offset,
        }
    }

    /// Event time in milliseconds; -1 when the record has none.
    pub fn timestamp(&self) -> Timestamp {
        match self {
            #[cfg(feature = "kafka")]
            RawRecord::Kafka(record) => record.timestamp(),
            RawRecord::Embedded(record) => record.timestamp,
        }
    }

    /// Key bytes, or null.
    pub fn key(&self) -> Option<&[u8]> {
        match self {
            #[cfg(feature = "kafka")]
            RawRecord::Kafka(record) => record.key(),
            RawRecord::Embedded(record) => record.key.as_deref(),
        }
    }

    /// Value bytes, or null.
    pub fn value(&self) -> Option<&[u8]> {
        match self {
            #[cfg(feature = "kafka")]
            RawRecord::Kafka(record) => record.value(),
            RawRecord::Embedded(record) => record.value.as_deref(),
        }
    }

    /// Bytes of key and value.
    pub fn bytes(&self) -> usize {
        self.key().map_or(0, <[u8]>::len) + self.value().map_or(0, <[u8]>::len)
    }

    /// Headers; parsed now, so asked for only once. A name that is not UTF-8 is read with replacement characters.
    pub fn headers(&self) -> Headers {
        match self {
            #[cfg(feature = "kafka")]
            RawRecord::Kafka(record) => record.headers(),
            RawRecord::Embedded(record) => record.headers.clone(),
        }
    }
}
