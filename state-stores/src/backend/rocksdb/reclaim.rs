//! Gives the disk space of deleted ranges back, on a thread of its own.
//!
//! A range deletion only hides entries. Their files go when they are compacted, which for cold, expired time
//! segments may be never; so whole files of the range are dropped, and the rest of it is compacted.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use super::Db;
use crate::backend::batch::DeletedRange;

/// The thread, started with the first range.
pub(super) struct Reclaimer {
    queue: Sender<DeletedRange>,
    thread: JoinHandle<()>,
}

impl Reclaimer {
    /// Starts the thread; `None` if the system has none to give, in which case ordinary compaction has to do.
    pub(super) fn start(db: Arc<Db>) -> Option<Self> {
        let (queue, ranges) = channel();
        let started = Builder::new().name("state-reclaim".into()).spawn(move || run(&db, &ranges));
        match started {
            Ok(thread) => Some(Reclaimer { queue, thread }),
            Err(error) => {
                tracing::warn!(%error, "no thread to give expired disk space back; RocksDB will in its own time");
                None
            }
        }
    }

    /// Asks for the space of a range.
    pub(super) fn reclaim(&self, range: DeletedRange) {
        // The thread only ends together with the queue.
        let _ = self.queue.send(range);
    }

    /// Finishes what was asked for and lets go of the database.
    pub(super) fn stop(self) {
        drop(self.queue);
        if self.thread.join().is_err() {
            tracing::warn!("the thread that gives expired disk space back had died");
        }
    }
}

fn run(db: &Db, ranges: &Receiver<DeletedRange>) {
    while let Ok(first) = ranges.recv() {
        // Expiry moves on by growing the range: of those that piled up, the longest from each start does.
        let mut waiting = vec![first];
        for range in ranges.try_iter() {
            let same = |of: &&mut DeletedRange| of.keyspace == range.keyspace && of.from == range.from;
            match waiting.iter_mut().find(same) {
                Some(known) => known.to = known.to.clone().max(range.to),
                None => waiting.push(range),
            }
        }
        for range in waiting {
            if let Err(error) = reclaim(db, &range) {
                tracing::warn!(%error, dir = %db.dir.display(), "expired disk space was not given back yet");
            }
        }
    }
}

fn reclaim(db: &Db, range: &DeletedRange) -> crate::error::Result<()> {
    let handle = db.handle(range.keyspace)?;
    let dropped = db.rocks.delete_file_in_range_cf(&handle, &range.from, &range.to);
    dropped.map_err(|source| db.error("give back expired space", source))?;
    db.rocks.compact_range_cf(&handle, Some(&range.from), Some(&range.to));
    Ok(())
}
