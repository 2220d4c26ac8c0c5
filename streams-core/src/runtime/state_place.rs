//! Where an application keeps its state, and its process id.

use std::sync::Arc;

use state_stores::disk;

use super::holders;
use super::kafka_streams::Shared;
use super::state_directory::StateDirectory;
use crate::config::StreamsConfig;
use crate::error::{IllegalStateError, Result};
use crate::ids::StoreName;
use crate::store::StorePlace;
use crate::time::{ClockRef, Timestamp};
use crate::topology::Topology;
use crate::transport::Transport;

/// What decides about an application's state directory.
pub(super) struct StatePlace<'a> {
    pub topology: &'a Topology,
    pub config: &'a StreamsConfig,
    pub shared: &'a Arc<Shared>,
    /// Whether an earlier launch of the application had it.
    pub had: bool,
}

impl StatePlace<'_> {
    /// The state directory, locked for this process. An application that keeps nothing on disk goes without one where it
    /// cannot be had: it is of use to it only because of the process id, by which a restarted process fences its past at
    /// once.
    ///
    /// Which thread has a custom database open is not known to its supplier. So an application with such stores that `had`
    /// the directory must get it again when it restarts: a thread that has not ended holds both.
    pub fn open(
        self,
        transport: &dyn Transport,
        fresh_id: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<StateDirectory>>> {
        let StatePlace { topology, config, shared, had } = self;
        let on_disk = first_on_disk(topology);
        if let (Some(store), false) = (&on_disk, disk::IS_AVAILABLE) {
            return Err(IllegalStateError::NoDisk { store: store.clone() }.into());
        }
        let keeps_state = on_disk.is_some();
        let is_custom = |place| matches!(place, StorePlace::Custom(_));
        let needs_it =
            keeps_state || (had && topology.graph().store_factories().any(|store| is_custom(store.place())));
        let directory = match StateDirectory::open(&config.state_dir(), &config.application_id(), fresh_id) {
            Ok(directory) => directory,
            Err(error) if !needs_it => {
                tracing::info!(%error, "no store is on disk: the application goes without a state directory");
                return Ok(None);
            }
            // A restart waits for threads of its own.
            Err(error) if had => return Err(error),
            Err(error) => return Err(holders::explained(error)),
        };
        holders::note(&directory, shared);
        directory.claim(transport.incarnation().as_deref())?;
        let is_lasting = !keeps_state || transport.incarnation().is_some() || !config.state_dir_is_default();
        if !is_lasting && shared.said.is_new("state.dir is the default") {
            tracing::warn!(
                path = %config.state_dir().display(),
                "state.dir is the default, in the system's directory for temporary files, which others empty: stores are \
                 then rebuilt from their changelogs. Set state.dir to a place that lasts"
            );
        }
        let max_age_ms = config.state_cleanup_dir_max_age_ms();
        if max_age_ms >= 0 {
            directory.delete_older(max_age_ms, now)?;
        }
        Ok(Some(Arc::new(directory)))
    }
}

/// The name of a store that is on disk, if any is.
fn first_on_disk(topology: &Topology) -> Option<StoreName> {
    let on_disk = topology.graph().store_factories().find(|store| store.place() == StorePlace::Disk);
    on_disk.map(|store| store.definition().name)
}

/// A process id for a state directory that has none: unique by the operating system's randomness and the time.
pub(super) fn fresh_process_id(clock: &ClockRef) -> String {
    use std::hash::{BuildHasher, RandomState};
    let (a, b) = (RandomState::new(), RandomState::new());
    let now = clock.now_ms();
    let (high, low) = (a.hash_one((now, std::process::id())), b.hash_one(now));
    let (first, second, third) = (high >> 32, (high >> 16) & 0xffff, high & 0x0fff);
    format!(
        "{first:08x}-{second:04x}-4{third:03x}-{:04x}-{:012x}",
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
}
