//! Apache Kafka through librdkafka: the only code that names rdkafka.
//!
//! One librdkafka client per consumer, producer, admin and member. All calls are blocking with a time-out; nothing here
//! has a thread of its own besides librdkafka's.

mod admin;
mod config;
mod consumer;
mod deadline;
mod error;
mod ffi;
mod limits;
mod membership;
mod produce_errors;
mod producer;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use record::KafkaRecord;

use super::{
    Admin, Consumer, ConsumerSpec, GroupSpec, Membership, Producer, ProducerSpec, Result, Transport,
};
use config::Common;

/// The clients of a Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaTransport {
    common: Common,
}

impl KafkaTransport {
    /// Clients that find their cluster through these servers (`host:port`, comma separated). `properties` are Kafka
    /// client properties for all of them (`security.protocol` and so on).
    ///
    /// Contacts nobody: a cluster that is away shows at the first call that needs it, as an error of kind `TimedOut` or
    /// `Retriable` that names the servers. A property that librdkafka refuses is an error of kind `Config` here.
    pub fn new(bootstrap_servers: &str, properties: BTreeMap<String, String>) -> Result<Self> {
        let common =
            Common { bootstrap_servers: bootstrap_servers.to_string(), properties, limits: Arc::default() };
        common.check()?;
        common.admin("check")?;
        Ok(KafkaTransport { common })
    }
}

impl Transport for KafkaTransport {
    fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(consumer::KafkaConsumer::new(self.common.consumer(spec)?)))
    }

    fn producer(&self, spec: &ProducerSpec) -> Result<Box<dyn Producer>> {
        Ok(Box::new(producer::KafkaProducer::new(&self.common, spec)?))
    }

    fn admin(&self, client_id: &str) -> Result<Box<dyn Admin>> {
        Ok(Box::new(admin::KafkaAdmin::new(&self.common, client_id)?))
    }

    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>> {
        Ok(Box::new(membership::KafkaMembership::new(&self.common, spec)?))
    }
}
