//! A record on its way through a topology, and where it came from.

use crate::ids::{Offset, PartitionId, TopicName};
use crate::time::{IntoTimestamp, Timestamp};

pub use state_stores::headers::{Header, Headers};

/// What keys and values of a topology can be: anything owned that can be cloned. A clone is made only where a node
/// has several children.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key or a value",
    label = "neither key nor value",
    note = "keys and values are cloned where a node has several children, and belong to nobody else: derive `Clone`, and \
            hold no references (`String` instead of `&str`)"
)]
pub trait Data: Clone + 'static {}

impl<T: Clone + 'static> Data for T {}

/// A key, a value, a timestamp and headers (`org.apache.kafka.streams.processor.api.Record`).
///
/// A type that may be null is an `Option`: `Record<Option<String>, i64>` has a key that may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<K, V> {
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
    /// Event time in milliseconds since 1970; never negative.
    pub timestamp: Timestamp,
    /// The headers; forwarded with the record unless replaced.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    #[inline]
    pub fn new(key: K, value: V, timestamp: impl IntoTimestamp) -> Self {
        Record { key, value, timestamp: timestamp.into_timestamp(), headers: Headers::new() }
    }

    /// The same record with another key.
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record at another time.
    #[inline]
    pub fn with_timestamp(mut self, timestamp: impl IntoTimestamp) -> Self {
        self.timestamp = timestamp.into_timestamp();
        self
    }

    /// The same record with other headers.
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }
}

/// Where the record that is being processed was read (`RecordMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// Its topic.
    pub topic: TopicName,
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset.
    pub offset: Offset,
}

/// The two sides of a table update (`org.apache.kafka.streams.kstream.internals.Change`).
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<V> {
    /// The value from now on; `None` deletes the row.
    pub new: Option<V>,
    /// The value until now; `None` also where the receiver did not ask for it.
    pub old: Option<V>,
    /// Whether no later version of the row exists; false only for out-of-order updates of versioned tables.
    pub is_latest: bool,
}

impl<V> Change<V> {
    /// A change to the latest version.
    pub fn new(new: Option<V>, old: Option<V>) -> Self {
        Change { new, old, is_latest: true }
    }
}
