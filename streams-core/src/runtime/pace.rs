//! When a stream thread ends its pass over the records (`Pace`): by time and by memory, never by a count of records alone.
//!
//! User code takes a microsecond or two seconds a record, and a thread has one task or hundreds. Commits, punctuations and
//! commands are due by the clock all the same, and a transaction has a time-out. Rules:
//! 1. A pass ends when the commit is due, and after a quarter of the transaction's time-out or of max.poll.interval.ms at
//!    the latest. Then the round does everything else, and the next pass continues with the next task.
//! 2. At least one record is processed in a pass, so that every pass makes progress.
//! 3. The clock is read after every n-th record. n grows while records are quick, and falls to one when they are slow. If
//!    slow ones follow quick ones, the control thread notices, as it checks twenty times a second, and sets a flag that is
//!    read after each record. It also does so when it has a command for the thread.
//! 4. A clock that stands still, as in the test driver, does not end a pass.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::stats::ThreadStats;
use crate::time::ClockRef;

/// The most records between two reads of the clock.
const EVERY_MAX: usize = 256;

/// The limits of a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Monotonic, as the next.
    pub until_ms: i64,
    /// Until then due punctuations are still called, although no more records are processed.
    pub long_until_ms: i64,
    /// Records of all tasks.
    pub records: usize,
    /// Bytes that are in no database yet, of all tasks, and what is remembered of refused results.
    pub bytes: usize,
}

/// Measures a thread's passes.
pub(crate) struct Pace {
    clock: ClockRef,
    stats: Arc<ThreadStats>,
    budget: Budget,
    /// Bytes of the other tasks.
    bytes_elsewhere: usize,
    /// Bytes that grow with the records of any task: what the thread remembers of refused results.
    bytes_left_out: Rc<Cell<usize>>,
    /// Records from one read of the clock to the next.
    every: usize,
    until_check: usize,
    checked_ms: i64,
    records: usize,
    over: bool,
    /// Punctuations called in this pass, and how long they took.
    punctuations: u64,
    punctuated_ms: i64,
}

impl Pace {
    pub fn new(clock: ClockRef, stats: Arc<ThreadStats>, bytes_left_out: Rc<Cell<usize>>) -> Self {
        let checked_ms = clock.monotonic_ms();
        let budget =
            Budget { until_ms: i64::MAX, long_until_ms: i64::MAX, records: usize::MAX, bytes: usize::MAX };
        Pace {
            clock,
            stats,
            budget,
            bytes_elsewhere: 0,
            bytes_left_out,
            every: 1,
            until_check: 1,
            checked_ms,
            records: 0,
            over: false,
            punctuations: 0,
            punctuated_ms: 0,
        }
    }

    /// The monotonic clock now.
    pub fn now_ms(&self) -> i64 {
        self.clock.monotonic_ms()
    }

    /// Begins a pass.
    pub fn begin(&mut self, now_ms: i64, budget: Budget) {
        // A deadline that has passed allows what a clock that stands still would: at least one read.
        let least_ms = now_ms.saturating_add(1);
        let (until_ms, long_until_ms) = (budget.until_ms.max(least_ms), budget.long_until_ms.max(least_ms));
        self.budget = Budget { until_ms, long_until_ms, ..budget };
        (self.checked_ms, self.records, self.over) = (now_ms, 0, false);
        (self.punctuations, self.punctuated_ms) = (0, 0);
        self.until_check = self.every;
    }

    /// Begins the turn of a task; the others hold `bytes_elsewhere`.
    pub fn turn(&mut self, bytes_elsewhere: usize) {
        self.bytes_elsewhere = bytes_elsewhere;
    }

    /// Counts a processed record. True if the caller should [look](Self::look) at the clock.
    #[inline]
    pub fn record(&mut self) -> bool {
        self.records += 1;
        self.until_check -= 1;
        self.until_check == 0
            || self.records >= self.budget.records
            || self.bytes_left_out.get() > self.budget.bytes
            || self.stats.is_hurried()
    }

    /// Reads the clock and checks the task's memory: true when the pass is over.
    pub fn check(&mut self, bytes: usize) -> bool {
        let now_ms = self.clock.monotonic_ms();
        let took_ms = usize::try_from(now_ms - self.checked_ms).unwrap_or(0);
        // About a millisecond from one read to the next. A read after a punctuation says nothing about records.
        self.every = match (took_ms, self.until_check) {
            (0, 0) => (self.every * 2).min(EVERY_MAX),
            (0, _) => self.every,
            (took_ms, _) => (self.every / (took_ms + 1)).max(1),
        };
        (self.checked_ms, self.until_check) = (now_ms, self.every);
        self.over |= now_ms >= self.budget.until_ms
            || self.records >= self.budget.records
            || self.bytes_elsewhere.saturating_add(self.bytes_left_out.get()).saturating_add(bytes)
                > self.budget.bytes
            || self.stats.is_hurried();
        self.over
    }

    /// A punctuation that began at that moment has been called, and the clock looked at.
    pub fn punctuated(&mut self, began_ms: i64) {
        self.punctuations += 1;
        self.punctuated_ms += self.checked_ms - began_ms;
    }

    /// How many punctuations were called in this pass, and how long they took.
    pub fn punctuations(&self) -> (u64, i64) {
        (self.punctuations, self.punctuated_ms)
    }

    /// Whether the pass is over.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether it is time for the rest of the round, as of the last read.
    pub fn is_long_over(&self) -> bool {
        self.checked_ms >= self.budget.long_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ManualClock;

    fn pace(clock: &Arc<ManualClock>) -> (Pace, Arc<ThreadStats>) {
        let stats = Arc::new(ThreadStats::default());
        (Pace::new(Arc::clone(clock) as _, Arc::clone(&stats), Rc::default()), stats)
    }

    fn budget(until_ms: i64) -> Budget {
        Budget { until_ms, long_until_ms: until_ms, records: usize::MAX, bytes: usize::MAX }
    }

    /// Processes records that take this long each until the pass is over; returns how many there were.
    fn pass(pace: &mut Pace, clock: &ManualClock, record_ms: i64, most: usize) -> usize {
        for done in 1..=most {
            clock.advance_ms(record_ms);
            if pace.record() && pace.check(0) {
                return done;
            }
        }
        most
    }

    #[test]
    fn a_pass_ends_with_the_record_in_which_its_time_is_over() {
        let clock = Arc::new(ManualClock::new(0));
        let (mut pace, _) = pace(&clock);
        for (record_ms, records) in [(2_000, 1), (300, 1), (20, 5), (5, 20)] {
            let now_ms = pace.now_ms();
            pace.begin(now_ms, budget(now_ms + 100));
            assert_eq!(pass(&mut pace, &clock, record_ms, 1_000), records, "{record_ms} ms a record");
        }
    }

    #[test]
    fn a_clock_that_stands_still_ends_no_pass() {
        let clock = Arc::new(ManualClock::new(500));
        let (mut pace, _) = pace(&clock);
        pace.begin(500, budget(100));
        assert_eq!(pass(&mut pace, &clock, 0, 10_000), 10_000);
        assert!(!pace.is_over());
    }

    #[test]
    fn quick_records_are_not_measured_one_by_one_and_slow_ones_behind_them_are_hurried() {
        let clock = Arc::new(ManualClock::new(0));
        let (mut pace, stats) = pace(&clock);
        pace.begin(0, budget(100));
        assert_eq!(pass(&mut pace, &clock, 0, 5_000), 5_000);
        assert_eq!(pace.every, EVERY_MAX);
        pace.until_check = EVERY_MAX;
        clock.advance_ms(2_000);
        assert!(!pace.record(), "its slowness is not seen yet");
        stats.hurry();
        assert!(pace.record() && pace.check(0));
        assert_eq!(pace.every, 1, "slow records are measured one by one");
    }

    #[test]
    fn memory_and_records_end_a_pass_too() {
        let clock = Arc::new(ManualClock::new(0));
        let (mut pace, _) = pace(&clock);
        pace.begin(0, Budget { records: 3, bytes: 1_000, ..budget(100) });
        pace.turn(900);
        assert!(pace.record() && !pace.check(100));
        assert!(pace.check(101), "with what the other tasks hold");
        pace.begin(0, Budget { records: 3, bytes: 1_000, ..budget(100) });
        pace.turn(0);
        assert_eq!(pass(&mut pace, &clock, 0, 10), 3);
    }
}
