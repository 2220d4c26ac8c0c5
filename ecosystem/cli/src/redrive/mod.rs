//! `streams redrive`: dead letters back to the topics that they come from, exactly once.
//!
//! It is a member of a group of its own, by default `redrive-TOPIC`, so that two runs share the partitions and never write a
//! letter twice. What it reads and what it writes is committed in one transaction. It reads up to where the queue ended when
//! the run began, and waits for what other runs have of that. A partition that comes to it is read where the group is then,
//! since another run may have had it.

mod choice;
mod letter;
mod partitions;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod way;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use streams_core::transport::{Consumer, ConsumerSpec, Isolation, Transport};

pub use choice::Choice;
pub use letter::{COUNT, Letter};
pub use report::Report;

use crate::Connection;
use crate::error::CliError;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long the brokers keep a transaction open whose process has died.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// One wait for letters, or for the group.
const WAIT: Duration = Duration::from_millis(100);

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
    #[arg(long, value_name = "LETTERS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max: Option<u64>,
    /// Letters a second at most.
    #[arg(long, value_name = "LETTERS", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// A record that was redriven so often and failed again is quarantined.
    #[arg(long, value_name = "TIMES", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub attempts: u32,
    /// Where letters go that come back too often, have no record or no topic to go to, or are refused there. Without it such
    /// a letter ends the run.
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

/// Redrives, or counts. The first SIGINT or SIGTERM ends it after the transaction that is open; a second one ends the
/// process.
pub fn redrive(arguments: &Arguments) -> Result<Report, CliError> {
    let transport = arguments.connection.open(&arguments.group())?;
    if arguments.dry_run {
        return run::dry(arguments, &*transport);
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order, so that the first signal is not the one that ends the process.
        flag::register_conditional_default(signal, Arc::clone(&stop)).map_err(CliError::Signals)?;
        flag::register(signal, Arc::clone(&stop)).map_err(CliError::Signals)?;
    }
    run::run(arguments, &*transport, &stop)
}

fn consumer(transport: &dyn Transport, client_id: &str) -> Result<Box<dyn Consumer>, CliError> {
    Ok(transport.consumer(&ConsumerSpec {
        client_id: client_id.to_owned(),
        isolation: Isolation::ReadCommitted,
        properties: BTreeMap::new(),
    })?)
}
