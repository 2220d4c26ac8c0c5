//! Transactions of producers, by transactional id.
//!
//! Rules, as in Kafka:
//! 1. Every `init_transactions` of an id raises its epoch and aborts what is open under it. That fences all earlier
//!    epochs permanently.
//! 2. A transaction begins at the broker with its first records or offsets. If it is still open when its time-out has
//!    passed, it is aborted and its producer is fenced; that happens at the next access of any client.
//! 3. A transaction that completes without its markers, as a fault, stays open in its partitions and for its group. It
//!    shares the fate of the id's next transaction there: in the partitions that one writes to, and if that one has
//!    offsets of the group.
//! 4. The death of a producer leaves its transaction open until rule 1 or 2 ends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use super::log::LogId;
use crate::ids::{Offset, TopicPartition};
use crate::transport::{OffsetToCommit, Result, TransportError, TransportErrorKind};

/// A producer's claim on its transactional id.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) id: Arc<str>,
    epoch: i32,
    current: Arc<AtomicI32>,
}

impl Session {
    /// An error if a newer producer, or the time-out, took the claim away. Takes no lock.
    pub(super) fn check(&self) -> Result<()> {
        let current = self.current.load(Ordering::Acquire);
        if current == self.epoch {
            return Ok(());
        }
        let reason = format!(
            "its epoch {} is over, the current one is {current}: a newer producer took over, or the transaction \
             timed out",
            self.epoch
        );
        let attempted = format!("use of transactional id {}", self.id);
        Err(TransportError::new(TransportErrorKind::Fenced, attempted, reason))
    }
}

/// A transaction that has not ended.
#[derive(Debug, Default)]
pub(super) struct OpenTransaction {
    /// By the monotonic clock.
    started_ms: i64,
    /// The chunks that it wrote, by their first offset.
    pub(super) chunks: Vec<(LogId, Offset)>,
    /// Partitions where its end writes a marker although it wrote no record.
    pub(super) touched: Vec<LogId>,
    /// The offsets that count once it commits, by group.
    pub(super) offsets: Vec<(Arc<str>, OffsetToCommit)>,
}

impl OpenTransaction {
    /// The partitions that its end writes a marker to.
    pub(super) fn partitions(&self) -> Vec<LogId> {
        let written = self.chunks.iter().map(|(log, _)| log);
        let mut partitions: Vec<LogId> = written.chain(&self.touched).copied().collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }
}

#[derive(Debug, Default)]
struct Transactional {
    epoch: Arc<AtomicI32>,
    timeout_ms: i64,
    open: Option<OpenTransaction>,
    /// Whether its end loses its markers.
    loses_markers: bool,
    /// Transactions that have ended without markers.
    unmarked: Option<OpenTransaction>,
}

/// All transactional ids.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    ids: BTreeMap<Arc<str>, Transactional>,
    open: usize,
}

impl Transactions {
    /// Gives the id to a new producer; what was open under it has been ended.
    pub(super) fn register(&mut self, id: &Arc<str>, timeout_ms: u64) -> Session {
        let entry = self.ids.entry(id.clone()).or_default();
        entry.timeout_ms = i64::try_from(timeout_ms).unwrap_or(i64::MAX);
        let epoch = entry.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        Session { id: id.clone(), epoch, current: entry.epoch.clone() }
    }

    /// The session's open transaction, which begins now if there is none.
    pub(super) fn open(&mut self, session: &Session, now_ms: i64) -> &mut OpenTransaction {
        let entry = self.ids.entry(session.id.clone()).or_default();
        let begun = &mut self.open;
        entry.open.get_or_insert_with(|| {
            *begun += 1;
            OpenTransaction {
                started_ms: now_ms,
                chunks: Vec::new(),
                touched: Vec::new(),
                offsets: Vec::new(),
            }
        })
    }

    /// What is open under that id.
    pub(super) fn get(&self, id: &str) -> Option<&OpenTransaction> {
        self.ids.get(id)?.open.as_ref()
    }

    /// Removes what is open under that id.
    pub(super) fn take(&mut self, id: &str) -> Option<OpenTransaction> {
        let open = self.ids.get_mut(id)?.open.take();
        self.open -= usize::from(open.is_some());
        open
    }

    /// Makes what is open under that id end without markers.
    pub(super) fn lose_markers(&mut self, id: &Arc<str>) {
        self.ids.entry(id.clone()).or_default().loses_markers = true;
    }

    /// Whether the markers of a transaction that ends now are lost. If so, it is no longer open, and not ended either.
    pub(super) fn ends_without_markers(&mut self, id: &str) -> bool {
        let Some(entry) = self.ids.get_mut(id).filter(|entry| entry.loses_markers) else { return false };
        entry.loses_markers = false;
        let Some(lost) = entry.open.take() else { return false };
        self.open -= 1;
        match &mut entry.unmarked {
            None => entry.unmarked = Some(lost),
            Some(unmarked) => {
                unmarked.chunks.extend(lost.chunks);
                unmarked.touched.extend(lost.touched);
                unmarked.offsets.extend(lost.offsets);
            }
        }
        true
    }

    /// Adds what has ended without markers to the open transaction, as far as its own markers will end it.
    pub(super) fn join_unmarked(&mut self, id: &str) {
        let Some(entry) = self.ids.get_mut(id) else { return };
        let (Some(open), Some(mut unmarked)) = (&mut entry.open, entry.unmarked.take()) else { return };
        let partitions = open.partitions();
        let groups: Vec<_> = open.offsets.iter().map(|(group, _)| group.clone()).collect();
        open.chunks.extend(unmarked.chunks.extract_if(.., |(log, _)| partitions.contains(log)));
        let joining: Vec<_> = unmarked.offsets.extract_if(.., |(group, _)| groups.contains(group)).collect();
        // They come first: the transaction's own count.
        open.offsets.splice(0..0, joining);
        let is_left = !unmarked.chunks.is_empty() || !unmarked.offsets.is_empty();
        entry.unmarked = is_left.then_some(unmarked);
    }

    /// Whether records or offsets are open because markers are missing, or will be.
    pub(super) fn any_unmarked(&self) -> bool {
        self.ids.values().any(|entry| entry.loses_markers || entry.unmarked.is_some())
    }

    /// Ends the claim of the id's producer.
    pub(super) fn fence(&mut self, id: &str) {
        if let Some(entry) = self.ids.get(id) {
            entry.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whose transactions have been open for too long.
    pub(super) fn expired(&self, now_ms: i64) -> Vec<Arc<str>> {
        if self.open == 0 {
            return Vec::new();
        }
        let is_over = |entry: &Transactional| {
            entry.open.as_ref().is_some_and(|open| now_ms - open.started_ms >= entry.timeout_ms)
        };
        self.ids.iter().filter(|(_, entry)| is_over(entry)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether a transaction is open.
    pub(super) fn any_open(&self) -> bool {
        self.open > 0
    }

    /// Whether an open transaction is about to commit an offset of one of these partitions.
    pub(super) fn has_pending(&self, group: &str, partitions: &[TopicPartition]) -> bool {
        let is_pending = |open: &OpenTransaction| {
            open.offsets.iter().any(|(of, offset)| **of == *group && partitions.contains(&offset.partition))
        };
        let of = |entry: &Transactional| entry.open.iter().chain(&entry.unmarked).any(is_pending);
        self.ids.values().any(of)
    }
}
