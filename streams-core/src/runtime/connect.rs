//! The application's broker, and the settings of its clients.

use std::sync::Arc;

use super::launch::Launch;
use crate::config::Bootstrap;
use crate::error::Result;
use crate::transport::Transport;
use crate::transport::embedded::EmbeddedBroker;

/// The given transport, or the one that `bootstrap.servers` names.
pub(super) fn transport_of(launch: &Launch) -> Result<Arc<dyn Transport>> {
    if let Some(transport) = &launch.transport {
        return Ok(Arc::clone(transport));
    }
    Ok(match launch.config.bootstrap() {
        Bootstrap::EmbeddedInMemory => Arc::new(EmbeddedBroker::of_servers("embedded:")?.transport()),
        Bootstrap::EmbeddedIn(place) => {
            Arc::new(EmbeddedBroker::of_servers(&format!("embedded:{}", place.display()))?.transport())
        }
        Bootstrap::Kafka(servers) => kafka(launch, &servers)?,
    })
}

#[cfg(feature = "kafka")]
fn kafka(launch: &Launch, servers: &str) -> Result<Arc<dyn Transport>> {
    use crate::transport::kafka::{ClientProperties, KafkaOptions, KafkaTransport};

    let config = &launch.config;
    let options = KafkaOptions {
        properties: config.common_properties(),
        admin: config.admin_properties(),
        group: Some(config.application_id()),
        patience: std::time::Duration::from_millis(config.task_timeout_ms().max(0).unsigned_abs()),
        token_provider: launch.token_provider.clone(),
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
fn kafka(_: &Launch, servers: &str) -> Result<Arc<dyn Transport>> {
    let message = format!(
        "bootstrap.servers={servers} names brokers of Kafka, but this program was built without the feature `kafka`; enable \
         it, or use the embedded broker (embedded: or embedded:folder)"
    );
    Err(crate::error::Error::IllegalState(message))
}
