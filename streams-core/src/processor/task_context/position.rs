//! The current record of a task: where it was read, as what, and the time and headers that it has now.

use std::rc::Rc;
use std::sync::Arc;

use crate::ids::{Offset, TopicPartition};
use crate::processor::dropped::KeyExcerpt;
use crate::record::{Headers, RecordMetadata};
use crate::store::{RecordClock, RecordContext};
use crate::time::Timestamp;
use crate::transport::RawRecord;

/// Where a task is. Only this file moves it.
pub(super) struct Position {
    /// `None` in a punctuation or a flush.
    pub at: Option<(Rc<TopicPartition>, Offset)>,
    /// As it was read, while it is processed.
    pub raw: Option<RawRecord>,
    /// The first bytes of its key.
    pub key: KeyExcerpt,
    /// Its time and headers, which stores see as well.
    pub clock: Rc<RecordClock>,
}

impl Position {
    /// At no record.
    pub fn new(clock: Rc<RecordClock>) -> Self {
        Position { at: None, raw: None, key: KeyExcerpt::UNKNOWN, clock }
    }

    /// At a record that was read there.
    pub fn enter(&mut self, partition: &Rc<TopicPartition>, offset: Offset, timestamp: Timestamp) {
        match &mut self.at {
            Some((at, place)) if Rc::ptr_eq(at, partition) => *place = offset,
            at => *at = Some((Rc::clone(partition), offset)),
        }
        self.clock.set_timestamp(timestamp);
    }

    /// At no record; what follows happens at `timestamp`.
    pub fn leave(&mut self, timestamp: Timestamp) {
        self.at = None;
        self.raw = None;
        self.key = KeyExcerpt::UNKNOWN;
        self.go_to(timestamp, &Headers::new());
    }

    /// At the same place, under that time and those headers.
    pub fn go_to(&self, timestamp: Timestamp, headers: &Headers) {
        self.clock.set_timestamp(timestamp);
        self.clock.set_headers(headers);
    }

    /// Moves to a record that was kept; returns where the task was, to be [put back](Self::go_back).
    pub fn go_to_kept(&mut self, kept: &RecordContext) -> Left {
        let partition = || Rc::new(TopicPartition::new(Arc::clone(&kept.source), kept.partition));
        let at = (!kept.source.is_empty()).then(|| (partition(), kept.offset));
        let left = Left {
            at: std::mem::replace(&mut self.at, at),
            raw: self.raw.take(),
            key: std::mem::replace(&mut self.key, KeyExcerpt::UNKNOWN),
            timestamp: self.clock.timestamp(),
            headers: self.clock.headers(),
        };
        self.go_to(kept.timestamp, &kept.headers);
        left
    }

    /// Back to where the task was.
    pub fn go_back(&mut self, left: Left) {
        let Left { at, raw, key, timestamp, headers } = left;
        self.at = at;
        self.raw = raw;
        self.key = key;
        self.go_to(timestamp, &headers);
    }

    /// Where the record was read.
    pub fn metadata(&self) -> Option<RecordMetadata> {
        self.at.as_ref().map(|(at, offset)| RecordMetadata {
            topic: Arc::clone(&at.topic),
            partition: at.partition,
            offset: *offset,
        })
    }

    /// Its origin, to be kept with it under that time and with those headers.
    pub fn context(&self, timestamp: Timestamp, headers: &Headers) -> RecordContext {
        let (source, partition, offset) = match &self.at {
            Some((at, offset)) => (Arc::clone(&at.topic), at.partition, *offset),
            None => (Arc::from(""), -1, -1),
        };
        RecordContext { timestamp, source, partition, offset, headers: headers.clone() }
    }

    /// The place as messages say it.
    pub fn describe(&self) -> Option<String> {
        self.at.as_ref().map(|(at, offset)| format!("{at} offset {offset}"))
    }
}

/// Where a task was before it went to a kept record.
pub(super) struct Left {
    at: Option<(Rc<TopicPartition>, Offset)>,
    raw: Option<RawRecord>,
    key: KeyExcerpt,
    timestamp: Timestamp,
    headers: Headers,
}
