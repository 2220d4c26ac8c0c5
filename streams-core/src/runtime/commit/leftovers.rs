//! Ends what earlier transactions have left behind: probes, sweeps, and decides what not to wait for.
//!
//! A probe cannot tell our own transactions from those of others. So whatever stays open for a moment is swept: a
//! transaction that writes no record is aborted, which puts a marker of our producer id there. The marker ends what was
//! ours, and does not concern anyone else. What is open afterwards is not ours, and is not waited for (decision 0024).

use std::collections::BTreeSet;
use std::time::Duration;

use super::{ABORT_TIMEOUT, Committer, TransactionState};
use crate::error::Result;
use crate::runtime::left_over::named;
use crate::transport::{Fence, OffsetToCommit, TransportError, TransportErrorKind};

/// The time between two probes for leftovers.
const PROBE_EVERY_MS: i64 = 50;

/// How long a leftover may exist before it is swept. The coordinator has reported our transactions complete before the
/// first probe. So this delay avoids sweeps for open transactions of other threads, most of which end meanwhile.
const PATIENCE_MS: i64 = 500;

/// How long a partition may be without an answer before it is skipped.
const LEADER_PATIENCE_MS: i64 = 2_000;

/// After this long without sending, a thread probes whether its last commits are complete.
const IDLE_MS: i64 = 5_000;

/// The time between two such probes.
const IDLE_PROBE_EVERY_MS: i64 = 1_000;

/// How long offsets may be pending: only this thread commits those of its tasks.
const IDLE_PATIENCE_MS: i64 = 5_000;

/// How long a coordinator may take to abort a transaction that has timed out: it checks every 10 s.
const ABORTING_MS: i64 = 15_000;

/// One sweep whose markers have arrived has ended what was ours. How often to sweep if they do not arrive.
const SWEEPS_MAX: u32 = 3;

/// The time-out of each call of a sweep.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Advice for the operator.
const FIND_HANGING: &str = "if it stays, `kafka-transactions.sh find-hanging` says whose it is, and \
                            `kafka-transactions.sh abort` ends it";

impl Committer {
    /// Makes the producer if there is none, and ends what earlier transactions have left behind. True once nothing is left;
    /// until then call it again, and open no task.
    pub fn clear_leftovers(&mut self, now: i64) -> Result<bool> {
        self.ensure_producer()?;
        if self.state != TransactionState::Probing {
            self.probe_when_idle(now)?;
            return Ok(true);
        }
        if now < self.left_over.next_probe {
            return Ok(false);
        }
        self.left_over.next_probe = now + PROBE_EVERY_MS;
        let begun = *self.left_over.begun.get_or_insert(now);
        if let Err(error) = self.probe(now) {
            match error.kind() {
                TransportErrorKind::Retriable | TransportErrorKind::TimedOut => {
                    let what =
                        || format!("the brokers, to see whether former transactions have ended: {error}");
                    self.waiting.update(now, what);
                    (self.left_over.since, self.left_over.begun) = (None, None);
                    return Ok(false);
                }
                _ => {
                    if let Some(so_far) = self.warned.unknown.count(now) {
                        tracing::warn!(%error, so_far, "it cannot be seen whether former transactions have ended");
                    }
                    self.left_over.forget();
                }
            }
        }
        if self.left_over.is_gone() {
            return Ok(self.set_ready());
        }
        let since = *self.left_over.since.get_or_insert(now);
        let has_open = !self.left_over.open().is_empty() || !self.left_over.sources.is_empty();
        let is_swept = self.left_over.sweeps > 0 && self.left_over.has_markers();
        // Only the effect of the markers for offsets is visible.
        let is_known = is_swept && self.left_over.sources.is_empty();
        if !is_known && now - since < PATIENCE_MS {
            return Ok(false);
        }
        if has_open && !is_swept && self.left_over.sweeps < SWEEPS_MAX {
            self.left_over.since = Some(now);
            self.sweep(now)?;
            return Ok(false);
        }
        if has_open {
            self.pass_foreign(now);
        }
        Ok(self.left_over.is_gone() && self.set_ready() || self.pass_unseen(now, now - begun))
    }

    /// Skips what another producer has open.
    fn pass_foreign(&mut self, now: i64) {
        let left = self.left_over.to_string();
        let is_new = !self.left_over.sources.is_empty();
        if (!self.left_over.pass_foreign().is_empty() || is_new)
            && let Some(so_far) = self.warned.foreign.count(now)
        {
            tracing::warn!(
                left,
                so_far,
                "a transaction of another producer is open; it is not waited for, but readers of committed records are \
                 held back by it: {FIND_HANGING}"
            );
        }
    }

    /// Skips partitions without a leader after a while, as tasks that do not need them must not wait for them.
    fn pass_unseen(&mut self, now: i64, waited_ms: i64) -> bool {
        if waited_ms < LEADER_PATIENCE_MS {
            return false;
        }
        let passed = self.left_over.pass_unseen();
        if let Some(so_far) = self.warned.unseen.count(now) {
            tracing::warn!(
                partitions = named(&passed),
                so_far,
                "partitions do not answer; most likely no broker with a replica that is in sync is up. Whether former \
                 transactions have ended there is seen to when they are written to again"
            );
        }
        self.set_ready()
    }

    fn set_ready(&mut self) -> bool {
        self.left_over.forget();
        self.admin = None;
        self.waiting.end();
        self.transition_to(TransactionState::Ready);
        true
    }

    /// Gives up a transaction that wrote to a partition that could not be probed: a leftover there would be committed with
    /// it. Afterwards the partition is probed again.
    pub(super) fn refuse_unseen(&self) -> crate::transport::Result<()> {
        let Some(partition) = self.left_over.unseen_in(&self.written) else { return Ok(()) };
        let attempted = format!("commit of producer {}", self.spec.client_id);
        let reason = format!(
            "records went to {partition}, where it could not be seen before whether former transactions have ended"
        );
        Err(TransportError::new(TransportErrorKind::AbortTransaction, attempted, reason))
    }

    /// Checks idle partitions, as markers of answered commits may be missing as well. The next commit of the same partitions
    /// makes up for that; if none comes, it must be noticed. The error makes the caller give up the incomplete commit.
    ///
    /// Topics that others may write to are not checked: an open transaction there says nothing about ours. In the
    /// application's own topics, a transaction that is older than any of the application's can be is taken for ours.
    fn probe_when_idle(&mut self, now: i64) -> Result<()> {
        if self.state != TransactionState::Ready || !self.exactly_once() {
            return Ok(());
        }
        let idle_since = *self.idle_since.get_or_insert(now);
        if now - idle_since < IDLE_MS || now < self.left_over.next_probe {
            return Ok(());
        }
        let internal = &self.internal;
        if self.left_over.add_some(&mut self.written, |topic| internal.contains(topic)) {
            self.left_over.since = None;
            self.left_over.reset_probes();
        }
        self.left_over.next_probe = now + IDLE_PROBE_EVERY_MS;
        if let Err(error) = self.probe(now) {
            tracing::debug!(%error, "asked again");
            self.left_over.since = None;
            return Ok(());
        }
        let has_open = self.left_over.has_new_open();
        if self.left_over.sources.is_empty() && !has_open {
            // Partitions that do not answer, or are known not to be ours, do not keep the probe going.
            self.left_over.pass_unseen();
            self.left_over.forget();
            self.admin = None;
            return Ok(());
        }
        let waited_ms = now - *self.left_over.since.get_or_insert(now);
        let transaction_ms = i64::try_from(self.spec.transaction_timeout_ms).unwrap_or(i64::MAX);
        let is_late = !self.left_over.sources.is_empty() && waited_ms >= IDLE_PATIENCE_MS;
        if !is_late && waited_ms < transaction_ms.saturating_add(ABORTING_MS) {
            return Ok(());
        }
        let reason = format!("the broker has answered the commit, but not completed it: {}", self.left_over);
        let attempted = format!("commits of producer {}", self.spec.client_id);
        Err(TransportError::new(TransportErrorKind::AbortTransaction, attempted, reason).into())
    }

    fn probe(&mut self, now: i64) -> crate::transport::Result<()> {
        if self.left_over.is_gone() {
            return Ok(());
        }
        let admin = match &mut self.admin {
            Some(admin) => admin,
            none => none.insert(self.transport.admin(&format!("{}-admin", self.spec.client_id))?),
        };
        self.left_over.probe(&mut **admin, now)
    }

    /// Aborts a transaction without records where something is open. After a failure the caller repeats it, by a new producer
    /// and not without end.
    fn sweep(&mut self, now: i64) -> Result<()> {
        let sources: BTreeSet<_> = self.left_over.sources.clone();
        // Offsets need a membership in the group; without one they cannot be swept yet.
        let fence = match (sources.is_empty(), self.group.fence()) {
            (true, _) => None,
            (false, Ok(fence)) => Some(fence),
            (false, Err(error)) => {
                let what = || {
                    format!("its membership in the group, to end an earlier transaction's offsets: {error}")
                };
                self.waiting.update(now, what);
                return Ok(());
            }
        };
        tracing::info!(
            transactional_id = self.spec.transactional_id,
            left = %self.left_over,
            "a transaction is open where this producer wrote; in case that it is a former one of its own whose markers the \
             broker forgot, it is ended by an aborted transaction without records"
        );
        match self.sweep_behind(fence.as_ref()) {
            Ok(()) => {
                self.left_over.was_swept();
                Ok(())
            }
            // Another producer would be refused as well.
            Err(error)
                if matches!(
                    error.kind(),
                    TransportErrorKind::Denied | TransportErrorKind::Config | TransportErrorKind::Refused
                ) =>
            {
                self.transition_to(TransactionState::InDoubt);
                Err(error.into())
            }
            Err(error) => {
                self.waiting.update(now, || format!("the end of former transactions: {error}"));
                self.transition_to(TransactionState::InDoubt);
                Err(error.into_retriable().into())
            }
        }
    }

    fn sweep_behind(&mut self, fence: Option<&Fence>) -> crate::transport::Result<()> {
        let Some(producer) = &mut self.producer else { return Ok(()) };
        producer.begin()?;
        let partitions = self.left_over.open();
        if !partitions.is_empty() {
            producer.touch(&partitions, SWEEP_TIMEOUT)?;
        }
        let offset = |partition: &crate::ids::TopicPartition| OffsetToCommit {
            partition: partition.clone(),
            offset: 0,
            metadata: String::new(),
        };
        let offsets: Vec<_> = self.left_over.sources.iter().map(offset).collect();
        if let Some(fence) = fence {
            producer.send_offsets(&offsets, fence, SWEEP_TIMEOUT)?;
        }
        producer.abort(ABORT_TIMEOUT)
    }
}

#[cfg(test)]
mod tests;
