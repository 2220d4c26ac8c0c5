//! Scans of stores that keep their entries in one table.

use std::marker::PhantomData;

use crate::backend::{Backend, BackendRef, Direction};
use crate::cursor::{Cursor, Entries};
use crate::error::{Result, StoreError};
use crate::overlay::KeyBytes;
use crate::table::scan::TableScan;

/// A row that is gathered although its value cannot be read back, with the error in the value's place.
pub(super) fn unreadable<T>(error: StoreError) -> Result<(KeyBytes, Result<T>)> {
    match &error {
        StoreError::Row { row, .. } => Ok((KeyBytes::from_slice(row), Err(error))),
        _ => Err(error),
    }
}

/// A store that keeps its entries in one table.
pub trait InTable {
    /// What scans give.
    type Entry;

    /// Where the table keeps its committed entries.
    fn backend(&self) -> &BackendRef;

    /// The next entry of a scan of the table.
    fn step<'a>(
        &self,
        scan: &mut TableScan<'a>,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<Self::Entry>>;
}

/// A scan of a store of type `S`. [`crate::cursor`] has the rules.
pub struct StoreCursor<'a, S> {
    scan: TableScan<'a>,
    store: PhantomData<fn(&S)>,
}

impl<'a, S: InTable> StoreCursor<'a, S> {
    pub(super) fn new(scan: TableScan<'a>) -> Self {
        StoreCursor { scan, store: PhantomData }
    }

    /// The entries of the store that was scanned, which does not change meanwhile.
    pub fn over(self, store: &'a S) -> Entries<'a, Self> {
        Entries::new(store, &**store.backend(), self)
    }
}

impl<'a, S: InTable> Cursor<'a> for StoreCursor<'a, S> {
    type Store = S;
    type Entry = S::Entry;

    fn step(&mut self, store: &S, backend: &'a dyn Backend, from: Direction) -> Option<Result<S::Entry>> {
        store.step(&mut self.scan, backend, from)
    }
}
