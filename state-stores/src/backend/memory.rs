//! A backend that keeps everything in memory and forgets it when it is dropped.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::batch::{Batch, Write};
use super::{Backend, Direction, KeyRange, Keyspace, RawEntry, Scan, is_empty_range};
use crate::error::{Result, StoreError};

/// How many entries a scan copies under one lock, so that no scan blocks writers for long.
const CHUNK_ENTRIES: usize = 256;

type Map = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// Keyspaces of ordered bytes in memory.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    // One lock over all keyspaces, which makes a batch atomic for readers.
    keyspaces: RwLock<Vec<(Box<str>, Map)>>,
}

impl MemoryBackend {
    /// A backend without keyspaces.
    pub fn new() -> Self {
        MemoryBackend::default()
    }

    // A panic of another thread cannot leave a map half changed, so poisoning is ignored.
    fn read(&self) -> RwLockReadGuard<'_, Vec<(Box<str>, Map)>> {
        self.keyspaces.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Vec<(Box<str>, Map)>> {
        self.keyspaces.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn chunk(&self, keyspace: Keyspace, range: KeyRange<'_>, direction: Direction) -> Result<Vec<RawEntry>> {
        let keyspaces = self.read();
        let (_, map) = keyspaces.get(keyspace.0 as usize).ok_or_else(|| unknown(keyspace))?;
        if is_empty_range(&range) {
            return Ok(Vec::new());
        }
        let copies = map.range::<[u8], _>(range).map(|(key, value)| (key.clone(), value.clone()));
        Ok(match direction {
            Direction::Forward => copies.take(CHUNK_ENTRIES).collect(),
            Direction::Backward => copies.rev().take(CHUNK_ENTRIES).collect(),
        })
    }
}

fn unknown(keyspace: Keyspace) -> StoreError {
    StoreError::NoKeyspace { place: "memory".into(), keyspace: keyspace.0 }
}

impl Backend for MemoryBackend {
    fn keyspace(&self, name: &str) -> Result<Keyspace> {
        let mut keyspaces = self.change();
        let known = keyspaces.iter().position(|(of, _)| &**of == name);
        let position = known.unwrap_or_else(|| {
            keyspaces.push((name.into(), Map::new()));
            keyspaces.len() - 1
        });
        Ok(Keyspace(position as u32))
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let keyspaces = self.read();
        let (_, map) = keyspaces.get(keyspace.0 as usize).ok_or_else(|| unknown(keyspace))?;
        Ok(map.get(key).map(|value| value.to_vec()))
    }

    fn scan(&self, keyspace: Keyspace, range: KeyRange<'_>, direction: Direction) -> Result<Scan<'_>> {
        let chunk = self.chunk(keyspace, range, direction)?;
        let (lower, upper) = (range.0.map(Box::from), range.1.map(Box::from));
        Ok(Box::new(ChunkedScan {
            backend: self,
            keyspace,
            direction,
            lower,
            upper,
            chunk: chunk.into_iter(),
        }))
    }

    fn write(&self, batch: &Batch) -> Result<()> {
        let mut keyspaces = self.change();
        let count = keyspaces.len();
        let keyspace_of = |write: &Write<'_>| match write {
            Write::Put(of, ..) | Write::Delete(of, _) | Write::DeleteRange(of, ..) => *of,
        };
        // Checked before anything is changed, because a batch is applied as a whole or not at all.
        if let Some(bad) = batch.writes().map(|write| keyspace_of(&write)).find(|of| of.0 as usize >= count) {
            return Err(unknown(bad));
        }
        for write in batch.writes() {
            let map = &mut keyspaces[keyspace_of(&write).0 as usize].1;
            match write {
                Write::Put(_, key, value) => {
                    map.insert(key.into(), value.into());
                }
                Write::Delete(_, key) => {
                    map.remove(key);
                }
                Write::DeleteRange(_, from, to) if from < to => {
                    let mut expired = map.split_off(from);
                    let mut kept = expired.split_off(to);
                    map.append(&mut kept);
                }
                Write::DeleteRange(..) => {}
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64> {
        let keyspaces = self.read();
        let entries = keyspaces.iter().flat_map(|(_, map)| map);
        Ok(entries.map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> Result<u64> {
        let keyspaces = self.read();
        let (_, map) = keyspaces.get(keyspace.0 as usize).ok_or_else(|| unknown(keyspace))?;
        Ok(map.len() as u64)
    }
}

/// Copies a range chunk by chunk; writers proceed between chunks.
struct ChunkedScan<'a> {
    backend: &'a MemoryBackend,
    keyspace: Keyspace,
    direction: Direction,
    lower: Bound<Box<[u8]>>,
    upper: Bound<Box<[u8]>>,
    chunk: std::vec::IntoIter<RawEntry>,
}

impl Iterator for ChunkedScan<'_> {
    type Item = Result<RawEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.chunk.next()?;
        if self.chunk.len() == 0 {
            let passed = Bound::Excluded(entry.0.clone());
            match self.direction {
                Direction::Forward => self.lower = passed,
                Direction::Backward => self.upper = passed,
            }
            let range = (self.lower.as_ref().map(|key| &**key), self.upper.as_ref().map(|key| &**key));
            match self.backend.chunk(self.keyspace, range, self.direction) {
                Ok(chunk) => self.chunk = chunk.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(entry))
    }
}
