//! Punctuations: calls that a processor asked for at intervals of stream time or wall-clock time.

use super::node::NodeIndex;
use crate::time::Timestamp;

/// Which clock a punctuation follows (`org.apache.kafka.streams.processor.PunctuationType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PunctuationType {
    /// The task's stream time: advances only with records.
    StreamTime,
    /// The machine's clock, as the stream thread sees it.
    WallClockTime,
}

/// A scheduled punctuation, as [`Processor::punctuate`](super::Processor::punctuate) gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Punctuation(u32);

#[derive(Debug)]
struct Scheduled {
    id: Punctuation,
    node: NodeIndex,
    next: Timestamp,
    interval_ms: i64,
    kind: PunctuationType,
}

/// A task's scheduled punctuations.
#[derive(Debug, Default)]
pub struct PunctuationQueue {
    scheduled: Vec<Scheduled>,
    last: u32,
}

impl PunctuationQueue {
    pub(super) fn schedule(
        &mut self,
        node: NodeIndex,
        start: Option<Timestamp>,
        interval_ms: i64,
        kind: PunctuationType,
        now: Timestamp,
    ) -> Punctuation {
        self.last += 1;
        let id = Punctuation(self.last);
        let next = match (start, kind) {
            (Some(start), _) if start >= now => start,
            // The first aligned time after now.
            (Some(start), _) => start + ((now - start) / interval_ms + 1) * interval_ms,
            // Kafka: due at once when stream time is first known.
            (None, PunctuationType::StreamTime) => 0,
            (None, PunctuationType::WallClockTime) => now + interval_ms,
        };
        self.scheduled.push(Scheduled { id, node, next, interval_ms, kind });
        id
    }

    pub(super) fn cancel(&mut self, id: Punctuation) {
        self.scheduled.retain(|scheduled| scheduled.id != id);
    }

    /// Whether any punctuation follows that clock.
    pub fn any(&self, kind: PunctuationType) -> bool {
        self.scheduled.iter().any(|scheduled| scheduled.kind == kind)
    }

    /// The earliest due time of that clock.
    pub fn next_due(&self, kind: PunctuationType) -> Option<Timestamp> {
        self.scheduled.iter().filter(|s| s.kind == kind).map(|s| s.next).min()
    }

    /// Takes the earliest punctuation that is due at `now` and moves it past `now` (missed intervals collapse).
    pub fn take_due(&mut self, kind: PunctuationType, now: Timestamp) -> Option<(NodeIndex, Punctuation)> {
        let due =
            self.scheduled.iter_mut().filter(|s| s.kind == kind && s.next <= now).min_by_key(|s| s.next)?;
        due.next += ((now - due.next) / due.interval_ms + 1) * due.interval_ms;
        Some((due.node, due.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_intervals_collapse_into_one_call() {
        let mut queue = PunctuationQueue::default();
        let wall = PunctuationType::WallClockTime;
        let id = queue.schedule(NodeIndex(0), None, 10, wall, 100);
        assert_eq!(queue.take_due(wall, 109), None);
        assert_eq!(queue.take_due(wall, 135), Some((NodeIndex(0), id)));
        assert_eq!(queue.take_due(wall, 135), None);
        assert_eq!(queue.next_due(wall), Some(140));
    }

    #[test]
    fn stream_time_fires_first_at_the_first_record_and_aligned_ones_keep_their_phase() {
        let mut queue = PunctuationQueue::default();
        let stream = PunctuationType::StreamTime;
        let plain = queue.schedule(NodeIndex(1), None, 10, stream, -1);
        assert_eq!(queue.take_due(stream, 0), Some((NodeIndex(1), plain)));
        queue.cancel(plain);
        queue.schedule(NodeIndex(1), Some(3), 10, stream, 27);
        assert_eq!(queue.next_due(stream), Some(33));
    }
}
