//! Sources: where records enter a task. A record is deserialized when it becomes the head of its queue.

use std::rc::Rc;
use std::sync::Arc;

use super::dropped::{DropReason, KeyExcerpt};
use super::factory::{EdgeType, NodeFactory, NodeInstance, Wiring};
use super::node::Lifecycle;
use super::timestamp_extractor::{ConsumedRecord, TimestampExtractor, TimestampExtractorRef, TooFarAhead};
use super::{Children, Data, Punctuation, TaskContext};
use crate::config::BuiltInTimestampExtractor;
use crate::error::{Error, Result};
use crate::ids::TopicPartition;
use crate::record::{Headers, Record};
use crate::serde::{SerdeError, SerdeRef};
use crate::time::Timestamp;
use crate::transport::RawRecord;
use crate::user_code::{caught, guarded};

/// How a source reads its topics.
pub struct SourceOptions<K, V> {
    /// Reads keys.
    pub key_serde: SerdeRef<K>,
    /// Reads values.
    pub value_serde: SerdeRef<V>,
    /// Gives event time; `None` is the application's default.
    pub extractor: Option<TimestampExtractorRef<K, V>>,
}

impl<K, V> Clone for SourceOptions<K, V> {
    fn clone(&self) -> Self {
        SourceOptions {
            key_serde: Arc::clone(&self.key_serde),
            value_serde: Arc::clone(&self.value_serde),
            extractor: self.extractor.clone(),
        }
    }
}

/// What became of a raw record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// It is the head now.
    Head {
        /// Its event time.
        timestamp: Timestamp,
        /// Bytes of its headers.
        header_bytes: usize,
    },
    /// It was dropped (a null or bytes that the type does not take, or no valid timestamp).
    Dropped,
}

/// A source's side of one partition's queue: deserializes the head and sends it off.
pub trait SourceInput {
    /// Deserializes a record and keeps it as the head. It is the task context's current record already.
    fn prepare(
        &mut self,
        raw: &RawRecord,
        partition_time: Timestamp,
        task: &mut TaskContext,
    ) -> Result<Prepared>;

    /// Sends the head through the topology; does nothing without a head.
    fn process(&mut self, task: &mut TaskContext) -> Result<()>;
}

struct SourceNode<K, V> {
    name: Arc<str>,
    children: Children<K, V>,
    options: SourceOptions<K, V>,
    default_extractor: BuiltInTimestampExtractor,
}

impl<K: Data, V: Data> Lifecycle for SourceNode<K, V> {
    fn init(&self, _: &mut TaskContext) -> Result<()> {
        Ok(())
    }

    fn punctuate(&self, _: Punctuation, _: Timestamp, _: &mut TaskContext) -> Result<()> {
        Ok(())
    }

    fn close(&self) {}
}

struct Input<K, V> {
    node: Rc<SourceNode<K, V>>,
    partition: TopicPartition,
    head: Option<Record<K, V>>,
    /// The first bytes of the head's key.
    key: KeyExcerpt,
}

impl<K: Data, V: Data> Input<K, V> {
    fn refuse(
        &self,
        part: &'static str,
        raw: &RawRecord,
        headers: &Headers,
        error: SerdeError,
        task: &mut TaskContext,
    ) -> Result<Prepared> {
        task.set_key(KeyExcerpt::of(raw.key()));
        match error {
            // A null is a question of types, not of malformed bytes.
            SerdeError::UnexpectedNull { .. } => {
                let reason = if part == "key" { DropReason::NullKey } else { DropReason::NullValue };
                task.drop_records_of(&self.node.name, reason, 1, &error);
            }
            other => task.on_deserialization_error(&self.node.name, part, headers, raw, other)?,
        }
        Ok(Prepared::Dropped)
    }

    /// Reads a key or value. A panic of the serde counts as a refusal.
    fn deserialize<T>(
        &self,
        serde: &SerdeRef<T>,
        headers: &Headers,
        bytes: Option<&[u8]>,
    ) -> std::result::Result<T, SerdeError> {
        guarded(|| serde.deserialize(&self.partition.topic, headers, bytes))
    }

    /// The event time; `None` for a record that is left out, which has been logged.
    fn event_time(
        &self,
        raw: &RawRecord,
        record: &Record<K, V>,
        partition_time: Timestamp,
        task: &mut TaskContext,
    ) -> Result<Option<Timestamp>> {
        let consumed = ConsumedRecord {
            partition: &self.partition,
            offset: raw.offset(),
            timestamp: record.timestamp,
            key: &record.key,
            value: &record.value,
            headers: &record.headers,
            wall_clock_ms: task.wall_clock_ms(),
        };
        let extracted = caught(|| match &self.node.options.extractor {
            Some(extractor) => extractor.extract(&consumed, partition_time),
            None => self.node.default_extractor.extract(&consumed, partition_time),
        });
        match extracted {
            Ok(Ok(timestamp)) if timestamp >= 0 => Ok(Some(timestamp)),
            Ok(Ok(_)) => {
                let detail = "its extractor gives it a negative time";
                Ok(self.leave_out(raw, DropReason::InvalidTimestamp, detail, task))
            }
            Ok(Err(cause)) if cause.is::<TooFarAhead>() => {
                Ok(self.leave_out(raw, DropReason::FutureTimestamp, "its extractor refuses it", task))
            }
            // Whether a record without a time is skipped is the extractor's decision, not the handler's.
            Ok(Err(cause)) => Err(Error::InvalidTimestamp {
                partition: self.partition.clone(),
                offset: raw.offset(),
                timestamp: record.timestamp,
                cause,
            }),
            Err(panic) => {
                task.set_key(KeyExcerpt::of(raw.key()));
                let reason = format!("the timestamp extractor {panic}");
                task.on_processing_error_of(Some(raw), &self.node.name, Error::User(reason.into()))?;
                Ok(None)
            }
        }
    }

    fn leave_out(
        &self,
        raw: &RawRecord,
        reason: DropReason,
        detail: &str,
        task: &mut TaskContext,
    ) -> Option<Timestamp> {
        task.set_key(KeyExcerpt::of(raw.key()));
        task.drop_records_of(&self.node.name, reason, 1, &detail);
        None
    }
}

impl<K: Data, V: Data> SourceInput for Input<K, V> {
    fn prepare(
        &mut self,
        raw: &RawRecord,
        partition_time: Timestamp,
        task: &mut TaskContext,
    ) -> Result<Prepared> {
        let headers = raw.headers();
        let key = match self.deserialize(&self.node.options.key_serde, &headers, raw.key()) {
            Ok(key) => key,
            Err(error) => return self.refuse("key", raw, &headers, error, task),
        };
        let value = match self.deserialize(&self.node.options.value_serde, &headers, raw.value()) {
            Ok(value) => value,
            Err(error) => return self.refuse("value", raw, &headers, error, task),
        };
        let mut record = Record { key, value, timestamp: raw.timestamp(), headers };
        let Some(timestamp) = self.event_time(raw, &record, partition_time, task)? else {
            return Ok(Prepared::Dropped);
        };
        record.timestamp = timestamp;
        let header_bytes = record.headers.bytes();
        self.head = Some(record);
        self.key = KeyExcerpt::of(raw.key());
        Ok(Prepared::Head { timestamp, header_bytes })
    }

    #[inline]
    fn process(&mut self, task: &mut TaskContext) -> Result<()> {
        match self.head.take() {
            Some(record) => {
                task.deserialized(self.key, &record.headers);
                self.node.children.forward(record, task)
            }
            None => Ok(()),
        }
    }
}

/// Builds a source node.
pub struct SourceFactory<K, V> {
    options: SourceOptions<K, V>,
}

impl<K, V> SourceFactory<K, V> {
    /// A factory of sources with these options.
    pub fn new(options: SourceOptions<K, V>) -> Self {
        SourceFactory { options }
    }
}

impl<K: Data, V: Data> NodeFactory for SourceFactory<K, V> {
    fn input(&self) -> Option<EdgeType> {
        None
    }

    fn output(&self) -> Option<EdgeType> {
        Some(EdgeType::of::<K, V>())
    }

    fn build(&self, wiring: Wiring) -> Result<NodeInstance> {
        let node = Rc::new(SourceNode {
            children: wiring.typed_children()?,
            name: wiring.name,
            options: self.options.clone(),
            default_extractor: wiring.default_extractor,
        });
        let lifecycle: Rc<dyn Lifecycle> = Rc::clone(&node) as _;
        let input = move |partition: &TopicPartition| -> Box<dyn SourceInput> {
            Box::new(Input {
                node: Rc::clone(&node),
                partition: partition.clone(),
                head: None,
                key: KeyExcerpt::UNKNOWN,
            })
        };
        Ok(NodeInstance { edge: None, lifecycle, input: Some(Box::new(input)) })
    }
}
