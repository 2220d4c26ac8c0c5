//! `streams dump store`: rows of a store on disk. Its folder is only read, and its application may be running: then the rows
//! are those that were in the database when the command began, which lags what is committed by up to a second or so.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use state_stores::RocksReader;
use state_stores::keyspaces::store_keyspace_name;
use state_stores::metadata::{LAYOUT_VERSION, METADATA_KEYSPACE};
use state_stores::offsets::OFFSETS_KEYSPACE;

use super::rows::Kind;
use super::types::Type;
use super::{Format, Line};
use crate::error::CliError;

/// Which store, and how its rows are shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// The application's `state.dir`.
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: PathBuf,
    /// The application.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub application_id: String,
    /// Only this task, as 0_1, or `global`.
    #[arg(long, value_name = "TASK")]
    pub task: Option<String>,
    /// The store; without one, lists the stores that there are, and up to which offsets they are current.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// What kind of store it is.
    #[arg(long, value_enum, default_value = "timestamped")]
    pub kind: Kind,
    /// Types and limits.
    #[command(flatten)]
    pub format: Format,
}

/// The databases of the application, by task.
fn databases(arguments: &Arguments) -> Result<Vec<(String, PathBuf)>, CliError> {
    let root = arguments.state_dir.join(&arguments.application_id);
    let failed = |error| CliError::File { path: root.display().to_string(), error };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&root).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let task = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_wanted =
            arguments.task.as_ref().map_or_else(|| !task.contains(".damaged-"), |only| *only == task);
        if is_wanted && path.join("CURRENT").exists() {
            found.push((task, path));
        }
    }
    found.sort();
    if found.is_empty() { Err(CliError::NoDatabase(root.display().to_string())) } else { Ok(found) }
}

/// Writes the rows of each task in the order of their keys.
pub(super) fn dump(arguments: &Arguments, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let mut left = arguments.format.max.unwrap_or(u64::MAX);
    let mut found = false;
    for (task, folder) in databases(arguments)? {
        let database = open(&folder)?;
        let Some(store) = &arguments.store else {
            list(&task, &database, json, out)?;
            continue;
        };
        let keyspace = store_keyspace_name(store);
        if !database.keyspaces().any(|name| name == keyspace) {
            continue;
        }
        found = true;
        for entry in database.scan(&keyspace) {
            if left == 0 {
                return Ok(());
            }
            let (key, value) = entry?;
            let format = &arguments.format;
            let Some(row) = arguments.kind.show(format.key, format.value, &key, &value) else { continue };
            if !format.takes_shown(&row.key) {
                continue;
            }
            let mut shown = json!({"task": task, "key": row.key, "value": row.value});
            if let Some(timestamp) = row.timestamp {
                shown["timestamp"] = timestamp.into();
            }
            Line(&shown).write(json, out)?;
            left -= 1;
        }
    }
    match &arguments.store {
        Some(store) if !found => Err(CliError::NoStore(store.clone())),
        _ => Ok(()),
    }
}

/// Opens a database of the layout that this version writes.
fn open(folder: &Path) -> Result<RocksReader, CliError> {
    let database = RocksReader::open(folder)?;
    let mut layout = None;
    for entry in database.scan(METADATA_KEYSPACE) {
        let (name, version) = entry?;
        if *name == *b"layout" {
            layout = Some(String::from_utf8_lossy(&version).into_owned());
        }
    }
    match layout.as_deref() {
        None | Some(LAYOUT_VERSION) => Ok(database),
        Some(other) => {
            Err(CliError::Layout { folder: folder.display().to_string(), version: other.to_owned() })
        }
    }
}

/// The stores of a task, with the entries of each and the changelog offsets that they are current to.
fn list(task: &str, database: &RocksReader, json: bool, out: &mut dyn Write) -> Result<(), CliError> {
    let prefix = store_keyspace_name("");
    let mut names: Vec<&str> = database.keyspaces().filter_map(|name| name.strip_prefix(&prefix)).collect();
    names.sort_unstable();
    for store in names {
        let mut rows = 0_u64;
        for entry in database.scan(&store_keyspace_name(store)) {
            entry?;
            rows += 1;
        }
        Line(&json!({"task": task, "store": store, "rows": rows})).write(json, out)?;
    }
    for entry in database.scan(OFFSETS_KEYSPACE) {
        let (partition, offset) = entry?;
        let offset = Type::Long.show(&offset);
        let partition: Value = String::from_utf8_lossy(&partition).into_owned().into();
        Line(&json!({"task": task, "partition": partition, "offset": offset})).write(json, out)?;
    }
    Ok(())
}
