//! Scans of stores, which may change meanwhile.
//!
//! A scan is a [`Cursor`]: a position between the entries of a store, apart from the store itself, which is borrowed for each
//! step only. [`Entries`] is the iterator over a store that is borrowed throughout. Whatever is put between two steps:
//!
//! 1. A scan gives the keys that were there when it began, each once, in order.
//! 2. A key that is updated meanwhile has the value of the moment at which the scan comes to it; one that is deleted is left
//!    out; a new one is not seen, so that a loop that puts what it scans ends.
//! 3. If there is a commit meanwhile, or a rollback, keys that the scan has not come to are as the commit or rollback left
//!    them.
//!
//! The memory of a scan does not depend on how much it gives: it reads the overlay in place, and one row of the backend at a
//! time. Each end has its own iterator of the backend, which is opened when that end is first used.

use crate::backend::{Backend, Direction};
use crate::error::Result;

/// A scan under way.
pub trait Cursor<'a> {
    /// What it scans.
    type Store;
    /// What it gives.
    type Entry;

    /// The next entry from the front ([`Direction::Forward`]) or from the back. `store` and `backend`, where that keeps its
    /// committed entries, are the same in each call. An entry that cannot be read back is an error, after which the scan
    /// may continue; after an error of the backend it has ended.
    fn step(
        &mut self,
        store: &Self::Store,
        backend: &'a dyn Backend,
        from: Direction,
    ) -> Option<Result<Self::Entry>>;
}

/// The entries of a store that does not change meanwhile, from the front or from the back.
pub struct Entries<'a, C: Cursor<'a>> {
    store: &'a C::Store,
    backend: &'a dyn Backend,
    cursor: C,
}

impl<'a, C: Cursor<'a>> Entries<'a, C> {
    pub(crate) fn new(store: &'a C::Store, backend: &'a dyn Backend, cursor: C) -> Self {
        Entries { store, backend, cursor }
    }
}

impl<'a, C: Cursor<'a>> Iterator for Entries<'a, C> {
    type Item = Result<C::Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.step(self.store, self.backend, Direction::Forward)
    }
}

impl<'a, C: Cursor<'a>> DoubleEndedIterator for Entries<'a, C> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.cursor.step(self.store, self.backend, Direction::Backward)
    }
}
