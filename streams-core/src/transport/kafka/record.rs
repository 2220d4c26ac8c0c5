//! A fetched record, read where librdkafka received it.

use super::ffi::Message;
use crate::ids::Offset;
use crate::record::Headers;
use crate::time::Timestamp;

/// A record in librdkafka's receive buffer. Until it is dropped, the whole batch that it came in stays in memory.
#[derive(Debug)]
pub struct KafkaRecord(Message);

impl KafkaRecord {
    pub(super) fn new(message: Message) -> Self {
        KafkaRecord(message)
    }

    pub(crate) fn offset(&self) -> Offset {
        self.0.offset()
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.0.value()
    }

    pub(crate) fn headers(&self) -> Headers {
        self.0.headers()
    }
}
