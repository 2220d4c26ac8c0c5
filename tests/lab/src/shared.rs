//! One broker for all tests of a process, or the one that KAFKA_BOOTSTRAP names; and a secured one.

use std::sync::{Mutex, PoisonError};

use crate::cluster::{ClusterOptions, KafkaCluster};
use crate::error::LabError;
use crate::{sys, watchdog};

type Shared = Mutex<Option<&'static KafkaCluster>>;

static SHARED: Shared = Mutex::new(None);
static SECURED: Shared = Mutex::new(None);

/// A cluster that lives as long as this process: started by the first call, or taken from `KAFKA_BOOTSTRAP`.
///
/// Tests that share it must use topics, groups and application ids of their own.
pub fn shared() -> Result<&'static KafkaCluster, LabError> {
    once(&SHARED, || match std::env::var("KAFKA_BOOTSTRAP") {
        Ok(bootstrap) if !bootstrap.is_empty() => {
            let cluster = KafkaCluster::external(bootstrap);
            cluster.wait_ready()?;
            Ok(cluster)
        }
        _ => KafkaCluster::start(1),
    })
}

/// The same with log-ins and rights ([`Secured`](crate::Secured)); always one of the lab's own.
pub fn shared_secured() -> Result<&'static KafkaCluster, LabError> {
    once(&SECURED, || {
        KafkaCluster::start_with(&ClusterOptions { secured: true, ..ClusterOptions::default() })
    })
}

fn once(
    kept: &Shared,
    start: impl FnOnce() -> Result<KafkaCluster, LabError>,
) -> Result<&'static KafkaCluster, LabError> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = *kept {
        return Ok(cluster);
    }
    let cluster: &'static KafkaCluster = Box::leak(Box::new(start()?));
    sys::at_exit(clean_up);
    watchdog::watch();
    *kept = Some(cluster);
    Ok(cluster)
}

/// Statics are never dropped. The kernel kills the brokers with this process anyway; this also deletes their data.
extern "C" fn clean_up() {
    for shared in [&SHARED, &SECURED] {
        let Some(cluster) = shared.try_lock().ok().and_then(|mut shared| shared.take()) else { continue };
        let Some(folder) = cluster.folder() else { continue };
        let _dead_already = cluster.kill_broker(0);
        let _swept_later = std::fs::remove_dir_all(folder);
    }
}
