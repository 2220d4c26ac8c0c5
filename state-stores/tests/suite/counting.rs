//! A backend that counts what is read of it.

use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};

use state_stores::{Backend, BackendRef, Batch, Direction, Keyspace, Result, Scan};

#[derive(Debug)]
pub struct Counting {
    inner: BackendRef,
    gets: AtomicU64,
    scans: AtomicU64,
    rows: AtomicU64,
}

impl Counting {
    pub fn new(inner: BackendRef) -> Self {
        Counting { inner, gets: AtomicU64::new(0), scans: AtomicU64::new(0), rows: AtomicU64::new(0) }
    }

    pub fn gets(&self) -> u64 {
        self.gets.load(Ordering::Relaxed)
    }

    /// How many scans have been begun.
    pub fn scans(&self) -> u64 {
        self.scans.load(Ordering::Relaxed)
    }

    /// How many rows scans have read.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

impl Backend for Counting {
    fn keyspace(&self, name: &str) -> Result<Keyspace> {
        self.inner.keyspace(name)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.gets.fetch_add(1, Ordering::Relaxed);
        self.inner.get(keyspace, key)
    }

    fn scan(
        &self,
        keyspace: Keyspace,
        range: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
    ) -> Result<Scan<'_>> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        let rows = self.inner.scan(keyspace, range, direction)?;
        Ok(Box::new(rows.inspect(|_| {
            self.rows.fetch_add(1, Ordering::Relaxed);
        })))
    }

    fn write(&self, batch: &Batch) -> Result<()> {
        self.inner.write(batch)
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    fn disk_bytes(&self) -> Result<u64> {
        self.inner.disk_bytes()
    }

    fn approximate_num_entries(&self, keyspace: Keyspace) -> Result<u64> {
        self.inner.approximate_num_entries(keyspace)
    }
}
