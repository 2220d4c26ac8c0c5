//! What an application waits for: logged when it takes long, and returned by
//! [`KafkaStreams::reasons`](super::KafkaStreams::reasons).
//!
//! Code of the runtime that waits for something outside of it (a broker, a transaction, other members, a lock) holds a
//! [`Waiting`]. If it polls, it calls [`Waiting::go_on`] each time. Before one long call it calls [`Waiting::begin`], and the
//! control thread measures the time ([`Waits::look`]). A wait is logged as a warning after five seconds, and again after ten,
//! twenty and so on. Times are monotonic. Waits of many for one thing ([`Waiting::in_common`]) are logged as one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The time until the first warning.
const LOG_AFTER_MS: i64 = 5_000;

/// A call this short is not a wait.
const CALL_MS: i64 = 1_000;

/// The longest time between two warnings.
const LOG_EVERY_MAX_MS: i64 = 300_000;

/// Something that an application waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitReason {
    /// Who waits: a thread, a task.
    pub who: String,
    /// What it waits for, and what ends the wait.
    pub what: String,
    /// For how long.
    pub waited: Duration,
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} waits for {} ({:.1} s)", self.who, self.what, self.waited.as_secs_f64())
    }
}

#[derive(Debug)]
struct Wait {
    who: String,
    what: String,
    /// `None` before the first look at the clock.
    since_ms: Option<i64>,
    last_ms: i64,
    next_log_ms: i64,
    /// Whether it is one call, which may be over in a moment.
    is_call: bool,
    /// What others wait for as well.
    in_common: Option<&'static str>,
}

impl Wait {
    /// Updates the wait; returns its length in milliseconds. `common` are the times of the next warnings about what many
    /// wait for.
    fn update(&mut self, now_ms: i64, common: &mut BTreeMap<&'static str, i64>) -> i64 {
        let since_ms = *self.since_ms.get_or_insert_with(|| {
            self.next_log_ms = now_ms.saturating_add(LOG_AFTER_MS);
            now_ms
        });
        self.last_ms = self.last_ms.max(now_ms);
        let waited_ms = now_ms - since_ms;
        if now_ms >= self.next_log_ms {
            self.next_log_ms = now_ms.saturating_add(waited_ms.clamp(LOG_AFTER_MS, LOG_EVERY_MAX_MS));
            let next_ms = self.in_common.and_then(|what| common.get(what));
            if next_ms.is_none_or(|next_ms| now_ms >= *next_ms) {
                tracing::warn!(who = self.who, waits_for = self.what, waited_ms, "still waiting");
                common.extend(self.in_common.map(|what| (what, self.next_log_ms)));
            }
        }
        waited_ms
    }

    fn waited_ms(&self) -> i64 {
        self.since_ms.map_or(0, |since_ms| self.last_ms - since_ms)
    }

    fn is_worth_reporting(&self) -> bool {
        !self.is_call || self.waited_ms() >= CALL_MS
    }
}

#[derive(Debug, Default)]
struct OpenWaits {
    next: u64,
    waiting: BTreeMap<u64, Wait>,
    /// When to warn again of what many wait for.
    common: BTreeMap<&'static str, i64>,
}

/// All current waits of an application.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<OpenWaits>);

impl Waits {
    fn entries(&self) -> MutexGuard<'_, OpenWaits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current waits, the longest first.
    pub fn reasons(&self) -> Vec<WaitReason> {
        let entries = self.entries();
        let reason = |entry: &Wait| WaitReason {
            who: entry.who.clone(),
            what: entry.what.clone(),
            waited: Duration::from_millis(u64::try_from(entry.waited_ms()).unwrap_or(0)),
        };
        let long = entries.waiting.values().filter(|entry| entry.is_worth_reporting());
        let mut reasons: Vec<_> = long.map(reason).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.waited));
        reasons
    }

    /// Registers a possible waiter.
    pub fn of(self: &Arc<Self>, who: impl Into<String>) -> Waiting {
        Waiting { waits: Arc::clone(self), who: who.into(), number: None, in_common: None }
    }

    /// Updates all waits; returns the length of the longest in milliseconds.
    pub fn update(&self, now_ms: i64) -> i64 {
        let OpenWaits { waiting, common, .. } = &mut *self.entries();
        waiting.values_mut().map(|entry| entry.update(now_ms, common)).max().unwrap_or(0)
    }
}

/// One wait, or none at the moment. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct Waiting {
    waits: Arc<Waits>,
    who: String,
    number: Option<u64>,
    in_common: Option<&'static str>,
}

impl Waiting {
    /// All waits of the application.
    pub fn waits(&self) -> Arc<Waits> {
        Arc::clone(&self.waits)
    }

    /// Declares that many wait for this at the same time: one warning is enough for all of them.
    pub fn in_common(mut self, what: &'static str) -> Self {
        self.in_common = Some(what);
        self
    }

    /// Begins or continues the wait for `what`; returns its length in milliseconds.
    pub fn update(&mut self, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.note(what(), false, |entry, common| entry.update(now_ms, common))
    }

    /// Begins a call that may take long: the wait lasts until [`end`](Self::end).
    pub fn begin(&mut self, what: impl FnOnce() -> String) {
        self.note(what(), true, |_, _| ());
    }

    fn note<T>(
        &mut self,
        what: String,
        is_call: bool,
        then: impl FnOnce(&mut Wait, &mut BTreeMap<&'static str, i64>) -> T,
    ) -> T {
        let OpenWaits { next, waiting, common } = &mut *self.waits.entries();
        let number = *self.number.get_or_insert_with(|| {
            *next += 1;
            *next
        });
        let entry = waiting.entry(number).or_insert_with(|| Wait {
            who: self.who.clone(),
            what: String::new(),
            since_ms: None,
            last_ms: i64::MIN,
            next_log_ms: i64::MAX,
            is_call,
            in_common: self.in_common,
        });
        entry.what = what;
        then(entry, common)
    }

    /// Ends the wait.
    pub fn end(&mut self) {
        if let Some(number) = self.number.take() {
            let mut entries = self.waits.entries();
            entries.waiting.remove(&number);
            if let Some(what) = self.in_common
                && !entries.waiting.values().any(|wait| wait.in_common == Some(what))
            {
                entries.common.remove(what);
            }
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
        assert_eq!(task.update(1_000, || "a broker".to_owned()), 0);
        assert_eq!(task.update(8_500, || "a transaction".to_owned()), 7_500);
        let reasons = waits.reasons();
        assert_eq!(reasons[0].to_string(), "task 0_0 waits for a transaction (7.5 s)");
        task.end();
        assert_eq!(waits.reasons(), []);
        assert_eq!(task.update(9_000, || "a broker".to_owned()), 0, "a new wait");
        drop(task);
        assert_eq!(waits.reasons(), []);
    }

    #[test]
    fn a_long_wait_is_told_at_growing_intervals() {
        let waits = Arc::new(Waits::default());
        let mut task = waits.of("task 0_0");
        let mut told = Vec::new();
        let next = || waits.entries().waiting.values().next().map(|entry| entry.next_log_ms);
        for second in 0..100 {
            let before = next();
            // Whoever looks.
            match second % 2 {
                0 => task.update(second * 1_000, || "a broker".to_owned()),
                _ => waits.update(second * 1_000),
            };
            if before.is_some() && next() != before {
                told.push(second);
            }
        }
        assert_eq!(told, [5, 10, 20, 40, 80]);
    }

    #[test]
    fn a_call_is_told_when_it_takes_long_though_its_caller_cannot_look_at_the_clock() {
        let waits = Arc::new(Waits::default());
        let mut thread = waits.of("thread 1");
        thread.begin(|| "a commit".to_owned());
        assert_eq!((waits.update(1_000), waits.update(1_900)), (0, 900));
        assert_eq!(waits.reasons(), [], "a call of a moment");
        assert_eq!(waits.update(4_000), 3_000);
        assert_eq!(waits.reasons()[0].to_string(), "thread 1 waits for a commit (3.0 s)");
        thread.end();
        assert_eq!((waits.update(9_000), waits.reasons()), (0, vec![]));
    }
    /// Before: each stream thread's producer was a line of its own.
    #[test]
    fn what_many_wait_for_is_logged_once_for_all() {
        let waits = Arc::new(Waits::default());
        let next = |waits: &Waits| waits.entries().common.get("a coordinator").copied();
        let mut threads: Vec<_> =
            (0..3).map(|n| waits.of(format!("thread {n}")).in_common("a coordinator")).collect();
        threads.iter_mut().for_each(|thread| thread.begin(|| "its id to be taken".to_owned()));
        let (mut logged, mut before) = (Vec::new(), None);
        for second in 0..50 {
            // Each of them begins its call again from time to time, as it gives it up for commands.
            if second == 12 {
                threads[0].end();
                threads[0].begin(|| "its id to be taken".to_owned());
            }
            waits.update(second * 1_000);
            if next(&waits) != before {
                before = next(&waits);
                logged.push(second);
            }
        }
        assert_eq!(logged, [5, 10, 20, 40]);
        assert_eq!(waits.reasons().len(), 3, "each of them can be asked for");
        threads.iter_mut().for_each(Waiting::end);
        assert_eq!(next(&waits), None, "the next time it is logged after five seconds again");
    }
}
