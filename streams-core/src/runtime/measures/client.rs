//! Metrics of the application as a whole (`ClientMetrics`).

use std::sync::{Arc, Weak};

use crate::config::{MetricsRecordingLevel, StreamsConfig};
use crate::metrics::{Collect, MetricCollector, Registration};
use crate::runtime::kafka_streams::{Shared, lock};
use crate::topology::Topology;

/// Kafka's group of them.
const GROUP: &str = "stream-metrics";

/// An application's own.
pub(crate) struct ClientMeasures {
    shared: Weak<Shared>,
    application_id: String,
    client_id: String,
    process_id: String,
    level: MetricsRecordingLevel,
    /// As text.
    topology: String,
}

impl ClientMeasures {
    /// Registers an application that runs under these ids.
    pub fn register(
        shared: &Arc<Shared>,
        topology: &Topology,
        config: &StreamsConfig,
        client_id: &str,
        process_id: &str,
    ) -> Registration {
        shared.metrics.add(Arc::new(ClientMeasures {
            shared: Arc::downgrade(shared),
            application_id: config.application_id().to_owned(),
            client_id: client_id.to_owned(),
            process_id: process_id.to_owned(),
            level: config.metrics_recording_level(),
            topology: topology.describe().to_string(),
        }))
    }
}

/// `Sensor.RecordingLevel.id`, for monitoring that takes numbers alone (KIP-1091).
fn number_of(level: MetricsRecordingLevel) -> f64 {
    match level {
        MetricsRecordingLevel::Info => 0.0,
        MetricsRecordingLevel::Debug => 1.0,
        MetricsRecordingLevel::Trace => 2.0,
    }
}

impl Collect for ClientMeasures {
    fn collect(&self, to: &mut MetricCollector<'_>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let stats = lock(&shared.stats).clone();
        let alive = stats.iter().filter(|thread| thread.state().is_alive()).count();
        let failed = stats.iter().filter(|thread| thread.has_failed()).count();
        let state = shared.state();
        to.about(&[("client-id", &self.client_id)]);
        to.number(GROUP, "failed-stream-threads", failed as f64);
        to.number(GROUP, "alive-stream-threads", alive as f64);
        to.text(GROUP, "application-id", &self.application_id);
        to.text(GROUP, "state", state);
        to.text(GROUP, "topology-description", &self.topology);
        to.text(GROUP, "version", env!("CARGO_PKG_VERSION"));
        // Builds from a registry know no commit.
        to.text(GROUP, "commit-id", option_env!("STREAMS_COMMIT_ID").unwrap_or("unknown"));
        to.about(&[("process-id", &self.process_id), ("client-id", &self.client_id)]);
        to.number(GROUP, "recording-level", number_of(self.level));
        to.about(&[
            ("process-id", &self.process_id),
            ("application-id", &self.application_id),
            ("client-id", &self.client_id),
        ]);
        to.number(GROUP, "client-state", state.number());
    }
}
