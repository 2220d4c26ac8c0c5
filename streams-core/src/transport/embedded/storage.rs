//! The log on disk: one database in which every append and every transaction is one atomic batch.
//!
//! Keyspaces:
//! - `log`: topic number u32 | partition i32 | base offset i64 -> chunk
//! - `topics`: topic number u32 -> its description as JSON
//! - `bounds`: topic number u32 | partition i32 -> start i64 | end i64 | bytes u64 | dirty bytes u64; the end may lag
//!   behind the last chunk's, and the bytes are those before it
//! - `offsets`: group | 0 | topic | 0 | partition i32 -> offset i64 | metadata
//!
//! All numbers are big-endian, so that a partition's chunks are ordered by offset.
//! An open transaction is in memory only and is lost with the process. Its offsets are then used again. That cannot be
//! noticed: read-committed readers, committed offsets and checkpoints never pass its start.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use state_stores::{Backend, Batch, Direction, DiskMemory, Keyspace, StoreError, disk};

use super::chunk::Chunk;
use super::log::LogId;
use crate::ids::{Offset, PartitionId, TopicPartition};
use crate::transport::{OffsetToCommit, Result, TransportError, TransportErrorKind};

/// Blocks of the log are read once and in order, so a small cache is enough.
const BLOCK_CACHE_BYTES: usize = 8 << 20;
const WRITE_BUFFER_BYTES: usize = 32 << 20;

/// What acknowledged writes survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process, by whatever signal. Costs no disk synchronisation.
    #[default]
    Process,
    /// The death of the machine: every flush and commit waits for the disk.
    Machine,
}

/// A topic's description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredTopic {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) partitions: PartitionId,
    pub(super) configs: BTreeMap<String, String>,
}

/// Where a partition starts and ends, and how much of it there is, near enough for deciding when to clean up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) start: Offset,
    pub(super) end: Offset,
    /// Of all chunks.
    pub(super) bytes: usize,
    /// Of those written since the last clean-up.
    pub(super) dirty_bytes: usize,
}

/// The open database. A clone shares it.
#[derive(Clone, Debug)]
pub(super) struct Database {
    backend: Arc<dyn Backend>,
    log: Keyspace,
    topics: Keyspace,
    bounds: Keyspace,
    offsets: Keyspace,
    dir: PathBuf,
    durability: Durability,
}

impl Database {
    /// Opens or creates the database in that directory.
    pub(super) fn open(dir: &Path, durability: Durability) -> Result<Self> {
        let memory = DiskMemory::new(BLOCK_CACHE_BYTES, WRITE_BUFFER_BYTES);
        let failed = |error| failed("open", dir, &error);
        let keyspaces = ["log", "topics", "bounds", "offsets"].map(str::to_owned);
        let (backend, _) = disk::open_only_copy(dir, &memory, &keyspaces).map_err(failed)?;
        Ok(Database {
            log: backend.keyspace("log").map_err(failed)?,
            topics: backend.keyspace("topics").map_err(failed)?,
            bounds: backend.keyspace("bounds").map_err(failed)?,
            offsets: backend.keyspace("offsets").map_err(failed)?,
            backend,
            dir: dir.to_owned(),
            durability,
        })
    }

    /// All topics by number.
    pub(super) fn topics(&self) -> Result<Vec<(u32, StoredTopic)>> {
        let mut topics = Vec::new();
        for entry in self.scan(self.topics, (Bound::Unbounded, Bound::Unbounded), Direction::Forward)? {
            let (key, value) = entry.map_err(|error| self.failed(&error))?;
            let number = u32::from_be_bytes(array(&key, 0)?);
            let topic = serde_json::from_slice(&value).map_err(|error| corrupt(&error.to_string()))?;
            topics.push((number, topic));
        }
        Ok(topics)
    }

    /// A partition's bounds.
    pub(super) fn bounds(&self, id: LogId) -> Result<Bounds> {
        let stored = self.backend.get(self.bounds, &log_prefix(id)).map_err(|error| self.failed(&error))?;
        let mut bounds = Bounds::default();
        if let Some(value) = stored {
            bounds.start = i64::from_be_bytes(array(&value, 0)?);
            bounds.end = i64::from_be_bytes(array(&value, 8)?);
            if value.len() > 16 {
                let bytes =
                    |at| Ok(usize::try_from(u64::from_be_bytes(array(&value, at)?)).unwrap_or(usize::MAX));
                (bounds.bytes, bounds.dirty_bytes) = (bytes(16)?, bytes(24)?);
            }
        }
        // What was written since; little, unless it is from a version that did not count.
        let (first, last) = (log_key(id, bounds.end), log_key(id, Offset::MAX));
        let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        for entry in self.scan(self.log, range, Direction::Forward)? {
            let bytes = load(entry.map_err(|error| self.failed(&error))?)?.bytes();
            bounds.bytes += bytes;
            bounds.dirty_bytes += bytes;
        }
        let last = self.floor(id, Offset::MAX)?;
        bounds.end = last.map_or(bounds.end, |chunk| chunk.end.max(bounds.end));
        Ok(bounds)
    }

    /// All groups' committed offsets.
    pub(super) fn offsets(&self) -> Result<Vec<(Arc<str>, OffsetToCommit)>> {
        let mut offsets = Vec::new();
        for entry in self.scan(self.offsets, (Bound::Unbounded, Bound::Unbounded), Direction::Forward)? {
            let (key, value) = entry.map_err(|error| self.failed(&error))?;
            let mut parts = key.splitn(3, |byte| *byte == 0);
            let (Some(group), Some(topic), Some(partition)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(corrupt("a key of an offset"));
            };
            let topic: Arc<str> = String::from_utf8_lossy(topic).into();
            let committed = OffsetToCommit {
                partition: TopicPartition::new(topic, i32::from_be_bytes(array(partition, 0)?)),
                offset: i64::from_be_bytes(array(&value, 0)?),
                metadata: String::from_utf8_lossy(value.get(8..).unwrap_or_default()).into_owned(),
            };
            offsets.push((String::from_utf8_lossy(group).into(), committed));
        }
        Ok(offsets)
    }

    /// The last chunk that begins at or before that offset.
    pub(super) fn floor(&self, id: LogId, offset: Offset) -> Result<Option<Chunk>> {
        let (first, last) = (log_key(id, 0), log_key(id, offset));
        let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        match self.scan(self.log, range, Direction::Backward)?.next() {
            None => Ok(None),
            Some(entry) => load(entry.map_err(|error| self.failed(&error))?).map(Some),
        }
    }

    /// Reads the chunks from the one with that offset on, at most `budget` bytes or one chunk. Returns the offset up to
    /// which it has searched.
    ///
    /// The caller checks that no compaction replaced chunks meanwhile.
    pub(super) fn read(
        &self,
        id: LogId,
        from: Offset,
        end: Offset,
        budget: usize,
        into: &mut VecDeque<Chunk>,
    ) -> Result<Offset> {
        let first = match self.floor(id, from)? {
            Some(chunk) if chunk.end > from => chunk.base,
            _ => from,
        };
        let (first, last) = (log_key(id, first), log_key(id, end));
        let range = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        let mut bytes = 0;
        for entry in self.scan(self.log, range, Direction::Forward)? {
            let chunk = load(entry.map_err(|error| self.failed(&error))?)?;
            if bytes >= budget {
                return Ok(chunk.base);
            }
            bytes += chunk.bytes();
            into.push_back(chunk);
        }
        Ok(end)
    }

    fn failed(&self, error: &StoreError) -> TransportError {
        failed("reading", &self.dir, error)
    }

    fn scan<'a>(
        &'a self,
        keyspace: Keyspace,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
    ) -> Result<state_stores::Scan<'a>> {
        self.backend.scan(keyspace, range, direction).map_err(|error| self.failed(&error))
    }
}

/// Collects what one change of the broker writes, and writes it at once. Without a database it does nothing.
#[derive(Debug, Default)]
pub(super) struct Storage {
    database: Option<Database>,
    batch: Batch,
    /// Set by the first write that failed: what is on disk is no longer known, so nothing may follow it.
    failed: Option<String>,
}

impl Storage {
    /// Writes into that database.
    pub(super) fn durable(database: Database) -> Self {
        Storage { database: Some(database), batch: Batch::default(), failed: None }
    }

    /// The database, if there is one.
    pub(super) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }

    /// Stores a chunk.
    pub(super) fn put_chunk(&mut self, id: LogId, chunk: &Chunk) {
        if let Some(database) = &self.database {
            self.batch.put(database.log, &log_key(id, chunk.base), &chunk.stored());
        }
    }

    /// Removes a chunk.
    pub(super) fn delete_chunk(&mut self, id: LogId, base: Offset) {
        if let Some(database) = &self.database {
            self.batch.delete(database.log, &log_key(id, base));
        }
    }

    /// Removes the chunks that begin before that offset, permanently: the backend deletes the range's files some time
    /// later, with whatever was written into it meanwhile.
    pub(super) fn delete_chunks_before(&mut self, id: LogId, offset: Offset) {
        if let Some(database) = self.database.as_ref().filter(|_| offset > 0) {
            // Files are deleted up to and including the end of the range, so the end must not be a chunk's key.
            let mut to = log_key(id, offset - 1).to_vec();
            to.push(0);
            self.batch.delete_range(database.log, &log_key(id, 0), &to);
        }
    }

    /// Stores where a partition starts and ends, and how much there is.
    pub(super) fn put_bounds(&mut self, id: LogId, bounds: Bounds) {
        if let Some(database) = &self.database {
            let Bounds { start, end, bytes, dirty_bytes } = bounds;
            let numbers = [start.to_be_bytes(), end.to_be_bytes()];
            let counts = [bytes, dirty_bytes].map(|bytes| (bytes as u64).to_be_bytes());
            self.batch.put(database.bounds, &log_prefix(id), &[numbers, counts].concat().concat());
        }
    }

    /// Stores a topic.
    pub(super) fn put_topic(&mut self, number: u32, topic: &StoredTopic) -> Result<()> {
        if let Some(database) = &self.database {
            let value = serde_json::to_vec(topic).map_err(|error| corrupt(&error.to_string()))?;
            self.batch.put(database.topics, &number.to_be_bytes(), &value);
        }
        Ok(())
    }

    /// Removes a topic and all its chunks. Its description stays, nameless, so that its number is never used again.
    pub(super) fn delete_topic(&mut self, number: u32) -> Result<()> {
        let nameless = StoredTopic { name: String::new(), id: None, partitions: 0, configs: BTreeMap::new() };
        self.put_topic(number, &nameless)?;
        if let Some(database) = &self.database {
            let (first, last) = (number.to_be_bytes(), (number + 1).to_be_bytes());
            self.batch.delete_range(database.log, &first, &last);
            self.batch.delete_range(database.bounds, &first, &last);
        }
        Ok(())
    }

    /// Stores a group's committed offset.
    pub(super) fn put_offset(&mut self, group: &str, offset: &OffsetToCommit) {
        if let Some(database) = &self.database {
            let mut value = offset.offset.to_be_bytes().to_vec();
            value.extend_from_slice(offset.metadata.as_bytes());
            self.batch.put(database.offsets, &offset_key(group, &offset.partition), &value);
        }
    }

    /// Removes a group's committed offset.
    pub(super) fn delete_offset(&mut self, group: &str, partition: &TopicPartition) {
        if let Some(database) = &self.database {
            self.batch.delete(database.offsets, &offset_key(group, partition));
        }
    }

    /// Writes everything collected as one batch. After an error nothing is ever written again.
    pub(super) fn write(&mut self) -> Result<()> {
        let Some(database) = &self.database else { return Ok(()) };
        if let Some(reason) = &self.failed {
            self.batch.clear();
            return Err(TransportError::new(
                TransportErrorKind::Refused,
                attempted("write", &database.dir),
                reason,
            ));
        }
        let mut written = database.backend.write(&self.batch);
        if written.is_ok() && database.durability == Durability::Machine {
            written = database.backend.flush();
        }
        self.batch.clear();
        written.map_err(|error| {
            let error = failed("write", &database.dir, &error);
            self.failed = Some(format!("an earlier write failed: {error}; repair the disk and restart"));
            error
        })
    }
}

impl Drop for Storage {
    /// Writes the log's tail to synced files, so that nothing depends on the write-ahead log of a broker that was closed.
    fn drop(&mut self) {
        if let Some(database) = self.database.as_ref().filter(|_| self.failed.is_none()) {
            // Otherwise the next start reads the tail from the write-ahead log, as after a crash.
            let _ = database.backend.flush();
        }
    }
}

fn attempted(what: &str, dir: &Path) -> String {
    format!("{what} of the embedded broker's log in {}", dir.display())
}

/// The database's error with advice that fits a broker: the database's own advice is for an application's state.
fn failed(what: &str, dir: &Path, error: &StoreError) -> TransportError {
    let reason = match error {
        StoreError::Open { cause, .. } => format!("{cause}; {USABLE}"),
        StoreError::DiskFull { reason, .. } => format!(
            "the disk is full ({reason}); make room, or move the broker's directory (bootstrap.servers=embedded:PATH), and \
             start again"
        ),
        StoreError::OpenFiles { reason, .. } => format!(
            "the process may open no more files ({reason}); raise its limit (`ulimit -n`, or LimitNOFILE= of systemd), and \
             start again"
        ),
        StoreError::Damaged { reason, .. } => {
            format!("it is damaged ({reason}); put a copy in its place, or delete it to begin with no topics")
        }
        StoreError::Deleted { reason, .. } => format!(
            "files were deleted while it was open ({reason}); put a copy in its place, and keep it where nothing cleans up"
        ),
        other => other.to_string(),
    };
    TransportError::new(TransportErrorKind::Refused, attempted(what, dir), reason)
}

/// What the directory of a durable broker must be.
pub(super) const USABLE: &str =
    "after `embedded:` comes a directory that this process may create, read and write; choose one";

fn corrupt(what: &str) -> TransportError {
    let reason = format!("malformed bytes ({what}); restore the directory from a copy, or delete it");
    TransportError::new(TransportErrorKind::Refused, "reading the embedded broker's log", reason)
}

fn load((key, value): state_stores::backend::RawEntry) -> Result<Chunk> {
    let base = i64::from_be_bytes(array(&key, 8)?);
    Chunk::load(base, value.into_vec()).ok_or_else(|| corrupt(&format!("the chunk at offset {base}")))
}

fn array<const N: usize>(data: &[u8], at: usize) -> Result<[u8; N]> {
    let part = data.get(at..at + N).and_then(|part| part.try_into().ok());
    part.ok_or_else(|| corrupt("a number"))
}

fn log_prefix(id: LogId) -> [u8; 8] {
    let mut key = [0; 8];
    key[..4].copy_from_slice(&id.topic.to_be_bytes());
    key[4..].copy_from_slice(&id.partition.to_be_bytes());
    key
}

fn log_key(id: LogId, offset: Offset) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&log_prefix(id));
    key[8..].copy_from_slice(&offset.to_be_bytes());
    key
}

fn offset_key(group: &str, partition: &TopicPartition) -> Vec<u8> {
    let mut key = Vec::with_capacity(group.len() + partition.topic.len() + 6);
    key.extend_from_slice(group.as_bytes());
    key.push(0);
    key.extend_from_slice(partition.topic.as_bytes());
    key.push(0);
    key.extend_from_slice(&partition.partition.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same kind of database keeps state, and its advice is for that.
    #[test]
    fn troubles_of_the_log_name_the_brokers_directory() {
        let dir = PathBuf::from("/data/broker/log");
        let full = StoreError::DiskFull { dir: dir.clone(), reason: "No space left on device".to_owned() };
        let damaged = StoreError::Damaged { dir: dir.clone(), reason: "a checksum".to_owned() };
        let deleted = StoreError::Deleted { dir: dir.clone(), reason: "no such file".to_owned() };
        let open = StoreError::Open { dir: dir.clone(), cause: "Permission denied".into() };
        for (error, parts) in [
            (full, ["the disk is full (No space left on device)", "bootstrap.servers=embedded:PATH"]),
            (damaged, ["a checksum", "delete it to begin with no topics"]),
            (deleted, ["no such file", "put a copy in its place"]),
            (open, ["Permission denied", "after `embedded:` comes a directory"]),
        ] {
            let said = failed("write", &dir, &error).to_string();
            assert!(said.starts_with("write of the embedded broker's log in /data/broker/log: "), "{said}");
            assert!(!said.contains("state.dir") && !said.contains("changelog"), "{said}");
            for part in parts {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    }
}
