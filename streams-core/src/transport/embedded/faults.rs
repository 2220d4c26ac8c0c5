//! Faults on demand, for tests and the simulator: the next calls of an operation fail, before or after their effect.

use std::fmt::Display;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::transport::{Result, TransportError, TransportErrorKind};

/// A call that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `Producer::send`.
    Send,
    /// `Producer::flush`.
    Flush,
    /// `Producer::init_transactions`.
    InitTransactions,
    /// `Producer::send_offsets`.
    SendOffsets,
    /// `Producer::commit`.
    Commit,
    /// `Producer::abort`.
    Abort,
    /// `Consumer::fetch`.
    Fetch,
    /// `Admin::offsets_each`, of each partition on its own.
    Offsets,
    /// `Admin::members`.
    Members,
    /// `Group::fence`.
    Fence,
    /// `Group::commit`.
    GroupCommit,
}

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened: the request was lost.
    Before,
    /// It has taken effect: the answer was lost.
    After,
    /// It succeeds, as far as its caller can see: for faults [`without_markers`](Fault::without_markers).
    Never,
}

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which calls fail.
    pub operation: Operation,
    /// What they report.
    pub kind: TransportErrorKind,
    /// Whether they take effect.
    pub when: When,
    /// How many calls succeed first.
    pub skip: usize,
    /// How many calls fail then.
    pub times: usize,
    /// Whether the producer's open transaction then completes without its markers.
    pub without_markers: bool,
    /// Whose calls fail: those on this topic, partition, group or producer, if not all.
    pub object: Option<&'static str>,
}

impl Fault {
    /// The next call of that operation fails without any effect.
    pub fn before(operation: Operation, kind: TransportErrorKind) -> Self {
        Fault { operation, kind, when: When::Before, skip: 0, times: 1, without_markers: false, object: None }
    }

    /// The next call of that operation takes effect and then fails.
    pub fn after(operation: Operation, kind: TransportErrorKind) -> Self {
        Fault { when: When::After, ..Fault::before(operation, kind) }
    }

    /// The open transaction of the producer that calls completes without its markers, whenever and however it ends,
    /// as after a SIGKILL of a Kafka broker (decision 0008): what it wrote stays open, in the partitions and for the
    /// group, until the next transaction of the same id ends there, whose fate it shares.
    pub fn without_markers(self) -> Self {
        Fault { without_markers: true, ..self }
    }

    /// The next call of that operation succeeds, but loses its markers.
    pub fn markers_lost(operation: Operation) -> Self {
        let fault = Fault::before(operation, TransportErrorKind::Fatal).without_markers();
        Fault { when: When::Never, ..fault }
    }

    /// Only calls on that object fail: the name of a group or a producer, or `topic-partition`.
    pub fn on(self, object: &'static str) -> Self {
        Fault { object: Some(object), ..self }
    }

    /// Lets this many calls succeed first.
    pub fn skipping(self, calls: usize) -> Self {
        Fault { skip: calls, ..self }
    }

    /// Makes this many calls fail.
    pub fn times(self, calls: usize) -> Self {
        Fault { times: calls, ..self }
    }
}

/// The faults planned for a broker.
#[derive(Debug, Default)]
pub struct Faults {
    /// How many are planned: one relaxed load is all that a call without faults pays.
    planned: AtomicUsize,
    faults: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Adds a fault. Faults of one operation happen one after the other.
    pub fn inject(&self, fault: Fault) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(fault);
        self.planned.store(faults.len(), Ordering::Relaxed);
    }

    /// Forgets all faults that have not happened yet.
    pub fn clear(&self) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.clear();
        self.planned.store(0, Ordering::Relaxed);
    }

    /// How many planned faults are left.
    pub fn left(&self) -> usize {
        self.planned.load(Ordering::Relaxed)
    }

    /// Makes a call of `operation`, or fails it as planned.
    pub(super) fn around<T>(
        &self,
        operation: Operation,
        object: &dyn Display,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        self.around_transactional(operation, object, || (), call)
    }

    /// Makes a call of a producer, whose transaction may lose its markers.
    pub(super) fn around_transactional<T>(
        &self,
        operation: Operation,
        object: &dyn Display,
        lose_markers: impl FnOnce(),
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let Some(fault) = self.take(operation, object) else { return call() };
        if fault.without_markers {
            lose_markers();
        }
        let reason = match fault.when {
            When::Never => return call(),
            When::Before => "injected fault, nothing has happened",
            When::After => {
                call()?;
                "injected fault, the call has taken effect"
            }
        };
        Err(TransportError::new(fault.kind, format!("{operation:?} {object}"), reason))
    }

    fn take(&self, operation: Operation, object: &dyn Display) -> Option<Fault> {
        if self.planned.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let object = object.to_string();
        let meets = |fault: &Fault| {
            fault.operation == operation && fault.object.is_none_or(|wanted| wanted == object)
        };
        let at = faults.iter().position(meets)?;
        let fault = faults.get_mut(at)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        let taken = *fault;
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            faults.remove(at);
            self.planned.store(faults.len(), Ordering::Relaxed);
        }
        Some(taken)
    }
}
