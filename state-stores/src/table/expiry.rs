//! What a table knows of the time of its entries: nothing ([`Untimed`]), or when they expire
//! ([`Timed`](super::timed::Timed)).

use crate::backend::Keyspace;
use crate::backend::batch::Batch;
use crate::overlay::Overlay;

/// Reads the time (a window's start, a session's end) of a changelog key.
pub(crate) type TimeOf = fn(&[u8]) -> Option<i64>;

/// Whether a local key is asked for.
pub(crate) type Wanted = Box<dyn Fn(&[u8]) -> bool>;

/// When the entries of a table expire. Keys are local keys.
pub(crate) trait Expiry {
    /// How many bytes of a local key stand in front of the changelog key.
    const PREFIX_BYTES: usize;

    /// Whether the backend has nothing under a key that the overlay does not have.
    fn knows_absent(&self, key: &[u8]) -> bool;

    /// Whether reads do not see what the backend has under a key.
    fn hides_stored(&self, key: &[u8]) -> bool;

    /// How to read times, and the earliest one that scans see of the backend, if it has others.
    fn stored_from(&self) -> Option<(TimeOf, i64)>;

    /// Whether all entries from a time on are in memory.
    fn is_in_memory(&self, from_ms: i64) -> bool;

    /// Tells which rows of the keyspace are entries that have not expired.
    fn live(&self) -> Wanted;

    /// Whether the entry of a key is no longer written to the backend.
    fn has_expired(&self, key: &[u8]) -> bool;

    /// Whether a key has the observed stream time: its changelog record tells a restored store of it.
    fn is_latest(&self, key: &[u8]) -> bool;

    /// Notes that an entry leaves the cache for the store, and whether it `changes` the store. Returns whether the store
    /// still keeps entries of its time.
    fn pass(&mut self, key: &[u8], changes: bool) -> bool;

    /// Notes that the entry of a key is no longer in memory.
    fn forget(&mut self, key: &[u8]);

    /// Keeps the clean entries within `cache_bytes`, which they may exceed by `slack_bytes`. Returns whether some went.
    fn trim<T>(&mut self, overlay: &mut Overlay<T>, cache_bytes: usize, slack_bytes: usize) -> bool;

    /// Stages what the backend keeps of time.
    fn stage(&mut self, keyspace: Keyspace, batch: &mut Batch);

    /// What was staged is in the backend.
    fn committed(&mut self);

    /// What was not committed is forgotten.
    fn rollback(&mut self);
}

/// The expiry of entries that do not expire.
pub(crate) struct Untimed;

impl Expiry for Untimed {
    const PREFIX_BYTES: usize = 0;

    fn knows_absent(&self, _: &[u8]) -> bool {
        false
    }

    fn hides_stored(&self, _: &[u8]) -> bool {
        false
    }

    fn stored_from(&self) -> Option<(TimeOf, i64)> {
        None
    }

    fn is_in_memory(&self, _: i64) -> bool {
        false
    }

    fn live(&self) -> Wanted {
        Box::new(|_| true)
    }

    fn has_expired(&self, _: &[u8]) -> bool {
        false
    }

    fn is_latest(&self, _: &[u8]) -> bool {
        false
    }

    fn pass(&mut self, _: &[u8], _: bool) -> bool {
        true
    }

    fn forget(&mut self, _: &[u8]) {}

    fn trim<T>(&mut self, overlay: &mut Overlay<T>, cache_bytes: usize, slack_bytes: usize) -> bool {
        if overlay.clean_bytes() <= cache_bytes.saturating_add(slack_bytes) {
            return false;
        }
        overlay.evict_unused(cache_bytes);
        true
    }

    fn stage(&mut self, _: Keyspace, _: &mut Batch) {}

    fn committed(&mut self) {}

    fn rollback(&mut self) {}
}
