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
use super::*;
pub struct KafkaTransport;
impl KafkaTransport {
    pub fn new(_: &str, _: BTreeMap<String, String>) -> Result<Self> {
        unimplemented!()
    }
}
impl Transport for KafkaTransport {
    fn consumer(&self, _: &ConsumerSpec) -> Result<Box<dyn Consumer>> {
        unimplemented!()
    }
    fn producer(&self, _: &ProducerSpec) -> Result<Box<dyn Producer>> {
        unimplemented!()
    }
    fn admin(&self, _: &str) -> Result<Box<dyn Admin>> {
        unimplemented!()
    }
    fn membership(&self, _: &GroupSpec) -> Result<Box<dyn Membership>> {
        unimplemented!()
    }
}
