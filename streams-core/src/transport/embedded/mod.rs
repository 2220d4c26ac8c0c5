//! A durable broker inside this process.
use super::*;
use std::path::Path;
pub struct EmbeddedBroker;
impl EmbeddedBroker {
    pub fn in_memory_with_clock(_: crate::time::ClockRef) -> Arc<Self> {
        unimplemented!()
    }

    pub fn shared_in_memory() -> Arc<Self> {
        unimplemented!()
    }
    pub fn open(_: &Path) -> Result<Arc<Self>> {
        unimplemented!()
    }
}
pub struct EmbeddedTransport;
impl EmbeddedTransport {
    pub fn new(_: Arc<EmbeddedBroker>) -> Self {
        unimplemented!()
    }
}
impl Transport for EmbeddedTransport {
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
