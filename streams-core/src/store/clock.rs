//! The time of the current record, shared by a task and its store handles.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::record::Headers;
use crate::time::Timestamp;

/// The timestamp and headers of the current record, with which plain stores log their changes.
#[derive(Debug, Default)]
pub struct RecordClock {
    timestamp: Cell<Timestamp>,
    headers: RefCell<Headers>,
    /// How many records stores have refused since the task last checked, because they are older than what the stores keep.
    expired: Cell<u64>,
    /// The store of the last of them.
    expired_store: RefCell<Option<Arc<str>>>,
}

impl RecordClock {
    /// The timestamp of the current record.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp.get()
    }

    /// Whether it has that time and the same headers.
    #[inline]
    pub(crate) fn is_at(&self, timestamp: Timestamp, headers: &Headers) -> bool {
        self.timestamp.get() == timestamp && self.headers.borrow().is_same(headers)
    }

    /// Its headers.
    pub fn headers(&self) -> Headers {
        self.headers.borrow().clone()
    }

    /// Counts a record that a store refused because it is older than what the store keeps.
    #[cold]
    pub(crate) fn note_expired(&self, store: &str) {
        self.expired.set(self.expired.get() + 1);
        *self.expired_store.borrow_mut() = Some(store.into());
    }

    /// How many such records there were since they were taken.
    #[inline]
    pub(crate) fn expired(&self) -> u64 {
        self.expired.get()
    }

    /// Takes their number.
    #[inline]
    pub(crate) fn take_expired(&self) -> u64 {
        self.expired.take()
    }

    /// The store of the last of them.
    pub(crate) fn expired_store(&self) -> Arc<str> {
        self.expired_store.borrow().clone().unwrap_or_default()
    }

    /// Sets the timestamp.
    pub fn set_timestamp(&self, timestamp: Timestamp) {
        self.timestamp.set(timestamp);
    }

    /// Sets the headers.
    pub fn set_headers(&self, headers: &Headers) {
        let mut current = self.headers.borrow_mut();
        if !(current.is_empty() && headers.is_empty()) {
            *current = headers.clone();
        }
    }
}
