//! Reports the progress of restores to the user (`StateRestoreListener`).

use std::sync::{Arc, Mutex};

use super::kafka_streams::lock;
use super::waits::Waits;
use crate::error::{Error, Result};
use crate::ids::{Offset, TopicPartition};
use crate::user_code::{UserPanic, caught};

/// Watches how stores are filled from their changelogs, and global stores from their topics
/// (`org.apache.kafka.streams.processor.StateRestoreListener`).
///
/// The methods are called on the thread that restores, which waits for them: one that may take longer than moments hands
/// its work to a thread of its own. A panic ends the application. Offsets of a changelog count its commit markers and deleted
/// records, too, so that less records may come than they suggest.
#[allow(unused_variables, reason = "what is not watched needs no names")]
pub trait StateRestoreListener: Send + Sync {
    /// A store begins to be filled from `starting_offset` on, and has all rows at `ending_offset`. Stores with nothing to
    /// restore are not reported.
    fn on_restore_start(
        &self,
        partition: &TopicPartition,
        store: &str,
        starting_offset: Offset,
        ending_offset: Offset,
    ) {
    }

    /// A batch of `records` is in the store, and `batch_end_offset` is the next offset to be read.
    fn on_batch_restored(
        &self,
        partition: &TopicPartition,
        store: &str,
        batch_end_offset: Offset,
        records: u64,
    ) {
    }

    /// The store has all its rows; `total_restored` records were read.
    fn on_restore_end(&self, partition: &TopicPartition, store: &str, total_restored: u64) {}

    /// The restore ended early, because the task moved or has to begin again; `total_restored` records were read.
    fn on_restore_suspended(&self, partition: &TopicPartition, store: &str, total_restored: u64) {}
}

/// The user's listener, if there is one, and whether it has panicked.
#[derive(Clone, Default)]
pub(crate) struct RestoreListener(Option<Arc<Listening>>);

struct Listening {
    listener: Box<dyn StateRestoreListener>,
    waits: Arc<Waits>,
    panic: Mutex<Option<UserPanic>>,
}

impl RestoreListener {
    /// Calls of `listener` that take long are among `waits`.
    pub fn new(listener: Option<Box<dyn StateRestoreListener>>, waits: &Arc<Waits>) -> Self {
        let listening =
            |listener| Arc::new(Listening { listener, waits: Arc::clone(waits), panic: Mutex::default() });
        RestoreListener(listener.map(listening))
    }

    /// Calls it. Once it has panicked, it is not called again.
    pub fn call(&self, call: impl FnOnce(&dyn StateRestoreListener)) {
        let Some(listening) = &self.0 else { return };
        let mut panic = lock(&listening.panic);
        if panic.is_none() {
            let mut calling = listening.waits.of("the restore");
            calling.begin(|| "the state restore listener to return".to_owned());
            *panic = caught(|| call(&*listening.listener)).err();
        }
    }

    /// The error of a listener that has panicked.
    pub fn check(&self) -> Result<()> {
        let panic = self.0.as_ref().and_then(|listening| lock(&listening.panic).clone());
        match panic {
            None => Ok(()),
            Some(UserPanic { message }) => {
                Err(Error::Panicked { thread: "of the state restore listener".to_owned(), message })
            }
        }
    }
}
