//! What an application waits for: told in the log when it takes long, and to whoever asks
//! ([`KafkaStreams::reasons`](super::KafkaStreams::reasons)).
//!
//! Whatever in the runtime waits for something outside of itself (a broker, a transaction, other members, a lock) holds a
//! [`Waiting`] and calls [`Waiting::go_on`] each time it looks. After five seconds that is a warning, again after ten, twenty
//! and so on. Times are of the monotonic clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The first warning comes after so long.
const TOLD_AFTER_MS: i64 = 5_000;

/// Warnings come at least this often.
const TOLD_EVERY_MAX_MS: i64 = 300_000;

/// Something that an application waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitReason {
    /// Who waits: a thread, a task.
    pub who: String,
    /// What is waited for, and what ends the wait.
    pub what: String,
    /// For how long it has been waited.
    pub waited: Duration,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits for {} ({:.1} s)", self.who, self.what, self.waited.as_secs_f64())
    }
}

#[derive(Debug)]
struct Entry {
    who: String,
    what: String,
    since_ms: i64,
    last_ms: i64,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    waiting: BTreeMap<u64, Entry>,
}

/// Everything that an application waits for now.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Entries>);

impl Waits {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is waited for, the longest wait first.
    pub fn reasons(&self) -> Vec<WaitReason> {
        let entries = self.entries();
        let reason = |entry: &Entry| {
            let waited_ms = u64::try_from(entry.last_ms - entry.since_ms).unwrap_or(0);
            WaitReason {
                who: entry.who.clone(),
                what: entry.what.clone(),
                waited: Duration::from_millis(waited_ms),
            }
        };
        let mut reasons: Vec<_> = entries.waiting.values().map(reason).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.waited));
        reasons
    }

    /// Somebody who may have to wait.
    pub fn of(self: &Arc<Self>, who: impl Into<String>) -> Waiting {
        Waiting { waits: Arc::clone(self), who: who.into(), number: None, next_told_ms: 0 }
    }
}

/// One wait, or none at the moment. Dropped, it has ended.
#[derive(Debug)]
pub(crate) struct Waiting {
    waits: Arc<Waits>,
    who: String,
    number: Option<u64>,
    next_told_ms: i64,
}

impl Waiting {
    /// It is still waited, for this. Returns for how long in milliseconds.
    pub fn go_on(&mut self, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        let mut entries = self.waits.entries();
        let number = *self.number.get_or_insert_with(|| {
            entries.next += 1;
            self.next_told_ms = now_ms.saturating_add(TOLD_AFTER_MS);
            entries.next
        });
        let what = what();
        let entry = entries.waiting.entry(number).or_insert_with(|| Entry {
            who: self.who.clone(),
            what: String::new(),
            since_ms: now_ms,
            last_ms: now_ms,
        });
        (entry.what, entry.last_ms) = (what, now_ms);
        let waited_ms = now_ms - entry.since_ms;
        if now_ms >= self.next_told_ms {
            self.next_told_ms = now_ms.saturating_add(waited_ms.clamp(TOLD_AFTER_MS, TOLD_EVERY_MAX_MS));
            tracing::warn!(who = entry.who, waits_for = entry.what, waited_ms, "still waiting");
        }
        waited_ms
    }

    /// The wait is over.
    pub fn end(&mut self) {
        if let Some(number) = self.number.take() {
            self.waits.entries().waiting.remove(&number);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_can_be_asked_until_the_wait_ends() {
        let waits = Arc::new(Waits::default());
        let mut task = waits.of("task 0_0");
        assert_eq!(task.go_on(1_000, || "a broker".to_owned()), 0);
        assert_eq!(task.go_on(8_500, || "a transaction".to_owned()), 7_500);
        let reasons = waits.reasons();
        assert_eq!(reasons[0].to_string(), "task 0_0 waits for a transaction (7.5 s)");
        task.end();
        assert_eq!(waits.reasons(), []);
        assert_eq!(task.go_on(9_000, || "a broker".to_owned()), 0, "a new wait");
        drop(task);
        assert_eq!(waits.reasons(), []);
    }

    #[test]
    fn a_long_wait_is_told_at_growing_intervals() {
        let waits = Arc::new(Waits::default());
        let mut task = waits.of("task 0_0");
        let mut told = Vec::new();
        for second in 0..100 {
            let before = task.next_told_ms;
            task.go_on(second * 1_000, || "a broker".to_owned());
            if before != 0 && task.next_told_ms != before {
                told.push(second);
            }
        }
        assert_eq!(told, [5, 10, 20, 40, 80]);
    }
}
