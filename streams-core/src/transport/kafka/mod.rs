//! Apache Kafka through librdkafka: the only code that names rdkafka.
//!
//! One librdkafka client per consumer, producer, admin and member. All calls block with a time-out. There are no threads
//! besides librdkafka's.

mod admin;
mod config;
mod consumer;
mod deadline;
mod error;
mod ffi;
mod limits;
mod membership;
mod oauth;
mod produce_errors;
mod producer;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use record::KafkaRecord;

use super::{
    Admin, Consumer, ConsumerSpec, GroupSpec, Membership, Operations, Producer, ProducerSpec, Result,
    TokenProvider, Transport,
};
use config::Common;

/// The clients of a Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaTransport {
    common: Common,
}

/// Options of a transport's clients besides the servers.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Kafka client properties for all of them (`security.protocol` and so on).
    pub properties: BTreeMap<String, String>,
    /// Properties of administrative clients only, which override those.
    pub admin: BTreeMap<String, String>,
    /// The application's group. Data consumers name it without joining it: librdkafka looks up the coordinator of a
    /// consumer's group, and this is the group that the application may read. `None`: their client id.
    pub group: Option<String>,
    /// How long all brokers may refuse the clients, or a right be missing, once they had been let in: passwords and
    /// certificates are renewed broker by broker. Before, ten seconds decide (three for a right).
    pub patience: Duration,
    /// The provider of tokens, if clients log in by SASL/OAUTHBEARER.
    pub token_provider: Option<Arc<dyn TokenProvider>>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        KafkaOptions {
            properties: BTreeMap::new(),
            admin: BTreeMap::new(),
            group: None,
            patience: Duration::from_secs(300),
            token_provider: None,
        }
    }
}

/// Properties that only some of an application's clients have, with the prefix under which they are set.
#[derive(Clone, Default)]
pub struct ClientProperties {
    /// Of each kind of consumer.
    pub consumers: Vec<(&'static str, BTreeMap<String, String>)>,
    /// Of the member of the group.
    pub members: Vec<(&'static str, BTreeMap<String, String>)>,
    /// Of producers.
    pub producer: BTreeMap<String, String>,
}

impl KafkaTransport {
    /// Clients that find their cluster through these servers (`host:port`, comma separated), with these properties.
    pub fn new(bootstrap_servers: &str, properties: BTreeMap<String, String>) -> Result<Self> {
        Self::with_options(bootstrap_servers, KafkaOptions { properties, ..KafkaOptions::default() })
    }

    /// Clients that find their cluster through these servers (`host:port`, comma separated).
    ///
    /// Contacts no broker: an unreachable cluster shows at the first call that needs it, as an error of kind `TimedOut` or
    /// `Retriable` that names the servers. A property that librdkafka refuses is an error of kind `Config` here.
    pub fn with_options(bootstrap_servers: &str, options: KafkaOptions) -> Result<Self> {
        let common = Common::new(bootstrap_servers, options)?;
        common.admin("check")?;
        Ok(KafkaTransport { common })
    }

    /// Refuses settings that librdkafka does not take, with the key and its possible values. So a mistake in the settings
    /// shows before any broker is contacted.
    pub fn check(&self, clients: &ClientProperties) -> Result<()> {
        self.common.check_clients(clients)
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

    fn operations(&self, client_id: &str) -> Result<Box<dyn Operations>> {
        Ok(Box::new(admin::KafkaAdmin::new(&self.common, client_id)?))
    }

    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>> {
        Ok(Box::new(membership::KafkaMembership::new(&self.common, spec)?))
    }

    fn close(&self) {
        self.common.close();
    }
}
