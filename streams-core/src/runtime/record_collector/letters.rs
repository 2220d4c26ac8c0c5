//! Dead letters about results that were refused, and dead letters that are refused themselves.
//!
//! A letter has the record and the result, so it may be larger than its queue takes where each of them was not. It is then
//! sent once more without what makes it large. What matters most is small: which record it was, and what was wrong.

use bytes::Bytes;

use super::{Inner, RecordCollector};
use crate::error::Result;
use crate::ids::Offset;
use crate::processor::dead_letter::{DeadLetter, left_out};
use crate::processor::handlers::ProducerRecord;
use crate::processor::{Collector, Origin, OutTopic, Purpose};
use crate::runtime::dead_letters;
use crate::runtime::left_out::Likeness;
use crate::time::{Clock, SystemClock};
use crate::transport::{TransportError, TransportErrorKind};

/// What is sent instead of a record that its topic does not take, if that is a dead letter that is too large.
pub(super) fn shortened(
    origin: &Origin,
    offset: Option<Offset>,
    record: &ProducerRecord<'_>,
    cause: &TransportError,
) -> Option<DeadLetter> {
    if origin.purpose != Purpose::DeadLetter || cause.kind() != TransportErrorKind::MessageTooLarge {
        return None;
    }
    let copy = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
    let letter = DeadLetter {
        topic: record.topic.into(),
        key: copy(record.key),
        value: copy(record.value),
        timestamp: record.timestamp.unwrap_or(-1),
        headers: record.headers.clone(),
    };
    letter.shortened(origin.source.as_ref().zip(offset))
}

impl RecordCollector {
    /// Sends a shorter letter instead of the one that was refused, now or with the repetition of the work around it.
    pub(super) fn send_shortened(
        &self,
        (topic, tag): (OutTopic, u64),
        origin: &Origin,
        offset: Option<Offset>,
        refused: &ProducerRecord<'_>,
        letter: DeadLetter,
        is_current: bool,
    ) -> Result<()> {
        let mut letters = vec![letter];
        {
            let mut inner = self.inner.borrow_mut();
            inner.warn_of_shortened(origin, offset, refused);
            let ProducerRecord { partition, key, value, headers, .. } = *refused;
            let (partition, lacks) = (key.map(|_| partition), left_out(headers));
            let likeness = Likeness { topic: topic.0, partition, key, value, lacks, tag };
            inner.left_out.add(likeness, origin.source.clone().zip(offset), letters.clone());
        }
        self.write_letters(origin, offset, &mut letters, is_current)
    }

    /// Writes the letters about a refused record where that is possible now. What is known only after the record that led to
    /// it was left behind waits, under exactly-once, for the repetition.
    pub(super) fn write_letters(
        &self,
        origin: &Origin,
        offset: Option<Offset>,
        letters: &mut [DeadLetter],
        is_current: bool,
    ) -> Result<()> {
        let exactly_once = self.inner.borrow().committer.markers_per_commit() > 0;
        if letters.is_empty() || (!is_current && exactly_once) {
            return Ok(());
        }
        if let Some((partition, offset)) = origin.source.as_ref().zip(offset).filter(|_| !is_current) {
            let transport = self.inner.borrow().committer.transport();
            self.reader.borrow_mut().complete(&*transport, partition, offset, letters);
        }
        let of_letter = self.origin(&Origin { purpose: Purpose::DeadLetter, ..origin.clone() });
        letters.iter_mut().try_for_each(|letter| {
            dead_letters::date(letter, SystemClock.now_ms());
            dead_letters::send(self, of_letter, offset, letter)
        })
    }
}

impl Inner {
    fn warn_of_shortened(&mut self, origin: &Origin, offset: Option<Offset>, refused: &ProducerRecord<'_>) {
        let Some(so_far) = self.shortened.count(self.now_ms) else { return };
        tracing::warn!(
            task = %origin.task,
            node = &*origin.node,
            at = at(origin, offset),
            queue = refused.topic,
            bytes = refused.key.map_or(0, <[u8]>::len)
                + refused.value.map_or(0, <[u8]>::len)
                + refused.headers.bytes(),
            so_far,
            "a dead letter is larger than its queue takes, and is sent again without what makes it large"
        );
    }
}

/// Where the record was read that a result or a letter is about.
pub(super) fn at(origin: &Origin, offset: Option<Offset>) -> String {
    let at = origin.source.as_ref().zip(offset);
    at.map_or_else(|| "a punctuation or a flush".to_owned(), |(at, offset)| format!("{at} offset {offset}"))
}
