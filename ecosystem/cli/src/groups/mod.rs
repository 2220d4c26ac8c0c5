//! `streams groups`: the verbs and flags of `kafka-streams-groups.sh`, for groups of the classic protocol.
//!
//! Verbs are words instead of flags (`describe` for `--describe`); flags have their names. What a broker knows of classic
//! groups is less than of groups of the streams protocol: there are no epochs, and input topics are those of which the group
//! has committed offsets.

mod csv;
mod delete;
mod describe;
mod reset;
mod scenario;
mod selection;
mod table;

use std::time::Duration;

use streams_core::transport::{Admin, Operations};

pub use delete::{Delete, DeleteOffsets};
pub use describe::{Describe, List};
pub use reset::{Action, Reset};
pub use scenario::Scenario;
pub use selection::{Groups, Partitions, Scope};
pub use table::Table;

use crate::Connection;
use crate::error::CliError;

/// Lists, describes, deletes and resets groups.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// What is done.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What all verbs take, and what one of them takes.
#[derive(Clone, Debug, clap::Args)]
pub struct With<T: clap::Args> {
    /// Where the brokers are.
    #[command(flatten)]
    pub connection: Connection,
    /// Time for one question to the brokers.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub timeout: u64,
    /// What the verb takes.
    #[command(flatten)]
    pub of: T,
}

/// What is done.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Verb {
    /// All groups.
    List(With<List>),
    /// Offsets and lag of groups, their members, or their state.
    Describe(With<Describe>),
    /// Deletes groups without members, with their offsets.
    Delete(With<Delete>),
    /// Deletes offsets of a group.
    DeleteOffsets(With<DeleteOffsets>),
    /// Sets the offsets of groups without members.
    ResetOffsets(With<Reset>),
}

/// Does it.
pub fn groups(arguments: &Arguments) -> Result<Table, CliError> {
    match &arguments.verb {
        Verb::List(with) => with.ask(describe::list),
        Verb::Describe(with) => with.ask(describe::describe),
        Verb::Delete(with) => with.ask(delete::groups),
        Verb::DeleteOffsets(with) => with.ask(delete::offsets),
        Verb::ResetOffsets(with) => with.ask(reset::reset),
    }
}

/// The cluster that is asked.
struct Asked {
    admin: Box<dyn Admin>,
    operations: Box<dyn Operations>,
    timeout: Duration,
}

impl<T: clap::Args> With<T> {
    fn ask(&self, verb: impl Fn(&T, &mut Asked) -> Result<Table, CliError>) -> Result<Table, CliError> {
        let transport = self.connection.open("streams-groups")?;
        let mut asked = Asked {
            admin: transport.admin("streams-cli")?,
            operations: transport.operations("streams-cli")?,
            timeout: Duration::from_millis(self.timeout),
        };
        verb(&self.of, &mut asked)
    }
}
