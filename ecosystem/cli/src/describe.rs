//! `streams describe`: the topology of a running instance or a saved one, as text, JSON or a picture.

use serde_json::Value;
use streams_core::topology::TopologyDescription;

use crate::error::CliError;
use crate::topology::{self, Access};

/// Describes a topology.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// An instance's server (http://host:port), a file with a description as text or JSON, or - for standard input.
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// How an instance is asked.
    #[command(flatten)]
    pub access: Access,
    /// Prints a graph for Graphviz.
    #[arg(long, conflicts_with = "mermaid")]
    pub dot: bool,
    /// Prints a flow chart for Mermaid.
    #[arg(long)]
    pub mermaid: bool,
}

/// A description, and what it is to be printed as.
pub struct Description {
    topology: TopologyDescription,
    dot: bool,
    mermaid: bool,
}

/// Reads the topology.
pub fn describe(arguments: &Arguments) -> Result<Description, CliError> {
    let topology = topology::read(&arguments.source, &arguments.access)?;
    Ok(Description { topology, dot: arguments.dot, mermaid: arguments.mermaid })
}

impl Description {
    /// For programs.
    pub fn to_json(&self) -> Value {
        topology::to_json(&self.topology)
    }
}

impl std::fmt::Display for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.dot, self.mermaid) {
            (true, _) => f.write_str(&self.topology.dot()),
            (_, true) => f.write_str(&self.topology.mermaid()),
            _ => write!(f, "{}", self.topology),
        }
    }
}
