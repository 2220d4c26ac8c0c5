//! A database that is only looked at, for tools: nothing is locked, written or repaired, and its owner may be running.

use std::path::{Path, PathBuf};

use rocksdb::{DBWithThreadMode, IteratorMode, Options, SingleThreaded};

use super::failure;
use crate::backend::Scan;
use crate::error::{Result, StoreError};

/// A database as it was when it was opened here.
pub struct RocksReader {
    rocks: DBWithThreadMode<SingleThreaded>,
    dir: PathBuf,
    names: Vec<String>,
}

impl RocksReader {
    /// Opens the database of a directory.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref().to_path_buf();
        let options = Options::default();
        let failed = |error| failure::of_open(&dir, error);
        let names = DBWithThreadMode::<SingleThreaded>::list_cf(&options, &dir).map_err(failed)?;
        let rocks = DBWithThreadMode::open_cf_for_read_only(&options, &dir, &names, false).map_err(failed)?;
        Ok(RocksReader { rocks, dir, names })
    }

    /// The names of the keyspaces there are.
    pub fn keyspaces(&self) -> impl Iterator<Item = &str> {
        let own = self.names.iter().map(String::as_str);
        own.filter(|name| *name != rocksdb::DEFAULT_COLUMN_FAMILY_NAME)
    }

    /// All entries of a keyspace by ascending keys; nothing if there is no such keyspace.
    pub fn scan(&self, keyspace: &str) -> Scan<'_> {
        let Some(family) = self.rocks.cf_handle(keyspace) else { return Box::new(std::iter::empty()) };
        let entries = self.rocks.iterator_cf(family, IteratorMode::Start);
        Box::new(entries.map(|entry| {
            entry.map_err(|source| {
                failure::of_use(&self.dir, &source).unwrap_or_else(|| StoreError::Backend {
                    place: self.dir.display().to_string(),
                    attempted: "scan a keyspace",
                    cause: Box::new(source),
                })
            })
        }))
    }
}
