//! What the databases of closed processes hold, as the rows of results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use state_stores::offsets::read_offsets;
use state_stores::{
    BackendRef, Codec, CodecError, CodecRef, KeyValueSpec, KeyValueTable, RocksBackend, RocksMemory,
    StoreError, ValueAndTimestamp, ValueFormat, WindowSpec, WindowTable,
};
use tests::apps::WINDOW_MS;

use crate::world::APP;

/// Of the windows and their grace, as the application has them.
const RETENTION_MS: i64 = WINDOW_MS + 24 * 60 * 60 * 1_000;

/// Rows by key.
pub(crate) type Rows = BTreeMap<String, String>;

struct Text;

impl Codec<String> for Text {
    fn encode(&self, value: &String, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(value.as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<String, CodecError> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

struct Long;

impl Codec<i64> for Long {
    fn encode(&self, value: &i64, out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(value.to_be_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<i64, CodecError> {
        bytes.try_into().map(i64::from_be_bytes).map_err(|_| CodecError::new("no eight bytes"))
    }
}

/// The chains and the counts in the databases that had each task last; of the states of several processes, that is the
/// one that has come farthest with the task's changelog.
pub(crate) fn rows(states: &[PathBuf]) -> Result<(Rows, Rows), StoreError> {
    let changelog = format!("{APP}-chains-changelog");
    let mut last: BTreeMap<i32, (i64, Rows, Rows)> = BTreeMap::new();
    for folder in states.iter().flat_map(|state| databases(&state.join(APP))) {
        // One that was damaged after its task had moved away is nobody's; if it were, its rows would be missed.
        let Ok(backend) = RocksBackend::open(&folder, &RocksMemory::new(8 << 20, 8 << 20)) else { continue };
        let backend: BackendRef = Arc::new(backend);
        let stored = read_offsets(&*backend)?;
        let Some(at) = stored.iter().find(|stored| stored.topic == changelog) else { continue };
        if last.get(&at.partition).is_none_or(|(offset, ..)| *offset < at.offset) {
            last.insert(at.partition, (at.offset, chains(&backend)?, counts(&backend)?));
        }
    }
    let mut all = (Rows::new(), Rows::new());
    for (_, chains, counts) in last.into_values() {
        all.0.extend(chains);
        all.1.extend(counts);
    }
    Ok(all)
}

fn databases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_one = |path: &PathBuf| {
        // What was put aside is not read again.
        path.join("CURRENT").exists() && !path.to_string_lossy().contains(".damaged-")
    };
    entries.map(|entry| entry.path()).filter(is_one).collect()
}

fn chains(backend: &BackendRef) -> Result<Rows, StoreError> {
    let text: CodecRef<String> = Arc::new(Text);
    let format = ValueFormat::timestamped(Arc::clone(&text));
    let spec = KeyValueSpec::new("chains", Arc::clone(backend), text, format);
    let mut store: KeyValueTable<String, ValueAndTimestamp<String>> = KeyValueTable::open(spec)?;
    store.all().over(&store).map(|entry| entry.map(|(key, row)| (key, row.value))).collect()
}

fn counts(backend: &BackendRef) -> Result<Rows, StoreError> {
    let (text, format) = (Arc::new(Text), ValueFormat::timestamped(Arc::new(Long)));
    let spec = WindowSpec::new("windows", Arc::clone(backend), text, format, RETENTION_MS);
    let mut store: WindowTable<String, ValueAndTimestamp<i64>> = WindowTable::open(spec)?;
    let row = |((key, start), count): ((String, i64), ValueAndTimestamp<i64>)| {
        (format!("{key}@{start}"), count.value.to_string())
    };
    store.all().over(&store).map(|entry| entry.map(row)).collect()
}
