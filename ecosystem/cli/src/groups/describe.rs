//! Lists groups, and describes their offsets, members and state.

use serde_json::{Value, json};
use streams_core::ids::{Offset, TopicPartition};
use streams_core::transport::{GroupMember, Isolation, OffsetQuery};

use super::Asked;
use super::selection::{Groups, committed};
use super::table::Table;
use crate::error::CliError;

/// Which groups are listed.
#[derive(Clone, Debug, clap::Args)]
pub struct List {
    /// Shows the state of each group; with states, lists only groups in one of them, as `--state Stable,Empty`.
    #[arg(long, value_name = "STATES", num_args = 0..=1, default_missing_value = "", value_delimiter = ',')]
    pub state: Option<Vec<String>>,
}

/// What is described.
#[derive(Clone, Debug, clap::Args)]
pub struct Describe {
    /// Which groups.
    #[command(flatten)]
    pub groups: Groups,
    /// Describes who is in the group.
    #[arg(long, conflicts_with_all = ["offsets", "state"])]
    pub members: bool,
    /// Describes offsets, which is the default.
    #[arg(long, conflicts_with = "state")]
    pub offsets: bool,
    /// Describes the group's state and its coordinator.
    #[arg(long)]
    pub state: bool,
    /// Shows more: offsets next to the lag, instance ids of members, the kind and the assignor of groups.
    #[arg(long)]
    pub verbose: bool,
}

/// Lists.
pub(super) fn list(arguments: &List, asked: &mut Asked) -> Result<Table, CliError> {
    let wanted: Vec<String> = arguments.state.iter().flatten().map(|state| state.to_lowercase()).collect();
    let takes = |state: &str| {
        let state = state.to_lowercase();
        wanted.iter().all(String::is_empty) || wanted.contains(&state)
    };
    let mut table = match &arguments.state {
        Some(_) => Table::new(&["GROUP", "STATE", "TYPE"]),
        None => Table::new(&["GROUP"]),
    };
    for listing in asked.operations.groups(asked.timeout)?.into_iter().filter(|listing| takes(&listing.state))
    {
        let all = [json!(listing.group), json!(listing.state), json!(listing.kind)];
        table.rows.push(all.into_iter().take(table.columns.len()).collect());
    }
    Ok(table)
}

/// Describes.
pub(super) fn describe(arguments: &Describe, asked: &mut Asked) -> Result<Table, CliError> {
    let columns: &[&str] = match (arguments.members, arguments.state, arguments.verbose) {
        (true, _, false) => &["GROUP", "MEMBER", "HOST", "CLIENT-ID", "ASSIGNMENTS"],
        (true, _, true) => &["GROUP", "MEMBER", "INSTANCE-ID", "HOST", "CLIENT-ID", "ASSIGNMENTS"],
        (_, true, false) => &["GROUP", "COORDINATOR (ID)", "STATE", "#MEMBERS"],
        (_, true, true) => &["GROUP", "COORDINATOR (ID)", "STATE", "TYPE", "ASSIGNOR", "#MEMBERS"],
        (_, _, false) => &["GROUP", "TOPIC", "PARTITION", "OFFSET-LAG"],
        (_, _, true) => &["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "OFFSET-LAG"],
    };
    let mut table = Table::new(columns);
    for group in arguments.groups.names(asked)? {
        let rows = match (arguments.members, arguments.state) {
            (true, _) => members(&group, arguments.verbose, asked)?,
            (_, true) => vec![state(&group, arguments.verbose, asked)?],
            _ => offsets(&group, arguments.verbose, asked)?,
        };
        if rows.is_empty() {
            let what = if arguments.members { "no members" } else { "no committed offsets" };
            table.remarks.push(format!("group {group} has {what}"));
        }
        table.rows.extend(rows);
    }
    Ok(table)
}

fn offsets(group: &str, verbose: bool, asked: &mut Asked) -> Result<Vec<Vec<Value>>, CliError> {
    let committed = committed(asked, group)?;
    let partitions: Vec<_> = committed.keys().cloned().collect();
    let query = OffsetQuery::Latest(Isolation::ReadUncommitted);
    let ends = asked.admin.offsets_each(&partitions, query, asked.timeout)?;
    let row = |(at, offset): (TopicPartition, Offset)| {
        let end = ends.get(&at).and_then(|end| end.as_ref().ok()).copied();
        let lag = end.map(|end| (end - offset).max(0));
        let mut row = vec![json!(group), json!(&*at.topic), json!(at.partition)];
        if verbose {
            row.extend([json!(offset), json!(end)]);
        }
        row.push(json!(lag));
        row
    };
    Ok(committed.into_iter().map(row).collect())
}

fn members(group: &str, verbose: bool, asked: &mut Asked) -> Result<Vec<Vec<Value>>, CliError> {
    let row = |member: GroupMember| {
        let assigned =
            member.assigned.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
        let mut row = vec![json!(group), json!(member.id)];
        if verbose {
            row.push(json!(member.instance));
        }
        row.extend([json!(member.host), json!(member.client_id), json!(assigned)]);
        row
    };
    Ok(asked.admin.members(group, asked.timeout)?.into_iter().map(row).collect())
}

fn state(group: &str, verbose: bool, asked: &mut Asked) -> Result<Vec<Value>, CliError> {
    let state = asked.operations.group_state(group, asked.timeout)?;
    let coordinator =
        state.coordinator.map(|broker| format!("{}:{} ({})", broker.host, broker.port, broker.id));
    let mut row = vec![json!(group), json!(coordinator), json!(state.state)];
    if verbose {
        row.extend([json!(state.kind), json!(state.assignor)]);
    }
    row.push(json!(state.members));
    Ok(row)
}
