//! What is wrong, and what to change.

use std::fmt;

use serde_json::{Value, json};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Note,
    /// It works until something happens.
    Warning,
    /// The application does not start, or loses something.
    Error,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was checked, in a word for programs.
    pub check: &'static str,
    /// The topic, broker or right.
    pub subject: String,
    /// What is wrong with it.
    pub what: String,
    /// What to change.
    pub change: String,
}

impl Finding {
    fn new(
        severity: Severity,
        check: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Finding { severity, check, subject: subject.into(), what: what.into(), change: change.into() }
    }

    pub(super) fn error(
        check: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Finding::new(Severity::Error, check, subject, what, change)
    }

    pub(super) fn warning(
        check: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Finding::new(Severity::Warning, check, subject, what, change)
    }

    pub(super) fn note(
        check: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Finding::new(Severity::Note, check, subject, what, change)
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.word(), "check": self.check, "subject": self.subject, "what": self.what,
            "change": self.change
        })
    }
}

impl Severity {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<8}{}: {}", self.severity.word(), self.subject, self.what)?;
        writeln!(f, "        {}", self.change)
    }
}
