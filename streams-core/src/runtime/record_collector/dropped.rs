//! Results that the broker refused and a handler dropped: counted, and logged once a minute.

use super::Inner;
use crate::ids::Offset;
use crate::processor::handlers::ProducerRecord;
use crate::processor::{DropReason, KeyExcerpt, Origin};
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
        if !self.dropped.count(reason, 1, self.now_ms) {
            return;
        }
        let at = origin.source.as_ref().zip(offset).map(|(at, offset)| format!("{at} offset {offset}"));
        tracing::warn!(
            task = %origin.task,
            node = &*origin.node,
            %reason,
            detail = %cause,
            at = at.as_deref().unwrap_or("a punctuation or a flush"),
            topic = record.topic,
            partition = record.partition,
            key = KeyExcerpt::of(record.key).to_string(),
            timestamp = record.timestamp,
            so_far = self.dropped.counts().of(reason),
            "a record was left out; others of this reason are counted, and logged once a minute"
        );
    }
}
