//! Why a running application must restart (`Renewals`): its global stores must be filled again, or their database is
//! damaged. Tasks must not read them meanwhile, so they are closed first and opened when the stores are filled.

use std::collections::VecDeque;

use crate::error::{Error, StateDirectoryError, TopicsError};

/// The period over which restarts are counted.
const WITHIN_MS: i64 = 600_000;

/// How often stores may be filled again in that period.
const REFILLS_MAX: usize = 20;

/// Why the application restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// A global store no longer fits its topic, for this reason.
    Refill(String),
    /// The database of the global stores is damaged.
    Damage,
}

/// The pending request, and earlier ones.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    wanted: Option<Renewal>,
    refills: VecDeque<i64>,
    damaged_at: Option<i64>,
}

impl Renewals {
    /// Requests a restart, unless one is pending already.
    pub fn want(&mut self, why: Renewal) {
        self.wanted.get_or_insert(why);
    }

    /// Takes the pending request. The error says that restarts do not help.
    pub fn take(&mut self, now_ms: i64) -> Result<Option<Renewal>, Error> {
        let Some(why) = self.wanted.take() else { return Ok(None) };
        match &why {
            Renewal::Damage => self.damaged(now_ms)?,
            Renewal::Refill(why) => self.refilled(why, now_ms)?,
        }
        Ok(Some(why))
    }

    /// The database is put aside because it is damaged. The error says that this does not help.
    pub fn damaged(&mut self, now_ms: i64) -> Result<(), Error> {
        let before = self.damaged_at.replace(now_ms);
        if before.is_some_and(|at| is_recent(at, now_ms)) {
            return Err(StateDirectoryError::GlobalDamagedAgain.into());
        }
        Ok(())
    }

    /// A store is filled again, for this reason. The error says that this does not help.
    pub fn refilled(&mut self, why: &str, now_ms: i64) -> Result<(), Error> {
        self.refills.retain(|at| is_recent(*at, now_ms));
        self.refills.push_back(now_ms);
        if self.refills.len() > REFILLS_MAX {
            return Err(TopicsError::FilledTooOften { why: why.to_owned(), times: REFILLS_MAX }.into());
        }
        Ok(())
    }
}

fn is_recent(at_ms: i64, now_ms: i64) -> bool {
    now_ms - at_ms < WITHIN_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_done_once_and_not_for_ever() {
        let mut renewals = Renewals::default();
        assert_eq!(renewals.take(0).unwrap(), None);
        renewals.want(Renewal::Damage);
        renewals.want(Renewal::Damage);
        assert_eq!(renewals.take(0).unwrap(), Some(Renewal::Damage));
        assert_eq!(renewals.take(0).unwrap(), None);
        renewals.want(Renewal::Damage);
        let error = renewals.take(WITHIN_MS - 1).unwrap_err().to_string();
        assert!(error.contains("damaged again"), "{error}");
        renewals.want(Renewal::Damage);
        assert!(renewals.take(2 * WITHIN_MS).is_ok(), "long after");
    }

    #[test]
    fn a_topic_that_is_emptied_faster_than_it_is_read_ends_the_application() {
        let mut renewals = Renewals::default();
        let mut errors = 0;
        for minute in 0..=20 {
            renewals.want(Renewal::Refill("global store rows: gone".to_owned()));
            errors += i32::from(renewals.take(minute * 60_000).is_err());
        }
        assert_eq!(errors, 0, "once a minute");
        for second in 0..20 {
            renewals.want(Renewal::Refill("global store rows: gone".to_owned()));
            errors += i32::from(renewals.take(1_200_000 + second * 1_000).is_err());
        }
        assert!(errors > 0);
    }
}
