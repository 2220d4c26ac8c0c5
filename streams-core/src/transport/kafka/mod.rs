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
mod oauth;
mod produce_errors;
mod producer;
mod record;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use record::KafkaRecord;

use super::{
    Admin, Consumer, ConsumerSpec, GroupSpec, Membership, Producer, ProducerSpec, Result, TokenProvider,
    Transport,
};
use config::Common;

/// The clients of a Kafka cluster.
#[derive(Clone, Debug)]
pub struct KafkaTransport {
    common: Common,
}

/// What the clients of a transport have besides the servers.
#[derive(Clone)]
pub struct KafkaOptions {
    /// Kafka client properties for all of them (`security.protocol` and so on).
    pub properties: BTreeMap<String, String>,
    /// Properties of administrative clients alone, which overrule those.
    pub admin: BTreeMap<String, String>,
    /// The application's group, which data consumers name, though they never join it: librdkafka asks for the coordinator
    /// of the group that a consumer names, and this is the one that the application has a right to. None: their client id.
    pub group: Option<String>,
    /// How long all brokers may refuse the clients, or a right be missing, once they had been let in: passwords and
    /// certificates are renewed broker by broker. Before, ten seconds decide (three for a right).
    pub patience: Duration,
    /// Where tokens come from, if clients log in by SASL/OAUTHBEARER.
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
    /// Contacts nobody: a cluster that is away shows at the first call that needs it, as an error of kind `TimedOut` or
    /// `Retriable` that names the servers. A property that librdkafka refuses is an error of kind `Config` here.
    pub fn with_options(bootstrap_servers: &str, options: KafkaOptions) -> Result<Self> {
        let common = Common::new(bootstrap_servers, options)?;
        common.admin("check")?;
        Ok(KafkaTransport { common })
    }

    /// Refuses what librdkafka does not take, with the key and what it takes: a mistake in the settings is one before any
    /// broker is asked.
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

    fn membership(&self, spec: &GroupSpec) -> Result<Box<dyn Membership>> {
        Ok(Box::new(membership::KafkaMembership::new(&self.common, spec)?))
    }

    fn close(&self) {
        self.common.close();
    }
}
