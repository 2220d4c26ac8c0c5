//! What a task that is opened waits for, and what ends that (`OpeningWait`).

use super::Phase;
use crate::runtime::waits::Waiting;

/// The wait of one task. It is logged as one; a refusal is remembered for longer.
pub(super) struct OpeningWait {
    waiting: Waiting,
    /// The latest phase in which the broker has refused something, and since when it refuses. What it allows in an earlier
    /// phase does not end that: a topic may be described and not read.
    refused: Option<(Phase, i64)>,
    /// When its changelog was cut short for the first and the last time in a row.
    trimmed: Option<(i64, i64)>,
}

impl OpeningWait {
    pub fn new(waiting: Waiting) -> Self {
        OpeningWait { waiting, refused: None, trimmed: None }
    }

    /// It is still waited, for this. Returns for how long in milliseconds.
    pub fn update(&mut self, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.waiting.update(now_ms, what)
    }

    /// The broker refuses what this phase is for, with these words. Returns for how long it has refused in milliseconds.
    pub fn refused(&mut self, phase: Phase, now_ms: i64, what: impl FnOnce() -> String) -> i64 {
        self.waiting.update(now_ms, what);
        let (latest, since_ms) = self.refused.unwrap_or((phase, now_ms));
        self.refused = Some((latest.max(phase), since_ms));
        now_ms - since_ms
    }

    /// The broker allows what this phase is for: that it refused the same, or what comes before, is over.
    pub fn allowed(&mut self, phase: Phase) {
        self.refused.take_if(|(latest, _)| *latest <= phase);
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

    /// What was asked in this phase is answered, or what was to be done in it is done.
    pub fn answered(&mut self, phase: Phase) {
        self.waiting.end();
        self.allowed(phase);
    }

    /// Records have come.
    pub fn moved(&mut self) {
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
    fn a_refusal_outlasts_answers_of_earlier_phases_only() {
        let waits = Arc::new(Waits::default());
        let mut wait = OpeningWait::new(waits.of("task 0_0"));
        let no = || "no".to_owned();
        assert_eq!(wait.refused(Phase::Fetching, 1_000, no), 0);
        wait.answered(Phase::Asking);
        assert_eq!(waits.reasons(), []);
        assert_eq!(wait.update(1_500, || "an answer".to_owned()), 0, "another wait");
        assert_eq!(wait.refused(Phase::Asking, 1_700, no), 700);
        wait.answered(Phase::Asking);
        assert_eq!(wait.refused(Phase::Fetching, 2_000, no), 1_000, "it was described, and not read");
        wait.allowed(Phase::Fetching);
        assert_eq!(wait.refused(Phase::Asking, 9_000, no), 0);
    }

    /// Showed before: two refusals of a moment, fifteen seconds apart, ended the application.
    #[test]
    fn a_question_that_is_answered_is_no_longer_refused() {
        let mut wait = OpeningWait::new(Arc::new(Waits::default()).of("task 0_0"));
        for phase in [Phase::Asking, Phase::Fetching, Phase::Finishing] {
            assert_eq!(wait.refused(phase, 0, || "no".to_owned()), 0, "{phase:?}");
            wait.answered(phase);
            assert_eq!(wait.refused(phase, 15_000, || "no".to_owned()), 0, "{phase:?}");
            wait.answered(phase);
        }
    }
}
