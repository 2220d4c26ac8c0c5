//! Where a thread's results leave it: numbers topics, opens transactions lazily, waits where the client's queue is full.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::commit::Committer;
use crate::error::{Error, Result};
use crate::ids::{PartitionId, TopicName};
use crate::partitioner::StickyPartitioner;
use crate::processor::handlers::{Handlers, Response};
use crate::processor::{Collector, OutTopic};
use crate::record::Headers;
use crate::time::Timestamp;
use crate::transport::{OffsetToCommit, OutRecord, TopicHandle, TransportError, TransportErrorKind};

/// How long a record waits for room in the client's queue before the thread gives the round up.
const ROOM_WAITS_MAX: u32 = 6_000;

/// One wait for room, spent serving delivery reports.
const ROOM_WAIT: Duration = Duration::from_millis(10);

/// Time for a topic's partition count when it is asked for the first time.
const METADATA_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for asking again. Without an answer the work goes on with what was known.
const AGAIN_TIMEOUT: Duration = Duration::from_secs(1);

struct Topic {
    name: TopicName,
    /// The producer's handle, with the generation of producers that gave it.
    handle: Option<(u64, TopicHandle)>,
    partitions: Option<PartitionId>,
    /// Whether that is to be asked again when it is needed.
    is_old: bool,
    sticky: StickyPartitioner,
}

struct Inner {
    committer: Committer,
    topics: Vec<Topic>,
    by_name: HashMap<TopicName, u32>,
    /// The topics that records were sent to since the last look, if someone looks.
    order: Option<Vec<u32>>,
}

/// A thread's record collector; its tasks share it.
pub(crate) struct RecordCollector {
    inner: RefCell<Inner>,
    handlers: Handlers,
}

impl RecordCollector {
    pub fn new(committer: Committer, handlers: Handlers) -> Rc<Self> {
        let inner = Inner { committer, topics: Vec::new(), by_name: HashMap::new(), order: None };
        Rc::new(RecordCollector { inner: RefCell::new(inner), handlers })
    }

    /// Makes the producer, fencing an earlier one of the same id. True once nothing is left of former transactions.
    pub fn settle(&self, now: Timestamp) -> Result<bool> {
        self.inner.borrow_mut().committer.settle(now)
    }

    /// Whether anything was sent since the last commit.
    pub fn is_open(&self) -> bool {
        self.inner.borrow().committer.is_open()
    }

    /// Commits what was sent together with these offsets.
    pub fn commit(&self, offsets: &[OffsetToCommit]) -> Result<()> {
        self.inner.borrow_mut().committer.commit(offsets)
    }

    /// Gives up what was not committed.
    pub fn abandon(&self) {
        self.inner.borrow_mut().committer.abandon();
    }

    /// Offsets that a commit adds besides the records.
    pub fn markers_per_commit(&self) -> i64 {
        self.inner.borrow().committer.markers_per_commit()
    }

    /// Keeps from now on in which order topics are sent to.
    pub fn note_order(&self) {
        self.inner.borrow_mut().order = Some(Vec::new());
    }

    /// The topics that records were sent to since the last call, if that is kept, in the order of their first records.
    pub fn take_order(&self) -> Vec<TopicName> {
        let mut inner = self.inner.borrow_mut();
        let order = inner.order.as_mut().map(std::mem::take).unwrap_or_default();
        let name = |number: u32| Some(Arc::clone(&inner.topics.get(number as usize)?.name));
        order.into_iter().filter_map(name).collect()
    }

    /// The topics that records were sent to.
    pub fn topics_written(&self) -> Vec<TopicName> {
        let inner = self.inner.borrow();
        let written = inner.topics.iter().filter(|topic| topic.handle.is_some());
        written.map(|topic| Arc::clone(&topic.name)).collect()
    }

    /// Has the partitions of every topic asked for again when they are next needed: topics grow, and keys have to go where
    /// every other producer would send them.
    pub fn ask_partitions_again(&self) {
        self.inner.borrow_mut().topics.iter_mut().for_each(|topic| topic.is_old = true);
    }

    /// Serves delivery reports; a failed delivery goes to the production handler.
    pub fn poll(&self) -> Result<()> {
        let polled = self.inner.borrow_mut().committer.poll();
        match polled {
            Err(Error::Transport(error)) => self.on_failed_delivery(error),
            other => other,
        }
    }

    fn on_failed_delivery(&self, error: TransportError) -> Result<()> {
        let undecided = matches!(
            error.kind(),
            TransportErrorKind::MessageTooLarge
                | TransportErrorKind::UnknownTopic
                | TransportErrorKind::Denied
        );
        // What a handler may skip is a record that can never be sent. Everything else is the runtime's to repair.
        if undecided && self.handlers.production.handle(&error) == Response::Resume {
            return Ok(());
        }
        Err(error.into())
    }
}

impl Inner {
    fn handle(&mut self, topic: OutTopic) -> Result<TopicHandle> {
        self.committer.for_sending()?;
        let generation = self.committer.generation();
        let Some(topic) = self.topics.get_mut(topic.0 as usize) else {
            return Err(Error::IllegalState(format!("topic number {} is unknown to the collector", topic.0)));
        };
        match topic.handle {
            Some((made_by, handle)) if made_by == generation => Ok(handle),
            _ => {
                let handle = self.committer.for_sending()?.topic(&topic.name)?;
                topic.handle = Some((generation, handle));
                Ok(handle)
            }
        }
    }
}

impl Collector for RecordCollector {
    fn topic(&self, name: &TopicName) -> Result<OutTopic> {
        let mut inner = self.inner.borrow_mut();
        if let Some(number) = inner.by_name.get(name) {
            return Ok(OutTopic(*number));
        }
        let number = u32::try_from(inner.topics.len()).unwrap_or(u32::MAX);
        let sticky = StickyPartitioner::new(number);
        inner.topics.push(Topic {
            name: Arc::clone(name),
            handle: None,
            partitions: None,
            is_old: false,
            sticky,
        });
        inner.by_name.insert(Arc::clone(name), number);
        inner.committer.add_topic(Arc::clone(name));
        Ok(OutTopic(number))
    }

    fn partitions(&self, topic: OutTopic) -> Result<PartitionId> {
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        if let Some(Topic { partitions: Some(partitions), is_old: false, .. }) =
            inner.topics.get(topic.0 as usize)
        {
            return Ok(*partitions);
        }
        let producer = inner.committer.ensure_producer()?;
        let Some(topic) = inner.topics.get_mut(topic.0 as usize) else {
            return Err(Error::IllegalState(format!("topic number {} is unknown to the collector", topic.0)));
        };
        let handle = producer.topic(&topic.name)?;
        topic.is_old = false;
        let Some(known) = topic.partitions else {
            let partitions = producer.partition_count(handle, METADATA_TIMEOUT)?;
            return Ok(*topic.partitions.insert(partitions));
        };
        match producer.partition_count(handle, AGAIN_TIMEOUT) {
            Ok(partitions) => {
                if partitions != known {
                    tracing::info!(topic = %topic.name, known, partitions, "keys are spread over more partitions");
                }
                topic.partitions = Some(partitions);
                Ok(partitions)
            }
            Err(error) => {
                tracing::debug!(topic = %topic.name, %error, "goes on with the number of partitions it knew");
                Ok(known)
            }
        }
    }

    fn any_partition(&self, topic: OutTopic) -> Result<PartitionId> {
        let partitions = self.partitions(topic)?;
        let mut inner = self.inner.borrow_mut();
        Ok(inner.topics.get_mut(topic.0 as usize).map_or(0, |topic| topic.sticky.next(partitions)))
    }

    fn send(
        &self,
        topic: OutTopic,
        partition: PartitionId,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let mut inner = self.inner.borrow_mut();
        let handle = inner.handle(topic)?;
        if let Some(order) = &mut inner.order
            && !order.contains(&topic.0)
        {
            order.push(topic.0);
        }
        inner.committer.mark_written(topic.0, partition);
        let mut waits = 0;
        loop {
            let record = OutRecord { topic: handle, partition, key, value, timestamp, headers };
            let producer = inner.committer.for_sending()?;
            match producer.send(record) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == TransportErrorKind::QueueFull && waits < ROOM_WAITS_MAX => {
                    waits += 1;
                    producer.poll(ROOM_WAIT)?;
                }
                Err(error) => {
                    drop(inner);
                    return self.on_failed_delivery(error);
                }
            }
        }
    }
}
