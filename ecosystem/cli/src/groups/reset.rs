//! Resets the offsets of groups without members.

use std::collections::BTreeMap;

use serde_json::json;
use streams_core::ids::{Offset, TopicPartition};
use streams_core::time::{Clock, SystemClock};
use streams_core::transport::OffsetToCommit;

use super::Asked;
use super::csv::{self, Plan};
use super::scenario::Scenario;
use super::selection::{Groups, Scope, delete_internal};
use super::table::Table;
use crate::error::CliError;

/// Which offsets are set to what.
#[derive(Clone, Debug, clap::Args)]
pub struct Reset {
    /// Which groups.
    #[command(flatten)]
    pub groups: Groups,
    /// Which topics.
    #[command(flatten)]
    pub scope: Scope,
    /// Where to.
    #[command(flatten)]
    pub scenario: Scenario,
    /// What happens.
    #[command(flatten)]
    pub action: Action,
    /// Prints the new offsets as lines that --from-file takes.
    #[arg(long)]
    pub export: bool,
    /// Also deletes this topic, which the application made for itself; may be repeated.
    #[arg(long = "delete-internal-topic", value_name = "TOPIC", requires = "execute")]
    pub internal_topics: Vec<String>,
    /// Also deletes all topics that the application made for itself: state that stays would count records twice.
    #[arg(long, requires = "execute", conflicts_with = "internal_topics")]
    pub delete_all_internal_topics: bool,
}

/// Exactly one of them.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Action {
    /// Only shows the new offsets.
    #[arg(long)]
    pub dry_run: bool,
    /// Sets them.
    #[arg(long)]
    pub execute: bool,
}

/// Resets, or shows what a reset would do.
pub(super) fn reset(arguments: &Reset, asked: &mut Asked) -> Result<Table, CliError> {
    let groups = arguments.groups.names(asked)?;
    for group in &groups {
        let members = asked.admin.members(group, asked.timeout)?;
        if let Some(member) = members.first() {
            let who = format!("{} at {}", member.client_id, member.host);
            return Err(CliError::InUse { group: group.clone(), members: members.len(), who });
        }
    }
    let plan = plan(arguments, &groups, asked)?;
    let mut table = Table::new(&["GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"]);
    for (group, offsets) in &plan {
        let row = |(at, offset): (&TopicPartition, &Offset)| {
            vec![json!(group), json!(&*at.topic), json!(at.partition), json!(offset)]
        };
        table.rows.extend(offsets.iter().map(row));
    }
    if arguments.action.execute {
        execute(arguments, &plan, asked, &mut table)?;
    }
    if arguments.export {
        // The lines instead of the table.
        table.columns.clear();
        let remarks = csv::write(&plan).lines().map(str::to_owned).collect();
        return Ok(Table { columns: Vec::new(), rows: Vec::new(), remarks, failed: false });
    }
    Ok(table)
}

fn plan(arguments: &Reset, groups: &[String], asked: &mut Asked) -> Result<Plan, CliError> {
    if let Some(path) = &arguments.scenario.from_file {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| CliError::File { path: name.clone(), error })?;
        return csv::read(&text, groups).map_err(|why| CliError::Plan { path: name, why });
    }
    if arguments.scope.is_empty() {
        return Err(CliError::NoScope);
    }
    let now = SystemClock.now_ms();
    let mut plan = BTreeMap::new();
    for group in groups {
        let committed = arguments.scope.partitions(asked, group)?;
        plan.insert(group.clone(), arguments.scenario.offsets(asked, now, &committed)?);
    }
    Ok(plan)
}

/// State first, then offsets, for the reason that `streams reset` gives.
fn execute(arguments: &Reset, plan: &Plan, asked: &mut Asked, table: &mut Table) -> Result<(), CliError> {
    for (group, offsets) in plan {
        if arguments.delete_all_internal_topics || !arguments.internal_topics.is_empty() {
            let topics = delete_internal(asked, group, &arguments.internal_topics)?;
            table.remarks.extend(topics.iter().map(|topic| format!("deleted topic {topic}")));
        }
        let offsets = offsets.iter().map(|(partition, offset)| OffsetToCommit {
            partition: partition.clone(),
            offset: *offset,
            metadata: String::new(),
        });
        asked.admin.commit_for(group, &offsets.collect::<Vec<_>>(), asked.timeout)?;
    }
    Ok(())
}
