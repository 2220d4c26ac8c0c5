//! `streams redrive`: dead letters back to the topics that they come from, exactly once.
//!
//! It is a member of a group of its own, by default `redrive-TOPIC`, so that two runs share the partitions and never write a
//! letter twice. What it reads and what it writes is committed in one transaction. It reads up to where the queue ended when
//! the run began.

mod choice;
mod letter;
mod partitions;
mod report;
mod run;

use std::time::Duration;

pub use choice::Choice;
pub use letter::{COUNT, Letter};
pub use report::Report;

use crate::Connection;
use crate::error::CliError;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes dead letters back to their topics.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are.
    #[command(flatten)]
    pub connection: Connection,
    /// The dead letter queue.
    #[arg(long, value_name = "TOPIC")]
    pub from: String,
    /// Writes there instead of to the topic that each record was read from.
    #[arg(long, value_name = "TOPIC")]
    pub to: Option<String>,
    /// Which letters; the others are written back to the end of the queue.
    #[command(flatten)]
    pub choice: Choice,
    /// Counts letters by reason, and writes and commits nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Redrives at most this many letters; the rest stays for the next run.
    #[arg(long, value_name = "LETTERS")]
    pub max: Option<u64>,
    /// Letters a second at most.
    #[arg(long, value_name = "LETTERS")]
    pub rate: Option<u32>,
    /// A record that was redriven so often and failed again is quarantined.
    #[arg(long, value_name = "TIMES", default_value_t = 3)]
    pub attempts: u32,
    /// Where letters go that come back too often, or that have no topic to go to. Without it such a letter ends the run.
    #[arg(long, value_name = "TOPIC")]
    pub quarantine: Option<String>,
    /// The group that remembers how far the queue was read.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
}

impl Arguments {
    /// The group.
    pub fn group(&self) -> String {
        self.group.clone().unwrap_or_else(|| format!("redrive-{}", self.from))
    }
}

/// Redrives, or counts.
pub fn redrive(arguments: &Arguments) -> Result<Report, CliError> {
    let transport = arguments.connection.open(&arguments.group())?;
    if arguments.dry_run { run::dry(arguments, &*transport) } else { run::run(arguments, &*transport) }
}
