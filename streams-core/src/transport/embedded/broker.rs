//! The broker: one lock around its state, and one condition variable for all who wait for a change of it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::chunk::Chunk;
use super::core::{Core, unknown_topic};
use super::faults::Faults;
use super::log::LogId;
use super::registry::{DirectoryLock, Key, shared};
use super::storage::{Database, Durability, Storage, USABLE};
use super::transport::EmbeddedTransport;
use crate::ids::Offset;
use crate::time::{ClockRef, SystemClock};
use crate::transport::{Fence, GroupSpec, Isolation, OffsetToCommit, TransportError, TransportErrorKind};

/// How often a waiting thread checks whether a transaction has timed out, as nothing signals that.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The prefix of `bootstrap.servers` for this broker.
const SCHEME: &str = "embedded:";

/// Options of a durable broker. The first to open a directory decides.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// Decides when a transaction has timed out.
    pub clock: ClockRef,
    /// What acknowledged writes survive.
    pub durability: Durability,
    /// How many bytes of the latest records stay in memory; older ones are read from disk.
    pub tail_bytes: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions {
            clock: Arc::new(SystemClock),
            durability: Durability::Process,
            tail_bytes: 64 << 20,
        }
    }
}

/// A broker inside this process. It lives as long as a client, or the caller who made it, holds it.
pub struct EmbeddedBroker {
    core: Mutex<Core>,
    changed: Condvar,
    /// Counts changes, so that a reader can see without the lock that there was none.
    version: AtomicU64,
    pub(super) clock: ClockRef,
    faults: Faults,
    pub(super) cleaner_runs: AtomicBool,
    /// The identity of a broker that is not durable.
    pub(super) incarnation: Option<String>,
    /// Released last, after the database is closed.
    lock: Option<DirectoryLock>,
}

/// A unique text among the brokers of all processes.
fn unique() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{}-{:016x}", std::process::id(), RandomState::new().hash_one(std::process::id()))
}

impl std::fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedBroker").field("lock", &self.lock).finish_non_exhaustive()
    }
}

impl EmbeddedBroker {
    /// A new broker that forgets everything when it is dropped.
    pub fn in_memory() -> Arc<Self> {
        EmbeddedBroker::in_memory_at(Arc::new(SystemClock))
    }

    /// A new broker in memory whose transactions time out by that clock.
    pub fn in_memory_at(clock: ClockRef) -> Arc<Self> {
        EmbeddedBroker::new(Core::default(), clock, None)
    }

    /// The broker in memory that all of this process share under that name, while anyone holds it.
    pub fn named(name: &str) -> Result<Arc<Self>, TransportError> {
        shared(Key::Named(name.to_owned()), || Ok(EmbeddedBroker::in_memory()))
    }

    /// The durable broker in that directory, which is created if necessary. All of this process share it; another
    /// process gets an error while it is open here.
    pub fn open(dir: &Path) -> Result<Arc<Self>, TransportError> {
        EmbeddedBroker::open_with(dir, &EmbeddedOptions::default())
    }

    /// [`EmbeddedBroker::open`] with options.
    pub fn open_with(dir: &Path, options: &EmbeddedOptions) -> Result<Arc<Self>, TransportError> {
        let failed = |error: std::io::Error| {
            let attempted = format!("open of the embedded broker in {}", dir.display());
            TransportError::new(TransportErrorKind::Fatal, attempted, format!("{error}; {USABLE}"))
        };
        std::fs::create_dir_all(dir).map_err(failed)?;
        let dir = dir.canonicalize().map_err(failed)?;
        shared(Key::Directory(dir.clone()), || {
            let lock = DirectoryLock::acquire(&dir)?;
            let database = Database::open(&dir.join("log"), options.durability)?;
            let core = Core::recover(Storage::durable(database), options.tail_bytes)?;
            Ok(EmbeddedBroker::new(core, options.clock.clone(), Some(lock)))
        })
    }

    /// The broker that `bootstrap.servers` names: `embedded:` is this process's broker in memory, `embedded:@NAME`
    /// another one in memory, `embedded:PATH` the durable one in that directory.
    pub fn of_servers(servers: &str) -> Result<Arc<Self>, TransportError> {
        let Some(place) = servers.trim().strip_prefix(SCHEME) else {
            let attempted = format!("use of bootstrap.servers={servers}");
            let reason = "an embedded broker is `embedded:`, `embedded:@NAME` or `embedded:PATH`";
            return Err(TransportError::new(TransportErrorKind::Config, attempted, reason));
        };
        match place.strip_prefix('@') {
            Some(name) => EmbeddedBroker::named(name),
            None if place.is_empty() => EmbeddedBroker::named(""),
            None => EmbeddedBroker::open(Path::new(place)),
        }
    }

    fn new(core: Core, clock: ClockRef, lock: Option<DirectoryLock>) -> Arc<Self> {
        Arc::new(EmbeddedBroker {
            core: Mutex::new(core),
            changed: Condvar::new(),
            version: AtomicU64::new(0),
            clock,
            faults: Faults::default(),
            cleaner_runs: AtomicBool::new(false),
            incarnation: lock.is_none().then(unique),
            lock,
        })
    }

    /// Clients of this broker.
    #[doc(hidden)]
    pub fn transport(self: &Arc<Self>) -> EmbeddedTransport {
        EmbeddedTransport::new(self.clone())
    }

    /// The faults planned for this broker.
    #[doc(hidden)]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A topic's settings.
    pub fn topic_configs(&self, topic: &str) -> Result<BTreeMap<String, String>, TransportError> {
        Ok(self.lock().topic(topic)?.1.configs.clone())
    }

    /// The ids of a group's members, as their fences name them.
    #[doc(hidden)]
    pub fn members(&self, group: &str) -> Vec<Arc<str>> {
        self.lock().groups.members(group)
    }

    /// Expels a member from its group, as a session time-out does; the member notices at its next poll. Returns whether
    /// it was there.
    #[doc(hidden)]
    pub fn expel(&self, group: &str, member: &str) -> bool {
        self.change(|core| core.groups.remove(group, member))
    }

    /// Whether records or offsets are open because markers were lost, or will be ([`Fault::without_markers`]).
    ///
    /// [`Fault::without_markers`]: super::Fault::without_markers
    #[doc(hidden)]
    pub fn lacks_markers(&self) -> bool {
        self.lock().transactions.any_unmarked()
    }

    /// The state.
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes those who wait for it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.lock();
        let result = change(&mut core);
        self.announce(&core);
        result
    }

    /// Signals that the state has changed.
    pub(super) fn announce(&self, core: &Core) {
        self.version.fetch_add(1, Ordering::Release);
        if core.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// The number of changes so far.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Waits while the condition holds, at most `timeout`; returns whether it still holds.
    pub(super) fn wait_while<'a>(
        &self,
        mut core: MutexGuard<'a, Core>,
        timeout: Duration,
        mut condition: impl FnMut(&mut Core) -> bool,
    ) -> (MutexGuard<'a, Core>, bool) {
        let mut left = timeout;
        loop {
            self.expire(&mut core);
            if !condition(&mut core) {
                return (core, false);
            }
            if left.is_zero() {
                return (core, true);
            }
            let slice = if core.transactions.any_open() { left.min(LOOK_EVERY) } else { left };
            core.waiting += 1;
            let waited = self.changed.wait_timeout_while(core, slice, &mut condition);
            core = waited.unwrap_or_else(PoisonError::into_inner).0;
            core.waiting -= 1;
            left -= slice;
        }
    }

    /// Ends transactions that have been open for too long.
    pub(super) fn expire(&self, core: &mut Core) {
        if core.transactions.any_open() && core.expire(self.clock.monotonic_ms()) {
            self.announce(core);
        }
    }

    /// Makes a member of a group.
    pub(super) fn join(&self, spec: &GroupSpec) -> Result<Arc<str>, TransportError> {
        self.change(|core| core.groups.join(spec))
    }

    /// Commits offsets outside of a transaction.
    pub(super) fn commit_offsets(
        &self,
        fence: &Fence,
        offsets: &[OffsetToCommit],
    ) -> Result<(), TransportError> {
        self.change(|core| {
            if let Some(reason) = core.groups.refusal(fence) {
                let attempted = format!("commit of group {}", fence.group);
                return Err(TransportError::new(TransportErrorKind::Fenced, attempted, reason));
            }
            for offset in offsets {
                core.storage.put_offset(&fence.group, offset);
            }
            core.storage.write()?;
            for offset in offsets {
                core.groups.apply(&fence.group, offset.clone());
            }
            Ok(())
        })
    }

    /// Clones visible chunks of a partition, from the one with that offset on: at most `budget` bytes, or one chunk.
    /// Reads the disk without holding the lock.
    pub(super) fn read(
        &self,
        id: LogId,
        from: Offset,
        isolation: Isolation,
        budget: usize,
        into: &mut VecDeque<Chunk>,
    ) -> Result<Read, TransportError> {
        loop {
            let mut core = self.lock();
            self.expire(&mut core);
            let version = self.version();
            let log = core.log(id).ok_or_else(|| unknown_topic("a partition that was deleted"))?;
            if from < log.start || from > log.end {
                let reason = format!("the log has offsets {} to {}", log.start, log.end);
                let attempted = format!("fetch of offset {from}");
                return Err(TransportError::new(TransportErrorKind::OffsetOutOfRange, attempted, reason));
            }
            let end = log.visible_end(isolation);
            let is_blocked = end < log.end;
            let Some(database) = core.storage.database().filter(|_| from < log.tail_start) else {
                let next = log.read(from, end, budget, into).max(from);
                return Ok(Read { next, is_end: next >= end, is_blocked, version });
            };
            let (database, replacements, cold_end) =
                (database.clone(), log.replacements, end.min(log.tail_start));
            drop(core);
            let mut cold = VecDeque::new();
            let next = database.read(id, from, cold_end, budget, &mut cold)?;
            let core = self.lock();
            let is_same =
                |log: &super::log::PartitionLog| log.replacements == replacements && log.start <= from;
            if core.log(id).is_some_and(is_same) {
                into.append(&mut cold);
                let next = next.max(from);
                return Ok(Read { next, is_end: next >= end, is_blocked, version });
            }
            // A clean-up or a deletion interfered: what was read may have gaps.
        }
    }
}

/// How far [`EmbeddedBroker::read`] came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    /// Everything visible before this offset has been read.
    pub(super) next: Offset,
    /// Whether nothing more is visible.
    pub(super) is_end: bool,
    /// Whether an open transaction hides something.
    pub(super) is_blocked: bool,
    /// The broker's version at that time.
    pub(super) version: u64,
}
