//! One partition: its chunks in offset order, of a durable broker only the latest, and its open transactions.

use std::collections::VecDeque;
use std::sync::Arc;

use super::chunk::{Chunk, Status};
use super::storage::Bounds;
use crate::ids::{Offset, PartitionId};
use crate::transport::Isolation;

/// A partition's key: its topic's number, which is never reused, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct LogId {
    /// The topic's number.
    pub(super) topic: u32,
    /// The partition.
    pub(super) partition: PartitionId,
}

/// A clean-up reads and writes the whole partition, so it waits for this much new data, and for half of the log.
const DIRTY_BYTES_MIN: usize = 16 << 20;

/// How much is written until its size is stored. The rest is read when the broker is opened.
const UNCOUNTED_BYTES_MAX: usize = 64 << 10;

/// An open transaction's claim on a partition.
#[derive(Clone, Debug)]
struct Claim {
    first: Offset,
    transactional_id: Arc<str>,
}

/// A partition's log.
///
/// Invariant: every chunk that ends above both `start` and `tail_start` is in `tail`, in order; what is below is only on
/// disk. What is below the first claim never changes its status again.
#[derive(Debug, Default)]
pub(super) struct PartitionLog {
    /// The first offset that may be read.
    pub(super) start: Offset,
    /// The next offset to be written.
    pub(super) end: Offset,
    /// The offset from which on chunks are in memory.
    pub(super) tail_start: Offset,
    tail: VecDeque<Chunk>,
    claims: Vec<Claim>,
    /// Bytes of all chunks, in memory or not.
    pub(super) bytes: usize,
    /// Bytes written since the last compaction.
    pub(super) dirty_bytes: usize,
    /// Bytes written since the sizes were last stored.
    uncounted_bytes: usize,
    /// Whether a clean-up is in progress.
    pub(super) cleaning: bool,
    /// Counts replacements of chunks: a reader of the disk that saw one reads again.
    pub(super) replacements: u64,
}

impl PartitionLog {
    /// A log as it was found on disk; nothing of it is in memory.
    pub(super) fn recovered(bounds: Bounds) -> Self {
        let Bounds { start, end, bytes, dirty_bytes } = bounds;
        PartitionLog { start, end, tail_start: end, bytes, dirty_bytes, ..PartitionLog::default() }
    }

    /// Appends a chunk that was placed at [`PartitionLog::end`].
    pub(super) fn append(&mut self, chunk: Chunk) {
        assert_eq!(chunk.base, self.end, "a chunk follows the previous one");
        self.end = chunk.end;
        self.bytes += chunk.bytes();
        self.dirty_bytes += chunk.bytes();
        let is_counted = self.with_chunk(&chunk).is_some();
        self.uncounted_bytes = if is_counted { 0 } else { self.uncounted_bytes + chunk.bytes() };
        self.tail.push_back(chunk);
    }

    /// The bounds to store with the next chunk, if it is time; an open transaction's chunks are not stored.
    pub(super) fn with_chunk(&self, chunk: &Chunk) -> Option<Bounds> {
        let is_due = self.uncounted_bytes + chunk.bytes() >= UNCOUNTED_BYTES_MAX;
        (is_due && chunk.status != Status::Open).then(|| Bounds {
            start: self.start,
            end: chunk.end,
            bytes: self.bytes + chunk.bytes(),
            dirty_bytes: self.dirty_bytes + chunk.bytes(),
        })
    }

    /// The bounds with that start and end.
    pub(super) fn bounds(&self, start: Offset, end: Offset) -> Bounds {
        Bounds { start, end, bytes: self.bytes_from(start), dirty_bytes: self.dirty_bytes }
    }

    /// The bytes from that offset on. Sizes of chunks on disk are not known here; that those before it are as dense as the
    /// rest is near enough for deciding when to clean up.
    fn bytes_from(&self, start: Offset) -> usize {
        let share = (self.end - start) as f64 / (self.end - self.start).max(1) as f64;
        (self.bytes as f64 * share) as usize
    }

    /// The end of what may be seen: the first offset of the oldest open transaction for read-committed.
    pub(super) fn visible_end(&self, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::ReadUncommitted => self.end,
            Isolation::ReadCommitted => self.claims.iter().map(|claim| claim.first).min().unwrap_or(self.end),
        }
    }

    /// Makes a transaction hold back readers from the next offset on, unless it does already. Returns whether it is new
    /// here.
    pub(super) fn claim(&mut self, transactional_id: &Arc<str>) -> bool {
        if self.claims.iter().any(|claim| claim.transactional_id == *transactional_id) {
            return false;
        }
        self.claims.push(Claim { first: self.end, transactional_id: transactional_id.clone() });
        true
    }

    /// Ends a transaction here.
    pub(super) fn release(&mut self, transactional_id: &str) {
        self.claims.retain(|claim| *claim.transactional_id != *transactional_id);
    }

    /// The chunk in memory that begins at that offset.
    pub(super) fn chunk_mut(&mut self, base: Offset) -> Option<&mut Chunk> {
        let at = self.tail.binary_search_by_key(&base, |chunk| chunk.base).ok()?;
        self.tail.get_mut(at)
    }

    /// The chunk in memory in which that offset lies.
    pub(super) fn chunk_at(&self, offset: Offset) -> Option<&Chunk> {
        let at = self.tail.partition_point(|chunk| chunk.end <= offset);
        self.tail.get(at).filter(|chunk| chunk.base <= offset)
    }

    /// Clones the chunks in memory from the one with that offset on, at most `budget` bytes or one chunk. Returns the
    /// offset up to which it has searched.
    pub(super) fn read(
        &self,
        from: Offset,
        end: Offset,
        budget: usize,
        into: &mut VecDeque<Chunk>,
    ) -> Offset {
        let first = self.tail.partition_point(|chunk| chunk.end <= from);
        let mut bytes = 0;
        for chunk in self.tail.range(first..) {
            if chunk.base >= end {
                break;
            }
            if bytes >= budget {
                return chunk.base;
            }
            bytes += chunk.bytes();
            into.push_back(chunk.clone());
        }
        end
    }

    /// The chunks in memory.
    pub(super) fn tail(&self) -> impl Iterator<Item = &Chunk> {
        self.tail.iter()
    }

    /// Drops the oldest chunk from memory if it is on disk; returns its size.
    pub(super) fn evict(&mut self) -> Option<usize> {
        if self.tail.front()?.status == Status::Open {
            return None;
        }
        let chunk = self.tail.pop_front()?;
        self.tail_start = self.tail.front().map_or(self.end, |next| next.base);
        Some(chunk.bytes())
    }

    /// Moves the start of the log and forgets chunks that are wholly before it. Returns the bytes that left memory.
    pub(super) fn truncate(&mut self, start: Offset) -> usize {
        self.bytes = self.bytes_from(start);
        self.start = start;
        let gone = self.tail.partition_point(|chunk| chunk.end <= start);
        self.tail.drain(..gone).map(|chunk| chunk.bytes()).sum()
    }

    /// Replaces the chunks that begin in that range, `bytes` in all, by compacted ones. If part of the range is only on
    /// disk, all of it is from now on. Returns the bytes that left memory and those that were added.
    pub(super) fn replace(
        &mut self,
        from: Offset,
        to: Offset,
        bytes: usize,
        compacted: Vec<Chunk>,
    ) -> (usize, usize) {
        let new_bytes: usize = compacted.iter().map(Chunk::bytes).sum();
        self.bytes = self.bytes.saturating_sub(bytes) + new_bytes;
        let first = self.tail.partition_point(|chunk| chunk.base < from);
        let last = self.tail.partition_point(|chunk| chunk.base < to);
        let behind = self.tail.split_off(last);
        let removed = self.tail.drain(first..).map(|chunk| chunk.bytes()).sum();
        let mut added = 0;
        if from < self.tail_start {
            self.tail_start = self.tail_start.max(to);
        } else {
            added = new_bytes;
            self.tail.extend(compacted);
        }
        self.tail.extend(behind);
        self.replacements += 1;
        (removed, added)
    }

    /// Whether enough was written since the last clean-up for another one.
    pub(super) fn is_dirty(&self) -> bool {
        !self.cleaning && self.dirty_bytes >= DIRTY_BYTES_MIN.max(self.bytes / 2)
    }
}
