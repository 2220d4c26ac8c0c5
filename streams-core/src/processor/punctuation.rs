//! Punctuations: calls that a processor asked for at intervals of stream time or wall-clock time.

use super::node::NodeIndex;
use crate::time::Timestamp;
use crate::time_queue::TimeQueue;

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

#[derive(Clone, Debug)]
struct Scheduled {
    id: Punctuation,
    node: NodeIndex,
    interval_ms: i64,
    /// The first time of an aligned one; it keeps that phase.
    start: Option<Timestamp>,
    cancelled: bool,
}

/// A task's scheduled punctuations. Of those that are due at one time, Java's priority queue says which comes first.
#[derive(Debug, Default)]
pub struct PunctuationQueue {
    by_stream_time: TimeQueue<Scheduled>,
    by_wall_clock: TimeQueue<Scheduled>,
    /// The punctuation that was taken last, with its due time and the time of its call. It is put back when the next one is
    /// taken, behind those that were scheduled meanwhile.
    called: Option<(Scheduled, PunctuationType, Timestamp, Timestamp)>,
    last: u32,
    /// What the wall clock showed last.
    wall_clock: Timestamp,
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
        self.look_at_clock(kind, now);
        self.last += 1;
        let id = Punctuation(self.last);
        let next = match (start, kind) {
            (Some(start), _) if start >= now => start,
            // The first aligned time after now.
            (Some(start), _) => match next_after(start, interval_ms, now) {
                Some(next) => next,
                // Time ends before it is due.
                None => return id,
            },
            // Kafka: due at once when stream time is first known.
            (None, PunctuationType::StreamTime) => 0,
            (None, PunctuationType::WallClockTime) => now.saturating_add(interval_ms),
        };
        self.queue(kind).offer(next, Scheduled { id, node, interval_ms, start, cancelled: false });
        id
    }

    pub(super) fn cancel(&mut self, id: Punctuation) {
        let waiting = self.by_stream_time.iter_mut().chain(self.by_wall_clock.iter_mut());
        let all = waiting.chain(self.called.as_mut().map(|(called, ..)| called));
        all.filter(|scheduled| scheduled.id == id).for_each(|scheduled| scheduled.cancelled = true);
    }

    fn queue(&mut self, kind: PunctuationType) -> &mut TimeQueue<Scheduled> {
        match kind {
            PunctuationType::StreamTime => &mut self.by_stream_time,
            PunctuationType::WallClockTime => &mut self.by_wall_clock,
        }
    }

    /// Whether any punctuation follows that clock.
    #[inline]
    pub fn any(&mut self, kind: PunctuationType) -> bool {
        self.called.is_some() || self.queue(kind).earliest().is_some()
    }

    /// The earliest due time of that clock.
    pub fn next_due(&mut self, kind: PunctuationType) -> Option<Timestamp> {
        self.put_back();
        let scheduled = self.queue(kind).iter().filter(|(_, scheduled)| !scheduled.cancelled);
        scheduled.map(|(next, _)| *next).min()
    }

    /// Schedules the punctuation that was taken last again.
    fn put_back(&mut self) {
        if let Some((called, kind, due, at)) = self.called.take().filter(|(called, ..)| !called.cancelled)
            && let Some(next) = next_after(due, called.interval_ms, at)
        {
            self.queue(kind).offer(next, called);
        }
    }

    /// If the wall clock was set back, brings forward what waits for it: what was due in a minute still is. Those that are
    /// aligned are due at their next time by the new clock.
    fn look_at_clock(&mut self, kind: PunctuationType, now: Timestamp) {
        if kind == PunctuationType::StreamTime {
            return;
        }
        let before = std::mem::replace(&mut self.wall_clock, now);
        let Some(set_back_ms) = before.checked_sub(now).filter(|by| *by > 0) else { return };
        self.put_back();
        self.by_wall_clock.change_times(|due, scheduled| match scheduled.start {
            Some(start) => {
                let intervals = due.saturating_sub(now).saturating_sub(1).max(0) / scheduled.interval_ms;
                (due - intervals * scheduled.interval_ms).max(start)
            }
            None => due.saturating_sub(set_back_ms),
        });
    }

    /// Takes the earliest punctuation that is due at `now`. After its call, ask again until there is none: it is due
    /// next past `now` (missed intervals collapse).
    pub fn take_due(&mut self, kind: PunctuationType, now: Timestamp) -> Option<(NodeIndex, Punctuation)> {
        self.put_back();
        self.look_at_clock(kind, now);
        while self.queue(kind).earliest().is_some_and(|due| due <= now) {
            let Some((due, scheduled)) = self.queue(kind).poll() else { break };
            if !scheduled.cancelled {
                let (node, id) = (scheduled.node, scheduled.id);
                self.called = Some((scheduled, kind, due, now));
                return Some((node, id));
            }
        }
        None
    }
}

/// The first time after `now` that is a whole number of intervals after `due`; `None` if time ends before. However many
/// intervals were missed, this is one step.
fn next_after(due: Timestamp, interval_ms: i64, now: Timestamp) -> Option<Timestamp> {
    let missed = now.checked_sub(due)? / interval_ms;
    due.checked_add(missed.checked_add(1)?.checked_mul(interval_ms)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This overflowed once: a panic, or without checks a due time long ago and one call for each interval since.
    #[test]
    fn the_end_of_time_is_called_once() {
        for (start, now) in [(None, i64::MAX), (None, i64::MAX - 1), (Some(3), i64::MAX)] {
            let mut queue = PunctuationQueue::default();
            let stream = PunctuationType::StreamTime;
            let id = queue.schedule(NodeIndex(0), start, 10, stream, -1);
            assert_eq!(queue.take_due(stream, 5), Some((NodeIndex(0), id)));
            assert_eq!(queue.take_due(stream, now), Some((NodeIndex(0), id)));
            assert_eq!(queue.take_due(stream, now), None);
            queue.schedule(NodeIndex(0), Some(0), 10, stream, now);
            queue.schedule(NodeIndex(0), None, 10, PunctuationType::WallClockTime, now);
            assert_eq!(queue.take_due(stream, now), None);
        }
    }

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

    /// Showed before: no call until the clock had come round to where it was.
    #[test]
    fn a_clock_that_is_set_back_delays_no_call() {
        const HOUR: i64 = 3_600_000;
        let mut queue = PunctuationQueue::default();
        let wall = PunctuationType::WallClockTime;
        let plain = queue.schedule(NodeIndex(0), None, 100, wall, 2 * HOUR);
        let aligned = queue.schedule(NodeIndex(1), Some(7), 1_000, wall, 2 * HOUR);
        let later = queue.schedule(NodeIndex(2), Some(3 * HOUR), 1_000, wall, 2 * HOUR);
        assert_eq!(queue.take_due(wall, 2 * HOUR + 60), Some((NodeIndex(1), aligned)));
        // What was due in 40 ms is still due in 40 ms, and what is aligned at its next time by the new clock.
        assert_eq!(queue.take_due(wall, HOUR), None);
        assert_eq!(queue.take_due(wall, HOUR + 39), Some((NodeIndex(1), aligned)));
        assert_eq!(queue.take_due(wall, HOUR + 39), None);
        assert_eq!(queue.take_due(wall, HOUR + 40), Some((NodeIndex(0), plain)));
        assert_eq!(queue.next_due(wall), Some(HOUR + 140));
        // Before its start, it is due at its start.
        assert_eq!(queue.take_due(wall, 0), None);
        assert_eq!(queue.take_due(wall, 7), Some((NodeIndex(1), aligned)));
        queue.cancel(plain);
        queue.cancel(aligned);
        assert_eq!(queue.take_due(wall, 3 * HOUR - 1), None);
        assert_eq!(queue.take_due(wall, 3 * HOUR), Some((NodeIndex(2), later)));
    }

    #[test]
    fn stream_time_fires_first_at_the_first_record_and_aligned_ones_keep_their_phase() {
        let mut queue = PunctuationQueue::default();
        let stream = PunctuationType::StreamTime;
        let plain = queue.schedule(NodeIndex(1), None, 10, stream, -1);
        assert_eq!(queue.take_due(stream, 0), Some((NodeIndex(1), plain)));
        queue.cancel(plain);
        assert_eq!(queue.take_due(stream, 0), None);
        queue.schedule(NodeIndex(1), Some(3), 10, stream, 27);
        assert_eq!(queue.next_due(stream), Some(33));
    }
}
