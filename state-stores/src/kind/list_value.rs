//! The list-value store: a list of values for each key, which is added to and deleted as a whole
//! (`ListValueTable`). What an outer join keeps its records in that still wait for a partner.
//!
//! Key and value are the same bytes in the backend and in the changelog, so that it restores as a plain
//! key-value store. The value is the whole list, as Kafka's `ListSerde` writes elements of any length:
//! 0x01 ‖ int32 count ‖ (int32 length ‖ element)*, big-endian.

use std::ops::Bound;
use std::sync::Arc;

use super::delegate_state_store;
use super::scan::{InTable, StoreCursor};
use crate::backend::{Backend, BackendRef, Direction};
use crate::codec::{Codec, CodecError, CodecRef};
use crate::error::{Result, StoreError};
use crate::headers::Headers;
use crate::table::change::Tracking;
use crate::table::format::ValueFormat;
use crate::table::scan::TableScan;
use crate::table::{Table, TableSpec};

/// What clean entries may take unless the spec says otherwise.
const CACHE_BYTES: usize = 8 << 20;

/// The first byte of a list whose elements bring their lengths (`ListSerializer`'s strategy `VARIABLE_SIZE`).
const VARIABLE_SIZE: u8 = 1;

/// How a list-value store is opened.
pub struct ListValueSpec<K, T> {
    /// The name of the store, and of its keyspace.
    pub name: String,
    /// Where committed entries are.
    pub backend: BackendRef,
    /// How keys are serialized.
    pub key: CodecRef<K>,
    /// How one value of a list is serialized.
    pub value: CodecRef<T>,
    /// The most bytes that clean entries may take in memory; 0 keeps none.
    pub cache_bytes: usize,
}

impl<K, T> ListValueSpec<K, T> {
    /// A spec with 8 MiB of clean cache.
    pub fn new(name: impl Into<String>, backend: BackendRef, key: CodecRef<K>, value: CodecRef<T>) -> Self {
        ListValueSpec { name: name.into(), backend, key, value, cache_bytes: CACHE_BYTES }
    }
}

/// A map from `K` to lists of `T`, none of which is empty.
pub struct ListValueTable<K, T> {
    table: Table<Vec<T>>,
    key: CodecRef<K>,
    /// The serialized key of the current operation.
    scratch: Vec<u8>,
}

impl<K, T: Clone + 'static> ListValueTable<K, T> {
    /// Opens the store; what the backend holds for it is there at once.
    pub fn open(spec: ListValueSpec<K, T>) -> Result<Self> {
        let ListValueSpec { name, backend, key, value, cache_bytes } = spec;
        let format = ValueFormat::plain(Arc::new(ListCodec(value)));
        let (tracking, log_headers) = (Tracking::Off, false);
        let table = TableSpec { name, backend, format, cache_bytes, tracking, log_headers };
        Ok(ListValueTable { table: Table::open(table)?, key, scratch: Vec::new() })
    }

    /// Adds a value at the end of the key's list. `timestamp` is the time in ms of the record being processed.
    pub fn add(&mut self, key: &K, value: T, timestamp: i64) -> Result<()> {
        self.encode(key)?;
        let mut list = match self.table.get(&self.scratch)? {
            None => Vec::with_capacity(1),
            Some(list) => list.clone(),
        };
        list.push(value);
        self.table.put(&self.scratch, Some(list), timestamp, Headers::new())
    }

    /// Deletes a key's list without a look whether there is one.
    pub fn delete(&mut self, key: &K, timestamp: i64) -> Result<()> {
        self.encode(key)?;
        self.table.put(&self.scratch, None, timestamp, Headers::new())
    }

    /// Deletes the row that [`StoreError::Row`] names. `timestamp` is the time in ms of the record being processed.
    pub fn delete_row(&mut self, row: &[u8], timestamp: i64) {
        self.table.delete_row(row, timestamp);
    }

    /// Deletes a key's list if it has one, and else writes nothing; says whether it had. The list need not be readable.
    pub fn delete_if_present(&mut self, key: &K, timestamp: i64) -> Result<bool> {
        self.encode(key)?;
        match self.table.get(&self.scratch) {
            Ok(None) => return Ok(false),
            Ok(Some(_)) | Err(StoreError::Row { .. }) => {}
            Err(error) => return Err(error),
        }
        self.table.put(&self.scratch, None, timestamp, Headers::new())?;
        Ok(true)
    }

    /// A scan of the lists from a serialized key on, in the order of serialized keys.
    pub fn scan_from<'a>(&mut self, from: &[u8]) -> ListValueCursor<'a, K, T> {
        let range = (Bound::Included(from.to_vec()), Bound::Unbounded);
        StoreCursor::new(self.table.scan(vec![range], None, |_| true))
    }

    fn decode(&self, bytes: &[u8]) -> Result<K> {
        self.key.decode(bytes).map_err(|error| StoreError::of_row(self.table.name(), bytes, error))
    }

    fn encode(&mut self, key: &K) -> Result<()> {
        self.scratch.clear();
        self.key.encode(key, &mut self.scratch).map_err(|error| StoreError::of_key(self.table.name(), error))
    }
}

/// A scan of a list-value store.
pub type ListValueCursor<'a, K, T> = StoreCursor<'a, ListValueTable<K, T>>;

impl<K, T: Clone + 'static> InTable for ListValueTable<K, T> {
    type Entry = (K, Vec<T>);

    fn backend(&self) -> &BackendRef {
        self.table.backend()
    }

    fn step<'a>(
        &self,
        scan: &mut TableScan<'a>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<Self::Entry>> {
        scan.step(&self.table, backend, from, |local, list| Ok((self.decode(local)?, list)))
    }
}

delegate_state_store!(ListValueTable<K>);

/// Lists as Kafka's `ListSerde` of byte arrays writes them.
struct ListCodec<T>(CodecRef<T>);

impl<T> Codec<Vec<T>> for ListCodec<T> {
    fn checks(&self) -> bool {
        self.0.checks()
    }

    // The others were checked when they were put.
    fn check(&self, list: &Vec<T>) -> std::result::Result<(), CodecError> {
        list.last().map_or(Ok(()), |last| self.0.check(last))
    }

    fn encode(&self, list: &Vec<T>, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> {
        out.push(VARIABLE_SIZE);
        out.extend_from_slice(&int32(list.len())?.to_be_bytes());
        for value in list {
            let start = out.len();
            out.extend_from_slice(&[0; size_of::<i32>()]);
            self.0.encode(value, out)?;
            let length = int32(out.len() - start - size_of::<i32>())?;
            out[start..start + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> std::result::Result<Vec<T>, CodecError> {
        let mut rest = match bytes.split_first() {
            Some((&VARIABLE_SIZE, rest)) => rest,
            _ => return Err(CodecError::new("a list that does not begin with 01")),
        };
        let count = take_int32(&mut rest)?;
        let mut list = Vec::with_capacity(count.min(rest.len()));
        for _ in 0..count {
            let length = take_int32(&mut rest)?;
            let (value, after) = rest.split_at_checked(length).ok_or_else(too_short)?;
            list.push(self.0.decode(value)?);
            rest = after;
        }
        if rest.is_empty() { Ok(list) } else { Err(CodecError::new("bytes after the end of a list")) }
    }
}

fn int32(number: usize) -> std::result::Result<i32, CodecError> {
    i32::try_from(number).map_err(|_| CodecError::new("a list is longer than an int32 can say"))
}

fn take_int32(bytes: &mut &[u8]) -> std::result::Result<usize, CodecError> {
    let (number, rest) = bytes.split_first_chunk().ok_or_else(too_short)?;
    *bytes = rest;
    usize::try_from(i32::from_be_bytes(*number)).map_err(|_| CodecError::new("a list with a negative length"))
}

fn too_short() -> CodecError {
    CodecError::new("a list that ends too early")
}
