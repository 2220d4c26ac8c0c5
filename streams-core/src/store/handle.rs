//! What the handles of all kinds of stores are made of.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use state_stores::cursor::Cursor;
use state_stores::{BackendRef, Direction, StateStore, StoreError};

use crate::error::{Error, Result};
use crate::ids::TaskId;

/// A store of one task. Clones are the same store.
pub(super) struct Handle<S> {
    store: Rc<RefCell<S>>,
    backend: BackendRef,
    name: Arc<str>,
    task: TaskId,
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Handle {
            store: Rc::clone(&self.store),
            backend: BackendRef::clone(&self.backend),
            name: Arc::clone(&self.name),
            task: self.task,
        }
    }
}

impl<S: StateStore> Handle<S> {
    /// A handle of a store that has been opened for that task.
    pub(super) fn new(store: Rc<RefCell<S>>, task: TaskId) -> Self {
        let (name, backend) = {
            let store = store.borrow();
            (store.name().into(), BackendRef::clone(store.backend()))
        };
        Handle { store, backend, name, task }
    }
}

impl<S> Handle<S> {
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Calls the store.
    pub(super) fn run<R>(&self, call: impl FnOnce(&mut S) -> state_stores::Result<R>) -> Result<R> {
        let store = self.store.try_borrow_mut();
        let mut store = store.map_err(|_| self.failed(in_use(&self.name)))?;
        call(&mut store).map_err(|source| self.failed(source))
    }

    /// The entries of a scan, which borrows the store for each step only.
    pub(super) fn scan<'a, C: Cursor<'a, Store = S>>(
        &'a self,
        begin: impl FnOnce(&mut S) -> state_stores::Result<C>,
    ) -> Result<StoreScan<'a, C>> {
        Ok(StoreScan { cursor: Some(self.run(begin)?), handle: self })
    }

    /// What has gone wrong with the store.
    pub(super) fn failed(&self, cause: StoreError) -> Error {
        Error::Store { task: self.task, cause }
    }
}

fn in_use(store: &str) -> StoreError {
    StoreError::InUse { store: store.to_owned() }
}

/// A scan through a handle.
pub(super) struct StoreScan<'a, C: Cursor<'a>> {
    handle: &'a Handle<C::Store>,
    /// `None` after it was asked while the store was in use: a loop over errors would not end.
    cursor: Option<C>,
}

impl<'a, C: Cursor<'a>> StoreScan<'a, C> {
    fn step(&mut self, from: Direction) -> Option<Result<C::Entry>> {
        let (handle, cursor) = (self.handle, self.cursor.as_mut()?);
        let Ok(store) = handle.store.try_borrow() else {
            self.cursor = None;
            return Some(Err(handle.failed(in_use(&handle.name))));
        };
        let entry = cursor.step(&store, &*handle.backend, from)?;
        Some(entry.map_err(|source| handle.failed(source)))
    }
}

impl<'a, C: Cursor<'a>> Iterator for StoreScan<'a, C> {
    type Item = Result<C::Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Direction::Forward)
    }
}

impl<'a, C: Cursor<'a>> DoubleEndedIterator for StoreScan<'a, C> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(Direction::Backward)
    }
}

#[cfg(test)]
mod tests;
