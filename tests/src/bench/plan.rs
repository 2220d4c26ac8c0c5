//! What is measured: the command line of the benchmark and of its children.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A topology that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// `stream(input).to(output)` over bytes.
    Passthrough,
    /// Text: keep values whose first letter is before `n`, and cut their first 45 bytes.
    Stateless,
    /// `group_by_key().count().to_stream()` over text.
    Count,
    /// The same in tumbling windows of one minute with one hour of grace.
    Tumbling,
}

/// A processing guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guarantee {
    /// Commits every 1000 ms.
    #[value(name = "at_least_once")]
    AtLeastOnce,
    /// Commits every 100 ms.
    #[value(name = "exactly_once_v2")]
    ExactlyOnceV2,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// This library.
    Ours,
    /// Java Kafka Streams.
    Java,
    /// The client library without a framework; only at_least_once.
    Limit,
}

impl Workload {
    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passthrough => "passthrough",
            Self::Stateless => "stateless",
            Self::Count => "count",
            Self::Tumbling => "tumbling",
        }
    }
}

impl Guarantee {
    /// The name on the command line and in the results: the value of `processing.guarantee`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AtLeastOnce => "at_least_once",
            Self::ExactlyOnceV2 => "exactly_once_v2",
        }
    }
}

impl System {
    /// The name on the command line and in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Java => "java",
            Self::Limit => "limit",
        }
    }
}

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// Workloads, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "passthrough,stateless,count,tumbling")]
    pub workloads: Vec<Workload>,
    /// Guarantees, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "at_least_once,exactly_once_v2")]
    pub guarantees: Vec<Guarantee>,
    /// Who is measured, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "ours,java,limit")]
    pub systems: Vec<System>,
    /// How often each is measured; the result is the median.
    #[arg(long, default_value_t = 3)]
    pub rounds: u32,
    /// Number of input records.
    #[arg(long, default_value_t = 5_000_000)]
    pub records: u64,
}

/// The command line of a measured child process. It prints `RUNNING` on a line of its own when it begins to process,
/// and works until SIGTERM.
#[derive(Debug, Clone, Args)]
pub struct ChildArguments {
    /// The value for `bootstrap.servers`.
    #[arg(long)]
    pub bootstrap: String,
    /// What to run.
    #[arg(long, value_enum)]
    pub workload: Workload,
    /// With which guarantee.
    #[arg(long, value_enum)]
    pub guarantee: Guarantee,
    /// The application id, which is also the consumer group.
    #[arg(long)]
    pub app_id: String,
    /// The topic to read.
    #[arg(long)]
    pub input: String,
    /// The topic to write.
    #[arg(long)]
    pub output: String,
    /// An empty folder for state.
    #[arg(long)]
    pub state_dir: PathBuf,
}

impl ChildArguments {
    /// The arguments as a command line.
    pub fn to_command_line(&self) -> Vec<String> {
        [
            ("--bootstrap", self.bootstrap.as_str()),
            ("--workload", self.workload.name()),
            ("--guarantee", self.guarantee.name()),
            ("--app-id", self.app_id.as_str()),
            ("--input", self.input.as_str()),
            ("--output", self.output.as_str()),
            ("--state-dir", &self.state_dir.display().to_string()),
        ]
        .iter()
        .flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()])
        .collect()
    }
}
