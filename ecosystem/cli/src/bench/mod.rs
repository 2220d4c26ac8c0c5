//! `streams bench`: how many records a second a cluster takes from here: written, read, and counted by an application.
//!
//! A measure of one machine and its way to the brokers, in one run, to compare clusters and settings. It makes topics of its
//! own and deletes them.

mod count;
mod load;

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use streams_core::ids::TopicName;
use streams_core::time::{Clock, SystemClock};
use streams_core::transport::{Admin, NewTopic};

use crate::Connection;
use crate::error::CliError;

/// Time for one question to the brokers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// Where the brokers are, and the application's settings.
    #[command(flatten)]
    pub connection: Connection,
    /// How many records.
    #[arg(long, value_name = "RECORDS", default_value_t = 500_000)]
    pub records: u64,
    /// Bytes of each value.
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    pub bytes: usize,
    /// How many different keys.
    #[arg(long, value_name = "KEYS", default_value_t = 10_000)]
    pub keys: u64,
    /// Partitions of the topics.
    #[arg(long, value_name = "PARTITIONS", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    pub partitions: i32,
    /// Threads that count.
    #[arg(long, value_name = "THREADS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub threads: u32,
    /// Counts with at-least-once instead of exactly-once.
    #[arg(long)]
    pub at_least_once: bool,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// How many records.
    pub records: u64,
    /// Records written a second.
    pub produced: f64,
    /// Records read a second.
    pub consumed: f64,
    /// Records counted a second.
    pub counted: f64,
}

/// Measures.
pub fn bench(arguments: &Arguments) -> Result<Report, CliError> {
    let id = format!("streams-bench-{}-{}", std::process::id(), SystemClock.now_ms());
    let transport = arguments.connection.open(&id)?;
    let mut admin = transport.admin("streams-cli")?;
    let [input, output] = ["in", "out"].map(|end| format!("{id}-{end}"));
    let topics = [&input, &output].map(|name| NewTopic {
        name: name.as_str().into(),
        partitions: arguments.partitions,
        replication_factor: -1,
        configs: Default::default(),
    });
    admin.create_topics(&topics, TIMEOUT)?;
    let measured = || {
        let produced = load::produce(arguments, &*transport, &input)?;
        let (consumed, records) = load::consume(&*transport, &input, arguments.partitions)?;
        let counted = count::count(arguments, &id, &input, &output)?;
        let rate = |took: Duration| records as f64 / took.as_secs_f64().max(f64::MIN_POSITIVE);
        Ok(Report { records, produced: rate(produced), consumed: rate(consumed), counted: rate(counted) })
    };
    let report: Result<Report, CliError> = measured();
    let deleted = clean_up(&mut *admin, &id);
    let report = report?;
    deleted?;
    Ok(report)
}

/// Deletes all topics whose names begin with the run's.
fn clean_up(admin: &mut dyn Admin, id: &str) -> Result<(), CliError> {
    let prefix = format!("{id}-");
    let own: Vec<TopicName> =
        admin.topic_names(TIMEOUT)?.into_iter().filter(|name| name.starts_with(&prefix)).collect();
    Ok(admin.delete_topics(&own, TIMEOUT)?)
}

impl Report {
    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "records": self.records, "produced_per_second": self.produced.round(),
            "consumed_per_second": self.consumed.round(), "counted_per_second": self.counted.round()
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} records", self.records)?;
        for (what, rate) in
            [("produced", self.produced), ("consumed", self.consumed), ("counted", self.counted)]
        {
            writeln!(f, "{what:<9} {rate:>12.0} records/s")?;
        }
        Ok(())
    }
}
