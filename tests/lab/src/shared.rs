//! One broker for all tests of a process, or the one that KAFKA_BOOTSTRAP names.

use std::sync::{Mutex, PoisonError};

use crate::cluster::KafkaCluster;
use crate::error::LabError;
use crate::sys;

static SHARED: Mutex<Option<&'static KafkaCluster>> = Mutex::new(None);

/// A cluster that lives as long as this process: started by the first call, or taken from `KAFKA_BOOTSTRAP`.
///
/// Tests that share it must use topics, groups and application ids of their own.
pub fn shared() -> Result<&'static KafkaCluster, LabError> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cluster) = *shared {
        return Ok(cluster);
    }
    let cluster = match std::env::var("KAFKA_BOOTSTRAP") {
        Ok(bootstrap) if !bootstrap.is_empty() => {
            let cluster = KafkaCluster::external(bootstrap);
            cluster.wait_ready()?;
            cluster
        }
        _ => {
            sys::at_exit(clean_up);
            KafkaCluster::start(1)?
        }
    };
    let cluster: &'static KafkaCluster = Box::leak(Box::new(cluster));
    *shared = Some(cluster);
    Ok(cluster)
}

/// Statics are never dropped. The kernel kills the broker with this process anyway; this also deletes its data.
extern "C" fn clean_up() {
    let Some(cluster) = SHARED.try_lock().ok().and_then(|mut shared| shared.take()) else { return };
    let _dead_already = cluster.kill_broker(0);
    if let Some(folder) = cluster.folder() {
        let _swept_later = std::fs::remove_dir_all(folder);
    }
}
