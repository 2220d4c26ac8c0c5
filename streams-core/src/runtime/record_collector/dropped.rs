//! Results that the broker refused and a handler dropped: counted, and logged once a minute.

use super::Inner;
use super::letters::at;
use crate::ids::Offset;
use crate::processor::handlers::ProducerRecord;
use crate::processor::{DropReason, KeyExcerpt, Origin, Purpose};
use crate::transport::TransportError;

impl Inner {
    /// Counts a result that a handler drops, and logs it like every other dropped record.
    pub(super) fn drop_result(
        &mut self,
        origin: &Origin,
        offset: Option<Offset>,
        record: &ProducerRecord<'_>,
        cause: &TransportError,
    ) {
        let reason = DropReason::Production;
        let is_to_log = self.dropped.count(reason, 1, self.now_ms);
        if origin.purpose == Purpose::DeadLetter {
            // Not hidden behind the warning about the result that the letter was to report.
            return self.lose_letter(origin, offset, record, cause);
        }
        if !is_to_log {
            return;
        }
        tracing::warn!(
            task = %origin.task,
            node = &*origin.node,
            %reason,
            detail = %cause,
            at = at(origin, offset),
            topic = record.topic,
            partition = record.partition,
            key = KeyExcerpt::of(record.key).to_string(),
            timestamp = record.timestamp,
            so_far = self.dropped.counts().of(reason),
            "a record was left out; others of this reason are counted, and logged once a minute"
        );
    }
    fn lose_letter(
        &mut self,
        origin: &Origin,
        offset: Option<Offset>,
        letter: &ProducerRecord<'_>,
        cause: &TransportError,
    ) {
        let Some(so_far) = self.lost.count(self.now_ms) else { return };
        tracing::warn!(
            task = %origin.task,
            node = &*origin.node,
            at = at(origin, offset),
            queue = letter.topic,
            detail = %cause,
            so_far,
            "a dead letter is lost: its queue does not take it"
        );
    }
}
