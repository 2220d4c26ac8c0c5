//! How a store is kept, whatever its kind.

use std::collections::BTreeMap;

use super::StorePlace;

/// How a store is kept, whatever its kind: its changelog, its cache, its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Settings of the changelog topic in addition to Kafka Streams' own. `None` keeps no changelog: the state is lost with
    /// the machine.
    pub logging: Option<BTreeMap<String, String>>,
    /// Whether updates wait in the record cache, so that only the last one between two flushes is forwarded. Without
    /// effect on kinds of stores that have no cache.
    pub caching: bool,
    /// Where the store keeps its committed entries; `None` is the default place.
    pub place: Option<StorePlace>,
    /// Whether updates that leave the cache carry the value that they replace.
    #[doc(hidden)]
    pub track_old_values: bool,
    /// Whether changelog records carry the headers of the current record.
    #[doc(hidden)]
    pub log_headers: bool,
}

impl Default for StoreOptions {
    /// A logged, uncached store at the default place.
    fn default() -> Self {
        StoreOptions {
            logging: Some(BTreeMap::new()),
            caching: false,
            place: None,
            track_old_values: false,
            log_headers: false,
        }
    }
}
