//! Ordered byte stores with atomic batches, and typed state stores under an uncommitted overlay.

pub mod codec;
pub mod headers;
