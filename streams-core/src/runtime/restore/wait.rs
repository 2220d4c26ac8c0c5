//! What a task that is opened waits for, and what ends that (`OpeningWait`).

use crate::runtime::waits::Waiting;

/// The wait of one task. It is logged as one; a refusal is remembered for longer.
pub(super) struct OpeningWait {
    waiting: Waiting,
    /// Since when the broker refuses something. Answers in between do not end that: a topic may be described and not read.
    refused_since: Option<i64>,
    /// When its changelog was cut short for the first and the last time in a row.
    trimmed: Option<(i64, i64)>,
}

impl OpeningWait {
    pub fn new(waiting: Waiting) -> Self {
        OpeningWait { waiting, refused_since: None, trimmed: None }
    }

    /// It is still waited, for this. Returns for how long in milliseconds.
    pub fn update(&mut self, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.waiting.update(now_ms, what)
    }

    /// It is refused, with these words. Returns for how long that has been so in milliseconds.
    pub fn refused(&mut self, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.waiting.update(now_ms, what);
        now_ms - *self.refused_since.get_or_insert(now_ms)
    }

    /// What was being read of a changelog is deleted, and it begins again. Returns for how long that has been so in
    /// milliseconds; one that had `patience_ms` to be read begins a new row.
    pub fn trimmed(&mut self, now_ms: i64, patience_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.waiting.update(now_ms, what);
        let row = self.trimmed.filter(|(_, last_ms)| now_ms - last_ms < patience_ms);
        let since_ms = row.map_or(now_ms, |(since_ms, _)| since_ms);
        self.trimmed = Some((since_ms, now_ms));
        now_ms - since_ms
    }

    /// What was asked is answered, or what was to be done is done.
    pub fn answered(&mut self) {
        self.waiting.end();
    }

    /// Records have come: nothing is refused now.
    pub fn moved(&mut self) {
        self.refused_since = None;
        self.waiting.end();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::runtime::waits::Waits;

    #[test]
    fn what_is_trimmed_again_and_again_is_one_wait_whatever_was_read_in_between() {
        let mut wait = OpeningWait::new(Arc::new(Waits::default()).of("task 0_0"));
        let mut trimmed = |now_ms| {
            let since_ms = wait.trimmed(now_ms, 1_000, || "it".to_owned());
            wait.moved();
            since_ms
        };
        assert_eq!([0, 600, 1_200].map(&mut trimmed), [0, 600, 1_200]);
        assert_eq!([2_200, 2_500].map(&mut trimmed), [0, 300], "it had its time");
    }

    #[test]
    fn a_refusal_outlasts_answers_and_ends_with_records() {
        let waits = Arc::new(Waits::default());
        let mut wait = OpeningWait::new(waits.of("task 0_0"));
        assert_eq!(wait.refused(1_000, || "no".to_owned()), 0);
        wait.answered();
        assert_eq!(waits.reasons(), []);
        assert_eq!(wait.update(1_500, || "an answer".to_owned()), 0, "another wait");
        assert_eq!(wait.refused(2_000, || "no".to_owned()), 1_000);
        wait.moved();
        assert_eq!(waits.reasons(), []);
        assert_eq!(wait.refused(9_000, || "no".to_owned()), 0);
    }
}
