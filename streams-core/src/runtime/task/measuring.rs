//! What a task measures of itself once a turn.

use super::StreamTask;
use crate::runtime::measures::{TaskMeter, Turn};
use crate::runtime::record_queue::RecordQueue;

impl StreamTask {
    /// Hands over what was measured in a turn that processed this many records. `began` and
    /// `punctuations` are the thread's: when the turn began, how many punctuations there were by then and how long they had
    /// taken, and the same by now.
    pub fn measure(
        &mut self,
        records: usize,
        began: (i64, (u64, i64)),
        punctuations: (u64, i64),
        now_ms: i64,
    ) {
        let turn = Turn {
            records,
            took_ms: now_ms - began.0,
            punctuations: punctuations.0 - began.1.0,
            punctuated_ms: punctuations.1 - began.1.1,
            dropped: self.context.dropped_records().total(),
            buffered: self.group.queues().iter().map(RecordQueue::len).sum(),
            cache_bytes: self.uncommitted_bytes(),
        };
        self.meter.turn(&turn, now_ms);
        self.context.meters().hand_over(now_ms);
    }

    /// What it measures.
    pub fn meter(&mut self) -> &mut TaskMeter {
        &mut self.meter
    }
}
