//! The offsets up to which a backend holds the changes of each topic partition, in the same batches as the
//! changes.
//!
//! Layout as in Kafka Streams' `offsets` column family: key `"<topic>-<partition>"`, value int64 big-endian.

use std::ops::Bound;

use crate::backend::batch::Batch;
use crate::backend::{Backend, Direction, Keyspace};
use crate::error::{Result, StoreError};

/// The name of the keyspace.
pub const OFFSETS_KEYSPACE: &str = "state/offsets";

/// One partition and the offset stored for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset; the writer decides its meaning.
    pub offset: i64,
}

/// Opens the keyspace of offsets.
pub fn offsets_keyspace(backend: &dyn Backend) -> Result<Keyspace> {
    backend.keyspace(OFFSETS_KEYSPACE)
}

/// Adds the offset of a partition to `batch`, in the keyspace that [`offsets_keyspace`] gave.
pub fn put_offset(batch: &mut Batch, keyspace: Keyspace, topic: &str, partition: i32, offset: i64) {
    batch.put(keyspace, format!("{topic}-{partition}").as_bytes(), &offset.to_be_bytes());
}

/// Deletes the offset of a partition.
pub fn delete_offset(batch: &mut Batch, keyspace: Keyspace, topic: &str, partition: i32) {
    batch.delete(keyspace, format!("{topic}-{partition}").as_bytes());
}

/// All stored offsets, ordered by the bytes of `"<topic>-<partition>"`.
pub fn read_offsets(backend: &dyn Backend) -> Result<Vec<StoredOffset>> {
    let keyspace = offsets_keyspace(backend)?;
    let mut offsets = Vec::new();
    for entry in backend.scan(keyspace, (Bound::Unbounded, Bound::Unbounded), Direction::Forward)? {
        let (key, value) = entry?;
        offsets.push(decode(&key, &value)?);
    }
    Ok(offsets)
}

fn decode(key: &[u8], value: &[u8]) -> Result<StoredOffset> {
    let parsed = || {
        // A topic name may hold dashes itself: the last one separates.
        let (topic, partition) = std::str::from_utf8(key).ok()?.rsplit_once('-')?;
        let offset = i64::from_be_bytes(value.try_into().ok()?);
        Some(StoredOffset { topic: topic.to_owned(), partition: partition.parse().ok()?, offset })
    };
    parsed().ok_or_else(|| StoreError::Corrupt {
        store: OFFSETS_KEYSPACE.to_owned(),
        what: "an offset entry",
        detail: format!("key {:?}, {} bytes of value", String::from_utf8_lossy(key), value.len()),
    })
}
