//! Reads partitions of the embedded broker: takes whole chunks under its lock, and records out of them without it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::broker::EmbeddedBroker;
use super::chunk::{Chunk, Cursor, Status};
use super::core::Core;
use super::faults::Operation;
use super::log::LogId;
use crate::ids::{Offset, TopicPartition};
use crate::transport::{
    Consumer, ConsumerSpec, Fetched, Isolation, PartitionHandle, RawRecord, Result, TransportError,
    TransportErrorKind,
};

/// How much of a partition is read at once: bounds what a consumer holds beyond what was requested.
const READ_BYTES: usize = 512 << 10;

/// An assigned partition.
#[derive(Debug)]
struct Assigned {
    partition: TopicPartition,
    /// None for a topic that does not exist (yet).
    id: Option<LogId>,
    /// After everything that was returned.
    position: Offset,
    /// After everything that was read from the broker.
    next: Offset,
    chunks: VecDeque<Chunk>,
    /// The position in the first chunk.
    cursor: Option<Cursor>,
    is_end: bool,
    is_blocked: bool,
    version: u64,
    /// Whether the missing topic has been reported to the caller.
    is_told_gone: bool,
}

impl Assigned {
    /// Returns what was read, and whether it stopped at the limit.
    fn hand_out(&mut self, isolation: Isolation, limit: &mut usize, into: &mut Vec<RawRecord>) -> bool {
        while let Some(chunk) = self.chunks.front() {
            let is_seen = match chunk.status {
                Status::Visible => true,
                Status::Open | Status::Aborted => isolation == Isolation::ReadUncommitted,
                Status::Marker => false,
            };
            let mut cursor = self.cursor.take().unwrap_or(chunk.start());
            let mut before = cursor;
            while is_seen && let Some(view) = chunk.next(&mut cursor) {
                if view.offset >= self.position {
                    if *limit == 0 {
                        self.cursor = Some(before);
                        return true;
                    }
                    *limit -= 1;
                    self.position = view.offset + 1;
                    into.push(RawRecord::Embedded(view.to_record()));
                }
                before = cursor;
            }
            self.position = self.position.max(chunk.end);
            self.chunks.pop_front();
        }
        self.position = self.position.max(self.next);
        false
    }

    /// Whether the broker may have something that was not read yet.
    fn has_news(&self, core: &Core, isolation: Isolation) -> bool {
        let has_more =
            |log: &super::log::PartitionLog| log.visible_end(isolation) > self.next || log.start > self.next;
        match self.id.and_then(|id| core.log(id)) {
            Some(log) => !self.chunks.is_empty() || !self.is_end || has_more(log),
            None => !self.is_told_gone,
        }
    }
}

/// A consumer of the embedded broker.
pub(super) struct EmbeddedConsumer {
    broker: Arc<EmbeddedBroker>,
    isolation: Isolation,
    assigned: Vec<Option<Assigned>>,
    woken: Arc<AtomicBool>,
}

impl EmbeddedConsumer {
    /// A consumer without partitions.
    pub(super) fn new(broker: Arc<EmbeddedBroker>, spec: &ConsumerSpec) -> Self {
        let woken = Arc::new(AtomicBool::new(false));
        EmbeddedConsumer { broker, isolation: spec.isolation, assigned: Vec::new(), woken }
    }

    fn at(&self, handle: PartitionHandle) -> Result<&Assigned> {
        let assigned = self.assigned.get(handle.0 as usize).and_then(Option::as_ref);
        assigned.ok_or_else(|| not_assigned(handle))
    }
}

fn not_assigned(handle: PartitionHandle) -> TransportError {
    let attempted = format!("use of partition handle {}", handle.0);
    TransportError::new(TransportErrorKind::Config, attempted, "nothing is assigned under it")
}

impl Consumer for EmbeddedConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: Offset) -> Result<PartitionHandle> {
        if self.assigned.iter().flatten().any(|assigned| assigned.partition == *partition) {
            // As librdkafka has it, and with the same kind of error.
            let attempted = format!("assigning {partition} at {offset}");
            return Err(TransportError::new(
                TransportErrorKind::Retriable,
                attempted,
                "it is assigned already",
            ));
        }
        let id = self.broker.lock().find(partition).map(|(id, _)| id).ok();
        let assigned = Assigned {
            partition: partition.clone(),
            id,
            position: offset,
            next: offset,
            chunks: VecDeque::new(),
            cursor: None,
            is_end: false,
            is_blocked: false,
            version: 0,
            is_told_gone: false,
        };
        let free = self.assigned.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.assigned.push(None);
            self.assigned.len() - 1
        });
        self.assigned[at] = Some(assigned);
        Ok(PartitionHandle(at as u32))
    }

    fn unassign(&mut self, handle: PartitionHandle) -> Result<()> {
        let slot = self.assigned.get_mut(handle.0 as usize).filter(|slot| slot.is_some());
        *slot.ok_or_else(|| not_assigned(handle))? = None;
        Ok(())
    }

    fn fetch(&mut self, handle: PartitionHandle, limit: usize, into: &mut Vec<RawRecord>) -> Result<Fetched> {
        let isolation = self.isolation;
        let assigned = self.assigned.get_mut(handle.0 as usize).and_then(Option::as_mut);
        let assigned = assigned.ok_or_else(|| not_assigned(handle))?;
        // A fetch has no effect that an error could hide: after a lost answer it is repeated.
        self.broker.faults().around(Operation::Fetch, &assigned.partition, || Ok(()))?;
        let mut left = limit;
        let mut is_fresh = false;
        loop {
            let is_cut = assigned.hand_out(isolation, &mut left, into);
            let records = limit - left;
            let is_known_end = assigned.is_end
                && (is_fresh
                    || records > 0
                    || (!assigned.is_blocked && assigned.version == self.broker.version()));
            if is_cut || is_known_end {
                return Ok(Fetched { records, at_end: !is_cut });
            }
            let known = match assigned.id {
                Some(id) => Ok(id),
                None => self.broker.lock().find(&assigned.partition).map(|(id, _)| id),
            };
            assigned.id = known.as_ref().ok().copied();
            let (chunks, next) = (&mut assigned.chunks, assigned.next);
            let read = known.and_then(|id| self.broker.read(id, next, isolation, READ_BYTES, chunks));
            assigned.is_told_gone = records == 0
                && read.as_ref().is_err_and(|error| error.kind() == TransportErrorKind::UnknownTopic);
            let read = match read {
                // Records already returned must not be lost to an error that the next call meets again.
                Err(_) if records > 0 => return Ok(Fetched { records, at_end: false }),
                read => read.map_err(|error| {
                    let attempted = format!("fetch of {}", assigned.partition);
                    TransportError::new(error.kind(), attempted, error.to_string())
                })?,
            };
            assigned.next = read.next;
            assigned.is_end = read.is_end;
            assigned.is_blocked = read.is_blocked;
            assigned.version = read.version;
            is_fresh = true;
        }
    }

    fn position(&self, handle: PartitionHandle) -> Result<Offset> {
        Ok(self.at(handle)?.position)
    }

    fn wait(&mut self, timeout: Duration) {
        let (woken, assigned, isolation) = (&self.woken, &self.assigned, self.isolation);
        let has_nothing = |core: &mut Core| {
            !woken.load(Ordering::Acquire)
                && !assigned.iter().flatten().any(|assigned| assigned.has_news(core, isolation))
        };
        drop(self.broker.wait_while(self.broker.lock(), timeout, has_nothing));
        self.woken.store(false, Ordering::Release);
    }

    fn waker(&self) -> Arc<dyn Fn() + Send + Sync> {
        let (woken, broker) = (self.woken.clone(), self.broker.clone());
        Arc::new(move || {
            woken.store(true, Ordering::Release);
            broker.announce(&broker.lock());
        })
    }
}
