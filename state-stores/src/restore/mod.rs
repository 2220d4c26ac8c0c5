//! Turns changelog records back into a store's local form, knowing its layout but none of its types.

mod buffer;
mod format;
mod table;
mod versioned;

pub use self::format::RestoreFormat;
use crate::backend::batch::Batch;
use crate::error::Result;
use crate::headers::Headers;

/// Applies the changelog records of one store, in their order. The store itself must not be open meanwhile:
/// it is opened when restoring has ended.
pub trait Restore: Send {
    /// Appends to `batch` what a changelog record means for the backend. A `None` value is a tombstone;
    /// `timestamp` is the record's, in ms. All batches must be written, in their order.
    fn restore(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
        batch: &mut Batch,
    ) -> Result<()>;
}
