//! A window store that the user brings to a stream-stream join
//! (`org.apache.kafka.streams.state.WindowBytesStoreSupplier`).

use std::time::Duration;

use super::StoreType;
use crate::windows::{JoinWindows, to_ms};

/// A window store for one side of a stream-stream join: where it is, what it is called, how long it keeps records
/// (`org.apache.kafka.streams.state.WindowBytesStoreSupplier`).
///
/// It must fit the join's windows: as long as they are, kept for as long as they and their grace, with duplicates. Its
/// changelog has Kafka Streams' settings for window stores, whatever [`StreamJoined`](super::StreamJoined) says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowBytesStoreSupplier {
    pub(crate) name: String,
    pub(crate) store_type: StoreType,
    pub(crate) retention_ms: i64,
    pub(crate) window_size_ms: i64,
    pub(crate) retain_duplicates: bool,
}

impl WindowBytesStoreSupplier {
    /// A store in RocksDB (`Stores.persistentWindowStore`).
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let windows = JoinWindows::of_time_difference_and_grace(minutes(10), minutes(1));
    /// let orders = WindowBytesStoreSupplier::persistent("orders-of-late", minutes(21), minutes(20), true);
    /// let joined: StreamJoined<String, String, i64> = StreamJoined::new().with_this_store_supplier(orders);
    /// # drop((windows, joined));
    /// ```
    pub fn persistent(
        name: &str,
        retention: Duration,
        window_size: Duration,
        retain_duplicates: bool,
    ) -> Self {
        WindowBytesStoreSupplier {
            name: name.to_owned(),
            store_type: StoreType::RocksDb,
            retention_ms: to_ms(retention),
            window_size_ms: to_ms(window_size),
            retain_duplicates,
        }
    }

    /// A store in memory (`Stores.inMemoryWindowStore`).
    pub fn in_memory(
        name: &str,
        retention: Duration,
        window_size: Duration,
        retain_duplicates: bool,
    ) -> Self {
        let persistent = Self::persistent(name, retention, window_size, retain_duplicates);
        WindowBytesStoreSupplier { store_type: StoreType::InMemory, ..persistent }
    }

    /// What keeps it from serving a join with these windows (`KStreamImplJoin.assertWindowSettings`).
    pub(crate) fn check(&self, windows: &JoinWindows) -> Result<(), String> {
        let name = &self.name;
        if !self.retain_duplicates {
            return Err(format!(
                "store {name} must retain duplicates, as records of the same key and time are joined each"
            ));
        }
        if (self.retention_ms, self.window_size_ms) != (windows.retention_ms(), windows.size_ms()) {
            return Err(format!(
                "store {name} has windows of {} ms and keeps them for {} ms, but the join needs {} ms and {} ms",
                self.window_size_ms,
                self.retention_ms,
                windows.size_ms(),
                windows.retention_ms()
            ));
        }
        Ok(())
    }
}
