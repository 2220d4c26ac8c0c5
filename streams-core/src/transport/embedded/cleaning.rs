//! Cleaning up logs: keeping the last record of each key (`cleanup.policy=compact`), and dropping records past
//! `retention.ms` (`cleanup.policy=delete`, where a retention is set).
//!
//! A clean-up reads without the lock and replaces the log window by window, each in one batch, so a reader or a crash
//! meets every window either as it was or cleaned. Offsets keep their numbers. What is not yet stable, that is at or
//! above the oldest open transaction, is not touched. A tombstone stays for `delete.retention.ms` after the first
//! clean-up that met it, so that readers of the log see it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::broker::EmbeddedBroker;
use super::chunk::{Chunk, ChunkBuilder, RecordView, Status};
use super::log::LogId;
use super::storage::Bounds;
use crate::ids::{Offset, TopicPartition};
use crate::time::Timestamp;
use crate::transport::{Isolation, Result, TransportErrorKind};

/// How much of a log is cleaned at once.
const WINDOW_BYTES: usize = 4 << 20;
/// The size of cleaned chunks.
const CHUNK_BYTES: usize = 128 << 10;
/// Kafka's default for `delete.retention.ms`.
const DELETE_RETENTION_MS: Timestamp = 86_400_000;

/// The last offset of each key. Keys are copied: slices would keep the whole log in memory.
pub(super) type LastOffsets = HashMap<Box<[u8]>, Offset, foldhash::fast::RandomState>;

impl EmbeddedBroker {
    /// Compacts all partitions of a topic now, whatever its `cleanup.policy`.
    #[doc(hidden)]
    pub fn compact_now(&self, topic: &str) -> Result<()> {
        let (number, partitions) = {
            let core = self.lock();
            (core.topic(topic)?.0, core.partition_count(topic)?)
        };
        (0..partitions).try_for_each(|partition| self.compact(LogId { topic: number, partition }))
    }

    /// Deletes the records of a partition before that offset now, whatever its topic's `cleanup.policy`.
    #[doc(hidden)]
    pub fn delete_now(&self, partition: &TopicPartition, before: Offset) -> Result<()> {
        self.change(|core| core.delete_records(partition, before))
    }

    /// Cleans up partitions as their topics require: a durable broker in a separate thread, so that no writer
    /// waits for it; one in memory at once, so that runs are repeatable.
    pub(super) fn clean_up(self: &Arc<Self>, partitions: Vec<LogId>) {
        if partitions.is_empty() {
            return;
        }
        if self.lock().storage.database().is_none() {
            self.clean_all(partitions);
            return;
        }
        if self.cleaner_runs.swap(true, Ordering::AcqRel) {
            // The next append to these partitions tries again.
            return;
        }
        let broker = self.clone();
        let cleaner = move || {
            broker.clean_all(partitions);
            broker.cleaner_runs.store(false, Ordering::Release);
        };
        let thread = std::thread::Builder::new().name("embedded-cleaner".to_owned());
        if let Err(error) = thread.spawn(cleaner) {
            self.cleaner_runs.store(false, Ordering::Release);
            if let Some(so_far) = self.not_cleaned() {
                tracing::warn!(
                    %error, so_far,
                    "cannot start the clean-up of the embedded broker's log; it will be tried again"
                );
            }
        }
    }

    fn clean_all(&self, partitions: Vec<LogId>) {
        for id in partitions {
            if let Err(error) = self.clean(id)
                && let Some(so_far) = self.not_cleaned()
            {
                tracing::warn!(?id, %error, so_far, "cannot clean up a partition of the embedded broker");
            }
        }
    }

    /// Counts a clean-up that failed; how many there were, if it is to be logged.
    fn not_cleaned(&self) -> Option<u64> {
        self.lock().not_cleaned.count(self.clock.monotonic_ms())
    }

    fn clean(&self, id: LogId) -> Result<()> {
        let (is_compacted, is_deleted, retention_ms) = {
            let mut core = self.lock();
            if let Some(log) = core.log_mut(id) {
                log.dirty_bytes = 0;
            }
            let Some(topic) = core.topics.get(&id.topic) else { return Ok(()) };
            (topic.cleans_up_by("compact"), topic.cleans_up_by("delete"), topic.number("retention.ms"))
        };
        if let Some(retention_ms) = retention_ms.filter(|ms| is_deleted && *ms >= 0) {
            self.delete_expired(id, self.clock.now_ms().saturating_sub(retention_ms))?;
        }
        if is_compacted { self.compact(id) } else { Ok(()) }
    }

    /// Drops the oldest chunks whose records are all older than that.
    fn delete_expired(&self, id: LogId, before: Timestamp) -> Result<()> {
        let Some(mut from) = self.lock().log(id).map(|log| log.start) else { return Ok(()) };
        loop {
            let mut chunks = VecDeque::new();
            let read = self.read(id, from, Isolation::ReadCommitted, WINDOW_BYTES, &mut chunks)?;
            let fresh = chunks.iter().find(|chunk| chunk.records > 0 && chunk.max_timestamp >= before);
            let start = fresh.map_or(read.next, |chunk| chunk.base);
            self.change(|core| core.delete_before(id, start))?;
            if fresh.is_some() || read.is_end {
                return Ok(());
            }
            from = read.next;
        }
    }

    /// Compacts a partition, unless that is in progress.
    fn compact(&self, id: LogId) -> Result<()> {
        let (start, stable, delete_retention_ms) = {
            let mut core = self.lock();
            let topic = core.topics.get(&id.topic);
            let retention = topic.and_then(|topic| topic.number("delete.retention.ms"));
            let Some(log) = core.log_mut(id).filter(|log| !log.cleaning) else { return Ok(()) };
            log.cleaning = true;
            log.dirty_bytes = 0;
            (log.start, log.visible_end(Isolation::ReadCommitted), retention.unwrap_or(DELETE_RETENTION_MS))
        };
        let now_ms = self.clock.now_ms();
        let compacted = self.last_offsets(id, start, stable).and_then(|last| {
            let rule = Rule { last, now_ms, delete_retention_ms };
            self.compact_windows(id, start, stable, &rule)
        });
        if let Some(log) = self.lock().log_mut(id) {
            log.cleaning = false;
        }
        compacted
    }

    fn last_offsets(&self, id: LogId, start: Offset, stable: Offset) -> Result<LastOffsets> {
        let mut last = LastOffsets::default();
        let mut from = start;
        let mut chunks = VecDeque::new();
        while from < stable {
            from = self.window(id, from, &mut chunks)?;
            for chunk in chunks.drain(..).filter(|chunk| chunk.status == Status::Visible) {
                let mut cursor = chunk.start();
                while let Some(view) = chunk.next(&mut cursor) {
                    let Some(key) = view.key().filter(|_| view.offset < stable) else { continue };
                    match last.get_mut(key) {
                        Some(offset) => *offset = view.offset,
                        None => {
                            last.insert(key.into(), view.offset);
                        }
                    }
                }
            }
        }
        Ok(last)
    }

    /// Reads a window from that offset, or from the start of the log if records were deleted meanwhile; where it ends.
    fn window(&self, id: LogId, from: Offset, into: &mut VecDeque<Chunk>) -> Result<Offset> {
        loop {
            let start = self.lock().log(id).map_or(from, |log| log.start);
            match self.read(id, from.max(start), Isolation::ReadCommitted, WINDOW_BYTES, into) {
                Err(error) if error.kind() == TransportErrorKind::OffsetOutOfRange => {
                    // The topic may have been deleted and created again.
                    if self.lock().log(id).is_none_or(|log| log.start <= start) {
                        return Err(error);
                    }
                }
                read => return Ok(read?.next),
            }
        }
    }

    fn compact_windows(&self, id: LogId, start: Offset, stable: Offset, rule: &Rule) -> Result<()> {
        let mut from = start;
        while from < stable {
            let mut chunks = VecDeque::new();
            let to = self.window(id, from, &mut chunks)?.min(stable);
            // Appended since: not in the table of last offsets.
            chunks.retain(|chunk| chunk.base < stable);
            self.compact_window(id, &chunks, to, start, rule)?;
            from = to;
        }
        Ok(())
    }

    /// Replaces the chunks of a window that ends there by compacted ones. `start` is where the log started when they were
    /// read.
    pub(super) fn compact_window(
        &self,
        id: LogId,
        chunks: &VecDeque<Chunk>,
        to: Offset,
        start: Offset,
        rule: &Rule,
    ) -> Result<()> {
        // Otherwise a hole that an earlier compaction left.
        let Some(first) = chunks.front().map(|chunk| chunk.base) else { return Ok(()) };
        let cleaned = rule.apply(chunks, start);
        self.change(|core| {
            let Some(log) = core.log(id) else { return Ok(()) };
            let (log_start, end) = (log.start, log.visible_end(Isolation::ReadCommitted));
            // Records were deleted meanwhile. Whatever is written into the range that they leave is deleted with it later, so
            // no chunk may begin there.
            let cleaned = if log_start > start { rule.apply(chunks, log_start) } else { cleaned };
            let bounds = log.bounds(log_start, end);
            chunks.iter().for_each(|chunk| core.storage.delete_chunk(id, chunk.base));
            cleaned.iter().for_each(|chunk| core.storage.put_chunk(id, chunk));
            // The last chunk may be gone, so the end must be stored separately.
            let (old, new) = (chunks.iter(), cleaned.iter());
            let old = old.filter(|chunk| chunk.end > log_start).map(Chunk::bytes).sum();
            let bytes = bounds.bytes.saturating_sub(old) + new.map(Chunk::bytes).sum::<usize>();
            core.storage.put_bounds(id, Bounds { bytes, ..bounds });
            core.storage.write()?;
            let replaced = core.log_mut(id).map(|log| log.replace(first, to, old, cleaned));
            let (removed, added) = replaced.unwrap_or_default();
            core.count_tail(removed, added);
            Ok(())
        })
    }
}

/// Decides which records stay.
pub(super) struct Rule {
    pub(super) last: LastOffsets,
    pub(super) now_ms: Timestamp,
    pub(super) delete_retention_ms: Timestamp,
}

impl Rule {
    /// The records that stay, in as few chunks as their size allows.
    fn apply(&self, chunks: &VecDeque<Chunk>, start: Offset) -> Vec<Chunk> {
        let mut cleaned = Vec::new();
        let mut builder = ChunkBuilder::default();
        let mut base = 0;
        for chunk in chunks.iter().filter(|chunk| chunk.status == Status::Visible) {
            let mut cursor = chunk.start();
            while let Some(view) = chunk.next(&mut cursor) {
                if view.offset < start || !self.stays(chunk, &view) {
                    continue;
                }
                let delta = u32::try_from(view.offset - base).ok();
                let is_full = builder.bytes() >= CHUNK_BYTES || delta.is_none();
                if builder.records() > 0 && is_full {
                    cleaned.push(finish(&mut builder, base));
                }
                if builder.records() == 0 {
                    base = view.offset;
                }
                if view.is_tombstone() {
                    let horizon = if chunk.horizon == 0 { self.now_ms } else { chunk.horizon };
                    builder.horizon = builder.horizon.max(horizon);
                }
                builder.copy((view.offset - base) as u32, &view);
            }
        }
        if builder.records() > 0 {
            cleaned.push(finish(&mut builder, base));
        }
        cleaned
    }

    fn stays(&self, chunk: &Chunk, view: &RecordView<'_>) -> bool {
        // A record without a key cannot be compacted; Kafka refuses it, here it stays.
        let Some(key) = view.key() else { return true };
        if self.last.get(key) != Some(&view.offset) {
            return false;
        }
        let is_over = chunk.horizon != 0 && self.now_ms - chunk.horizon >= self.delete_retention_ms;
        !(view.is_tombstone() && is_over)
    }
}

fn finish(builder: &mut ChunkBuilder, base: Offset) -> Chunk {
    let mut chunk = builder.finish(Status::Visible);
    chunk.place(base);
    chunk
}
