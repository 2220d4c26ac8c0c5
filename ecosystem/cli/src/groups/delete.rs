//! Deletes groups, and offsets of groups.

use serde_json::json;

use super::Asked;
use super::selection::{Groups, Scope, delete_internal};
use super::table::Table;
use crate::error::CliError;

/// Which groups are deleted.
#[derive(Clone, Debug, clap::Args)]
pub struct Delete {
    /// Which groups.
    #[command(flatten)]
    pub groups: Groups,
    /// Also deletes the topics that each application made for itself.
    #[arg(long)]
    pub delete_all_internal_topics: bool,
}

/// Which offsets are deleted.
#[derive(Clone, Debug, clap::Args)]
pub struct DeleteOffsets {
    /// The group.
    #[arg(long, value_name = "GROUP")]
    pub group: String,
    /// Which topics.
    #[command(flatten)]
    pub scope: Scope,
}

/// Deletes groups; those that are refused are in the table.
pub(super) fn groups(arguments: &Delete, asked: &mut Asked) -> Result<Table, CliError> {
    let mut table = Table::new(&["GROUP", "STATUS"]);
    for group in arguments.groups.names(asked)? {
        let deleted = asked.operations.delete_group(&group, asked.timeout);
        table.failed |= deleted.is_err();
        let status = deleted.as_ref().map_or_else(ToString::to_string, |()| "deleted".to_owned());
        table.rows.push(vec![json!(group), json!(status)]);
        if deleted.is_ok() && arguments.delete_all_internal_topics {
            let topics = delete_internal(asked, &group, &[])?;
            table.remarks.extend(topics.iter().map(|topic| format!("deleted topic {topic}")));
        }
    }
    Ok(table)
}

/// Deletes offsets; partitions that are refused are in the table.
pub(super) fn offsets(arguments: &DeleteOffsets, asked: &mut Asked) -> Result<Table, CliError> {
    if arguments.scope.is_empty() {
        return Err(CliError::NoScope);
    }
    let partitions = arguments.scope.partitions(asked, &arguments.group)?;
    let partitions: Vec<_> = partitions.into_keys().collect();
    let mut table = Table::new(&["TOPIC", "PARTITION", "STATUS"]);
    let deleted = asked.operations.delete_group_offsets(&arguments.group, &partitions, asked.timeout)?;
    for (at, deleted) in deleted {
        table.failed |= deleted.is_err();
        let status = deleted.map_or_else(|error| error.to_string(), |()| "deleted".to_owned());
        table.rows.push(vec![json!(&*at.topic), json!(at.partition), json!(status)]);
    }
    Ok(table)
}
