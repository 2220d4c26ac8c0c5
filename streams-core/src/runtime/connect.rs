//! The application's broker, and the settings of its clients.

use std::sync::Arc;

use super::instance::Launch;
use super::state_directory;
use crate::config::{Bootstrap, StreamsConfig};
use crate::error::Result;
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::{TokenProvider, Transport};

/// The given transport, or the one that `bootstrap.servers` names.
pub(super) fn transport_of(launch: &Launch) -> Result<Arc<dyn Transport>> {
    match &launch.transport {
        Some(transport) => Ok(Arc::clone(transport)),
        None => connected(&launch.config, launch.token_provider.clone()),
    }
}

/// The brokers that `bootstrap.servers` names, for tools that look at an application from outside.
pub fn connect(config: &StreamsConfig) -> Result<Arc<dyn Transport>> {
    connected(config, None)
}

/// Deletes the local state of an application on this machine, for tools. Refused while a process uses it.
pub fn clean_up(config: &StreamsConfig) -> Result<()> {
    state_directory::clean_up(&config.state_dir(), &config.application_id())
}

fn connected(
    config: &StreamsConfig,
    token_provider: Option<Arc<dyn TokenProvider>>,
) -> Result<Arc<dyn Transport>> {
    Ok(match config.bootstrap() {
        Bootstrap::EmbeddedInMemory => Arc::new(EmbeddedBroker::of_servers("embedded:")?.transport()),
        Bootstrap::EmbeddedIn(place) => {
            Arc::new(EmbeddedBroker::of_servers(&format!("embedded:{}", place.display()))?.transport())
        }
        Bootstrap::Kafka(servers) => kafka(config, token_provider, &servers)?,
    })
}

#[cfg(feature = "kafka")]
fn kafka(
    config: &StreamsConfig,
    token_provider: Option<Arc<dyn TokenProvider>>,
    servers: &str,
) -> Result<Arc<dyn Transport>> {
    use crate::transport::kafka::{ClientProperties, KafkaOptions, KafkaTransport};

    let options = KafkaOptions {
        properties: config.common_properties(),
        admin: config.admin_properties(),
        group: Some(config.application_id()),
        patience: std::time::Duration::from_millis(config.task_timeout_ms().max(0).unsigned_abs()),
        token_provider,
    };
    let transport = KafkaTransport::with_options(servers, options)?;
    // First the settings of all consumers, so that a mistake is reported under the prefix under which it was made.
    let all = ("consumer.", config.consumer_properties());
    let main = ("main.consumer.", config.main_consumer_properties());
    transport.check(&ClientProperties {
        consumers: vec![
            all.clone(),
            main.clone(),
            ("restore.consumer.", config.restore_consumer_properties()),
            ("global.consumer.", config.global_consumer_properties()),
        ],
        members: vec![all, main],
        producer: config.producer_properties(),
    })?;
    Ok(Arc::new(transport))
}

#[cfg(not(feature = "kafka"))]
fn kafka(_: &StreamsConfig, _: Option<Arc<dyn TokenProvider>>, servers: &str) -> Result<Arc<dyn Transport>> {
    Err(crate::error::IllegalStateError::NoKafka { servers: servers.to_owned() }.into())
}
