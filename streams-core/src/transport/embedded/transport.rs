//! Clients of an embedded broker.

use std::sync::Arc;

use super::admin::EmbeddedAdmin;
use super::broker::EmbeddedBroker;
use super::consumer::EmbeddedConsumer;
use super::membership::EmbeddedMembership;
use super::producer::EmbeddedProducer;
use crate::transport::{
    Admin, Consumer, ConsumerSpec, GroupSpec, Membership, Producer, ProducerSpec, Result, Transport,
};

/// Makes clients of one embedded broker, and keeps it alive. A clone makes clients of the same one.
#[derive(Clone, Debug)]
pub struct EmbeddedTransport {
    broker: Arc<EmbeddedBroker>,
}

impl EmbeddedTransport {
    /// Clients of that broker.
    pub fn new(broker: Arc<EmbeddedBroker>) -> Self {
        EmbeddedTransport { broker }
    }

    /// Clients of the broker that `bootstrap.servers` names; see [`EmbeddedBroker::of_servers`].
    pub fn connect(servers: &str) -> Result<Self> {
        EmbeddedBroker::of_servers(servers).map(EmbeddedTransport::new)
    }

    /// The broker.
    pub fn broker(&self) -> &Arc<EmbeddedBroker> {
        &self.broker
    }
}

impl Transport for EmbeddedTransport {
    fn consumer(&self, spec: &ConsumerSpec) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(EmbeddedConsumer::new(self.broker.clone(), spec)))
    }

    fn producer(&self, spec: &ProducerSpec) -> Result<Box<dyn Producer>> {
        Ok(Box::new(EmbeddedProducer::new(self.broker.clone(), spec)))
    }

    fn admin(&self, _client_id: &str) -> Result<Box<dyn Admin>> {
        Ok(Box::new(EmbeddedAdmin::new(self.broker.clone())))
    }

    fn incarnation(&self) -> Option<String> {
        self.broker.incarnation.clone()
    }

    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>> {
        Ok(Box::new(EmbeddedMembership::join(&self.broker, spec)?))
    }
}
