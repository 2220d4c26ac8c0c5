//! Waiting by a clock that is never set back.
//!
//! librdkafka's timed waits end when the wall clock shows a time (`rd_timeout_init_timespec`). One that has begun when that
//! clock is set back by an hour lasts an hour longer, unless something is queued. So
//! 1. nothing here waits inside of librdkafka for an event: [`next_event`] waits for the queue's callback;
//! 2. the main thread of a client of the group, which sends the heartbeats, is given something to do
//!    ([`Client::look_at_clock`]), after which its waits are by the new time. Those of other clients have nothing to do that
//!    could not wait: whatever they are asked for wakes them.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rdkafka::bindings as rd;

use super::client::{Client, Wake, on_queue};
use crate::time::{Clock, SystemClock};
use crate::transport::kafka::deadline::Deadline;

/// The longest time between two looks into a queue that is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// What the wall clock is behind by its last look before it counts as set back: less than this is how long a look takes.
const SET_BACK_MS: i64 = 50;

/// By how much the wall clock was ahead of the monotonic one.
pub(super) struct Clocks(AtomicI64);

impl Default for Clocks {
    fn default() -> Self {
        Clocks(AtomicI64::new(i64::MIN))
    }
}

impl Clocks {
    /// Whether the wall clock was set back since the last look.
    fn set_back(&self, wall_ms: i64, monotonic_ms: i64) -> bool {
        let ahead_ms = wall_ms.saturating_sub(monotonic_ms);
        let before_ms = self.0.swap(ahead_ms, Ordering::Relaxed);
        ahead_ms < before_ms.saturating_sub(SET_BACK_MS)
    }
}

impl Client {
    /// Wakes the main thread of a client with a group if the wall clock was set back.
    pub(super) fn look_at_clock(&self) {
        if self.clocks().set_back(SystemClock.now_ms(), SystemClock.monotonic_ms()) {
            // That thread answers; it has nothing else to do for it.
            let _woken = self.group_metadata();
        }
    }
}

/// The next event of a queue; null after that time.
///
/// # Safety
/// A valid queue, for which no other callback is set and nobody else waits.
pub(super) unsafe fn next_event(
    queue: *mut rd::rd_kafka_queue_t,
    timeout: Duration,
) -> *mut rd::rd_kafka_event_t {
    let wake = Wake::default();
    let deadline = Deadline::after(timeout);
    // SAFETY: the caller's promise. The callback is called with the queue locked, and taken back, which locks the queue,
    // before the flag is dropped.
    unsafe {
        let event = rd::rd_kafka_queue_poll(queue, 0);
        if !event.is_null() || timeout.is_zero() {
            return event;
        }
        let flag = std::ptr::from_ref(&wake).cast_mut().cast();
        rd::rd_kafka_queue_cb_event_enable(queue, Some(on_queue), flag);
        let event = loop {
            let event = rd::rd_kafka_queue_poll(queue, 0);
            let left = deadline.left();
            if !event.is_null() || left.is_zero() {
                break event;
            }
            wake.wait(left.min(LOOK));
        };
        rd::rd_kafka_queue_cb_event_enable(queue, None, null_mut());
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_seen_once() {
        let clocks = Clocks::default();
        let looks =
            [(5_000, 0), (5_010, 10), (4_000, 20), (4_010, 30), (9_000, 40), (9_000, 80), (9_000, 200)];
        let seen = looks.map(|(wall_ms, monotonic_ms)| clocks.set_back(wall_ms, monotonic_ms));
        assert_eq!(seen, [false, false, true, false, false, false, true]);
    }
}
