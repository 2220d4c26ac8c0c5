//! The time of the record at hand, shared by a task and its store handles.

use std::cell::{Cell, RefCell};

use crate::record::Headers;
use crate::time::Timestamp;

/// The timestamp and headers of the record at hand: what plain stores log their changes with.
#[derive(Debug, Default)]
pub struct RecordClock {
    timestamp: Cell<Timestamp>,
    headers: RefCell<Headers>,
}

impl RecordClock {
    /// The timestamp of the record at hand.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp.get()
    }

    /// Whether it has that time and those very headers.
    #[inline]
    pub(crate) fn is_at(&self, timestamp: Timestamp, headers: &Headers) -> bool {
        self.timestamp.get() == timestamp && self.headers.borrow().is_same(headers)
    }

    /// Its headers.
    pub fn headers(&self) -> Headers {
        self.headers.borrow().clone()
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
