//! What the broker's one lock guards: topics, their logs, and what transactions and groups build on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::chunk::{Chunk, Status};
use super::groups::Groups;
use super::log::{LogId, PartitionLog};
use super::storage::{Storage, StoredTopic};
use super::topic_settings::{mistake, too_many};
use super::transactions::{Session, Transactions};
use crate::ids::{Offset, PartitionId, TopicName, TopicPartition, invalid_topic_name};
use crate::time::OnceAMinute;
use crate::transport::{NewTopic, Result, TransportError, TransportErrorKind};

/// Kafka's default for `max.message.bytes`.
const RECORD_BYTES_MAX: usize = 1_048_588;

/// A topic and its logs.
#[derive(Debug)]
pub(super) struct Topic {
    /// Unique, even among topics of the same name over the lives of several brokers.
    pub(super) id: String,
    pub(super) configs: BTreeMap<String, String>,
    pub(super) logs: Vec<PartitionLog>,
}

impl Topic {
    /// A setting as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.configs.get(key)?.parse().ok()
    }

    /// Whether `cleanup.policy` has a word.
    pub(super) fn cleans_up_by(&self, policy: &str) -> bool {
        let configured = self.configs.get("cleanup.policy").map_or("delete", String::as_str);
        configured.split(',').any(|word| word.trim() == policy)
    }

    /// How large a record may be.
    pub(super) fn record_bytes_max(&self) -> usize {
        self.number("max.message.bytes").unwrap_or(RECORD_BYTES_MAX)
    }
}

/// The broker's state.
#[derive(Debug, Default)]
pub(super) struct Core {
    pub(super) by_name: BTreeMap<TopicName, u32>,
    pub(super) topics: HashMap<u32, Topic>,
    next_topic: u32,
    pub(super) transactions: Transactions,
    pub(super) groups: Groups,
    pub(super) storage: Storage,
    /// Which partitions got chunks in memory, in order: the oldest leave first. Only of a durable broker.
    arrivals: VecDeque<LogId>,
    tail_bytes: usize,
    tail_bytes_max: usize,
    /// Threads that wait for a change.
    pub(super) waiting: usize,
    /// Partitions with enough to clean up.
    pub(super) to_clean: Vec<LogId>,
    not_aborted: OnceAMinute,
    /// Clean-ups that failed.
    pub(super) not_cleaned: OnceAMinute,
}

impl Core {
    /// The state as it is on disk.
    pub(super) fn recover(storage: Storage, tail_bytes_max: usize) -> Result<Self> {
        let mut core = Core { tail_bytes_max, ..Core::default() };
        if let Some(database) = storage.database() {
            for (number, stored) in database.topics()? {
                core.next_topic = core.next_topic.max(number + 1);
                if stored.name.is_empty() {
                    continue;
                }
                let mut logs = Vec::new();
                for partition in 0..stored.partitions {
                    logs.push(PartitionLog::recovered(database.bounds(LogId { topic: number, partition })?));
                }
                let name: TopicName = stored.name.into();
                core.by_name.insert(name, number);
                // Topics from before there were ids use their number, which is unique in the directory.
                let id = stored.id.unwrap_or_else(|| number.to_string());
                core.topics.insert(number, Topic { id, configs: stored.configs, logs });
            }
            for (group, offset) in database.offsets()? {
                core.groups.apply(&group, offset);
            }
        }
        core.storage = storage;
        Ok(core)
    }

    /// The topic of that name.
    pub(super) fn topic(&self, name: &str) -> Result<(u32, &Topic)> {
        let found = self.by_name.get(name).and_then(|number| Some((*number, self.topics.get(number)?)));
        found.ok_or_else(|| match invalid_topic_name(name) {
            Some(reason) => impossible_topic(name, &reason),
            None => unknown_topic(name),
        })
    }

    /// The log of that partition.
    pub(super) fn find(&self, partition: &TopicPartition) -> Result<(LogId, &PartitionLog)> {
        let (number, topic) = self.topic(&partition.topic)?;
        let log = usize::try_from(partition.partition).ok().and_then(|at| topic.logs.get(at));
        let log = log.ok_or_else(|| unknown_topic(&partition.to_string()))?;
        Ok((LogId { topic: number, partition: partition.partition }, log))
    }

    /// A log by its number; `None` if its topic has been deleted.
    pub(super) fn log(&self, id: LogId) -> Option<&PartitionLog> {
        self.topics.get(&id.topic)?.logs.get(usize::try_from(id.partition).ok()?)
    }

    /// A log by its number, to change it.
    pub(super) fn log_mut(&mut self, id: LogId) -> Option<&mut PartitionLog> {
        self.topics.get_mut(&id.topic)?.logs.get_mut(usize::try_from(id.partition).ok()?)
    }

    /// Creates a topic, unless there is one of that name.
    pub(super) fn create_topic(&mut self, topic: &NewTopic) -> Result<()> {
        if self.by_name.contains_key(&topic.name) {
            return Ok(());
        }
        let attempted = || format!("creation of topic {}", topic.name);
        let refused = |reason: &str| TransportError::new(TransportErrorKind::Config, attempted(), reason);
        if let Some(reason) = invalid_topic_name(&topic.name) {
            return Err(refused(&format!("no topic can have that name: {reason}")));
        }
        // -1 is the broker's default, as in Kafka; the default there is one partition.
        let partitions = if topic.partitions == -1 { 1 } else { topic.partitions };
        if partitions < 1 {
            return Err(refused("a topic has at least one partition"));
        }
        if let Some(reason) = too_many(usize::try_from(partitions).unwrap_or_default()) {
            return Err(refused(&reason));
        }
        if let Some(reason) = mistake(&topic.configs) {
            return Err(refused(&reason));
        }
        let number = self.next_topic;
        let configs = topic.configs.clone();
        let id = fresh_id(number);
        let stored = StoredTopic {
            name: topic.name.to_string(),
            id: Some(id.clone()),
            partitions,
            configs: configs.clone(),
        };
        self.storage.put_topic(number, &stored)?;
        self.storage.write()?;
        self.next_topic += 1;
        let logs = (0..partitions).map(|_| PartitionLog::default()).collect();
        self.by_name.insert(topic.name.clone(), number);
        self.topics.insert(number, Topic { id, configs, logs });
        Ok(())
    }

    /// Adds partitions to a topic until it has this many.
    pub(super) fn grow_topic(&mut self, name: &TopicName, partitions: PartitionId) -> Result<()> {
        let number = self.by_name.get(name).copied().ok_or_else(|| unknown_topic(name))?;
        let Some(topic) = self.topics.get_mut(&number) else { return Err(unknown_topic(name)) };
        let wanted = usize::try_from(partitions).unwrap_or_default();
        if topic.logs.len() >= wanted {
            return Ok(());
        }
        if let Some(reason) = too_many(wanted - topic.logs.len()) {
            let attempted = format!("growth of topic {name}");
            return Err(TransportError::new(TransportErrorKind::Config, attempted, reason));
        }
        let stored = StoredTopic {
            name: name.to_string(),
            id: Some(topic.id.clone()),
            partitions,
            configs: topic.configs.clone(),
        };
        self.storage.put_topic(number, &stored)?;
        self.storage.write()?;
        topic.logs.resize_with(wanted, PartitionLog::default);
        Ok(())
    }

    /// The names of all topics.
    pub(super) fn topic_names(&self) -> Vec<TopicName> {
        self.by_name.keys().cloned().collect()
    }

    /// Deletes a topic with its records and the offsets that groups committed of it.
    pub(super) fn delete_topic(&mut self, name: &str) -> Result<()> {
        let Some(&number) = self.by_name.get(name) else { return Ok(()) };
        self.storage.delete_topic(number)?;
        for (group, partition) in self.groups.offsets_of_topic(name) {
            self.storage.delete_offset(&group, &partition);
        }
        self.storage.write()?;
        self.groups.forget_topic(name);
        self.by_name.remove(name);
        let topic = self.topics.remove(&number);
        let in_memory = topic.iter().flat_map(|topic| &topic.logs).flat_map(PartitionLog::tail);
        self.tail_bytes = self.tail_bytes.saturating_sub(in_memory.map(Chunk::bytes).sum());
        Ok(())
    }

    /// Appends chunks to different partitions, all at once; those of a transaction stay in memory until it ends.
    /// A partition that does not exist loses its chunk, and is returned.
    pub(super) fn append(
        &mut self,
        chunks: Vec<(TopicName, LogId, Chunk)>,
        session: Option<&Session>,
        now_ms: i64,
    ) -> Result<Vec<TopicPartition>> {
        let mut missing = Vec::new();
        let mut placed = Vec::with_capacity(chunks.len());
        for (topic, mut id, mut chunk) in chunks {
            if !self.topics.contains_key(&id.topic) {
                // Deleted, and perhaps created again, since the producer looked it up.
                id.topic = self.by_name.get(&topic).copied().unwrap_or(id.topic);
            }
            let Some(log) = self.log(id) else {
                missing.push(TopicPartition::new(topic, id.partition));
                continue;
            };
            chunk.place(log.end);
            if session.is_none() {
                let bounds = log.with_chunk(&chunk);
                self.storage.put_chunk(id, &chunk);
                bounds.into_iter().for_each(|bounds| self.storage.put_bounds(id, bounds));
            }
            placed.push((id, chunk));
        }
        match session {
            Some(session) => self
                .transactions
                .open(session, now_ms)
                .chunks
                .extend(placed.iter().map(|(id, chunk)| (*id, chunk.base))),
            None => self.storage.write()?,
        }
        for (id, chunk) in placed {
            if let (Some(session), Some(log)) = (session, self.log_mut(id)) {
                log.claim(&session.id);
            }
            self.push(id, chunk);
        }
        self.evict();
        Ok(missing)
    }

    /// Appends a placed chunk in memory.
    fn push(&mut self, id: LogId, chunk: Chunk) {
        let bytes = chunk.bytes();
        let durable = self.storage.database().is_some();
        let Some(log) = self.log_mut(id) else { return };
        log.append(chunk);
        let is_dirty = log.is_dirty();
        if durable {
            self.tail_bytes += bytes;
            self.arrivals.push_back(id);
        }
        if is_dirty && !self.to_clean.contains(&id) {
            self.to_clean.push(id);
        }
    }

    /// Keeps the chunks in memory below the limit; those that leave memory are on disk.
    fn evict(&mut self) {
        if self.storage.database().is_none() {
            return;
        }
        let mut attempts = self.arrivals.len();
        while self.tail_bytes > self.tail_bytes_max && attempts > 0 {
            attempts -= 1;
            let Some(id) = self.arrivals.pop_front() else { break };
            let Some(log) = self.log_mut(id) else { continue };
            match log.evict() {
                Some(bytes) => self.tail_bytes = self.tail_bytes.saturating_sub(bytes),
                // An open transaction's chunk exists only in memory: it is tried again later.
                None if log.tail().next().is_some() => self.arrivals.push_back(id),
                None => {}
            }
        }
    }

    /// Corrects the count of bytes in memory after chunks were replaced.
    pub(super) fn count_tail(&mut self, removed: usize, added: usize) {
        if self.storage.database().is_some() {
            self.tail_bytes = (self.tail_bytes + added).saturating_sub(removed);
        }
    }

    /// Bytes of records in memory that are bounded by the options.
    #[cfg(test)]
    pub(super) fn tail_bytes(&self) -> usize {
        self.tail_bytes
    }

    /// Ends a session's open transaction: its chunks become committed or aborted, each partition gets a marker, and its
    /// offsets count if it commits. On disk all of that is one batch. Does nothing if none is open.
    pub(super) fn end_transaction(&mut self, id: &Arc<str>, commit: bool) -> Result<()> {
        if self.transactions.ends_without_markers(id) {
            return Ok(());
        }
        self.transactions.join_unmarked(id);
        let Some(open) = self.transactions.get(id) else { return Ok(()) };
        let status = if commit { Status::Visible } else { Status::Aborted };
        let partitions = open.partitions();
        for (log, base) in &open.chunks {
            let logs = self.topics.get_mut(&log.topic).map(|topic| &mut topic.logs);
            let log_of = logs.and_then(|logs| logs.get_mut(usize::try_from(log.partition).ok()?));
            if let Some(chunk) = log_of.and_then(|log| log.chunk_mut(*base)) {
                let mut stored = chunk.clone();
                stored.status = status;
                self.storage.put_chunk(*log, &stored);
            }
        }
        let mut markers = Vec::new();
        for id in partitions {
            let Some(log) = self.log(id) else { continue };
            let marker = Chunk::marker(log.end);
            let bounds = log.with_chunk(&marker);
            self.storage.put_chunk(id, &marker);
            bounds.into_iter().for_each(|bounds| self.storage.put_bounds(id, bounds));
            markers.push((id, marker));
        }
        if commit {
            for (group, offset) in &open.offsets {
                self.storage.put_offset(group, offset);
            }
        }
        self.storage.write()?;

        let Some(open) = self.transactions.take(id) else { return Ok(()) };
        for (log, base) in open.chunks {
            if let Some(chunk) = self.log_mut(log).and_then(|log| log.chunk_mut(base)) {
                chunk.status = status;
            }
        }
        for (log, marker) in markers {
            self.push(log, marker);
            if let Some(log) = self.log_mut(log) {
                log.release(id);
            }
        }
        if commit {
            for (group, offset) in open.offsets {
                self.groups.apply(&group, offset);
            }
        }
        self.evict();
        Ok(())
    }

    /// Aborts transactions that have been open for too long, and fences their producers. Returns whether there were any.
    pub(super) fn expire(&mut self, now_ms: i64) -> bool {
        let expired = self.transactions.expired(now_ms);
        for id in &expired {
            match self.end_transaction(id, false) {
                Ok(()) => self.transactions.fence(id),
                Err(error) => {
                    // Each access tries it again.
                    if let Some(so_far) = self.not_aborted.count(now_ms) {
                        tracing::error!(
                            transactional_id = %id, %error, so_far,
                            "cannot abort a timed-out transaction"
                        );
                    }
                }
            }
        }
        !expired.is_empty()
    }

    /// Deletes the records of a partition before that offset, whatever the topic's settings.
    pub(super) fn delete_records(&mut self, partition: &TopicPartition, before: Offset) -> Result<()> {
        let (id, log) = self.find(partition)?;
        if before > log.end {
            let attempted = format!("deletion of records of {partition} before {before}");
            let reason = format!("the log ends at {}", log.end);
            return Err(TransportError::new(TransportErrorKind::OffsetOutOfRange, attempted, reason));
        }
        self.delete_before(id, before)
    }

    /// Moves the start of a partition's log, at most to the oldest open transaction.
    pub(super) fn delete_before(&mut self, id: LogId, before: Offset) -> Result<()> {
        let Some(log) = self.log(id) else { return Ok(()) };
        let stable = log.visible_end(crate::transport::Isolation::ReadCommitted);
        let start = before.min(stable);
        if start <= log.start {
            return Ok(());
        }
        let bounds = log.bounds(start, log.end.min(stable));
        if let Some(database) = self.storage.database() {
            // The chunk that contains the new start stays whole. Only a start far behind is searched on disk.
            let kept = match log.chunk_at(start) {
                Some(chunk) => Some(chunk.base),
                None => database.floor(id, start)?.filter(|chunk| chunk.end > start).map(|chunk| chunk.base),
            };
            self.storage.delete_chunks_before(id, kept.unwrap_or(start));
            self.storage.put_bounds(id, bounds);
            self.storage.write()?;
        }
        let removed = self.log_mut(id).map_or(0, |log| log.truncate(start));
        self.count_tail(removed, 0);
        Ok(())
    }

    /// How many partitions a topic has.
    pub(super) fn partition_count(&self, name: &str) -> Result<PartitionId> {
        let (_, topic) = self.topic(name)?;
        Ok(PartitionId::try_from(topic.logs.len()).unwrap_or(PartitionId::MAX))
    }
}

/// An id for a topic of that number, unique among all directories.
fn fresh_id(number: u32) -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{number}-{:016x}", RandomState::new().hash_one(number))
}

/// The error for what no topic can be called.
fn impossible_topic(name: &str, reason: &str) -> TransportError {
    let reason = format!("no topic can have that name: {reason}; name another one");
    TransportError::new(TransportErrorKind::UnknownTopic, format!("use of topic {name:?}"), reason)
}

/// The error for what does not exist.
pub(super) fn unknown_topic(what: &str) -> TransportError {
    let reason = "the embedded broker has no such topic or partition; create it first";
    TransportError::new(TransportErrorKind::UnknownTopic, format!("use of {what}"), reason)
}
