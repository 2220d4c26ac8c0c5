//! Which broker an application runs on, and what its clients bring along.

use std::sync::Arc;
use std::time::Duration;

use super::launch::Launch;
use crate::config::Bootstrap;
use crate::error::Result;
use crate::transport::Transport;
use crate::transport::embedded::EmbeddedBroker;
use crate::transport::kafka::{KafkaOptions, KafkaTransport};

/// The given transport, or the one that `bootstrap.servers` names.
pub(super) fn transport_of(launch: &Launch) -> Result<Arc<dyn Transport>> {
    if let Some(transport) = &launch.transport {
        return Ok(Arc::clone(transport));
    }
    let config = &launch.config;
    Ok(match config.bootstrap() {
        Bootstrap::EmbeddedInMemory => Arc::new(EmbeddedBroker::of_servers("embedded:")?.transport()),
        Bootstrap::EmbeddedIn(place) => {
            Arc::new(EmbeddedBroker::of_servers(&format!("embedded:{}", place.display()))?.transport())
        }
        Bootstrap::Kafka(servers) => {
            let options = KafkaOptions {
                properties: config.common_properties(),
                admin: config.admin_properties(),
                group: Some(config.application_id()),
                patience: Duration::from_millis(config.task_timeout_ms().max(0).unsigned_abs()),
                token_provider: launch.token_provider.clone(),
            };
            Arc::new(KafkaTransport::with_options(&servers, options)?)
        }
    })
}
