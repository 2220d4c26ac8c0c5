//! Where a global store continues: at the offsets of its database, if its rows came from the current topic; otherwise the
//! store is emptied and filled again.

use std::collections::BTreeMap;
use std::time::Duration;

use state_stores::Batch;
use state_stores::metadata::{metadata_keyspace, put_metadata, read_metadata};
use state_stores::offsets::{StoredOffset, delete_offset, offsets_keyspace, read_offsets};

use super::{GlobalPartition, GlobalStore, GlobalThread, TOUCH_MS};
use crate::error::{Error, Result};
use crate::ids::{Offset, TopicName, TopicPartition};
use crate::runtime::refusals::{REFUSED_MAX_MS, Refusals};
use crate::runtime::restore::identity::{
    Facts, LogIdentity, Verdict, WasKind, judge, kind_text, store_name, was_kind,
};
use crate::time::Now;
use crate::transport::{Admin, Isolation, OffsetQuery, TransportErrorKind};

/// The time-out of one request to the broker.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before a failed request is retried, or a store is filled again.
pub(super) const RETRY_MS: i64 = 500;

/// Why a store needs a position.
pub(super) enum Begin {
    /// It was opened.
    Start,
    /// The broker has deleted the next records to read; with its words.
    Refill(String),
}

/// The broker's answers about a topic.
struct Bounds {
    first: BTreeMap<TopicPartition, Offset>,
    ends: BTreeMap<TopicPartition, Offset>,
    identity: LogIdentity,
}

impl Bounds {
    fn ask(admin: &mut dyn Admin, topic: &TopicName, partitions: &[TopicPartition]) -> Result<Self> {
        let topics = admin.topics(std::slice::from_ref(topic), ADMIN_TIMEOUT)?;
        let latest = OffsetQuery::Latest(Isolation::ReadCommitted);
        Ok(Bounds {
            first: admin.offsets(partitions, OffsetQuery::Earliest, ADMIN_TIMEOUT)?,
            ends: admin.offsets(partitions, latest, ADMIN_TIMEOUT)?,
            identity: LogIdentity {
                topic_id: topics.get(topic).and_then(|topic| topic.id.clone()),
                cluster_id: admin.cluster_id(ADMIN_TIMEOUT),
            },
        })
    }
}

impl GlobalThread {
    /// Finds the positions of stores that need one; returns whether it found any. A broker that does not answer is asked
    /// again.
    pub(super) fn begin_stores(&mut self, now: Now) -> Result<bool> {
        if self.stores.iter().all(|store| store.begin.is_none()) || now.monotonic_ms < self.next_try {
            return Ok(false);
        }
        for at in 0..self.stores.len() {
            let Err(error) = self.begin_store(at, now) else { continue };
            let Error::Transport(cause) = &error else { return Err(error) };
            let passes = matches!(cause.kind(), TransportErrorKind::Retriable | TransportErrorKind::TimedOut);
            self.next_try = now.monotonic_ms + RETRY_MS;
            let waited_ms = self.waiting.update(now.monotonic_ms, || format!("the broker: {error}"));
            if passes || (Refusals::may_pass(cause) && waited_ms < REFUSED_MAX_MS) {
                return Ok(false);
            }
            return Err(error);
        }
        self.waiting.end();
        Ok(true)
    }

    fn begin_store(&mut self, at: usize, now: Now) -> Result<()> {
        let known = self.stores.get_mut(at);
        let store = known.ok_or_else(|| Error::Internal(format!("there is no global store {at}")))?;
        let Some(begin) = &store.begin else { return Ok(()) };
        let partitions: Vec<_> =
            store.partitions.iter().map(|partition| partition.queue.partition().clone()).collect();
        let bounds = Bounds::ask(&mut *self.admin, &store.topic, &partitions)?;
        let stored = read_offsets(&*store.backend)?;
        if let (Some(directory), true, None) = (&self.directory, stored.is_empty(), self.owned_at) {
            // A new directory holds what the topics contain from now on.
            directory.touch_global(now.wall_ms)?;
        }
        let untouched_ms = self.owned_at.map_or(i64::MAX, |at| (now.wall_ms - at).max(0));
        let why = match begin {
            Begin::Refill(why) => Some(why.clone()),
            Begin::Start => {
                let untouched_ms = store.on_disk.then_some(untouched_ms);
                let kept_ms = store.deletions_kept_ms;
                store.does_not_fit(&bounds, &stored, untouched_ms, kept_ms)?
            }
        };
        let known = match &why {
            None => stored,
            Some(why) => {
                tracing::warn!(
                    store = store.name,
                    topic = &*store.topic,
                    why,
                    "the rows of a global store no longer fit its topic; it is emptied and filled again"
                );
                Vec::new()
            }
        };
        store.note(&bounds.identity, why.is_some())?;
        for partition in &mut store.partitions {
            let of = partition.queue.partition().clone();
            let first = bounds.first.get(&of).copied().unwrap_or(0);
            let stored = known.iter().find(|known| is_of(known, &of)).map(|known| known.offset);
            if let Some(handle) = partition.handle.take() {
                self.consumer.unassign(handle)?;
            }
            partition.queue.clear();
            if let Some(total) = partition.filling.take() {
                self.listener.call(|listener| listener.on_restore_suspended(&of, &store.name, total));
            }
            partition.position = stored.unwrap_or(first);
            partition.end = bounds.ends.get(&of).copied().unwrap_or(0);
            partition.handle = Some(self.consumer.assign(&of, partition.position)?);
            let GlobalPartition { position, end, .. } = *partition;
            if position < end {
                partition.filling = Some(0);
                self.listener.call(|listener| listener.on_restore_start(&of, &store.name, position, end));
            }
        }
        store.begin = None;
        Ok(())
    }

    /// Records that the stores on disk are current.
    pub(super) fn touch(&mut self, now: Now) -> Result<()> {
        if now.monotonic_ms < self.next_touch || !self.is_caught_up() {
            return Ok(());
        }
        self.next_touch = now.monotonic_ms + TOUCH_MS;
        match &self.directory {
            Some(directory) if self.stores.iter().any(|store| store.on_disk) => {
                directory.touch_global(now.wall_ms)
            }
            _ => Ok(()),
        }
    }
}

impl GlobalStore {
    /// The name under which the database keeps the topic that filled the store.
    fn source_name(&self) -> String {
        format!("global {}", self.name)
    }

    /// Why the local rows cannot be used, if so.
    fn does_not_fit(
        &self,
        bounds: &Bounds,
        stored: &[StoredOffset],
        untouched_ms: Option<i64>,
        deletions_kept_ms: i64,
    ) -> Result<Option<String>> {
        let metadata = read_metadata(&*self.backend)?;
        if let WasKind::OtherKind(was) | WasKind::OtherLayout(was) =
            was_kind(&metadata, &self.name, &self.format)
        {
            return Ok(Some(format!("they are those of a {was} store")));
        }
        let before = metadata.get(&self.source_name());
        let before = before.and_then(|kept| kept.split_once('\n'));
        let before = match before {
            Some((topic, _)) if *topic != *self.topic => {
                return Ok(Some(format!("they are of topic {topic}")));
            }
            Some((_, identity)) => LogIdentity::decode(identity),
            None => LogIdentity::default(),
        };
        let verdict = |(partition, end): (&TopicPartition, &Offset)| {
            let facts = Facts {
                stored: stored.iter().find(|known| is_of(known, partition)).map(|known| known.offset),
                start: bounds.first.get(partition).copied().unwrap_or(0),
                end: *end,
                is_source: true,
                is_reopened: false,
                before: before.clone(),
                now: bounds.identity.clone(),
                untouched_ms,
                deletions_kept_ms,
            };
            match judge(&facts) {
                Verdict::Rebuild(why) | Verdict::Refuse(why) => Some(format!("{partition}: {why}")),
                Verdict::Resume(_) => None,
            }
        };
        Ok(bounds.ends.iter().find_map(verdict))
    }

    /// Records the origin of the rows; with `wipe`, after deleting them.
    fn note(&mut self, identity: &LogIdentity, wipe: bool) -> Result<()> {
        let mut batch = Batch::new();
        let metadata = metadata_keyspace(&*self.backend)?;
        if wipe {
            self.batch.clear();
            self.format.wipe(&self.name, &self.backend, &mut batch)?;
            let offsets = offsets_keyspace(&*self.backend)?;
            for partition in &self.partitions {
                let at = partition.queue.partition();
                delete_offset(&mut batch, offsets, &at.topic, at.partition);
            }
        }
        let source = format!("{}\n{}", self.topic, identity.encode());
        put_metadata(&mut batch, metadata, &self.source_name(), &source);
        put_metadata(&mut batch, metadata, &store_name(&self.name), &kind_text(&self.format));
        self.backend.write(&batch)?;
        if wipe {
            // What it remembers of its database is outdated.
            self.store.borrow_mut().rollback();
        }
        Ok(())
    }
}

fn is_of(stored: &StoredOffset, partition: &TopicPartition) -> bool {
    stored.topic == *partition.topic && stored.partition == partition.partition
}
