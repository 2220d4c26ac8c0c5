//! `streams diff`: what deploying another topology would do to the state of an application, before it is deployed.
//!
//! It compares descriptions, so it knows names, operators and topics, and not the types of rows or the code of operators.
//! Stores are taken for the same under two names if the same operators fill them from the same topics.

mod compare;
mod finding;
mod partitions;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde_json::{Value, json};
use streams_core::topology::TopologyDescription;

pub use compare::compare;
pub use finding::{Finding, Severity};
pub(crate) use partitions::tasks;

use crate::Connection;
use crate::error::CliError;
use crate::exit;
use crate::topology::facts::Facts;
use crate::topology::{self, Access};

/// Compares two topologies.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What runs now: an instance's server (http://host:port), a file, or - for standard input.
    #[arg(value_name = "OLD")]
    pub old: String,
    /// What is to be deployed, named in the same way.
    #[arg(value_name = "NEW")]
    pub new: String,
    /// How an instance is asked.
    #[command(flatten)]
    pub access: Access,
    /// A store or topic that may be lost.
    #[arg(long, value_name = "NAME")]
    pub accept: Vec<String>,
    /// Also compares the partitions of changelogs that exist at these brokers; needs --application-id.
    #[arg(long, value_name = "HOST:PORT,...", requires = "application_id")]
    pub bootstrap_servers: Option<String>,
    /// A file of `key=value` lines with client settings.
    #[arg(long, value_name = "FILE")]
    pub command_config: Option<PathBuf>,
    /// The application, with whose id the names of its topics begin.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub application_id: Option<String>,
}

/// The changes, and the verdict on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All changes, the worst first.
    pub findings: Vec<Finding>,
    /// Names that may be lost.
    pub accepted: BTreeSet<String>,
}

/// Compares.
pub fn diff(arguments: &Arguments) -> Result<Report, CliError> {
    let old = topology::read(&arguments.old, &arguments.access)?;
    let new = topology::read(&arguments.new, &arguments.access)?;
    let mut report = of(&old, &new);
    report.accepted = arguments.accept.iter().cloned().collect();
    if let (Some(servers), Some(id)) = (&arguments.bootstrap_servers, &arguments.application_id) {
        let connection = Connection {
            bootstrap_servers: servers.clone(),
            command_config: arguments.command_config.clone(),
        };
        let mut admin = connection.open(id)?.admin("streams-cli")?;
        report.findings.extend(partitions::check(&Facts::of(&new), id, &mut *admin)?);
        report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }
    Ok(report)
}

/// Compares two descriptions.
pub fn of(old: &TopologyDescription, new: &TopologyDescription) -> Report {
    Report { findings: compare(&Facts::of(old), &Facts::of(new)), accepted: BTreeSet::new() }
}

impl Report {
    /// The worst change that is not accepted.
    pub fn worst(&self) -> Severity {
        let counted = self.findings.iter().filter(|finding| !self.accepted.contains(&finding.subject));
        counted.map(|finding| finding.severity).max().unwrap_or(Severity::Note)
    }

    /// The verdict in one word.
    pub fn verdict(&self) -> &'static str {
        match self.worst() {
            Severity::Note => "compatible",
            Severity::InFlight => "in-flight-records-lost",
            Severity::State => "state-lost",
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self.worst() {
            Severity::Note => exit::DONE,
            Severity::InFlight => exit::WARNING,
            Severity::State => exit::ALARM,
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                let mut value = finding.to_json();
                value["accepted"] = self.accepted.contains(&finding.subject).into();
                value
            })
            .collect();
        json!({"verdict": self.verdict(), "findings": findings})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            if self.accepted.contains(&finding.subject) {
                f.write_str("accepted: ")?;
            }
            write!(f, "{finding}")?;
        }
        if self.findings.is_empty() {
            writeln!(f, "the topologies are the same")?;
        }
        match self.worst() {
            Severity::Note => writeln!(f, "compatible: no state is lost"),
            Severity::InFlight => {
                writeln!(
                    f,
                    "records in internal topics would be left behind: let the application catch up first"
                )
            }
            Severity::State => writeln!(f, "state would be lost: do not deploy this as it is"),
        }
    }
}
