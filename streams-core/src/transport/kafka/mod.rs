//! Apache Kafka through librdkafka: the only code that names rdkafka.

use crate::ids::Offset;
use crate::record::Headers;
use crate::time::Timestamp;

/// A record in librdkafka's receive buffer.
#[derive(Debug)]
pub enum KafkaRecord {}

impl KafkaRecord {
    pub(crate) fn offset(&self) -> Offset {
        match *self {}
    }
    pub(crate) fn timestamp(&self) -> Timestamp {
        match *self {}
    }
    pub(crate) fn key(&self) -> Option<&[u8]> {
        match *self {}
    }
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match *self {}
    }
    pub(crate) fn headers(&self) -> Headers {
        match *self {}
    }
}
