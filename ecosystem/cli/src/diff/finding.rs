//! What a deploy would change, and how bad that is.

use std::fmt;

use serde_json::{Value, json};

/// How bad a change is; the worst decides the verdict and the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost.
    Note,
    /// Records in internal topics would be left behind.
    InFlight,
    /// State would be lost, or taken for another's.
    State,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A word for programs, such as `store-renamed`.
    pub kind: &'static str,
    /// The store, topic or sub-topology; its old name if there are two.
    pub subject: String,
    /// What it is called afterwards, if that is another name.
    pub becomes: Option<String>,
    /// What would happen.
    pub what: String,
    /// What to do about it; empty if there is nothing to do.
    pub advice: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        kind: &'static str,
        subject: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        let (subject, what) = (subject.into(), what.into());
        Finding { severity, kind, subject, becomes: None, what, advice: String::new() }
    }

    pub(super) fn becomes(mut self, name: impl Into<String>) -> Self {
        self.becomes = Some(name.into());
        self
    }

    pub(super) fn advice(mut self, text: impl Into<String>) -> Self {
        self.advice = text.into();
        self
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "severity": self.severity.word(), "kind": self.kind, "subject": self.subject, "becomes": self.becomes,
            "what": self.what, "advice": self.advice
        })
    }
}

impl Severity {
    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::InFlight => "in-flight",
            Severity::State => "state",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.severity {
            Severity::Note => "note",
            Severity::InFlight => "WARN",
            Severity::State => "LOST",
        };
        write!(f, "{mark}  {}", self.subject)?;
        if let Some(name) = &self.becomes {
            write!(f, " -> {name}")?;
        }
        writeln!(f, ": {}", self.what)?;
        if !self.advice.is_empty() {
            writeln!(f, "      {}", self.advice)?;
        }
        Ok(())
    }
}
