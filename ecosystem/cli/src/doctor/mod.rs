//! `streams doctor`: whether a cluster's settings are what an application needs, and what to change where they are not.
//!
//! It needs the application's settings (`--command-config`, the same file as the application's) and its topology; without
//! a topology only the brokers are checked. It changes nothing.

mod brokers;
mod facts;
mod finding;
mod rights;
mod topics;

use std::fmt;

use serde_json::{Value, json};

pub use facts::{Cluster, Needs, Rights, Topic};
pub use finding::{Finding, Severity};

use crate::Connection;
use crate::error::CliError;
use crate::exit;
use crate::topology::facts::Facts;
use crate::topology::{self, Access};

/// Checks a cluster.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are, and the application's settings.
    #[command(flatten)]
    pub connection: Connection,
    /// The application.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub application_id: String,
    /// Its topology: an instance's server (http://host:port), a file, or - for standard input.
    #[arg(long, value_name = "SOURCE")]
    pub topology: Option<String>,
    /// How an instance is asked.
    #[command(flatten)]
    pub access: Access,
    /// Also checks the rights of this principal, as User:fraud.
    #[arg(long, value_name = "PRINCIPAL")]
    pub principal: Option<String>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub unknown: Vec<String>,
    /// How many brokers were asked.
    pub brokers: usize,
    /// How many topics were.
    pub topics: usize,
}

/// Asks and checks.
pub fn examine(arguments: &Arguments) -> Result<Report, CliError> {
    let facts = match &arguments.topology {
        Some(source) => Facts::of(&topology::read(source, &arguments.access)?),
        None => Facts::default(),
    };
    let config = arguments.connection.config(&arguments.application_id)?;
    let needs = Needs::of(&config, facts, arguments.principal.clone());
    let transport = arguments.connection.open(&arguments.application_id)?;
    let cluster = Cluster::ask(&needs, &*transport)?;
    Ok(check(&needs, &cluster))
}

/// Checks what was asked for.
pub fn check(needs: &Needs, cluster: &Cluster) -> Report {
    let mut findings = Vec::new();
    brokers::check(needs, cluster, &mut findings);
    topics::check(needs, cluster, &mut findings);
    rights::check(needs, cluster, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Report {
        findings,
        unknown: cluster.unknown.clone(),
        brokers: cluster.brokers.len(),
        topics: cluster.topics.len(),
    }
}

impl Report {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self.findings.iter().map(|finding| finding.severity).max() {
            Some(Severity::Error) => exit::ALARM,
            Some(Severity::Warning) => exit::WARNING,
            _ => exit::DONE,
        }
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(Finding::to_json).collect();
        json!({
            "findings": findings, "unknown": self.unknown, "brokers": self.brokers, "topics": self.topics
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            write!(f, "{finding}")?;
        }
        for unknown in &self.unknown {
            writeln!(f, "unknown {unknown}")?;
        }
        let count =
            |severity: Severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
        writeln!(
            f,
            "{} brokers and {} topics checked: {} errors, {} warnings, {} notes",
            self.brokers,
            self.topics,
            count(Severity::Error),
            count(Severity::Warning),
            count(Severity::Note)
        )
    }
}
