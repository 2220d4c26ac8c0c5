//! Frees the disk space of deleted ranges, on a separate thread.
//!
//! A range deletion only hides entries. Their files go when they are compacted, which for cold, expired time
//! segments may be never; so whole files of the range are dropped, and the rest of it is compacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::Db;
use crate::backend::batch::DeletedRange;

/// How long the close of a database waits until its expired space is freed.
const STOP_MAX: Duration = Duration::from_secs(1);

/// The thread, started with the first range.
pub(super) struct Reclaimer {
    queue: Sender<DeletedRange>,
    thread: JoinHandle<()>,
    stopped: Arc<AtomicBool>,
    /// Closed when the thread ends.
    ended: Receiver<()>,
}

impl Reclaimer {
    /// Starts the thread; `None` if the system refuses one, in which case ordinary compaction frees the space.
    pub(super) fn start(db: Arc<Db>) -> Option<Self> {
        Self::start_with(move |range| {
            if let Err(error) = reclaim(&db, range) {
                tracing::warn!(%error, dir = %db.dir.display(), "expired disk space is not freed yet");
            }
        })
    }

    fn start_with(reclaim: impl Fn(&DeletedRange) + Send + 'static) -> Option<Self> {
        let (queue, ranges) = channel();
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let (ends, ended) = channel();
        let started = Builder::new().name("state-reclaim".into()).spawn(move || {
            run(&reclaim, &ranges, &told);
            drop::<Sender<()>>(ends);
        });
        match started {
            Ok(thread) => Some(Reclaimer { queue, thread, stopped, ended }),
            Err(error) => {
                tracing::warn!(%error, "no thread to free expired disk space; RocksDB will in time");
                None
            }
        }
    }

    /// Queues a range whose space should be freed.
    pub(super) fn reclaim(&self, range: DeletedRange) {
        // The thread only ends together with the queue.
        let _ = self.queue.send(range);
    }

    /// Releases a database that is about to be closed; queued ranges are still freed if that takes only moments. The close
    /// must not wait for long compactions, which can take minutes: they are cancelled. The remaining entries are
    /// hidden already; their space is freed with the next expiry, whose range begins before them.
    pub(super) fn stop(self, db: &Db) {
        self.stop_with(|| db.rocks.cancel_all_background_work(false));
    }

    fn stop_with(self, cancel: impl FnOnce()) {
        drop(self.queue);
        if let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(STOP_MAX) {
            self.stopped.store(true, Ordering::Release);
            cancel();
        }
        if self.thread.join().is_err() {
            tracing::warn!("the thread that frees expired disk space had died");
        }
    }
}

fn run(reclaim: &impl Fn(&DeletedRange), ranges: &Receiver<DeletedRange>, stopped: &AtomicBool) {
    while let Ok(first) = ranges.recv() {
        // Expiry grows the range, so of the queued ranges the longest from each start is enough.
        let mut waiting = vec![first];
        for range in ranges.try_iter() {
            let same = |of: &&mut DeletedRange| of.keyspace == range.keyspace && of.from == range.from;
            match waiting.iter_mut().find(same) {
                Some(known) => known.to = known.to.clone().max(range.to),
                None => waiting.push(range),
            }
        }
        for range in waiting {
            if stopped.load(Ordering::Acquire) {
                return;
            }
            reclaim(&range);
        }
    }
}

fn reclaim(db: &Db, range: &DeletedRange) -> crate::error::Result<()> {
    let handle = db.handle(range.keyspace)?;
    let dropped = db.rocks.delete_file_in_range_cf(&handle, &range.from, &range.to);
    dropped.map_err(|source| db.error("free expired space", source))?;
    db.rocks.compact_range_cf(&handle, Some(&range.from), Some(&range.to));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::backend::Keyspace;

    /// More than the time that a close gives.
    const LONG: Duration = Duration::from_secs(60);

    /// A revoked task is not held by compactions: the one that runs is broken off, the others are not begun.
    #[test]
    fn a_close_does_not_wait_for_expired_space() {
        let (cancel, cancelled) = channel::<()>();
        let (begun, was_broken_off) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (begins, is_broken_off) = (Arc::clone(&begun), Arc::clone(&was_broken_off));
        let reclaimer = Reclaimer::start_with(move |_| {
            begins.fetch_add(1, Ordering::SeqCst);
            let waited = cancelled.recv_timeout(LONG);
            is_broken_off.store(waited != Err(RecvTimeoutError::Timeout), Ordering::SeqCst);
        })
        .unwrap();
        for number in 0..3u8 {
            let (from, to) = ([number].into(), [number, 1].into());
            reclaimer.reclaim(DeletedRange { keyspace: Keyspace(0), from, to });
        }
        reclaimer.stop_with(|| drop(cancel));
        assert!(was_broken_off.load(Ordering::SeqCst), "it was waited for");
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }
}
